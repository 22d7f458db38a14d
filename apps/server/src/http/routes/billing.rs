//! What an account has, and the ways to the payment provider's pages.

use std::collections::BTreeMap;

use actix_web::{get, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tollgate_billing::{Interval, purchase::Choice};
use tollgate_entitlements::Banner;
use tollgate_primitives::{PlanKey, Timestamp};
use tollgate_use_cases::{
    App, BillingState, SubscriptionState, billing_state, open_checkout, open_portal,
};
use utoipa::ToSchema;

use super::plans::PlanBillingBody;
use crate::http::{
    body::{DEFAULT_LIMIT, JsonBody},
    caller::{Admin, Signed},
    error::{ApiError, ErrorBody, FieldError},
};

/// The most seats that can be bought in one go.
const MAX_SEATS: u32 = 10_000;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BillingStateBody {
    pub(super) subscription: SubscriptionBody,
    plan_billing: Option<PlanBillingBody>,
    /// `plan`, then every limit by its key; `null` is unlimited.
    pub(super) plan_limits: PlanLimitsBody,
    enabled_features: BTreeMap<String, bool>,
    trial_banner: Option<TrialBannerBody>,
    pending_kept_banner: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlanLimitsBody {
    plan: String,
    #[serde(flatten)]
    #[schema(additional_properties, value_type = Object)]
    limits: BTreeMap<String, Option<u64>>,
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "the contract shows four independent facts"
)]
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SubscriptionBody {
    #[schema(example = "trialing")]
    status: &'static str,
    plan: String,
    /// Why the account is entitled; `null` when it is locked.
    #[schema(example = "trial")]
    basis: Option<&'static str>,
    current_period_start: Option<DateTime<Utc>>,
    current_period_end: Option<DateTime<Utc>>,
    cancel_at_period_end: bool,
    cancel_is_auto: bool,
    /// `null` is unlimited.
    seat_limit: Option<u64>,
    has_pro_entitlement: bool,
    is_paid: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrialBannerBody {
    #[schema(example = "pristine")]
    stage: &'static str,
    days_remaining: Option<u32>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckoutBody {
    #[schema(example = "pro")]
    plan: String,
    #[schema(minimum = 1, maximum = 10000)]
    seats: u32,
    billing_interval: IntervalBody,
    /// Needed by a complimentary account, which leaves its free access by buying.
    #[serde(default)]
    confirm_leave_complimentary: bool,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum IntervalBody {
    Monthly,
    Annual,
}

/// A page of the payment provider.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UrlBody {
    url: String,
}

/// What the account has, what it may use, and why.
#[utoipa::path(
    operation_id = "billingState",
    tag = "billing",
    security(("access_token" = [])),
    responses(
        (status = 200, body = BillingStateBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 404, description = "no_subscription", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[get("/billing/state")]
pub(crate) async fn show_state(
    app: web::Data<App>,
    Signed(claims): Signed,
) -> Result<web::Json<BillingStateBody>, ApiError> {
    Ok(web::Json(billing_state(&app, &claims).await?.into()))
}

/// Opens a page on which a plan can be paid. Access comes when the payment has arrived.
///
/// The same choice again answers the same page; another choice closes it and opens a new one.
#[utoipa::path(
    operation_id = "checkoutSession",
    tag = "billing",
    request_body = CheckoutBody,
    security(("access_token" = [])),
    responses(
        (status = 200, body = UrlBody),
        (status = 400, description = "malformed_json · unknown_field · invalid_plan · tier_not_yet_available", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 402, description = "payment_pending: the payment of another choice is under way", body = ErrorBody),
        (status = 403, description = "role_required · synthetic_test_cohort", body = ErrorBody),
        (status = 409, description = "already_subscribed · fix_payment_first · seats_below_members · complimentary_account · purchase_superseded", body = ErrorBody),
        (status = 413, description = "body_too_large", body = ErrorBody),
        (status = 415, description = "unsupported_media_type", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 502, description = "payment_provider_error", body = ErrorBody),
        (status = 503, description = "billing_not_configured · payment_provider_not_configured · payment_provider_unavailable · unavailable", body = ErrorBody),
    )
)]
#[post("/billing/checkout-session")]
pub(crate) async fn checkout_session(
    app: web::Data<App>,
    Admin(caller): Admin,
    JsonBody(body): JsonBody<CheckoutBody, DEFAULT_LIMIT>,
) -> Result<web::Json<UrlBody>, ApiError> {
    let url = open_checkout(&app, &caller, &choice(&body)?).await?;
    Ok(web::Json(UrlBody { url }))
}

/// Opens the page for card, invoices and cancellation.
#[utoipa::path(
    operation_id = "portalSession",
    tag = "billing",
    security(("access_token" = [])),
    responses(
        (status = 200, body = UrlBody),
        (status = 400, description = "no_stripe_customer", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 403, description = "role_required", body = ErrorBody),
        (status = 502, description = "payment_provider_error", body = ErrorBody),
        (status = 503, description = "stripe_not_configured · payment_provider_unavailable · unavailable", body = ErrorBody),
    )
)]
#[get("/billing/portal-session")]
pub(crate) async fn portal_session(
    app: web::Data<App>,
    Admin(caller): Admin,
) -> Result<web::Json<UrlBody>, ApiError> {
    let url = open_portal(&app, &caller).await?;
    Ok(web::Json(UrlBody { url }))
}

/// The choice in a body that asks for as many seats as can be bought.
pub(super) fn choice(body: &CheckoutBody) -> Result<Choice, ApiError> {
    Ok(Choice {
        seats: seats(body.seats)?,
        plan: PlanKey::parse(&body.plan).map_err(|_| ApiError::invalid_plan())?,
        interval: body.billing_interval.into(),
        confirm_leave_complimentary: body.confirm_leave_complimentary,
    })
}

/// As many as can be bought.
pub(crate) fn seats(asked: u32) -> Result<u32, ApiError> {
    if (1..=MAX_SEATS).contains(&asked) {
        return Ok(asked);
    }
    let message = format!("Choose between 1 and {MAX_SEATS} seats.");
    let field = "seats".to_owned();
    Err(ApiError::validation(&[FieldError {
        field,
        code: "out_of_range",
        message,
    }]))
}

impl From<IntervalBody> for Interval {
    fn from(interval: IntervalBody) -> Self {
        match interval {
            IntervalBody::Monthly => Self::Monthly,
            IntervalBody::Annual => Self::Annual,
        }
    }
}

impl From<BillingState> for BillingStateBody {
    fn from(state: BillingState) -> Self {
        let limits = state
            .limits
            .into_iter()
            .map(|(key, value)| (key.into(), value))
            .collect();
        Self {
            plan_limits: PlanLimitsBody {
                plan: state.subscription.plan.as_str().to_owned(),
                limits,
            },
            subscription: state.subscription.into(),
            plan_billing: state.plan_billing.map(Into::into),
            enabled_features: state.features.into_iter().collect(),
            trial_banner: state.trial_banner.map(Into::into),
            pending_kept_banner: state.pending_kept_banner,
        }
    }
}

impl From<SubscriptionState> for SubscriptionBody {
    fn from(state: SubscriptionState) -> Self {
        Self {
            status: state.status.as_str(),
            plan: state.plan.into(),
            basis: state.basis.map(tollgate_billing::Basis::as_str),
            current_period_start: state.current_period_start.map(Timestamp::as_datetime),
            current_period_end: state.current_period_end.map(Timestamp::as_datetime),
            cancel_at_period_end: state.cancel_at_period_end,
            cancel_is_auto: state.cancel_is_auto,
            seat_limit: state.seat_limit,
            has_pro_entitlement: state.has_pro_entitlement,
            is_paid: state.is_paid,
        }
    }
}

impl From<Banner> for TrialBannerBody {
    fn from(banner: Banner) -> Self {
        Self {
            stage: banner.stage.as_str(),
            days_remaining: banner.days_remaining,
        }
    }
}
