//! Replays recorded calls to the real API against the sandbox and compares what Tollgate relies on.
//! The recordings lie outside of the repository, under `$TOLLGATE_FIXTURES/stripe/http`. They are of
//! versions 2024-06-20 to 2026-03-25.dahlia; in the fields compared, none differs from endive.

use std::{collections::BTreeMap, fs, path::PathBuf};

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use tollgate_stripe_sandbox::Config;

use crate::support::{Answer, World, config, read};

#[derive(Debug, Deserialize)]
struct Pair {
    request: Request,
    response: Response,
}

#[derive(Debug, Deserialize)]
struct Request {
    method: String,
    path: String,
    query: Vec<(String, String)>,
    form: Vec<(String, String)>,
}

#[derive(Debug, Deserialize)]
struct Response {
    status: u16,
    body: Value,
}

/// The fields compared, by kind of object.
const RELIED_ON: [(&str, &[&str]); 11] = [
    (
        "error",
        &[
            "/error/type",
            "/error/code",
            "/error/param",
            "/error/message",
        ],
    ),
    (
        "customer",
        &[
            "/email",
            "/name",
            "/balance",
            "/invoice_settings/default_payment_method",
        ],
    ),
    (
        "subscription",
        &[
            "/status",
            "/customer",
            "/billing_cycle_anchor",
            "/cancel_at",
            "/cancel_at_period_end",
            "/canceled_at",
            "/cancellation_details/reason",
            "/ended_at",
            "/trial_start",
            "/trial_end",
            "/start_date",
            "/pause_collection",
            "/default_payment_method",
            "/pending_setup_intent",
            "/billing_mode/type",
            "/items/data/0/id",
            "/items/data/0/price/id",
            "/items/data/0/price/unit_amount",
            "/items/data/0/quantity",
            "/items/data/0/current_period_start",
            "/items/data/0/current_period_end",
            "/latest_invoice/id",
            "/latest_invoice/status",
            "/latest_invoice/amount_due",
            "/latest_invoice/amount_paid",
            "/latest_invoice/attempt_count",
            "/latest_invoice/billing_reason",
            "/latest_invoice/subscription",
            "/latest_invoice/parent/subscription_details/subscription",
            "/latest_invoice/payments/data/0/payment/payment_intent",
            "/latest_invoice/payments/data/0/status",
            "/latest_invoice/lines/data/0/amount",
            "/latest_invoice/lines/data/1/amount",
        ],
    ),
    (
        "subscription_item",
        &[
            "/id",
            "/quantity",
            "/price/id",
            "/subscription",
            "/current_period_end",
        ],
    ),
    (
        "checkout.session",
        &[
            "/mode",
            "/status",
            "/payment_status",
            "/amount_total",
            "/currency",
            "/customer",
            "/customer_details/email",
            "/ui_mode",
            "/success_url",
            "/cancel_url",
            "/subscription",
            "/client_secret",
            "/metadata",
        ],
    ),
    (
        "billing_portal.session",
        &["/customer", "/return_url", "/flow"],
    ),
    (
        "payment_method",
        &["/customer", "/type", "/card/brand", "/card/last4"],
    ),
    (
        "payment_intent",
        &[
            "/id",
            "/amount",
            "/amount_received",
            "/status",
            "/customer",
            "/latest_charge",
        ],
    ),
    (
        "charge",
        &[
            "/id",
            "/amount",
            "/amount_refunded",
            "/paid",
            "/refunded",
            "/status",
            "/customer",
        ],
    ),
    (
        "invoice",
        &[
            "/id",
            "/status",
            "/amount_due",
            "/amount_paid",
            "/billing_reason",
            "/total",
        ],
    ),
    (
        "list",
        &[
            "/url",
            "/has_more",
            "/data/0/id",
            "/data/0/object",
            "/data/0/status",
        ],
    ),
];

#[tokio::test]
async fn recorded_calls_are_answered_alike() {
    let Some(directory) = fixtures() else {
        eprintln!("SKIPPED: recorded calls are not replayed, TOLLGATE_FIXTURES is not set");
        return;
    };
    let mut files: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty());
    let (mut pairs, mut fields, mut wrong) = (0, 0, Vec::new());
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let recorded: Vec<Pair> = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let mut replay = Replay::start(&recorded).await;
        for pair in &recorded {
            let answer = replay.call(pair).await;
            fields += replay.compare(&name, pair, &answer, &mut wrong);
            pairs += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    eprintln!("{pairs} recorded calls replayed, {fields} fields equal");
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test is told where the recordings are"
)]
fn fixtures() -> Option<PathBuf> {
    std::env::var_os("TOLLGATE_FIXTURES").map(|root| PathBuf::from(root).join("stripe/http"))
}

struct Replay {
    world: World,
    /// Recorded ids and ours.
    ids: BTreeMap<String, String>,
    now: i64,
}

impl Replay {
    /// A world at the recording's time, with the prices it speaks of.
    async fn start(pairs: &[Pair]) -> Self {
        let now = pairs.iter().filter_map(moment).min().unwrap_or(0);
        let world = World::start_with(Config {
            clock: Some(now),
            ..config()
        })
        .await;
        let mut replay = Self {
            world,
            ids: BTreeMap::new(),
            now,
        };
        let mut prices = BTreeMap::new();
        for pair in pairs {
            collect_prices(&pair.response.body, &mut prices);
        }
        for pair in pairs {
            for (field, value) in &pair.request.form {
                let asked = field.ends_with("[price]") && value != "invalid";
                if asked && !prices.contains_key(value) {
                    prices.insert(
                        value.clone(),
                        json!({ "unit_amount": 1000, "recurring": { "interval": "month" } }),
                    );
                }
            }
        }
        for (id, price) in prices {
            let cents = price["unit_amount"].to_string();
            let interval = price["recurring"]["interval"].as_str().unwrap();
            let ours = replay.world.price(&cents, interval).await;
            replay.ids.insert(id, ours);
        }
        replay
    }

    async fn call(&mut self, pair: &Pair) -> Answer {
        if let Some(at) = moment(pair).filter(|at| *at > self.now) {
            self.now = at;
            self.world.control("clock", json!({ "set": at })).await;
        }
        self.prepare(&pair.request).await;
        let path: Vec<String> = pair
            .request
            .path
            .split('/')
            .map(|part| self.ours(part))
            .collect();
        let translate = |fields: &[(String, String)]| -> Vec<(String, String)> {
            fields
                .iter()
                .map(|(name, value)| (name.clone(), self.ours(value)))
                .collect()
        };
        let method = Method::from_bytes(pair.request.method.as_bytes()).unwrap();
        let mut request = self.world.request(method.clone(), &path.join("/"));
        request = request.query(&translate(&pair.request.query));
        if method == Method::POST {
            request = request.form(&translate(&pair.request.form));
        }
        let answer = read(request).await;
        learn(&pair.response.body, &answer.body, &mut self.ids);
        answer
    }

    /// Makes the customer and the card that a recording uses and does not show being made.
    async fn prepare(&mut self, request: &Request) {
        let mut parts = request.path.split('/').skip(2);
        let (Some("customers"), Some(customer)) = (parts.next(), parts.next()) else {
            return;
        };
        if !self.ids.contains_key(customer) {
            let form = [("email", "stripe@example.org"), ("name", "Stripe User")];
            let ours = self.world.post("/v1/customers", &form).await.ok().id();
            self.ids.insert(customer.to_owned(), ours);
        }
        let card = request
            .form
            .iter()
            .find(|(name, _)| name.ends_with("[default_payment_method]"));
        if let Some((_, card)) = card.filter(|(_, card)| !self.ids.contains_key(card)) {
            let form = [("customer", self.ours(customer))];
            let attach = self
                .world
                .request(Method::POST, "/v1/payment_methods/pm_card_visa/attach");
            let ours = read(attach.form(&form)).await.ok().id();
            self.ids.insert(card.clone(), ours);
        }
    }

    fn ours(&self, recorded: &str) -> String {
        self.ids
            .get(recorded)
            .cloned()
            .unwrap_or_else(|| recorded.to_owned())
    }

    /// Counts the fields that are equal and describes the others.
    fn compare(&self, file: &str, pair: &Pair, answer: &Answer, wrong: &mut Vec<String>) -> usize {
        let call = format!("{file}: {} {}", pair.request.method, pair.request.path);
        if answer.status != pair.response.status {
            wrong.push(format!(
                "{call}: {} not {}: {}",
                answer.status, pair.response.status, answer.body
            ));
            return 0;
        }
        let kind = pair
            .response
            .body
            .get("object")
            .and_then(Value::as_str)
            .unwrap_or("error");
        let (_, pointers) = RELIED_ON
            .iter()
            .find(|(known, _)| *known == kind)
            .unwrap_or_else(|| panic!("{call}: nothing is compared of a {kind}"));
        let mut equal = 0;
        for pointer in *pointers {
            let recorded = pair.response.body.pointer(pointer);
            let expected = recorded.map(|value| {
                value
                    .as_str()
                    .map_or_else(|| value.clone(), |id| Value::String(self.ours(id)))
            });
            let found = answer.body.pointer(pointer);
            if expected.as_ref() == found {
                equal += 1;
            } else {
                wrong.push(format!(
                    "{call}: {pointer} is {found:?}, recorded as {expected:?}"
                ));
            }
        }
        equal
    }
}

/// The moment an answer was given, as far as it tells; the sandbox's clock is set to it.
fn moment(pair: &Pair) -> Option<i64> {
    let mut pointers = vec!["/created", "/canceled_at", "/ended_at"];
    if pair.request.path.starts_with("/v1/subscriptions/") {
        pointers.push("/latest_invoice/created");
    }
    let body = &pair.response.body;
    pointers
        .iter()
        .filter_map(|at| body.pointer(at).and_then(Value::as_i64))
        .max()
}

fn collect_prices(value: &Value, prices: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) => {
            if value["object"] == "price" {
                prices.insert(value["id"].as_str().unwrap().to_owned(), value.clone());
            }
            fields
                .values()
                .for_each(|field| collect_prices(field, prices));
        }
        Value::Array(elements) => elements.iter().for_each(|one| collect_prices(one, prices)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Notes which of our ids stands where a recorded one stood.
fn learn(recorded: &Value, ours: &Value, ids: &mut BTreeMap<String, String>) {
    match (recorded, ours) {
        (Value::Object(recorded), Value::Object(ours)) => {
            for (name, value) in recorded {
                learn(value, ours.get(name).unwrap_or(&Value::Null), ids);
            }
        }
        (Value::Array(recorded), Value::Array(ours)) => {
            recorded
                .iter()
                .zip(ours)
                .for_each(|(recorded, ours)| learn(recorded, ours, ids));
        }
        (Value::String(recorded), Value::String(ours)) if is_id(recorded) => {
            ids.entry(recorded.clone()).or_insert_with(|| ours.clone());
        }
        _ => {}
    }
}

fn is_id(text: &str) -> bool {
    let prefixes = [
        "cus_", "sub_", "si_", "in_", "il_", "pi_", "ch_", "pm_", "inpay_", "seti_", "cs_",
    ];
    prefixes.iter().any(|prefix| text.starts_with(prefix)) && !text.contains(' ')
}
