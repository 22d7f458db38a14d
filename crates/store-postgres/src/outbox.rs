//! Orders to the outside, written in the transaction that promises them.

use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use tollgate_primitives::Timestamp;
use tollgate_use_cases::ports::{Job, StoreError};

use crate::columns::{Table, execute, statement};

/// Selected from, not selected: the answer is a row of the queue's own type, which nobody reads.
const ADD_JOB: &str = "SELECT FROM graphile_worker.add_job($1, payload => $2::json, run_at => $3, \
                       max_attempts => 25, job_key => $4, job_key_mode => 'replace')";

const ADD_JOBS: &str = "SELECT FROM jsonb_to_recordset($1) \
     AS j(kind text, payload json, run_at timestamptz, key text), \
     LATERAL graphile_worker.add_job(j.kind, payload => j.payload, run_at => j.run_at, \
       max_attempts => 25, job_key => j.key, job_key_mode => 'replace')";

pub(crate) async fn enqueue(
    connection: &impl ConnectionTrait,
    job: &Job,
) -> Result<(), StoreError> {
    let values = [
        job.kind.name().into(),
        payload(job)?.into(),
        job.run_at.map(Timestamp::as_datetime).into(),
        job.key.as_str().into(),
    ];
    execute(connection, "enqueue the job", statement(ADD_JOB, values)).await?;
    Ok(())
}

/// In one round trip.
pub(crate) async fn enqueue_all(
    connection: &impl ConnectionTrait,
    jobs: &[Job],
) -> Result<(), StoreError> {
    let order = |job: &Job| {
        Ok(json!({
            "kind": job.kind.name(),
            "payload": payload(job)?,
            "run_at": job.run_at,
            "key": job.key,
        }))
    };
    let orders: Result<Vec<_>, StoreError> = jobs.iter().map(order).collect();
    let add = statement(ADD_JOBS, [json!(orders?).into()]);
    execute(connection, "enqueue the jobs", add).await?;
    Ok(())
}

/// The job's kind with the job's key beside it.
fn payload(job: &Job) -> Result<Value, StoreError> {
    let mut payload = serde_json::to_value(&job.kind)
        .map_err(|error| Table("graphile_worker.jobs").corrupt("payload", error))?;
    if let Some(fields) = payload.as_object_mut() {
        fields.insert("key".to_owned(), job.key.as_str().into());
    }
    Ok(payload)
}
