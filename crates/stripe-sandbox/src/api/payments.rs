//! `/v1/payment_intents`, `/v1/payment_methods`, `/v1/setup_intents`, `/v1/charges`, `/v1/refunds`.

use super::{
    Method, Outcome, Routed,
    paging::{Created, Page, matches},
};
use crate::{
    errors::StripeError,
    form::Params,
    state::{
        State,
        card::{Card, PaymentMethod},
        invoice::Attempt,
        payment::{Charge, IntentStatus, Refund},
    },
};

pub(super) fn payment_intents(
    state: &mut State,
    method: Method,
    rest: &[&str],
    mut params: Params,
) -> Routed {
    Ok(Some(match (method, rest) {
        (Method::Get, [id]) => {
            params.ignore(&["client_secret"]);
            params.finish()?;
            state.intent(id)?.to_json()
        }
        (Method::Post, [id, "confirm"]) => confirm(state, id, params)?,
        (Method::Post, [id, "cancel"]) => cancel(state, id, params)?,
        _ => return Ok(None),
    }))
}

fn confirm(state: &mut State, id: &str, mut params: Params) -> Outcome {
    let card = read_card(&mut params)?;
    let named = params.text("payment_method")?;
    params.ignore(&[
        "client_secret",
        "off_session",
        "return_url",
        "use_stripe_sdk",
    ]);
    params.finish()?;
    let intent = state.intent(id)?.clone();
    match intent.status {
        IntentStatus::RequiresPaymentMethod | IntentStatus::RequiresConfirmation => {}
        IntentStatus::Succeeded | IntentStatus::Canceled => {
            return Err(StripeError::invalid(format!(
                "You cannot confirm this PaymentIntent because it has a status of {}.",
                intent.status.as_str()
            ))
            .with_code("payment_intent_unexpected_state"));
        }
    }
    let chosen = match (card, named) {
        (Some(card), _) => Some(state.new_payment_method(card)),
        (None, Some(named)) => Some(state.payment_method(&named)?),
        (None, None) => intent.payment_method.clone(),
    };
    let Some(chosen) = chosen else {
        return Err(StripeError::invalid(
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method or ConfirmationToken.",
        )
        .with_code("payment_intent_unexpected_state"));
    };
    state.attach(&chosen, &intent.customer)?;
    state.collect(&intent.invoice, Some(chosen.clone()), Attempt::Asked)?;
    let subscription = state.invoice(&intent.invoice)?.subscription.clone();
    if let Some(subscription) = subscription {
        state.edit_subscription(&subscription, |subscription| {
            if subscription.save_default_payment_method {
                subscription.default_payment_method = Some(chosen);
            }
        });
    }
    Ok(state.intent(id)?.to_json())
}

fn cancel(state: &mut State, id: &str, mut params: Params) -> Outcome {
    let reasons = [
        "abandoned",
        "duplicate",
        "fraudulent",
        "requested_by_customer",
    ]
    .map(|name| (name, name));
    let reason = params.choice("cancellation_reason", &reasons)?;
    params.finish()?;
    let intent = state.intent(id)?;
    if matches!(
        intent.status,
        IntentStatus::Succeeded | IntentStatus::Canceled
    ) {
        return Err(StripeError::invalid(format!(
            "You cannot cancel this PaymentIntent because it has a status of {}.",
            intent.status.as_str()
        ))
        .with_code("payment_intent_unexpected_state"));
    }
    state.cancel_intent(id, reason);
    Ok(state.intent(id)?.to_json())
}

/// `payment_method_data[card][number|token]`, or `card[…]` when a payment method is made.
fn read_card(params: &mut Params) -> Result<Option<Card>, StripeError> {
    let Some(mut data) = params.object("payment_method_data")? else {
        return Ok(None);
    };
    data.choice("type", &[("card", ())])?;
    let card = read_card_fields(&mut data)?;
    data.finish()?;
    Ok(Some(card))
}

fn read_card_fields(params: &mut Params) -> Result<Card, StripeError> {
    let missing = StripeError::missing_parameter(params.name("card"));
    let mut card = params.object("card")?.ok_or(missing)?;
    let token_name = card.name("token");
    let number_missing = StripeError::missing_parameter(card.name("number"));
    let found = match (card.text("token")?, card.text("number")?) {
        (Some(token), _) => Card::by_token(&token)
            .ok_or_else(|| StripeError::no_such_in("token", &token, &token_name))?,
        (None, Some(number)) => Card::by_number(&number)?,
        (None, None) => return Err(number_missing),
    };
    card.ignore(&["cvc", "exp_month", "exp_year"]);
    card.finish()?;
    Ok(found)
}

pub(super) fn payment_methods(
    state: &mut State,
    method: Method,
    rest: &[&str],
    mut params: Params,
) -> Routed {
    Ok(Some(match (method, rest) {
        (Method::Get, []) => {
            let customer = params.required_text("customer")?;
            list_of_customer(state, &customer, params)?
        }
        (Method::Post, []) => create_method(state, params)?,
        (Method::Get, [id]) => {
            params.finish()?;
            shown_method(state, id)?
        }
        (Method::Post, [id, "attach"]) => {
            let customer = params.required_text("customer")?;
            params.finish()?;
            state.customer_in(&customer, "customer")?;
            let id = state.payment_method(id)?;
            state.attach(&id, &customer)?;
            shown_method(state, &id)?
        }
        _ => return Ok(None),
    }))
}

fn shown_method(state: &State, id: &str) -> Outcome {
    let method = state.payment_methods.get(id);
    Ok(method
        .ok_or_else(|| StripeError::no_such("PaymentMethod", id))?
        .to_json())
}

fn create_method(state: &mut State, mut params: Params) -> Outcome {
    params
        .choice("type", &[("card", ())])?
        .ok_or_else(|| StripeError::missing_parameter("type"))?;
    let card = read_card_fields(&mut params)?;
    params.ignore(&["billing_details"]);
    params.finish()?;
    let id = state.new_payment_method(card);
    shown_method(state, &id)
}

pub(super) fn list_of_customer(state: &State, customer: &str, mut params: Params) -> Outcome {
    let page = Page::read(&mut params)?;
    params.choice("type", &[("card", ())])?;
    params.finish()?;
    state.customer_in(customer, "customer")?;
    let rows = state
        .payment_methods
        .newest()
        .filter(|method| method.customer.as_deref() == Some(customer));
    page.cut("/v1/payment_methods", rows, PaymentMethod::to_json)
}

pub(super) fn setup_intents(
    state: &mut State,
    method: Method,
    rest: &[&str],
    mut params: Params,
) -> Routed {
    let id = match (method, rest) {
        (Method::Get, [id]) => {
            params.ignore(&["client_secret"]);
            params.finish()?;
            (*id).to_owned()
        }
        (Method::Post, []) => {
            let customer = params.text("customer")?;
            let metadata = params.metadata()?.into_map();
            params.ignore(&["payment_method_types", "usage"]);
            params.finish()?;
            if let Some(customer) = &customer {
                state.customer_in(customer, "customer")?;
            }
            state.new_setup_intent(customer.as_deref(), metadata)
        }
        (Method::Post, [id, "confirm"]) => {
            let card = params.required_text("payment_method")?;
            params.ignore(&["client_secret", "return_url", "use_stripe_sdk"]);
            params.finish()?;
            state.setup_intent(id)?;
            let card = state.payment_method(&card)?;
            state.confirm_setup_intent(id, &card)?;
            (*id).to_owned()
        }
        _ => return Ok(None),
    };
    Ok(Some(state.setup_intent(&id)?.to_json()))
}

pub(super) fn charges(
    state: &mut State,
    method: Method,
    rest: &[&str],
    mut params: Params,
) -> Routed {
    Ok(Some(match (method, rest) {
        (Method::Get, []) => {
            let page = Page::read(&mut params)?;
            let created = Created::read(&mut params)?;
            let customer = params.text("customer")?;
            let intent = params.text("payment_intent")?;
            params.finish()?;
            let rows = state.charges.newest().filter(|charge| {
                created.holds(*charge)
                    && matches(customer.as_ref(), Some(&charge.customer))
                    && matches(intent.as_ref(), Some(&charge.intent))
            });
            page.cut("/v1/charges", rows, Charge::to_json)?
        }
        (Method::Get, [id]) => {
            params.finish()?;
            state
                .charges
                .get(id)
                .ok_or_else(|| StripeError::no_such("charge", id))?
                .to_json()
        }
        _ => return Ok(None),
    }))
}

pub(super) fn refunds(
    state: &mut State,
    method: Method,
    rest: &[&str],
    mut params: Params,
) -> Routed {
    Ok(Some(match (method, rest) {
        (Method::Get, []) => {
            let page = Page::read(&mut params)?;
            let created = Created::read(&mut params)?;
            let charge = params.text("charge")?;
            let intent = params.text("payment_intent")?;
            params.finish()?;
            let rows = state.refunds.newest().filter(|refund| {
                created.holds(*refund)
                    && matches(charge.as_ref(), Some(&refund.charge))
                    && matches(intent.as_ref(), Some(&refund.intent))
            });
            page.cut("/v1/refunds", rows, Refund::to_json)?
        }
        (Method::Get, [id]) => {
            params.finish()?;
            state
                .refunds
                .get(id)
                .ok_or_else(|| StripeError::no_such("refund", id))?
                .to_json()
        }
        (Method::Post, []) => create_refund(state, params)?,
        _ => return Ok(None),
    }))
}

fn create_refund(state: &mut State, mut params: Params) -> Outcome {
    let charge = params.text("charge")?;
    let intent = params.text("payment_intent")?;
    let amount = params.integer("amount", (1, 99_999_999))?;
    let reasons = ["duplicate", "fraudulent", "requested_by_customer"].map(|name| (name, name));
    let reason = params.choice("reason", &reasons)?.map(str::to_owned);
    let metadata = params.metadata()?.into_map();
    params.finish()?;
    let charge = match (charge, intent) {
        (Some(charge), None) => charge,
        (None, Some(intent)) => state
            .intents
            .get(&intent)
            .ok_or_else(|| StripeError::no_such_in("payment_intent", &intent, "payment_intent"))?
            .latest_charge
            .clone()
            .ok_or_else(|| {
                StripeError::invalid(format!(
                    "This PaymentIntent ({intent}) does not have a successful charge to refund."
                ))
            })?,
        (Some(_), Some(_)) | (None, None) => {
            return Err(StripeError::parameter(
                Some("parameter_missing"),
                "charge",
                "One of the following params should be provided for this request: payment_intent or charge.",
            ));
        }
    };
    let id = state.refund(&charge, amount, reason, metadata)?;
    state
        .refunds
        .get(&id)
        .map(Refund::to_json)
        .ok_or_else(|| StripeError::no_such("refund", &id))
}
