//! An invitation, for whoever has its code.

use actix_web::{get, post, web};
use serde::Serialize;
use tollgate_use_cases::{App, accept_invite, look_up_invite};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::{
    caller::{Origin, SignedIn},
    error::{ApiError, ErrorBody},
};

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InvitationBody {
    account_name: String,
    /// `null` when the inviter is gone.
    inviter_name: Option<String>,
    invited_email: String,
    #[schema(example = "engineer")]
    role: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JoinedBody {
    account_id: Uuid,
    account_name: String,
    #[schema(example = "engineer")]
    role: &'static str,
}

/// What an invitation is for. Looking at it changes nothing.
#[utoipa::path(
    operation_id = "lookUpInvite",
    tag = "invitations",
    params(("code" = String, Path, description = "What the mailed link carries")),
    responses(
        (status = 200, body = InvitationBody),
        (status = 404, description = "invite_invalid_or_expired_or_revoked", body = ErrorBody),
        (status = 429, description = "rate_limited", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[get("/accounts/invites/{code}/lookup")]
pub(crate) async fn look_up(
    app: web::Data<App>,
    origin: Origin,
    code: web::Path<String>,
) -> Result<web::Json<InvitationBody>, ApiError> {
    let found = look_up_invite(&app, &code, &origin.0).await?;
    Ok(web::Json(InvitationBody {
        account_name: found.account_name,
        inviter_name: found.inviter_name,
        invited_email: found.email.into(),
        role: found.role.as_str(),
    }))
}

/// Joins the account that has invited the caller. The session stays in its own account.
#[utoipa::path(
    operation_id = "acceptInvite",
    tag = "invitations",
    security(("access_token" = [])),
    params(("code" = String, Path, description = "What the mailed link carries")),
    responses(
        (status = 200, body = JoinedBody),
        (status = 400, description = "invite_email_mismatch", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 402, description = "limit_reached · no_subscription · subscription_inactive · payment_pending", body = ErrorBody),
        (status = 403, description = "email_not_verified", body = ErrorBody),
        (status = 404, description = "invite_invalid_or_expired_or_revoked", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[post("/accounts/invites/{code}/accept")]
pub(crate) async fn accept(
    app: web::Data<App>,
    SignedIn(caller): SignedIn,
    code: web::Path<String>,
) -> Result<web::Json<JoinedBody>, ApiError> {
    let joined = accept_invite(&app, &caller, &code).await?;
    Ok(web::Json(JoinedBody {
        account_id: joined.account.as_uuid(),
        account_name: joined.account_name,
        role: joined.role.as_str(),
    }))
}
