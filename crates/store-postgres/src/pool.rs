//! How connections are made, kept and given up.

use std::time::Duration;

use sea_orm::{ConnectOptions, Database, DatabaseConnection};
use secrecy::{ExposeSecret, SecretString};
use tollgate_use_cases::ports::StoreError;

use crate::columns::unavailable;

/// No statement of a request takes this long; one that does gives its connection back.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);

/// A transaction whose process is stuck lets go of its locks.
const IDLE_IN_TRANSACTION_TIMEOUT: Duration = Duration::from_secs(10);

/// A request that cannot get a connection by then is better told so.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// A ping costs as much as a query, so only connections that a proxy may have dropped get one.
const TEST_IF_IDLE_FOR: Duration = Duration::from_secs(30);

const MAX_LIFETIME: Duration = Duration::from_mins(30);

/// More than there are statements, so that none is prepared twice.
const STATEMENT_CACHE: usize = 500;

#[derive(Debug, Clone)]
pub struct Settings {
    /// `postgres://…`, with the password in it.
    pub url: SecretString,
    pub max_connections: u32,
    /// How this process shows in `pg_stat_activity`.
    pub application_name: String,
}

pub(crate) async fn connect(settings: &Settings) -> Result<DatabaseConnection, StoreError> {
    let mut options = ConnectOptions::new(settings.url.expose_secret());
    options
        .max_connections(settings.max_connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_timeout(ACQUIRE_TIMEOUT)
        .max_lifetime(MAX_LIFETIME)
        .test_before_acquire_if_idle_for(TEST_IF_IDLE_FOR)
        .sqlx_logging(false)
        .set_application_name(settings.application_name.clone())
        .statement_timeout(STATEMENT_TIMEOUT)
        .map_sqlx_postgres_opts(|connection| {
            let idle = IDLE_IN_TRANSACTION_TIMEOUT.as_millis().to_string();
            connection
                .options([
                    ("idle_in_transaction_session_timeout", idle.as_str()),
                    // How a statement is answered does not depend on whom it asks about.
                    ("plan_cache_mode", "force_generic_plan"),
                    // A plan made while a table was empty is kept when it is full. A scan of what has
                    // no index is thought so dear then that it would be compiled first.
                    ("enable_seqscan", "off"),
                    ("jit", "off"),
                ])
                .statement_cache_capacity(STATEMENT_CACHE)
        });
    Database::connect(options)
        .await
        .map_err(unavailable("connect"))
}
