//! F13: Stripe answers 500 and keeps that answer for the key.

use serde_json::json;

use super::{assert_try_again, how_many, keys, strike};
use crate::world::{World, monthly};

const PAGES: &str = "/v1/checkout/sessions";

#[tokio::test]
async fn f13_what_a_kept_500_made_is_found_and_nothing_is_made_twice() {
    for path in ["/v1/customers", PAGES] {
        let world = World::start().await;
        let ada = world.person("Ada").await;
        let fault = json!({
            "kind": "error_500", "method": "POST", "path_prefix": path, "before_commit": false,
            "times": 1,
        });
        strike(&world, fault).await;
        let opened = world.open_checkout(&ada, &monthly("pro", 1)).await.ok(200);
        let again = world.open_checkout(&ada, &monthly("pro", 1)).await.ok(200);
        assert_eq!(again, opened, "{path}");
        assert_eq!(how_many(&world, "customers").await, 1, "{path}");
        assert_eq!(how_many(&world, "checkout/sessions").await, 1, "{path}");
        let used = keys(&world, path).await;
        assert_eq!(used.len(), 2, "{path}: {used:?}");
        assert_eq!(used[0], used[1], "{path}");
    }
}

#[tokio::test]
async fn f13_a_kept_500_that_made_nothing_is_followed_by_another_key() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    strike(
        &world,
        json!({ "kind": "error_500", "method": "POST", "path_prefix": PAGES, "times": 1 }),
    )
    .await;
    assert_try_again(&world.open_checkout(&ada, &monthly("pro", 1)).await);
    let first = keys(&world, PAGES).await;
    assert!((1..=6).contains(&first.len()), "{first:?}");
    world.open_checkout(&ada, &monthly("pro", 1)).await.ok(200);
    assert_eq!(how_many(&world, "checkout/sessions").await, 1);
    let used = keys(&world, PAGES).await;
    assert_ne!(used.last(), first.last());
}

const SUBSCRIPTIONS: &str = "/v1/subscriptions";

#[tokio::test]
async fn f13_a_subscription_that_a_kept_500_made_is_found_and_can_be_paid() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let fault = json!({
        "kind": "error_500", "method": "POST", "path_prefix": SUBSCRIPTIONS, "before_commit": false,
        "times": 1,
    });
    strike(&world, fault).await;
    let begun = world
        .start_subscription(&ada, &monthly("pro", 1))
        .await
        .ok(200);
    assert_eq!(begun["status"], "pending_payment");
    let again = world
        .start_subscription(&ada, &monthly("pro", 1))
        .await
        .ok(200);
    assert_eq!(again, begun);
    assert_eq!(how_many(&world, "subscriptions?status=all").await, 1);
    let used = keys(&world, SUBSCRIPTIONS).await;
    assert_eq!(used.len(), 2, "{used:?}");
    assert_eq!(used[0], used[1]);
    world.confirm(&begun, "4242424242424242").await.ok(200);
    world.drain().await;
    assert_eq!(world.standing(&ada).await, "active pro by paid");
}

#[tokio::test]
async fn f13_a_subscription_that_a_kept_500_did_not_make_is_asked_for_under_another_key() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let fault =
        json!({ "kind": "error_500", "method": "POST", "path_prefix": SUBSCRIPTIONS, "times": 1 });
    strike(&world, fault).await;
    assert_try_again(&world.start_subscription(&ada, &monthly("pro", 1)).await);
    let first = keys(&world, SUBSCRIPTIONS).await;
    assert!((1..=6).contains(&first.len()), "{first:?}");
    world
        .start_subscription(&ada, &monthly("pro", 1))
        .await
        .ok(200);
    assert_eq!(how_many(&world, "subscriptions?status=all").await, 1);
    assert_ne!(keys(&world, SUBSCRIPTIONS).await.last(), first.last());
}
