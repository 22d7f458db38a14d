//! Proving that an address is one's own.

use actix_web::{HttpResponse, post, web};
use serde::{Deserialize, Serialize};
use tollgate_use_cases::{App, ports::AddressProof};
use utoipa::ToSchema;

use crate::http::{
    body::{AUTH_LIMIT, JsonBody},
    caller::SignedIn,
    error::{ApiError, ErrorBody},
};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyBody {
    /// What the mailed link carries.
    #[schema(format = Password)]
    token: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VerifiedBody {
    /// Whether the address was proven before this request.
    already_verified: bool,
}

/// Mails a new link that proves the caller's address; the one before it stops working.
#[utoipa::path(
    operation_id = "sendVerification",
    tag = "auth",
    security(("access_token" = [])),
    responses(
        (status = 202, description = "A mail is on its way"),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 409, description = "already_verified", body = ErrorBody),
        (status = 429, description = "rate_limited", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[post("/auth/email/send-verification")]
pub(crate) async fn send_verification(
    app: web::Data<App>,
    SignedIn(caller): SignedIn,
) -> Result<HttpResponse, ApiError> {
    tollgate_use_cases::send_verification(&app, &caller).await?;
    Ok(HttpResponse::Accepted().finish())
}

/// Proves an address by the token that was mailed to it. Opens no session.
#[utoipa::path(
    operation_id = "verifyEmail",
    tag = "auth",
    request_body = VerifyBody,
    responses(
        (status = 200, body = VerifiedBody),
        (status = 400, description = "malformed_json · unknown_field · token_invalid_or_expired", body = ErrorBody),
        (status = 413, description = "body_too_large", body = ErrorBody),
        (status = 415, description = "unsupported_media_type", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[post("/auth/email/verify")]
pub(crate) async fn verify(
    app: web::Data<App>,
    JsonBody(body): JsonBody<VerifyBody, AUTH_LIMIT>,
) -> Result<web::Json<VerifiedBody>, ApiError> {
    let proof = tollgate_use_cases::verify_email(&app, &body.token).await?;
    Ok(web::Json(VerifiedBody {
        already_verified: proof == AddressProof::Before,
    }))
}
