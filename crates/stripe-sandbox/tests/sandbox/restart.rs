use serde_json::json;
use tollgate_stripe_sandbox::{Config, WebhookEndpoint};

use crate::support::{Receiver, World, config};

#[tokio::test]
async fn a_restart_keeps_objects_keys_and_what_was_not_delivered() {
    let directory = tempfile::tempdir().unwrap();
    let nobody = WebhookEndpoint {
        url: "http://127.0.0.1:9/".into(),
        secret: "whsec_a".into(),
    };
    let kept = Config {
        state_file: Some(directory.path().join("state.json")),
        webhook: Some(nobody),
        ..config()
    };
    let world = World::start_with(kept.clone()).await;
    let form = [("email", "a@x.test")];
    let made = world.post_keyed("k", "/v1/customers", &form).await.ok();
    world.advance(60).await;
    world.sandbox.stop().await;

    let receiver = Receiver::start(&[]).await;
    let endpoint = WebhookEndpoint {
        url: receiver.url.clone(),
        secret: "whsec_b".into(),
    };
    let world = World::start_with(Config {
        webhook: Some(endpoint),
        ..kept
    })
    .await;
    let again = world.post_keyed("k", "/v1/customers", &form).await.ok();
    assert_eq!(again.body, made.body);
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.headers["date"], "Mon, 21 Sep 2026 14:14:20 GMT");
    world
        .control("drain", json!({ "timeout_ms": 20_000 }))
        .await;
    assert_eq!(receiver.types(), ["customer.created"]);
}

#[tokio::test]
async fn a_damaged_state_file_is_not_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("state.json");
    std::fs::write(&file, "{").unwrap();
    let broken = Config {
        state_file: Some(file.clone()),
        ..config()
    };
    let refused = tollgate_stripe_sandbox::Sandbox::start(broken)
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::InvalidData);
    assert_eq!(std::fs::read_to_string(file).unwrap(), "{");
}
