use reqwest::Method;
use serde_json::json;

use crate::support::World;

#[tokio::test]
async fn answers_can_be_spoiled_in_every_way() {
    let world = World::start().await;
    let strike = async |fault| {
        world.fault(fault).await;
        world
            .request(Method::POST, "/v1/customers")
            .form(&[("name", "A")])
            .send()
            .await
    };
    let limited = strike(json!({ "kind": "rate_limit_429", "times": 1 }))
        .await
        .unwrap();
    assert_eq!(
        (limited.status().as_u16(), &limited.headers()["retry-after"]),
        (429, &"1".parse().unwrap())
    );
    let conflict = strike(json!({ "kind": "conflict_409", "times": 1 }))
        .await
        .unwrap();
    assert_eq!(conflict.status(), 409);
    let page = strike(json!({ "kind": "html_200", "times": 1 }))
        .await
        .unwrap();
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(customers(&world).await, 0);

    let half = strike(json!({ "kind": "truncated_json", "times": 1 }))
        .await
        .unwrap();
    assert!(half.json::<serde_json::Value>().await.is_err());
    assert_eq!(customers(&world).await, 1);
    assert!(
        strike(json!({ "kind": "hang", "delay_ms": 1, "times": 1 }))
            .await
            .is_err()
    );
    assert_eq!(customers(&world).await, 2);
    let failed = strike(json!({ "kind": "error_500", "times": 1, "before_commit": false }))
        .await
        .unwrap();
    assert_eq!(failed.status(), 500);
    assert_eq!(customers(&world).await, 3);
    assert!(
        strike(json!({ "kind": "lost_answer", "times": 1, "before_commit": true }))
            .await
            .is_err()
    );
    assert_eq!(customers(&world).await, 3);
}

async fn customers(world: &World) -> usize {
    world.get("/v1/customers").await.ok().body["data"]
        .as_array()
        .unwrap()
        .len()
}

#[tokio::test]
async fn calls_are_limited_to_so_many_a_second() {
    let world = World::start().await;
    world
        .control("settings", json!({ "rate_limit_per_second": 0 }))
        .await;
    let refused = world.get("/v1/customers").await;
    assert_eq!(
        (refused.status, refused.text("/error/code").as_str()),
        (429, "rate_limit")
    );
    world.control("settings", json!({})).await;
    world.get("/v1/customers").await.ok();
}

#[tokio::test]
async fn calls_are_logged_with_their_outcome() {
    let world = World::start().await;
    world
        .post_keyed("k", "/v1/customers", &[("name", "A")])
        .await
        .ok();
    world.get("/v1/customers/cus_x").await;
    let log = world.get("/_sandbox/requests").await.ok().body;
    assert_eq!(
        (
            &log[0]["method"],
            &log[0]["idempotency_key"],
            &log[0]["params"]
        ),
        (&json!("POST"), &json!("k"), &json!("name=A"))
    );
    assert_eq!(
        (&log[1]["path"], &log[1]["status"]),
        (&json!("/v1/customers/cus_x"), &json!(404))
    );
}

#[tokio::test]
async fn the_clock_only_moves_forward_and_bad_control_is_refused() {
    let world = World::start().await;
    let bad = [
        ("clock", json!({ "set": 1 })),
        ("clock", json!({})),
        ("faults", json!([{ "kind": "earthquake" }])),
        ("settings", json!({ "retries": 3 })),
    ];
    for (path, body) in bad {
        let request = world
            .request(Method::POST, &format!("/_sandbox/{path}"))
            .json(&body);
        assert_eq!(request.send().await.unwrap().status(), 400, "{path} {body}");
    }
}
