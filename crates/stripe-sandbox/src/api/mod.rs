//! Stripe's endpoints as functions of state, path and parameters: reads the parameters, asks the
//! state machine, shows the outcome. Knows nothing of HTTP, keys, or faults.

mod catalog;
mod checkout;
mod customers;
mod events;
mod expand;
mod invoices;
mod paging;
mod payments;
mod subscriptions;

use serde_json::{Value, json};

use crate::{errors::StripeError, form::Params, state::State};

pub(crate) type Outcome = Result<Value, StripeError>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
    Delete,
}

impl Method {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// Carries one call out. `path` is what follows `/v1/`.
pub(crate) fn call(state: &mut State, method: Method, path: &str, mut params: Params) -> Outcome {
    let expand = params.texts("expand")?;
    let segments: Vec<&str> = path.split('/').collect();
    let mut object = route(state, method, &segments, params)?;
    expand::expand(state, &mut object, &expand)?;
    Ok(object)
}

fn route(state: &mut State, method: Method, segments: &[&str], params: Params) -> Outcome {
    let Some((collection, rest)) = segments.split_first() else {
        return Err(unrecognized(method, segments));
    };
    let handler = match *collection {
        "account" => account,
        "billing_portal" => checkout::billing_portal,
        "charges" => payments::charges,
        "checkout" => checkout::checkout,
        "customers" => customers::customers,
        "events" => events::events,
        "invoice_payments" => invoices::invoice_payments,
        "invoices" => invoices::invoices,
        "payment_intents" => payments::payment_intents,
        "payment_methods" => payments::payment_methods,
        "prices" => catalog::prices,
        "products" => catalog::products,
        "refunds" => payments::refunds,
        "setup_intents" => payments::setup_intents,
        "subscription_items" => subscriptions::subscription_items,
        "subscriptions" => subscriptions::subscriptions,
        _ => return Err(unrecognized(method, segments)),
    };
    match handler(state, method, rest, params)? {
        Some(object) => Ok(object),
        None => Err(unrecognized(method, segments)),
    }
}

/// A handler's answer; none where it knows no such path.
type Routed = Result<Option<Value>, StripeError>;

fn unrecognized(method: Method, segments: &[&str]) -> StripeError {
    StripeError {
        status: 404,
        before_execution: true,
        ..StripeError::invalid(format!(
            "Unrecognized request URL ({}: /v1/{}). Please see https://stripe.com/docs or we can help at https://support.stripe.com/.",
            method.as_str(),
            segments.join("/")
        ))
    }
}

fn account(state: &mut State, method: Method, rest: &[&str], params: Params) -> Routed {
    if (method, rest) != (Method::Get, &[]) {
        return Ok(None);
    }
    params.finish()?;
    Ok(Some(json!({
        "id": state.account,
        "object": "account",
        "business_profile": { "name": "Sandbox" },
        "charges_enabled": true,
        "country": "US",
        "default_currency": "usd",
        "details_submitted": true,
        "email": "sandbox@example.com",
        "metadata": {},
        "payouts_enabled": true,
        "settings": { "dashboard": { "display_name": "Sandbox", "timezone": "Etc/UTC" } },
        "type": "standard",
    })))
}
