//! The baselines: actix and sqlx with nothing in between. As many workers, as large a pool and the same
//! pool settings as a node of ours has.

use std::{net::SocketAddr, num::NonZeroUsize, thread, time::Duration};

use actix_web::{
    App, Error, HttpResponse, HttpServer, dev::ServerHandle, error::ErrorInternalServerError, web,
};
use anyhow::Context;
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{
    ConnectOptions, FromRow, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use uuid::Uuid;

/// A running server; it runs until its handle stops it.
#[derive(Debug)]
pub(crate) struct Baseline {
    pub(crate) address: SocketAddr,
    pub(crate) handle: ServerHandle,
}

impl Baseline {
    pub(crate) async fn start(database_url: &str, pool_size: u32) -> anyhow::Result<Self> {
        let pool = pool(database_url, pool_size).await?;
        let server = HttpServer::new(move || {
            App::new()
                .app_data(web::Data::new(pool.clone()))
                .route("/bare", web::get().to(HttpResponse::NoContent))
                .route("/read/{id}", web::get().to(read))
                .route("/write/{event}/{customer}", web::post().to(write))
        })
        .workers(thread::available_parallelism().map_or(1, NonZeroUsize::get))
        .disable_signals()
        .bind("127.0.0.1:0")?;
        let address = *server
            .addrs()
            .first()
            .context("the baseline has no address")?;
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Self { address, handle })
    }
}

/// As `store-postgres` sets up its own.
async fn pool(database_url: &str, size: u32) -> anyhow::Result<PgPool> {
    let options: PgConnectOptions = database_url.parse().context("reading the database's URL")?;
    PgPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(Duration::from_secs(3))
        .max_lifetime(Duration::from_mins(30))
        .test_before_acquire(false)
        .connect_with(
            options
                .options([
                    ("statement_timeout", "5000"),
                    ("idle_in_transaction_session_timeout", "10000"),
                ])
                .statement_cache_capacity(500)
                .disable_statement_logging(),
        )
        .await
        .context("connecting the baseline")
}

#[derive(Debug, FromRow, Serialize)]
struct Account {
    id: Uuid,
    owner: Uuid,
    customer: String,
    status: String,
    seats: i64,
    is_paid: bool,
    period_start: DateTime<Utc>,
    period_end: DateTime<Utc>,
}

/// One round trip: eight columns by primary key, answered as JSON.
async fn read(pool: web::Data<PgPool>, id: web::Path<Uuid>) -> Result<web::Json<Account>, Error> {
    const READ: &str = "SELECT id, owner, customer, status, seats, is_paid, period_start, period_end \
                        FROM baseline.accounts WHERE id = $1";
    sqlx::query_as(READ)
        .bind(*id)
        .fetch_one(pool.get_ref())
        .await
        .map(web::Json)
        .map_err(ErrorInternalServerError)
}

/// Five round trips: begin, insert what was sent, lock the account, update it, commit.
async fn write(
    pool: web::Data<PgPool>,
    path: web::Path<(String, String)>,
    body: String,
) -> Result<HttpResponse, Error> {
    let (event, customer) = path.into_inner();
    store(&pool, &event, &customer, &body)
        .await
        .map_err(ErrorInternalServerError)?;
    Ok(HttpResponse::NoContent().finish())
}

async fn store(pool: &PgPool, event: &str, customer: &str, body: &str) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query("INSERT INTO baseline.inbox (id, body, received_at) VALUES ($1, $2, now())")
        .bind(event)
        .bind(body)
        .execute(&mut *transaction)
        .await?;
    let (id, seats): (Uuid, i64) =
        sqlx::query_as("SELECT id, seats FROM baseline.accounts WHERE customer = $1 FOR UPDATE")
            .bind(customer)
            .fetch_one(&mut *transaction)
            .await?;
    sqlx::query("UPDATE baseline.accounts SET seats = $2 WHERE id = $1")
        .bind(id)
        .bind(seats + 1)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}
