//! `expand[]`: puts objects in the place of their ids, and adds what is shown only when asked for.

use serde_json::{Value, json};

use crate::{errors::StripeError, state::State, wire};

const DEEPEST: usize = 4;

/// Expands each dotted path in `object`.
pub(super) fn expand(
    state: &State,
    object: &mut Value,
    paths: &[String],
) -> Result<(), StripeError> {
    for path in paths {
        let segments: Vec<&str> = path.split('.').collect();
        if segments.len() > DEEPEST {
            return Err(StripeError::parameter(
                None,
                "expand",
                format!(
                    "You cannot expand more than {DEEPEST} levels of a property. Property: {path}"
                ),
            ));
        }
        expand_path(state, object, &segments)?;
    }
    Ok(())
}

fn expand_path(state: &State, value: &mut Value, path: &[&str]) -> Result<(), StripeError> {
    let Some((name, rest)) = path.split_first() else {
        return Ok(());
    };
    match value {
        Value::Array(elements) => {
            for element in elements {
                expand_path(state, element, path)?;
            }
            Ok(())
        }
        Value::Object(fields) => {
            if !fields.contains_key(*name)
                && let Some(included) = included(state, &Value::Object(fields.clone()), name)
            {
                fields.insert((*name).to_owned(), included);
            }
            let Some(field) = fields.get_mut(*name) else {
                return Err(cannot_expand(name));
            };
            if let Some(found) = field.as_str().and_then(|id| lookup(state, id)) {
                *field = found;
            }
            expand_path(state, field, rest)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

fn cannot_expand(name: &str) -> StripeError {
    StripeError::parameter(
        None,
        "expand",
        format!("This property cannot be expanded ({name})."),
    )
}

/// The object behind an id.
fn lookup(state: &State, id: &str) -> Option<Value> {
    let (prefix, _) = id.split_once('_')?;
    match prefix {
        "ch" => state
            .charges
            .get(id)
            .map(crate::state::payment::Charge::to_json),
        "cus" => state
            .customers
            .get(id)
            .map(crate::state::customer::Customer::to_json),
        "in" => state
            .invoices
            .get(id)
            .map(|invoice| state.invoice_json(invoice)),
        "pi" => state
            .intents
            .get(id)
            .map(crate::state::payment::Intent::to_json),
        "pm" => state
            .payment_methods
            .get(id)
            .map(crate::state::card::PaymentMethod::to_json),
        "price" => state
            .prices
            .get(id)
            .map(crate::state::catalog::Price::to_json),
        "prod" => state
            .products
            .get(id)
            .map(crate::state::catalog::Product::to_json),
        "seti" => state
            .setup_intents
            .get(id)
            .map(crate::state::payment::SetupIntent::to_json),
        "sub" => state
            .subscriptions
            .get(id)
            .map(|subscription| state.subscription_json(subscription)),
        _ => None,
    }
}

/// A property that is left out unless it is asked for.
fn included(state: &State, object: &Value, name: &str) -> Option<Value> {
    let kind = object.get("object")?.as_str()?;
    let id = object.get("id")?.as_str()?;
    match (kind, name) {
        ("invoice", "confirmation_secret") => state
            .invoices
            .get(id)
            .map(|invoice| state.confirmation_secret(invoice)),
        ("invoice", "payments") => {
            let payment = state
                .invoices
                .get(id)
                .and_then(|invoice| state.invoice_payment(invoice));
            Some(wire::list(
                "/v1/invoices/payments",
                payment.into_iter().collect(),
                false,
            ))
        }
        ("charge", "refunds") => {
            let refunds = state.refunds.newest().filter(|refund| refund.charge == id);
            let data = refunds
                .map(crate::state::payment::Refund::to_json)
                .collect();
            Some(wire::list(
                &format!("/v1/charges/{id}/refunds"),
                data,
                false,
            ))
        }
        ("checkout.session", "line_items") => state
            .sessions
            .get(id)
            .map(|session| state.session_line_items(session)),
        ("customer", "subscriptions") => {
            let running = state.subscriptions.newest().filter(|subscription| {
                subscription.customer == id && !subscription.status.is_terminal()
            });
            let data = running
                .map(|subscription| state.subscription_json(subscription))
                .collect();
            Some(wire::list(
                &format!("/v1/customers/{id}/subscriptions"),
                data,
                false,
            ))
        }
        ("customer", "tax") => Some(json!({
            "automatic_tax": "unrecognized_location",
            "ip_address": null,
            "location": null,
            "provider": "stripe",
        })),
        ("customer", "invoice_credit_balance") => Some(json!({})),
        _ => None,
    }
}
