//! A whole deployment for one test: database, nodes, Stripe sandbox and mailbox, all on one clock that
//! stands still until the test moves it.

mod answer;
mod browser;
mod call;
mod events;
mod people;
mod program;
mod raw;
mod rows;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};
use tollgate::{
    config::{Config, Variables},
    node::{Node, Role, Shell},
    system::SystemEntropy,
};
use tollgate_mailbox::Mailbox;
use tollgate_primitives::Timestamp;
use tollgate_stripe_sandbox::Sandbox;
use tollgate_testkit::{Database, TestClock};
use tollgate_use_cases::{App, ports::Clock, sync_plans};

pub(crate) use answer::{Answer, redacted};
use browser::Issuers;
pub(crate) use browser::{Begun, TENANT, googles, microsofts};
pub(crate) use call::Call;
pub(crate) use events::taken;
pub(crate) use people::{PASSWORD, Person, monthly, registration};
pub(crate) use program::{Program, run};
pub(crate) use raw::{raw_post, raw_request};
pub(crate) use rows::{Rows, rows};

/// 2027-01-04T09:00:00Z, a Monday.
const START: i64 = 1_799_053_200;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_mins(1);
pub(crate) const HOUR: Duration = Duration::from_hours(1);
pub(crate) const DAY: Duration = Duration::from_hours(24);

/// The last second before `span` has passed.
pub(crate) fn just_under(span: Duration) -> Duration {
    span.checked_sub(SECOND).unwrap()
}

/// The jobs that are left. What announces the end of a trial waits for days.
pub(crate) const JOBS: &str = "SELECT count(*) FROM graphile_worker._private_jobs \
     WHERE key NOT LIKE 'announce_trial_end:%'";

/// What takes longer has not happened.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const WEBHOOK_SECRET: &str = "whsec_0123456789abcdefghijklmnopqrstuv";
pub(crate) const ACCESS_TOKEN_KEY: &str =
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
pub(crate) const PUBLIC_URL: &str = "http://api.test";

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) clock: Arc<TestClock>,
    pub(crate) database: Database,
    pub(crate) mailbox: Mailbox,
    sandbox: Option<Sandbox>,
    issuers: Option<Issuers>,
    nodes: Vec<Node>,
    http: reqwest::Client,
}

/// How a deployment differs from the usual one.
#[derive(Debug, Default)]
pub(crate) struct Setup {
    /// What the second node, if there is one, is configured differently.
    second_node: Option<Settings>,
    no_stripe: bool,
    has_providers: bool,
    changes: Settings,
}

impl Setup {
    /// Two nodes on one database; webhooks go to the first.
    pub(crate) fn two_nodes(mut self) -> Self {
        self.second_node.get_or_insert_default();
        self
    }

    /// Two nodes, the second of which is configured otherwise.
    pub(crate) fn set_second(mut self, key: &'static str, value: impl Into<String>) -> Self {
        let changes = self.second_node.get_or_insert_default();
        changes.push((key, value.into()));
        self
    }

    /// No payment provider is configured.
    pub(crate) fn without_stripe(mut self) -> Self {
        self.no_stripe = true;
        self
    }

    /// People may sign in through `google`, `microsoft` and `corp`.
    pub(crate) fn with_providers(mut self) -> Self {
        self.has_providers = true;
        self
    }

    /// Configures the nodes otherwise.
    pub(crate) fn set(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.changes.push((key, value.into()));
        self
    }

    pub(crate) async fn start(self) -> World {
        let database = Database::create().await.unwrap();
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mailbox = Mailbox::start(tollgate_mailbox::Config {
            smtp: any_port,
            http: any_port,
            file: None,
        });
        let mailbox = mailbox.await.unwrap();
        let sandbox = if self.no_stripe {
            None
        } else {
            Some(start_sandbox(any_port).await)
        };
        let now = Timestamp::from_unix_seconds(START).unwrap();
        let clock = Arc::new(TestClock::at(now));
        let issuers = if self.has_providers {
            Some(Issuers::start(&clock).await)
        } else {
            None
        };
        let mut world = World {
            clock,
            database,
            mailbox,
            sandbox,
            issuers,
            nodes: Vec::new(),
            http: http_client(),
        };
        let mut variables = world.variables(self.changes);
        world.start_node(&variables).await;
        if let Some(changes) = self.second_node {
            set_all(&mut variables, changes);
            world.start_node(&variables).await;
        }
        world.connect_sandbox().await;
        world
    }
}

impl World {
    /// One node, with Stripe.
    pub(crate) async fn start() -> Self {
        Setup::default().start().await
    }

    /// The configuration of the usual deployment, with some keys changed.
    fn variables(&self, changes: Settings) -> Variables {
        let mut settings = settings(self.database.url(), &self.mailbox.smtp_url());
        if let Some(sandbox) = &self.sandbox {
            set_stripe(&mut settings, &sandbox.url());
        }
        if let Some(issuers) = &self.issuers {
            settings.extend(issuers.settings());
        }
        let mut variables = Variables::default();
        set_all(&mut variables, settings);
        set_all(&mut variables, changes);
        variables
    }

    async fn start_node(&mut self, variables: &Variables) {
        let config = Config::parse(variables).unwrap();
        let shell = Shell {
            clock: self.clock.clone(),
            entropy: Arc::new(SystemEntropy),
        };
        let node = Node::start(config, shell, Role::Serve).await.unwrap();
        self.nodes.push(node);
    }

    /// Gives plans their prices, and events their way.
    async fn connect_sandbox(&self) {
        if self.sandbox.is_none() {
            return;
        }
        self.tell_sandbox("settings", json!({ "sign_with_sandbox_clock": true }))
            .await;
        self.tell_sandbox("seed", json!({})).await;
        let report = sync_plans(self.nodes[0].app(), false).await.unwrap();
        assert!(report.missing.is_empty(), "{report:?}");
        let url = format!("{}/api/v1/webhooks/stripe", self.url(0));
        let endpoint = json!({ "url": url, "secret": WEBHOOK_SECRET });
        self.tell_sandbox("webhooks", endpoint).await;
    }

    pub(crate) fn app(&self) -> &App {
        self.nodes[0].app()
    }

    /// `http://host:port` of a node's API.
    pub(crate) fn url(&self, node: usize) -> String {
        self.nodes[node].url().unwrap()
    }

    /// Of a node's port for the operator.
    pub(crate) fn ops_url(&self, node: usize) -> String {
        self.nodes[node].ops_url()
    }

    pub(crate) fn address(&self, node: usize) -> SocketAddr {
        address(&self.url(node))
    }

    /// Of a node's port for the operator.
    pub(crate) fn ops_address(&self, node: usize) -> SocketAddr {
        address(&self.ops_url(node))
    }

    /// What a node's use cases are given.
    pub(crate) fn app_of(&self, node: usize) -> &Arc<App> {
        self.nodes[node].app()
    }

    /// Ends a node as its process would end.
    pub(crate) async fn stop_node(&mut self, node: usize) {
        self.nodes.remove(node).stop().await;
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets time pass, here and at Stripe, and what follows from it arrive.
    pub(crate) async fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.let_jobs_come_due().await;
        if self.sandbox.is_some() {
            let to = self.clock.now().unix_seconds();
            self.tell_sandbox("clock", json!({ "set": to })).await;
        }
        self.drain().await;
    }

    /// A call below `/api/v1` of the first node.
    pub(crate) fn get(&self, path: &str) -> Call {
        self.call(0, Method::GET, &format!("/api/v1{path}"))
    }

    /// A call below `/api/v1` of the first node.
    pub(crate) fn post(&self, path: &str) -> Call {
        self.call(0, Method::POST, &format!("/api/v1{path}"))
    }

    /// A call of `operator` below `/api/v1/admin` of the first node.
    pub(crate) fn admin(&self, operator: &Person, method: Method, path: &str) -> Call {
        let url = format!("{}/api/v1/admin{path}", self.ops_url(0));
        self.fetch(method, &url).by(operator)
    }

    /// Any call to any node.
    pub(crate) fn call(&self, node: usize, method: Method, path: &str) -> Call {
        self.fetch(method, &format!("{}{path}", self.url(node)))
    }

    /// Any call to anywhere.
    pub(crate) fn fetch(&self, method: Method, url: &str) -> Call {
        Call::new(self.http.request(method, url))
    }

    pub(crate) fn sandbox_url(&self) -> String {
        self.sandbox.as_ref().unwrap().url()
    }

    /// Asks the sandbox's control API.
    pub(crate) async fn ask_sandbox(&self, path: &str) -> Value {
        let url = format!("{}/_sandbox/{path}", self.sandbox_url());
        self.fetch(Method::GET, &url).send().await.ok(200)
    }

    /// Orders something at the sandbox's control API.
    pub(crate) async fn tell_sandbox(&self, path: &str, order: Value) -> Value {
        let url = format!("{}/_sandbox/{path}", self.sandbox_url());
        self.fetch(Method::POST, &url)
            .json(&order)
            .send()
            .await
            .ok(200)
    }

    /// From now on Stripe does what it is asked again.
    pub(crate) async fn clear_faults(&self) {
        let url = format!("{}/_sandbox/faults", self.sandbox_url());
        self.fetch(Method::DELETE, &url).send().await.ok(200);
    }

    /// Waits until every event has been delivered and every job that could run has run.
    pub(crate) async fn drain(&self) {
        let drained = tokio::time::timeout(PATIENCE, async {
            loop {
                if self.sandbox.is_some() {
                    self.tell_sandbox("drain", json!({ "timeout_ms": 20_000 }))
                        .await;
                }
                self.read_again_what_was_overtaken().await;
                if self.jobs_to_run().await == 0 {
                    break;
                }
                self.wait_for_jobs().await;
            }
        });
        drained.await.expect("events and jobs come to an end");
        self.tell_of_failed_jobs().await;
    }

    /// A read that an event has overtaken is no failure: it is asked anew after a while, which belongs to
    /// what follows.
    async fn read_again_what_was_overtaken(&self) {
        sqlx::query(
            "UPDATE graphile_worker._private_jobs SET run_at = now()
             WHERE attempts > 0 AND locked_at IS NULL AND run_at > now()
               AND last_error LIKE '%something newer than the provider%'",
        )
        .execute(self.database.pool())
        .await
        .unwrap();
    }

    /// A test that fails because a job did says why it did.
    async fn tell_of_failed_jobs(&self) {
        let failed: Vec<(String, i16, Option<String>)> = sqlx::query_as(
            "SELECT coalesce(key, 'a job that was replaced'), attempts, last_error
             FROM graphile_worker._private_jobs WHERE attempts > 0",
        )
        .fetch_all(self.database.pool())
        .await
        .unwrap();
        for (key, attempts, error) in failed {
            println!(
                "{key} failed {attempts} times: {}",
                error.unwrap_or_default()
            );
        }
    }

    /// What failed need not wait for its next turn.
    pub(crate) async fn try_jobs_again(&self) {
        sqlx::query("UPDATE graphile_worker._private_jobs SET run_at = now() WHERE attempts > 0")
            .execute(self.database.pool())
            .await
            .unwrap();
        self.drain().await;
    }

    /// The queue goes by the database's clock, which the test does not move. What failed keeps its turn.
    async fn let_jobs_come_due(&self) {
        sqlx::query(
            "UPDATE graphile_worker._private_jobs SET run_at = now()
             WHERE attempts = 0 AND run_at > now() AND run_at <= $1",
        )
        .bind(self.clock.now().as_datetime())
        .execute(self.database.pool())
        .await
        .unwrap();
    }

    async fn wait_for_jobs(&self) {
        let mut polls = tokio::time::interval(Duration::from_millis(5));
        while self.jobs_to_run().await > 0 {
            polls.tick().await;
        }
    }

    /// Those that failed wait for their next turn, and are not waited for.
    async fn jobs_to_run(&self) -> i64 {
        sqlx::query_scalar(
            "SELECT count(*) FROM graphile_worker._private_jobs
             WHERE attempts < max_attempts AND (run_at <= now() OR locked_at IS NOT NULL)",
        )
        .fetch_one(self.database.pool())
        .await
        .unwrap()
    }

    /// Every mail to `address`, oldest first, as it looks to its reader.
    pub(crate) fn mails_to(&self, address: &str) -> Vec<String> {
        let mails = self.mailbox.messages_to(address).into_iter().rev();
        mails
            .map(|mail| redacted(&format!("{}\n\n{}", mail.subject, mail.text.trim())))
            .collect()
    }
}

fn address(url: &str) -> SocketAddr {
    url.strip_prefix("http://").unwrap().parse().unwrap()
}

fn http_client() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        // Sooner than the server closes it, so that no request is sent into the closing.
        .pool_idle_timeout(Duration::from_secs(2))
        .timeout(PATIENCE)
        .build()
        .unwrap()
}

async fn start_sandbox(bind: SocketAddr) -> Sandbox {
    let sandbox = Sandbox::start(tollgate_stripe_sandbox::Config {
        bind,
        secret_key: "sk_test_0123456789abcdef".to_owned(),
        publishable_key: "pk_test_0123456789abcdef".to_owned(),
        webhook: None,
        state_file: None,
        clock: Some(START),
    });
    sandbox.await.unwrap()
}

fn set_all(variables: &mut Variables, settings: Settings) {
    for (key, value) in settings {
        variables.set(key, value);
    }
}

pub(crate) type Settings = Vec<(&'static str, String)>;

/// A complete configuration, without Stripe.
pub(crate) fn settings(database_url: &str, smtp_url: &str) -> Settings {
    [
        ("TOLLGATE_ENV", "test"),
        ("BIND", "127.0.0.1:0"),
        ("OPS_BIND", "127.0.0.1:0"),
        ("PUBLIC_URL", PUBLIC_URL),
        ("FRONTEND_URL", "http://app.test"),
        ("DATABASE_URL", database_url),
        ("DATABASE_POOL_SIZE", "8"),
        ("SMTP_URL", smtp_url),
        ("FROM_EMAIL", "tollgate@example.com"),
        (
            "TOKEN_SECRET",
            "5e6c8f0a1b2c3d4e5f60718293a4b5c6d7e8f9010203040506070809aabbccdd",
        ),
        (
            "PASSWORD_PEPPER",
            "a pepper for tests, and for nothing else",
        ),
        ("ACCESS_TOKEN_KEYS", ACCESS_TOKEN_KEY),
        ("BCRYPT_COST", "4"),
        ("HASH_WORKERS", "16"),
        ("RECONCILE_ENABLED", "false"),
        ("RATE_LIMITS", "off"),
    ]
    .map(|(key, value)| (key, value.to_owned()))
    .into()
}

pub(crate) fn set_stripe(settings: &mut Settings, api_base: &str) {
    let stripe = [
        ("STRIPE_API_BASE", api_base),
        ("STRIPE_SECRET_KEY", "sk_test_0123456789abcdef"),
        ("STRIPE_PUBLISHABLE_KEY", "pk_test_0123456789abcdef"),
        ("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET),
        // No machine is so loaded that a healthy sandbox would look like a Stripe in trouble.
        ("STRIPE_TIMEOUT_SECONDS", "15"),
        ("STRIPE_CALLS_PER_SECOND", "10000"),
    ];
    settings.extend(stripe.map(|(key, value)| (key, value.to_owned())));
}
