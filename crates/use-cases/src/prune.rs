//! Deletes what is over and nothing asks for any more, so that no table grows with time alone. A few rows
//! in each statement: nobody waits for it, and what was deleted when a node dies stays so.

use std::time::Duration;

use tollgate_primitives::Timestamp;

use crate::{
    App,
    erase::erase_unproven,
    ports::{Prunable, StoreError},
};

const DAY: Duration = Duration::from_hours(24);

/// The provider lists and resends events for thirty days (<https://docs.stripe.com/api/events>), and one
/// of which nothing was remembered would be applied anew.
const RETOLD: Duration = Duration::from_hours(35 * 24);

/// Longer than the queue tries the job that mails it, which would else make it anew.
const MAILED: Duration = Duration::from_hours(7 * 24);

/// For as long the admins of an account see whom they invited, and can invite them anew.
const INVITED: Duration = Duration::from_hours(90 * 24);

/// How many batches of one kind a run deletes at most; the next day goes on.
const BATCHES: u32 = 1_000;

/// Rows in one statement.
const BATCH: u16 = 500;

/// How long after their end rows are kept, counted from where [`Prunable`] says that they are over.
const fn kept_for(what: Prunable) -> Duration {
    match what {
        // A purchase and a change are named by the events that tell of them.
        Prunable::Events | Prunable::Purchases | Prunable::Changes => RETOLD,
        Prunable::MailedTokens => MAILED,
        Prunable::RefreshTokens => DAY,
        Prunable::Invitations => INVITED,
    }
}

pub(crate) async fn prune(app: &App) -> Result<(), StoreError> {
    let now = app.clock.now();
    for what in Prunable::ALL {
        let rows = prune_all(app, what, now.saturating_sub(kept_for(what))).await?;
        tracing::info!(?what, rows, "deleted what is over");
    }
    let people = erase_all_unproven(app).await?;
    tracing::info!(people, "erased those who never proved their address");
    Ok(())
}

async fn erase_all_unproven(app: &App) -> Result<u64, StoreError> {
    let mut people = 0;
    for _ in 0..BATCHES {
        let erased = erase_unproven(app, BATCH).await?;
        people += erased;
        if erased < u64::from(BATCH) {
            return Ok(people);
        }
    }
    tracing::warn!(
        people,
        "more never proved their address than are erased in a day"
    );
    Ok(people)
}

async fn prune_all(app: &App, what: Prunable, over_by: Timestamp) -> Result<u64, StoreError> {
    let mut rows = 0;
    for _ in 0..BATCHES {
        let pruned = app.pruning.prune(what, over_by, BATCH).await?;
        rows += pruned;
        if pruned < u64::from(BATCH) {
            return Ok(rows);
        }
    }
    tracing::warn!(?what, rows, "more is over than is deleted in a day");
    Ok(rows)
}
