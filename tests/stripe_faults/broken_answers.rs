//! F18: what Stripe says cannot be understood.

use serde_json::{Value, json};

use super::{heal, strike};
use crate::world::{DAY, Person, World, taken};

/// Somebody who pays, of whom nothing more is told.
async fn customer(world: &World) -> Person {
    let mut ada = world.person("Ada").await;
    world.verify(&ada).await;
    world.buy(&ada, "pro").await;
    world.advance(DAY * 15).await;
    world.sign_in(&mut ada).await;
    world.hold_events().await;
    ada
}

/// Where in an event something is changed, and to what; `MISSING` takes it out.
fn corpus() -> Vec<(&'static str, Value)> {
    let item = |value: Value| json!({ "data": [value] });
    let status = [json!(null), json!(7), json!({}), json!("frozen"), json!("")];
    let id = [
        json!(null),
        json!(7),
        json!(""),
        json!([]),
        json!("a\u{0}b"),
    ];
    let items = [
        json!(null),
        json!([]),
        json!("none"),
        json!({ "data": [] }),
        json!({ "data": null }),
        item(json!(null)),
        item(json!({})),
        item(json!({ "price": null, "quantity": 1 })),
        item(json!({ "price": { "id": null }, "quantity": 1 })),
    ];
    let price = [json!(null), json!(7), json!({}), json!({ "id": 7 })];
    let quantity = [json!(-1), json!("x"), json!(1e30), json!(3.5)];
    let period = [json!("soon"), json!(1e300), json!(i64::MAX), json!([])];
    let object = [json!(null), json!([]), json!("subscription"), json!({})];
    let places = [
        ("/data/object/status", status.to_vec()),
        ("/data/object/id", id.to_vec()),
        ("/data/object/customer", id.to_vec()),
        ("/data/object/items", items.to_vec()),
        ("/data/object/items/data/0/price", price.to_vec()),
        ("/data/object/items/data/0/quantity", quantity.to_vec()),
        (
            "/data/object/items/data/0/current_period_end",
            period.to_vec(),
        ),
        ("/data/object", object.to_vec()),
    ];
    let all = places
        .into_iter()
        .map(|(place, values)| values.into_iter().map(move |value| (place, value)));
    all.flatten().collect()
}

#[tokio::test]
async fn f18_of_forty_broken_events_none_changes_anything_and_each_is_kept() {
    let world = World::start().await;
    let ada = customer(&world).await;
    let like = world.event("customer.subscription.updated").await;
    let corpus = corpus();
    assert!(corpus.len() >= 40, "{}", corpus.len());
    for (nth, (place, value)) in corpus.into_iter().enumerate() {
        let mut event = like.clone();
        event["id"] = json!(format!("evt_{nth}"));
        event["created"] = json!(world.now().unix_seconds());
        event["data"]["object"]["status"] = json!("canceled");
        *event.pointer_mut(place).unwrap() = value.clone();
        let answer = world.deliver(&event).await;
        assert_eq!(answer.ok(200), taken(false), "{place}: {value}");
        let became = world.inbox(&event).await;
        assert!(
            ["dead", "failed"].contains(&became.as_str()),
            "{place}: {value}: {became}"
        );
    }
    world.drain().await;
    assert_eq!(world.standing(&ada).await, "active pro by paid");
    world.get("/gate").by(&ada).send().await.ok(204);
}

#[tokio::test]
async fn f18_a_read_whose_answer_is_broken_waits_and_is_done_later() {
    for kind in ["html_200", "truncated_json"] {
        let world = World::start().await;
        let ada = customer(&world).await;
        let mut twin = world.event("customer.subscription.updated").await;
        twin["id"] = json!("evt_twin");
        twin["data"]["object"]["cancel_at_period_end"] = json!(true);
        strike(&world, json!({ "kind": kind, "method": "GET" })).await;
        assert_eq!(world.deliver(&twin).await.ok(200), taken(false));
        world.drain().await;
        assert_ne!(world.inbox(&twin).await, "applied", "{kind}");
        assert_eq!(world.standing(&ada).await, "active pro by paid");
        heal(&world).await;
        world
            .execute("UPDATE graphile_worker._private_jobs SET run_at = now()")
            .await;
        world.drain().await;
        assert_eq!(world.inbox(&twin).await, "applied", "{kind}");
        assert_eq!(world.standing(&ada).await, "active pro by paid");
    }
}
