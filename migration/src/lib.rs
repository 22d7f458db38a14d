//! The schema, as a list of changes that only grows: a later release expands what an earlier one
//! made, and contracts it when no running release uses it any more. Creating the database itself is
//! the operator's.

mod m20261120_000001_identity;
mod m20261120_000002_catalog;
mod m20261120_000003_billing;
mod m20261120_000004_audit_log;
mod m20261120_000005_inbox;
mod m20261120_000006_buying;
mod m20261120_000007_reconciliation;
mod m20261120_000008_subscription_changes;
mod m20261120_000009_operator;
mod m20261120_000010_catalog_revision;
mod m20261120_000011_one_time_tokens;
mod m20261120_000012_rate_limits;
mod m20261128_000013_invite_codes;
mod m20261128_000016_oauth_flows;
mod m20261128_000018_account_invites;
mod m20261128_000021_profiles;
mod m20261128_000022_sales_leads;
mod m20261128_000023_erasure;
mod m20261128_000024_invites_over;
mod m20261128_000025_unproven;
mod m20261128_000026_linking;
mod m20261128_000027_over;

use graphile_worker::WorkerUtils;
use sea_orm_migration::{
    MigrationTrait, MigratorTrait, async_trait,
    sea_orm::{DatabaseConnection, DbErr, SqlxPostgresConnector},
};
use sha2::{Digest, Sha256};
use sqlx::{Connection, PgConnection, PgPool, postgres::PgPoolOptions};
use thiserror::Error;

/// The schema in which the job queue keeps its own tables.
const JOBS_SCHEMA: &str = "graphile_worker";

/// Any number that nothing else locks in this database.
const LOCK: i64 = 0x746f_6c6c_6761_7465;

#[derive(Debug, Error)]
pub enum MigrateError {
    #[error("connecting to the database failed")]
    Connect(#[source] sqlx::Error),
    #[error("waiting for another migration to finish failed")]
    Lock(#[source] sqlx::Error),
    #[error("preparing the job queue failed")]
    Jobs(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("changing the schema failed")]
    Schema(#[source] DbErr),
    #[error("reading which changes were made failed")]
    Pending(#[source] DbErr),
}

/// Brings the database up to this release. Any number of processes may call it at once: one of them
/// works, the others wait for it and find nothing left to do.
///
/// Each change is one transaction, so a failure leaves those before it in place.
pub async fn migrate(database_url: &str) -> Result<(), MigrateError> {
    let mut lock = PgConnection::connect(database_url)
        .await
        .map_err(MigrateError::Connect)?;
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(LOCK)
        .execute(&mut lock)
        .await
        .map_err(MigrateError::Lock)?;
    let pool = single_connection(database_url).await?;
    // The queue first: then nothing pending of ours means that nothing is pending at all.
    WorkerUtils::new(pool.clone(), JOBS_SCHEMA)
        .migrate()
        .await
        .map_err(|error| MigrateError::Jobs(error.into()))?;
    Migrator::up(&database(&pool), None)
        .await
        .map_err(MigrateError::Schema)?;
    pool.close().await;
    // Closing the connection gives the lock back, here and on every early return.
    lock.close().await.map_err(MigrateError::Lock)
}

/// The names of the changes that were not made yet, oldest first. Needs no right but to read.
pub async fn pending(database_url: &str) -> Result<Vec<String>, MigrateError> {
    let pool = single_connection(database_url).await?;
    let pending = Migrator::get_pending_migrations_read_only(&database(&pool))
        .await
        .map_err(MigrateError::Pending)?;
    pool.close().await;
    Ok(pending
        .iter()
        .map(|migration| migration.name().to_owned())
        .collect())
}

/// Differs whenever the schema may differ: the name for a template that test databases are copied from.
#[must_use]
pub fn fingerprint() -> String {
    let sources = [
        // Pins the version of the job queue, which brings changes of its own.
        include_str!("../../Cargo.toml"),
        include_str!("m20261120_000001_identity.rs"),
        include_str!("m20261120_000002_catalog.rs"),
        include_str!("m20261120_000003_billing.rs"),
        include_str!("m20261120_000004_audit_log.rs"),
        include_str!("m20261120_000005_inbox.rs"),
        include_str!("m20261120_000006_buying.rs"),
        include_str!("m20261120_000007_reconciliation.rs"),
        include_str!("m20261120_000008_subscription_changes.rs"),
        include_str!("m20261120_000009_operator.rs"),
        include_str!("m20261120_000010_catalog_revision.rs"),
        include_str!("m20261120_000011_one_time_tokens.rs"),
        include_str!("m20261120_000012_rate_limits.rs"),
        include_str!("m20261128_000013_invite_codes.rs"),
        include_str!("m20261128_000016_oauth_flows.rs"),
        include_str!("m20261128_000018_account_invites.rs"),
        include_str!("m20261128_000021_profiles.rs"),
        include_str!("m20261128_000022_sales_leads.rs"),
        include_str!("m20261128_000023_erasure.rs"),
        include_str!("m20261128_000024_invites_over.rs"),
        include_str!("m20261128_000025_unproven.rs"),
        include_str!("m20261128_000026_linking.rs"),
        include_str!("m20261128_000027_over.rs"),
    ];
    let mut digest = hex::encode(Sha256::digest(sources.concat()));
    digest.truncate(16);
    digest
}

struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261120_000001_identity::Migration),
            Box::new(m20261120_000002_catalog::Migration),
            Box::new(m20261120_000003_billing::Migration),
            Box::new(m20261120_000004_audit_log::Migration),
            Box::new(m20261120_000005_inbox::Migration),
            Box::new(m20261120_000006_buying::Migration),
            Box::new(m20261120_000007_reconciliation::Migration),
            Box::new(m20261120_000008_subscription_changes::Migration),
            Box::new(m20261120_000009_operator::Migration),
            Box::new(m20261120_000010_catalog_revision::Migration),
            Box::new(m20261120_000011_one_time_tokens::Migration),
            Box::new(m20261120_000012_rate_limits::Migration),
            Box::new(m20261128_000013_invite_codes::Migration),
            Box::new(m20261128_000016_oauth_flows::Migration),
            Box::new(m20261128_000018_account_invites::Migration),
            Box::new(m20261128_000021_profiles::Migration),
            Box::new(m20261128_000022_sales_leads::Migration),
            Box::new(m20261128_000023_erasure::Migration),
            Box::new(m20261128_000024_invites_over::Migration),
            Box::new(m20261128_000025_unproven::Migration),
            Box::new(m20261128_000026_linking::Migration),
            Box::new(m20261128_000027_over::Migration),
        ]
    }
}

async fn single_connection(database_url: &str) -> Result<PgPool, MigrateError> {
    PgPoolOptions::new()
        .max_connections(1)
        .connect(database_url)
        .await
        .map_err(MigrateError::Connect)
}

fn database(pool: &PgPool) -> DatabaseConnection {
    SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone())
}
