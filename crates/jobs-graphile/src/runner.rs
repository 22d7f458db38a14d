//! Keeps a worker running until told to stop: settings, supervision, shutdown.
//!
//! Every setting answers something that went wrong without it; `tests/` holds each to its word.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use graphile_worker::{
    FailureReason, JobRecovery, JobRecoveryResult, LocalQueueConfig, RefetchDelayConfig,
    WorkerBuildError, WorkerOptions, runner::WorkerRuntimeError,
};
use metrics::counter;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use thiserror::Error;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tollgate_use_cases::ports::JobKind;
use tracing::{error, warn};

use crate::{Handler, listen::Listening, task};

/// How long running jobs may go on after the order to stop; then they are cut off and wait for the
/// next worker.
const GRACE: Duration = Duration::from_secs(8);

/// How long stopping takes at most.
const STOP_WITHIN: Duration = Duration::from_secs(10);

const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What a worker needs.
#[derive(Debug)]
pub struct Settings {
    pub database_url: SecretString,
    /// Jobs at once. The worker opens at most three connections more than that.
    pub concurrency: NonZeroUsize,
    pub recovery: Recovery,
    /// What is ordered at the beginning of each minute, once however many workers there are. A minute
    /// in which none runs is not made up for.
    pub every_minute: Vec<JobKind>,
    /// What is ordered once a day, once however many workers there are.
    pub every_day: Vec<JobKind>,
}

/// How soon the jobs of a dead worker run again: within `dead_after` and `sweep_every`, and three
/// seconds that the failed attempt costs.
#[derive(Debug, Clone, Copy)]
pub struct Recovery {
    /// How often a worker says that it is alive.
    pub heartbeat_every: Duration,
    /// How often it looks for those that no longer do.
    pub sweep_every: Duration,
    /// How long one may be silent.
    pub dead_after: Duration,
}

impl Default for Recovery {
    /// Together 23 seconds.
    fn default() -> Self {
        Self {
            heartbeat_every: Duration::from_secs(5),
            sweep_every: Duration::from_secs(5),
            dead_after: Duration::from_secs(15),
        }
    }
}

/// The text is no `postgres://` URL. It is not shown, because it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the database URL of the worker is not valid")]
pub struct DatabaseUrlInvalid;

/// A worker that runs, with connections of its own, so that jobs never wait for requests.
#[derive(Debug)]
pub struct JobRunner {
    supervisor: JoinHandle<()>,
    shutdown: CancellationToken,
}

impl JobRunner {
    /// Starts running jobs, until `shutdown` is cancelled. The database need not be there yet.
    pub fn start(
        settings: &Settings,
        handler: Arc<dyn Handler>,
        shutdown: CancellationToken,
    ) -> Result<Self, DatabaseUrlInvalid> {
        let supervised = Supervised {
            pool: pool(settings)?,
            concurrency: settings.concurrency.get(),
            recovery: settings.recovery,
            every_minute: settings.every_minute.clone(),
            every_day: settings.every_day.clone(),
            handler,
            shutdown: shutdown.clone(),
        };
        Ok(Self {
            supervisor: tokio::spawn(supervised.run_until_shutdown()),
            shutdown,
        })
    }

    /// Waits for the shutdown, and then until no job runs: at most ten seconds. Jobs that are cut off
    /// run again on the next worker.
    pub async fn stopped(mut self) {
        self.shutdown.cancelled().await;
        if timeout(STOP_WITHIN, &mut self.supervisor).await.is_err() {
            warn!("the worker did not stop in time and is cut off");
            self.supervisor.abort();
        }
    }
}

fn pool(settings: &Settings) -> Result<PgPool, DatabaseUrlInvalid> {
    let url = settings.database_url.expose_secret();
    let options: PgConnectOptions = url.parse().map_err(|_| DatabaseUrlInvalid)?;
    let jobs = u32::try_from(settings.concurrency.get()).unwrap_or(u32::MAX);
    Ok(PgPoolOptions::new()
        .max_connections(jobs.saturating_add(3))
        .acquire_timeout(Duration::from_secs(5))
        .connect_lazy_with(options.application_name("tollgate-worker")))
}

#[derive(Debug, Error)]
enum WorkerEnded {
    #[error("the worker did not start")]
    Build(#[from] WorkerBuildError),
    #[error("the worker failed")]
    Run(#[from] WorkerRuntimeError),
}

struct Supervised {
    pool: PgPool,
    concurrency: usize,
    recovery: Recovery,
    every_minute: Vec<JobKind>,
    every_day: Vec<JobKind>,
    handler: Arc<dyn Handler>,
    shutdown: CancellationToken,
}

impl Supervised {
    /// The engine ends its worker when a single job cannot be fetched or released, so that it takes a
    /// new one each time the database was away.
    async fn run_until_shutdown(self) {
        let mut pause = SHORTEST_PAUSE;
        while !self.shutdown.is_cancelled() {
            let started = Instant::now();
            if let Err(ended) = self.run_once().await {
                error!(
                    error = &ended as &dyn std::error::Error,
                    "no jobs run for a moment"
                );
            }
            if started.elapsed() > LONGEST_PAUSE {
                pause = SHORTEST_PAUSE;
            }
            self.shutdown.run_until_cancelled(sleep(pause)).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
        self.pool.close().await;
    }

    async fn run_once(&self) -> Result<(), WorkerEnded> {
        let starting = self.options().init();
        match self.shutdown.run_until_cancelled(starting).await {
            Some(worker) => Ok(worker?.run().await?),
            None => Ok(()),
        }
    }

    fn options(&self) -> WorkerOptions {
        let options = WorkerOptions::default()
            .database(Listening::database(&self.pool))
            .concurrency(self.concurrency)
            .add_extension(Arc::clone(&self.handler))
            // Without a local queue a backlog drains at `concurrency` jobs a second.
            .local_queue(
                LocalQueueConfig::default()
                    .with_size(self.concurrency)
                    // Without a delay an idle queue asks thousands of times a second; without the
                    // abort, a new job waits for the delay to end.
                    .with_refetch_delay(
                        RefetchDelayConfig::default()
                            .with_duration(Duration::from_millis(500))
                            .with_threshold(0)
                            .with_max_abort_threshold(1),
                    ),
            )
            .heartbeat_interval(self.recovery.heartbeat_every)
            .sweep_interval(self.recovery.sweep_every)
            .sweep_threshold(self.recovery.dead_after)
            .recovery_delay(Duration::ZERO)
            // By default the attempt that killed the worker is not counted, and a job that does so
            // every time would for ever.
            .on(
                JobRecovery,
                async |lost: graphile_worker::JobRecoveryContext| {
                    let kind = lost.job.task_identifier().clone();
                    counter!("jobs_total", "kind" => kind, "result" => "interrupted").increment(1);
                    if lost.reason == FailureReason::WorkerCrashed {
                        JobRecoveryResult::FailWithBackoff
                    } else {
                        JobRecoveryResult::Default
                    }
                },
            )
            .listen_os_shutdown_signals(false)
            .shutdown_signal(self.shutdown.clone().cancelled_owned())
            .shutdown_grace_period(GRACE)
            .shutdown_interrupted_job_retry_delay(Duration::ZERO)
            .with_crons(self.every_minute.iter().map(task::every_minute))
            .with_crons(self.every_day.iter().map(task::every_day));
        task::define_all(options)
    }
}
