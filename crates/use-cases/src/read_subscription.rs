//! An event could not be ordered against what is stored: the provider is asked how things stand now,
//! outside any transaction, and its answer is applied under the lock.

use serde_json::json;
use thiserror::Error;
use tollgate_billing::{Event, Outcome, Refused, Subscription, SubscriptionId, transition};
use tollgate_primitives::{AccountId, Timestamp};

use crate::{
    App,
    apply_event::{ApplyError, settle_event},
    ports::{AuditEntry, Described, EventState, NoticeId, PaymentsError, StoreError},
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
    #[error(transparent)]
    Apply(#[from] ApplyError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads the stored subscription first, then the one the event speaks of, and settles the event.
pub(crate) async fn read_subscription(
    app: &App,
    account: AccountId,
    subscription: &SubscriptionId,
    event: &NoticeId,
) -> Result<(), ReadError> {
    let Some(record) = app.store.event(event).await? else {
        return Ok(());
    };
    if matches!(record.state, EventState::Applied | EventState::Ignored) {
        return Ok(());
    }
    if let Some(stored) = stored(app, account).await?
        && let Some(bought) = stored.bought()
        && bought.subscription != *subscription
    {
        read_one(app, account, &bought.subscription).await?;
    }
    if !read_one(app, account, subscription).await? {
        return Err(ReadError::Unknown);
    }
    let Some(notice) = app
        .webhooks
        .as_ref()
        .and_then(|w| w.read_stored(&record.body).ok())
    else {
        return Ok(());
    };
    settle_event(app, &notice, app.clock.now()).await?;
    Ok(())
}

async fn stored(app: &App, account: AccountId) -> Result<Option<Subscription>, StoreError> {
    let mut tx = app.store.begin().await?;
    let locked = tx.lock_account(account).await?;
    Ok(locked.and_then(|account| account.standing.subscription))
}

/// Whether the provider knows `subscription`; how it stands is stored then.
///
/// The answer is newer than all that was stored when the question was asked. What was stored while it
/// was under way may be newer still, and no stamp of a whole second can tell: it is asked again then.
async fn read_one(
    app: &App,
    account: AccountId,
    subscription: &SubscriptionId,
) -> Result<bool, ReadError> {
    let seen = stored(app, account).await?;
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
    if locked.standing.subscription != seen {
        return Err(ReadError::Overtaken);
    }
    let entry = audit_entry(account, &described);
    let read = Event::Read(described.in_catalog(plan, interval));
    match transition(locked.standing.subscription.as_ref(), &read, now)? {
        Outcome::Moved { next, .. } => {
            tx.put_subscription(account, &next, now).await?;
            tx.audit(&entry, now).await?;
            tx.commit().await?;
        }
        Outcome::Noticed(_) | Outcome::AlreadyApplied | Outcome::NeedsRead => {}
    }
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
