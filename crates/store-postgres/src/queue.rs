//! The queue as the operator sees it: through the engine's tables, and changed by its own function.
//! Claiming and running is the engine's.

use sea_orm::{ConnectionTrait, QueryResult};
use tollgate_use_cases::ports::{JobId, JobRecord, JobState, PAGE, Page, StoreError};

use crate::columns::{Columns, Table, all, execute, one, statement};

const JOBS: Table = Table("graphile_worker.jobs");

/// A job that has no attempt left while one is running has not failed for good yet.
macro_rules! state {
    () => {
        "CASE WHEN j.locked_at IS NOT NULL THEN 'running' \
         WHEN j.attempts >= j.max_attempts THEN 'dead' \
         WHEN j.attempts > 0 THEN 'failing' ELSE 'waiting' END"
    };
}

/// The engine's view of its jobs leaves out the payload, which here is ids alone.
macro_rules! jobs {
    () => {
        concat!(
            "SELECT j.id, t.identifier, j.key, j.payload::jsonb - 'kind' - 'key', ",
            state!(),
            ", j.attempts, j.max_attempts, j.run_at, j.created_at, j.last_error \
             FROM graphile_worker._private_jobs j \
             JOIN graphile_worker._private_tasks t ON t.id = j.task_id "
        )
    };
}

const LIST: &str = concat!(
    jobs!(),
    "WHERE j.id < $1 AND ($2::text IS NULL OR ",
    state!(),
    " = $2) ORDER BY j.id DESC LIMIT $3"
);

pub(crate) async fn jobs(
    connection: &impl ConnectionTrait,
    state: Option<JobState>,
    after: Option<JobId>,
) -> Result<Page<JobRecord>, StoreError> {
    let asked = statement(
        LIST,
        [
            after.map_or(i64::MAX, |after| after.0).into(),
            state.map(JobState::as_str).into(),
            i64::try_from(PAGE + 1).unwrap_or(i64::MAX).into(),
        ],
    );
    let rows = all(connection, "list the jobs", asked).await?;
    let jobs: Result<_, _> = rows.iter().map(from_row).collect();
    Ok(Page::of(jobs?))
}

const LOCK: &str = concat!(jobs!(), "WHERE j.id = $1 FOR UPDATE OF j");

pub(crate) async fn lock(
    connection: &impl ConnectionTrait,
    id: JobId,
) -> Result<Option<JobRecord>, StoreError> {
    let row = one(connection, "lock the job", statement(LOCK, [id.0.into()])).await?;
    row.as_ref().map(from_row).transpose()
}

const RETRY: &str = "SELECT FROM graphile_worker.reschedule_jobs(\
                     ARRAY[$1]::bigint[], run_at => now(), attempts => 0)";

pub(crate) async fn retry(connection: &impl ConnectionTrait, id: JobId) -> Result<(), StoreError> {
    execute(connection, "retry the job", statement(RETRY, [id.0.into()])).await?;
    Ok(())
}

fn from_row(row: &QueryResult) -> Result<JobRecord, StoreError> {
    let columns = &mut Columns::new(row);
    Ok(JobRecord {
        id: JobId(columns.take(JOBS, "id")?),
        kind: columns.take(JOBS, "task_identifier")?,
        key: columns.take(JOBS, "key")?,
        about: columns.take(JOBS, "payload")?,
        state: JobState::parse(&columns.take::<String>(JOBS, "state")?)
            .map_err(|error| JOBS.corrupt("state", error))?,
        attempts: columns.parse::<i16, _>(JOBS, "attempts")?,
        max_attempts: columns.parse::<i16, _>(JOBS, "max_attempts")?,
        run_at: columns.timestamp(JOBS, "run_at")?,
        created_at: columns.timestamp(JOBS, "created_at")?,
        last_error: columns.take(JOBS, "last_error")?,
    })
}
