//! Changing a password, and setting a new one when it was forgotten.

use actix_web::{HttpResponse, post, web};
use serde::{Deserialize, Serialize};
use tollgate_identity::Password;
use tollgate_primitives::EmailAddress;
use tollgate_use_cases::{
    App, change_password, forgot_password, password_to_reset, reset_password,
};
use utoipa::ToSchema;

use super::judging::Judging;
use crate::http::{
    body::{AUTH_LIMIT, JsonBody},
    caller::{Origin, SignedIn},
    error::{ApiError, ErrorBody, FieldError},
};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeBody {
    #[schema(format = Password)]
    current_password: String,
    /// 10 to 256 characters of any kind; common ones are refused.
    #[schema(format = Password)]
    new_password: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ForgotBody {
    #[schema(example = "ada@example.com")]
    email: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ForgotAnswer {
    /// The same for everybody.
    message: &'static str,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResetBody {
    /// What the mailed link carries.
    #[schema(format = Password)]
    token: String,
    /// 10 to 256 characters of any kind; common ones are refused.
    #[schema(format = Password)]
    new_password: String,
}

/// Changes the caller's password. The other sessions end, and a mail tells of it.
#[utoipa::path(
    operation_id = "changePassword",
    tag = "auth",
    security(("access_token" = [])),
    request_body = ChangeBody,
    responses(
        (status = 204, description = "Changed"),
        (status = 400, description = "malformed_json · unknown_field · use_oauth_provider", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked · invalid_credentials", body = ErrorBody),
        (status = 413, description = "body_too_large", body = ErrorBody),
        (status = 415, description = "unsupported_media_type", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 429, description = "rate_limited", body = ErrorBody),
        (status = 503, description = "busy · unavailable", body = ErrorBody),
    )
)]
#[post("/auth/password/change")]
pub(crate) async fn change(
    app: web::Data<App>,
    judging: web::Data<Judging>,
    SignedIn(caller): SignedIn,
    JsonBody(body): JsonBody<ChangeBody, AUTH_LIMIT>,
) -> Result<HttpResponse, ApiError> {
    // No password of ours is that long.
    let current =
        Password::parse(&body.current_password).map_err(|_| ApiError::invalid_credentials())?;
    let owner = app.store.password_owner(caller.user).await?;
    let owner = owner.ok_or_else(ApiError::session_ended)?;
    let new = judging.new_password(body.new_password, &owner).await?;
    change_password(&app, &caller, owner, &current, &new).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Mails a link with which a new password can be set, to whoever has one here.
#[utoipa::path(
    operation_id = "forgotPassword",
    tag = "auth",
    request_body = ForgotBody,
    responses(
        (status = 200, description = "The same for everybody", body = ForgotAnswer),
        (status = 400, description = "malformed_json · unknown_field", body = ErrorBody),
        (status = 413, description = "body_too_large", body = ErrorBody),
        (status = 415, description = "unsupported_media_type", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 429, description = "rate_limited", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[post("/auth/password/forgot")]
pub(crate) async fn forgot(
    app: web::Data<App>,
    origin: Origin,
    JsonBody(body): JsonBody<ForgotBody, AUTH_LIMIT>,
) -> Result<web::Json<ForgotAnswer>, ApiError> {
    let email = EmailAddress::parse(&body.email).map_err(|error| {
        ApiError::validation(&[FieldError {
            field: "email".to_owned(),
            code: "invalid_email",
            message: error.to_string(),
        }])
    })?;
    forgot_password(&app, &email, &origin.0).await?;
    Ok(web::Json(ForgotAnswer {
        message: "If somebody signs in here with this address and a password, a mail is on its way.",
    }))
}

/// Sets a new password by the token that was mailed. Every session ends, and the address counts as
/// proven.
#[utoipa::path(
    operation_id = "resetPassword",
    tag = "auth",
    request_body = ResetBody,
    responses(
        (status = 204, description = "Set; sign in with it"),
        (status = 400, description = "malformed_json · unknown_field · token_invalid_or_expired", body = ErrorBody),
        (status = 413, description = "body_too_large", body = ErrorBody),
        (status = 415, description = "unsupported_media_type", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 503, description = "busy · unavailable", body = ErrorBody),
    )
)]
#[post("/auth/password/reset")]
pub(crate) async fn reset(
    app: web::Data<App>,
    judging: web::Data<Judging>,
    JsonBody(body): JsonBody<ResetBody, AUTH_LIMIT>,
) -> Result<HttpResponse, ApiError> {
    let owner = password_to_reset(&app, &body.token).await?;
    let new = judging.new_password(body.new_password, &owner).await?;
    reset_password(&app, &body.token, &new).await?;
    Ok(HttpResponse::NoContent().finish())
}
