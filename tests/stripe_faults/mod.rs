//! Stripe as a dependency that fails. Each module is a fault of docs/faults.md, whose row its tests name.

mod away;
mod broken_answers;
mod kept_failures;
mod keys;
mod killed;
mod late_news;
mod lost_answers;
mod slow;

use std::{collections::BTreeMap, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Answer, Person, WEBHOOK_SECRET, World, monthly};

const KEY: &str = "sk_test_0123456789abcdef";

async fn strike(world: &World, fault: Value) {
    world.tell_sandbox("faults", json!([fault])).await;
}

/// What Stripe is next asked to make at `path` it makes, and nobody hears of it, nor of anything further.
async fn lose_answers(world: &World, kind: &str, path: &str) {
    let fault = |times: Value, before_commit: bool| {
        json!({
            "kind": kind, "path_prefix": path, "times": times, "before_commit": before_commit,
        })
    };
    strike(world, fault(json!(1), false)).await;
    strike(world, fault(Value::Null, true)).await;
}

async fn heal(world: &World) {
    forget(world, "faults").await;
}

async fn forget(world: &World, what: &str) {
    let url = format!("{}/_sandbox/{what}", world.sandbox_url());
    world.fetch(Method::DELETE, &url).send().await.ok(200);
}

/// From now on Stripe tells again what happens.
async fn resume_events(world: &World) {
    let url = format!("{}/api/v1/webhooks/stripe", world.url(0));
    let endpoint = json!({ "url": url, "secret": WEBHOOK_SECRET });
    world.tell_sandbox("webhooks", endpoint).await;
}

/// An object of Stripe's, or a list of them.
async fn at_stripe(world: &World, path: &str) -> Value {
    let url = format!("{}/v1/{path}", world.sandbox_url());
    let call = world.fetch(Method::GET, &url).bearer(KEY);
    call.send().await.ok(200)
}

async fn how_many(world: &World, list: &str) -> usize {
    at_stripe(world, list).await["data"]
        .as_array()
        .unwrap()
        .len()
}

/// The idempotency keys of what Stripe was asked to make at `path`, in order.
async fn keys(world: &World, path: &str) -> Vec<String> {
    let calls = world.ask_sandbox("requests").await;
    let calls = calls.as_array().unwrap().iter();
    calls
        .filter(|call| call["method"] == "POST" && call["path"] == path)
        .map(|call| call["idempotency_key"].as_str().unwrap().to_owned())
        .collect()
}

#[track_caller]
fn assert_try_again(answer: &Answer) {
    let refusal = answer.refusal();
    assert_eq!(refusal, (503, "payment_provider_unavailable".to_owned()));
    assert!(answer.header("retry-after").is_some(), "{answer}");
    assert!(answer.text.contains("nothing was charged"), "{answer}");
}

/// Asks again as somebody does who was told to, until the page is there.
async fn open_in_the_end(world: &World, person: &Person) -> Value {
    let mut told = BTreeMap::new();
    let mut again = tokio::time::interval(Duration::from_millis(200));
    for _ in 0..300 {
        again.tick().await;
        let answer = world.open_checkout(person, &monthly("pro", 1)).await;
        if answer.status == 200 {
            return answer.ok(200);
        }
        *told.entry(answer.refusal()).or_insert(0) += 1;
        assert_eq!(answer.status, 503, "{answer}");
    }
    panic!("the page does not open although Stripe is well: {told:?}");
}
