//! The operator's port: health, readiness, metrics.

use reqwest::Method;
use serde_json::{Value, json};
use tollgate_testkit::Proxy;

use crate::world::{PASSWORD, Program, Setup, World, set_stripe, settings};

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t109_the_log_names_requests_and_neither_people_nor_secrets() {
    let database = tollgate_testkit::Database::create().await.unwrap();
    let mut settings = settings(database.url(), "smtp://127.0.0.1:1");
    set_stripe(&mut settings, "http://127.0.0.1:1");
    let secrets = settings.clone();
    let program = Program::start(&settings);
    let http = reqwest::Client::new();
    let body = json!({ "email": "canary@example.com", "password": PASSWORD, "name": "Canary" });
    let register = http.post(program.url("/auth/register")).json(&body);
    let user: Value = register.send().await.unwrap().json().await.unwrap();
    let text = |key: &str| user[key].as_str().unwrap().to_owned();
    let wrong = http.post(program.url("/auth/login/json"));
    let wrong =
        wrong.json(&json!({ "email": "canary@example.com", "password": "canary-password" }));
    assert_eq!(wrong.send().await.unwrap().status(), 401);
    let gate = http.get(program.url("/gate?feature=canary"));
    let gate = gate.bearer_auth(text("access_token")).send().await.unwrap();
    let id = gate.headers()["x-request-id"].to_str().unwrap().to_owned();
    let (ended, log) = program.stop();
    assert!(ended.success(), "{ended}");
    for line in &log {
        let parsed: Result<Value, _> = serde_json::from_str(line);
        assert!(parsed.is_ok(), "{line}");
    }
    let log = log.join("\n");
    assert!(log.contains(&id), "{id} in {log}");
    let keys = [
        "TOKEN_SECRET",
        "PASSWORD_PEPPER",
        "ACCESS_TOKEN_KEYS",
        "STRIPE_SECRET_KEY",
        "STRIPE_WEBHOOK_SECRET",
    ];
    let configured = secrets.into_iter().filter(|(key, _)| keys.contains(key));
    let mut never: Vec<_> = configured.map(|(_, value)| value).collect();
    never.extend([
        text("access_token"),
        text("refresh_token"),
        PASSWORD.to_owned(),
        "anary".to_owned(),
    ]);
    for secret in never {
        assert!(!log.contains(&secret), "{secret} in {log}");
    }
}
