//! The customer's portal: cancel at the period's end, keep, change the card, pay what is open.

use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::{Shared, invoice::InvoiceRow, not_found, overview::products_of, page, see_other};
use crate::{
    calendar::minute_stamp,
    core::Core,
    errors::StripeError,
    state::{State, card::Card, invoice::Attempt, subscription::Subscription},
};

struct PortalSubscription {
    id: String,
    products: String,
    status: &'static str,
    period_end: String,
    ends_at: Option<String>,
    can_change: bool,
    scheduled: bool,
}

#[derive(Template)]
#[template(path = "portal.html")]
struct PortalPage {
    email: String,
    subscriptions: Vec<PortalSubscription>,
    invoices: Vec<InvoiceRow>,
    card: Option<String>,
    return_url: Option<String>,
    error: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub(super) enum PortalChange {
    Cancel { subscription: String },
    Keep { subscription: String },
    Card { card: String },
    Pay { invoice: String },
}

pub(super) async fn show(core: Shared, id: web::Path<String>) -> HttpResponse {
    portal_page(&core, &id, None)
}

pub(super) async fn change(
    core: Shared,
    id: web::Path<String>,
    change: web::Form<PortalChange>,
) -> HttpResponse {
    let outcome = core.write(|inner| {
        let customer = inner.state.portals.get(&id)?.customer.clone();
        Some(apply_change(
            &mut inner.state,
            &customer,
            change.into_inner(),
        ))
    });
    match outcome {
        None => not_found(),
        Some(Ok(())) => see_other(&format!("/portal/{id}")),
        Some(Err(error)) => portal_page(&core, &id, Some(error)),
    }
}

fn apply_change(
    state: &mut State,
    customer: &str,
    change: PortalChange,
) -> Result<(), StripeError> {
    let now = state.now;
    match change {
        PortalChange::Cancel { subscription } => {
            own_subscription(state, customer, &subscription)?;
            state.edit_subscription(&subscription, |found| found.schedule_cancel(true, now));
        }
        PortalChange::Keep { subscription } => {
            own_subscription(state, customer, &subscription)?;
            state.edit_subscription(&subscription, |found| found.cancel_at_moment(None, now));
        }
        PortalChange::Card { card } => {
            let card = Card::by_number(&card)?;
            card.behaviour.attach()?;
            let method = state.new_payment_method(card);
            state.attach(&method, customer)?;
            make_default(state, customer, &method);
        }
        PortalChange::Pay { invoice } => {
            if state.invoice(&invoice)?.customer != customer {
                return Err(StripeError::no_such("invoice", &invoice));
            }
            state.collect(&invoice, None, Attempt::Asked)?;
        }
    }
    Ok(())
}

fn own_subscription(state: &State, customer: &str, id: &str) -> Result<(), StripeError> {
    let subscription = state.subscription(id)?;
    if subscription.customer != customer || subscription.status.is_terminal() {
        return Err(StripeError::no_such("subscription", id));
    }
    Ok(())
}

/// The new card is charged from now on, also where a subscription had one of its own.
fn make_default(state: &mut State, customer: &str, method: &str) {
    state.edit_customer(customer, |found| {
        found.default_payment_method = Some(method.to_owned());
    });
    let running: Vec<String> = state
        .subscriptions
        .iter()
        .filter(|found| found.customer == customer && !found.status.is_terminal())
        .filter(|found| found.default_payment_method.is_some())
        .map(|found| found.id.clone())
        .collect();
    for subscription in running {
        state.edit_subscription(&subscription, |found| {
            found.default_payment_method = Some(method.to_owned());
        });
    }
}

fn portal_page(core: &Core, id: &str, error: Option<StripeError>) -> HttpResponse {
    core.read(|inner| {
        let state = &inner.state;
        let Some(portal) = state.portals.get(id) else {
            return not_found();
        };
        let customer = &portal.customer;
        let mine = state
            .subscriptions
            .newest()
            .filter(|found| found.customer == *customer);
        let subscriptions = mine
            .map(|found| portal_subscription(state, found))
            .collect();
        let invoices = state
            .invoices
            .newest()
            .filter(|found| found.customer == *customer);
        let found = state.customers.get(customer);
        let status = error.as_ref().map_or(200, |error| error.status);
        let template = PortalPage {
            email: found
                .and_then(|found| found.email.clone())
                .unwrap_or_else(|| customer.clone()),
            subscriptions,
            invoices: invoices.map(InvoiceRow::from).collect(),
            card: card_of(state, customer),
            return_url: portal.return_url.clone(),
            error: error.map(|error| error.message),
        };
        page(&template, status)
    })
}

/// The newest card, as `visa •••• 4242`.
fn card_of(state: &State, customer: &str) -> Option<String> {
    let mut methods = state.payment_methods.newest();
    let method = methods.find(|method| method.customer.as_deref() == Some(customer))?;
    Some(format!(
        "{} •••• {:04}",
        method.card.brand(),
        method.card.last4
    ))
}

fn portal_subscription(state: &State, found: &Subscription) -> PortalSubscription {
    PortalSubscription {
        id: found.id.clone(),
        products: products_of(state, found),
        status: found.status.as_str(),
        period_end: minute_stamp(found.period.end),
        ends_at: found.cancel_at.map(minute_stamp),
        can_change: !found.status.is_terminal(),
        scheduled: found.cancel_at.is_some(),
    }
}
