//! F16: Stripe hangs or fails, and nobody else may suffer from it.

use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

use super::{assert_try_again, forget, heal, how_many, open_in_the_end, strike};
use crate::world::{World, monthly, taken};

#[tokio::test]
async fn f16_while_every_call_hangs_whatever_needs_no_stripe_goes_on() {
    let world = World::start().await;
    let mut ada = world.person("Ada").await;
    let mut hanging = JoinSet::new();
    strike(&world, json!({ "kind": "hang" })).await;
    for name in ["Bob", "Carl", "Dora", "Emil"] {
        let person = world.person(name).await;
        let checkout = world.post("/billing/checkout-session").by(&person);
        hanging.spawn(checkout.json(&monthly("pro", 1)).send());
    }
    let asked = "SELECT count(*) FROM purchase_reservations";
    while world.count(asked).await < 4 {
        tokio::task::yield_now().await;
    }
    for nth in 0..5 {
        world.sign_in(&mut ada).await;
        world.get("/gate").by(&ada).send().await.ok(204);
        world.get("/billing/state").by(&ada).send().await.ok(200);
        let event = json!({
            "id": format!("evt_{nth}"), "object": "event", "type": "product.created", "created": 1,
            "livemode": false, "data": { "object": {} },
        });
        assert_eq!(world.deliver(&event).await.ok(200), taken(false));
        assert_eq!(world.inbox(&event).await, "ignored");
    }
    assert!(hanging.try_join_next().is_none(), "all four still wait");
}

#[tokio::test]
async fn f16_a_stripe_that_fails_is_left_alone_and_asked_again_when_it_is_back() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    forget(&world, "requests").await;
    strike(
        &world,
        json!({ "kind": "lost_answer", "before_commit": true }),
    )
    .await;
    for _ in 0..8 {
        assert_try_again(&world.open_checkout(&ada, &monthly("pro", 1)).await);
    }
    let calls = world.ask_sandbox("requests").await;
    let tries = calls.as_array().unwrap().len();
    assert!((5..=8).contains(&tries), "{tries} of thirty-two: {calls}");
    let metrics = format!("{}/metrics", world.ops_url(0));
    let metrics = world.fetch(Method::GET, &metrics).send().await;
    for metric in [
        r#"stripe_calls_total{call="POST /customers",outcome="not_sent"}"#,
        r#"stripe_calls_total{call="POST /customers",outcome="no_connection"}"#,
        r#"stripe_call_seconds_count{call="POST /customers"}"#,
        r#"stripe_turn_wait_seconds_count{lane="person"}"#,
        "stripe_breaker_open",
    ] {
        assert!(metrics.text.contains(metric), "{metric} in {metrics}");
    }
    heal(&world).await;
    open_in_the_end(&world, &ada).await;
    assert_eq!(how_many(&world, "customers").await, 1);
    assert_eq!(how_many(&world, "checkout/sessions").await, 1);
}
