//! What one node did, the other knows; what one node leaves, the other takes up.

use reqwest::Method;
use serde_json::json;

use crate::world::{ACCESS_TOKEN_KEY, DAY, PASSWORD, Setup};

#[tokio::test]
async fn a_purchase_told_to_one_node_opens_the_gate_of_the_other() {
    let world = Setup::default().two_nodes().start().await;
    let mut ada = world.person("Ada").await;
    world.verify(&ada).await;
    world.advance(DAY * 15).await;
    world.sign_in(&mut ada).await;
    let gate = async || {
        world
            .call(1, Method::GET, "/api/v1/gate")
            .by(&ada)
            .send()
            .await
            .status
    };
    assert_eq!(gate().await, 402);
    world.buy(&ada, "pro").await;
    assert_eq!(gate().await, 204);
}

#[tokio::test]
async fn what_an_operator_changes_in_the_catalog_counts_at_the_next_question_on_every_node() {
    let world = Setup::default().two_nodes().start().await;
    let ada = world.person("Ada").await;
    let told = async || {
        let mut told = Vec::new();
        for node in [0, 1] {
            let gate = world.call(node, Method::GET, "/api/v1/gate?feature=sso");
            let state = world.call(node, Method::GET, "/api/v1/billing/state");
            let gate = gate.by(&ada).send().await.status;
            let state = state.by(&ada).send().await.ok(200);
            told.push((gate, state["enabled_features"]["sso"] == json!(true)));
        }
        told
    };
    assert_eq!(told().await, [(402, false); 2]);
    for (sql, expected) in [
        (
            "INSERT INTO plan_feature_defaults VALUES ('pro', 'sso', true)",
            (204, true),
        ),
        (
            "DELETE FROM plan_feature_defaults WHERE feature = 'sso'",
            (402, false),
        ),
        (
            "INSERT INTO account_feature_overrides SELECT id, 'sso', true, NULL FROM accounts",
            (204, true),
        ),
        ("DELETE FROM account_feature_overrides", (402, false)),
    ] {
        world.execute(sql).await;
        assert_eq!(told().await, [expected; 2], "{sql}");
    }
}

#[tokio::test]
async fn a_session_goes_on_when_its_node_stops() {
    let mut world = Setup::default().two_nodes().start().await;
    let ada = world.person("Ada").await;
    world.stop_node(1).await;
    world.get("/auth/me").by(&ada).send().await.ok(200);
    world.drain().await;
    assert_eq!(world.mails_to(&ada.email).len(), 1);
}

#[tokio::test]
async fn t34_signing_keys_are_rotated_without_signing_anybody_out() {
    const NEXT_KEY: &str = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
    let world = Setup::default()
        .set(
            "ACCESS_TOKEN_KEYS",
            format!("{ACCESS_TOKEN_KEY},{NEXT_KEY}"),
        )
        .set_second(
            "ACCESS_TOKEN_KEYS",
            format!("{NEXT_KEY},{ACCESS_TOKEN_KEY}"),
        )
        .start()
        .await;
    let ada = world.person("Ada").await;
    let call = world.call(1, Method::POST, "/api/v1/auth/refresh");
    let tokens = call.bearer(&ada.refresh).send().await.ok(200);
    let by_next_key = tokens["access_token"].as_str().unwrap();
    let kid = |token: &str| token.split('.').next().unwrap().to_owned();
    assert_ne!(kid(by_next_key), kid(&ada.access));
    for node in [0, 1] {
        for token in [by_next_key, &ada.access] {
            let me = world.call(node, Method::GET, "/api/v1/auth/me");
            me.bearer(token).send().await.ok(200);
        }
    }
}

#[tokio::test]
async fn t11_a_password_is_hashed_anew_when_the_cost_has_changed() {
    let world = Setup::default()
        .set_second("BCRYPT_COST", "5")
        .start()
        .await;
    world.person("Ada").await;
    let hash = async || -> String {
        let hash = sqlx::query_scalar("SELECT password_hash FROM users");
        hash.fetch_one(world.database.pool()).await.unwrap()
    };
    let sign_in = async |node: usize| {
        let body = json!({ "email": "ada@example.com", "password": PASSWORD });
        let call = world.call(node, Method::POST, "/api/v1/auth/login/json");
        call.json(&body).send().await.ok(200);
    };
    assert!(hash().await.contains("$04$"), "{}", hash().await);
    sign_in(1).await;
    assert!(hash().await.contains("$05$"), "{}", hash().await);
    sign_in(1).await;
}
