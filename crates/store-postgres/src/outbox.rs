//! Orders to the outside, written in the transaction that promises them.

use sea_orm::ConnectionTrait;
use tollgate_primitives::Timestamp;
use tollgate_use_cases::ports::{Job, StoreError};

use crate::columns::{Table, execute, statement};

/// Selected from, not selected: the answer is a row of the queue's own type, which nobody reads.
const ADD_JOB: &str = "SELECT FROM graphile_worker.add_job($1, payload => $2::json, run_at => $3, \
                       max_attempts => 25, job_key => $4, job_key_mode => 'replace')";

/// The payload is the job's kind with the job's key beside it.
pub(crate) async fn enqueue(
    connection: &impl ConnectionTrait,
    job: &Job,
) -> Result<(), StoreError> {
    let mut payload = serde_json::to_value(&job.kind)
        .map_err(|error| Table("graphile_worker.jobs").corrupt("payload", error))?;
    if let Some(fields) = payload.as_object_mut() {
        fields.insert("key".to_owned(), job.key.as_str().into());
    }
    let values = [
        job.kind.name().into(),
        payload.into(),
        job.run_at.map(Timestamp::as_datetime).into(),
        job.key.as_str().into(),
    ];
    execute(connection, "enqueue the job", statement(ADD_JOB, values)).await?;
    Ok(())
}
