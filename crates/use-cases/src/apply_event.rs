//! One verified event becomes one change of one account: inbox, subscription, audit and outbox
//! together. It is judged by what was seen and written if that still holds, or else under a lock.

use thiserror::Error;
use tollgate_billing::{
    Customer, Effect, Event, Outcome, Refused, Subscription, SubscriptionId, transition,
};
use tollgate_primitives::{AccountId, JobKey, Timestamp};

use crate::{
    App, effects, end_subscription,
    ports::{
        Change, Conclusion, EventState, InboxEntry, Job, JobKind, Notice, NoticeContent, Received,
        StoreError, Transaction, Version,
    },
};

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    Now,
    /// By an earlier delivery.
    Before,
    /// Stored; nothing of ours.
    Ignored,
    /// Stored for a person to look at.
    Parked,
    /// Stored; a job asks the provider how things stand.
    NeedsRead,
}

impl Applied {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Now => "applied",
            Self::Before => "applied_before",
            Self::Ignored => "ignored",
            Self::Parked => "parked",
            Self::NeedsRead => "needs_read",
        }
    }
}

#[derive(Debug, Error)]
pub enum ApplyError {
    #[error("no account has this customer yet")]
    UnknownCustomer,
    #[error("the catalog has no such price: {0}")]
    UnknownPrice(String),
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is to be done about an event.
enum Verdict {
    Ignore,
    Park {
        reason: String,
    },
    Change {
        account: AccountId,
        /// Of the subscription that `next` follows.
        version: Option<Version>,
        next: Option<Box<Subscription>>,
        effect: Option<Effect>,
        /// Whether `next` could charge and what was before could not.
        begins: bool,
    },
    /// Closes the purchase of a checkout page, whose subscription is known already, if any.
    ClosePurchase,
    Read {
        account: AccountId,
        subscription: SubscriptionId,
    },
}

/// Applies `notice` unless that was done before. An error leaves nothing behind.
pub(crate) async fn apply_event(
    app: &App,
    notice: &Notice,
    now: Timestamp,
) -> Result<Applied, ApplyError> {
    if let Some(applied) = apply_unlocked(app, notice, now).await? {
        return Ok(applied);
    }
    let mut tx = app.store.begin().await?;
    let applied = apply_within(tx.as_mut(), notice, now).await?;
    if applied != Applied::Before {
        tx.commit().await?;
    }
    Ok(applied)
}

/// The same in a transaction that writes more; nothing of it holds before the commit.
pub(crate) async fn apply_within(
    tx: &mut dyn Transaction,
    notice: &Notice,
    now: Timestamp,
) -> Result<Applied, ApplyError> {
    let received = tx.receive(notice).await?;
    if received.entry == InboxEntry::Done {
        return Ok(Applied::Before);
    }
    let verdict = judge(notice, &received, now)?;
    Ok(carry_out(tx, notice, verdict, now).await?)
}

/// Most events only move a subscription that runs, or tell what is known. Judged without a lock, they
/// are written in one statement, provided that the subscription is still as it was seen. `None` for all
/// others.
async fn apply_unlocked(
    app: &App,
    notice: &Notice,
    now: Timestamp,
) -> Result<Option<Applied>, StoreError> {
    let received = app.store.look_up(notice).await?;
    if received.entry == InboxEntry::Done {
        return Ok(Some(Applied::Before));
    }
    let verdict = judge(notice, &received, now);
    let (state, change, applied) = match &verdict {
        Ok(Verdict::Ignore) => (EventState::Ignored, None, Applied::Ignored),
        Ok(Verdict::Change {
            account,
            version,
            next,
            effect: None,
            begins: false,
        }) if next.is_none() || received.is_settled() => {
            let change = as_change(*account, *version, next.as_deref());
            (EventState::Applied, change, Applied::Now)
        }
        Ok(
            Verdict::Change { .. }
            | Verdict::Park { .. }
            | Verdict::ClosePurchase
            | Verdict::Read { .. },
        )
        | Err(_) => return Ok(None),
    };
    let conclusion = app.store.conclude(notice, &state, change, now).await?;
    Ok(match conclusion {
        Conclusion::Taken { .. } => Some(applied),
        Conclusion::Overtaken => None,
    })
}

/// Applies `notice` after the provider was asked: what cannot be ordered against the answer is older
/// than it, and so is done.
pub(crate) async fn settle_event(
    app: &App,
    notice: &Notice,
    now: Timestamp,
) -> Result<(), ApplyError> {
    let mut tx = app.store.begin().await?;
    let received = tx.receive(notice).await?;
    if received.entry == InboxEntry::Done {
        return Ok(());
    }
    let mut verdict = judge(notice, &received, now)?;
    if let Verdict::Read { account, .. } = verdict {
        verdict = Verdict::Change {
            account,
            version: received.version,
            next: None,
            effect: None,
            begins: false,
        };
    }
    if carry_out(tx.as_mut(), notice, verdict, now).await? != Applied::Before {
        tx.commit().await?;
    }
    Ok(())
}

async fn carry_out(
    tx: &mut dyn Transaction,
    notice: &Notice,
    verdict: Verdict,
    now: Timestamp,
) -> Result<Applied, StoreError> {
    let (state, applied) = ending(notice, &verdict);
    let change = match &verdict {
        Verdict::Change {
            account,
            version,
            next,
            ..
        } => as_change(*account, *version, next.as_deref()),
        Verdict::Ignore | Verdict::Park { .. } | Verdict::ClosePurchase | Verdict::Read { .. } => {
            None
        }
    };
    let Conclusion::Taken { open_page } = tx.conclude(notice, &state, change, now).await? else {
        return Ok(Applied::Before);
    };
    if let Some(Change { account, next, .. }) = change
        && next.is_running()
    {
        tx.end_left_complimentary(account, now).await?;
    }
    // Paid as well, it would be a second subscription.
    if let Some(session) = open_page {
        let key = JobKey::new("expire-checkout", &session);
        tx.enqueue(&Job::now(key, JobKind::ExpireCheckout { session }))
            .await?;
    }
    if let Verdict::Change {
        account,
        next: Some(next),
        begins: true,
        ..
    } = &verdict
    {
        // What begins did not run before.
        end_subscription::order_if_suspended(tx, *account, (None, next), now).await?;
    }
    match verdict {
        Verdict::Change {
            account,
            effect: Some(effect),
            ..
        } => {
            effects::order(tx, account, &notice.id.0, &effect, now).await?;
        }
        Verdict::Read {
            account,
            subscription,
        } => {
            if let NoticeContent::CheckoutCompleted { session, .. } = &notice.content {
                tx.note_paid(session, now).await?;
            }
            tx.enqueue(&as_read(account, subscription)).await?;
        }
        Verdict::Change { effect: None, .. }
        | Verdict::Ignore
        | Verdict::Park { .. }
        | Verdict::ClosePurchase => {}
    }
    Ok(applied)
}

fn as_change(
    account: AccountId,
    version: Option<Version>,
    next: Option<&Subscription>,
) -> Option<Change<'_>> {
    next.map(|next| Change {
        account,
        version,
        next,
    })
}

fn ending(notice: &Notice, verdict: &Verdict) -> (EventState, Applied) {
    match verdict {
        Verdict::Ignore => (EventState::Ignored, Applied::Ignored),
        Verdict::Park { reason } => {
            tracing::error!(event = %notice.id, kind = notice.kind, reason, "an event was parked");
            let error = reason.clone();
            (EventState::Dead { error }, Applied::Parked)
        }
        Verdict::Change { .. } | Verdict::ClosePurchase => (EventState::Applied, Applied::Now),
        Verdict::Read { subscription, .. } => {
            (EventState::Awaits(subscription.clone()), Applied::NeedsRead)
        }
    }
}

fn judge(notice: &Notice, received: &Received, now: Timestamp) -> Result<Verdict, ApplyError> {
    match &notice.content {
        NoticeContent::Irrelevant => Ok(Verdict::Ignore),
        NoticeContent::Unreadable { reason } => Ok(Verdict::Park {
            reason: reason.clone(),
        }),
        NoticeContent::CheckoutExpired { .. } => Ok(Verdict::ClosePurchase),
        NoticeContent::CheckoutCompleted {
            customer,
            subscription,
            ..
        } => checkout_completed(customer.as_ref(), subscription.as_ref(), received),
        NoticeContent::Subscription { described, .. } => {
            let (plan, interval) = received
                .price
                .clone()
                .ok_or_else(|| ApplyError::UnknownPrice(described.price.to_string()))?;
            let event = Event::Observed(described.clone().in_catalog(plan, interval));
            step(received, &described.subscription, &event, now)
        }
        NoticeContent::PaymentFailed {
            subscription,
            attempt,
            next_attempt,
            ..
        } => {
            let event = Event::PaymentFailed {
                subscription: subscription.clone(),
                attempt: *attempt,
                next_attempt: *next_attempt,
                stamp: notice.stamp,
            };
            step(received, subscription, &event, now)
        }
        NoticeContent::PaymentSucceeded { subscription, .. } => {
            let (id, stamp) = (subscription.clone(), notice.stamp);
            let event = Event::PaymentSucceeded {
                subscription: id,
                stamp,
            };
            step(received, subscription, &event, now)
        }
        NoticeContent::TrialWillEnd {
            subscription,
            ends_at,
            ..
        } => {
            let (id, ends_at) = (subscription.clone(), *ends_at);
            let event = Event::TrialWillEnd {
                subscription: id,
                ends_at,
            };
            step(received, subscription, &event, now)
        }
    }
}

fn step(
    received: &Received,
    subscription: &SubscriptionId,
    event: &Event,
    now: Timestamp,
) -> Result<Verdict, ApplyError> {
    let (account, current) = received
        .account
        .as_ref()
        .ok_or(ApplyError::UnknownCustomer)?;
    let (next, effect) = match transition(current.as_ref(), event, now)? {
        Outcome::Moved { next, effect } => (Some(next), effect),
        Outcome::Noticed(effect) => (None, Some(effect)),
        Outcome::AlreadyApplied => (None, None),
        Outcome::NeedsRead => {
            return Ok(Verdict::Read {
                account: *account,
                subscription: subscription.clone(),
            });
        }
    };
    let lives = |state: &Option<Subscription>| {
        state
            .as_ref()
            .is_some_and(Subscription::is_live_at_provider)
    };
    Ok(Verdict::Change {
        account: *account,
        version: received.version,
        begins: !lives(current) && lives(&next),
        next: next.map(Box::new),
        effect,
    })
}

/// The page says only which subscription was bought; how it stands is the provider's to say, and may
/// have been said already.
fn checkout_completed(
    customer: Option<&Customer>,
    subscription: Option<&SubscriptionId>,
    received: &Received,
) -> Result<Verdict, ApplyError> {
    let (Some(_), Some(subscription)) = (customer, subscription) else {
        return Ok(Verdict::Park {
            reason: "a purchase without its subscription".to_owned(),
        });
    };
    let (account, current) = received
        .account
        .as_ref()
        .ok_or(ApplyError::UnknownCustomer)?;
    let is_linked = current
        .as_ref()
        .and_then(Subscription::bought)
        .is_some_and(|bought| bought.subscription == *subscription);
    Ok(if is_linked {
        Verdict::ClosePurchase
    } else {
        Verdict::Read {
            account: *account,
            subscription: subscription.clone(),
        }
    })
}

/// One read answers every doubt that waits when it begins: enqueued again meanwhile, the job is one
/// more, and finds out whether another read is needed.
fn as_read(account: AccountId, subscription: SubscriptionId) -> Job {
    let key = JobKey::new("read-subscription", &subscription);
    let kind = JobKind::ReadSubscription {
        account,
        subscription,
    };
    Job::now(key, kind)
}
