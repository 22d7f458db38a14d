//! The operator closes an account to its members, or opens it again. Its sessions end with the
//! suspension and none begins while it lasts, so the questions of every request need not ask for it.
//! What could charge is ended at the provider by a job.

use serde_json::json;
use thiserror::Error;
use tollgate_primitives::{AccountId, JobKey, Timestamp, UserId};

use crate::{
    App, end_subscription,
    ports::{AuditEntry, Job, JobKind, LockedAccount, ReservationState, StoreError, Transaction},
};

#[derive(Debug, Error)]
pub enum SuspendError {
    #[error("there is no such account")]
    Unknown,
    #[error("the account is suspended")]
    AlreadySuspended,
    #[error("the account is not suspended")]
    NotSuspended,
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub async fn suspend_account(
    app: &App,
    actor: UserId,
    account: AccountId,
    reason: &str,
) -> Result<(), SuspendError> {
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    let locked = tx.lock_account(account).await?;
    let locked = locked.ok_or(SuspendError::Unknown)?;
    if locked.suspended_at.is_some() {
        return Err(SuspendError::AlreadySuspended);
    }
    let sessions = tx.suspend_account(account, now).await?;
    end_charging(tx.as_mut(), &locked, now).await?;
    let detail = json!({ "reason": reason, "sessions_ended": sessions });
    tx.audit(&act(actor, account, "account_suspended", detail), now)
        .await?;
    Ok(tx.commit().await?)
}

/// What was ended stays ended: its members sign in and buy anew.
pub async fn unsuspend_account(
    app: &App,
    actor: UserId,
    account: AccountId,
    reason: &str,
) -> Result<(), SuspendError> {
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    let locked = tx.lock_account(account).await?;
    let locked = locked.ok_or(SuspendError::Unknown)?;
    if locked.suspended_at.is_none() {
        return Err(SuspendError::NotSuspended);
    }
    tx.unsuspend_account(account).await?;
    let detail = json!({ "reason": reason });
    tx.audit(&act(actor, account, "account_unsuspended", detail), now)
        .await?;
    Ok(tx.commit().await?)
}

/// Orders the end of what is bought, and of the page on which more could be.
pub(crate) async fn end_charging(
    tx: &mut dyn Transaction,
    account: &LockedAccount,
    now: Timestamp,
) -> Result<(), StoreError> {
    if let Some(open) = &account.reservation {
        tx.close_reservation(open.id, now).await?;
        if let ReservationState::Open { session, .. } = &open.state {
            let kind = JobKind::ExpireCheckout {
                session: session.clone(),
            };
            tx.enqueue(&Job::now(JobKey::new("expire-checkout", session), kind))
                .await?;
        }
    }
    let live = account.standing.subscription.as_ref();
    let live = live.filter(|subscription| subscription.is_live_at_provider());
    if let Some((live, bought)) = live.and_then(|live| Some((live, live.bought()?))) {
        // What waits for its first payment may get it until it is ended.
        let gives_back = !live.is_running();
        let order = end_subscription::order(account.id, &bought.subscription, gives_back);
        tx.enqueue(&order).await?;
    }
    Ok(())
}

fn act(
    actor: UserId,
    account: AccountId,
    action: &'static str,
    detail: serde_json::Value,
) -> AuditEntry {
    AuditEntry {
        actor: Some(actor),
        account: Some(account),
        action,
        detail,
    }
}
