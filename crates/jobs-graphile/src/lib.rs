//! Runs jobs that wait in PostgreSQL, on `graphile_worker`. Decides when a job runs, how often, and
//! when it is given up; what it does is the [`Handler`]'s, and what puts it there is the store's.
//!
//! At least once: a job whose worker dies runs again. A failed job waits for e^n seconds after its nth
//! attempt (e^10 at most); one that has used up its attempts stays in `graphile_worker.jobs` with its
//! last error, where an operator sees it and can order it again.

mod listen;
mod runner;
mod task;

use std::{error::Error, fmt::Debug};

use async_trait::async_trait;
use thiserror::Error;
use tollgate_primitives::JobKey;
use tollgate_use_cases::ports::JobKind;

pub use runner::{DatabaseUrlInvalid, JobRunner, Recovery, Settings};

/// Carries jobs out.
#[async_trait]
pub trait Handler: Debug + Send + Sync {
    /// `attempt` counts from 1. Must bear being run again, even after it succeeded. A panic is a
    /// failure like any other.
    async fn run(&self, key: JobKey, kind: JobKind, attempt: u32) -> Result<(), JobError>;
}

/// Why a job was not done. The text is kept with the job: no secret and no address in it.
#[derive(Debug, Error)]
pub enum JobError {
    /// Trying again later may help.
    #[error("the job failed")]
    Retry(#[source] Box<dyn Error + Send + Sync>),
    /// Trying again cannot help: the job is given up at once.
    #[error("the job failed for good")]
    Dead(#[source] Box<dyn Error + Send + Sync>),
}
