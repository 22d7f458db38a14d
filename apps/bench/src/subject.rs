//! What is measured: a node of ours as production runs it, and beside it the baselines.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context;
use sqlx::{Connection, PgConnection};
use tollgate::{
    config::{Config, Variables},
    node::{Node, Role, Shell},
};
use tollgate_primitives::Timestamp;
use tollgate_use_cases::ports::AccessClaims;

use crate::{
    baseline::Baseline,
    case::Case,
    database::{ACCOUNTS, Holder, Postgres, id},
    deliveries::{Deliveries, Delivery},
};

const WEBHOOK_SECRET: &str = "whsec_0123456789abcdef0123456789abcdef";

/// No case answers as many in a second.
const MOST_DELIVERIES: u64 = 6_000;

/// What a node is told, given where the database is. Only the mode differs from production, whose
/// webhooks would have to be of real payments.
pub(crate) fn settings(database_url: String) -> Vec<(&'static str, String)> {
    let fixed = [
        ("TOLLGATE_ENV", "test"),
        ("BIND", "127.0.0.1:0"),
        ("OPS_BIND", "127.0.0.1:0"),
        ("PUBLIC_URL", "http://127.0.0.1:8080"),
        ("FRONTEND_URL", "http://127.0.0.1:3000"),
        ("SMTP_URL", "smtp://127.0.0.1:1"),
        ("FROM_EMAIL", "hello@example.com"),
        ("STRIPE_SECRET_KEY", "sk_test_0123456789abcdef"),
        ("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET),
        ("STRIPE_CALLS_PER_SECOND", "10000"),
        ("RECONCILE_ENABLED", "false"),
        (
            "TOKEN_SECRET",
            "1f0e3dad99908345f7439f8ffabdffc41f0e3dad99908345f7439f8ffabdffc4",
        ),
        (
            "PASSWORD_PEPPER",
            "98f13708210194c475687be6106a3b8498f13708210194c475687be6106a3b84",
        ),
        (
            "ACCESS_TOKEN_KEYS",
            "3c59dc048e8850243be8079a5c74d0793c59dc048e8850243be8079a5c74d079",
        ),
        ("RATE_LIMITS", "off"),
    ];
    let mut settings: Vec<_> = fixed.map(|(key, text)| (key, text.to_owned())).into();
    settings.push(("DATABASE_URL", database_url));
    settings
}

#[derive(Debug)]
pub(crate) struct Subject {
    node: Node,
    address: SocketAddr,
    baseline: Baseline,
    database: PgConnection,
    deliveries: Deliveries,
}

impl Subject {
    pub(crate) async fn start(postgres: &Postgres) -> anyhow::Result<Self> {
        let mut variables = Variables::default();
        for (key, text) in settings(postgres.url()) {
            variables.set(key, text);
        }
        let config = Config::parse(&variables)?;
        let baseline = Baseline::start(&postgres.url(), config.database.pool_size).await?;
        let node = Node::start(config, Shell::system(), Role::Serve).await?;
        let url = node.url().context("a node that serves has an address")?;
        let address = url.trim_start_matches("http://").parse()?;
        Ok(Self {
            deliveries: Deliveries::new(node.app().clock.now()),
            database: PgConnection::connect(&postgres.url()).await?,
            node,
            address,
            baseline,
        })
    }

    pub(crate) const fn address(&self, case: Case) -> SocketAddr {
        match case {
            Case::Bare | Case::Read | Case::Write => self.baseline.address,
            Case::Gate | Case::State | Case::Webhook => self.address,
        }
    }

    /// Enough for a turn of `length`; of the questions one for each account.
    pub(crate) fn requests(&mut self, case: Case, length: Duration) -> Vec<Vec<u8>> {
        let now = self.node.app().clock.now();
        let deliveries = usize::try_from(length.as_secs() * MOST_DELIVERIES).unwrap_or(usize::MAX);
        match case {
            Case::Bare => vec![get("/bare", "")],
            Case::Read => (0..ACCOUNTS)
                .map(|number| get(&format!("/read/{}", id(number)), ""))
                .collect(),
            Case::Gate => self.questions("/api/v1/gate", now),
            Case::State => self.questions("/api/v1/billing/state", now),
            Case::Write => self
                .deliveries
                .by_ref()
                .take(deliveries)
                .map(|d| to_baseline(&d))
                .collect(),
            Case::Webhook => self
                .deliveries
                .by_ref()
                .take(deliveries)
                .map(|delivery| signed(&delivery.body, now))
                .collect(),
        }
    }

    fn questions(&self, path: &str, now: Timestamp) -> Vec<Vec<u8>> {
        let question = |number| {
            let Holder {
                user,
                session,
                account,
            } = Holder::of(number);
            let token = self.node.app().access_tokens.issue(&AccessClaims {
                user,
                session,
                account,
                issued_at: now,
                expires_at: now.saturating_add(Duration::from_mins(15)),
            });
            get(path, &format!("authorization: Bearer {token}\r\n"))
        };
        (0..ACCOUNTS).map(question).collect()
    }

    /// Lets the database write out what earlier turns left to be written.
    pub(crate) async fn settle(&mut self) -> anyhow::Result<()> {
        sqlx::raw_sql("CHECKPOINT")
            .execute(&mut self.database)
            .await?;
        Ok(())
    }

    pub(crate) async fn stop(self) {
        self.node.stop().await;
        self.baseline.handle.stop(true).await;
    }
}

fn to_baseline(
    Delivery {
        event,
        customer,
        body,
    }: &Delivery,
) -> Vec<u8> {
    post(&format!("/write/{event}/{customer}"), "", body)
}

/// A delivery of `body`, signed at `now`.
pub(crate) fn signed(body: &str, now: Timestamp) -> Vec<u8> {
    let signature = tollgate_stripe_sandbox::signature_header(
        WEBHOOK_SECRET,
        now.unix_seconds(),
        body.as_bytes(),
    );
    post(
        "/api/v1/webhooks/stripe",
        &format!("stripe-signature: {signature}\r\n"),
        body,
    )
}

pub(crate) fn get(path: &str, headers: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: bench\r\n{headers}\r\n").into_bytes()
}

pub(crate) fn post(path: &str, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
    .into_bytes()
}
