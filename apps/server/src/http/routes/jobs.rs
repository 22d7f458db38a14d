//! The queue, for the operator: what waits, what fails and what was given up.

use actix_web::{HttpResponse, get, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tollgate_use_cases::{
    App,
    ports::{JobId, JobRecord, JobState},
    retry_job,
};
use utoipa::{IntoParams, ToSchema};

use crate::http::{
    body::Query,
    caller::Super,
    cursor,
    error::{ApiError, ErrorBody},
};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct JobsParams {
    /// Only those that stand so.
    state: Option<JobStateParam>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JobStateParam {
    /// For its time, or its first try.
    Waiting,
    Running,
    /// Tried without success; it is tried again by itself.
    Failing,
    /// Given up: it waits for the operator.
    Dead,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobsBody {
    /// Newest first.
    items: Vec<JobBody>,
    next_cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobBody {
    id: String,
    #[schema(example = "mail_verification")]
    kind: String,
    /// Which of its kind it is; what it does outside carries it.
    key: Option<String>,
    /// Ids of what it is about.
    #[schema(value_type = Object)]
    about: Value,
    #[schema(example = "dead")]
    state: &'static str,
    attempts: u32,
    max_attempts: u32,
    run_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
    last_error: Option<String>,
}

/// Lists the queue.
#[utoipa::path(
    operation_id = "listJobs",
    tag = "operator",
    security(("access_token" = [])),
    params(JobsParams),
    responses(
        (status = 200, body = JobsBody),
        (status = 400, description = "unknown_field · malformed_query · invalid_cursor", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 403, description = "super_admin_only", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[get("/jobs")]
pub(crate) async fn list(
    app: web::Data<App>,
    _: Super,
    Query(params): Query<JobsParams>,
) -> Result<web::Json<JobsBody>, ApiError> {
    let after = cursor::decode(params.cursor.as_deref())?.map(JobId);
    let page = app
        .operations
        .jobs(params.state.map(Into::into), after)
        .await?;
    let last = page.items.last().filter(|_| page.has_more);
    Ok(web::Json(JobsBody {
        next_cursor: last.map(|last| cursor::encode(&last.id.0)).transpose()?,
        items: page.items.into_iter().map(Into::into).collect(),
    }))
}

/// Runs a job that failed again, now, with all its attempts before it.
#[utoipa::path(
    operation_id = "retryJob",
    tag = "operator",
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The job's id, as the list shows it")),
    responses(
        (status = 202, description = "It runs as soon as a worker is free"),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 403, description = "super_admin_only", body = ErrorBody),
        (status = 404, description = "job_not_found", body = ErrorBody),
        (status = 409, description = "job_not_failed · job_running", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[post("/jobs/{id}/retry")]
pub(crate) async fn retry(
    app: web::Data<App>,
    Super(caller): Super,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let id = id.parse().map_err(|_| ApiError::job_not_found())?;
    retry_job(&app, caller.user, JobId(id)).await?;
    Ok(HttpResponse::Accepted().finish())
}

impl From<JobStateParam> for JobState {
    fn from(state: JobStateParam) -> Self {
        match state {
            JobStateParam::Waiting => Self::Waiting,
            JobStateParam::Running => Self::Running,
            JobStateParam::Failing => Self::Failing,
            JobStateParam::Dead => Self::Dead,
        }
    }
}

impl From<JobRecord> for JobBody {
    fn from(job: JobRecord) -> Self {
        Self {
            id: job.id.0.to_string(),
            kind: job.kind,
            key: job.key,
            about: job.about,
            state: job.state.as_str(),
            attempts: job.attempts,
            max_attempts: job.max_attempts,
            run_at: job.run_at.as_datetime(),
            created_at: job.created_at.as_datetime(),
            last_error: job.last_error,
        }
    }
}
