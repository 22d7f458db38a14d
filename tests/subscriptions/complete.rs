//! POST /subscriptions/complete/{id}

use serde_json::json;

use crate::world::{Answer, Person, World, monthly};

async fn complete(world: &World, person: &Person, id: &str) -> Answer {
    let path = format!("/subscriptions/complete/{id}");
    world.post(&path).by(person).send().await
}

#[tokio::test]
async fn whoever_stalled_is_given_the_same_secret_again() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let begun = world.start_subscription(&ada, &monthly("pro", 1)).await;
    let begun = begun.ok(200);
    let id = begun["subscription_id"].as_str().unwrap();
    for id in [id, &ada.account] {
        let again = complete(&world, &ada, id).await.ok(200);
        assert_eq!(again["status"], "pending_payment");
        assert_eq!(again["client_secret"], begun["client_secret"]);
        assert_eq!(again["payment_id"], begun["payment_id"]);
    }
}

#[tokio::test]
async fn i04_a_payment_whose_news_are_late_is_found() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let begun = world.start_subscription(&ada, &monthly("pro", 1)).await;
    let begun = begun.ok(200);
    world.drain().await;
    world.hold_events().await;
    world.confirm(&begun, "4242424242424242").await.ok(200);
    assert_eq!(world.standing(&ada).await, "trialing pro by trial");
    let id = begun["subscription_id"].as_str().unwrap();
    let answer = complete(&world, &ada, id).await;
    insta::assert_snapshot!(answer, @r#"
    200
    {
      "status": "active"
    }
    "#);
    assert_eq!(world.standing(&ada).await, "active pro by paid");
    for event in world.events().await {
        world.deliver(&event).await.ok(200);
    }
    world.drain().await;
    assert_eq!(world.standing(&ada).await, "active pro by paid");
}

#[tokio::test]
async fn t68_what_is_unknown_and_what_is_anothers_look_alike() {
    let world = World::start().await;
    let (ada, bob) = (world.person("Ada").await, world.person("Bob").await);
    let begun = world.start_subscription(&ada, &monthly("pro", 1)).await;
    let begun = begun.ok(200);
    let of_ada = begun["subscription_id"].as_str().unwrap();
    let mut seen = Vec::new();
    for id in [of_ada, &ada.account, "sub_none", "0"] {
        let answer = complete(&world, &bob, id).await;
        assert_eq!(answer.refusal(), (404, "not_found".to_owned()), "{id}");
        seen.push(answer.text);
    }
    seen.dedup();
    assert_eq!(seen.len(), 1);
}

#[tokio::test]
async fn where_nothing_waits_there_is_nothing_to_complete() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let in_trial = complete(&world, &ada, &ada.account).await;
    assert_eq!(in_trial.refusal(), (409, "nothing_pending".to_owned()));
    world.buy(&ada, "pro").await;
    let bought = world.subscription(&ada).await;
    let answer = complete(&world, &ada, &bought).await;
    insta::assert_snapshot!(answer, @r#"
    409
    {
      "detail": {
        "error": "nothing_pending",
        "message": "This subscription does not wait for a payment."
      }
    }
    "#);
    world.demote(&ada, "engineer").await;
    let answer = complete(&world, &ada, &bought).await;
    assert_eq!(answer.refusal(), (403, "role_required".to_owned()));
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_said_not_to() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let begun = world.start_subscription(&ada, &monthly("pro", 1)).await;
    let begun = begun.ok(200);
    let id = begun["subscription_id"].as_str().unwrap();
    let fault = json!([{ "kind": "error_500", "path_prefix": "/v1/subscriptions" }]);
    world.tell_sandbox("faults", fault).await;
    let answer = complete(&world, &ada, id).await;
    assert_eq!(
        answer.refusal(),
        (503, "payment_provider_unavailable".to_owned())
    );
}
