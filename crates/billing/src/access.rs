//! What an account may do at a moment, and why. Computed on every question, never stored: no job and
//! no request rewrites an expired trial.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tollgate_primitives::{PlanKey, Timestamp};

use crate::{Grant, Meanwhile, Period, ProviderStatus, Subscription, Trialing};

/// Everything that access depends on, but the time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    pub subscription: Option<Subscription>,
    /// The open complimentary grant, if there is one.
    pub grant: Option<Grant>,
}

impl Standing {
    /// Whether access that an operator gave for free holds.
    #[must_use]
    pub fn is_complimentary(&self, now: Timestamp) -> bool {
        self.grant.as_ref().is_some_and(|grant| grant.holds_at(now))
    }
}

/// The operator's choices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    pub after_end: AfterEnd,
    /// For how many days after the end people may still read what they made.
    pub read_only_days: u16,
}

/// Where an account goes when what it had is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AfterEnd {
    #[default]
    Lock,
    /// Falls to the free plan.
    Free,
}

/// Why an account is entitled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    Paid,
    Trial,
    /// Past due, and the provider is still retrying.
    Grace,
    Complimentary,
    Free,
    ReadOnly,
}

impl Basis {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::Trial => "trial",
            Self::Grace => "grace",
            Self::Complimentary => "complimentary",
            Self::Free => "free",
            Self::ReadOnly => "read_only",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access<'a> {
    Full {
        plan: &'a PlanKey,
        basis: Basis,
    },
    /// Over, but what was made can still be read.
    ReadOnly {
        plan: &'a PlanKey,
    },
    /// The free plan: chosen, or fallen to by the operator's choice.
    Free,
    Locked(Locked),
}

/// Why an account is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locked {
    /// It never tried nor bought.
    NoSubscription,
    /// What it had is over, or paused.
    Inactive,
    /// A purchase waits for its first payment.
    PaymentPending,
}

/// The status as the wire shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Trialing,
    PendingPayment,
    Active,
    PastDue,
    Unpaid,
    Paused,
    Canceled,
    Expired,
    Complimentary,
}

/// The text is no status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a subscription status")]
pub struct StatusInvalid;

impl Status {
    pub const ALL: [Self; 9] = [
        Self::Trialing,
        Self::PendingPayment,
        Self::Active,
        Self::PastDue,
        Self::Unpaid,
        Self::Paused,
        Self::Canceled,
        Self::Expired,
        Self::Complimentary,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trialing => "trialing",
            Self::PendingPayment => "pending_payment",
            Self::Active => "active",
            Self::PastDue => "past_due",
            Self::Unpaid => "unpaid",
            Self::Paused => "paused",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
            Self::Complimentary => "complimentary",
        }
    }

    pub fn parse(text: &str) -> Result<Self, StatusInvalid> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(StatusInvalid)
    }
}

/// What a purchase shows of itself, whatever its account has beside it.
impl From<ProviderStatus> for Status {
    fn from(status: ProviderStatus) -> Self {
        match status {
            ProviderStatus::Incomplete => Self::PendingPayment,
            ProviderStatus::IncompleteExpired => Self::Expired,
            ProviderStatus::Trialing => Self::Trialing,
            ProviderStatus::Active => Self::Active,
            ProviderStatus::PastDue => Self::PastDue,
            ProviderStatus::Unpaid => Self::Unpaid,
            ProviderStatus::Paused => Self::Paused,
            ProviderStatus::Canceled => Self::Canceled,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Answers what the account may do at `now`.
#[must_use]
pub fn access(standing: &Standing, now: Timestamp, policy: Policy) -> Access<'_> {
    if let Some(grant) = standing.grant.as_ref().filter(|grant| grant.holds_at(now)) {
        return Access::Full {
            plan: &grant.plan,
            basis: Basis::Complimentary,
        };
    }
    let Some(subscription) = &standing.subscription else {
        return Access::Locked(Locked::NoSubscription);
    };
    match subscription {
        Subscription::Free { .. } => Access::Free,
        Subscription::Trialing(Trialing::Reverse { trial, .. }) => {
            during(&trial.plan, trial.period, now, policy)
        }
        Subscription::Trialing(Trialing::Purchased(bought)) => {
            during(&bought.plan, bought.period, now, policy)
        }
        Subscription::PendingPayment(pending) => match &pending.meanwhile {
            Meanwhile::Free { .. } => Access::Free,
            Meanwhile::Trial(trial) if trial.period.runs_at(now) => Access::Full {
                plan: &trial.plan,
                basis: Basis::Trial,
            },
            Meanwhile::Trial(_) | Meanwhile::Nothing | Meanwhile::Over { .. } => {
                Access::Locked(Locked::PaymentPending)
            }
        },
        Subscription::Active(bought) => Access::Full {
            plan: &bought.plan,
            basis: Basis::Paid,
        },
        Subscription::PastDue(debt) => Access::Full {
            plan: &debt.bought.plan,
            basis: Basis::Grace,
        },
        Subscription::Unpaid(debt) => after(&debt.bought.plan, debt.since, now, policy),
        Subscription::Paused(_) => Access::Locked(Locked::Inactive),
        Subscription::Canceled(ended) | Subscription::Expired(ended) => {
            after(&ended.bought.plan, ended.access_ended(), now, policy)
        }
    }
}

fn during(plan: &PlanKey, trial: Period, now: Timestamp, policy: Policy) -> Access<'_> {
    if trial.runs_at(now) {
        return Access::Full {
            plan,
            basis: Basis::Trial,
        };
    }
    after(plan, trial.end(), now, policy)
}

fn after(plan: &PlanKey, ended: Timestamp, now: Timestamp, policy: Policy) -> Access<'_> {
    match policy.after_end {
        AfterEnd::Free => Access::Free,
        AfterEnd::Lock if now < read_only_end(ended, policy) => Access::ReadOnly { plan },
        AfterEnd::Lock => Access::Locked(Locked::Inactive),
    }
}

fn read_only_end(ended: Timestamp, policy: Policy) -> Timestamp {
    ended.saturating_add(Duration::from_secs(
        u64::from(policy.read_only_days) * 24 * 60 * 60,
    ))
}

/// The first moment after `now` at which time alone changes [`access`]; `None` when it never does.
#[must_use]
pub fn next_deadline(standing: &Standing, now: Timestamp, policy: Policy) -> Option<Timestamp> {
    if let Some(grant) = standing.grant.as_ref().filter(|grant| grant.holds_at(now)) {
        return grant.ends_at;
    }
    let (first, read_only_from) = match standing.subscription.as_ref()? {
        Subscription::Trialing(Trialing::Reverse { trial, .. }) => {
            (Some(trial.period.end()), Some(trial.period.end()))
        }
        Subscription::Trialing(Trialing::Purchased(bought)) => {
            (Some(bought.period.end()), Some(bought.period.end()))
        }
        Subscription::PendingPayment(pending) => {
            let trial = pending.meanwhile.trial();
            (trial.map(|trial| trial.period.end()), None)
        }
        Subscription::Unpaid(debt) => (None, Some(debt.since)),
        Subscription::Canceled(ended) | Subscription::Expired(ended) => {
            (None, Some(ended.access_ended()))
        }
        Subscription::Free { .. }
        | Subscription::Active(_)
        | Subscription::PastDue(_)
        | Subscription::Paused(_) => (None, None),
    };
    let read_only_end = match policy.after_end {
        AfterEnd::Lock => read_only_from.map(|ended| read_only_end(ended, policy)),
        AfterEnd::Free => None,
    };
    [first, read_only_end]
        .into_iter()
        .flatten()
        .find(|deadline| *deadline > now)
}

/// The status the wire shows at `now`.
///
/// A complimentary grant covers everything else; a trial that still runs and the free plan
/// cover a pending purchase.
#[must_use]
pub fn wire_status(standing: &Standing, now: Timestamp) -> Option<Status> {
    if standing.is_complimentary(now) {
        return Some(Status::Complimentary);
    }
    Some(match standing.subscription.as_ref()? {
        Subscription::Free { .. } | Subscription::Active(_) => Status::Active,
        Subscription::Trialing(_) => Status::Trialing,
        Subscription::PendingPayment(pending) => match &pending.meanwhile {
            Meanwhile::Free { .. } => Status::Active,
            Meanwhile::Trial(trial) if trial.period.runs_at(now) => Status::Trialing,
            Meanwhile::Trial(_) | Meanwhile::Nothing | Meanwhile::Over { .. } => {
                Status::PendingPayment
            }
        },
        Subscription::PastDue(_) => Status::PastDue,
        Subscription::Unpaid(_) => Status::Unpaid,
        Subscription::Paused(_) => Status::Paused,
        Subscription::Canceled(_) => Status::Canceled,
        Subscription::Expired(_) => Status::Expired,
    })
}

/// The seats that are paid for, or will be once a bought trial is over; `None` where seats are not what
/// gives the access that the account has.
#[must_use]
pub fn bought_seats(standing: &Standing, now: Timestamp, policy: Policy) -> Option<u32> {
    let gives_access = matches!(
        access(standing, now, policy),
        Access::Full {
            basis: Basis::Paid | Basis::Grace | Basis::Trial,
            ..
        }
    );
    let bought = standing
        .subscription
        .as_ref()
        .filter(|subscription| gives_access && subscription.reverse().is_none())?
        .bought();
    bought.map(|bought| bought.seats)
}

/// Whether the account is revenue: another question than access, and never its answer.
///
/// A paid plan with a live provider subscription behind it, neither complimentary nor trialing, whose
/// first payment has arrived.
#[must_use]
pub fn is_paid(standing: &Standing, now: Timestamp) -> bool {
    !standing.is_complimentary(now)
        && standing
            .subscription
            .as_ref()
            .is_some_and(|subscription| match subscription {
                Subscription::Active(bought) | Subscription::Paused(bought) => {
                    !bought.plan.is_free()
                }
                Subscription::PastDue(debt) => !debt.bought.plan.is_free(),
                Subscription::Unpaid(debt) => !debt.bought.plan.is_free(),
                Subscription::Free { .. }
                | Subscription::Trialing(_)
                | Subscription::PendingPayment(_)
                | Subscription::Canceled(_)
                | Subscription::Expired(_) => false,
            })
}
