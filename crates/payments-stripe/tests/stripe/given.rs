//! What the tests start from.

use std::{num::NonZeroU32, time::Duration};

use serde_json::{Value, json};
use tollgate_payments_stripe::{Mode, Settings, StripePayments, StripeWebhooks};
use tollgate_primitives::{AccountId, EmailAddress, JobKey, ReservationId, Timestamp};
use tollgate_stripe_sandbox::{Config, Sandbox};
use tollgate_use_cases::ports::{CheckoutRequest, NewCustomer, Notice, NoticeContent, Webhooks};
use uuid::Uuid;

pub(crate) const SECRET: &str = "whsec_0123456789abcdefghijABCDEFGHIJKL";
pub(crate) const KEY: &str = "sk_test_sandbox";
/// 2026-09-21T14:13:20Z, where every sandbox's clock stands.
pub(crate) const NOW: i64 = 1_790_000_000;

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds).unwrap()
}

pub(crate) fn webhooks() -> StripeWebhooks {
    StripeWebhooks::new(&[SECRET.into()], Mode::Test, None).unwrap()
}

/// What an event of type `kind` around `object` says.
pub(crate) fn heard(kind: &str, object: &Value) -> NoticeContent {
    read(&event(kind, object)).content
}

pub(crate) fn read(event: &Value) -> Notice {
    webhooks().read_stored(&event.to_string()).unwrap()
}

pub(crate) fn event(kind: &str, object: &Value) -> Value {
    json!({
        "id": "evt_1",
        "object": "event",
        "api_version": "2026-09-30.endive",
        "created": NOW,
        "livemode": false,
        "type": kind,
        "data": {"object": object},
    })
}

/// A subscription in the shape of 2026-09-30.endive, with the fields we read.
pub(crate) fn subscription() -> Value {
    json!({
        "id": "sub_1",
        "customer": "cus_1",
        "status": "active",
        "cancel_at_period_end": false,
        "cancel_at": null,
        "canceled_at": null,
        "ended_at": null,
        "trial_end": null,
        "items": {"object": "list", "has_more": false, "data": [{
            "price": {"id": "price_1", "recurring": {"usage_type": "licensed"}},
            "quantity": 3,
            "current_period_start": NOW,
            "current_period_end": NOW + 2_592_000,
        }]},
    })
}

pub(crate) async fn sandbox() -> Sandbox {
    let config = Config {
        bind: "127.0.0.1:0".parse().unwrap(),
        secret_key: KEY.to_owned(),
        publishable_key: "pk_test_sandbox".to_owned(),
        webhook: None,
        state_file: None,
        clock: Some(NOW),
    };
    Sandbox::start(config).await.unwrap()
}

/// Patient enough for any machine, with pauses too short to notice.
pub(crate) fn settings(url: &str) -> Settings {
    Settings {
        api_base: Some(url.to_owned()),
        calls_per_second: NonZeroU32::MAX,
        timeout: Duration::from_secs(20),
        deadline: Duration::from_secs(30),
        backoff: Duration::from_millis(2),
        ..Settings::new(KEY.into(), Mode::Test)
    }
}

pub(crate) fn payments(url: &str) -> StripePayments {
    StripePayments::new(settings(url)).unwrap()
}

pub(crate) fn key(id: &str) -> JobKey {
    JobKey::new("test", id)
}

pub(crate) fn account() -> AccountId {
    AccountId::from_uuid(Uuid::from_u128(7))
}

pub(crate) fn customer() -> NewCustomer {
    NewCustomer {
        account: account(),
        name: "Ada & Söhne".to_owned(),
        email: EmailAddress::parse("ada+billing@example.org").unwrap(),
    }
}

pub(crate) fn checkout(customer: tollgate_billing::Customer, price: &str) -> CheckoutRequest {
    CheckoutRequest {
        account: account(),
        reservation: ReservationId::from_uuid(Uuid::from_u128(8)),
        customer,
        price: tollgate_billing::PriceId::new(price),
        seats: 3,
        trial_end: None,
        success_url: "https://app.example/account/billing?success=1".to_owned(),
        cancel_url: "https://app.example/account/billing/select-plan".to_owned(),
    }
}

/// The sandbox's own doors: its API as a stranger to our client would use it, and its controls.
pub(crate) async fn get(sandbox: &Sandbox, path: &str) -> Value {
    let request = reqwest::Client::new()
        .get(sandbox.url() + path)
        .bearer_auth(KEY);
    request.send().await.unwrap().json().await.unwrap()
}

pub(crate) async fn post(sandbox: &Sandbox, path: &str, form: &[(&str, &str)]) -> Value {
    let request = reqwest::Client::new()
        .post(sandbox.url() + path)
        .bearer_auth(KEY)
        .form(form);
    let answer = request.send().await.unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
    answer.json().await.unwrap()
}

pub(crate) async fn control(sandbox: &Sandbox, path: &str, order: Value) -> Value {
    let request = reqwest::Client::new()
        .post(format!("{}/_sandbox/{path}", sandbox.url()))
        .json(&order);
    let answer = request.send().await.unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
    answer.json().await.unwrap()
}
