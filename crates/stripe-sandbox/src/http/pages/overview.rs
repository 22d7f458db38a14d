//! What the sandbox holds, its clock and its faults.

use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use serde_json::json;

use super::{Shared, page, see_other};
use crate::{
    calendar::{DAY, minute_stamp, next_month},
    faults::{Fault, Kind},
    state::{State, event::DeliveryState, subscription::Subscription},
};

/// Rows shown of each kind.
const SHOWN: usize = 25;

struct SubscriptionRow {
    id: String,
    customer: String,
    products: String,
    status: &'static str,
    period_end: String,
}

struct EventRow {
    id: String,
    kind: String,
    created: String,
    delivery: &'static str,
    attempts: u32,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    now: String,
    endpoint: Option<String>,
    next_renewal: Option<String>,
    faults: Vec<String>,
    customers: Vec<(String, String)>,
    subscriptions: Vec<SubscriptionRow>,
    events: Vec<EventRow>,
}

pub(super) async fn show(core: Shared) -> HttpResponse {
    core.read(|inner| {
        let state = &inner.state;
        let customers = state
            .customers
            .newest()
            .filter(|found| !found.deleted)
            .take(SHOWN);
        let subscriptions = state
            .subscriptions
            .newest()
            .take(SHOWN)
            .map(|found| SubscriptionRow {
                id: found.id.clone(),
                customer: found.customer.clone(),
                products: products_of(state, found),
                status: found.status.as_str(),
                period_end: minute_stamp(found.period.end),
            });
        let events = state.events.newest().take(SHOWN).map(|event| EventRow {
            id: event.id.clone(),
            kind: event.kind.clone(),
            created: minute_stamp(event.created),
            delivery: match event.delivery {
                DeliveryState::Pending => "pending",
                DeliveryState::Delivered => "delivered",
                DeliveryState::Dropped => "dropped",
                DeliveryState::Unaddressed => "no endpoint",
            },
            attempts: event.attempts,
        });
        let overview = Overview {
            now: minute_stamp(state.now),
            endpoint: state.webhook.as_ref().map(|endpoint| endpoint.url.clone()),
            next_renewal: state.next_renewal().map(minute_stamp),
            faults: inner
                .faults
                .list()
                .iter()
                .map(|fault| json!(fault).to_string())
                .collect(),
            customers: customers
                .map(|found| (found.id.clone(), found.email.clone().unwrap_or_default()))
                .collect(),
            subscriptions: subscriptions.collect(),
            events: events.collect(),
        };
        page(&overview, 200)
    })
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    Day,
    Week,
    Month,
    NextRenewal,
}

#[derive(Debug, Deserialize)]
pub(super) struct ClockForm {
    by: Step,
}

pub(super) async fn move_clock(core: Shared, form: web::Form<ClockForm>) -> HttpResponse {
    let target = core.read(|inner| {
        let now = inner.state.now;
        match form.by {
            Step::Day => now + DAY,
            Step::Week => now + 7 * DAY,
            Step::Month => next_month(now),
            Step::NextRenewal => inner.state.next_renewal().unwrap_or(now),
        }
    });
    match core.move_clock(target) {
        Ok(_) => see_other("/"),
        Err(reason) => HttpResponse::BadRequest().body(reason),
    }
}

/// A fault for the next call or event; none clears them all.
#[derive(Debug, Deserialize)]
pub(super) struct FaultForm {
    kind: Option<Kind>,
}

pub(super) async fn add_fault(core: Shared, form: web::Form<FaultForm>) -> HttpResponse {
    core.aside(|inner| match form.kind {
        Some(kind) => inner.faults.add(vec![Fault::once(kind)]),
        None => inner.faults.clear(),
    });
    see_other("/")
}

/// `3 × Pro`.
pub(super) fn products_of(state: &State, subscription: &Subscription) -> String {
    let items = subscription.items.iter().map(|item| {
        let product = state
            .prices
            .get(&item.price)
            .map(|price| state.product_name(price));
        format!("{} × {}", item.quantity, product.unwrap_or_default())
    });
    items.collect::<Vec<_>>().join(", ")
}
