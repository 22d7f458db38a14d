use serde_json::{Value, json};

use crate::support::{Receiver, World};

const SECRET: &str = "whsec_test";

async fn world_telling(receiver: &Receiver) -> World {
    let world = World::start().await;
    world
        .control("webhooks", json!({ "url": receiver.url, "secret": SECRET }))
        .await;
    world
}

async fn drain(world: &World) {
    world
        .control("drain", json!({ "timeout_ms": 20_000 }))
        .await;
}

async fn make(world: &World, email: &str) -> String {
    world
        .post("/v1/customers", &[("email", email)])
        .await
        .ok()
        .id()
}

#[tokio::test]
async fn events_are_signed_and_sent_again_until_they_are_taken() {
    let receiver = Receiver::start(&[500, 404, 302]).await;
    let world = world_telling(&receiver).await;
    make(&world, "a@x.test").await;
    drain(&world).await;
    let taken = receiver.received();
    assert_eq!(taken.len(), 4);
    assert!(taken.iter().all(|one| one.is_signed_with(SECRET)));
    assert!(!taken[0].is_signed_with("whsec_other"));
    assert!(taken.iter().all(|one| one.event() == taken[0].event()));
    let deliveries = world.get("/_sandbox/deliveries").await.ok();
    assert_eq!(deliveries.text("/0/state"), "delivered");
    assert_eq!(deliveries.number("/0/attempts"), 4);
    assert_eq!(deliveries.number("/0/last_status"), 200);
}

#[tokio::test]
async fn a_change_is_told_with_what_was_before() {
    let receiver = Receiver::start(&[]).await;
    let world = world_telling(&receiver).await;
    let id = make(&world, "a@x.test").await;
    let form = [("email", "b@x.test")];
    world
        .post_keyed("change-1", &format!("/v1/customers/{id}"), &form)
        .await
        .ok();
    drain(&world).await;
    let event = receiver.received()[1].event();
    assert_eq!(event["type"], "customer.updated");
    assert_eq!(
        event["data"]["previous_attributes"],
        json!({ "email": "a@x.test" })
    );
    assert_eq!(event["data"]["object"]["email"], "b@x.test");
    assert_eq!(event["request"]["idempotency_key"], "change-1");
}

#[tokio::test]
async fn deliveries_can_be_doubled_dropped_and_swapped() {
    let receiver = Receiver::start(&[]).await;
    let world = world_telling(&receiver).await;
    world
        .fault(json!({ "kind": "duplicate", "times": 1, "types": ["customer.created"] }))
        .await;
    make(&world, "double@x.test").await;
    drain(&world).await;
    assert_eq!(receiver.types(), ["customer.created", "customer.created"]);

    world.fault(json!({ "kind": "drop", "times": 1 })).await;
    make(&world, "lost@x.test").await;
    drain(&world).await;
    assert_eq!(receiver.received().len(), 2);
    let lost = world.get("/v1/events?delivery_success=false").await.ok();
    assert_eq!(lost.text("/data/0/data/object/email"), "lost@x.test");
    world
        .control(
            &format!("events/{}/redeliver", lost.text("/data/0/id")),
            json!({}),
        )
        .await;
    drain(&world).await;
    assert_eq!(receiver.received().len(), 3);

    world.fault(json!({ "kind": "reorder", "times": 1 })).await;
    make(&world, "first@x.test").await;
    make(&world, "second@x.test").await;
    drain(&world).await;
    let emails: Vec<Value> = receiver.received()[3..]
        .iter()
        .map(|one| one.event()["data"]["object"]["email"].clone())
        .collect();
    assert_eq!(emails, ["second@x.test", "first@x.test"]);
}

#[tokio::test]
async fn an_event_can_arrive_before_the_answer_of_its_call() {
    let receiver = Receiver::start(&[]).await;
    let world = world_telling(&receiver).await;
    world
        .control("settings", json!({ "webhook_before_answer": true }))
        .await;
    for n in 1..=20 {
        make(&world, "a@x.test").await;
        assert_eq!(receiver.received().len(), n);
    }
}

#[tokio::test]
async fn moving_the_clock_by_months_loses_no_event() {
    let receiver = Receiver::start(&[]).await;
    let world = world_telling(&receiver).await;
    let (customer, price) = (
        world.customer("pm_card_visa").await,
        world.price("4900", "month").await,
    );
    world.subscribe(&customer, &price).await;
    world.advance(200 * 86_400).await;
    drain(&world).await;
    let paid = receiver
        .types()
        .iter()
        .filter(|kind| *kind == "invoice.paid")
        .count();
    assert_eq!(paid, 7);
}
