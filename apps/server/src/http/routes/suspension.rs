//! The operator closes an account to its members, opens it again, or deletes it.

use actix_web::{HttpResponse, delete, post, web};
use serde::Deserialize;
use tollgate_use_cases::{App, suspend_account, unsuspend_account};
use utoipa::ToSchema;

use super::accounts::{account_id, invalid};
use crate::http::{
    body::{DEFAULT_LIMIT, JsonBody, is_storable},
    caller::Super,
    error::{ApiError, ErrorBody},
};

/// The longest reason that is kept.
const LONGEST_REASON: usize = 1000;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReasonBody {
    /// Kept with the act.
    #[schema(min_length = 1, max_length = 1000)]
    pub(super) reason: String,
}

/// Closes an account to its members and ends what it has bought, at once.
#[utoipa::path(
    operation_id = "suspendAccount",
    tag = "operator",
    security(("access_token" = [])),
    params(("id" = Uuid, Path)),
    request_body = ReasonBody,
    responses(
        (status = 204, description = "Its sessions have ended and none can begin"),
        (status = 400, description = "malformed_json · unknown_field", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 403, description = "super_admin_only", body = ErrorBody),
        (status = 404, description = "account_not_found", body = ErrorBody),
        (status = 409, description = "already_suspended", body = ErrorBody),
        (status = 413, description = "body_too_large", body = ErrorBody),
        (status = 415, description = "unsupported_media_type", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[post("/accounts/{id}/suspend")]
pub(crate) async fn suspend(
    app: web::Data<App>,
    Super(caller): Super,
    id: web::Path<String>,
    JsonBody(body): JsonBody<ReasonBody, DEFAULT_LIMIT>,
) -> Result<HttpResponse, ApiError> {
    let (id, reason) = (account_id(&id)?, reason(&body.reason)?);
    suspend_account(&app, caller.user, id, reason).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Lets the members of a suspended account sign in again. What was ended stays ended.
#[utoipa::path(
    operation_id = "unsuspendAccount",
    tag = "operator",
    security(("access_token" = [])),
    params(("id" = Uuid, Path)),
    request_body = ReasonBody,
    responses(
        (status = 204, description = "Its members can sign in"),
        (status = 400, description = "malformed_json · unknown_field", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 403, description = "super_admin_only", body = ErrorBody),
        (status = 404, description = "account_not_found", body = ErrorBody),
        (status = 409, description = "not_suspended", body = ErrorBody),
        (status = 413, description = "body_too_large", body = ErrorBody),
        (status = 415, description = "unsupported_media_type", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[delete("/accounts/{id}/suspend")]
pub(crate) async fn unsuspend(
    app: web::Data<App>,
    Super(caller): Super,
    id: web::Path<String>,
    JsonBody(body): JsonBody<ReasonBody, DEFAULT_LIMIT>,
) -> Result<HttpResponse, ApiError> {
    let (id, reason) = (account_id(&id)?, reason(&body.reason)?);
    unsuspend_account(&app, caller.user, id, reason).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Deletes an account and ends what it has bought, at once. There is no way back; its members stay.
#[utoipa::path(
    operation_id = "deleteAccount",
    tag = "operator",
    security(("access_token" = [])),
    params(("id" = Uuid, Path)),
    request_body = ReasonBody,
    responses(
        (status = 204, description = "Everything in it is gone but ids, also when it was before"),
        (status = 400, description = "malformed_json · unknown_field", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 403, description = "super_admin_only", body = ErrorBody),
        (status = 404, description = "account_not_found", body = ErrorBody),
        (status = 413, description = "body_too_large", body = ErrorBody),
        (status = 415, description = "unsupported_media_type", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[delete("/accounts/{id}")]
pub(crate) async fn delete_account(
    app: web::Data<App>,
    Super(caller): Super,
    id: web::Path<String>,
    JsonBody(body): JsonBody<ReasonBody, DEFAULT_LIMIT>,
) -> Result<HttpResponse, ApiError> {
    let (id, reason) = (account_id(&id)?, reason(&body.reason)?);
    tollgate_use_cases::delete_account(&app, caller.user, id, reason).await?;
    Ok(HttpResponse::NoContent().finish())
}

pub(super) fn reason(reason: &str) -> Result<&str, ApiError> {
    let reason = reason.trim();
    if reason.is_empty() || !is_storable(reason) || reason.chars().count() > LONGEST_REASON {
        let message = "Say why, in a thousand characters or fewer.";
        return Err(invalid("reason", "invalid", message));
    }
    Ok(reason)
}
