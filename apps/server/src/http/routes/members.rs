//! Who belongs to the account.

use actix_web::{HttpResponse, delete, get, patch, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tollgate_identity::{Password, Role};
use tollgate_primitives::UserId;
use tollgate_use_cases::{
    App, change_role, list_members, ports::Member, remove_member, transfer_ownership,
};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::http::{
    body::{AUTH_LIMIT, JsonBody, Query},
    caller::{Product, SignedIn},
    error::{ApiError, ErrorBody},
};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// The `next_cursor` of the page before.
    pub(super) cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TeamMembersBody {
    items: Vec<TeamMemberBody>,
    next_cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TeamMemberBody {
    user_id: Uuid,
    email: String,
    name: String,
    #[schema(example = "engineer")]
    role: &'static str,
    joined_at: DateTime<Utc>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeRoleBody {
    role: RoleBody,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RoleBody {
    Viewer,
    Engineer,
    Admin,
    Owner,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TransferBody {
    /// The member who is to own the account.
    user_id: Uuid,
    /// Not needed within five minutes of signing in.
    #[schema(format = Password)]
    password: Option<String>,
}

/// The members of the account.
#[utoipa::path(
    operation_id = "listMembers",
    tag = "account",
    security(("access_token" = [])),
    params(ListParams),
    responses(
        (status = 200, body = TeamMembersBody),
        (status = 400, description = "unknown_field · malformed_query · invalid_cursor", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[get("/accounts/me/members")]
pub(crate) async fn list(
    app: web::Data<App>,
    SignedIn(caller): SignedIn,
    Query(params): Query<ListParams>,
) -> Result<web::Json<TeamMembersBody>, ApiError> {
    let listed = list_members(&app, &caller, params.cursor.as_deref()).await?;
    Ok(web::Json(TeamMembersBody {
        items: listed.items.into_iter().map(Into::into).collect(),
        next_cursor: listed.next_cursor,
    }))
}

/// Gives a member another role. It counts at the next request, on every node.
#[utoipa::path(
    operation_id = "changeRole",
    tag = "account",
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The id of a person")),
    request_body = ChangeRoleBody,
    responses(
        (status = 200, body = TeamMemberBody),
        (status = 400, description = "malformed_json · unknown_field", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 402, description = "no_subscription · subscription_inactive · payment_pending", body = ErrorBody),
        (status = 403, description = "role_required · role_above_own · email_not_verified", body = ErrorBody),
        (status = 404, description = "not_found", body = ErrorBody),
        (status = 409, description = "last_owner", body = ErrorBody),
        (status = 413, description = "body_too_large", body = ErrorBody),
        (status = 415, description = "unsupported_media_type", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[patch("/accounts/me/members/{id}")]
pub(crate) async fn change(
    app: web::Data<App>,
    Product(caller): Product,
    id: web::Path<String>,
    JsonBody(body): JsonBody<ChangeRoleBody>,
) -> Result<web::Json<TeamMemberBody>, ApiError> {
    let member = change_role(&app, &caller, member_id(&id)?, body.role.into()).await?;
    Ok(web::Json(member.into()))
}

/// Puts a member out, or lets the caller leave. Their sessions in the account end.
#[utoipa::path(
    operation_id = "removeMember",
    tag = "account",
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The id of a person")),
    responses(
        (status = 204, description = "They are out"),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 403, description = "role_required · role_above_own", body = ErrorBody),
        (status = 404, description = "not_found", body = ErrorBody),
        (status = 409, description = "last_owner", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[delete("/accounts/me/members/{id}")]
pub(crate) async fn remove(
    app: web::Data<App>,
    SignedIn(caller): SignedIn,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    remove_member(&app, &caller, member_id(&id)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Hands the account over to a member. The caller goes on as an admin, and both are told by mail.
#[utoipa::path(
    operation_id = "transferOwnership",
    tag = "account",
    security(("access_token" = [])),
    request_body = TransferBody,
    responses(
        (status = 204, description = "Handed over"),
        (status = 400, description = "malformed_json · unknown_field · use_oauth_provider", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked · invalid_credentials", body = ErrorBody),
        (status = 402, description = "no_subscription · subscription_inactive · payment_pending", body = ErrorBody),
        (status = 403, description = "role_required · fresh_sign_in_required · email_not_verified", body = ErrorBody),
        (status = 404, description = "not_found", body = ErrorBody),
        (status = 409, description = "already_owner", body = ErrorBody),
        (status = 413, description = "body_too_large", body = ErrorBody),
        (status = 415, description = "unsupported_media_type", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 429, description = "rate_limited", body = ErrorBody),
        (status = 503, description = "busy · unavailable", body = ErrorBody),
    )
)]
#[post("/accounts/me/transfer-ownership")]
pub(crate) async fn transfer(
    app: web::Data<App>,
    Product(caller): Product,
    JsonBody(body): JsonBody<TransferBody, AUTH_LIMIT>,
) -> Result<HttpResponse, ApiError> {
    // No password of ours is that long.
    let password = body.password.as_deref().map(Password::parse).transpose();
    let password = password.map_err(|_| ApiError::invalid_credentials())?;
    let to = UserId::from_uuid(body.user_id);
    transfer_ownership(&app, &caller, to, password.as_ref()).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn member_id(text: &str) -> Result<UserId, ApiError> {
    text.parse().map_err(|_| ApiError::no_such("member"))
}

impl From<RoleBody> for Role {
    fn from(role: RoleBody) -> Self {
        match role {
            RoleBody::Viewer => Self::Viewer,
            RoleBody::Engineer => Self::Engineer,
            RoleBody::Admin => Self::Admin,
            RoleBody::Owner => Self::Owner,
        }
    }
}

impl From<Member> for TeamMemberBody {
    fn from(member: Member) -> Self {
        Self {
            user_id: member.user.as_uuid(),
            email: member.email.into(),
            name: member.name,
            role: member.role.as_str(),
            joined_at: member.joined_at.as_datetime(),
        }
    }
}
