use serde_json::json;

use crate::support::{DAY, DECLINED, FAILS_WHEN_CHARGED, PAYS, START, World};

const ITEM: &str = "/items/data/0";

#[tokio::test]
async fn a_session_paid_makes_an_active_subscription() {
    let world = World::start().await;
    let price = world.price("4900", "month").await;
    let session = world
        .session(&price, &[("subscription_data[metadata][account]", "7")])
        .await
        .ok();
    assert_eq!(session.number("/expires_at"), START + DAY);
    let declined = world
        .request(
            reqwest::Method::POST,
            &format!("/_sandbox/checkout/{}/pay", session.id()),
        )
        .json(&json!({ "card": DECLINED }));
    assert_eq!(
        crate::support::read(declined).await.refusal().2,
        "card_declined"
    );
    let paid = world
        .control(
            &format!("checkout/{}/pay", session.id()),
            json!({ "card": PAYS }),
        )
        .await;
    assert_eq!(
        (&paid["status"], &paid["payment_status"]),
        (&json!("complete"), &json!("paid"))
    );

    let id = paid["subscription"].as_str().unwrap();
    let found = world
        .get(&format!("/v1/subscriptions/{id}?expand[]=latest_invoice"))
        .await
        .ok();
    assert_eq!(found.text("/status"), "active");
    assert_eq!(found.text("/metadata/account"), "7");
    assert_eq!(
        found.number("/items/data/0/current_period_end"),
        START + 30 * DAY
    );
    assert_eq!(
        found.text("/latest_invoice/parent/subscription_details/subscription"),
        id
    );
    assert!(found.body["latest_invoice"].get("subscription").is_none());
    assert!(found.body.get("current_period_end").is_none());
    let types = world.event_types().await;
    assert_eq!(types.last().unwrap(), "checkout.session.completed");
}

#[tokio::test]
async fn a_trial_ends_in_the_first_payment_and_says_so_three_days_before() {
    let world = World::start().await;
    let price = world.price("4900", "month").await;
    let session = world
        .session(&price, &[("subscription_data[trial_period_days]", "14")])
        .await
        .ok();
    assert_eq!(session.number("/amount_total"), 0);
    let paid = world
        .control(
            &format!("checkout/{}/pay", session.id()),
            json!({ "card": PAYS }),
        )
        .await;
    assert_eq!(paid["payment_status"], "no_payment_required");
    let path = format!(
        "/v1/subscriptions/{}",
        paid["subscription"].as_str().unwrap()
    );
    assert_eq!(world.get(&path).await.ok().text("/status"), "trialing");

    world.advance(11 * DAY).await;
    assert_eq!(
        world.event_types().await.last().unwrap(),
        "customer.subscription.trial_will_end"
    );
    world.advance(3 * DAY - 1).await;
    assert_eq!(world.get(&path).await.ok().text("/status"), "trialing");
    world.advance(1).await;
    let active = world.get(&path).await.ok();
    assert_eq!(active.text("/status"), "active");
    assert_eq!(
        active.number(&format!("{ITEM}/current_period_start")),
        START + 14 * DAY
    );
}

#[tokio::test]
async fn a_trial_ended_by_hand_bills_what_was_asked_for_with_it() {
    let world = World::start().await;
    let customer = world.customer("pm_card_visa").await;
    let price = world.price("4900", "month").await;
    let form = [
        ("customer", customer.as_str()),
        ("items[0][price]", &price),
        ("trial_period_days", "14"),
    ];
    let trial = world.post("/v1/subscriptions", &form).await.ok();
    world.advance(3 * DAY).await;
    let form = [
        ("trial_end", "now"),
        ("items[0][id]", &trial.text("/items/data/0/id")),
        ("items[0][quantity]", "3"),
        ("expand[]", "latest_invoice"),
    ];
    let active = world
        .post(&format!("/v1/subscriptions/{}", trial.id()), &form)
        .await
        .ok();
    assert_eq!(active.text("/status"), "active");
    assert_eq!(active.number("/latest_invoice/amount_paid"), 3 * 4900);
    assert_eq!(active.number("/billing_cycle_anchor"), START + 3 * DAY);
}

#[tokio::test]
async fn a_failing_card_is_tried_again_and_ends_as_the_settings_say() {
    for (after, status) in [
        ("cancel", "canceled"),
        ("unpaid", "unpaid"),
        ("past_due", "past_due"),
    ] {
        let world = World::start().await;
        world
            .control("settings", json!({ "after_retries": after }))
            .await;
        let price = world.price("4900", "month").await;
        let session = world
            .session(&price, &[("subscription_data[trial_period_days]", "2")])
            .await
            .ok();
        let pay = format!("checkout/{}/pay", session.id());
        let paid = world
            .control(&pay, json!({ "card": FAILS_WHEN_CHARGED }))
            .await;
        let path = format!(
            "/v1/subscriptions/{}?expand[]=latest_invoice",
            paid["subscription"].as_str().unwrap()
        );

        world.advance(2 * DAY).await;
        let due = world.get(&path).await.ok();
        assert_eq!(due.text("/status"), "past_due");
        assert_eq!(due.number("/latest_invoice/attempt_count"), 1);
        assert_eq!(
            due.number("/latest_invoice/next_payment_attempt"),
            START + 5 * DAY
        );
        world.advance(8 * DAY).await;
        let due = world.get(&path).await.ok();
        assert_eq!(
            (
                due.text("/status"),
                due.number("/latest_invoice/attempt_count")
            ),
            ("past_due".into(), 3)
        );
        world.advance(7 * DAY).await;
        let over = world.get(&path).await.ok();
        assert_eq!(over.text("/status"), status);
        assert_eq!(over.number("/latest_invoice/attempt_count"), 4);
        assert!(over.body["latest_invoice"]["next_payment_attempt"].is_null());
    }
}

#[tokio::test]
async fn a_new_card_pays_the_open_invoice_and_heals_the_subscription() {
    let world = World::start().await;
    let (customer, price) = (
        world.customer("pm_card_visa").await,
        world.price("4900", "month").await,
    );
    let subscription = world.subscribe(&customer, &price).await.id();
    let bad = world
        .post(
            "/v1/payment_methods/pm_card_chargeCustomerFail/attach",
            &[("customer", &customer)],
        )
        .await
        .ok()
        .id();
    let path = format!("/v1/subscriptions/{subscription}");
    world
        .post(&path, &[("default_payment_method", &bad)])
        .await
        .ok();
    world.advance(30 * DAY).await;
    let due = world.get(&path).await.ok();
    assert_eq!(due.text("/status"), "past_due");
    let invoice = format!("/v1/invoices/{}/pay", due.text("/latest_invoice"));
    assert_eq!(
        world.post(&invoice, &[]).await.refusal(),
        (402, "card_error".into(), "card_declined".into())
    );
    let good = world
        .post(
            "/v1/payment_methods/pm_card_visa/attach",
            &[("customer", &customer)],
        )
        .await
        .ok()
        .id();
    let paid = world
        .post(&invoice, &[("payment_method", &good)])
        .await
        .ok();
    assert_eq!(paid.text("/status"), "paid");
    assert_eq!(world.get(&path).await.ok().text("/status"), "active");
}

#[tokio::test]
async fn an_unfinished_purchase_can_be_confirmed_and_expires_after_23_hours() {
    let world = World::start().await;
    let (customer, price) = (
        world.customer("pm_card_visa").await,
        world.price("4900", "month").await,
    );
    let form = [
        ("customer", customer.as_str()),
        ("items[0][price]", &price),
        ("payment_behavior", "default_incomplete"),
        ("expand[]", "latest_invoice.confirmation_secret"),
    ];
    let waiting = world.post("/v1/subscriptions", &form).await.ok();
    let stalled = world.post("/v1/subscriptions", &form).await.ok();
    assert_eq!(waiting.text("/status"), "incomplete");
    let secret = waiting.text("/latest_invoice/confirmation_secret/client_secret");
    let intent = secret.split_once("_secret").unwrap().0;
    let confirm = format!("/v1/payment_intents/{intent}/confirm");
    let browser = world
        .http
        .post(format!("{}{confirm}", world.sandbox.url()))
        .bearer_auth("pk_test_key")
        .form(&[
            ("client_secret", secret.as_str()),
            ("payment_method", "pm_card_visa"),
        ]);
    assert_eq!(
        crate::support::read(browser).await.ok().text("/status"),
        "succeeded"
    );
    let path = format!("/v1/subscriptions/{}", waiting.id());
    assert_eq!(world.get(&path).await.ok().text("/status"), "active");

    let path = format!("/v1/subscriptions/{}?expand[]=latest_invoice", stalled.id());
    world.advance(23 * 3600 - 1).await;
    assert_eq!(world.get(&path).await.ok().text("/status"), "incomplete");
    world.advance(1).await;
    let expired = world.get(&path).await.ok();
    assert_eq!(expired.text("/status"), "incomplete_expired");
    assert_eq!(expired.text("/latest_invoice/status"), "void");
}

#[tokio::test]
async fn a_preview_and_the_change_agree_to_the_cent_at_every_moment() {
    let world = World::start().await;
    let (customer, price) = (
        world.customer("pm_card_visa").await,
        world.price("3333", "month").await,
    );
    let subscription = world.subscribe(&customer, &price).await;
    let (id, item) = (subscription.id(), subscription.text(&format!("{ITEM}/id")));
    for (days, quantity) in [(3, "5"), (7, "9"), (12, "10"), (5, "31")] {
        world.advance(days * DAY + 1234).await;
        let now = world.request(reqwest::Method::GET, "/_sandbox/clock");
        let moment = crate::support::read(now).await.number("/now").to_string();
        let details = |name: &str| format!("subscription_details{name}");
        let names = [
            details("[items][0][id]"),
            details("[items][0][quantity]"),
            details("[proration_date]"),
            details("[proration_behavior]"),
        ];
        let preview = world
            .post(
                "/v1/invoices/create_preview",
                &[
                    ("subscription", &id),
                    (&names[0], &item),
                    (&names[1], quantity),
                    (&names[2], &moment),
                    (&names[3], "always_invoice"),
                ],
            )
            .await
            .ok();
        world.advance(3600).await;
        let form = [
            ("items[0][id]", item.as_str()),
            ("items[0][quantity]", quantity),
            ("proration_date", &moment),
            ("proration_behavior", "always_invoice"),
            ("expand[]", "latest_invoice"),
        ];
        let changed = world
            .post(&format!("/v1/subscriptions/{id}"), &form)
            .await
            .ok();
        assert_eq!(
            changed.number("/latest_invoice/amount_paid"),
            preview.number("/amount_due")
        );
        assert!(preview.number("/amount_due") > 0);
    }
}

#[tokio::test]
async fn a_subscription_ends_with_its_period_unless_it_is_kept() {
    let world = World::start().await;
    let (customer, price) = (
        world.customer("pm_card_visa").await,
        world.price("4900", "month").await,
    );
    let path = format!(
        "/v1/subscriptions/{}",
        world.subscribe(&customer, &price).await.id()
    );
    let set = world
        .post(&path, &[("cancel_at_period_end", "true")])
        .await
        .ok();
    assert_eq!(set.number("/cancel_at"), START + 30 * DAY);
    let kept = world
        .post(&path, &[("cancel_at_period_end", "false")])
        .await
        .ok();
    assert!(kept.body["cancel_at"].is_null() && kept.body["canceled_at"].is_null());
    world
        .post(&path, &[("cancel_at_period_end", "true")])
        .await
        .ok();
    world.advance(30 * DAY).await;
    let ended = world.get(&path).await.ok();
    assert_eq!(
        (ended.text("/status"), ended.number("/ended_at")),
        ("canceled".into(), START + 30 * DAY)
    );
    assert_eq!(world.delete(&path).await.refusal().0, 404);
    assert_eq!(
        world
            .post(&path, &[("cancel_at_period_end", "false")])
            .await
            .status,
        400
    );
    let listed = world
        .get(&format!("/v1/subscriptions?customer={customer}"))
        .await
        .ok();
    assert_eq!(listed.body["data"], json!([]));
}

#[tokio::test]
async fn never_more_is_refunded_than_was_charged() {
    let world = World::start().await;
    let (customer, price) = (
        world.customer("pm_card_visa").await,
        world.price("4900", "month").await,
    );
    world.subscribe(&customer, &price).await;
    let charge = world.get("/v1/charges").await.ok().text("/data/0/id");
    let refund = async |cents| {
        world
            .post("/v1/refunds", &[("charge", &charge), ("amount", cents)])
            .await
    };
    refund("9799").await.ok();
    let refused = refund("2").await;
    assert!(
        refused
            .text("/error/message")
            .starts_with("Refund amount ($0.02) is greater")
    );
    refund("1").await.ok();
    assert_eq!(refund("1").await.refusal().2, "charge_already_refunded");
}
