//! What a person does to a subscription that runs.

use actix_web::{post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tollgate_billing::change::Wish;
use tollgate_primitives::{PlanKey, Timestamp};
use tollgate_use_cases::{
    App, cancel_subscription, keep_subscription,
    ports::{ChangePreview, PreviewLine},
};
use utoipa::ToSchema;

use super::billing::{BillingStateBody, IntervalBody, seats};
use crate::http::{
    body::{DEFAULT_LIMIT, JsonBody},
    caller::Admin,
    error::{ApiError, ErrorBody, FieldError},
};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangePlanBody {
    #[schema(example = "pro")]
    plan: String,
    /// As many as now when left out.
    #[schema(minimum = 1, maximum = 10000)]
    seats: Option<u32>,
    /// As now when left out.
    billing_interval: Option<IntervalBody>,
    /// The one of a preview, to be charged exactly what it said.
    proration_date: Option<DateTime<Utc>>,
}

/// Amounts in minor units; credits are negative.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangePreviewBody {
    amount_due_now: i64,
    /// `null` when the subscription ends before it.
    next_invoice_amount: Option<i64>,
    #[schema(example = "usd")]
    currency: String,
    /// To be confirmed with, within an hour.
    proration_date: DateTime<Utc>,
    lines: Vec<PreviewLineBody>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PreviewLineBody {
    description: String,
    amount: i64,
    period_start: DateTime<Utc>,
    period_end: DateTime<Utc>,
}

/// Moves to a higher plan, to more seats or to a year, and charges the difference at once.
///
/// A card that is declined leaves everything as it was. A scheduled cancellation stands.
#[utoipa::path(
    operation_id = "changePlan",
    tag = "billing",
    request_body = ChangePlanBody,
    security(("access_token" = [])),
    responses(
        (status = 200, body = BillingStateBody),
        (status = 400, description = "malformed_json · unknown_field · invalid_plan · tier_not_yet_available", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 402, description = "payment_pending · payment_declined", body = ErrorBody),
        (status = 403, description = "role_required · synthetic_test_cohort", body = ErrorBody),
        (status = 409, description = "nothing_to_change · same_plan · downgrade_not_self_serve · seats_below_members · fix_payment_first · preview_expired · change_in_progress", body = ErrorBody),
        (status = 413, description = "body_too_large", body = ErrorBody),
        (status = 415, description = "unsupported_media_type", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 502, description = "payment_provider_error", body = ErrorBody),
        (status = 503, description = "billing_not_configured · payment_provider_not_configured · payment_provider_unavailable · unavailable", body = ErrorBody),
    )
)]
#[post("/billing/change-plan")]
pub(crate) async fn change_plan(
    app: web::Data<App>,
    Admin(caller): Admin,
    JsonBody(body): JsonBody<ChangePlanBody, DEFAULT_LIMIT>,
) -> Result<web::Json<BillingStateBody>, ApiError> {
    let state = tollgate_use_cases::change_plan(&app, &caller, &wish(&body)?).await?;
    Ok(web::Json(state.into()))
}

/// What a change of plan would cost. Changes nothing.
#[utoipa::path(
    operation_id = "previewChange",
    tag = "billing",
    request_body = ChangePlanBody,
    security(("access_token" = [])),
    responses(
        (status = 200, body = ChangePreviewBody),
        (status = 400, description = "malformed_json · unknown_field · invalid_plan · tier_not_yet_available", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 402, description = "payment_pending", body = ErrorBody),
        (status = 403, description = "role_required · synthetic_test_cohort", body = ErrorBody),
        (status = 409, description = "nothing_to_change · same_plan · downgrade_not_self_serve · seats_below_members · fix_payment_first · preview_expired", body = ErrorBody),
        (status = 413, description = "body_too_large", body = ErrorBody),
        (status = 415, description = "unsupported_media_type", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 502, description = "payment_provider_error", body = ErrorBody),
        (status = 503, description = "billing_not_configured · payment_provider_not_configured · payment_provider_unavailable · unavailable", body = ErrorBody),
    )
)]
#[post("/billing/change-plan/preview")]
pub(crate) async fn preview_change(
    app: web::Data<App>,
    Admin(caller): Admin,
    JsonBody(body): JsonBody<ChangePlanBody, DEFAULT_LIMIT>,
) -> Result<web::Json<ChangePreviewBody>, ApiError> {
    let wish = wish(&body)?;
    let (preview, date) = tollgate_use_cases::preview_change(&app, &caller, &wish).await?;
    Ok(web::Json(preview_body(preview, date)))
}

/// Ends the subscription with the period that is paid. Nothing ends at once.
#[utoipa::path(
    operation_id = "cancelSubscription",
    tag = "billing",
    security(("access_token" = [])),
    responses(
        (status = 200, body = BillingStateBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 403, description = "role_required", body = ErrorBody),
        (status = 409, description = "nothing_to_cancel · change_in_progress", body = ErrorBody),
        (status = 502, description = "payment_provider_error", body = ErrorBody),
        (status = 503, description = "payment_provider_not_configured · payment_provider_unavailable · unavailable", body = ErrorBody),
    )
)]
#[post("/billing/cancel")]
pub(crate) async fn cancel(
    app: web::Data<App>,
    Admin(caller): Admin,
) -> Result<web::Json<BillingStateBody>, ApiError> {
    let state = cancel_subscription(&app, &caller).await?;
    Ok(web::Json(state.into()))
}

/// Takes a scheduled cancellation back, whoever scheduled it.
#[utoipa::path(
    operation_id = "keepSubscription",
    tag = "billing",
    security(("access_token" = [])),
    responses(
        (status = 200, body = BillingStateBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 403, description = "role_required", body = ErrorBody),
        (status = 409, description = "nothing_to_keep · change_in_progress", body = ErrorBody),
        (status = 502, description = "payment_provider_error", body = ErrorBody),
        (status = 503, description = "payment_provider_not_configured · payment_provider_unavailable · unavailable", body = ErrorBody),
    )
)]
#[post("/billing/keep")]
pub(crate) async fn keep(
    app: web::Data<App>,
    Admin(caller): Admin,
) -> Result<web::Json<BillingStateBody>, ApiError> {
    let state = keep_subscription(&app, &caller).await?;
    Ok(web::Json(state.into()))
}

fn wish(body: &ChangePlanBody) -> Result<Wish, ApiError> {
    Ok(Wish {
        seats: body.seats.map(seats).transpose()?,
        plan: PlanKey::parse(&body.plan).map_err(|_| ApiError::invalid_plan())?,
        interval: body.billing_interval.map(Into::into),
        proration_date: body.proration_date.map(proration_date).transpose()?,
    })
}

fn proration_date(asked: DateTime<Utc>) -> Result<Timestamp, ApiError> {
    Timestamp::from_datetime(asked).map_err(|_| {
        ApiError::validation(&[FieldError {
            field: "proration_date".to_owned(),
            code: "out_of_range",
            message: "Confirm the date that the preview answered.".to_owned(),
        }])
    })
}

fn preview_body(preview: ChangePreview, date: Timestamp) -> ChangePreviewBody {
    ChangePreviewBody {
        amount_due_now: preview.due_now,
        next_invoice_amount: preview.next_invoice,
        currency: preview.currency.to_string(),
        proration_date: date.as_datetime(),
        lines: preview.lines.into_iter().map(line_body).collect(),
    }
}

fn line_body(line: PreviewLine) -> PreviewLineBody {
    PreviewLineBody {
        description: line.description,
        amount: line.amount,
        period_start: line.period.start().as_datetime(),
        period_end: line.period.end().as_datetime(),
    }
}
