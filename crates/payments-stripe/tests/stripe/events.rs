//! What each event says, in both generations of payloads, and what is parked instead of guessed.

use serde_json::{Value, json};
use tollgate_billing::{Customer, Period, PriceId, ProviderStatus, Stamp, SubscriptionId};
use tollgate_payments_stripe::{Mode, StripeWebhooks};
use tollgate_use_cases::ports::{CheckoutSessionId, Described, NoticeContent, Webhooks};

use crate::given::{NOW, SECRET, at, event, heard, read, subscription};

const UPDATED: &str = "customer.subscription.updated";

fn described() -> Described {
    Described {
        subscription: SubscriptionId::new("sub_1"),
        status: ProviderStatus::Active,
        price: PriceId::new("price_1"),
        seats: 3,
        period: Period::new(at(NOW), at(NOW + 2_592_000)).unwrap(),
        cancel_at: None,
        ended_at: None,
        stamp: Stamp::from_unix_seconds(NOW),
    }
}

fn snapshot(described: Described) -> NoticeContent {
    NoticeContent::Subscription {
        customer: Customer::new("cus_1"),
        described,
    }
}

/// `object` with `change` laid over its fields.
fn with(mut object: Value, change: Value) -> Value {
    let Value::Object(change) = change else {
        panic!("a change is an object")
    };
    object.as_object_mut().unwrap().extend(change);
    object
}

fn assert_parked(content: &NoticeContent, why: &str) {
    let NoticeContent::Unreadable { reason } = content else {
        panic!("{why}: not parked but {content:?}")
    };
    assert!(reason.contains(why), "{reason:?} does not say {why:?}");
}

#[test]
fn a_subscription_that_was_created_or_updated_is_a_snapshot() {
    for kind in ["customer.subscription.created", UPDATED] {
        assert_eq!(
            heard(kind, &subscription()),
            snapshot(described()),
            "{kind}"
        );
    }
}

#[test]
fn the_envelope_is_kept_with_the_snapshot() {
    let notice = read(&event(UPDATED, &subscription()));
    assert_eq!(notice.id.0, "evt_1");
    assert_eq!(notice.kind, UPDATED);
    assert_eq!(notice.api_version.as_deref(), Some("2026-09-30.endive"));
    assert_eq!(notice.stamp, Stamp::from_unix_seconds(NOW));
}

#[test]
fn the_period_is_found_where_versions_before_basil_put_it() {
    let old = with(
        subscription(),
        json!({
            "current_period_start": NOW,
            "current_period_end": NOW + 2_592_000,
            "items": {"data": [{"price": {"id": "price_1"}, "quantity": 3}]},
        }),
    );
    assert_eq!(heard(UPDATED, &old), snapshot(described()));
}

#[test]
fn an_expanded_customer_is_the_same_customer() {
    let expanded = with(
        subscription(),
        json!({"customer": {"id": "cus_1", "object": "customer"}}),
    );
    assert_eq!(heard(UPDATED, &expanded), snapshot(described()));
}

#[test]
fn every_status_of_stripe_has_its_word() {
    for (word, status) in [
        ("incomplete", ProviderStatus::Incomplete),
        ("incomplete_expired", ProviderStatus::IncompleteExpired),
        ("trialing", ProviderStatus::Trialing),
        ("active", ProviderStatus::Active),
        ("past_due", ProviderStatus::PastDue),
        ("unpaid", ProviderStatus::Unpaid),
        ("paused", ProviderStatus::Paused),
        ("canceled", ProviderStatus::Canceled),
    ] {
        let told = heard(UPDATED, &with(subscription(), json!({"status": word})));
        let expected = Described {
            status,
            ..described()
        };
        assert_eq!(told, snapshot(expected), "{word}");
    }
}

#[test]
fn an_end_is_scheduled_by_a_date_or_by_the_end_of_the_period() {
    let period_end = NOW + 2_592_000;
    for (change, cancel_at) in [
        (json!({"cancel_at_period_end": true}), Some(period_end)),
        (json!({"cancel_at": NOW + 60}), Some(NOW + 60)),
        (
            json!({"cancel_at_period_end": true, "cancel_at": period_end}),
            Some(period_end),
        ),
        (json!({"canceled_at": NOW}), None),
    ] {
        let expected = Described {
            cancel_at: cancel_at.map(at),
            ..described()
        };
        let told = heard(UPDATED, &with(subscription(), change.clone()));
        assert_eq!(told, snapshot(expected), "{change}");
    }
}

#[test]
fn a_deleted_subscription_has_ended_when_stripe_says() {
    let ended = with(
        subscription(),
        json!({"status": "canceled", "ended_at": NOW + 9}),
    );
    let expected = Described {
        status: ProviderStatus::Canceled,
        ended_at: Some(at(NOW + 9)),
        ..described()
    };
    let deleted = "customer.subscription.deleted";
    assert_eq!(heard(deleted, &ended), snapshot(expected));
    assert_parked(&heard(deleted, &subscription()), "Active");
}

#[test]
fn a_metered_item_beside_the_plan_is_passed_over() {
    let mut two = subscription();
    let metered = json!({"price": {"id": "price_2", "recurring": {"usage_type": "metered"}}});
    two["items"]["data"]
        .as_array_mut()
        .unwrap()
        .insert(0, metered);
    assert_eq!(heard(UPDATED, &two), snapshot(described()));
}

#[test]
fn a_subscription_we_cannot_read_is_parked_with_the_reason() {
    let item = subscription()["items"]["data"][0].clone();
    let without = |field: &str| {
        let mut item = item.clone();
        item.as_object_mut().unwrap().remove(field);
        json!({"items": {"data": [item]}})
    };
    for (change, why) in [
        (json!({"status": "hibernating"}), "hibernating"),
        (json!({"status": null}), "expected a string"),
        (json!({"customer": null}), "line 1"),
        (json!({"items": {"data": []}}), "no item"),
        (
            json!({"items": {"data": [item, item]}}),
            "more than one item",
        ),
        (without("quantity"), "quantity is missing"),
        (without("price"), "missing field `price`"),
        (
            without("current_period_end"),
            "current_period_start or _end",
        ),
        (json!({"cancel_at": -1}), "cancel_at is out of range"),
        (json!({"ended_at": i64::MAX}), "ended_at is out of range"),
        (json!({"status": "x".repeat(1 << 20)}), "xxx"),
    ] {
        assert_parked(&heard(UPDATED, &with(subscription(), change)), why);
    }
    let mut backwards = subscription();
    backwards["items"]["data"][0]["current_period_end"] = json!(NOW - 1);
    assert_parked(&heard(UPDATED, &backwards), "cannot end before it starts");
}

#[test]
fn a_reason_never_carries_the_whole_payload() {
    let huge = with(subscription(), json!({"status": "x".repeat(1 << 20)}));
    let NoticeContent::Unreadable { reason } = heard(UPDATED, &huge) else {
        panic!("not parked")
    };
    assert!(reason.len() <= 200);
}

#[test]
fn a_trial_that_will_end_says_when() {
    let kind = "customer.subscription.trial_will_end";
    let trial = with(
        subscription(),
        json!({"status": "trialing", "trial_end": NOW + 259_200}),
    );
    let expected = NoticeContent::TrialWillEnd {
        customer: Customer::new("cus_1"),
        subscription: SubscriptionId::new("sub_1"),
        ends_at: at(NOW + 259_200),
    };
    assert_eq!(heard(kind, &trial), expected);
    assert_parked(&heard(kind, &subscription()), "trial_end is missing");
}

#[test]
fn the_end_of_a_checkout_page_names_what_was_bought() {
    let session = json!({
        "id": "cs_1", "mode": "subscription", "status": "complete",
        "customer": "cus_1", "subscription": {"id": "sub_1", "object": "subscription"},
    });
    let expected = NoticeContent::CheckoutCompleted {
        session: CheckoutSessionId("cs_1".to_owned()),
        customer: Some(Customer::new("cus_1")),
        subscription: Some(SubscriptionId::new("sub_1")),
    };
    assert_eq!(heard("checkout.session.completed", &session), expected);
    let expected = NoticeContent::CheckoutExpired {
        session: CheckoutSessionId("cs_1".to_owned()),
    };
    assert_eq!(heard("checkout.session.expired", &session), expected);
}

#[test]
fn a_page_that_sells_no_subscription_is_nothing_to_us() {
    for kind in ["checkout.session.completed", "checkout.session.expired"] {
        for mode in ["payment", "setup"] {
            let content = heard(kind, &json!({"id": "cs_1", "mode": mode}));
            assert_eq!(content, NoticeContent::Irrelevant, "{kind} {mode}");
        }
        assert_parked(&heard(kind, &json!({"id": "cs_1"})), "mode is missing");
        assert_parked(
            &heard(kind, &json!({"mode": "subscription"})),
            "missing field `id`",
        );
    }
}

#[test]
fn an_invoice_names_its_subscription_in_either_place() {
    for place in [
        json!({"subscription": "sub_1"}),
        json!({"parent": {"type": "subscription_details", "subscription_details": {"subscription": "sub_1"}}}),
        json!({"subscription": null, "parent": {"subscription_details": {"subscription": {"id": "sub_1"}}}}),
    ] {
        let paid = with(json!({"id": "in_1", "customer": "cus_1"}), place.clone());
        let expected = NoticeContent::PaymentSucceeded {
            customer: Customer::new("cus_1"),
            subscription: SubscriptionId::new("sub_1"),
        };
        assert_eq!(heard("invoice.paid", &paid), expected, "{place}");
        assert_eq!(
            heard("invoice.payment_succeeded", &paid),
            expected,
            "{place}"
        );

        let failed = with(
            paid,
            json!({"attempt_count": 2, "next_payment_attempt": NOW + 60}),
        );
        let expected = NoticeContent::PaymentFailed {
            customer: Customer::new("cus_1"),
            subscription: SubscriptionId::new("sub_1"),
            attempt: 2,
            next_attempt: Some(at(NOW + 60)),
        };
        assert_eq!(
            heard("invoice.payment_failed", &failed),
            expected,
            "{place}"
        );
    }
}

#[test]
fn an_invoice_without_subscription_is_nothing_to_us() {
    for invoice in [
        json!({"id": "in_1", "customer": "cus_1"}),
        json!({"id": "in_1", "customer": "cus_1", "subscription": null, "parent": null}),
        json!({"id": "in_1", "parent": {"type": "quote_details", "subscription_details": null}}),
    ] {
        for kind in [
            "invoice.paid",
            "invoice.payment_succeeded",
            "invoice.payment_failed",
        ] {
            assert_eq!(
                heard(kind, &invoice),
                NoticeContent::Irrelevant,
                "{kind} {invoice}"
            );
        }
    }
}

#[test]
fn an_invoice_that_says_too_little_is_parked() {
    let invoice = json!({"id": "in_1", "customer": "cus_1", "subscription": "sub_1"});
    assert_parked(
        &heard("invoice.payment_failed", &invoice),
        "attempt_count is missing",
    );
    let nobodys = json!({"id": "in_1", "subscription": "sub_1"});
    assert_parked(&heard("invoice.paid", &nobodys), "customer is missing");
}

#[test]
fn other_kinds_and_thin_events_are_nothing_to_us() {
    for kind in [
        "ping",
        "invoice.upcoming",
        "customer.subscription.paused",
        "charge.refunded",
    ] {
        assert_eq!(
            heard(kind, &subscription()),
            NoticeContent::Irrelevant,
            "{kind}"
        );
    }
    let thin = read(&json!({
        "id": "evt_1",
        "object": "v2.core.event",
        "type": "v1.billing.meter.error_report_triggered",
        "created": "2026-09-21T14:13:20.246Z",
        "livemode": false,
        "related_object": {"id": "mtr_1", "type": "billing.meter"},
    }));
    assert_eq!(thin.content, NoticeContent::Irrelevant);
    assert_eq!(thin.stamp, Stamp::from_unix_seconds(NOW));
}

#[test]
fn an_event_meant_for_another_environment_is_parked() {
    let live = with(event(UPDATED, &subscription()), json!({"livemode": true}));
    assert_parked(&read(&live).content, "livemode is true");
    let silent = with(event(UPDATED, &subscription()), json!({"livemode": null}));
    assert_parked(&read(&silent).content, "livemode is null");
    let foreign = with(
        event(UPDATED, &subscription()),
        json!({"account": "acct_2"}),
    );
    assert_parked(&read(&foreign).content, "another account");

    let production = StripeWebhooks::new(&[SECRET.into()], Mode::Live, None).unwrap();
    let test = event(UPDATED, &subscription()).to_string();
    let notice = production.read_stored(&test).unwrap();
    assert_parked(&notice.content, "livemode is false");

    let account = Some("acct_2".to_owned());
    let connected = StripeWebhooks::new(&[SECRET.into()], Mode::Test, account).unwrap();
    let notice = connected.read_stored(&foreign.to_string()).unwrap();
    assert_eq!(notice.content, snapshot(described()));
}

#[test]
fn an_envelope_that_says_too_little_is_parked_under_its_id() {
    for change in [
        json!({"created": null}),
        json!({"created": "yesterday"}),
        json!({"created": [1]}),
    ] {
        let notice = read(&with(event(UPDATED, &subscription()), change));
        assert_eq!(notice.id.0, "evt_1");
        assert_parked(&notice.content, "created is missing");
    }
    let hollow = with(event(UPDATED, &subscription()), json!({"data": null}));
    assert_parked(&read(&hollow).content, "line 1");
}
