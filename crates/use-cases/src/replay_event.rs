//! The operator has an event tried again, whatever its age: what made it fail has been mended.

use serde_json::json;
use thiserror::Error;
use tollgate_primitives::{Timestamp, UserId};

use crate::{
    App,
    apply_event::{Applied, ApplyError, apply_within},
    ports::{
        AuditEntry, EventRecord, EventState, EventStatus, EventSummary, Notice, NoticeId,
        StoreError,
    },
};

#[derive(Debug, Error)]
pub enum ReplayError {
    #[error("there is no such event")]
    Unknown,
    #[error("the event was applied before")]
    AlreadyApplied,
    #[error("events cannot be read without a payment provider")]
    NoProvider,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Answers how the event stands after the try, which may have failed again.
pub async fn replay_event(
    app: &App,
    actor: UserId,
    id: &NoticeId,
) -> Result<EventSummary, ReplayError> {
    let record = app.store.event(id).await?.ok_or(ReplayError::Unknown)?;
    if matches!(record.state, EventState::Applied | EventState::Ignored) {
        return Err(ReplayError::AlreadyApplied);
    }
    let webhooks = app.webhooks.as_ref().ok_or(ReplayError::NoProvider)?;
    let now = app.clock.now();
    let tried = match webhooks.read_stored(&record.body) {
        Ok(notice) => match try_again(app, actor, &notice, now).await {
            Ok(Applied::Before) => return Err(ReplayError::AlreadyApplied),
            Ok(Applied::Now | Applied::Ignored | Applied::Parked | Applied::NeedsRead) => Ok(()),
            Err(ApplyError::Store(error)) => return Err(error.into()),
            Err(error) => {
                let state = failed_again(&record, error.to_string());
                app.store.keep_event(&notice, &state, None, now).await?;
                Err(error.to_string())
            }
        },
        Err(error) => Err(error.to_string()),
    };
    if let Err(error) = tried {
        let mut tx = app.store.begin().await?;
        tx.audit(&replayed(actor, id, &error), now).await?;
        tx.commit().await?;
    }
    let stored = app.operations.stored_event(id).await?;
    Ok(stored.ok_or(ReplayError::Unknown)?.0)
}

/// One transaction: of many at once, one applies the event, and is the one in the trail.
async fn try_again(
    app: &App,
    actor: UserId,
    notice: &Notice,
    now: Timestamp,
) -> Result<Applied, ApplyError> {
    let mut tx = app.store.begin().await?;
    let applied = apply_within(tx.as_mut(), notice, now).await?;
    if applied != Applied::Before {
        tx.audit(&replayed(actor, &notice.id, applied.as_str()), now)
            .await?;
        tx.commit().await?;
    }
    Ok(applied)
}

/// A dead letter stays one: no job tries it by itself.
fn failed_again(record: &EventRecord, error: String) -> EventState {
    match record.state.status() {
        EventStatus::Dead => EventState::Dead { error },
        EventStatus::Received
        | EventStatus::Applied
        | EventStatus::Ignored
        | EventStatus::Failed => EventState::Failed { error },
    }
}

fn replayed(actor: UserId, event: &NoticeId, outcome: &str) -> AuditEntry {
    AuditEntry {
        actor: Some(actor),
        account: None,
        action: "event_replayed",
        detail: json!({ "event": event, "outcome": outcome }),
    }
}
