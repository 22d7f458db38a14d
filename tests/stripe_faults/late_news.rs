//! F21: events that come days late.

use reqwest::Method;
use serde_json::json;

use super::KEY;
use crate::world::{DAY, World};

#[tokio::test]
async fn f21_news_that_come_three_days_after_the_end_revive_nothing() {
    let world = World::start().await;
    let mut ada = world.person("Ada").await;
    world.verify(&ada).await;
    world.buy(&ada, "pro").await;
    world.advance(DAY * 15).await;
    world.hold_events().await;
    let subscription = world.subscription(&ada).await;
    let url = format!("{}/v1/subscriptions/{subscription}", world.sandbox_url());
    let call = world.fetch(Method::DELETE, &url).bearer(KEY);
    call.send().await.ok(200);
    let end = world.event("customer.subscription.deleted").await;
    world.deliver(&end).await.ok(200);
    world.drain().await;
    world.clock.advance(DAY * 3);
    world.sign_in(&mut ada).await;
    let over = world.standing(&ada).await;
    assert_eq!(over, "canceled pro by read_only");

    let events = world.events().await;
    for mut event in events {
        // Another delivery of what was applied would prove nothing.
        event["id"] = json!(format!("{}_late", event["id"].as_str().unwrap()));
        world.deliver(&event).await.ok(200);
    }
    world.drain().await;
    world.sign_in(&mut ada).await;
    assert_eq!(world.standing(&ada).await, over);
    assert_eq!(world.get("/gate").by(&ada).send().await.status, 402);
}
