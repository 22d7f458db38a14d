//! A database of its own for each test, copied from a template that holds the migrated schema. It is
//! dropped with its handle; what a killed run left behind is dropped by the next.

use std::{
    fmt, mem,
    sync::{OnceLock, mpsc as blocking},
    thread,
    time::Duration,
};

use anyhow::Context as _;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool, postgres::PgPoolOptions};
use tokio::sync::{mpsc, oneshot};
use url::Url;

use crate::source;

/// Under which the connection that owns a run's databases shows.
const APPLICATION: &str = "tollgate-testkit";

/// Any number that nothing else locks.
const LOCK: i64 = 0x7465_6d70_6c61_7465;

/// A drop that takes longer is left to the next run.
const LONGEST_DROP: Duration = Duration::from_secs(5);

/// A migrated database that nobody else uses.
pub struct Database {
    name: String,
    url: String,
    pool: PgPool,
}

impl Database {
    /// Fails when there is no `PostgreSQL` to be had, naming what to install.
    pub async fn create() -> anyhow::Result<Self> {
        let (reply, answer) = oneshot::channel();
        let gone = "the keeper of the test databases has ended";
        keeper().send(Order::Create(reply)).context(gone)?;
        let (name, url) = answer.await.context(gone)??;
        // For the test's own questions: a few are enough.
        let pool = PgPoolOptions::new().max_connections(3).connect_lazy(&url)?;
        Ok(Self { name, url, pool })
    }

    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Database").field(&self.name).finish()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (done, dropped) = blocking::channel();
        let order = Order::Drop(mem::take(&mut self.name), done);
        if keeper().send(order).is_ok() {
            // An error is the timeout, or the keeper's end.
            let _ = dropped.recv_timeout(LONGEST_DROP);
        }
    }
}

enum Order {
    Create(oneshot::Sender<anyhow::Result<(String, String)>>),
    Drop(String, blocking::Sender<()>),
}

/// The one connection that makes and drops this run's databases, on a thread of its own because
/// each test has its own runtime.
fn keeper() -> &'static mpsc::UnboundedSender<Order> {
    static KEEPER: OnceLock<mpsc::UnboundedSender<Order>> = OnceLock::new();
    KEEPER.get_or_init(|| {
        let (orders, received) = mpsc::unbounded_channel();
        thread::spawn(move || serve(received));
        orders
    })
}

/// Ends at once when there is no runtime to be had; the orders then say that it has ended.
fn serve(mut orders: mpsc::UnboundedReceiver<Order>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else { return };
    runtime.block_on(async {
        let mut keeper = Keeper::start().await;
        while let Some(order) = orders.recv().await {
            match order {
                Order::Create(reply) => {
                    let created = match &mut keeper {
                        Ok(keeper) => keeper.create().await,
                        Err(error) => Err(anyhow::anyhow!("{error:#}")),
                    };
                    // A test that gave up waiting leaves its database to the next run.
                    let _ = reply.send(created);
                }
                Order::Drop(name, done) => {
                    if let Ok(keeper) = &mut keeper {
                        keeper.drop(&name).await;
                    }
                    let _ = done.send(());
                }
            }
        }
    });
}

struct Keeper {
    server: Url,
    connection: PgConnection,
    template: String,
    /// Of the connection: databases whose owner has gone are leftovers.
    owner: i32,
    made: u32,
}

impl Keeper {
    async fn start() -> anyhow::Result<Self> {
        let server = Url::parse(&source::find().await?).context("TEST_DATABASE_URL")?;
        let mut connection = PgConnection::connect(server.as_str())
            .await
            .context("connecting to the PostgreSQL of the tests")?;
        sqlx::query("SELECT set_config('application_name', $1, false)")
            .bind(APPLICATION)
            .execute(&mut connection)
            .await?;
        let owner = sqlx::query_scalar("SELECT pg_backend_pid()")
            .fetch_one(&mut connection)
            .await?;
        let mut keeper = Self {
            server,
            connection,
            template: format!("tollgate_template_{}", tollgate_migration::fingerprint()),
            owner,
            made: 0,
        };
        keeper
            .prepare()
            .await
            .context("preparing the test databases")?;
        Ok(keeper)
    }

    /// One process does the work, the others wait for it.
    async fn prepare(&mut self) -> anyhow::Result<()> {
        sqlx::query("SELECT pg_advisory_lock($1)")
            .bind(LOCK)
            .execute(&mut self.connection)
            .await?;
        self.drop_leftovers().await?;
        if !self.has_template().await? {
            self.build_template().await?;
        }
        sqlx::query("SELECT pg_advisory_unlock($1)")
            .bind(LOCK)
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    async fn drop_leftovers(&mut self) -> anyhow::Result<()> {
        let leftovers: Vec<String> = sqlx::query_scalar(
            r"SELECT datname::text FROM pg_database
              WHERE datname ~ '^tollgate_test_[0-9]+_[0-9]+$' AND NOT EXISTS (
                  SELECT FROM pg_stat_activity
                  WHERE pid::text = split_part(datname, '_', 3) AND application_name = $1
              )",
        )
        .bind(APPLICATION)
        .fetch_all(&mut self.connection)
        .await?;
        for name in leftovers {
            self.drop(&name).await;
        }
        Ok(())
    }

    async fn has_template(&mut self) -> sqlx::Result<bool> {
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
            .bind(&self.template)
            .fetch_one(&mut self.connection)
            .await
    }

    /// Under another name until it is whole.
    async fn build_template(&mut self) -> anyhow::Result<()> {
        let unfinished = format!("{}_unfinished", self.template);
        self.drop(&unfinished).await;
        self.execute(format!("CREATE DATABASE {unfinished}"))
            .await?;
        tollgate_migration::migrate(&self.url_of(&unfinished)).await?;
        self.execute(format!(
            "ALTER DATABASE {unfinished} RENAME TO {}",
            self.template
        ))
        .await?;
        Ok(())
    }

    async fn create(&mut self) -> anyhow::Result<(String, String)> {
        self.made += 1;
        let name = format!("tollgate_test_{}_{}", self.owner, self.made);
        let template = self.template.clone();
        self.execute(format!(
            "CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"
        ))
        .await
        .context("making a test database")?;
        let url = self.url_of(&name);
        Ok((name, url))
    }

    /// Best effort: what stays is a leftover.
    async fn drop(&mut self, name: &str) {
        let _ = self
            .execute(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
            .await;
    }

    /// For statements that take no parameters; the names in them are made here.
    async fn execute(&mut self, statement: String) -> sqlx::Result<()> {
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut self.connection)
            .await
            .map(drop)
    }

    fn url_of(&self, name: &str) -> String {
        let mut url = self.server.clone();
        url.set_path(name);
        url.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn names_like(database: &Database) -> Vec<String> {
        sqlx::query_scalar("SELECT datname::text FROM pg_database WHERE datname = $1")
            .bind(&database.name)
            .fetch_all(database.pool())
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn each_database_is_migrated_and_nobody_elses() {
        let (one, other) = (
            Database::create().await.unwrap(),
            Database::create().await.unwrap(),
        );
        assert!(
            tollgate_migration::pending(one.url())
                .await
                .unwrap()
                .is_empty()
        );
        sqlx::query("INSERT INTO trial_keys VALUES (sha256('x'), now())")
            .execute(one.pool())
            .await
            .unwrap();
        let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM trial_keys")
            .fetch_one(other.pool())
            .await
            .unwrap();
        assert_eq!(seen, 0);
    }

    #[tokio::test]
    async fn a_database_goes_with_its_handle() {
        let (stays, goes) = (
            Database::create().await.unwrap(),
            Database::create().await.unwrap(),
        );
        assert_eq!(names_like(&stays).await.len(), 1);
        let name = goes.name.clone();
        drop(goes);
        let left: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_database WHERE datname = $1")
            .bind(name)
            .fetch_one(stays.pool())
            .await
            .unwrap();
        assert_eq!(left, 0);
    }
}
