//! Buying in the product's own page.

use actix_web::{post, web};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use tollgate_use_cases::{App, Begun, complete_subscription, start_subscription};
use utoipa::ToSchema;

use super::billing::{CheckoutBody, choice};
use crate::http::{
    body::{DEFAULT_LIMIT, JsonBody},
    caller::Admin,
    error::{ApiError, ErrorBody},
};

/// A purchase that has begun.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BegunBody {
    /// The payment provider's id; the account's own where no provider stands behind it.
    subscription_id: String,
    #[serde(flatten)]
    pending: PendingBody,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct PendingBody {
    #[schema(example = "pending_payment")]
    status: &'static str,
    /// For the browser alone: what it confirms the payment with.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_id: Option<String>,
}

/// Begins a plan: the free one and a first trial at once, any other with a payment to confirm.
///
/// The same choice again answers the same payment.
#[utoipa::path(
    operation_id = "startSubscription",
    tag = "billing",
    request_body = CheckoutBody,
    security(("access_token" = [])),
    responses(
        (status = 200, body = BegunBody),
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
#[post("/subscriptions")]
pub(crate) async fn start(
    app: web::Data<App>,
    Admin(caller): Admin,
    JsonBody(body): JsonBody<CheckoutBody, DEFAULT_LIMIT>,
) -> Result<web::Json<BegunBody>, ApiError> {
    let begun = start_subscription(&app, &caller, &choice(&body)?).await?;
    Ok(web::Json(begun.into()))
}

/// Tells again what a payment that waits is confirmed with, or how it went.
#[utoipa::path(
    operation_id = "completeSubscription",
    tag = "billing",
    params(("id" = String, Path, description = "The subscription_id of a purchase that waits")),
    security(("access_token" = [])),
    responses(
        (status = 200, body = PendingBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 403, description = "role_required", body = ErrorBody),
        (status = 404, description = "not_found", body = ErrorBody),
        (status = 409, description = "nothing_pending", body = ErrorBody),
        (status = 502, description = "payment_provider_error", body = ErrorBody),
        (status = 503, description = "payment_provider_not_configured · payment_provider_unavailable · unavailable", body = ErrorBody),
    )
)]
#[post("/subscriptions/complete/{id}")]
pub(crate) async fn complete(
    app: web::Data<App>,
    Admin(caller): Admin,
    id: web::Path<String>,
) -> Result<web::Json<PendingBody>, ApiError> {
    let begun = complete_subscription(&app, caller.account, &id).await?;
    Ok(web::Json(BegunBody::from(begun).pending))
}

impl From<Begun> for BegunBody {
    fn from(begun: Begun) -> Self {
        let payment = begun.payment;
        let secret = payment.as_ref().map(|payment| &payment.client_secret);
        Self {
            subscription_id: begun.subscription,
            pending: PendingBody {
                status: begun.status.as_str(),
                client_secret: secret.map(|secret| secret.expose_secret().to_owned()),
                payment_id: payment.map(|payment| payment.id),
            },
        }
    }
}

/// Shows no secret.
impl std::fmt::Debug for PendingBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PendingBody")
            .field("status", &self.status)
            .field("payment_id", &self.payment_id)
            .finish_non_exhaustive()
    }
}
