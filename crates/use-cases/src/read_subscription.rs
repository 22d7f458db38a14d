//! Events could not be ordered against what is stored: the provider is asked how things stand now,
//! outside any transaction, and its answer is applied under the lock.

use serde_json::json;
use thiserror::Error;
use tollgate_billing::{Event, Outcome, Refused, Subscription, SubscriptionId, transition};
use tollgate_primitives::{AccountId, Timestamp};

use crate::{
    App,
    apply_event::{ApplyError, settle_event},
    end_subscription,
    ports::{AuditEntry, Described, LockedAccount, Notice, PaymentsError, StoreError},
    receive_webhook::keep_for_later,
};

#[derive(Debug, Error)]
pub enum ReadError {
    #[error(transparent)]
    Payments(#[from] PaymentsError),
    #[error("the provider does not know the subscription")]
    Unknown,
    #[error("the provider's answer is about another customer")]
    AnotherCustomer,
    #[error("something newer than the provider's answer may be stored")]
    Overtaken,
    #[error("the catalog has no such price: {0}")]
    UnknownPrice(String),
    #[error(transparent)]
    Refused(#[from] Refused),
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
///
/// The answer is newer than all that was stored when the question was asked. What was stored while it
/// was under way may be newer still, and no stamp of a whole second can tell: it is asked again then.
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
    let price = described.price.clone();
    let Some((plan, interval)) = app.store.price(&price).await? else {
        return Err(ReadError::UnknownPrice(price.to_string()));
    };
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    let Some(locked) = tx.lock_account(account).await? else {
        return Ok(true);
    };
    if locked.customer.as_ref() != Some(&customer) {
        return Err(ReadError::AnotherCustomer);
    }
    if locked.version != seen {
        return Err(ReadError::Overtaken);
    }
    let entry = audit_entry(account, &described);
    let stamp = described.stamp;
    let read = Event::Read(described.in_catalog(plan, interval));
    match transition(locked.standing.subscription.as_ref(), &read, now)? {
        Outcome::Moved { next, .. } => {
            tx.put_subscription(account, &next, now).await?;
            end_subscription::order_if_suspended(tx.as_mut(), account, &next).await?;
            tx.audit(&entry, now).await?;
        }
        Outcome::Noticed(_) | Outcome::AlreadyApplied | Outcome::NeedsRead => {}
    }
    tx.note_read(account, subscription, stamp).await?;
    tx.commit().await?;
    Ok(true)
}

fn audit_entry(account: AccountId, described: &Described) -> AuditEntry {
    let as_of = Timestamp::from_unix_seconds(described.stamp.unix_seconds()).ok();
    AuditEntry {
        actor: None,
        account: Some(account),
        action: "subscription_read",
        detail: json!({ "subscription": described.subscription, "as_of": as_of }),
    }
}
