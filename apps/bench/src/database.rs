//! A durable cluster of the benchmark's own, and a thousand accounts in it that pay.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tollgate_dev_postgres::{Cluster, Durability};
use tollgate_primitives::{AccountId, SessionId, UserId};
use uuid::Uuid;

pub(crate) const ACCOUNTS: u64 = 1_000;

/// The price of the plan that all of them have bought.
pub(crate) const PRICE: &str = "price_1SRzqaBenchProMonthly";

const DATABASE: &str = "bench";

/// Stopped when dropped; its files stay for the next run.
#[derive(Debug)]
pub(crate) struct Postgres {
    root: PathBuf,
    cluster: Cluster,
}

impl Postgres {
    pub(crate) fn start(root: &Path) -> anyhow::Result<Self> {
        let cluster = Cluster::ensure(root, Durability::Durable)?;
        let root = root.to_owned();
        Ok(Self { root, cluster })
    }

    pub(crate) fn url(&self) -> String {
        self.cluster.url(DATABASE)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Left running it is found by the next run.
        let _ = Cluster::stop(&self.root);
    }
}

/// What the rows of account `number` (from 0) are found by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Holder {
    pub(crate) account: AccountId,
    pub(crate) user: UserId,
    pub(crate) session: SessionId,
}

impl Holder {
    pub(crate) fn of(number: u64) -> Self {
        let id = id(number);
        Self {
            account: AccountId::from_uuid(id),
            user: UserId::from_uuid(id),
            session: SessionId::from_uuid(id),
        }
    }
}

/// As [`SEED`] makes them.
pub(crate) fn id(number: u64) -> Uuid {
    Uuid::from_u128(0x0193_4a00_0000_7000_8000_0000_0000_0000 | u128::from(number))
}

/// One transaction.
const SEED: &str = "
CREATE FUNCTION id_of(number bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
    $$ SELECT ('01934a00-0000-7000-8000-' || lpad(to_hex(number), 12, '0'))::uuid $$;
CREATE TEMPORARY TABLE numbered AS
    SELECT id_of(n) AS id, n, now() - interval '10 days' AS since FROM generate_series(0, $accounts - 1) n;

UPDATE plan_billing SET stripe_product_id = 'prod_bench', stripe_monthly_price_id = '$price',
    monthly_price_cents = 4900, currency = 'usd' WHERE plan = 'pro';
INSERT INTO plan_prices (price_id, plan, billing_interval) VALUES ('$price', 'pro', 'monthly');
INSERT INTO accounts (id, name, stripe_customer_id, created_at)
    SELECT id, 'Account ' || n, 'cus_bench_' || n, since FROM numbered;
INSERT INTO users (id, email, name, email_verified_at, created_at)
    SELECT id, 'owner' || n || '@example.com', 'Owner ' || n, since, since FROM numbered;
INSERT INTO memberships (account_id, user_id, role, created_at)
    SELECT id, id, 'owner', since FROM numbered;
INSERT INTO auth_sessions (id, user_id, account_id, created_at, last_active)
    SELECT id, id, id, since, since FROM numbered;
INSERT INTO subscriptions (account_id, status, plan, billing_interval, seat_limit,
        stripe_subscription_id, stripe_price_id, provider_stamp, current_period_start,
        current_period_end, created_at, updated_at)
    SELECT id, 'active', 'pro', 'monthly', 5, 'sub_bench_' || n, '$price', 0, since,
        since + interval '1 month', since, since
    FROM numbered;

CREATE SCHEMA baseline;
CREATE TABLE baseline.accounts (
    id uuid PRIMARY KEY,
    owner uuid NOT NULL,
    customer text NOT NULL UNIQUE,
    status text NOT NULL,
    seats bigint NOT NULL,
    is_paid boolean NOT NULL,
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL
);
INSERT INTO baseline.accounts
    SELECT id, id, 'cus_bench_' || n, 'active', 5, true, since, since + interval '1 month' FROM numbered;
CREATE TABLE baseline.inbox (id text PRIMARY KEY, body text NOT NULL, received_at timestamptz NOT NULL);
DO $$ BEGIN
    ALTER TABLE baseline.inbox ALTER COLUMN body SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    NULL;
END $$;
";

/// Makes the database anew, as the migrations leave it, with the accounts and the baseline's tables.
pub(crate) async fn prepare(postgres: &Postgres) -> anyhow::Result<()> {
    prepare_for(postgres, ACCOUNTS).await
}

/// The same with so many accounts.
pub(crate) async fn prepare_for(postgres: &Postgres, accounts: u64) -> anyhow::Result<()> {
    let mut server = PgConnection::connect(&postgres.cluster.url("postgres")).await?;
    sqlx::raw_sql("DROP DATABASE IF EXISTS bench WITH (FORCE)")
        .execute(&mut server)
        .await?;
    sqlx::raw_sql("CREATE DATABASE bench")
        .execute(&mut server)
        .await?;
    tollgate_migration::migrate(&postgres.url()).await?;
    let seed = SEED
        .replace("$accounts", &accounts.to_string())
        .replace("$price", PRICE);
    let mut connection = PgConnection::connect(&postgres.url()).await?;
    sqlx::raw_sql(AssertSqlSafe(seed))
        .execute(&mut connection)
        .await
        .context("seeding")?;
    sqlx::raw_sql("VACUUM ANALYZE")
        .execute(&mut connection)
        .await?;
    Ok(())
}

/// A measurement of events that changed nothing would be worth nothing.
pub(crate) async fn every_delivery_applied(postgres: &Postgres) -> anyhow::Result<()> {
    const COUNTS: &str = "SELECT (SELECT count(*) FROM webhook_events), \
        (SELECT count(*) FROM webhook_events WHERE status = 'applied'), \
        (SELECT count(*) FROM audit_log WHERE action = 'subscription_changed')";
    let mut connection = PgConnection::connect(&postgres.url()).await?;
    let (received, applied, changed): (i64, i64, i64) =
        sqlx::query_as(COUNTS).fetch_one(&mut connection).await?;
    ensure!(
        received > 0 && received == applied && received == changed,
        "of {received} events {applied} were applied, and {changed} changed a subscription"
    );
    Ok(())
}
