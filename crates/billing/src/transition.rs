//! What one event makes of a subscription. The provider delivers twice, late and in any order, with
//! stamps of a whole second; this module is where that stops mattering.
//!
//! - A terminal word about a subscription always holds, whatever its stamp: nothing can follow it.
//! - Otherwise an older word than the one stored is ignored, a newer one is believed.
//! - A payment dates what is stored anew and brings no terms, so an older snapshot may still bring
//!   them. On what a payment can have dated, one with other terms is not ignored but doubted, unless its
//!   period began before the stored one: periods only move on, so that one is stale for certain.
//! - Such a snapshot, words of the same second, and words about a subscription that is not the one
//!   stored, cannot be ordered: [`Outcome::NeedsRead`] asks for the provider's present truth, which
//!   arrives as [`Event::Read`] and wins over an equal stamp.

use thiserror::Error;
use tollgate_primitives::Timestamp;

use crate::{
    Bought, Ended, Meanwhile, PastDue, PaymentFailure, PendingPayment, ProviderStatus,
    ScheduledCancellation, Snapshot, Stamp, Subscription, SubscriptionId, Trialing, Unpaid,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The provider told us how a subscription stood.
    Observed(Snapshot),
    /// We asked the provider how it stands.
    Read(Snapshot),
    /// A charge for a running subscription was refused. `attempt` counts from 1.
    PaymentFailed {
        subscription: SubscriptionId,
        attempt: u32,
        next_attempt: Option<Timestamp>,
        stamp: Stamp,
    },
    PaymentSucceeded {
        subscription: SubscriptionId,
        stamp: Stamp,
    },
    /// The provider's trial ends in a few days and the first charge follows.
    TrialWillEnd {
        subscription: SubscriptionId,
        ends_at: Timestamp,
    },
}

/// What the shell must now do, as an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    WarnPaymentFailed(PaymentFailure),
    WarnTrialEnding {
        ends_at: Timestamp,
    },
    /// The provider would charge twice for one account: end this one and give back what it took.
    EndSecond {
        subscription: SubscriptionId,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Store `next` and carry out `effect`, in one transaction.
    Moved {
        next: Subscription,
        effect: Option<Effect>,
    },
    /// Nothing to store, somebody to tell.
    Noticed(Effect),
    /// The state says this already, or says something newer.
    AlreadyApplied,
    /// The event cannot be ordered against what is stored: read both subscriptions, the stored one
    /// first, and come back with [`Event::Read`].
    NeedsRead,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refused {
    /// A payment or notice for an account that never bought: the snapshot may be on the way.
    #[error("the subscription is not known yet")]
    UnknownSubscription,
}

/// Decides one step. `current` is `None` for an account that never tried nor bought.
pub fn transition(
    current: Option<&Subscription>,
    event: &Event,
    now: Timestamp,
) -> Result<Outcome, Refused> {
    match event {
        Event::Observed(snapshot) => Ok(observed(current, snapshot)),
        Event::Read(snapshot) => Ok(read(current, snapshot)),
        Event::PaymentFailed {
            subscription,
            attempt,
            next_attempt,
            stamp,
        } => on_stored(current, subscription, |state, bought| {
            payment_failed(state, bought, (*attempt, *stamp), || PaymentFailure {
                subscription: subscription.clone(),
                attempt: *attempt,
                failed_at: instant(*stamp),
                next_attempt: *next_attempt,
            })
        }),
        Event::PaymentSucceeded {
            subscription,
            stamp,
        } => on_stored(current, subscription, |state, bought| {
            payment_succeeded(state, bought, *stamp)
        }),
        Event::TrialWillEnd {
            subscription,
            ends_at,
        } => on_stored(current, subscription, |state, _| {
            trial_will_end(state, *ends_at, now)
        }),
    }
}

/// Takes `step` if what is said concerns the stored subscription. Of another than that we cannot tell
/// whether it was replaced or comes after.
fn on_stored(
    current: Option<&Subscription>,
    subscription: &SubscriptionId,
    step: impl FnOnce(&Subscription, &Bought) -> Outcome,
) -> Result<Outcome, Refused> {
    let (state, bought) = current
        .and_then(|state| Some((state, state.bought()?)))
        .ok_or(Refused::UnknownSubscription)?;
    if bought.subscription != *subscription {
        return Ok(Outcome::NeedsRead);
    }
    Ok(step(state, bought))
}

fn observed(current: Option<&Subscription>, snapshot: &Snapshot) -> Outcome {
    let Some((state, bought)) = current.and_then(|state| Some((state, state.bought()?))) else {
        return moved(current, snapshot);
    };
    if bought.subscription != snapshot.subscription {
        return observed_another(state, bought, snapshot);
    }
    if state.ended().is_some() {
        return Outcome::AlreadyApplied;
    }
    if snapshot.status.is_terminal() || snapshot.stamp > bought.stamp {
        return moved(current, snapshot);
    }
    let is_known = if snapshot.stamp < bought.stamp {
        !may_bring_terms(state, bought, snapshot)
    } else {
        next_state(current, snapshot) == *state
    };
    if is_known {
        Outcome::AlreadyApplied
    } else {
        Outcome::NeedsRead
    }
}

/// Whether an older snapshot may tell terms newer than the stored ones, which a payment then dated.
fn may_bring_terms(state: &Subscription, bought: &Bought, snapshot: &Snapshot) -> bool {
    let may_be_dated_by_a_payment =
        matches!(state, Subscription::Active(_) | Subscription::PastDue(_));
    may_be_dated_by_a_payment
        && snapshot.period.start() >= bought.period.start()
        && !has_terms(bought, snapshot)
}

fn has_terms(bought: &Bought, snapshot: &Snapshot) -> bool {
    bought.plan == snapshot.plan
        && bought.interval == snapshot.interval
        && bought.price == snapshot.price
        && bought.seats == snapshot.seats
        && bought.period == snapshot.period
        && bought.cancellation.map(|cancellation| cancellation.at) == snapshot.cancel_at
}

/// The end of another subscription than the living one is not to be forgotten: what was said of it
/// before may be heard after the living one ends.
fn observed_another(state: &Subscription, bought: &Bought, snapshot: &Snapshot) -> Outcome {
    if state.is_live_at_provider() || snapshot.stamp <= bought.stamp {
        return Outcome::NeedsRead;
    }
    moved(Some(state), snapshot)
}

pub(crate) fn read(current: Option<&Subscription>, snapshot: &Snapshot) -> Outcome {
    let Some((state, bought)) = current.and_then(|state| Some((state, state.bought()?))) else {
        return moved(current, snapshot);
    };
    if bought.subscription == snapshot.subscription {
        let older = snapshot.stamp < bought.stamp && !snapshot.status.is_terminal();
        let as_of_then = Snapshot {
            stamp: bought.stamp,
            ..snapshot.clone()
        };
        if state.ended().is_some() || older || next_state(current, &as_of_then) == *state {
            return Outcome::AlreadyApplied;
        }
        return moved(current, snapshot);
    }
    match (state.ended(), snapshot.status.is_terminal()) {
        (None, false) => second_live(state, bought, snapshot),
        (Some(_), false) => moved(current, snapshot),
        // Of two that are over the later counts. Where the provider does not say when, the stamp
        // cannot stand in: it is that of the question, and each would be later than the other.
        (Some(ended), true) if snapshot.ended_at > Some(ended.ended_at) => moved(current, snapshot),
        (_, true) => remembered(state, snapshot),
    }
}

/// The end of one that ran, heard of when another has come after it that never did: what there was before
/// that end, a trial or the free plan, was over with it.
fn remembered(state: &Subscription, snapshot: &Snapshot) -> Outcome {
    let ran = snapshot.status == ProviderStatus::Canceled;
    let Some(end) = snapshot.ended_at.filter(|_| ran) else {
        return Outcome::AlreadyApplied;
    };
    let expired = |ended: &Ended| {
        Subscription::Expired(Ended {
            over_since: Some(end),
            ..ended.clone()
        })
    };
    let next = match state {
        Subscription::PendingPayment(pending) if was_there(&pending.meanwhile) < end => {
            Subscription::PendingPayment(PendingPayment {
                meanwhile: Meanwhile::Over { since: end },
                ..pending.clone()
            })
        }
        Subscription::Trialing(Trialing::Reverse {
            trial,
            failed: Some(failed),
        }) if trial.period.start() < end => expired(failed),
        Subscription::Free {
            since,
            failed: Some(failed),
        } if *since < end => expired(failed),
        Subscription::Expired(ended) if ended.over_since < Some(end) => expired(ended),
        Subscription::Free { .. }
        | Subscription::Trialing(_)
        | Subscription::PendingPayment(_)
        | Subscription::Active(_)
        | Subscription::PastDue(_)
        | Subscription::Unpaid(_)
        | Subscription::Paused(_)
        | Subscription::Canceled(_)
        | Subscription::Expired(_) => return Outcome::AlreadyApplied,
    };
    Outcome::Moved { next, effect: None }
}

/// Since when.
const fn was_there(meanwhile: &Meanwhile) -> Timestamp {
    match meanwhile {
        Meanwhile::Nothing => Timestamp::MIN,
        Meanwhile::Trial(trial) => trial.period.start(),
        Meanwhile::Free { since } | Meanwhile::Over { since } => *since,
    }
}

/// Of two live subscriptions the newest that is paid stays; whichever is heard of first, the same one.
fn second_live(state: &Subscription, bought: &Bought, snapshot: &Snapshot) -> Outcome {
    let stored = (
        paid_rank(state),
        bought.period.start(),
        &bought.subscription,
    );
    let next = next_state(Some(state), snapshot);
    let told = (
        paid_rank(&next),
        snapshot.period.start(),
        &snapshot.subscription,
    );
    let stays = told > stored;
    let ends = if stays { stored.2 } else { told.2 };
    let effect = Effect::EndSecond {
        subscription: ends.clone(),
    };
    if stays {
        Outcome::Moved {
            next,
            effect: Some(effect),
        }
    } else {
        Outcome::Noticed(effect)
    }
}

/// How much of the customer's money stands behind it: paid, owed or promised, or nothing.
const fn paid_rank(state: &Subscription) -> u8 {
    match state {
        Subscription::Active(_) => 2,
        Subscription::PastDue(_) | Subscription::Paused(_) | Subscription::Trialing(_) => 1,
        Subscription::Unpaid(_)
        | Subscription::PendingPayment(_)
        | Subscription::Free { .. }
        | Subscription::Canceled(_)
        | Subscription::Expired(_) => 0,
    }
}

fn payment_failed(
    state: &Subscription,
    bought: &Bought,
    (attempt, stamp): (u32, Stamp),
    failure: impl FnOnce() -> PaymentFailure,
) -> Outcome {
    match state {
        Subscription::Trialing(Trialing::Purchased(_)) | Subscription::Active(_) => {
            if stamp < bought.stamp {
                return Outcome::AlreadyApplied;
            }
            if stamp == bought.stamp {
                return Outcome::NeedsRead;
            }
            let failure = failure();
            owing(bought, stamp, failure.failed_at, failure)
        }
        // Whatever its stamp: the snapshot of the same failure may have come first.
        Subscription::PastDue(debt) if attempt > debt.attempt => {
            owing(bought, stamp.max(bought.stamp), debt.since, failure())
        }
        // The first payment is made with the customer watching; the rest is past retrying.
        Subscription::PendingPayment(_)
        | Subscription::PastDue(_)
        | Subscription::Unpaid(_)
        | Subscription::Paused(_)
        | Subscription::Free { .. }
        | Subscription::Trialing(Trialing::Reverse { .. })
        | Subscription::Canceled(_)
        | Subscription::Expired(_) => Outcome::AlreadyApplied,
    }
}

fn owing(bought: &Bought, stamp: Stamp, since: Timestamp, failure: PaymentFailure) -> Outcome {
    let next = PastDue {
        bought: Bought {
            stamp,
            ..bought.clone()
        },
        since,
        attempt: failure.attempt,
    };
    Outcome::Moved {
        next: Subscription::PastDue(next),
        effect: Some(Effect::WarnPaymentFailed(failure)),
    }
}

fn payment_succeeded(state: &Subscription, bought: &Bought, stamp: Stamp) -> Outcome {
    match state {
        // Also when it is active: a failure from before this payment may still be on its way, and is
        // not to warn after the recovery.
        Subscription::PendingPayment(_) | Subscription::PastDue(_) | Subscription::Active(_)
            if stamp > bought.stamp =>
        {
            Outcome::Moved {
                next: Subscription::Active(Bought {
                    stamp,
                    ..bought.clone()
                }),
                effect: None,
            }
        }
        Subscription::PendingPayment(_) | Subscription::PastDue(_) if stamp == bought.stamp => {
            Outcome::NeedsRead
        }
        // An unpaid subscription may owe several invoices, and only the provider knows whether one
        // payment was enough: its snapshot says so.
        Subscription::PendingPayment(_)
        | Subscription::PastDue(_)
        | Subscription::Active(_)
        | Subscription::Trialing(_)
        | Subscription::Unpaid(_)
        | Subscription::Paused(_)
        | Subscription::Free { .. }
        | Subscription::Canceled(_)
        | Subscription::Expired(_) => Outcome::AlreadyApplied,
    }
}

fn trial_will_end(state: &Subscription, ends_at: Timestamp, now: Timestamp) -> Outcome {
    match state {
        Subscription::Trialing(Trialing::Purchased(bought))
            if bought.cancellation.is_none() && now < ends_at =>
        {
            Outcome::Noticed(Effect::WarnTrialEnding { ends_at })
        }
        Subscription::Trialing(_)
        | Subscription::PendingPayment(_)
        | Subscription::Active(_)
        | Subscription::PastDue(_)
        | Subscription::Unpaid(_)
        | Subscription::Paused(_)
        | Subscription::Free { .. }
        | Subscription::Canceled(_)
        | Subscription::Expired(_) => Outcome::AlreadyApplied,
    }
}

fn moved(current: Option<&Subscription>, snapshot: &Snapshot) -> Outcome {
    Outcome::Moved {
        next: next_state(current, snapshot),
        effect: None,
    }
}

/// The state that `snapshot` describes, keeping what only we know.
fn next_state(current: Option<&Subscription>, snapshot: &Snapshot) -> Subscription {
    let bought = bought(current, snapshot);
    match snapshot.status {
        ProviderStatus::Incomplete => {
            let meanwhile = meanwhile(current);
            Subscription::PendingPayment(PendingPayment { bought, meanwhile })
        }
        ProviderStatus::IncompleteExpired => {
            let ended = ended(bought, snapshot);
            match meanwhile(current) {
                Meanwhile::Nothing => Subscription::Expired(ended),
                Meanwhile::Over { since } => Subscription::Expired(Ended {
                    over_since: Some(since),
                    ..ended
                }),
                Meanwhile::Trial(trial) => Subscription::Trialing(Trialing::Reverse {
                    trial,
                    failed: Some(ended),
                }),
                Meanwhile::Free { since } => Subscription::Free {
                    since,
                    failed: Some(ended),
                },
            }
        }
        ProviderStatus::Trialing => Subscription::Trialing(Trialing::Purchased(bought)),
        ProviderStatus::Active => Subscription::Active(bought),
        ProviderStatus::PastDue => {
            let (since, attempt) = match current {
                Some(Subscription::PastDue(debt)) => (debt.since, debt.attempt),
                Some(_) | None => (instant(snapshot.stamp), 0),
            };
            Subscription::PastDue(PastDue {
                bought,
                since,
                attempt,
            })
        }
        ProviderStatus::Unpaid => {
            let since = match current {
                Some(Subscription::Unpaid(debt)) => debt.since,
                Some(_) | None => instant(snapshot.stamp),
            };
            Subscription::Unpaid(Unpaid { bought, since })
        }
        ProviderStatus::Paused => Subscription::Paused(bought),
        ProviderStatus::Canceled => Subscription::Canceled(ended(bought, snapshot)),
    }
}

fn meanwhile(current: Option<&Subscription>) -> Meanwhile {
    match current {
        Some(Subscription::Free { since, .. }) => Meanwhile::Free { since: *since },
        Some(Subscription::Trialing(Trialing::Reverse { trial, .. })) => {
            Meanwhile::Trial(trial.clone())
        }
        Some(Subscription::PendingPayment(pending)) => pending.meanwhile.clone(),
        Some(Subscription::Canceled(ended)) => Meanwhile::Over {
            since: ended.ended_at,
        },
        Some(Subscription::Expired(ended)) => match ended.over_since {
            Some(since) => Meanwhile::Over { since },
            None => Meanwhile::Nothing,
        },
        Some(
            Subscription::Trialing(Trialing::Purchased(_))
            | Subscription::Active(_)
            | Subscription::PastDue(_)
            | Subscription::Unpaid(_)
            | Subscription::Paused(_),
        )
        | None => Meanwhile::Nothing,
    }
}

fn bought(current: Option<&Subscription>, snapshot: &Snapshot) -> Bought {
    Bought {
        subscription: snapshot.subscription.clone(),
        stamp: snapshot.stamp,
        plan: snapshot.plan.clone(),
        interval: snapshot.interval,
        price: snapshot.price.clone(),
        seats: snapshot.seats,
        period: snapshot.period,
        cancellation: snapshot.cancel_at.map(|at| ScheduledCancellation {
            at,
            is_auto: was_auto(current, &snapshot.subscription),
        }),
    }
}

/// The provider does not know which cancellations were ours.
fn was_auto(current: Option<&Subscription>, subscription: &SubscriptionId) -> bool {
    current
        .and_then(Subscription::bought)
        .filter(|bought| bought.subscription == *subscription)
        .and_then(|bought| bought.cancellation)
        .is_some_and(|cancellation| cancellation.is_auto)
}

fn ended(bought: Bought, snapshot: &Snapshot) -> Ended {
    Ended {
        bought,
        ended_at: snapshot.ended_at.unwrap_or_else(|| instant(snapshot.stamp)),
        over_since: None,
    }
}

fn instant(stamp: Stamp) -> Timestamp {
    Timestamp::from_unix_seconds(stamp.unix_seconds()).unwrap_or(Timestamp::MIN)
}
