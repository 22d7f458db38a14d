//! The state machine by itself: no HTTP, no clock but the one in hand.

use serde_json::Value;

use super::{
    AfterRetries, State,
    card::Card,
    change::{ItemChange, ItemsChange, ProrationBehaviour},
    subscription::{NewItem, NewSubscription, PaymentBehaviour, Status, TrialEndWithoutCard},
};
use crate::{
    calendar::{Cadence, DAY, HOUR, Interval},
    clock::Clock,
    errors::StripeError,
    form::MetadataChange,
};

/// 31 January 2026, noon UTC.
const START: i64 = 1_769_860_800;
const PAYS: &str = "4242424242424242";
const FAILS: &str = "4000000000000341";

struct Account {
    state: State,
    customer: String,
    price: String,
}

/// An account with one monthly price of $10 and a customer with this card as default.
fn account(card: Option<&str>) -> Account {
    let mut state = State::new(Clock::Frozen { at: START }, START, 1);
    let product = state.new_product("Pro", |_| ());
    let price = state.new_price(&product, |price| {
        price.unit_amount = 1000;
        price.cadence = Some(Cadence {
            interval: Interval::Month,
            count: 1,
        });
    });
    let customer = state.new_customer(|_| ());
    if let Some(number) = card {
        let method = state.new_payment_method(Card::by_number(number).unwrap());
        state.attach(&method, &customer).unwrap();
        state.edit_customer(&customer, |customer| {
            customer.default_payment_method = Some(method);
        });
    }
    Account {
        state,
        customer,
        price,
    }
}

impl Account {
    fn subscribe(
        &mut self,
        fill: impl FnOnce(&mut NewSubscription),
    ) -> Result<String, StripeError> {
        let item = NewItem {
            price: self.price.clone(),
            quantity: 1,
            metadata: std::collections::BTreeMap::new(),
            param: "items[0][price]".into(),
        };
        let mut new = NewSubscription {
            customer: self.customer.clone(),
            items: vec![item],
            ..NewSubscription::default()
        };
        fill(&mut new);
        self.state.create_subscription(new)
    }

    fn status(&self, id: &str) -> Status {
        self.state.subscription(id).unwrap().status
    }

    /// Types of the events since the last look, oldest first.
    fn told(&self, since: usize) -> Vec<&str> {
        self.state
            .events
            .iter()
            .skip(since)
            .map(|event| event.kind.as_str())
            .collect()
    }

    fn seats(&self, id: &str, quantity: i64, proration: ProrationBehaviour) -> ItemsChange {
        let item = self.state.subscription(id).unwrap().items[0].id.clone();
        let change = ItemChange {
            id: Some(item),
            price: None,
            quantity: Some(quantity),
            deleted: false,
            metadata: MetadataChange::default(),
            param: "items[0]".into(),
        };
        ItemsChange {
            items: vec![change],
            proration,
            ..ItemsChange::default()
        }
    }
}

#[test]
fn a_purchase_that_pays_is_told_step_by_step() {
    let mut account = account(Some(PAYS));
    let before = account.told(0).len();
    let id = account.subscribe(|_| ()).unwrap();
    assert_eq!(account.status(&id), Status::Active);
    assert_eq!(
        account.told(before),
        [
            "customer.subscription.created",
            "invoice.created",
            "payment_intent.created",
            "invoice.finalized",
            "payment_intent.succeeded",
            "charge.succeeded",
            "invoice.paid",
            "invoice.payment_succeeded",
            "customer.subscription.updated",
        ]
    );
}

#[test]
fn a_first_payment_that_fails_follows_the_asked_behaviour() {
    let mut account = account(Some(FAILS));
    let allowed = account.subscribe(|_| ()).unwrap();
    assert_eq!(account.status(&allowed), Status::Incomplete);
    let refused = account.subscribe(|new| new.behaviour = PaymentBehaviour::Refuse);
    assert_eq!(refused.unwrap_err().status, 402);
    let awaited = account
        .subscribe(|new| new.behaviour = PaymentBehaviour::Await)
        .unwrap();
    assert_eq!(account.status(&awaited), Status::Incomplete);
    assert_eq!(account.state.subscriptions.iter().count(), 2);
    account.state.settle(START + 23 * HOUR);
    assert_eq!(account.status(&allowed), Status::IncompleteExpired);
    assert_eq!(account.status(&awaited), Status::IncompleteExpired);
}

#[test]
fn months_are_billed_on_the_31st_where_there_is_one() {
    let mut account = account(Some(PAYS));
    let id = account.subscribe(|_| ()).unwrap();
    let mut ends = Vec::new();
    for _ in 0..4 {
        let end = account.state.subscription(&id).unwrap().period.end;
        ends.push(crate::calendar::day(end));
        account.state.settle(end);
    }
    assert_eq!(
        ends,
        ["28 Feb 2026", "31 Mar 2026", "30 Apr 2026", "31 May 2026"]
    );
}

#[test]
fn one_long_step_and_many_short_ones_end_alike() {
    let life = |steps: i64| {
        let mut account = account(Some(FAILS));
        let id = account
            .subscribe(|new| new.trial_end = Some(START + 10 * DAY))
            .unwrap();
        for step in 1..=steps {
            account.state.settle(START + 60 * DAY * step / steps);
        }
        let events: Vec<(i64, String)> = account
            .state
            .events
            .iter()
            .map(|event| (event.created, event.kind.clone()))
            .collect();
        (account.status(&id), events)
    };
    let (status, events) = life(1);
    assert_eq!(status, Status::Canceled);
    let recent: Vec<_> = life(977).1;
    let shown = events.len().min(recent.len());
    assert_eq!(
        events[events.len() - shown..],
        recent[recent.len() - shown..]
    );
}

#[test]
fn a_trial_without_a_card_ends_as_it_was_asked() {
    for (end, status) in [
        (TrialEndWithoutCard::CreateInvoice, Status::PastDue),
        (TrialEndWithoutCard::Pause, Status::Paused),
        (TrialEndWithoutCard::Cancel, Status::Canceled),
    ] {
        let mut account = account(None);
        let trial = |new: &mut NewSubscription| {
            new.trial_end = Some(START + 10 * DAY);
            new.trial_end_without_card = end;
        };
        let id = account.subscribe(trial).unwrap();
        account.state.settle(START + 10 * DAY - 1);
        assert_eq!(account.status(&id), Status::Trialing);
        account.state.settle(START + 10 * DAY);
        assert_eq!(account.status(&id), status, "{end:?}");
    }
}

#[test]
fn an_unpaid_subscription_drafts_its_invoices_and_a_paid_one_recovers() {
    let mut account = account(Some(FAILS));
    account.state.settings.after_retries = AfterRetries::Unpaid;
    let id = account
        .subscribe(|new| new.trial_end = Some(START + DAY))
        .unwrap();
    account.state.settle(START + 40 * DAY);
    assert_eq!(account.status(&id), Status::Unpaid);
    let open = account
        .state
        .invoices
        .iter()
        .find(|invoice| account.state.is_open(&invoice.id));
    let open = open.unwrap().id.clone();
    let card = account
        .state
        .new_payment_method(Card::by_number(PAYS).unwrap());
    account.state.attach(&card, &account.customer).unwrap();
    account
        .state
        .collect(&open, Some(card), super::invoice::Attempt::Asked)
        .unwrap();
    assert_eq!(account.status(&id), Status::Active);
}

#[test]
fn fewer_seats_are_credited_to_the_next_invoice() {
    let mut account = account(Some(PAYS));
    let id = account.subscribe(|_| ()).unwrap();
    account.state.settle(START + 14 * DAY);
    let up = account.seats(&id, 3, ProrationBehaviour::AlwaysInvoice);
    account.state.change_items(&id, &up).unwrap();
    let latest = account
        .state
        .subscription(&id)
        .unwrap()
        .latest_invoice
        .clone()
        .unwrap();
    // Half of the 28 days are left: two more seats cost half of $20.
    assert_eq!(account.state.invoice(&latest).unwrap().amount_paid, 1000);

    let down = account.seats(&id, 1, ProrationBehaviour::CreateProrations);
    account.state.change_items(&id, &down).unwrap();
    let upcoming = account.state.upcoming_invoice(&id).unwrap();
    assert_eq!(upcoming.total(), 1000 - 1000);
    account.state.settle(START + 28 * DAY);
    let renewal = account
        .state
        .subscription(&id)
        .unwrap()
        .latest_invoice
        .clone()
        .unwrap();
    assert_eq!(
        account.state.invoice(&renewal).unwrap().total(),
        upcoming.total()
    );
}

#[test]
fn a_state_read_back_is_the_state_that_was_written() {
    let mut account = account(Some(PAYS));
    account.subscribe(|_| ()).unwrap();
    account.state.settle(START + 100 * DAY);
    let written = serde_json::to_value(&account.state).unwrap();
    let read: State = serde_json::from_value(written.clone()).unwrap();
    let again: Value = serde_json::to_value(&read).unwrap();
    assert_eq!(written, again);
}
