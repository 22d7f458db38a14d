//! The same thing at another time.

use std::time::Duration;

use tollgate_billing::{
    Bought, Effect, Ended, Event, Grant, Meanwhile, Outcome, PastDue, PaymentFailure,
    PendingPayment, Period, ScheduledCancellation, Snapshot, Stamp, Standing, Subscription, Trial,
    Trialing, Unpaid,
};
use tollgate_primitives::Timestamp;

/// Later by a number of seconds.
pub(crate) trait Shifted: Clone {
    fn shifted(&self, by: u32) -> Self;
}

impl<T: Shifted> Shifted for Option<T> {
    fn shifted(&self, by: u32) -> Self {
        self.as_ref().map(|inner| inner.shifted(by))
    }
}

impl Shifted for Timestamp {
    fn shifted(&self, by: u32) -> Self {
        self.saturating_add(Duration::from_secs(u64::from(by)))
    }
}

impl Shifted for Stamp {
    fn shifted(&self, by: u32) -> Self {
        Self::from_unix_seconds(self.unix_seconds() + i64::from(by))
    }
}

impl Shifted for Period {
    fn shifted(&self, by: u32) -> Self {
        Self::new(self.start().shifted(by), self.end().shifted(by)).unwrap()
    }
}

impl Shifted for Snapshot {
    fn shifted(&self, by: u32) -> Self {
        Self {
            period: self.period.shifted(by),
            cancel_at: self.cancel_at.shifted(by),
            ended_at: self.ended_at.shifted(by),
            stamp: self.stamp.shifted(by),
            ..self.clone()
        }
    }
}

impl Shifted for ScheduledCancellation {
    fn shifted(&self, by: u32) -> Self {
        Self {
            at: self.at.shifted(by),
            ..*self
        }
    }
}

impl Shifted for Bought {
    fn shifted(&self, by: u32) -> Self {
        Self {
            stamp: self.stamp.shifted(by),
            period: self.period.shifted(by),
            cancellation: self.cancellation.shifted(by),
            ..self.clone()
        }
    }
}

impl Shifted for Trial {
    fn shifted(&self, by: u32) -> Self {
        Self {
            period: self.period.shifted(by),
            ..self.clone()
        }
    }
}

impl Shifted for Meanwhile {
    fn shifted(&self, by: u32) -> Self {
        match self {
            Self::Nothing => Self::Nothing,
            Self::Trial(trial) => Self::Trial(trial.shifted(by)),
            Self::Free { since } => Self::Free {
                since: since.shifted(by),
            },
            Self::Over { since } => Self::Over {
                since: since.shifted(by),
            },
        }
    }
}

impl Shifted for Ended {
    fn shifted(&self, by: u32) -> Self {
        Self {
            bought: self.bought.shifted(by),
            ended_at: self.ended_at.shifted(by),
            over_since: self.over_since.shifted(by),
        }
    }
}

impl Shifted for Subscription {
    fn shifted(&self, by: u32) -> Self {
        match self {
            Self::Free { since, failed } => Self::Free {
                since: since.shifted(by),
                failed: failed.shifted(by),
            },
            Self::Trialing(Trialing::Reverse { trial, failed }) => {
                Self::Trialing(Trialing::Reverse {
                    trial: trial.shifted(by),
                    failed: failed.shifted(by),
                })
            }
            Self::Trialing(Trialing::Purchased(bought)) => {
                Self::Trialing(Trialing::Purchased(bought.shifted(by)))
            }
            Self::PendingPayment(pending) => Self::PendingPayment(PendingPayment {
                bought: pending.bought.shifted(by),
                meanwhile: pending.meanwhile.shifted(by),
            }),
            Self::Active(bought) => Self::Active(bought.shifted(by)),
            Self::PastDue(debt) => Self::PastDue(PastDue {
                bought: debt.bought.shifted(by),
                since: debt.since.shifted(by),
                attempt: debt.attempt,
            }),
            Self::Unpaid(debt) => Self::Unpaid(Unpaid {
                bought: debt.bought.shifted(by),
                since: debt.since.shifted(by),
            }),
            Self::Paused(bought) => Self::Paused(bought.shifted(by)),
            Self::Canceled(ended) => Self::Canceled(ended.shifted(by)),
            Self::Expired(ended) => Self::Expired(ended.shifted(by)),
        }
    }
}

impl Shifted for Event {
    fn shifted(&self, by: u32) -> Self {
        let mut event = self.clone();
        match &mut event {
            Self::Observed(snapshot) | Self::Read(snapshot) => *snapshot = snapshot.shifted(by),
            Self::PaymentFailed {
                next_attempt,
                stamp,
                ..
            } => {
                *next_attempt = next_attempt.shifted(by);
                *stamp = stamp.shifted(by);
            }
            Self::PaymentSucceeded { stamp, .. } => *stamp = stamp.shifted(by),
            Self::TrialWillEnd { ends_at, .. } => *ends_at = ends_at.shifted(by),
        }
        event
    }
}

impl Shifted for Effect {
    fn shifted(&self, by: u32) -> Self {
        match self {
            Self::WarnPaymentFailed(failure) => Self::WarnPaymentFailed(PaymentFailure {
                failed_at: failure.failed_at.shifted(by),
                next_attempt: failure.next_attempt.shifted(by),
                ..failure.clone()
            }),
            Self::WarnTrialEnding { ends_at } => Self::WarnTrialEnding {
                ends_at: ends_at.shifted(by),
            },
            Self::EndSecond { .. } => self.clone(),
        }
    }
}

impl Shifted for Outcome {
    fn shifted(&self, by: u32) -> Self {
        match self {
            Self::Moved { next, effect } => Self::Moved {
                next: next.shifted(by),
                effect: effect.shifted(by),
            },
            Self::Noticed(effect) => Self::Noticed(effect.shifted(by)),
            Self::AlreadyApplied => Self::AlreadyApplied,
            Self::NeedsRead => Self::NeedsRead,
        }
    }
}

impl Shifted for Standing {
    fn shifted(&self, by: u32) -> Self {
        Self {
            subscription: self.subscription.shifted(by),
            grant: self.grant.as_ref().map(|grant| Grant {
                ends_at: grant.ends_at.shifted(by),
                ..grant.clone()
            }),
        }
    }
}
