//! What the payment provider tells by itself.

use actix_web::{HttpRequest, post, web};
use serde::Serialize;
use tollgate_use_cases::{App, Delivery, WebhookError, receive_webhook};
use utoipa::ToSchema;

use crate::http::{
    body::RawBody,
    caller::client_ip,
    error::{ApiError, ErrorBody},
    unsigned::Unsigned,
};

/// The largest event that is read.
const EVENT_LIMIT: usize = 1024 * 1024;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryBody {
    #[schema(example = "ok")]
    status: &'static str,
    /// Whether this delivery is the one that applied the event.
    applied: bool,
}

/// Takes one event of Stripe, signed with the endpoint's secret over the raw body.
#[utoipa::path(
    operation_id = "stripeWebhook",
    tag = "webhooks",
    params(("Stripe-Signature" = String, Header, description = "`t=…,v1=…`")),
    request_body(content = String, content_type = "application/json"),
    responses(
        (status = 200, description = "Stored; it need not be sent again", body = DeliveryBody),
        (status = 400, description = "invalid_signature", body = ErrorBody),
        (status = 413, description = "body_too_large", body = ErrorBody),
        (status = 429, description = "rate_limited: too many with a wrong signature; one that is signed right is \
            always taken", body = ErrorBody),
        (status = 503, description = "unavailable: it could not be stored", body = ErrorBody),
    )
)]
#[post("/webhooks/stripe")]
pub(crate) async fn stripe(
    app: web::Data<App>,
    request: HttpRequest,
    unsigned: web::Data<Unsigned>,
    RawBody(body): RawBody<EVENT_LIMIT>,
) -> Result<web::Json<DeliveryBody>, ApiError> {
    let signature = request
        .headers()
        .get("stripe-signature")
        .and_then(|value| value.to_str().ok());
    let delivery = receive_webhook(&app, signature, &body).await;
    if let Err(WebhookError::InvalidSignature(_)) = delivery {
        unsigned.count(&app, client_ip(&request))?;
    }
    let delivery = delivery?;
    Ok(web::Json(DeliveryBody {
        status: "ok",
        applied: delivery == Delivery::Applied,
    }))
}
