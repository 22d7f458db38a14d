//! `/v1/invoices` and `/v1/invoice_payments`.

use super::{
    Method, Outcome, Routed,
    paging::{Created, Page, matches},
};
use crate::{
    calendar::Period,
    errors::StripeError,
    form::Params,
    state::{
        Metadata, State,
        change::ItemsChange,
        invoice::{Attempt, Invoice, InvoiceStatus},
        subscription::NewItem,
    },
    wire,
};

pub(super) fn invoices(state: &mut State, method: Method, rest: &[&str], params: Params) -> Routed {
    Ok(Some(match (method, rest) {
        (Method::Get, []) => list(state, params)?,
        (Method::Post, ["create_preview"]) => preview(state, params)?,
        (Method::Get, [id]) => {
            params.finish()?;
            state.invoice_json(state.invoice(id)?)
        }
        (Method::Post, [id, "pay"]) => pay(state, id, params)?,
        (Method::Post, [id, "void"]) => {
            params.finish()?;
            state.void_invoice(id)?;
            state.invoice_json(state.invoice(id)?)
        }
        _ => return Ok(None),
    }))
}

fn list(state: &State, mut params: Params) -> Outcome {
    let page = Page::read(&mut params)?;
    let created = Created::read(&mut params)?;
    let customer = params.text("customer")?;
    let subscription = params.text("subscription")?;
    let status = params.choice("status", &InvoiceStatus::NAMES)?;
    params.finish()?;
    if let Some(customer) = &customer
        && state.customers.get(customer).is_none()
    {
        return Err(StripeError::no_such_in("customer", customer, "customer"));
    }
    let rows = state.invoices.newest().filter(|invoice| {
        created.holds(*invoice)
            && matches(customer.as_ref(), Some(&invoice.customer))
            && matches(subscription.as_ref(), invoice.subscription.as_deref())
            && status.is_none_or(|status| invoice.status == status)
    });
    page.cut("/v1/invoices", rows, |invoice| state.invoice_json(invoice))
}

fn pay(state: &mut State, id: &str, mut params: Params) -> Outcome {
    let card = params.text("payment_method")?;
    let out_of_band = params.boolean("paid_out_of_band")?.unwrap_or(false);
    params.ignore(&["forgive", "off_session"]);
    params.finish()?;
    let customer = state.invoice(id)?.customer.clone();
    let card = card.map(|card| state.payment_method(&card)).transpose()?;
    state.check_owner(card.as_deref(), &customer)?;
    if out_of_band {
        if !state.is_open(id) {
            return Err(StripeError::invalid(
                "Only open invoices can be paid out of band.",
            ));
        }
        state.edit_invoice(id, |invoice| invoice.paid_out_of_band = true);
        state.settle_invoice(id)?;
    } else {
        state.collect(id, card, Attempt::Asked)?;
    }
    Ok(state.invoice_json(state.invoice(id)?))
}

fn preview(state: &mut State, mut params: Params) -> Outcome {
    let customer = params.text("customer")?;
    let subscription = params.text("subscription")?;
    let mut change = ItemsChange::default();
    if let Some(mut details) = params.object("subscription_details")? {
        change = super::subscriptions::read_items_change(&mut details)?;
        details.ignore(&["billing_mode"]);
        details.finish()?;
    }
    params.choice("preview_mode", &[("next", ())])?;
    params.finish()?;
    let mut invoice = match (subscription, customer) {
        (Some(subscription), customer) => {
            preview_of_running(state, &subscription, customer.as_ref(), &change)?
        }
        (None, Some(customer)) => preview_of_new(state, &customer, &change)?,
        (None, None) => {
            return Err(StripeError::parameter(
                Some("parameter_missing"),
                "customer",
                "You must provide either a customer or a subscription to preview an invoice.",
            ));
        }
    };
    invoice.id = format!("upcoming_{}", invoice.id);
    Ok(state.invoice_json(&invoice))
}

fn preview_of_running(
    state: &mut State,
    id: &str,
    customer: Option<&String>,
    change: &ItemsChange,
) -> Result<Invoice, StripeError> {
    let subscription = state
        .subscriptions
        .get(id)
        .filter(|found| customer.is_none_or(|customer| found.customer == *customer))
        .ok_or_else(|| StripeError::no_such_in("subscription", id, "subscription"))?;
    if subscription.status.is_terminal()
        || (subscription.ends_with_period() && change.items.is_empty())
    {
        return Err(
            StripeError::invalid(format!("No upcoming invoices for subscription: {id}"))
                .with_code("invoice_upcoming_none"),
        );
    }
    state.preview_change(id, change)
}

/// The first invoice of a subscription that is not made.
fn preview_of_new(
    state: &mut State,
    customer: &str,
    change: &ItemsChange,
) -> Result<Invoice, StripeError> {
    state.customer_in(customer, "customer")?;
    let mut wanted = Vec::new();
    for item in &change.items {
        let param = format!("{}[price]", item.param);
        wanted.push(NewItem {
            price: item
                .price
                .clone()
                .ok_or_else(|| StripeError::missing_parameter(param.clone()))?,
            quantity: item.quantity.unwrap_or(1),
            metadata: Metadata::new(),
            param,
        });
    }
    let (cadence, currency) = state.check_items(&wanted)?;
    let items = state.new_items(&wanted);
    let period = cadence.period_at(state.now, state.now);
    let lines = state.period_lines(&items, period, false)?;
    let first = Period {
        start: state.now,
        end: state.now,
    };
    Ok(state.draft(customer, currency, lines, first))
}

pub(super) fn invoice_payments(
    state: &mut State,
    method: Method,
    rest: &[&str],
    mut params: Params,
) -> Routed {
    if (method, rest) != (Method::Get, &[]) {
        return Ok(None);
    }
    let invoice = params.text("invoice")?;
    let status = params.text("status")?;
    let limit = params.integer("limit", (1, 100))?.unwrap_or(10);
    let mut intent = None;
    if let Some(mut payment) = params.object("payment")? {
        intent = payment.text("payment_intent")?;
        payment.choice("type", &[("payment_intent", ())])?;
        payment.finish()?;
    }
    params.finish()?;
    let payments = state
        .invoices
        .newest()
        .filter(|found| {
            matches(invoice.as_ref(), Some(&found.id))
                && matches(intent.as_ref(), found.intent.as_deref())
        })
        .filter_map(|found| state.invoice_payment(found))
        .filter(|payment| {
            status
                .as_ref()
                .is_none_or(|status| payment.get("status").and_then(|s| s.as_str()) == Some(status))
        });
    let mut data: Vec<_> = payments
        .take(usize::try_from(limit).unwrap_or(10) + 1)
        .collect();
    let has_more = data.len() > usize::try_from(limit).unwrap_or(10);
    data.truncate(usize::try_from(limit).unwrap_or(10));
    Ok(Some(wire::list("/v1/invoice_payments", data, has_more)))
}
