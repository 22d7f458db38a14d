use serde_json::json;

use crate::support::{DAY, World};

const ADA: [(&str, &str); 1] = [("email", "ada@example.com")];

#[tokio::test]
async fn a_repeated_call_is_answered_from_what_was_kept() {
    let world = World::start().await;
    let first = world.post_keyed("k", "/v1/customers", &ADA).await.ok();
    let again = world.post_keyed("k", "/v1/customers", &ADA).await.ok();
    assert_eq!(first.body, again.body);
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert!(!first.headers.contains_key("idempotent-replayed"));
    assert_eq!(
        again.headers["original-request"],
        first.headers["request-id"]
    );

    let other = world
        .post_keyed("k", "/v1/customers", &[("email", "bob@example.com")])
        .await;
    assert_eq!(
        (other.status, other.text("/error/type").as_str()),
        (400, "idempotency_error")
    );

    world.advance(DAY).await;
    let next_day = world.post_keyed("k", "/v1/customers", &ADA).await.ok();
    assert_ne!(first.id(), next_day.id());
}

#[tokio::test]
async fn a_key_in_flight_is_in_use() {
    let world = World::start().await;
    world
        .fault(json!({ "kind": "slow", "delay_ms": 300 }))
        .await;
    let (one, other) = tokio::join!(
        world.post_keyed("k", "/v1/customers", &ADA),
        world.post_keyed("k", "/v1/customers", &ADA),
    );
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    let refused = if one.status == 409 { one } else { other };
    assert_eq!(refused.text("/error/code"), "idempotency_key_in_use");
}

#[tokio::test]
async fn a_failure_is_kept_and_a_misread_parameter_is_not() {
    let world = World::start().await;
    world
        .fault(json!({ "kind": "error_500", "times": 1 }))
        .await;
    for _ in 0..3 {
        assert_eq!(
            world.post_keyed("k", "/v1/customers", &ADA).await.status,
            500
        );
    }
    assert_eq!(
        world.get("/v1/customers").await.ok().body["data"],
        json!([])
    );

    assert_eq!(
        world
            .post_keyed("v", "/v1/customers", &[("colour", "red")])
            .await
            .status,
        400
    );
    world.post_keyed("v", "/v1/customers", &ADA).await.ok();
}

#[tokio::test]
async fn a_lost_answer_leaves_one_object_for_its_key() {
    let world = World::start().await;
    world
        .fault(json!({ "kind": "lost_answer", "times": 1 }))
        .await;
    let lost = world
        .request(reqwest::Method::POST, "/v1/customers")
        .header("idempotency-key", "k")
        .form(&ADA)
        .send()
        .await;
    assert!(lost.is_err(), "{lost:?}");
    let again = world.post_keyed("k", "/v1/customers", &ADA).await.ok();
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(
        world.get("/v1/customers").await.ok().body["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}
