//! The operator has a job that failed run again now, with all its attempts before it.

use serde_json::json;
use thiserror::Error;
use tollgate_primitives::UserId;

use crate::{
    App,
    ports::{AuditEntry, JobId, JobRecord, JobState, StoreError},
};

#[derive(Debug, Error)]
pub enum RetryJobError {
    #[error("there is no such job")]
    Unknown,
    #[error("the job waits for its first try")]
    NotFailed,
    #[error("the job runs")]
    Running,
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub async fn retry_job(app: &App, actor: UserId, id: JobId) -> Result<(), RetryJobError> {
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    let job = tx.lock_job(id).await?.ok_or(RetryJobError::Unknown)?;
    match job.state {
        JobState::Waiting => return Err(RetryJobError::NotFailed),
        JobState::Running => return Err(RetryJobError::Running),
        JobState::Failing | JobState::Dead => tx.retry_job(id).await?,
    }
    tx.audit(&retried(actor, &job), now).await?;
    Ok(tx.commit().await?)
}

fn retried(actor: UserId, job: &JobRecord) -> AuditEntry {
    AuditEntry {
        actor: Some(actor),
        account: None,
        action: "job_retried",
        detail: json!({
            "job": job.id, "kind": job.kind, "key": job.key,
            "attempts": job.attempts, "error": job.last_error,
        }),
    }
}
