//! POST /billing/keep

use reqwest::Method;

use super::bought::{agreed, at_stripe, cancel, keep, refusal, stored, stripe, subscriber};
use crate::world::{DAY, World};

#[tokio::test]
async fn a_kept_subscription_is_renewed() {
    let world = World::start().await;
    let mut ada = subscriber(&world, "Ada", "pro", 1).await;
    cancel(&world, &ada).await.ok(200);
    let state = keep(&world, &ada).await.ok(200);
    assert_eq!(state["subscription"]["cancel_at_period_end"], false);
    agreed(&stored(&world, &ada).await, &at_stripe(&world, &ada).await);
    world.advance(DAY * 32).await;
    world.sign_in(&mut ada).await;
    assert_eq!(world.standing(&ada).await, "active pro by paid");
}

#[tokio::test]
async fn what_was_cancelled_in_the_portal_is_kept_here() {
    let world = World::start().await;
    let ada = subscriber(&world, "Ada", "pro", 1).await;
    let path = format!("/v1/subscriptions/{}", world.subscription(&ada).await);
    let end = at_stripe(&world, &ada).await["items"]["data"][0]["current_period_end"].to_string();
    // As the portal does it in flexible billing mode, and as our own route does it.
    for form in [
        ("cancel_at", end.as_str()),
        ("cancel_at_period_end", "true"),
    ] {
        stripe(&world, Method::POST, &path, &[form]).await;
        world.drain().await;
        assert_eq!(stored(&world, &ada).await, "1 of pro_month, ends");
        keep(&world, &ada).await.ok(200);
        let theirs = at_stripe(&world, &ada).await;
        assert!(theirs["cancel_at"].is_null(), "{theirs}");
        agreed(&stored(&world, &ada).await, &theirs);
    }
}

#[tokio::test]
async fn what_we_cancelled_for_want_of_use_is_kept_all_the_same() {
    let world = World::start().await;
    let ada = subscriber(&world, "Ada", "pro", 1).await;
    cancel(&world, &ada).await.ok(200);
    world
        .execute("UPDATE subscriptions SET cancel_is_auto = true")
        .await;
    let state = world.get("/billing/state").by(&ada).send().await.ok(200);
    assert_eq!(state["subscription"]["cancel_is_auto"], true);
    let state = keep(&world, &ada).await.ok(200);
    assert_eq!(state["subscription"]["cancel_is_auto"], false);
    assert_eq!(state["subscription"]["cancel_at_period_end"], false);
}

#[tokio::test]
async fn what_nobody_cancelled_cannot_be_kept() {
    let world = World::start().await;
    let ada = subscriber(&world, "Ada", "pro", 1).await;
    let answer = keep(&world, &ada).await;
    insta::assert_snapshot!(answer, @r#"
    409
    {
      "detail": {
        "error": "nothing_to_keep",
        "message": "No cancellation is scheduled that could be taken back."
      }
    }
    "#);
    cancel(&world, &ada).await.ok(200);
    keep(&world, &ada).await.ok(200);
    assert_eq!(refusal(&keep(&world, &ada).await), "409 nothing_to_keep");
}
