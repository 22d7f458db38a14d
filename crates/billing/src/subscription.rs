//! The stored state: each variant carries only what exists in it.

use std::time::Duration;

use thiserror::Error;
use tollgate_primitives::{PlanKey, Timestamp, UserId};

use crate::{Interval, PriceId, Stamp, SubscriptionId};

/// From `start` up to, not including, `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Period {
    start: Timestamp,
    end: Timestamp,
}

/// The period ends before it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a period cannot end before it starts")]
pub struct PeriodInvalid;

impl Period {
    pub fn new(start: Timestamp, end: Timestamp) -> Result<Self, PeriodInvalid> {
        if end < start {
            return Err(PeriodInvalid);
        }
        Ok(Self { start, end })
    }

    /// `days` whole days from `start`.
    #[must_use]
    pub fn of_days(start: Timestamp, days: u16) -> Self {
        let span = Duration::from_hours(24 * u64::from(days));
        Self {
            start,
            end: start.saturating_add(span),
        }
    }

    #[must_use]
    pub const fn start(self) -> Timestamp {
        self.start
    }

    #[must_use]
    pub const fn end(self) -> Timestamp {
        self.end
    }

    /// Whether it has not ended: strict at the boundary.
    #[must_use]
    pub fn runs_at(self, now: Timestamp) -> bool {
        now < self.end
    }
}

/// The one subscription of an account. An account that never tried nor bought has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subscription {
    /// The free plan was chosen. `failed` is a purchase that was over before, or was begun on it and
    /// never paid; it cannot come back.
    Free {
        since: Timestamp,
        failed: Option<Ended>,
    },
    Trialing(Trialing),
    PendingPayment(PendingPayment),
    Active(Bought),
    PastDue(PastDue),
    Unpaid(Unpaid),
    Paused(Bought),
    Canceled(Ended),
    /// The first payment never arrived, and there was nothing to fall back on.
    Expired(Ended),
}

/// A reverse trial: full access from sign-up, without a card. Its end is set once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    pub plan: PlanKey,
    pub period: Period,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trialing {
    /// Ours. `failed` is a purchase that was begun in it and never paid; it cannot come back.
    Reverse { trial: Trial, failed: Option<Ended> },
    /// The provider's: bought, the first charge lies ahead.
    Purchased(Bought),
}

/// A subscription that lives at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bought {
    pub subscription: SubscriptionId,
    /// When the provider said what is stored here.
    pub stamp: Stamp,
    pub plan: PlanKey,
    pub interval: Interval,
    pub price: PriceId,
    pub seats: u32,
    pub period: Period,
    pub cancellation: Option<ScheduledCancellation>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScheduledCancellation {
    pub at: Timestamp,
    /// We scheduled it because nobody used the product; a person's own choice is never undone by us.
    pub is_auto: bool,
}

/// A paid plan was chosen and its first payment has not arrived. Grants nothing by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingPayment {
    pub bought: Bought,
    pub meanwhile: Meanwhile,
}

/// What goes on while a purchase is pending, and after it fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meanwhile {
    Nothing,
    Trial(Trial),
    Free {
        since: Timestamp,
    },
    /// What was bought before ran, and is over.
    Over {
        since: Timestamp,
    },
}

/// A renewal failed; the provider is retrying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastDue {
    pub bought: Bought,
    pub since: Timestamp,
    /// The last failed attempt the customer was told about; 0 when none.
    pub attempt: u32,
}

/// The retries are over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpaid {
    pub bought: Bought,
    pub since: Timestamp,
}

/// Terminal for that subscription id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    pub bought: Bought,
    pub ended_at: Timestamp,
    /// When what ran before it was over, if it never ran itself: a purchase that fails gives nothing anew.
    pub over_since: Option<Timestamp>,
}

impl Ended {
    /// Since when the account has nothing any more.
    #[must_use]
    pub fn access_ended(&self) -> Timestamp {
        self.over_since.unwrap_or(self.ended_at)
    }
}

/// Access for free, granted by an operator. Lies under everything else; the provider never hears of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub plan: PlanKey,
    pub granted_by: UserId,
    pub ends_at: Option<Timestamp>,
}

impl Grant {
    #[must_use]
    pub fn holds_at(&self, now: Timestamp) -> bool {
        self.ends_at.is_none_or(|end| now < end)
    }
}

/// What a new account is to begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    Free(Subscription),
    /// If its person never had one.
    Trial(Subscription),
}

impl Start {
    /// With `plan`: the free one at once and for good, any other as a trial of so many days.
    #[must_use]
    pub fn with(plan: PlanKey, days: u16, now: Timestamp) -> Self {
        if plan.is_free() {
            return Self::Free(Subscription::Free {
                since: now,
                failed: None,
            });
        }
        Self::Trial(Subscription::reverse_trial(plan, now, days))
    }
}

impl Subscription {
    /// The trial of a new account.
    #[must_use]
    pub fn reverse_trial(plan: PlanKey, now: Timestamp, days: u16) -> Self {
        let trial = Trial {
            plan,
            period: Period::of_days(now, days),
        };
        Self::Trialing(Trialing::Reverse {
            trial,
            failed: None,
        })
    }

    /// What stands behind it at the provider, living or ended.
    #[must_use]
    pub const fn bought(&self) -> Option<&Bought> {
        match self {
            Self::Free { failed: None, .. }
            | Self::Trialing(Trialing::Reverse { failed: None, .. }) => None,
            Self::Free {
                failed: Some(ended),
                ..
            }
            | Self::Trialing(Trialing::Reverse {
                failed: Some(ended),
                ..
            })
            | Self::Canceled(ended)
            | Self::Expired(ended) => Some(&ended.bought),
            Self::Trialing(Trialing::Purchased(bought))
            | Self::Active(bought)
            | Self::Paused(bought) => Some(bought),
            Self::PendingPayment(pending) => Some(&pending.bought),
            Self::PastDue(debt) => Some(&debt.bought),
            Self::Unpaid(debt) => Some(&debt.bought),
        }
    }

    /// Whether the provider still holds a subscription that could charge.
    #[must_use]
    pub const fn is_live_at_provider(&self) -> bool {
        match self {
            Self::Trialing(Trialing::Purchased(_))
            | Self::PendingPayment(_)
            | Self::Active(_)
            | Self::PastDue(_)
            | Self::Unpaid(_)
            | Self::Paused(_) => true,
            Self::Free { .. }
            | Self::Trialing(Trialing::Reverse { .. })
            | Self::Canceled(_)
            | Self::Expired(_) => false,
        }
    }

    /// Whether a purchase went through and has not ended.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        self.is_live_at_provider() && !matches!(self, Self::PendingPayment(_))
    }

    /// The end of what stood behind it at the provider.
    #[must_use]
    pub const fn ended(&self) -> Option<&Ended> {
        match self {
            Self::Free { failed, .. } | Self::Trialing(Trialing::Reverse { failed, .. }) => {
                failed.as_ref()
            }
            Self::Canceled(ended) | Self::Expired(ended) => Some(ended),
            Self::Trialing(Trialing::Purchased(_))
            | Self::PendingPayment(_)
            | Self::Active(_)
            | Self::PastDue(_)
            | Self::Unpaid(_)
            | Self::Paused(_) => None,
        }
    }

    /// The reverse trial that would go on if a pending purchase failed.
    #[must_use]
    pub const fn reverse(&self) -> Option<&Trial> {
        match self {
            Self::Trialing(Trialing::Reverse { trial, .. }) => Some(trial),
            Self::PendingPayment(pending) => pending.meanwhile.trial(),
            Self::Free { .. }
            | Self::Trialing(Trialing::Purchased(_))
            | Self::Active(_)
            | Self::PastDue(_)
            | Self::Unpaid(_)
            | Self::Paused(_)
            | Self::Canceled(_)
            | Self::Expired(_) => None,
        }
    }

    /// Whether the free plan is what it has, also while a purchase is pending.
    #[must_use]
    pub const fn is_free(&self) -> bool {
        match self {
            Self::Free { .. } => true,
            Self::PendingPayment(pending) => matches!(pending.meanwhile, Meanwhile::Free { .. }),
            Self::Trialing(_)
            | Self::Active(_)
            | Self::PastDue(_)
            | Self::Unpaid(_)
            | Self::Paused(_)
            | Self::Canceled(_)
            | Self::Expired(_) => false,
        }
    }
}

impl Meanwhile {
    #[must_use]
    pub const fn trial(&self) -> Option<&Trial> {
        match self {
            Self::Trial(trial) => Some(trial),
            Self::Nothing | Self::Free { .. } | Self::Over { .. } => None,
        }
    }
}
