//! What happens when everything is told at once: events of many subscriptions in no order, a fifth of
//! them twice, until every one is settled and what is stored is what the sandbox says.

use std::{
    collections::BTreeMap,
    fmt,
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use clap::Args;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use tokio::runtime::Runtime;
use tollgate::{
    config::{Config, Variables},
    node::{Node, Role, Shell},
};
use tollgate_primitives::Timestamp;
use tollgate_stripe_sandbox::Sandbox;
use tollgate_use_cases::sync_plans;

use crate::{
    build_directory,
    database::{self, Postgres},
    load::{self, Connection, Measured, Order},
    report::{print, verdict},
    subject::{settings, signed},
};

const KEY: &str = "sk_test_0123456789abcdef";

/// What is not settled by then never will be.
const PATIENCE: Duration = Duration::from_mins(5);

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[arg(long, default_value_t = 2_000)]
    subscriptions: usize,
    /// Deliveries, the doubled ones included
    #[arg(long, default_value_t = 10_000)]
    events: usize,
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// How long Stripe takes to say how a subscription stands
    #[arg(long, default_value_t = 50)]
    read_milliseconds: u64,
}

#[derive(Debug)]
pub(crate) struct Report {
    events: usize,
    subscriptions: usize,
    delivered: Measured,
    converged: Duration,
    reads: usize,
}

#[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 of anything")]
impl Report {
    fn acknowledged(&self) -> f64 {
        self.events as f64 / self.delivered.per_second
    }

    fn reads_each(&self) -> f64 {
        self.reads as f64 / self.subscriptions as f64
    }

    fn verdicts(&self) -> [bool; 4] {
        [
            self.acknowledged() <= 10.0,
            self.delivered.slowest_percent <= 250.0,
            self.converged <= Duration::from_mins(1),
            self.reads_each() <= 1.2,
        ]
    }

    pub(crate) fn passed(&self) -> bool {
        self.verdicts().iter().all(|is_reached| *is_reached)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [acknowledged, p99, converged, reads] = self.verdicts().map(verdict);
        writeln!(
            f,
            "\n{} deliveries about {} subscriptions, every one answered with 2xx",
            self.events, self.subscriptions
        )?;
        writeln!(
            f,
            "all acknowledged in {:.1} s, at most 10: {acknowledged}",
            self.acknowledged()
        )?;
        writeln!(
            f,
            "acknowledged in {:.1} ms (p50), {:.1} ms (p99), at most 250: {p99}",
            self.delivered.median, self.delivered.slowest_percent
        )?;
        writeln!(
            f,
            "as the sandbox says after {:.1} s, at most 60: {converged}",
            self.converged.as_secs_f64()
        )?;
        writeln!(
            f,
            "{} reads, {:.2} a subscription, at most 1.2: {reads}",
            self.reads,
            self.reads_each()
        )
    }
}

pub(crate) fn measure(options: &Options) -> anyhow::Result<Report> {
    let postgres = Postgres::start(&build_directory()?.join("bench-postgres"))?;
    let runtime = Runtime::new().context("starting the runtime")?;
    runtime.block_on(database::prepare(&postgres))?;
    let sandbox = runtime.block_on(start_sandbox(Shell::system().clock.now()))?;
    let node = runtime.block_on(start_node(&postgres, &sandbox))?;
    let mut database = runtime.block_on(PgConnection::connect(&postgres.url()))?;
    let mut stripe = Stripe::connect(&sandbox)?;
    print("the subscriptions live their lives\n");
    let customers = stripe.live(options)?;
    runtime.block_on(has_customers(&mut database, &customers))?;
    let mut bodies = stripe.events()?;
    bodies.extend(bodies.clone().into_iter().step_by(5));
    shuffle(&mut bodies);
    let now = node.app().clock.now();
    let requests: Vec<_> = bodies.iter().map(|body| signed(body, now)).collect();
    print("everything is delivered\n");
    let url = node.url().context("a node that serves has an address")?;
    let order = Order {
        address: url.trim_start_matches("http://").parse()?,
        seconds: 60,
        connections: options.connections,
        once: true,
    };
    let started = Instant::now();
    let delivered = load::in_child(&order, &requests)?;
    runtime.block_on(settled(&mut database))?;
    let converged = started.elapsed();
    let stored = runtime.block_on(stored(&mut database))?;
    // The connection of before has been idle for longer than a server waits.
    let mut stripe = Stripe::connect(&sandbox)?;
    ensure!(
        stored == stripe.subscriptions()?,
        "what is stored is not what the sandbox says"
    );
    let reads = stripe.reads()?;
    runtime.block_on(node.stop());
    runtime.block_on(sandbox.stop());
    Ok(Report {
        events: requests.len(),
        subscriptions: options.subscriptions,
        delivered,
        converged,
        reads,
    })
}

async fn start_sandbox(now: Timestamp) -> anyhow::Result<Sandbox> {
    let sandbox = Sandbox::start(tollgate_stripe_sandbox::Config {
        bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        secret_key: KEY.to_owned(),
        publishable_key: "pk_test_0123456789abcdef".to_owned(),
        webhook: None,
        state_file: None,
        clock: Some(now.unix_seconds()),
    });
    sandbox.await.context("starting the sandbox")
}

async fn start_node(postgres: &Postgres, sandbox: &Sandbox) -> anyhow::Result<Node> {
    let mut variables = Variables::default();
    for (key, text) in settings(postgres.url()) {
        variables.set(key, text);
    }
    variables.set("STRIPE_API_BASE", sandbox.url());
    let config = Config::parse(&variables)?;
    let node = Node::start(config, Shell::system(), Role::Serve).await?;
    let mut stripe = Stripe::connect(sandbox)?;
    stripe.order("/_sandbox/seed", "application/json", "{}")?;
    sync_plans(node.app(), false).await?;
    Ok(node)
}

/// Pseudo-random, and the same in every run.
fn shuffle(bodies: &mut [String]) {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    bodies.sort_by_cached_key(|_| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        random >> 33
    });
}

/// Accounts whose customers are known, and nothing else of them.
async fn has_customers(database: &mut PgConnection, customers: &[String]) -> anyhow::Result<()> {
    const ACCOUNTS: &str = "
        WITH made AS (
            INSERT INTO accounts (id, name, stripe_customer_id, created_at)
            SELECT gen_random_uuid(), 'Storm', customer, now() FROM unnest($1::text[]) customer
            RETURNING id),
        people AS (
            INSERT INTO users (id, email, name, created_at)
            SELECT id, id || '@example.com', 'Storm', now() FROM made)
        INSERT INTO memberships (account_id, user_id, role, created_at)
        SELECT id, id, 'owner', now() FROM made";
    sqlx::query(ACCOUNTS)
        .bind(customers)
        .execute(&mut *database)
        .await?;
    for order in ["VACUUM ANALYZE", "CHECKPOINT"] {
        sqlx::raw_sql(order).execute(&mut *database).await?;
    }
    Ok(())
}

/// Waits until no event and no job is left.
async fn settled(database: &mut PgConnection) -> anyhow::Result<()> {
    const LEFT: &str = "SELECT \
        (SELECT count(*) FROM webhook_events WHERE status NOT IN ('applied', 'ignored')) \
        + (SELECT count(*) FROM graphile_worker._private_jobs)";
    let started = Instant::now();
    loop {
        let left: i64 = sqlx::query_scalar(LEFT).fetch_one(&mut *database).await?;
        if left == 0 {
            return Ok(());
        }
        ensure!(
            started.elapsed() < PATIENCE,
            "{left} events and jobs are left"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Status and seats of each subscription of the provider.
type Subscriptions = BTreeMap<String, (String, i64)>;

async fn stored(database: &mut PgConnection) -> anyhow::Result<Subscriptions> {
    const STORED: &str = "SELECT stripe_subscription_id, status, seat_limit FROM subscriptions \
        WHERE stripe_subscription_id NOT LIKE 'sub_bench_%'";
    let rows: Vec<(String, String, i64)> = sqlx::query_as(STORED).fetch_all(database).await?;
    let row = |(id, status, seats)| (id, (status, seats));
    Ok(rows.into_iter().map(row).collect())
}

/// The sandbox, asked over one connection.
struct Stripe(Connection);

impl Stripe {
    fn connect(sandbox: &Sandbox) -> anyhow::Result<Self> {
        let address = sandbox.url().trim_start_matches("http://").parse()?;
        Ok(Self(Connection::open(address)?))
    }

    fn order(&mut self, path: &str, media_type: &str, body: &str) -> anyhow::Result<Value> {
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: stripe\r\nauthorization: Bearer {KEY}\r\n\
             content-type: {media_type}\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.0.ask(request.as_bytes())
    }

    fn post(&mut self, path: &str, form: &str) -> anyhow::Result<Value> {
        self.order(path, "application/x-www-form-urlencoded", form)
    }

    fn control(&mut self, path: &str, order: &Value) -> anyhow::Result<()> {
        let path = format!("/_sandbox/{path}");
        self.order(&path, "application/json", &order.to_string())?;
        Ok(())
    }

    fn get(&mut self, path: &str) -> anyhow::Result<Value> {
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: stripe\r\nauthorization: Bearer {KEY}\r\n\r\n");
        self.0.ask(request.as_bytes())
    }

    /// Every object of a list.
    fn list(&mut self, path: &str) -> anyhow::Result<Vec<Value>> {
        let mut all: Vec<Value> = Vec::new();
        loop {
            let after = match all.last() {
                Some(last) => format!("&starting_after={}", text(last, "/id")?),
                None => String::new(),
            };
            let mut page = self.get(&format!("{path}?limit=100{after}"))?;
            let has_more = page.pointer("/has_more") == Some(&Value::Bool(true));
            let data = page.pointer_mut("/data").and_then(Value::as_array_mut);
            all.append(data.context("a list without data")?);
            if !has_more {
                return Ok(all);
            }
        }
    }

    /// Every subscription is bought and then changed, twice in each second, until there is as much to
    /// tell as was asked for. Answers the customers.
    fn live(&mut self, options: &Options) -> anyhow::Result<Vec<String>> {
        let prices = self.list("/v1/prices")?;
        let monthly = prices
            .iter()
            .find(|price| price.pointer("/recurring/interval") == Some(&json!("month")));
        let price = text(monthly.context("no monthly price")?, "/id")?;
        let (mut customers, mut bought) = (Vec::new(), Vec::new());
        for _ in 0..options.subscriptions {
            let customer = text(&self.post("/v1/customers", "")?, "/id")?;
            let attach = "/v1/payment_methods/pm_card_visa/attach";
            let card = text(&self.post(attach, &format!("customer={customer}"))?, "/id")?;
            let form = format!(
                "customer={customer}&default_payment_method={card}&items[0][price]={price}"
            );
            let subscription = self.post("/v1/subscriptions", &form)?;
            let item = text(&subscription, "/items/data/0/id")?;
            bought.push((text(&subscription, "/id")?, item));
            customers.push(customer);
        }
        let told = self.events()?.len();
        let changes = (options.events * 5 / 6)
            .checked_sub(told)
            .context("more happened than was asked for")?;
        for (nth, (subscription, item)) in bought.iter().cycle().take(changes).enumerate() {
            let round = nth / bought.len();
            if nth % (2 * bought.len()) == 0 {
                self.control("clock", &json!({ "advance_seconds": 1 }))?;
            }
            let form = format!(
                "items[0][id]={item}&items[0][quantity]={}&proration_behavior=none",
                round + 2
            );
            self.post(&format!("/v1/subscriptions/{subscription}"), &form)?;
        }
        self.control("clock", &json!({ "advance_seconds": 1 }))?;
        let slow = json!([{
            "kind": "slow", "method": "GET", "path_prefix": "/v1/subscriptions/",
            "delay_ms": options.read_milliseconds,
        }]);
        self.control("faults", &slow)?;
        Ok(customers)
    }

    /// What is told of it, of the kinds that can change anything here.
    fn events(&mut self) -> anyhow::Result<Vec<String>> {
        let concerns_us = |event: &Value| {
            let kind = event.pointer("/type").and_then(Value::as_str);
            kind.is_some_and(|kind| {
                kind.starts_with("customer.subscription.")
                    || matches!(kind, "invoice.paid" | "invoice.payment_succeeded")
            })
        };
        let events = self.list("/v1/events")?.into_iter().filter(concerns_us);
        Ok(events.map(|event| event.to_string()).collect())
    }

    fn subscriptions(&mut self) -> anyhow::Result<Subscriptions> {
        self.list("/v1/subscriptions")?
            .iter()
            .map(|subscription| {
                let seats = subscription.pointer("/items/data/0/quantity");
                let seats = seats.and_then(Value::as_i64).context("no quantity")?;
                let status = text(subscription, "/status")?;
                Ok((text(subscription, "/id")?, (status, seats)))
            })
            .collect()
    }

    /// How often it was asked how one subscription stands.
    fn reads(&mut self) -> anyhow::Result<usize> {
        let requests = self.get("/_sandbox/requests")?;
        let requests = requests.as_array().context("no list of requests")?;
        let is_read = |request: &&Value| {
            let path = request.pointer("/path").and_then(Value::as_str);
            request.pointer("/method") == Some(&json!("GET"))
                && path.is_some_and(|path| path.starts_with("/v1/subscriptions/"))
        };
        Ok(requests.iter().filter(is_read).count())
    }
}

fn text(value: &Value, pointer: &str) -> anyhow::Result<String> {
    let text = value.pointer(pointer).and_then(Value::as_str);
    Ok(text.with_context(|| format!("no {pointer}"))?.to_owned())
}
