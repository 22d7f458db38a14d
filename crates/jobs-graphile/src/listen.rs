//! Hears of new jobs even after the database was away. The engine's own listener ends with its
//! connection, and from then on each job waits for the next poll.

use std::{any::Any, time::Duration};

use futures_util::stream;
use graphile_worker::{
    BoxFuture, Database, DatabaseDriver, DbError, DbExecutor, DbParams, DbRow, DbTransaction,
    Notification, NotificationStream,
};
use sqlx::{PgPool, postgres::PgListener};
use tokio::time::sleep;
use tracing::{info, warn};

const PAUSE_BEFORE_LISTENING_AGAIN: Duration = Duration::from_millis(250);

/// The engine's driver for `sqlx`, but for the listening.
#[derive(Debug)]
pub(crate) struct Listening {
    database: Database,
    pool: PgPool,
}

impl Listening {
    pub(crate) fn database(pool: &PgPool) -> Database {
        Database::new(Self {
            database: pool.into(),
            pool: pool.clone(),
        })
    }
}

impl DbExecutor for Listening {
    fn execute<'a>(
        &'a self,
        sql: &'a str,
        params: DbParams,
    ) -> BoxFuture<'a, Result<u64, DbError>> {
        self.database.execute(sql, params)
    }

    fn fetch_all<'a>(
        &'a self,
        sql: &'a str,
        params: DbParams,
    ) -> BoxFuture<'a, Result<Vec<DbRow>, DbError>> {
        self.database.fetch_all(sql, params)
    }
}

impl DatabaseDriver for Listening {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn begin(&self) -> BoxFuture<'_, Result<DbTransaction, DbError>> {
        Box::pin(self.database.begin())
    }

    fn listen<'a>(
        &'a self,
        channel: &'a str,
    ) -> BoxFuture<'a, Result<Option<NotificationStream>, DbError>> {
        Box::pin(async move {
            let ear = Ear {
                listener: Some(listener(&self.pool, channel).await?),
                pool: self.pool.clone(),
                channel: channel.to_owned(),
            };
            let notifications = stream::unfold(ear, async |mut ear| {
                let notification = ear.next().await;
                Some((Ok(notification), ear))
            });
            Ok(Some(Box::pin(notifications) as NotificationStream))
        })
    }
}

async fn listener(pool: &PgPool, channel: &str) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.eager_reconnect(false);
    listener.listen(channel).await?;
    Ok(listener)
}

struct Ear {
    /// `None` while the connection is lost.
    listener: Option<PgListener>,
    pool: PgPool,
    channel: String,
}

impl Ear {
    /// The next notification, or an empty one after a gap in which some may have been missed.
    async fn next(&mut self) -> Notification {
        loop {
            let Some(listener) = &mut self.listener else {
                self.listen_again().await;
                return Notification {
                    channel: self.channel.clone(),
                    payload: String::new(),
                };
            };
            match listener.try_recv().await {
                Ok(Some(notification)) => {
                    return Notification {
                        channel: notification.channel().to_owned(),
                        payload: notification.payload().to_owned(),
                    };
                }
                Ok(None) => warn!("the connection that hears of new jobs was lost"),
                Err(error) => warn!(%error, "the connection that hears of new jobs failed"),
            }
            self.listener = None;
        }
    }

    async fn listen_again(&mut self) {
        while self.listener.is_none() {
            match listener(&self.pool, &self.channel).await {
                Ok(listener) => self.listener = Some(listener),
                Err(error) => {
                    warn!(%error, "cannot hear of new jobs");
                    sleep(PAUSE_BEFORE_LISTENING_AGAIN).await;
                }
            }
        }
        info!("new jobs are heard of again");
    }
}
