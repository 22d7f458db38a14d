//! Lives that the sandbox really led, heard in any order: what becomes of its own events, each once or
//! twice, is what its last objects say. A word for a step of a life:
//!
//! `subscribe`, with `trial` for fourteen days of it and `unpaid` to leave the first payment to the
//! customer; `days` that pass; `card` that pays or `fails` from now on; `seats`; `stop` at the period's
//! end and `keep` after all; `end` at once.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tollgate_billing::{
    Event, Interval, Outcome, ProviderStatus, Refused, Snapshot, Subscription, SubscriptionId,
    Trialing, transition,
};
use tollgate_primitives::PlanKey;
use tollgate_stripe_sandbox::Sandbox;
use tollgate_use_cases::ports::{Described, Notice, NoticeContent, NoticeId, Payments, Webhooks};

use crate::given::{KEY, at, control, get, payments, post, sandbox, webhooks};

const LIVES: [&str; 10] = [
    "subscribe, days 29, days 3, days 29, days 3",
    "subscribe trial, days 12, days 3",
    "subscribe trial, card fails, days 15, card pays, days 20",
    "subscribe, card fails, days 29, days 3, days 25",
    "subscribe, seats 5, days 1, seats 4, days 29, days 3",
    "subscribe, stop, days 1, keep, seats 6, stop, days 29, days 3",
    "subscribe, days 1, end, days 1, subscribe, days 1, seats 2",
    "subscribe unpaid, days 2",
    "subscribe unpaid, days 2, subscribe, days 29, days 3",
    "subscribe trial, stop, days 15, subscribe, end",
];
/// Orders that are tried of each life.
const ORDERS: usize = 2_000;

#[tokio::test]
async fn i05_any_order_of_the_sandboxs_events_ends_where_its_objects_are() {
    for life in LIVES {
        let sandbox = sandbox().await;
        let (ids, heard) = live(&sandbox, life).await;
        let payments = payments(&sandbox.url());
        let mut finally = Vec::new();
        for id in &ids {
            let read = payments.read_subscription(id).await.unwrap();
            finally.push(read.unwrap().1);
        }
        let mut random = Random(1);
        for _ in 0..ORDERS {
            let order = shuffled(&heard, &mut random);
            let state = hear(&order, &finally);
            assert_stands(state.as_ref(), finally.last().unwrap(), (life, &order));
        }
        println!("{life}: {} events", heard.len());
    }
}

/// Answers the subscriptions in the order in which they began, and what was told of them.
async fn live(sandbox: &Sandbox, life: &str) -> (Vec<SubscriptionId>, Vec<Notice>) {
    let customer = post(sandbox, "/v1/customers", &[("email", "ada@example.org")]).await;
    let customer = text(&customer, "/id");
    take_card(sandbox, &customer, "pm_card_visa").await;
    let price = price(sandbox).await;
    let (mut ids, mut told) = (Vec::<String>::new(), BTreeMap::new());
    for step in life.split(", ") {
        let words: Vec<_> = step.split(' ').collect();
        match words[0] {
            "subscribe" => ids.push(subscribe(sandbox, &customer, &price, &words[1..]).await),
            "card" if words[1] == "pays" => take_card(sandbox, &customer, "pm_card_visa").await,
            "card" => take_card(sandbox, &customer, "pm_card_chargeCustomerFail").await,
            "days" => {
                let seconds = words[1].parse::<i64>().unwrap() * 24 * 60 * 60;
                control(sandbox, "clock", json!({ "advance_seconds": seconds })).await;
            }
            change => {
                let id = ids.last().unwrap();
                change_to(sandbox, id, (change, words.get(1).copied())).await;
            }
        }
        note_events(sandbox, &mut told).await;
    }
    let ids = ids.iter().map(|id| SubscriptionId::new(id)).collect();
    (ids, told.into_values().collect())
}

async fn change_to(sandbox: &Sandbox, id: &str, (change, seats): (&str, Option<&str>)) {
    let path = format!("/v1/subscriptions/{id}");
    let form = match change {
        "seats" => {
            let item = text(&get(sandbox, &path).await, "/items/data/0/id");
            vec![
                ("items[0][id]", item),
                ("items[0][quantity]", seats.unwrap().to_owned()),
            ]
        }
        "stop" => vec![("cancel_at_period_end", "true".to_owned())],
        "keep" => vec![("cancel_at_period_end", "false".to_owned())],
        "end" => {
            let request = reqwest::Client::new().delete(sandbox.url() + &path);
            let answer = request.bearer_auth(KEY).send().await.unwrap();
            assert!(answer.status().is_success(), "{answer:?}");
            return;
        }
        unheard => panic!("no life has a {unheard}"),
    };
    let form: Vec<_> = form
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();
    post(sandbox, &path, &form).await;
}

async fn subscribe(sandbox: &Sandbox, customer: &str, price: &str, how: &[&str]) -> String {
    let mut form = vec![
        ("customer", customer),
        ("items[0][price]", price),
        ("items[0][quantity]", "3"),
    ];
    if how.contains(&"trial") {
        form.push(("trial_period_days", "14"));
    }
    if how.contains(&"unpaid") {
        form.push(("payment_behavior", "default_incomplete"));
    }
    text(&post(sandbox, "/v1/subscriptions", &form).await, "/id")
}

async fn take_card(sandbox: &Sandbox, customer: &str, card: &str) {
    let path = format!("/v1/payment_methods/{card}/attach");
    let method = post(sandbox, &path, &[("customer", customer)]).await;
    let default = "invoice_settings[default_payment_method]";
    let form = [(default, method["id"].as_str().unwrap())];
    post(sandbox, &format!("/v1/customers/{customer}"), &form).await;
}

async fn price(sandbox: &Sandbox) -> String {
    let product = text(
        &post(sandbox, "/v1/products", &[("name", "Pro")]).await,
        "/id",
    );
    let form = [
        ("product", product.as_str()),
        ("currency", "usd"),
        ("unit_amount", "4900"),
        ("recurring[interval]", "month"),
    ];
    text(&post(sandbox, "/v1/prices", &form).await, "/id")
}

fn text(answer: &Value, pointer: &str) -> String {
    answer
        .pointer(pointer)
        .unwrap()
        .as_str()
        .unwrap()
        .to_owned()
}

/// Keeps what concerns us of what happened; after thirty days it cannot be listed any more.
async fn note_events(sandbox: &Sandbox, told: &mut BTreeMap<NoticeId, Notice>) {
    let events = get(sandbox, "/v1/events?limit=100").await;
    assert_eq!(events["has_more"], false);
    let webhooks = webhooks();
    for body in events["data"].as_array().unwrap() {
        let notice = webhooks.read_stored(&body.to_string()).unwrap();
        if event(&notice).is_some() {
            told.insert(notice.id.clone(), notice);
        }
    }
}

fn event(notice: &Notice) -> Option<Event> {
    let stamp = notice.stamp;
    Some(match notice.content.clone() {
        NoticeContent::Subscription { described, .. } => Event::Observed(in_catalog(described)),
        NoticeContent::PaymentFailed {
            subscription,
            attempt,
            next_attempt,
            ..
        } => Event::PaymentFailed {
            subscription,
            attempt,
            next_attempt,
            stamp,
        },
        NoticeContent::PaymentSucceeded { subscription, .. } => Event::PaymentSucceeded {
            subscription,
            stamp,
        },
        NoticeContent::TrialWillEnd {
            subscription,
            ends_at,
            ..
        } => Event::TrialWillEnd {
            subscription,
            ends_at,
        },
        NoticeContent::Irrelevant => return None,
        unheard @ (NoticeContent::CheckoutCompleted { .. }
        | NoticeContent::CheckoutExpired { .. }
        | NoticeContent::Unreadable { .. }) => panic!("no life leads to {unheard:?}"),
    })
}

fn in_catalog(described: Described) -> Snapshot {
    described.in_catalog(PlanKey::parse("pro").unwrap(), Interval::Monthly)
}

/// As the use cases do: what is refused is heard again, and what cannot be ordered is read, the stored
/// subscription first, and then done.
fn hear(order: &[&Notice], finally: &[Described]) -> Option<Subscription> {
    let mut state = None;
    let mut refused = Vec::new();
    for notice in order {
        if step(&mut state, notice, finally) == Err(Refused::UnknownSubscription) {
            refused.push(*notice);
        }
    }
    for notice in refused {
        step(&mut state, notice, finally).unwrap();
    }
    state
}

fn step(
    state: &mut Option<Subscription>,
    notice: &Notice,
    finally: &[Described],
) -> Result<(), Refused> {
    let heard = event(notice).unwrap();
    if apply(state, &heard)? == Asked::Yes {
        let stored = state.as_ref().and_then(Subscription::bought);
        let stored = stored.map(|bought| bought.subscription.clone());
        let is_stored = |known: &&Described| Some(&known.subscription) == stored.as_ref();
        let others = finally.iter().filter(|known| !is_stored(known));
        for known in finally.iter().filter(is_stored).chain(others) {
            apply(state, &Event::Read(in_catalog(known.clone())))?;
        }
        apply(state, &heard)?;
    }
    Ok(())
}

#[derive(PartialEq)]
enum Asked {
    Yes,
    No,
}

fn apply(state: &mut Option<Subscription>, event: &Event) -> Result<Asked, Refused> {
    match transition(state.as_ref(), event, at(0))? {
        Outcome::Moved { next, .. } => *state = Some(next),
        Outcome::NeedsRead => return Ok(Asked::Yes),
        Outcome::Noticed(_) | Outcome::AlreadyApplied => {}
    }
    Ok(Asked::No)
}

fn assert_stands(
    state: Option<&Subscription>,
    last: &Described,
    (life, order): (&str, &[&Notice]),
) {
    let kinds: Vec<_> = order.iter().map(|notice| &notice.kind).collect();
    let state = state.unwrap();
    let bought = state.bought().unwrap();
    let stored = (
        status(state),
        &bought.subscription,
        (bought.seats, bought.period),
        bought.cancellation.map(|cancellation| cancellation.at),
        state.ended().map(|ended| ended.ended_at),
    );
    let told = (
        last.status,
        &last.subscription,
        (last.seats, last.period),
        last.cancel_at,
        last.ended_at,
    );
    assert_eq!(stored, told, "{life}: {kinds:?}");
}

fn status(state: &Subscription) -> ProviderStatus {
    match state {
        Subscription::Trialing(Trialing::Purchased(_)) => ProviderStatus::Trialing,
        Subscription::PendingPayment(_) => ProviderStatus::Incomplete,
        Subscription::Active(_) => ProviderStatus::Active,
        Subscription::PastDue(_) => ProviderStatus::PastDue,
        Subscription::Unpaid(_) => ProviderStatus::Unpaid,
        Subscription::Paused(_) => ProviderStatus::Paused,
        Subscription::Canceled(_) => ProviderStatus::Canceled,
        Subscription::Expired(_) => ProviderStatus::IncompleteExpired,
        Subscription::Free { .. } | Subscription::Trialing(Trialing::Reverse { .. }) => {
            panic!("nothing of that was there")
        }
    }
}

/// A linear congruential generator: the same orders in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from((self.0 >> 33) % end as u64).unwrap()
    }
}

/// Every event, some of them twice, in any order.
fn shuffled<'n>(heard: &'n [Notice], random: &mut Random) -> Vec<&'n Notice> {
    let mut order: Vec<_> = heard.iter().collect();
    for _ in 0..2 {
        order.push(&heard[random.below(heard.len())]);
    }
    for place in (1..order.len()).rev() {
        order.swap(place, random.below(place + 1));
    }
    order
}
