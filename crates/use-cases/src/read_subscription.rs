//! Events could not be ordered against what is stored: the provider is asked how things stand now,
//! outside any transaction, and its answer is applied under the lock.

use thiserror::Error;
use tollgate_billing::{Subscription, SubscriptionId};
use tollgate_primitives::AccountId;

use crate::{
    App,
    apply_event::{ApplyError, settle_event},
    apply_read::{Answer, NotApplied, apply_read},
    ports::{LockedAccount, Notice, PaymentsError, StoreError},
    receive_webhook::keep_for_later,
};

#[derive(Debug, Error)]
pub enum ReadError {
    #[error(transparent)]
    Payments(#[from] PaymentsError),
    #[error("the provider does not know the subscription")]
    Unknown,
    #[error(transparent)]
    NotApplied(#[from] NotApplied),
    #[error("a stored event cannot be read any more")]
    Event,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Settles every event that waits for a read of `subscription`. One read does for all that wait when
/// it begins, and for those of an earlier second whenever they arrive.
pub(crate) async fn read_subscription(
    app: &App,
    account: AccountId,
    subscription: &SubscriptionId,
) -> Result<(), ReadError> {
    loop {
        let awaiting = app.store.awaiting(account, subscription).await?;
        if awaiting.bodies.is_empty() {
            return Ok(());
        }
        let notices = notices(app, &awaiting.bodies)?;
        let is_answered = |notice: &Notice| awaiting.last_read > Some(notice.stamp);
        if !notices.iter().all(is_answered) {
            read_both(app, account, subscription).await?;
        }
        for notice in &notices {
            settle_or_keep(app, notice).await?;
        }
    }
}

fn notices(app: &App, bodies: &[String]) -> Result<Vec<Notice>, ReadError> {
    let webhooks = app.webhooks.as_ref().ok_or(PaymentsError::NotConfigured)?;
    let read = |body: &String| webhooks.read_stored(body).map_err(|_| ReadError::Event);
    bodies.iter().map(read).collect()
}

/// The stored subscription first, then the one in doubt.
async fn read_both(
    app: &App,
    account: AccountId,
    subscription: &SubscriptionId,
) -> Result<(), ReadError> {
    if let Some(locked) = locked(app, account).await?
        && let Some(bought) = locked
            .standing
            .subscription
            .as_ref()
            .and_then(Subscription::bought)
        && bought.subscription != *subscription
    {
        read_one(app, account, &bought.subscription).await?;
    }
    if read_one(app, account, subscription).await? {
        Ok(())
    } else {
        Err(ReadError::Unknown)
    }
}

/// One event that cannot be settled is tried again by itself, and holds up no other.
async fn settle_or_keep(app: &App, notice: &Notice) -> Result<(), StoreError> {
    let now = app.clock.now();
    match settle_event(app, notice, now).await {
        Ok(()) => Ok(()),
        Err(ApplyError::Store(error)) => Err(error),
        Err(
            error @ (ApplyError::UnknownCustomer
            | ApplyError::UnknownPrice(_)
            | ApplyError::Refused(_)),
        ) => keep_for_later(app, notice, &error, now).await,
    }
}

async fn locked(app: &App, account: AccountId) -> Result<Option<LockedAccount>, StoreError> {
    let mut tx = app.store.begin().await?;
    tx.lock_account(account).await
}

/// Whether the provider knows `subscription`; how it stands is stored then.
pub(crate) async fn read_one(
    app: &App,
    account: AccountId,
    subscription: &SubscriptionId,
) -> Result<bool, ReadError> {
    let seen = locked(app, account)
        .await?
        .and_then(|locked| locked.version);
    let Some((customer, described)) = app.payments.read_subscription(subscription).await? else {
        return Ok(false);
    };
    let answer = Answer {
        seen,
        customer,
        described,
    };
    apply_read(app, account, answer).await?;
    Ok(true)
}
