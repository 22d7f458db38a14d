//! What the provider answered when it was asked how a subscription stands, applied under the account's
//! lock. Its news may still be on their way: they change nothing then.

use serde_json::json;
use thiserror::Error;
use tollgate_billing::{Customer, Event, Outcome, Refused, Subscription, transition};
use tollgate_primitives::{AccountId, Timestamp};

use crate::{
    App, effects, end_subscription,
    ports::{AuditEntry, Described, LockedAccount, StoreError, Transaction, Version},
    reservation,
};

/// What was answered, and what was stored when the question was asked.
///
/// The answer is newer than that. What was stored while it was under way may be newer still, and no
/// stamp of a whole second can tell: it is asked again then.
pub(crate) struct Answer {
    /// The version of what was stored.
    pub(crate) seen: Option<Version>,
    pub(crate) customer: Customer,
    pub(crate) described: Described,
}

#[derive(Debug, Error)]
pub enum NotApplied {
    #[error("the provider's answer is about another customer")]
    AnotherCustomer,
    #[error("something newer than the provider's answer may be stored")]
    Overtaken,
    #[error("the catalog has no such price: {0}")]
    UnknownPrice(String),
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Stores how the subscription stands, if that is new, and orders what follows from it.
pub(crate) async fn apply_read(
    app: &App,
    account: AccountId,
    answer: Answer,
) -> Result<(), NotApplied> {
    let Answer {
        seen,
        customer,
        described,
    } = answer;
    let price = described.price.clone();
    let Some((plan, interval)) = app.store.price(&price).await? else {
        return Err(NotApplied::UnknownPrice(price.to_string()));
    };
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    let Some(locked) = tx.lock_account(account).await? else {
        return Ok(());
    };
    if locked.customer.as_ref() != Some(&customer) {
        return Err(NotApplied::AnotherCustomer);
    }
    if locked.version != seen {
        return Err(NotApplied::Overtaken);
    }
    let entry = audit_entry(account, &described);
    let (cause, stamp) = (described.subscription.clone(), described.stamp);
    let read = Event::Read(described.in_catalog(plan, interval));
    let effect = match transition(locked.standing.subscription.as_ref(), &read, now)? {
        Outcome::Moved { next, effect } => {
            put(tx.as_mut(), &locked, &next, now).await?;
            tx.audit(&entry, now).await?;
            effect
        }
        Outcome::Noticed(effect) => Some(effect),
        Outcome::AlreadyApplied | Outcome::NeedsRead => None,
    };
    if let Some(effect) = effect {
        effects::order(tx.as_mut(), account, cause.as_str(), &effect, now).await?;
    }
    tx.note_read(account, &cause, stamp).await?;
    tx.commit().await?;
    Ok(())
}

/// Stores `next`, and closes the purchase that is over with it.
pub(crate) async fn put(
    tx: &mut dyn Transaction,
    locked: &LockedAccount,
    next: &Subscription,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.put_subscription(locked.id, next, now).await?;
    let before = locked.standing.subscription.as_ref();
    end_subscription::order_if_suspended(tx, locked.id, (before, next), now).await?;
    if let Some(open) = &locked.reservation
        && reservation::is_over(open, next)
    {
        reservation::close_old(tx, locked, now).await?;
    }
    if next.is_running() {
        tx.end_left_complimentary(locked.id, now).await?;
    }
    Ok(())
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
