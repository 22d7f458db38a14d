//! What becomes of a call while Stripe or the way to it is in trouble: one act or none, never two.

use std::{num::NonZeroU32, time::Duration};

use serde_json::{Value, json};
use tollgate_billing::SubscriptionId;
use tollgate_payments_stripe::{Settings, StripePayments};
use tollgate_primitives::AccountId;
use tollgate_stripe_sandbox::Sandbox;
use tollgate_use_cases::ports::{NewCustomer, Payments, PaymentsError};

use crate::given::{checkout, control, customer, get, key, payments, post, sandbox, settings};

async fn inject(sandbox: &Sandbox, fault: Value) {
    control(sandbox, "faults", json!([fault])).await;
}

async fn customers(sandbox: &Sandbox) -> usize {
    let all = get(sandbox, "/v1/customers").await;
    all["data"].as_array().unwrap().len()
}

/// The idempotency keys of the calls to create a customer, in order.
async fn keys(sandbox: &Sandbox) -> Vec<String> {
    let calls = get(sandbox, "/_sandbox/requests").await;
    let calls = calls.as_array().unwrap().iter();
    calls
        .filter(|call| call["method"] == "POST" && call["path"] == "/v1/customers")
        .map(|call| {
            call["idempotency_key"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        })
        .collect()
}

async fn create(sandbox: &Sandbox, settings: Settings) -> Result<String, PaymentsError> {
    let payments = StripePayments::new(settings).unwrap();
    let created = payments.create_customer(&key("a"), &customer()).await?;
    assert_eq!(customers(sandbox).await, 1);
    Ok(created.to_string())
}

#[tokio::test]
async fn f12_f15_a_fault_of_the_moment_is_tried_away_under_the_same_key() {
    for (fault, calls) in [
        (json!({"kind": "lost_answer", "times": 1}), 2),
        (
            json!({"kind": "lost_answer", "before_commit": true, "times": 2}),
            3,
        ),
        (json!({"kind": "conflict_409", "times": 2}), 3),
    ] {
        let sandbox = sandbox().await;
        inject(&sandbox, fault.clone()).await;
        create(&sandbox, settings(&sandbox.url())).await.unwrap();
        assert_eq!(keys(&sandbox).await, vec!["test:a"; calls], "{fault}");
    }
}

#[tokio::test]
async fn f12_an_answer_that_takes_too_long_is_asked_for_again_under_the_same_key() {
    let sandbox = sandbox().await;
    inject(
        &sandbox,
        json!({"kind": "slow", "delay_ms": 3000, "times": 1}),
    )
    .await;
    let settings = Settings {
        timeout: Duration::from_millis(1500),
        tries: 50,
        backoff: Duration::from_millis(50),
        ..settings(&sandbox.url())
    };
    create(&sandbox, settings).await.unwrap();
    assert!(keys(&sandbox).await.iter().all(|key| key == "test:a"));
}

#[tokio::test]
async fn f12_stripe_that_answers_nobody_is_unavailable_within_the_deadline() {
    let sandbox = sandbox().await;
    inject(&sandbox, json!({"kind": "hang", "delay_ms": 60_000})).await;
    let settings = Settings {
        deadline: Duration::from_millis(300),
        ..settings(&sandbox.url())
    };
    let started = tokio::time::Instant::now();
    let result = create(&sandbox, settings).await;
    assert!(
        matches!(result, Err(PaymentsError::Unavailable { .. })),
        "{result:?}"
    );
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn f13_a_500_that_stripe_keeps_for_the_key_is_not_asked_for_over_and_over() {
    let sandbox = sandbox().await;
    inject(&sandbox, json!({"kind": "error_500", "times": 1})).await;
    let result = create(&sandbox, settings(&sandbox.url())).await;
    assert!(
        matches!(result, Err(PaymentsError::KeySpent(_))),
        "{result:?}"
    );
    assert_eq!(keys(&sandbox).await, ["test:a"; 2]);
    assert_eq!(customers(&sandbox).await, 0);
}

#[tokio::test]
async fn f13_the_customer_that_a_kept_500_made_is_found_among_others() {
    let sandbox = sandbox().await;
    inject(
        &sandbox,
        json!({"kind": "error_500", "method": "POST", "before_commit": false, "times": 1}),
    )
    .await;
    inject(
        &sandbox,
        json!({"kind": "error_500", "method": "GET", "times": 4}),
    )
    .await;
    let first = create(&sandbox, settings(&sandbox.url())).await;
    assert!(
        matches!(first, Err(PaymentsError::Unavailable { .. })),
        "whether it was made is not known: {first:?}"
    );
    let made = get(&sandbox, "/v1/customers").await;
    for nth in 0..120 {
        let email = format!("{nth}@example.com");
        post(&sandbox, "/v1/customers", &[("email", email.as_str())]).await;
    }
    let payments = payments(&sandbox.url());
    let found = payments
        .create_customer(&key("a"), &customer())
        .await
        .unwrap();
    assert_eq!(made["data"].as_array().unwrap().len(), 1);
    assert_eq!(made["data"][0]["id"], found.as_str());
    let ours = keys(&sandbox).await.into_iter();
    assert!(
        ours.filter(|key| !key.is_empty())
            .all(|key| key == "test:a")
    );
}

#[tokio::test]
async fn f13_the_page_that_a_kept_500_opened_is_found() {
    let sandbox = sandbox().await;
    control(&sandbox, "seed", json!({})).await;
    let prices = get(&sandbox, "/v1/prices?lookup_keys[0]=pro_month").await;
    let payments = payments(&sandbox.url());
    let buyer = payments.create_customer(&key("a"), &customer()).await;
    let price = prices["data"][0]["id"].as_str().unwrap();
    let request = checkout(buyer.unwrap(), price);
    inject(
        &sandbox,
        json!({"kind": "error_500", "method": "POST", "before_commit": false, "times": 1}),
    )
    .await;
    let page = payments.open_checkout(&key("b"), &request).await.unwrap();
    let pages = get(&sandbox, "/v1/checkout/sessions").await;
    assert_eq!(pages["data"].as_array().unwrap().len(), 1, "{pages}");
    assert_eq!(pages["data"][0]["id"], page.id.0);
    assert_eq!(pages["data"][0]["url"], page.url);
}

#[tokio::test]
async fn f15_another_question_under_a_key_finds_what_the_first_one_made() {
    let sandbox = sandbox().await;
    let payments = payments(&sandbox.url());
    let made = payments
        .create_customer(&key("a"), &customer())
        .await
        .unwrap();
    let renamed = NewCustomer {
        name: "Ada".to_owned(),
        ..customer()
    };
    let again = payments.create_customer(&key("a"), &renamed).await.unwrap();
    assert_eq!(again, made);

    let somebody_else = NewCustomer {
        account: AccountId::from_uuid(uuid::Uuid::from_u128(9)),
        ..customer()
    };
    let refused = payments.create_customer(&key("a"), &somebody_else).await;
    assert!(
        matches!(refused, Err(PaymentsError::KeySpent(_))),
        "{refused:?}"
    );
    assert_eq!(customers(&sandbox).await, 1);
    assert_eq!(keys(&sandbox).await, ["test:a"; 3], "each asked once");
}

#[tokio::test]
async fn f14_calls_go_out_no_faster_than_the_limit() {
    let sandbox = sandbox().await;
    let settings = Settings {
        calls_per_second: NonZeroU32::new(20).unwrap(),
        ..settings(&sandbox.url())
    };
    let payments = StripePayments::new(settings).unwrap();
    let started = tokio::time::Instant::now();
    for _ in 0..25 {
        let nobody = SubscriptionId::new("sub_1");
        assert_eq!(payments.read_subscription(&nobody).await.unwrap(), None);
    }
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn f16_once_five_tries_have_failed_nobody_is_sent_for_a_while() {
    let sandbox = sandbox().await;
    inject(
        &sandbox,
        json!({"kind": "lost_answer", "before_commit": true}),
    )
    .await;
    let payments = payments(&sandbox.url());
    let jobs = payments.in_background();
    for nth in 0..10 {
        let asked = if nth % 2 == 0 { &payments } else { &jobs };
        let Err(PaymentsError::Unavailable { retry_after, .. }) = asked.read_catalog().await else {
            panic!("the sandbox answered")
        };
        let is_told_when = retry_after.is_some_and(|wait| wait <= Duration::from_secs(5));
        assert!(nth == 0 || is_told_when, "{retry_after:?}");
    }
    let calls = get(&sandbox, "/_sandbox/requests").await;
    let ours = calls.as_array().unwrap().iter();
    let tries = ours.filter(|call| call["path"] == "/v1/products").count();
    assert!((5..8).contains(&tries), "{tries} of forty: {calls}");
}

#[tokio::test]
async fn a_500_on_a_read_is_tried_away() {
    let sandbox = sandbox().await;
    inject(&sandbox, json!({"kind": "error_500", "times": 3})).await;
    let catalog = payments(&sandbox.url()).read_catalog().await.unwrap();
    assert_eq!(catalog, []);
}

#[tokio::test]
async fn trouble_that_outlasts_every_try_is_unavailable() {
    for kind in ["error_500", "conflict_409", "lost_answer"] {
        let sandbox = sandbox().await;
        inject(&sandbox, json!({"kind": kind, "method": "GET"})).await;
        let result = payments(&sandbox.url()).read_catalog().await;
        assert!(
            matches!(result, Err(PaymentsError::Unavailable { .. })),
            "{kind}: {result:?}"
        );
        let calls = get(&sandbox, "/_sandbox/requests").await;
        assert_eq!(calls.as_array().unwrap().len(), 4, "{kind}");
    }
}

#[tokio::test]
async fn f14_a_rate_limit_that_outlasts_the_deadline_says_when_to_come_back() {
    let sandbox = sandbox().await;
    inject(&sandbox, json!({"kind": "rate_limit_429"})).await;
    let settings = Settings {
        deadline: Duration::from_millis(900),
        ..settings(&sandbox.url())
    };
    let result = create(&sandbox, settings).await;
    let Err(PaymentsError::Unavailable { retry_after, .. }) = result else {
        panic!("{result:?}")
    };
    assert_eq!(retry_after, Some(Duration::from_secs(1)));
    assert_eq!(keys(&sandbox).await.len(), 1);
}

#[tokio::test]
async fn an_answer_that_is_no_answer_is_unreadable_and_asked_for_once() {
    for kind in ["html_200", "truncated_json"] {
        let sandbox = sandbox().await;
        inject(&sandbox, json!({"kind": kind})).await;
        let result = create(&sandbox, settings(&sandbox.url())).await;
        assert!(
            matches!(result, Err(PaymentsError::Unreadable { .. })),
            "{kind}: {result:?}"
        );
        assert_eq!(keys(&sandbox).await.len(), 1, "{kind}");
    }
}

#[tokio::test]
async fn nobody_at_the_address_is_unavailable() {
    let closed = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let result = payments(&format!("http://{closed}")).read_catalog().await;
    assert!(
        matches!(result, Err(PaymentsError::Unavailable { .. })),
        "{result:?}"
    );
}
