//! POST /auth/logout

use reqwest::Method;

use crate::world::{Setup, World};

#[tokio::test]
async fn t32_a_session_that_was_ended_is_over_on_every_node_at_once() {
    let world = Setup::default().two_nodes().start().await;
    let ada = world.person("Ada").await;
    let mut elsewhere = ada.clone();
    world.sign_in(&mut elsewhere).await;
    for node in [0, 1] {
        world
            .call(node, Method::GET, "/api/v1/gate")
            .by(&ada)
            .send()
            .await
            .ok(204);
    }
    let ended = world.post("/auth/logout").by(&ada).send().await;
    insta::assert_snapshot!(ended, @"204");
    for node in [1, 0] {
        for path in ["/api/v1/auth/me", "/api/v1/gate", "/api/v1/billing/state"] {
            let answer = world.call(node, Method::GET, path).by(&ada).send().await;
            assert_eq!(
                answer.refusal(),
                (401, "token_revoked".to_owned()),
                "{path}"
            );
        }
        let answer = world.call(node, Method::POST, "/api/v1/auth/refresh");
        let answer = answer.bearer(&ada.refresh).send().await;
        assert_eq!(answer.refusal(), (401, "token_revoked".to_owned()));
    }
    world.get("/auth/me").by(&elsewhere).send().await.ok(200);
}

#[tokio::test]
async fn signing_out_twice_is_fine_and_the_session_is_remembered() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    for _ in 0..2 {
        world.post("/auth/logout").by(&ada).send().await.ok(204);
    }
    let kept = world
        .count("SELECT count(*) FROM auth_sessions WHERE revoked_at IS NOT NULL")
        .await;
    assert_eq!(kept, 1);
}
