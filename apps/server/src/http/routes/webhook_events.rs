//! The inbox of what the payment provider told, for the operator: what failed, why, and try it again.

use actix_web::{get, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tollgate_primitives::Timestamp;
use tollgate_use_cases::{
    App,
    ports::{EventPosition, EventStatus, EventSummary, NoticeId, OpenEvents},
    replay_event,
};
use utoipa::{IntoParams, ToSchema};

use crate::http::{
    body::{Query, is_storable},
    caller::Super,
    cursor,
    error::{ApiError, ErrorBody},
};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsParams {
    /// Only those that came this far.
    status: Option<EventStatusParam>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EventStatusParam {
    Received,
    Applied,
    Ignored,
    Failed,
    Dead,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventsBody {
    /// Newest first.
    items: Vec<EventBody>,
    next_cursor: Option<String>,
    counts: OpenEventsBody,
}

/// How many events are not done, on whichever page.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OpenEventsBody {
    /// They wait for a job.
    received: u64,
    /// They are tried again by themselves.
    failed: u64,
    /// They wait for the operator.
    dead: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventBody {
    /// The provider's id of it.
    #[schema(example = "evt_1QXyz")]
    id: String,
    #[serde(rename = "type")]
    #[schema(example = "customer.subscription.updated")]
    kind: String,
    api_version: Option<String>,
    /// When it happened, by the provider's clock.
    created: Option<DateTime<Utc>>,
    received_at: DateTime<Utc>,
    #[schema(example = "failed")]
    status: &'static str,
    attempts: u32,
    last_error: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StoredEventBody {
    #[serde(flatten)]
    event: EventBody,
    /// As it was signed.
    body: String,
}

/// Lists the inbox.
#[utoipa::path(
    operation_id = "listWebhookEvents",
    tag = "operator",
    security(("access_token" = [])),
    params(EventsParams),
    responses(
        (status = 200, body = EventsBody),
        (status = 400, description = "unknown_field · malformed_query · invalid_cursor", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 403, description = "super_admin_only", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[get("/webhook-events")]
pub(crate) async fn list(
    app: web::Data<App>,
    _: Super,
    Query(params): Query<EventsParams>,
) -> Result<web::Json<EventsBody>, ApiError> {
    let after: Option<EventPosition> = cursor::decode(params.cursor.as_deref())?;
    if after
        .as_ref()
        .is_some_and(|after| !is_storable(&after.id.0))
    {
        return Err(ApiError::invalid_cursor());
    }
    let status = params.status.map(Into::into);
    let page = app.operations.events(status, after.as_ref()).await?;
    let last = page.items.last().filter(|_| page.has_more);
    let next_cursor = last.map(|last| cursor::encode(&EventPosition::of(last)));
    Ok(web::Json(EventsBody {
        next_cursor: next_cursor.transpose()?,
        items: page.items.into_iter().map(Into::into).collect(),
        counts: app.operations.open_events().await?.into(),
    }))
}

/// Shows one event with its body.
#[utoipa::path(
    operation_id = "showWebhookEvent",
    tag = "operator",
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The provider's id of the event")),
    responses(
        (status = 200, body = StoredEventBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 403, description = "super_admin_only", body = ErrorBody),
        (status = 404, description = "event_not_found", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[get("/webhook-events/{id}")]
pub(crate) async fn show(
    app: web::Data<App>,
    _: Super,
    id: web::Path<String>,
) -> Result<web::Json<StoredEventBody>, ApiError> {
    let stored = app.operations.stored_event(&event_id(id)?).await?;
    let (event, body) = stored.ok_or_else(ApiError::event_not_found)?;
    Ok(web::Json(StoredEventBody {
        event: event.into(),
        body,
    }))
}

/// Tries an event again, now; answers how it stands then.
#[utoipa::path(
    operation_id = "replayWebhookEvent",
    tag = "operator",
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The provider's id of the event")),
    responses(
        (status = 200, description = "Tried; `status` says whether it helped", body = EventBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 403, description = "super_admin_only", body = ErrorBody),
        (status = 404, description = "event_not_found", body = ErrorBody),
        (status = 409, description = "already_applied", body = ErrorBody),
        (status = 503, description = "payment_provider_not_configured · unavailable", body = ErrorBody),
    )
)]
#[post("/webhook-events/{id}/replay")]
pub(crate) async fn replay(
    app: web::Data<App>,
    Super(caller): Super,
    id: web::Path<String>,
) -> Result<web::Json<EventBody>, ApiError> {
    let event = replay_event(&app, caller.user, &event_id(id)?).await?;
    Ok(web::Json(event.into()))
}

fn event_id(id: web::Path<String>) -> Result<NoticeId, ApiError> {
    let id = id.into_inner();
    if is_storable(&id) {
        Ok(NoticeId(id))
    } else {
        Err(ApiError::event_not_found())
    }
}

impl From<EventStatusParam> for EventStatus {
    fn from(status: EventStatusParam) -> Self {
        match status {
            EventStatusParam::Received => Self::Received,
            EventStatusParam::Applied => Self::Applied,
            EventStatusParam::Ignored => Self::Ignored,
            EventStatusParam::Failed => Self::Failed,
            EventStatusParam::Dead => Self::Dead,
        }
    }
}

impl From<OpenEvents> for OpenEventsBody {
    fn from(open: OpenEvents) -> Self {
        Self {
            received: open.received,
            failed: open.failed,
            dead: open.dead,
        }
    }
}

impl From<EventSummary> for EventBody {
    fn from(event: EventSummary) -> Self {
        let created = Timestamp::from_unix_seconds(event.stamp.unix_seconds());
        Self {
            id: event.id.0,
            kind: event.kind,
            api_version: event.api_version,
            created: created.ok().map(Timestamp::as_datetime),
            received_at: event.received_at.as_datetime(),
            status: event.state.status().as_str(),
            attempts: event.attempts,
            last_error: event.state.error().map(ToOwned::to_owned),
        }
    }
}
