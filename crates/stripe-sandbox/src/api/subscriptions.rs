//! `/v1/subscriptions` and `/v1/subscription_items`.

use super::{
    Method, Outcome, Routed,
    paging::{Created, Page, matches},
};
use crate::{
    calendar::DAY,
    errors::StripeError,
    form::{Change, MetadataChange, Params},
    state::{
        State,
        change::{ItemChange, ItemsChange, ProrationBehaviour},
        subscription::{
            Cancellation, Item, NewItem, NewSubscription, Pause, PauseBehaviour, PaymentBehaviour,
            Status, Subscription, TrialEndWithoutCard,
        },
    },
};

const QUANTITY: (i64, i64) = (0, 999_999);
/// Known to Stripe, without effect on what the sandbox models.
const WITHOUT_EFFECT: [&str; 7] = [
    "automatic_tax",
    "billing_mode",
    "collection_method",
    "currency",
    "invoice_settings",
    "off_session",
    "trial_from_plan",
];

pub(super) fn subscriptions(
    state: &mut State,
    method: Method,
    rest: &[&str],
    params: Params,
) -> Routed {
    Ok(Some(match (method, rest) {
        (Method::Get, []) => list(state, params)?,
        (Method::Post, []) => create(state, params)?,
        (Method::Get, [id]) => {
            params.finish()?;
            shown(state, id)?
        }
        (Method::Post, [id]) => update(state, id, params)?,
        (Method::Delete, [id]) => cancel(state, id, params)?,
        (Method::Post, [id, "resume"]) => resume(state, id, params)?,
        _ => return Ok(None),
    }))
}

pub(super) fn subscription_items(
    state: &mut State,
    method: Method,
    rest: &[&str],
    params: Params,
) -> Routed {
    Ok(Some(match (method, rest) {
        (Method::Get, []) => list_items(state, params)?,
        (Method::Get, [id]) => {
            params.finish()?;
            shown_item(state, id)?
        }
        (Method::Post, [id]) => update_item(state, id, params)?,
        _ => return Ok(None),
    }))
}

fn shown(state: &State, id: &str) -> Outcome {
    Ok(state.subscription_json(state.subscription(id)?))
}

fn create(state: &mut State, mut params: Params) -> Outcome {
    let customer = params.required_text("customer")?;
    let items = read_new_items(&mut params)?;
    let trial_end = read_trial_end(state.now, &mut params)?;
    let days = params.integer("trial_period_days", (0, 730))?;
    let cancel_at = params.timestamp("cancel_at")?;
    let cancel_at_period_end = params.boolean("cancel_at_period_end")?.unwrap_or(false);
    let trial_end_without_card = read_trial_settings(&mut params)?;
    let card = params.text("default_payment_method")?;
    let save_default_payment_method = read_payment_settings(&mut params)?;
    let behaviour = read_payment_behaviour(&mut params)?;
    let description = params.text("description")?;
    let metadata = params.metadata()?.into_map();
    params.choice("proration_behavior", &ProrationBehaviour::NAMES)?;
    params.ignore(&WITHOUT_EFFECT);
    params.finish()?;
    state.customer_in(&customer, "customer")?;
    state.check_items(&items)?;
    let default_payment_method = card.map(|card| state.payment_method(&card)).transpose()?;
    let days = days
        .filter(|days| *days > 0)
        .map(|days| state.now + days * DAY);
    let id = state.create_subscription(NewSubscription {
        customer,
        items,
        trial_end: match trial_end {
            Some(TrialEnd::At(end)) => Some(end),
            Some(TrialEnd::Now) => None,
            None => days,
        },
        trial_end_without_card,
        default_payment_method,
        save_default_payment_method,
        behaviour,
        cancel_at_period_end,
        cancel_at,
        description,
        metadata,
    })?;
    shown(state, &id)
}

fn read_new_items(params: &mut Params) -> Result<Vec<NewItem>, StripeError> {
    let missing = StripeError::missing_parameter("items");
    let mut items = Vec::new();
    for mut item in params.objects("items")? {
        let param = item.name("price");
        items.push(NewItem {
            price: read_price(&mut item)?
                .ok_or_else(|| StripeError::missing_parameter(param.clone()))?,
            quantity: item.integer("quantity", QUANTITY)?.unwrap_or(1),
            metadata: item.metadata()?.into_map(),
            param,
        });
        item.finish()?;
    }
    if items.is_empty() {
        Err(missing)
    } else {
        Ok(items)
    }
}

/// `price`, or by its older name `plan`.
fn read_price(item: &mut Params) -> Result<Option<String>, StripeError> {
    Ok(item.text("price")?.or(item.text("plan")?))
}

/// When a trial is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TrialEnd {
    Now,
    At(i64),
}

fn read_trial_end(now: i64, params: &mut Params) -> Result<Option<TrialEnd>, StripeError> {
    let mut probe = params.clone();
    if probe.text("trial_end")?.as_deref() == Some("now") {
        *params = probe;
        return Ok(Some(TrialEnd::Now));
    }
    let Some(end) = params.timestamp("trial_end")? else {
        return Ok(None);
    };
    if end <= now {
        return Err(StripeError::parameter(
            None,
            "trial_end",
            "Invalid timestamp: must be an integer Unix timestamp in the future.",
        ));
    }
    if end > now + 1827 * DAY {
        return Err(StripeError::parameter(
            None,
            "trial_end",
            "Invalid timestamp: can be no more than five years in the future",
        ));
    }
    Ok(Some(TrialEnd::At(end)))
}

/// `trial_settings[end_behavior][missing_payment_method]`.
pub(super) fn read_trial_settings(params: &mut Params) -> Result<TrialEndWithoutCard, StripeError> {
    let Some(mut settings) = params.object("trial_settings")? else {
        return Ok(TrialEndWithoutCard::default());
    };
    let mut behaviour = None;
    if let Some(mut end) = settings.object("end_behavior")? {
        behaviour = end.choice("missing_payment_method", &TrialEndWithoutCard::NAMES)?;
        end.finish()?;
    }
    settings.finish()?;
    Ok(behaviour.unwrap_or_default())
}

fn read_payment_settings(params: &mut Params) -> Result<bool, StripeError> {
    let Some(mut settings) = params.object("payment_settings")? else {
        return Ok(false);
    };
    let save = settings.choice(
        "save_default_payment_method",
        &[("on_subscription", true), ("off", false)],
    )?;
    settings.ignore(&["payment_method_types", "payment_method_options"]);
    settings.finish()?;
    Ok(save.unwrap_or(false))
}

fn read_payment_behaviour(params: &mut Params) -> Result<PaymentBehaviour, StripeError> {
    Ok(params
        .choice("payment_behavior", &PaymentBehaviour::NAMES)?
        .unwrap_or_default())
}

/// Everything an update may set.
#[derive(Debug)]
struct Update {
    items: ItemsChange,
    cancel_at_period_end: Option<bool>,
    cancel_at: Change<i64>,
    trial_end: Option<TrialEnd>,
    pause: Change<Pause>,
    card: Option<String>,
    description: Option<String>,
    comments: Cancellation,
    metadata: MetadataChange,
}

impl Update {
    fn read(now: i64, params: &mut Params) -> Result<Self, StripeError> {
        let read = Self {
            items: read_items_change(params)?,
            cancel_at_period_end: params.boolean("cancel_at_period_end")?,
            cancel_at: read_cancel_at(now, params)?,
            trial_end: read_trial_end(now, params)?,
            pause: read_pause(params)?,
            card: params.text("default_payment_method")?,
            description: params.clearable_text("description")?,
            comments: read_comments(params)?,
            metadata: params.metadata()?,
        };
        read_payment_settings(params)?;
        read_trial_settings(params)?;
        params.ignore(&WITHOUT_EFFECT);
        if read.cancel_at_period_end.is_some() && read.cancel_at != Change::Keep {
            return Err(StripeError::parameter(
                None,
                "cancel_at",
                "You may only specify one of these parameters: cancel_at, cancel_at_period_end.",
            ));
        }
        Ok(read)
    }

    /// Whether it sets more than an ended subscription still takes.
    fn is_more_than_comments(&self) -> bool {
        !self.items.items.is_empty()
            || self.cancel_at_period_end.is_some()
            || self.cancel_at != Change::Keep
            || self.trial_end.is_some()
            || self.pause != Change::Keep
            || self.card.is_some()
            || self.description.is_some()
    }
}

fn update(state: &mut State, id: &str, mut params: Params) -> Outcome {
    let update = Update::read(state.now, &mut params)?;
    params.finish()?;
    let subscription = state.subscription(id)?;
    if subscription.status.is_terminal() && update.is_more_than_comments() {
        return Err(StripeError::invalid(
            "A canceled subscription can only update its cancellation_details and metadata.",
        ));
    }
    let customer = subscription.customer.clone();
    let card = update
        .card
        .map(|card| state.payment_method(&card))
        .transpose()?;
    state.check_owner(card.as_deref(), &customer)?;
    if !update.items.items.is_empty() {
        state.plan_change(id, &update.items)?;
    }
    // Items change while the trial runs, so that the trial's end bills what was asked for.
    if let Some(TrialEnd::At(end)) = update.trial_end {
        state.move_trial_end(id, end);
    }
    if !update.items.items.is_empty() {
        state.change_items(id, &update.items)?;
    }
    if update.trial_end == Some(TrialEnd::Now) {
        state.end_trial(id)?;
    }
    let now = state.now;
    state.edit_subscription(id, |subscription| {
        if let Some(at_period_end) = update.cancel_at_period_end {
            subscription.schedule_cancel(at_period_end, now);
        }
        match update.cancel_at {
            Change::Keep => {}
            Change::Clear => subscription.cancel_at_moment(None, now),
            Change::Set(moment) => subscription.cancel_at_moment(Some(moment), now),
        }
        match update.pause {
            Change::Keep => {}
            Change::Clear => subscription.pause = None,
            Change::Set(pause) => subscription.pause = Some(pause),
        }
        if let Some(description) = update.description {
            subscription.description = (!description.is_empty()).then_some(description);
        }
        if card.is_some() {
            subscription.default_payment_method = card;
        }
        let comments = update.comments;
        subscription.cancellation.comment = comments
            .comment
            .or_else(|| subscription.cancellation.comment.take());
        subscription.cancellation.feedback = comments
            .feedback
            .or_else(|| subscription.cancellation.feedback.take());
        update.metadata.apply(&mut subscription.metadata);
    });
    shown(state, id)
}

/// The part of an update, a preview or an item's update that concerns items.
pub(super) fn read_items_change(params: &mut Params) -> Result<ItemsChange, StripeError> {
    let mut items = Vec::new();
    for mut item in params.objects("items")? {
        let mut change = read_item_change(&mut item)?;
        change.id = item.text("id")?;
        change.deleted = item.boolean("deleted")?.unwrap_or(false);
        item.ignore(&["clear_usage"]);
        item.finish()?;
        items.push(change);
    }
    Ok(ItemsChange {
        items,
        proration: params
            .choice("proration_behavior", &ProrationBehaviour::NAMES)?
            .unwrap_or_default(),
        proration_date: params.timestamp("proration_date")?,
        behaviour: read_payment_behaviour(params)?,
    })
}

fn read_item_change(item: &mut Params) -> Result<ItemChange, StripeError> {
    let param = item.name("").trim_end_matches("[]").to_owned();
    Ok(ItemChange {
        id: None,
        price: read_price(item)?,
        quantity: item.integer("quantity", QUANTITY)?,
        deleted: false,
        metadata: item.metadata()?,
        param,
    })
}

/// A moment; the empty text takes it back.
fn read_cancel_at(now: i64, params: &mut Params) -> Result<Change<i64>, StripeError> {
    let mut probe = params.clone();
    if probe.clearable_text("cancel_at")?.as_deref() == Some("") {
        *params = probe;
        return Ok(Change::Clear);
    }
    let Some(moment) = params.timestamp("cancel_at")? else {
        return Ok(Change::Keep);
    };
    if moment <= now {
        return Err(StripeError::parameter(
            None,
            "cancel_at",
            "The `cancel_at` date must be in the future.",
        ));
    }
    Ok(Change::Set(moment))
}

fn read_pause(params: &mut Params) -> Result<Change<Pause>, StripeError> {
    let mut asked = match params.clearable_object("pause_collection")? {
        Change::Keep => return Ok(Change::Keep),
        Change::Clear => return Ok(Change::Clear),
        Change::Set(asked) => asked,
    };
    let missing = StripeError::missing_parameter(asked.name("behavior"));
    let behaviour = asked
        .choice("behavior", &PauseBehaviour::NAMES)?
        .ok_or(missing)?;
    let resumes_at = asked.timestamp("resumes_at")?;
    asked.finish()?;
    Ok(Change::Set(Pause {
        behaviour,
        resumes_at,
    }))
}

fn read_comments(params: &mut Params) -> Result<Cancellation, StripeError> {
    let Some(mut details) = params.object("cancellation_details")? else {
        return Ok(Cancellation::default());
    };
    let feedback: Vec<_> = [
        "customer_service",
        "low_quality",
        "missing_features",
        "other",
        "switched_service",
        "too_complex",
        "too_expensive",
        "unused",
    ]
    .map(|name| (name, name))
    .to_vec();
    let comments = Cancellation {
        reason: None,
        comment: details.text("comment")?,
        feedback: details.choice("feedback", &feedback)?.map(str::to_owned),
    };
    details.finish()?;
    Ok(comments)
}

fn cancel(state: &mut State, id: &str, mut params: Params) -> Outcome {
    let invoice_now = params.boolean("invoice_now")?.unwrap_or(false);
    let prorate = params.boolean("prorate")?.unwrap_or(false);
    let comments = read_comments(&mut params)?;
    params.finish()?;
    if state.subscription(id)?.status.is_terminal() {
        return Err(StripeError::no_such("subscription", id));
    }
    match (invoice_now, prorate) {
        (true, true) => state.credit_unused(id)?,
        (false, true) => {
            return Err(StripeError::invalid(
                "The sandbox credits unused time only together with `invoice_now`.",
            )
            .with_param("prorate"));
        }
        (true | false, false) => {}
    }
    state.cancel_now(id, comments)?;
    shown(state, id)
}

fn resume(state: &mut State, id: &str, mut params: Params) -> Outcome {
    params.choice("billing_cycle_anchor", &[("now", ())])?;
    params.choice("proration_behavior", &ProrationBehaviour::NAMES)?;
    params.finish()?;
    state.resume(id)?;
    shown(state, id)
}

/// Which statuses a list shows.
#[derive(Clone, Copy, Debug)]
enum Wanted {
    NotCanceled,
    All,
    Ended,
    Just(Status),
}

impl Wanted {
    fn holds(self, status: Status) -> bool {
        match self {
            Self::NotCanceled => status != Status::Canceled,
            Self::All => true,
            Self::Ended => status.is_terminal(),
            Self::Just(wanted) => wanted == status,
        }
    }
}

fn list(state: &State, mut params: Params) -> Outcome {
    let page = Page::read(&mut params)?;
    let created = Created::read(&mut params)?;
    let customer = params.text("customer")?;
    let price = params.text("price")?;
    let mut named: Vec<(&str, Wanted)> = Status::NAMES
        .iter()
        .map(|(name, status)| (*name, Wanted::Just(*status)))
        .collect();
    named.extend([("all", Wanted::All), ("ended", Wanted::Ended)]);
    let wanted = params
        .choice("status", &named)?
        .unwrap_or(Wanted::NotCanceled);
    params.finish()?;
    let rows = state.subscriptions.newest().filter(|subscription| {
        wanted.holds(subscription.status)
            && created.holds(*subscription)
            && matches(customer.as_ref(), Some(&subscription.customer))
            && price
                .as_ref()
                .is_none_or(|price| subscription.items.iter().any(|item| item.price == *price))
    });
    page.cut("/v1/subscriptions", rows, |subscription| {
        state.subscription_json(subscription)
    })
}

fn list_items(state: &State, mut params: Params) -> Outcome {
    let id = params.required_text("subscription")?;
    params.integer("limit", (1, 100))?;
    params.finish()?;
    let subscription = state
        .subscriptions
        .get(&id)
        .ok_or_else(|| StripeError::no_such_in("subscription", &id, "subscription"))?;
    let items = subscription
        .items
        .iter()
        .map(|item| state.subscription_item_json(subscription, item))
        .collect();
    Ok(crate::wire::list("/v1/subscription_items", items, false))
}

fn find_item<'a>(state: &'a State, id: &str) -> Result<(&'a Subscription, &'a Item), StripeError> {
    state
        .subscriptions
        .iter()
        .find_map(|subscription| {
            let item = subscription.items.iter().find(|item| item.id == id)?;
            Some((subscription, item))
        })
        .ok_or_else(|| StripeError::no_such("subscription_item", id))
}

fn shown_item(state: &State, id: &str) -> Outcome {
    let (subscription, item) = find_item(state, id)?;
    Ok(state.subscription_item_json(subscription, item))
}

fn update_item(state: &mut State, id: &str, mut params: Params) -> Outcome {
    let mut change = read_items_change(&mut params)?;
    let item = read_item_change(&mut params)?;
    params.ignore(&["off_session"]);
    params.finish()?;
    let (subscription, _) = find_item(state, id)?;
    if subscription.status.is_terminal() {
        return Err(StripeError::no_such("subscription_item", id));
    }
    let subscription = subscription.id.clone();
    change.items = vec![ItemChange {
        id: Some(id.to_owned()),
        ..item
    }];
    state.change_items(&subscription, &change)?;
    shown_item(state, id)
}
