//! One verified event becomes one change of one account, in one transaction: inbox, lock, decision,
//! subscription, audit and outbox together.

use thiserror::Error;
use tollgate_billing::{
    Customer, Effect, Event, Outcome, Refused, Subscription, SubscriptionId, transition,
};
use tollgate_primitives::{AccountId, JobKey, Timestamp, UserId};

use crate::{
    App,
    ports::{
        EventState, InboxEntry, Job, JobKind, Notice, NoticeContent, Received, StoreError,
        Transaction,
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
        next: Option<Subscription>,
        effect: Option<Effect>,
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
    let received = tx.receive(notice, now).await?;
    if received.entry == InboxEntry::Done {
        return Ok(Applied::Before);
    }
    let verdict = judge(notice, received, now)?;
    Ok(carry_out(tx, notice, verdict, now).await?)
}

/// Applies `notice` after the provider was asked: what cannot be ordered against the answer is older
/// than it, and so is done.
pub(crate) async fn settle_event(
    app: &App,
    notice: &Notice,
    now: Timestamp,
) -> Result<(), ApplyError> {
    let mut tx = app.store.begin().await?;
    let received = tx.receive(notice, now).await?;
    if received.entry == InboxEntry::Done {
        return Ok(());
    }
    let mut verdict = judge(notice, received, now)?;
    if let Verdict::Read { account, .. } = verdict {
        verdict = Verdict::Change {
            account,
            next: None,
            effect: None,
        };
    }
    carry_out(tx.as_mut(), notice, verdict, now).await?;
    tx.commit().await?;
    Ok(())
}

async fn carry_out(
    tx: &mut dyn Transaction,
    notice: &Notice,
    verdict: Verdict,
    now: Timestamp,
) -> Result<Applied, StoreError> {
    match verdict {
        Verdict::Ignore => {
            tx.conclude(notice, &EventState::Ignored, None, now).await?;
            Ok(Applied::Ignored)
        }
        Verdict::Park { reason } => {
            tracing::error!(event = %notice.id, kind = notice.kind, reason, "an event was parked");
            tx.conclude(notice, &EventState::Dead { error: reason }, None, now)
                .await?;
            Ok(Applied::Parked)
        }
        Verdict::Change {
            account,
            next,
            effect,
        } => {
            let change = next.as_ref().map(|next| (account, next));
            let open_page = tx
                .conclude(notice, &EventState::Applied, change, now)
                .await?;
            // Paid as well, it would be a second subscription.
            if let Some(session) = open_page {
                let key = JobKey::new("expire-checkout", &session);
                tx.enqueue(&Job::now(key, JobKind::ExpireCheckout { session }))
                    .await?;
            }
            if let Some(effect) = effect {
                for to in tx.billing_contacts(account).await? {
                    tx.enqueue(&as_mail(notice, account, to, &effect)).await?;
                }
            }
            Ok(Applied::Now)
        }
        Verdict::ClosePurchase => {
            tx.conclude(notice, &EventState::Applied, None, now).await?;
            Ok(Applied::Now)
        }
        Verdict::Read {
            account,
            subscription,
        } => {
            tx.conclude(notice, &EventState::Received, None, now)
                .await?;
            let event = notice.id.clone();
            let kind = JobKind::ReadSubscription {
                account,
                subscription,
                event,
            };
            tx.enqueue(&Job::now(
                JobKey::new("read-subscription", &notice.id),
                kind,
            ))
            .await?;
            Ok(Applied::NeedsRead)
        }
    }
}

fn judge(notice: &Notice, received: Received, now: Timestamp) -> Result<Verdict, ApplyError> {
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
                .ok_or_else(|| ApplyError::UnknownPrice(described.price.to_string()))?;
            let event = Event::Observed(described.clone().in_catalog(plan, interval));
            step(received.account, &described.subscription, &event, now)
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
            step(received.account, subscription, &event, now)
        }
        NoticeContent::PaymentSucceeded { subscription, .. } => {
            let (id, stamp) = (subscription.clone(), notice.stamp);
            let event = Event::PaymentSucceeded {
                subscription: id,
                stamp,
            };
            step(received.account, subscription, &event, now)
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
            step(received.account, subscription, &event, now)
        }
    }
}

fn step(
    account: Option<(AccountId, Option<Subscription>)>,
    subscription: &SubscriptionId,
    event: &Event,
    now: Timestamp,
) -> Result<Verdict, ApplyError> {
    let (account, current) = account.ok_or(ApplyError::UnknownCustomer)?;
    Ok(match transition(current.as_ref(), event, now)? {
        Outcome::Moved { next, effect } => Verdict::Change {
            account,
            next: Some(next),
            effect,
        },
        Outcome::Noticed(effect) => Verdict::Change {
            account,
            next: None,
            effect: Some(effect),
        },
        Outcome::AlreadyApplied => Verdict::Change {
            account,
            next: None,
            effect: None,
        },
        Outcome::NeedsRead => Verdict::Read {
            account,
            subscription: subscription.clone(),
        },
    })
}

/// The page says only which subscription was bought; how it stands is the provider's to say, and may
/// have been said already.
fn checkout_completed(
    customer: Option<&Customer>,
    subscription: Option<&SubscriptionId>,
    received: Received,
) -> Result<Verdict, ApplyError> {
    let (Some(_), Some(subscription)) = (customer, subscription) else {
        return Ok(Verdict::Park {
            reason: "a purchase without its subscription".to_owned(),
        });
    };
    let (account, current) = received.account.ok_or(ApplyError::UnknownCustomer)?;
    let is_linked = current
        .as_ref()
        .and_then(Subscription::bought)
        .is_some_and(|bought| bought.subscription == *subscription);
    Ok(if is_linked {
        Verdict::ClosePurchase
    } else {
        Verdict::Read {
            account,
            subscription: subscription.clone(),
        }
    })
}

/// One mail is one job: a mailbox that refuses keeps no other from being told, or told once.
fn as_mail(notice: &Notice, account: AccountId, to: UserId, effect: &Effect) -> Job {
    let kind = match *effect {
        Effect::WarnPaymentFailed {
            attempt,
            next_attempt,
        } => JobKind::MailPaymentFailed {
            account,
            to,
            attempt,
            next_attempt,
        },
        Effect::WarnTrialEnding { ends_at } => JobKind::MailTrialEnding {
            account,
            to,
            ends_at,
        },
    };
    Job::now(
        JobKey::new(kind.name(), format_args!("{}:{to}", notice.id)),
        kind,
    )
}
