//! Jobs from the queue, handed to their use case. What a failure means is the use case's to say.

use std::{num::NonZeroUsize, sync::Arc};

use async_trait::async_trait;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use tollgate_jobs_graphile::{
    DatabaseUrlInvalid, Handler, JobError, JobRunner, Recovery, Settings,
};
use tollgate_primitives::JobKey;
use tollgate_use_cases::{App, ports::JobKind, run_job};

/// How a worker differs from others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WorkerOptions {
    pub(crate) concurrency: NonZeroUsize,
    /// Whether it orders reconciliations.
    pub(crate) reconciles: bool,
}

/// A worker that runs until it is stopped.
#[derive(Debug)]
pub(crate) struct Worker {
    runner: JobRunner,
    shutdown: CancellationToken,
}

impl Worker {
    pub(crate) fn start(
        database_url: SecretString,
        options: WorkerOptions,
        app: Arc<App>,
    ) -> Result<Self, DatabaseUrlInvalid> {
        let reconcile = options.reconciles.then_some(JobKind::Reconcile {});
        let settings = Settings {
            database_url,
            concurrency: options.concurrency,
            recovery: Recovery::default(),
            every_minute: reconcile.into_iter().collect(),
            every_day: vec![JobKind::Prune {}],
        };
        let shutdown = CancellationToken::new();
        let runner = JobRunner::start(&settings, Arc::new(UseCases(app)), shutdown.clone())?;
        Ok(Self { runner, shutdown })
    }

    /// Takes no new job, waits for those that run, and cuts them off after ten seconds.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.runner.stopped().await;
    }
}

#[derive(Debug)]
struct UseCases(Arc<App>);

#[async_trait]
impl Handler for UseCases {
    async fn run(&self, key: JobKey, kind: JobKind, _attempt: u32) -> Result<(), JobError> {
        run_job(&self.0, &key, kind).await.map_err(|failed| {
            if failed.is_final() {
                JobError::Dead(failed.into())
            } else {
                JobError::Retry(failed.into())
            }
        })
    }
}
