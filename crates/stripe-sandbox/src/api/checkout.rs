//! `/v1/checkout/sessions` and `/v1/billing_portal/sessions`.

use super::{
    Method, Outcome, Routed,
    paging::{Created, Page, matches},
};
use crate::{
    calendar::{DAY, HOUR, MINUTE},
    errors::StripeError,
    form::Params,
    state::{
        Metadata, State,
        catalog::Product,
        checkout::{LineItem, Mode, Session, SessionStatus, TrialOffer, Ui},
        portal::Portal,
        subscription::{NewItem, TrialEndWithoutCard},
    },
};

/// Known to Stripe, without effect on what the sandbox models.
const WITHOUT_EFFECT: [&str; 10] = [
    "allow_promotion_codes",
    "automatic_tax",
    "billing_address_collection",
    "customer_update",
    "locale",
    "payment_method_collection",
    "payment_method_types",
    "saved_payment_method_options",
    "submit_type",
    "tax_id_collection",
];
/// The longest trial Stripe gives, in days.
const LONGEST_TRIAL: i64 = 730;

pub(super) fn checkout(state: &mut State, method: Method, rest: &[&str], params: Params) -> Routed {
    Ok(Some(match (method, rest) {
        (Method::Get, ["sessions"]) => list(state, params)?,
        (Method::Post, ["sessions"]) => create(state, params)?,
        (Method::Get, ["sessions", id]) => {
            params.finish()?;
            state.session_json(state.session(id)?)
        }
        (Method::Get, ["sessions", id, "line_items"]) => {
            params.finish()?;
            state.session_line_items(state.session(id)?)
        }
        (Method::Post, ["sessions", id, "expire"]) => expire(state, id, params)?,
        _ => return Ok(None),
    }))
}

/// `subscription_data`.
#[derive(Debug, Default)]
struct SubscriptionData {
    trial: Option<TrialOffer>,
    trial_end_without_card: TrialEndWithoutCard,
    metadata: Metadata,
    description: Option<String>,
}

fn create(state: &mut State, mut params: Params) -> Outcome {
    let mode = params
        .choice(
            "mode",
            &[("subscription", Mode::Subscription), ("setup", Mode::Setup)],
        )?
        .ok_or_else(|| StripeError::missing_parameter("mode"))?;
    let (customer, customer_email) = read_buyer(state, &mut params)?;
    let expires_at = read_expiry(state.now, &mut params)?;
    let data = read_subscription_data(state.now, &mut params)?;
    let client_reference_id = params.text("client_reference_id")?;
    let currency = params.text("currency")?;
    let metadata = params.metadata()?.into_map();
    let line_items = read_line_items(state, mode, &mut params)?;
    let ui = read_ui(state, &mut params)?;
    params.ignore(&WITHOUT_EFFECT);
    params.finish()?;
    let bought = line_items
        .first()
        .and_then(|item| state.prices.get(&item.price));
    let currency = bought.map(|price| price.currency.clone()).or(currency);
    let id = state.new_id("cs_test_", 32);
    let setup_intent =
        (mode == Mode::Setup).then(|| state.new_setup_intent(customer.as_deref(), Metadata::new()));
    state.sessions.insert(Session {
        id: id.clone(),
        created: state.now,
        expires_at,
        status: SessionStatus::Open,
        mode,
        ui,
        customer,
        customer_email,
        client_reference_id,
        currency,
        line_items,
        trial: data.trial,
        trial_end_without_card: data.trial_end_without_card,
        metadata,
        subscription_metadata: data.metadata,
        description: data.description,
        subscription: None,
        invoice: None,
        setup_intent,
    });
    Ok(state.session_json(state.session(&id)?))
}

/// `customer` or `customer_email`, not both.
fn read_buyer(
    state: &State,
    params: &mut Params,
) -> Result<(Option<String>, Option<String>), StripeError> {
    let (customer, customer_email) = (params.text("customer")?, params.text("customer_email")?);
    if customer.is_some() && customer_email.is_some() {
        return Err(StripeError::parameter(
            None,
            "customer_email",
            "You may only specify one of these parameters: customer, customer_email.",
        ));
    }
    if let Some(customer) = &customer {
        state.customer_in(customer, "customer")?;
    }
    Ok((customer, customer_email))
}

fn read_expiry(now: i64, params: &mut Params) -> Result<i64, StripeError> {
    let Some(moment) = params.timestamp("expires_at")? else {
        return Ok(now + DAY);
    };
    let bound = if moment < now + 30 * MINUTE {
        "at least 30 minutes"
    } else if moment > now + 24 * HOUR {
        "less than 24 hours"
    } else {
        return Ok(moment);
    };
    Err(StripeError::parameter(
        None,
        "expires_at",
        format!("The `expires_at` timestamp must be {bound} from Checkout Session creation."),
    ))
}

fn read_subscription_data(now: i64, params: &mut Params) -> Result<SubscriptionData, StripeError> {
    let Some(mut data) = params.object("subscription_data")? else {
        return Ok(SubscriptionData::default());
    };
    let end = data.timestamp("trial_end")?;
    if end.is_some_and(|end| end < now + 2 * DAY) {
        return Err(StripeError::parameter(
            None,
            data.name("trial_end"),
            "The `trial_end` date has to be at least 2 days in the future.",
        ));
    }
    let days = data.integer("trial_period_days", (1, LONGEST_TRIAL))?;
    let trial = match (end, days) {
        (Some(_), Some(_)) => {
            return Err(StripeError::parameter(
                None,
                data.name("trial_end"),
                "You may only specify one of these parameters: trial_end, trial_period_days.",
            ));
        }
        (Some(end), None) => Some(TrialOffer::Until(end)),
        (None, Some(days)) => Some(TrialOffer::Days(days)),
        (None, None) => None,
    };
    let read = SubscriptionData {
        trial,
        trial_end_without_card: super::subscriptions::read_trial_settings(&mut data)?,
        metadata: data.metadata()?.into_map(),
        description: data.text("description")?,
    };
    data.ignore(&["billing_mode", "invoice_settings", "proration_behavior"]);
    data.finish()?;
    Ok(read)
}

fn read_line_items(
    state: &mut State,
    mode: Mode,
    params: &mut Params,
) -> Result<Vec<LineItem>, StripeError> {
    let mut wanted = Vec::new();
    for mut item in params.objects("line_items")? {
        let param = item.name("price");
        let missing = StripeError::missing_parameter(item.name("quantity"));
        wanted.push(NewItem {
            price: item.required_text("price")?,
            quantity: item.integer("quantity", (1, 999_999))?.ok_or(missing)?,
            metadata: Metadata::new(),
            param,
        });
        item.finish()?;
    }
    match mode {
        Mode::Setup if wanted.is_empty() => return Ok(Vec::new()),
        Mode::Setup => {
            return Err(StripeError::parameter(
                None,
                "line_items",
                "You can not pass `line_items` in `setup` mode.",
            ));
        }
        Mode::Subscription if wanted.is_empty() => {
            return Err(StripeError::missing_parameter("line_items"));
        }
        Mode::Subscription => {}
    }
    state.check_items(&wanted)?;
    check_products(state, &wanted)?;
    Ok(wanted
        .into_iter()
        .map(|item| LineItem {
            id: state.new_id("li_1", 23),
            price: item.price,
            quantity: item.quantity,
        })
        .collect())
}

fn check_products(state: &State, items: &[NewItem]) -> Result<(), StripeError> {
    for item in items {
        let product = state
            .prices
            .get(&item.price)
            .and_then(|price| state.products.get(&price.product));
        if product.is_some_and(|product: &Product| !product.active) {
            return Err(StripeError::invalid(format!(
                "Price `{}` is not available to be purchased because its product is not active.",
                item.price
            ))
            .with_param(item.param.clone()));
        }
    }
    Ok(())
}

fn read_ui(state: &mut State, params: &mut Params) -> Result<Ui, StripeError> {
    let embedded = params
        .choice(
            "ui_mode",
            &[("hosted_page", false), ("embedded_page", true)],
        )?
        .unwrap_or(false);
    if !embedded {
        let success_url = read_url(params, "success_url")?;
        let cancel_url = read_url(params, "cancel_url")?;
        let success_url =
            success_url.ok_or_else(|| StripeError::missing_parameter("success_url"))?;
        return Ok(Ui::Hosted {
            success_url,
            cancel_url,
        });
    }
    let never = params
        .choice(
            "redirect_on_completion",
            &[("always", false), ("if_required", false), ("never", true)],
        )?
        .unwrap_or(false);
    let return_url = read_url(params, "return_url")?;
    if return_url.is_none() && !never {
        return Err(StripeError::missing_parameter("return_url"));
    }
    Ok(Ui::Embedded {
        client_secret: state.new_id("cs_test_embedded_secret_", 32),
        return_url,
    })
}

fn read_url(params: &mut Params, field: &str) -> Result<Option<String>, StripeError> {
    let Some(address) = params.text(field)? else {
        return Ok(None);
    };
    match url::Url::parse(&address) {
        Ok(parsed) if matches!(parsed.scheme(), "http" | "https") => Ok(Some(address)),
        Ok(_) | Err(_) => Err(StripeError::parameter(
            Some("url_invalid"),
            field,
            "Not a valid URL. URLs must begin with http or https.",
        )),
    }
}

fn expire(state: &mut State, id: &str, params: Params) -> Outcome {
    params.finish()?;
    let session = state.session(id)?;
    if !session.is_open() {
        return Err(StripeError::invalid(format!(
            "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of {}.",
            session.status.as_str()
        )));
    }
    state.expire_session(id);
    Ok(state.session_json(state.session(id)?))
}

fn list(state: &State, mut params: Params) -> Outcome {
    let page = Page::read(&mut params)?;
    let created = Created::read(&mut params)?;
    let customer = params.text("customer")?;
    let subscription = params.text("subscription")?;
    let status = params.choice("status", &SessionStatus::NAMES)?;
    params.finish()?;
    let rows = state.sessions.newest().filter(|session| {
        created.holds(*session)
            && matches(customer.as_ref(), session.customer.as_deref())
            && matches(subscription.as_ref(), session.subscription.as_deref())
            && status.is_none_or(|status| session.status == status)
    });
    page.cut("/v1/checkout/sessions", rows, |session| {
        state.session_json(session)
    })
}

pub(super) fn billing_portal(
    state: &mut State,
    method: Method,
    rest: &[&str],
    mut params: Params,
) -> Routed {
    if (method, rest) != (Method::Post, &["sessions"]) {
        return Ok(None);
    }
    let customer = params.required_text("customer")?;
    let return_url = read_url(&mut params, "return_url")?;
    params.ignore(&["locale"]);
    params.finish()?;
    state.customer_in(&customer, "customer")?;
    let portal = Portal {
        id: state.new_id("bps_1", 23),
        created: state.now,
        customer,
        return_url,
    };
    let shown = state.portal_json(&portal);
    state.portals.insert(portal);
    Ok(Some(shown))
}
