//! What people are told about money: when the end of a reverse trial is announced, and whether a notice
//! is still worth sending when it leaves, because what was so when it was ordered may have changed.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tollgate_primitives::Timestamp;

use crate::{Subscription, SubscriptionId, Trial, Trialing, change::CLOCKS_APART, purchase::Buyer};

/// For how long people want to hear of what has happened.
const NEWS: Duration = Duration::from_hours(7 * 24);

/// One of the notices of a reverse trial, in the order in which they go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrialNotice {
    /// Four days before the end: on day 10 of 14.
    EndsSoon,
    /// One day before the end: on day 13 of 14.
    EndsTomorrow,
    Ended,
}

impl TrialNotice {
    pub const ALL: [Self; 3] = [Self::EndsSoon, Self::EndsTomorrow, Self::Ended];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EndsSoon => "ends_soon",
            Self::EndsTomorrow => "ends_tomorrow",
            Self::Ended => "ended",
        }
    }

    const fn before_the_end(self) -> Duration {
        match self {
            Self::EndsSoon => Duration::from_hours(4 * 24),
            Self::EndsTomorrow => Duration::from_hours(24),
            Self::Ended => Duration::ZERO,
        }
    }

    /// From when on it is to be told, and from when on no more: one that is late gives way to the next.
    fn window(self, trial_end: Timestamp) -> (Timestamp, Timestamp) {
        let from = |notice: Self| trial_end.saturating_sub(notice.before_the_end());
        let until = match self {
            Self::EndsSoon => from(Self::EndsTomorrow),
            Self::EndsTomorrow => trial_end,
            Self::Ended => trial_end.saturating_add(NEWS),
        };
        (from(self), until)
    }
}

impl Trial {
    /// The notices of its end with their moments. What would be told in its first half is left out:
    /// nobody who has just begun wants to hear of the end.
    pub fn notices(&self) -> impl Iterator<Item = (TrialNotice, Timestamp)> {
        let half = self.period.end().since(self.period.start()) / 2;
        let end = self.period.end();
        let heard_in_time = move |notice: &TrialNotice| notice.before_the_end() <= half;
        TrialNotice::ALL
            .into_iter()
            .filter(heard_in_time)
            .map(move |notice| (notice, notice.window(end).0))
    }
}

/// A charge for a running subscription was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentFailure {
    pub subscription: SubscriptionId,
    /// Counts from 1.
    pub attempt: u32,
    pub failed_at: Timestamp,
    /// `None` when it was the last one.
    pub next_attempt: Option<Timestamp>,
}

/// What is about to be told of an account's subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    PaymentFailed(PaymentFailure),
    /// The provider's trial ends, and the first charge follows.
    FirstCharge {
        ends_at: Timestamp,
    },
    /// The reverse trial that ends, or ended, at `ends_at`.
    ReverseTrial {
        notice: TrialNotice,
        ends_at: Timestamp,
    },
}

impl Notice {
    /// Whether it still holds at `now` and says anything new. Nothing is told of the test cohort.
    #[must_use]
    pub fn is_due(&self, account: &Buyer<'_>, now: Timestamp) -> bool {
        let Some(subscription) = &account.standing.subscription else {
            return false;
        };
        let holds = match self {
            Self::PaymentFailed(failure) => {
                let old = failure.failed_at.saturating_add(NEWS);
                now < failure.next_attempt.unwrap_or(old) && owes(subscription, failure)
            }
            Self::FirstCharge { ends_at } => now < *ends_at && will_be_charged(subscription),
            // Who bought has no reverse trial any more, and who was given access needs none.
            Self::ReverseTrial { notice, ends_at } => {
                let (from, until) = notice.window(*ends_at);
                let trial = subscription.reverse();
                (from.saturating_sub(CLOCKS_APART)..until).contains(&now)
                    && trial.is_some_and(|trial| trial.period.end() == *ends_at)
                    && !account.standing.is_complimentary(now)
                    && !account.has_just_paid
            }
        };
        holds && !account.is_test_cohort
    }
}

/// Whether nothing was paid since the attempt failed, and no later one did.
fn owes(subscription: &Subscription, failure: &PaymentFailure) -> bool {
    let bought = match subscription {
        Subscription::PastDue(debt) if debt.attempt == failure.attempt => &debt.bought,
        Subscription::Unpaid(debt) => &debt.bought,
        Subscription::Canceled(ended) => &ended.bought,
        Subscription::PastDue(_)
        | Subscription::Free { .. }
        | Subscription::Trialing(_)
        | Subscription::PendingPayment(_)
        | Subscription::Active(_)
        | Subscription::Paused(_)
        | Subscription::Expired(_) => return false,
    };
    bought.subscription == failure.subscription
}

fn will_be_charged(subscription: &Subscription) -> bool {
    match subscription {
        Subscription::Trialing(Trialing::Purchased(bought)) => bought.cancellation.is_none(),
        Subscription::Trialing(Trialing::Reverse { .. })
        | Subscription::Free { .. }
        | Subscription::PendingPayment(_)
        | Subscription::Active(_)
        | Subscription::PastDue(_)
        | Subscription::Unpaid(_)
        | Subscription::Paused(_)
        | Subscription::Canceled(_)
        | Subscription::Expired(_) => false,
    }
}
