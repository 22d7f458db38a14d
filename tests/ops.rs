//! The operator's port: health, readiness, metrics.

use reqwest::Method;
use tollgate_testkit::Proxy;

use crate::world::{Setup, World};

async fn ops(world: &World, path: &str) -> crate::world::Answer {
    world
        .fetch(Method::GET, &format!("{}{path}", world.ops_url(0)))
        .send()
        .await
}

#[tokio::test]
async fn a_running_node_lives_and_is_ready() {
    let world = World::start().await;
    insta::assert_snapshot!(ops(&world, "/healthz").await, @r#"
    200
    {
      "status": "ok"
    }
    "#);
    insta::assert_snapshot!(ops(&world, "/readyz").await, @r#"
    200
    {
      "status": "ready"
    }
    "#);
    assert_eq!(ops(&world, "/").await.status, 404);
    assert_eq!(ops(&world, "/api/v1/config/public").await.status, 404);
}

#[tokio::test]
async fn every_answer_is_counted_by_route_and_names_nobody() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world
        .get(&format!("/auth/me?secret={}", ada.id))
        .by(&ada)
        .send()
        .await
        .ok(200);
    world.get("/no/such/route").send().await;
    let metrics = ops(&world, "/metrics").await.text;
    for line in [
        r#"http_requests_total{method="GET",route="/api/v1/auth/me",status="200"}"#,
        r#"http_requests_total{method="POST",route="/api/v1/auth/register",status="201"}"#,
        r#"http_request_duration_seconds_bucket{method="GET",route="/api/v1/auth/me","#,
        "database_connections{state=\"open\"}",
        "tollgate_build_info",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    for secret in [&ada.id, &ada.account, &ada.email, "/no/such/route"] {
        assert!(!metrics.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn without_its_database_a_node_lives_and_is_not_ready() {
    let database = tollgate_testkit::Database::create().await.unwrap();
    let proxy = Proxy::start(database.url()).await.unwrap();
    let world = Setup::default()
        .set("DATABASE_URL", proxy.url())
        .without_stripe()
        .start()
        .await;
    let ada = world.person("Ada").await;
    world.get("/auth/me").by(&ada).send().await.ok(200);
    proxy.take_away();
    insta::assert_snapshot!(ops(&world, "/readyz").await, @r#"
    503
    {
      "reason": "database",
      "status": "not_ready"
    }
    "#);
    insta::assert_snapshot!(ops(&world, "/healthz").await, @r#"
    200
    {
      "status": "ok"
    }
    "#);
    let answer = world.get("/auth/me").by(&ada).send().await;
    insta::assert_snapshot!(answer, @r#"
    503
    retry-after: 1
    {
      "detail": {
        "error": "unavailable",
        "message": "The service cannot be reached for a moment; try again."
      }
    }
    "#);
    proxy.bring_back();
    assert_eq!(ops(&world, "/readyz").await.status, 200);
    world.get("/auth/me").by(&ada).send().await.ok(200);
}
