//! GET /billing/portal-session

use reqwest::Method;

use crate::world::{DAY, Setup, World};

#[tokio::test]
async fn whoever_bought_gets_to_the_portal_and_can_cancel_there() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let none = world.get("/billing/portal-session").by(&ada).send().await;
    insta::assert_snapshot!(none, @r#"
    400
    {
      "detail": {
        "error": "no_stripe_customer",
        "message": "This account has never bought anything; pick a plan first."
      }
    }
    "#);
    world.buy(&ada, "pro").await;
    let answer = world.get("/billing/portal-session").by(&ada).send().await;
    insta::assert_snapshot!(answer, @r#"
    200
    {
      "url": "[sandbox]/portal/…"
    }
    "#);
    let page = answer.ok(200)["url"].as_str().unwrap().to_owned();
    let shown = world.fetch(Method::GET, &page).send().await;
    assert_eq!(shown.status, 200);
    assert!(
        shown.text.contains("http://app.test/account/billing"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_cancellation_keeps_access_until_the_period_ends() {
    let world = World::start().await;
    let mut ada = world.person("Ada").await;
    world.verify(&ada).await;
    world.buy(&ada, "pro").await;
    world.advance(DAY * 15).await;
    world.sign_in(&mut ada).await;
    let portal = world
        .get("/billing/portal-session")
        .by(&ada)
        .send()
        .await
        .ok(200);
    let page = portal["url"].as_str().unwrap();
    let subscription = world.subscription(&ada).await;
    let form = [("action", "cancel"), ("subscription", &subscription)];
    let cancelled = world.fetch(Method::POST, page).form(&form).send().await;
    assert!(cancelled.status < 400, "{cancelled}");
    world.drain().await;
    let state = world.get("/billing/state").by(&ada).send().await.ok(200);
    assert_eq!(
        state["subscription"]["cancel_at_period_end"], true,
        "{state}"
    );
    assert_eq!(world.standing(&ada).await, "active pro by paid");
    world.advance(DAY * 31).await;
    world.sign_in(&mut ada).await;
    assert_eq!(world.standing(&ada).await, "canceled pro by read_only");
}

#[tokio::test]
async fn without_a_provider_there_is_no_portal() {
    let world = Setup::default().without_stripe().start().await;
    let ada = world.person("Ada").await;
    let answer = world.get("/billing/portal-session").by(&ada).send().await;
    insta::assert_snapshot!(answer, @r#"
    503
    {
      "detail": {
        "error": "stripe_not_configured",
        "message": "Payments are not set up on this server."
      }
    }
    "#);
}
