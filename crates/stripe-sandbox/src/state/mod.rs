//! What the sandbox knows, and how it changes: the state machine behind the API. Everything here is
//! a function of the state and its moment; it reads no clock and does no I/O.

pub(crate) mod card;
pub(crate) mod catalog;
pub(crate) mod change;
pub(crate) mod checkout;
pub(crate) mod customer;
pub(crate) mod event;
pub(crate) mod invoice;
pub(crate) mod lifecycle;
pub(crate) mod payment;
pub(crate) mod portal;
pub(crate) mod proration;
pub(crate) mod seed;
pub(crate) mod subscription;
pub(crate) mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{WebhookEndpoint, clock::Clock, idempotency::Answers, ids::Ids};
use table::Table;

pub(crate) type Metadata = BTreeMap<String, String>;

/// What happens to a subscription whose last payment attempt failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AfterRetries {
    #[default]
    Cancel,
    Unpaid,
    PastDue,
}

/// What one would set in Stripe's dashboard, and how the sandbox behaves.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// Days from one failed attempt to the next.
    pub(crate) retry_days: Vec<i64>,
    pub(crate) after_retries: AfterRetries,
    /// Deliver a call's events before the call is answered.
    pub(crate) webhook_before_answer: bool,
    /// Sign webhooks with the sandbox's time instead of the wall clock's.
    pub(crate) sign_with_sandbox_clock: bool,
    /// Calls a second before 429 is answered; none is unlimited.
    pub(crate) rate_limit_per_second: Option<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            retry_days: vec![3, 5, 7],
            after_retries: AfterRetries::default(),
            webhook_before_answer: false,
            sign_with_sandbox_clock: false,
            rate_limit_per_second: None,
        }
    }
}

/// The API call that is being carried out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cause {
    pub(crate) request_id: String,
    pub(crate) idempotency_key: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) clock: Clock,
    /// The moment everything is decided at, Unix seconds.
    pub(crate) now: i64,
    pub(crate) account: String,
    pub(crate) settings: Settings,
    pub(crate) webhook: Option<WebhookEndpoint>,
    pub(crate) answers: Answers,
    ids: Ids,
    pub(crate) customers: Table<customer::Customer>,
    pub(crate) products: Table<catalog::Product>,
    pub(crate) prices: Table<catalog::Price>,
    pub(crate) payment_methods: Table<card::PaymentMethod>,
    pub(crate) sessions: Table<checkout::Session>,
    pub(crate) portals: Table<portal::Portal>,
    pub(crate) subscriptions: Table<subscription::Subscription>,
    pub(crate) invoices: Table<invoice::Invoice>,
    pub(crate) intents: Table<payment::Intent>,
    pub(crate) setup_intents: Table<payment::SetupIntent>,
    pub(crate) charges: Table<payment::Charge>,
    pub(crate) refunds: Table<payment::Refund>,
    pub(crate) events: Table<event::Event>,
    /// Where the pages are, `http://127.0.0.1:PORT`.
    #[serde(skip)]
    pub(crate) base_url: String,
    #[serde(skip)]
    pub(crate) cause: Option<Cause>,
    /// Events nobody has been told of yet, by id.
    #[serde(skip)]
    pub(crate) undelivered: Vec<String>,
}

impl State {
    /// An empty account. `seed` makes its ids its own.
    pub(crate) fn new(clock: Clock, now: i64, seed: u64) -> Self {
        let mut ids = Ids::new(seed);
        Self {
            clock,
            now,
            account: ids.next("acct_1", 15),
            settings: Settings::default(),
            webhook: None,
            answers: Answers::default(),
            ids,
            customers: Table::default(),
            products: Table::default(),
            prices: Table::default(),
            payment_methods: Table::default(),
            sessions: Table::default(),
            portals: Table::default(),
            subscriptions: Table::default(),
            invoices: Table::default(),
            intents: Table::default(),
            setup_intents: Table::default(),
            charges: Table::default(),
            refunds: Table::default(),
            events: Table::default(),
            base_url: String::new(),
            cause: None,
            undelivered: Vec::new(),
        }
    }

    pub(crate) fn new_id(&mut self, prefix: &str, length: usize) -> String {
        self.ids.next(prefix, length)
    }
}
