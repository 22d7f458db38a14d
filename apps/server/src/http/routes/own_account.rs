//! The account that a session works in: what it is, what it has, and going on in another.

use std::collections::BTreeMap;

use actix_web::{get, post, web};
use serde::{Deserialize, Serialize};
use tollgate_primitives::AccountId;
use tollgate_use_cases::{App, account_subscription, switch_account};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    billing::{BillingStateBody, PlanLimitsBody, SubscriptionBody},
    profiles::MyAccountBody,
    sessions::TokensBody,
};
use crate::http::{
    body::JsonBody,
    caller::{Signed, SignedIn},
    error::{ApiError, ErrorBody},
};

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AccountSubscriptionBody {
    subscription: SubscriptionBody,
    limits: PlanLimitsBody,
    /// How much of a limit is taken, by its key. Seats are taken by members and by invitations that live.
    usage: BTreeMap<&'static str, u32>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CurrentAccountBody {
    account_id: Uuid,
}

/// The account that the session works in.
#[utoipa::path(
    operation_id = "showOwnAccount",
    tag = "account",
    security(("access_token" = [])),
    responses(
        (status = 200, body = MyAccountBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[get("/accounts/me")]
pub(crate) async fn show(
    app: web::Data<App>,
    SignedIn(caller): SignedIn,
) -> Result<web::Json<MyAccountBody>, ApiError> {
    let account = app.teams.own_account(caller.account).await?;
    let account = account.ok_or_else(ApiError::session_ended)?;
    Ok(web::Json(account.into()))
}

/// What the account has, what its limits are, and how much of them is taken.
#[utoipa::path(
    operation_id = "showOwnSubscription",
    tag = "account",
    security(("access_token" = [])),
    responses(
        (status = 200, body = AccountSubscriptionBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 404, description = "no_subscription", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[get("/accounts/me/subscription")]
pub(crate) async fn subscription(
    app: web::Data<App>,
    Signed(claims): Signed,
) -> Result<web::Json<AccountSubscriptionBody>, ApiError> {
    let (state, seats) = account_subscription(&app, &claims).await?;
    let BillingStateBody {
        subscription,
        plan_limits,
        ..
    } = state.into();
    Ok(web::Json(AccountSubscriptionBody {
        subscription,
        limits: plan_limits,
        usage: BTreeMap::from([("max_users", seats)]),
    }))
}

/// Tokens for another account that the caller belongs to.
///
/// The session that asks goes on in its own account. The new one counts as signed in when that was.
#[utoipa::path(
    operation_id = "switchAccount",
    tag = "account",
    security(("access_token" = [])),
    request_body = CurrentAccountBody,
    responses(
        (status = 200, body = TokensBody),
        (status = 400, description = "malformed_json · unknown_field", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 404, description = "not_found", body = ErrorBody),
        (status = 413, description = "body_too_large", body = ErrorBody),
        (status = 415, description = "unsupported_media_type", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[post("/users/me/current-account")]
pub(crate) async fn switch(
    app: web::Data<App>,
    SignedIn(caller): SignedIn,
    JsonBody(body): JsonBody<CurrentAccountBody>,
) -> Result<web::Json<TokensBody>, ApiError> {
    let account = AccountId::from_uuid(body.account_id);
    let tokens = switch_account(&app, &caller, account).await?;
    Ok(web::Json(tokens.into()))
}
