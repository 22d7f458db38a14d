//! Accounts, for the operator: look one up, and see what it has.

use actix_web::{get, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tollgate_billing::{Basis, Customer, Grant, Standing, Status};
use tollgate_primitives::{AccountId, Timestamp};
use tollgate_use_cases::{
    AccountState, App, ShownAccount, find_accounts,
    ports::{
        AccountLookup, AccountPosition, AccountSummary, CheckoutSessionId, Member, Reservation,
        ReservationState,
    },
    show_account,
};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::audit_log::AuditBody;
use crate::http::{
    body::{Query, is_storable},
    caller::Super,
    cursor,
    error::{ApiError, ErrorBody, FieldError},
};

/// One of them at most.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AccountsParams {
    id: Option<Uuid>,
    stripe_customer: Option<String>,
    /// How the account's name begins, in whichever case.
    name: Option<String>,
    /// How the address of a member begins.
    email: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AccountsBody {
    /// By name or address where that was asked for, else newest first.
    items: Vec<AccountBody>,
    next_cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AccountBody {
    id: Uuid,
    name: String,
    /// The address by which it was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    created_at: DateTime<Utc>,
    stripe_customer_id: Option<String>,
    is_test_cohort: bool,
    suspended_at: Option<DateTime<Utc>>,
    /// `null` for an account that never tried nor bought.
    #[schema(example = "active")]
    status: Option<&'static str>,
    #[schema(example = "pro")]
    plan: String,
    /// Why it is entitled; `null` when it is locked.
    #[schema(example = "paid")]
    basis: Option<&'static str>,
    is_paid: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShownAccountBody {
    #[serde(flatten)]
    account: AccountBody,
    /// What stands behind it at the provider, living or ended.
    bought: Option<BoughtBody>,
    trial: Option<TrialBody>,
    complimentary: Option<GrantBody>,
    /// The purchase that is open.
    purchase: Option<PurchaseBody>,
    member_count: u64,
    /// Those who joined first.
    members: Vec<MemberBody>,
    /// What happened last, newest first.
    history: Vec<AuditBody>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BoughtBody {
    stripe_subscription_id: String,
    stripe_price_id: String,
    plan: String,
    billing_interval: &'static str,
    seats: u32,
    current_period_start: DateTime<Utc>,
    current_period_end: DateTime<Utc>,
    cancel_at: Option<DateTime<Utc>>,
    cancel_is_auto: bool,
    ended_at: Option<DateTime<Utc>>,
    /// As of when, by the provider's clock.
    as_of: Option<DateTime<Utc>>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrialBody {
    plan: String,
    ends_at: DateTime<Utc>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GrantBody {
    plan: String,
    granted_by: Uuid,
    ends_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PurchaseBody {
    id: Uuid,
    plan: String,
    seats: u32,
    billing_interval: &'static str,
    expires_at: DateTime<Utc>,
    /// `null` until the provider has answered.
    stripe_checkout_session_id: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MemberBody {
    user_id: Uuid,
    email: String,
    name: String,
    role: &'static str,
    joined_at: DateTime<Utc>,
}

/// Looks accounts up; without anything to look for, lists all.
#[utoipa::path(
    operation_id = "findAccounts",
    tag = "operator",
    security(("access_token" = [])),
    params(AccountsParams),
    responses(
        (status = 200, body = AccountsBody),
        (status = 400, description = "unknown_field · malformed_query · invalid_cursor", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 403, description = "super_admin_only", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[get("/accounts")]
pub(crate) async fn find(
    app: web::Data<App>,
    _: Super,
    Query(params): Query<AccountsParams>,
) -> Result<web::Json<AccountsBody>, ApiError> {
    let after: Option<AccountPosition> = cursor::decode(params.cursor.as_deref())?;
    if after
        .as_ref()
        .is_some_and(|after| !is_storable(&after.sorted_by))
    {
        return Err(ApiError::invalid_cursor());
    }
    let found = find_accounts(&app, &lookup(params)?, after.as_ref()).await?;
    let last = found.items.last().filter(|_| found.has_more);
    let next_cursor = last.map(|(last, _)| cursor::encode(&AccountPosition::of(last)));
    Ok(web::Json(AccountsBody {
        next_cursor: next_cursor.transpose()?,
        items: found.items.into_iter().map(Into::into).collect(),
    }))
}

/// Shows one account with everything around it.
#[utoipa::path(
    operation_id = "showAccount",
    tag = "operator",
    security(("access_token" = [])),
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = ShownAccountBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 403, description = "super_admin_only", body = ErrorBody),
        (status = 404, description = "account_not_found", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[get("/accounts/{id}")]
pub(crate) async fn show(
    app: web::Data<App>,
    _: Super,
    id: web::Path<String>,
) -> Result<web::Json<ShownAccountBody>, ApiError> {
    let shown = show_account(&app, account_id(&id)?).await?;
    let shown = shown.ok_or_else(ApiError::account_not_found)?;
    Ok(web::Json(shown.into()))
}

fn lookup(params: AccountsParams) -> Result<AccountLookup, ApiError> {
    let text = |field: &str, text: Option<String>| match text {
        Some(text) if text.is_empty() || !is_storable(&text) => {
            Err(invalid(field, "invalid", "Give what it begins with."))
        }
        text => Ok(text),
    };
    let asked = [
        params.id.map(AccountId::from_uuid).map(AccountLookup::Id),
        text("stripe_customer", params.stripe_customer)?
            .map(|id| AccountLookup::Customer(Customer::from(id))),
        text("name", params.name)?.map(AccountLookup::Name),
        text("email", params.email)?.map(AccountLookup::Email),
    ];
    let mut asked = asked.into_iter().flatten();
    match (asked.next(), asked.next()) {
        (None, _) => Ok(AccountLookup::All),
        (Some(lookup), None) => Ok(lookup),
        (Some(_), Some(_)) => Err(invalid(
            "query",
            "one_of",
            "Look for one thing: id, stripe_customer, name or email.",
        )),
    }
}

pub(super) fn account_id(id: &str) -> Result<AccountId, ApiError> {
    id.parse().map_err(|_| ApiError::account_not_found())
}

pub(super) fn invalid(field: &str, code: &'static str, message: &str) -> ApiError {
    ApiError::validation(&[FieldError {
        field: field.to_owned(),
        code,
        message: message.to_owned(),
    }])
}

impl From<(AccountSummary, AccountState)> for AccountBody {
    fn from((account, state): (AccountSummary, AccountState)) -> Self {
        Self {
            id: account.id.as_uuid(),
            name: account.name,
            email: account.email,
            created_at: account.created_at.as_datetime(),
            stripe_customer_id: account.customer.map(Into::into),
            is_test_cohort: account.is_test_cohort,
            suspended_at: account.suspended_at.map(Timestamp::as_datetime),
            status: state.status.map(Status::as_str),
            plan: state.plan.into(),
            basis: state.basis.map(Basis::as_str),
            is_paid: state.is_paid,
        }
    }
}

impl From<ShownAccount> for ShownAccountBody {
    fn from(shown: ShownAccount) -> Self {
        let ShownAccount {
            detail,
            state,
            history,
        } = shown;
        let standing = &detail.summary.standing;
        Self {
            bought: bought(standing),
            trial: trial(standing),
            complimentary: standing.grant.as_ref().map(Into::into),
            purchase: detail.purchase.map(Into::into),
            member_count: detail.members.total,
            members: detail.members.first.into_iter().map(Into::into).collect(),
            history: history.into_iter().map(Into::into).collect(),
            account: (detail.summary, state).into(),
        }
    }
}

fn bought(standing: &Standing) -> Option<BoughtBody> {
    let subscription = standing.subscription.as_ref()?;
    let bought = subscription.bought()?;
    let as_of = Timestamp::from_unix_seconds(bought.stamp.unix_seconds());
    Some(BoughtBody {
        stripe_subscription_id: bought.subscription.to_string(),
        stripe_price_id: bought.price.to_string(),
        plan: bought.plan.to_string(),
        billing_interval: bought.interval.as_str(),
        seats: bought.seats,
        current_period_start: bought.period.start().as_datetime(),
        current_period_end: bought.period.end().as_datetime(),
        cancel_at: bought.cancellation.map(|end| end.at.as_datetime()),
        cancel_is_auto: bought.cancellation.is_some_and(|end| end.is_auto),
        ended_at: subscription.ended().map(|end| end.ended_at.as_datetime()),
        as_of: as_of.ok().map(Timestamp::as_datetime),
    })
}

fn trial(standing: &Standing) -> Option<TrialBody> {
    let trial = standing.subscription.as_ref()?.reverse()?;
    Some(TrialBody {
        plan: trial.plan.to_string(),
        ends_at: trial.period.end().as_datetime(),
    })
}

impl From<&Grant> for GrantBody {
    fn from(grant: &Grant) -> Self {
        Self {
            plan: grant.plan.to_string(),
            granted_by: grant.granted_by.as_uuid(),
            ends_at: grant.ends_at.map(Timestamp::as_datetime),
        }
    }
}

impl From<Reservation> for PurchaseBody {
    fn from(purchase: Reservation) -> Self {
        let page = match purchase.state {
            ReservationState::Asking | ReservationState::Pending { .. } => None,
            ReservationState::Open { session, .. } | ReservationState::Paid { session } => {
                Some(session)
            }
        };
        Self {
            id: purchase.id.as_uuid(),
            plan: purchase.plan.into(),
            seats: purchase.seats,
            billing_interval: purchase.interval.as_str(),
            expires_at: purchase.expires_at.as_datetime(),
            stripe_checkout_session_id: page.map(|CheckoutSessionId(id)| id),
        }
    }
}

impl From<Member> for MemberBody {
    fn from(member: Member) -> Self {
        Self {
            user_id: member.user.as_uuid(),
            email: member.email.to_string(),
            name: member.name,
            role: member.role.as_str(),
            joined_at: member.joined_at.as_datetime(),
        }
    }
}
