//! A sandbox, a caller, and somebody who takes its webhooks.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use reqwest::{Client, Method, RequestBuilder, header::HeaderMap, redirect::Policy};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tollgate_stripe_sandbox::{Config, Sandbox, signature_header};

/// 21 September 2026, 14:13:20 UTC.
pub(crate) const START: i64 = 1_790_000_000;
pub(crate) const DAY: i64 = 86_400;
pub(crate) const PAYS: &str = "4242424242424242";
pub(crate) const FAILS_WHEN_CHARGED: &str = "4000000000000341";
pub(crate) const DECLINED: &str = "4000000000000002";
const KEY: &str = "sk_test_key";

pub(crate) fn config() -> Config {
    Config {
        bind: "127.0.0.1:0".parse().unwrap(),
        secret_key: KEY.to_owned(),
        publishable_key: "pk_test_key".to_owned(),
        webhook: None,
        state_file: None,
        clock: Some(START),
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// A text anywhere in the body, by JSON pointer.
    pub(crate) fn text(&self, pointer: &str) -> String {
        let found = self.body.pointer(pointer).and_then(Value::as_str);
        found
            .unwrap_or_else(|| panic!("no text at {pointer} in {:#}", self.body))
            .to_owned()
    }

    pub(crate) fn id(&self) -> String {
        self.text("/id")
    }

    pub(crate) fn number(&self, pointer: &str) -> i64 {
        let found = self.body.pointer(pointer).and_then(Value::as_i64);
        found.unwrap_or_else(|| panic!("no number at {pointer} in {:#}", self.body))
    }

    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.status, 200, "{:#}", self.body);
        self
    }

    /// Status, type and code (or else the parameter) of a refusal.
    pub(crate) fn refusal(&self) -> (u16, String, String) {
        let code = self
            .body
            .pointer("/error/code")
            .or(self.body.pointer("/error/param"));
        let code = code.and_then(Value::as_str).unwrap_or_default();
        (self.status, self.text("/error/type"), code.to_owned())
    }
}

pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) http: Client,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::start_with(config()).await
    }

    pub(crate) async fn start_with(config: Config) -> Self {
        let http = Client::builder().redirect(Policy::none()).build().unwrap();
        Self {
            sandbox: Sandbox::start(config).await.unwrap(),
            http,
        }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.sandbox.url()))
            .bearer_auth(KEY)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        read(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        read(self.request(Method::POST, path).form(form)).await
    }

    pub(crate) async fn post_keyed(&self, key: &str, path: &str, form: &[(&str, &str)]) -> Answer {
        read(
            self.request(Method::POST, path)
                .header("idempotency-key", key)
                .form(form),
        )
        .await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        read(self.request(Method::DELETE, path)).await
    }

    pub(crate) async fn control(&self, path: &str, body: Value) -> Value {
        let request = self
            .request(Method::POST, &format!("/_sandbox/{path}"))
            .json(&body);
        read(request).await.ok().body
    }

    pub(crate) async fn advance(&self, seconds: i64) {
        self.control("clock", json!({ "advance_seconds": seconds }))
            .await;
    }

    pub(crate) async fn fault(&self, fault: Value) {
        self.control("faults", json!([fault])).await;
    }

    /// A customer, with a card as default unless it is declined outright.
    pub(crate) async fn customer(&self, token: &str) -> String {
        let customer = self
            .post("/v1/customers", &[("email", "ada@example.com")])
            .await
            .ok()
            .id();
        let attach = format!("/v1/payment_methods/{token}/attach");
        let method = self
            .post(&attach, &[("customer", &customer)])
            .await
            .ok()
            .id();
        let form = [("invoice_settings[default_payment_method]", method.as_str())];
        self.post(&format!("/v1/customers/{customer}"), &form)
            .await
            .ok();
        customer
    }

    pub(crate) async fn price(&self, cents: &str, interval: &str) -> String {
        let product = self
            .post("/v1/products", &[("name", "Pro <b>& more")])
            .await
            .ok()
            .id();
        let form = [
            ("product", product.as_str()),
            ("currency", "usd"),
            ("unit_amount", cents),
            ("recurring[interval]", interval),
        ];
        self.post("/v1/prices", &form).await.ok().id()
    }

    pub(crate) async fn subscribe(&self, customer: &str, price: &str) -> Answer {
        let form = [
            ("customer", customer),
            ("items[0][price]", price),
            ("items[0][quantity]", "2"),
        ];
        self.post("/v1/subscriptions", &form).await.ok()
    }

    pub(crate) async fn session(&self, price: &str, more: &[(&str, &str)]) -> Answer {
        let mut form = vec![
            ("mode", "subscription"),
            ("line_items[0][price]", price),
            ("line_items[0][quantity]", "1"),
            (
                "success_url",
                "http://shop.test/done?id={CHECKOUT_SESSION_ID}",
            ),
        ];
        form.extend_from_slice(more);
        self.post("/v1/checkout/sessions", &form).await
    }

    /// Types of all events, oldest first.
    pub(crate) async fn event_types(&self) -> Vec<String> {
        let events = self.get("/v1/events?limit=100").await.ok().body;
        let mut types: Vec<String> = events["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["type"].as_str().unwrap().to_owned())
            .collect();
        types.reverse();
        types
    }
}

pub(crate) async fn read(request: RequestBuilder) -> Answer {
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    Answer {
        status,
        headers,
        body: answer.json().await.unwrap(),
    }
}

/// A webhook as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) signature: String,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn event(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn is_signed_with(&self, secret: &str) -> bool {
        let stamp = self
            .signature
            .split_once("t=")
            .and_then(|(_, rest)| rest.split_once(','));
        let signed_at = stamp.and_then(|(moment, _)| moment.parse().ok()).unwrap();
        self.signature == signature_header(secret, signed_at, &self.body)
    }
}

/// An endpoint that answers with the given statuses, then 200.
pub(crate) struct Receiver {
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    pub(crate) async fn start(statuses: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&received);
        let mut statuses: VecDeque<u16> = statuses.iter().copied().collect();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let status = statuses.pop_front().unwrap_or(200);
                take(stream, status, &kept).await;
            }
        });
        Self { url, received }
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    pub(crate) fn types(&self) -> Vec<String> {
        let all = self.received();
        all.iter()
            .map(|one| one.event()["type"].as_str().unwrap().to_owned())
            .collect()
    }
}

async fn take(mut stream: TcpStream, status: u16, kept: &Mutex<Vec<Received>>) {
    let mut bytes = Vec::new();
    let (head, start) = loop {
        stream.read_buf(&mut bytes).await.unwrap();
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break (String::from_utf8(bytes[..end].to_vec()).unwrap(), end + 4);
        }
    };
    let header = |name: &str| {
        let line = head
            .lines()
            .find(|line| line.to_lowercase().starts_with(name))
            .unwrap();
        line.split_once(": ").unwrap().1.to_owned()
    };
    let length: usize = header("content-length").parse().unwrap();
    while bytes.len() < start + length {
        stream.read_buf(&mut bytes).await.unwrap();
    }
    let received = Received {
        signature: header("stripe-signature"),
        body: bytes[start..].to_vec(),
    };
    kept.lock().unwrap().push(received);
    let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(answer.as_bytes()).await.unwrap();
}
