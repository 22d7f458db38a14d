//! The provider delivers an event. It is applied in one transaction, or kept and tried again: once it
//! was stored it is never lost, and once it was applied it is never applied again.

use thiserror::Error;
use tollgate_primitives::{JobKey, Timestamp};

use crate::{
    App,
    apply_event::{Applied, ApplyError, apply_event},
    ports::{EventState, InvalidSignature, Job, JobKind, Notice, StoreError},
};

/// Whether this delivery is the one that applied the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    Applied,
    NotApplied,
}

#[derive(Debug, Error)]
pub enum WebhookError {
    #[error(transparent)]
    InvalidSignature(#[from] InvalidSignature),
    /// The provider must deliver it again.
    #[error("the event could not be stored")]
    NotStored(#[source] StoreError),
}

pub async fn receive_webhook(
    app: &App,
    signature: Option<&str>,
    body: &[u8],
) -> Result<Delivery, WebhookError> {
    let Some(webhooks) = &app.webhooks else {
        return Ok(Delivery::NotApplied);
    };
    let now = app.clock.now();
    let notice = webhooks.verify(signature, body, now)?;
    take_in(app, &notice, now)
        .await
        .map_err(WebhookError::NotStored)
}

/// Applies an event, or keeps it to be tried again, however it has come.
pub(crate) async fn take_in(
    app: &App,
    notice: &Notice,
    now: Timestamp,
) -> Result<Delivery, StoreError> {
    match apply_event(app, notice, now).await {
        Ok(Applied::Now) => Ok(Delivery::Applied),
        Ok(Applied::Before | Applied::Ignored | Applied::Parked | Applied::NeedsRead) => {
            Ok(Delivery::NotApplied)
        }
        Err(error) => {
            keep_for_later(app, notice, &error, now).await?;
            Ok(Delivery::NotApplied)
        }
    }
}

pub(crate) async fn keep_for_later(
    app: &App,
    notice: &Notice,
    error: &ApplyError,
    now: Timestamp,
) -> Result<(), StoreError> {
    tracing::warn!(event = %notice.id, kind = notice.kind, %error, "an event waits for another try");
    let state = EventState::Failed {
        error: error.to_string(),
    };
    let kind = JobKind::RetryEvent {
        event: notice.id.clone(),
    };
    let job = Job::now(JobKey::new("retry-event", &notice.id), kind);
    app.store.keep_event(notice, &state, Some(&job), now).await
}
