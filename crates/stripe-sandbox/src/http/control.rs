//! `/_sandbox`: the control API for tests and scripts. JSON in and out, no authentication.

use std::time::Duration;

use actix_web::{HttpResponse, error::InternalError, web};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    WebhookEndpoint,
    core::{Core, LoggedCall},
    errors::StripeError,
    faults::Fault,
    state::{
        Settings, State,
        card::Card,
        event::{DeliveryState, Event},
    },
    webhooks::drained,
};

type Shared = web::Data<Core>;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    let json = web::JsonConfig::default()
        .content_type_required(false)
        .error_handler(|error, _| {
            let answer = HttpResponse::BadRequest().json(json!({ "error": error.to_string() }));
            InternalError::from_response(error, answer).into()
        });
    config.service(
        web::scope("/_sandbox")
            .app_data(json)
            .route("/clock", web::get().to(show_clock))
            .route("/clock", web::post().to(move_clock))
            .route("/webhooks", web::post().to(set_webhooks))
            .route("/settings", web::get().to(show_settings))
            .route("/settings", web::post().to(set_settings))
            .route("/faults", web::get().to(show_faults))
            .route("/faults", web::post().to(add_faults))
            .route("/faults", web::delete().to(clear_faults))
            .route("/requests", web::get().to(show_requests))
            .route("/requests", web::delete().to(clear_requests))
            .route("/deliveries", web::get().to(show_deliveries))
            .route("/events/{id}/redeliver", web::post().to(redeliver))
            .route("/drain", web::post().to(drain))
            .route("/checkout/{session}/pay", web::post().to(pay))
            .route("/seed", web::post().to(seed))
            .route("/reset", web::post().to(reset)),
    );
}

fn refused(error: &StripeError) -> HttpResponse {
    let status = actix_web::http::StatusCode::from_u16(error.status).unwrap_or_default();
    HttpResponse::build(status).json(error.to_json())
}

async fn show_clock(core: Shared) -> web::Json<Value> {
    web::Json(core.read(|inner| json!({ "now": inner.state.now, "clock": inner.state.clock })))
}

/// By how much, or to when, the clock is moved. Seconds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockMove {
    advance_seconds: Option<i64>,
    set: Option<i64>,
}

async fn move_clock(core: Shared, asked: web::Json<ClockMove>) -> HttpResponse {
    let target = match (asked.advance_seconds, asked.set) {
        (Some(seconds), None) => core.read(|inner| inner.state.now.saturating_add(seconds)),
        (None, Some(moment)) => moment,
        (Some(_), Some(_)) | (None, None) => {
            return HttpResponse::BadRequest()
                .json(json!({ "error": "give either `advance_seconds` or `set`" }));
        }
    };
    match core.move_clock(target) {
        Ok(now) => HttpResponse::Ok().json(json!({ "now": now })),
        Err(reason) => HttpResponse::BadRequest().json(json!({ "error": reason })),
    }
}

async fn set_webhooks(
    core: Shared,
    endpoint: web::Json<Option<WebhookEndpoint>>,
) -> web::Json<Value> {
    let endpoint = endpoint.into_inner();
    let url = endpoint.as_ref().map(|endpoint| endpoint.url.clone());
    core.write(|inner| inner.state.webhook = endpoint);
    web::Json(json!({ "url": url }))
}

async fn show_settings(core: Shared) -> web::Json<Settings> {
    web::Json(core.read(|inner| inner.state.settings.clone()))
}

/// Replaces the settings; what is left out takes its default.
async fn set_settings(core: Shared, settings: web::Json<Settings>) -> web::Json<Settings> {
    let settings = settings.into_inner();
    core.write(|inner| inner.state.settings.clone_from(&settings));
    web::Json(settings)
}

async fn show_faults(core: Shared) -> web::Json<Vec<Fault>> {
    web::Json(core.read(|inner| inner.faults.list().to_vec()))
}

async fn add_faults(core: Shared, faults: web::Json<Vec<Fault>>) -> web::Json<Vec<Fault>> {
    let faults = faults.into_inner();
    web::Json(core.aside(|inner| {
        inner.faults.add(faults);
        inner.faults.list().to_vec()
    }))
}

async fn clear_faults(core: Shared) -> web::Json<Value> {
    core.aside(|inner| inner.faults.clear());
    web::Json(json!({}))
}

async fn show_requests(core: Shared) -> web::Json<Vec<LoggedCall>> {
    web::Json(core.read(|inner| inner.log.clone()))
}

async fn clear_requests(core: Shared) -> web::Json<Value> {
    core.aside(|inner| inner.log.clear());
    web::Json(json!({}))
}

/// How far telling an event has come.
#[derive(Debug, Serialize)]
struct Delivery {
    event: String,
    #[serde(rename = "type")]
    kind: String,
    created: i64,
    state: DeliveryState,
    attempts: u32,
    last_status: Option<u16>,
}

impl From<&Event> for Delivery {
    fn from(event: &Event) -> Self {
        Self {
            event: event.id.clone(),
            kind: event.kind.clone(),
            created: event.created,
            state: event.delivery,
            attempts: event.attempts,
            last_status: event.last_status,
        }
    }
}

async fn show_deliveries(core: Shared) -> web::Json<Vec<Delivery>> {
    web::Json(core.read(|inner| inner.state.events.iter().map(Delivery::from).collect()))
}

async fn redeliver(core: Shared, id: web::Path<String>) -> HttpResponse {
    let known = core.write(|inner| {
        let Some(event) = inner.state.events.get_mut(&id) else {
            return false;
        };
        event.delivery = DeliveryState::Pending;
        inner.state.undelivered.push(id.clone());
        true
    });
    if known {
        HttpResponse::Ok().json(json!({ "event": *id }))
    } else {
        refused(&StripeError::no_such("event", &id))
    }
}

/// How long to wait at most.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Patience {
    timeout_ms: u64,
}

/// 200 once nothing is pending, 504 when that did not come in time.
async fn drain(core: Shared, patience: web::Json<Patience>) -> HttpResponse {
    let done = drained(&core, Duration::from_millis(patience.timeout_ms), |_| true).await;
    let pending = core.read(|inner| inner.state.pending_events().count());
    if done {
        HttpResponse::Ok().json(json!({ "pending": pending }))
    } else {
        HttpResponse::GatewayTimeout().json(json!({ "pending": pending }))
    }
}

/// The number of a test card.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payment {
    card: String,
}

async fn pay(
    core: Shared,
    session: web::Path<String>,
    payment: web::Json<Payment>,
) -> HttpResponse {
    match pay_session(&core, &session, &payment.card).await {
        Ok(shown) => HttpResponse::Ok().json(shown),
        Err(error) => refused(&error),
    }
}

/// Pays a session by a card number, as its page does. Answers the session.
pub(super) async fn pay_session(core: &Core, id: &str, number: &str) -> Result<Value, StripeError> {
    let (shown, events, wait) = core.write(|inner| {
        let state = &mut inner.state;
        let outcome = pay_in(state, id, number);
        (
            outcome,
            state.undelivered.clone(),
            state.settings.webhook_before_answer,
        )
    });
    if wait {
        drained(core, Duration::from_secs(5), |id| {
            events.iter().any(|event| event == id)
        })
        .await;
    }
    shown
}

fn pay_in(state: &mut State, id: &str, number: &str) -> Result<Value, StripeError> {
    state.session(id)?;
    let card = Card::by_number(number)?;
    state.pay_session(id, card)?;
    Ok(state.session_json(state.session(id)?))
}

async fn seed(core: Shared) -> web::Json<Value> {
    web::Json(core.write(|inner| {
        inner.state.seed_catalog();
        let products: Vec<Value> = inner
            .state
            .products
            .iter()
            .map(crate::state::catalog::Product::to_json)
            .collect();
        let prices: Vec<Value> = inner
            .state
            .prices
            .iter()
            .map(crate::state::catalog::Price::to_json)
            .collect();
        json!({ "products": products, "prices": prices })
    }))
}

async fn reset(core: Shared) -> web::Json<Value> {
    core.reset();
    web::Json(json!({}))
}
