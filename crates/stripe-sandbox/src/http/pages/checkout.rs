//! The page a session is paid on.

use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::{Notice, Shared, not_found, page, see_other};
use crate::{
    calendar::minute_stamp,
    core::{Core, Inner},
    errors::StripeError,
    http::control::pay_session,
    state::{
        checkout::{Mode, Session, SessionStatus, Ui},
        payment::dollars,
    },
};

struct CheckoutLine {
    product: String,
    each: String,
    quantity: i64,
    amount: String,
}

#[derive(Template)]
#[template(path = "checkout.html")]
struct Checkout {
    lines: Vec<CheckoutLine>,
    trial_until: Option<String>,
    due_now: String,
    email: Option<String>,
    saving_card: bool,
    cancel_url: Option<String>,
    card: String,
    error: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct CardForm {
    card: String,
}

pub(super) async fn show(core: Shared, id: web::Path<String>) -> HttpResponse {
    checkout_page(&core, &id, "", None)
}

pub(super) async fn pay(
    core: Shared,
    id: web::Path<String>,
    form: web::Form<CardForm>,
) -> HttpResponse {
    let open = core.read(|inner| inner.state.session(&id).is_ok_and(Session::is_open));
    if !open {
        return checkout_page(&core, &id, "", None);
    }
    match pay_session(&core, &id, &form.card).await {
        Ok(_) => match core.read(|inner| inner.state.session(&id).ok()?.return_address()) {
            Some(address) => see_other(&address),
            None => checkout_page(&core, &id, "", None),
        },
        Err(error) => checkout_page(&core, &id, &form.card, Some(error)),
    }
}

fn checkout_page(core: &Core, id: &str, card: &str, error: Option<StripeError>) -> HttpResponse {
    core.read(|inner| {
        let Ok(session) = inner.state.session(id) else {
            return not_found();
        };
        let cancel_url = match &session.ui {
            Ui::Hosted { cancel_url, .. } => cancel_url.clone(),
            Ui::Embedded { .. } => None,
        };
        let (title, text) = match session.status {
            SessionStatus::Complete => ("All done", "This checkout session has been completed."),
            SessionStatus::Expired => ("Expired", "This checkout session has expired."),
            SessionStatus::Open => {
                let status = error.as_ref().map_or(200, |error| error.status);
                return page(
                    &checkout_of(inner, session, cancel_url, card, error),
                    status,
                );
            }
        };
        let link = cancel_url.map(|address| (address, "Back to the shop"));
        page(
            &Notice {
                title,
                text: text.to_owned(),
                link,
            },
            410,
        )
    })
}

fn checkout_of(
    inner: &Inner,
    session: &Session,
    cancel_url: Option<String>,
    card: &str,
    error: Option<StripeError>,
) -> Checkout {
    let state = &inner.state;
    let lines = session.line_items.iter().filter_map(|item| {
        let price = state.prices.get(&item.price)?;
        let interval = price
            .cadence
            .map_or("once", |cadence| cadence.interval.as_str());
        Some(CheckoutLine {
            product: state.product_name(price),
            each: format!("{} / {interval}", dollars(price.unit_amount)),
            quantity: item.quantity,
            amount: dollars(price.unit_amount * item.quantity),
        })
    });
    let customer = session
        .customer
        .as_ref()
        .and_then(|id| state.customers.get(id));
    Checkout {
        lines: lines.collect(),
        trial_until: session.trial_end(state.now).map(minute_stamp),
        due_now: dollars(state.session_amount_now(session)),
        email: customer
            .and_then(|customer| customer.email.clone())
            .or(session.customer_email.clone()),
        saving_card: session.mode == Mode::Setup,
        cancel_url,
        card: card.to_owned(),
        error: error.map(|error| error.message),
    }
}
