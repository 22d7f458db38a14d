//! F15: what Stripe says of an idempotency key.

use std::collections::BTreeSet;

use serde_json::json;

use super::{assert_try_again, heal, how_many, keys, lose_answers, open_in_the_end, strike};
use crate::world::{World, monthly};

#[tokio::test]
async fn f15_a_key_in_use_is_asked_again_and_never_replaced() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    strike(
        &world,
        json!({ "kind": "conflict_409", "method": "POST", "times": 3 }),
    )
    .await;
    world.open_checkout(&ada, &monthly("pro", 1)).await.ok(200);
    for path in ["/v1/customers", "/v1/checkout/sessions"] {
        let used: BTreeSet<_> = keys(&world, path).await.into_iter().collect();
        assert_eq!(used.len(), 1, "{path}: {used:?}");
    }
    assert_eq!(how_many(&world, "checkout/sessions").await, 1);
}

#[tokio::test]
async fn f15_a_key_that_stands_for_another_question_is_alarmed_and_makes_nothing_twice() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    lose_answers(&world, "lost_answer", "/v1/customers").await;
    assert_try_again(&world.open_checkout(&ada, &monthly("pro", 1)).await);
    heal(&world).await;
    world.execute("UPDATE accounts SET name = 'Another'").await;
    open_in_the_end(&world, &ada).await;
    assert_eq!(how_many(&world, "customers").await, 1);
    let metrics = format!("{}/metrics", world.ops_url(0));
    let metrics = world.fetch(reqwest::Method::GET, &metrics).send().await;
    let alarm = r#"stripe_calls_total{call="POST /customers",outcome="key_reused"}"#;
    assert!(metrics.text.contains(alarm), "{metrics}");
}
