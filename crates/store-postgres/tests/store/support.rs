//! A database for each test, and the people and purchases that most tests begin with.

use std::{path::Path, thread, time::Duration};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool, postgres::PgPoolOptions};
use tokio::runtime::Runtime;
use tollgate_billing::{
    Bought, Customer, Interval, Period, PriceId, ProviderStatus, Stamp, Subscription,
    SubscriptionId,
};
use tollgate_dev_postgres::{Cluster, Durability};
use tollgate_primitives::{
    AccountId, EmailAddress, PlanKey, SessionId, Timestamp, TokenId, UserId,
};
use tollgate_store_postgres::{PostgresStore, Settings};
use tollgate_use_cases::ports::{
    AccountFacts, AccountRow, Described, NewRefreshToken, NewSession, NewUser, Notice,
    NoticeContent, NoticeId, PasswordHash, Store, Transaction,
};
use uuid::Uuid;

pub(crate) struct Bench {
    pub(crate) store: PostgresStore,
    /// For what the port does not tell: one connection.
    pub(crate) sql: PgPool,
    url: String,
}

/// A migrated database of its own; `name` is the test's.
pub(crate) async fn bench(name: &'static str) -> Bench {
    // On a thread of its own, because making a cluster blocks.
    let url =
        tokio::task::spawn_blocking(move || thread::spawn(move || fresh(name)).join().unwrap())
            .await
            .unwrap();
    Bench {
        store: connect(&url, name).await,
        sql: PgPoolOptions::new()
            .max_connections(1)
            .connect(&url)
            .await
            .unwrap(),
        url,
    }
}

async fn connect(url: &str, application_name: &str) -> PostgresStore {
    let settings = Settings {
        url: url.into(),
        max_connections: 32,
        application_name: application_name.to_owned(),
    };
    PostgresStore::connect(&settings).await.unwrap()
}

fn fresh(name: &str) -> String {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("store-postgres");
    let cluster = Cluster::ensure(&root, Durability::Disposable).unwrap();
    Runtime::new().unwrap().block_on(async {
        let mut server = PgConnection::connect(&cluster.url("postgres"))
            .await
            .unwrap();
        // One at a time: a template cannot be copied while somebody is connected to it.
        server.execute("SELECT pg_advisory_lock(1)").await.unwrap();
        let template = format!("template_{}", tollgate_migration::fingerprint());
        let known: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
                .bind(&template)
                .fetch_one(&mut server)
                .await
                .unwrap();
        if !known {
            run(
                &mut server,
                "DROP DATABASE IF EXISTS making WITH (FORCE)".to_owned(),
            )
            .await;
            run(&mut server, "CREATE DATABASE making".to_owned()).await;
            tollgate_migration::migrate(&cluster.url("making"))
                .await
                .unwrap();
            run(
                &mut server,
                format!("ALTER DATABASE making RENAME TO {template}"),
            )
            .await;
        }
        run(
            &mut server,
            format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
        )
        .await;
        run(
            &mut server,
            format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"),
        )
        .await;
    });
    cluster.url(name)
}

async fn run(connection: &mut PgConnection, sql: String) {
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
}

impl Bench {
    pub(crate) async fn begin(&self) -> Box<dyn Transaction> {
        self.store.begin().await.unwrap()
    }

    /// Changes what no method of the port changes yet.
    pub(crate) async fn run(&self, sql: &'static str) {
        self.sql.execute(sql).await.unwrap();
    }

    /// The name of the constraint that refuses `sql`.
    pub(crate) async fn refused_by(&self, sql: &str) -> String {
        let error = self.sql.execute(AssertSqlSafe(sql)).await.unwrap_err();
        let error = error.into_database_error().unwrap();
        error.constraint().unwrap_or_default().to_owned()
    }

    /// The one value that `sql` selects.
    pub(crate) async fn text(&self, sql: &'static str) -> String {
        sqlx::query_scalar(sql).fetch_one(&self.sql).await.unwrap()
    }

    /// How many rows `FROM {source}` has.
    pub(crate) async fn count(&self, source: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {source}")))
            .fetch_one(&self.sql)
            .await
            .unwrap()
    }

    /// What [`Self::sign_up`] makes, and the account is customer `n`.
    pub(crate) async fn has_customer(&self, n: u8) {
        self.sign_up(n).await;
        let customer = customer(n);
        let put = self.store.put_customer(account(n), &customer);
        put.await.unwrap();
    }

    /// Person `n` with account `n`, session `n` and refresh token `n`.
    pub(crate) async fn sign_up(&self, n: u8) {
        let mut tx = self.begin().await;
        assert!(tx.insert_user(&person(n), now()).await.unwrap());
        tx.insert_account(&account_row(n), user(n), now())
            .await
            .unwrap();
        tx.insert_session(&new_session(n), &refresh_token(n), now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    /// Goes on with new connections, when the server has seen the last of the old ones.
    pub(crate) async fn reconnect(&mut self, from: &str, to: &str) {
        self.store = connect(&self.url, to).await;
        let left = format!("pg_stat_activity WHERE application_name = '{from}'");
        while self.count(&left).await > 0 {
            tokio::task::yield_now().await;
        }
    }

    /// Returns once somebody waits for a lock that somebody else holds.
    pub(crate) async fn until_one_waits(&self) {
        let waiting = "pg_stat_activity \
             WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while self.count(waiting).await == 0 {
            tokio::task::yield_now().await;
        }
    }

    /// What another node has: a store of its own on the same database.
    pub(crate) async fn another(&self, name: &str) -> PostgresStore {
        connect(&self.url, name).await
    }

    pub(crate) async fn put(&self, n: u8, subscription: &Subscription) {
        let mut tx = self.begin().await;
        tx.put_subscription(account(n), subscription, now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    /// What is stored of account `n`, read through its own session.
    pub(crate) async fn facts(&self, n: u8) -> AccountFacts {
        self.asked(n, None).await
    }

    pub(crate) async fn asked(&self, n: u8, count_seats: Option<Timestamp>) -> AccountFacts {
        let facts = self
            .store
            .account_facts(session(n), account(n), count_seats);
        facts.await.unwrap().unwrap()
    }

    pub(crate) async fn subscription(&self, n: u8) -> Option<Subscription> {
        self.facts(n).await.standing.subscription
    }
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(1_800_000_000 + seconds).unwrap()
}

pub(crate) fn now() -> Timestamp {
    at(0)
}

pub(crate) fn later(days: u64) -> Timestamp {
    now().saturating_add(Duration::from_hours(24 * days))
}

fn id(kind: u8, n: u8) -> Uuid {
    Uuid::from_u128(u128::from(kind) << 64 | u128::from(n))
}

pub(crate) fn user(n: u8) -> UserId {
    UserId::from_uuid(id(1, n))
}

pub(crate) fn account(n: u8) -> AccountId {
    AccountId::from_uuid(id(2, n))
}

pub(crate) fn session(n: u8) -> SessionId {
    SessionId::from_uuid(id(3, n))
}

pub(crate) fn token(n: u8) -> TokenId {
    TokenId::from_uuid(id(4, n))
}

pub(crate) fn email(n: u8) -> EmailAddress {
    EmailAddress::parse(&format!("person-{n}@example.com")).unwrap()
}

pub(crate) fn person(n: u8) -> NewUser {
    NewUser {
        id: user(n),
        email: email(n),
        name: format!("Person {n}"),
        password: Some(PasswordHash(format!("hash-{n}"))),
        email_verified_at: None,
        is_super_admin: false,
        onboarding_dismissed: false,
    }
}

pub(crate) fn account_row(n: u8) -> AccountRow {
    AccountRow {
        id: account(n),
        name: format!("Account {n}"),
    }
}

pub(crate) fn new_session(n: u8) -> NewSession {
    NewSession {
        id: session(n),
        user: user(n),
        account: account(n),
        user_agent: Some("Mozilla/5.0".to_owned()),
        ip: None,
    }
}

pub(crate) fn hash(n: u8) -> [u8; 32] {
    [n; 32]
}

pub(crate) fn refresh_token(n: u8) -> NewRefreshToken {
    NewRefreshToken {
        id: token(n),
        hash: hash(n),
        expires_at: later(30),
    }
}

pub(crate) fn plan(key: &str) -> PlanKey {
    PlanKey::parse(key).unwrap()
}

pub(crate) fn customer(n: u8) -> Customer {
    Customer::new(&format!("cus_{n}"))
}

/// A running subscription of account `n`, as it was said at `stamp`.
pub(crate) fn bought(n: u8, stamp: i64) -> Bought {
    Bought {
        subscription: SubscriptionId::new(&format!("sub_{n}")),
        stamp: Stamp::from_unix_seconds(stamp),
        plan: plan("starter"),
        interval: Interval::Monthly,
        price: PriceId::new("price_starter_monthly"),
        seats: 3,
        period: Period::of_days(now(), 30),
        cancellation: None,
    }
}

pub(crate) fn notice(id: &str, content: NoticeContent) -> Notice {
    Notice {
        id: NoticeId(id.to_owned()),
        kind: "customer.subscription.updated".to_owned(),
        api_version: Some("2026-01-28.clover".to_owned()),
        stamp: Stamp::from_unix_seconds(7),
        content,
        body: format!("{{\"id\":\"{id}\"}}"),
    }
}

pub(crate) fn described(n: u8) -> NoticeContent {
    let bought = bought(n, 7);
    NoticeContent::Subscription {
        customer: customer(n),
        described: Described {
            subscription: bought.subscription,
            status: ProviderStatus::Active,
            price: bought.price,
            seats: bought.seats,
            period: bought.period,
            cancel_at: None,
            ended_at: None,
            stamp: bought.stamp,
        },
    }
}
