//! States and snapshots to test with, on a clock whose second 0 is the start of 2026.

use tollgate_billing::{
    Bought, Ended, Grant, Interval, Meanwhile, PastDue, PendingPayment, Period, PriceId,
    ProviderStatus, ScheduledCancellation, Snapshot, Stamp, Subscription, SubscriptionId, Trial,
    Trialing, Unpaid,
};
use tollgate_primitives::{PlanKey, Timestamp};

const SECOND_ZERO: i64 = 1_767_225_600;
pub(crate) const DAY: i64 = 24 * 60 * 60;

/// Every shape a stored subscription can have.
pub(crate) const SHAPES: [&str; 17] = [
    "none",
    "free",
    "free/failed",
    "trial",
    "trial/failed",
    "trialing",
    "pending",
    "pending/trial",
    "pending/free",
    "pending/over",
    "active",
    "past_due",
    "unpaid",
    "paused",
    "canceled",
    "expired",
    "expired/over",
];

/// Every status in the provider's words.
pub(crate) const STATUSES: [(&str, ProviderStatus); 8] = [
    ("incomplete", ProviderStatus::Incomplete),
    ("incomplete_expired", ProviderStatus::IncompleteExpired),
    ("trialing", ProviderStatus::Trialing),
    ("active", ProviderStatus::Active),
    ("past_due", ProviderStatus::PastDue),
    ("unpaid", ProviderStatus::Unpaid),
    ("paused", ProviderStatus::Paused),
    ("canceled", ProviderStatus::Canceled),
];

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_unix_seconds(SECOND_ZERO + second).unwrap()
}

pub(crate) fn stamp(second: i64) -> Stamp {
    Stamp::from_unix_seconds(SECOND_ZERO + second)
}

pub(crate) fn plan(key: &str) -> PlanKey {
    PlanKey::parse(key).unwrap()
}

/// Plan `pro`, three seats, thirty days from second 0.
pub(crate) fn snapshot(id: &str, status: ProviderStatus, second: i64) -> Snapshot {
    Snapshot {
        subscription: SubscriptionId::new(id),
        status,
        plan: plan("pro"),
        interval: Interval::Monthly,
        price: PriceId::new("price_pro"),
        seats: 3,
        period: Period::of_days(at(0), 30),
        cancel_at: None,
        ended_at: status.is_terminal().then(|| at(second)),
        stamp: stamp(second),
    }
}

/// What is stored of a snapshot when nothing was known before it.
pub(crate) fn bought(snapshot: &Snapshot) -> Bought {
    Bought {
        subscription: snapshot.subscription.clone(),
        stamp: snapshot.stamp,
        plan: snapshot.plan.clone(),
        interval: snapshot.interval,
        price: snapshot.price.clone(),
        seats: snapshot.seats,
        period: snapshot.period,
        cancellation: snapshot
            .cancel_at
            .map(|at| ScheduledCancellation { at, is_auto: false }),
    }
}

/// What the shapes are filled with; each takes what exists in it.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    pub(crate) bought: Bought,
    pub(crate) trial: Trial,
    /// Since when it is free, owed or over.
    pub(crate) since: Timestamp,
    pub(crate) attempt: u32,
    /// Since when what ran before is over.
    pub(crate) over: Timestamp,
}

impl Content {
    /// Subscription `a` as of `second`, a trial of 14 days from second 0, two failed attempts.
    pub(crate) fn as_of(second: i64) -> Self {
        Self {
            bought: bought(&snapshot("a", ProviderStatus::Active, second)),
            trial: Trial {
                plan: plan("pro"),
                period: Period::of_days(at(0), 14),
            },
            since: at(second),
            attempt: 2,
            over: at(50),
        }
    }
}

/// A complimentary grant of plan `team`.
pub(crate) fn grant(ends_at: Option<Timestamp>) -> Grant {
    Grant {
        plan: plan("team"),
        granted_by: "00000000-0000-7000-8000-000000000001".parse().unwrap(),
        ends_at,
    }
}

pub(crate) fn state(shape: &str, content: Content) -> Option<Subscription> {
    let Content {
        bought,
        trial,
        since,
        attempt,
        over,
    } = content;
    let ended = Ended {
        bought: bought.clone(),
        ended_at: since,
        over_since: None,
    };
    let reverse = |failed| {
        Subscription::Trialing(Trialing::Reverse {
            trial: trial.clone(),
            failed,
        })
    };
    let pending = |meanwhile| {
        Subscription::PendingPayment(PendingPayment {
            bought: bought.clone(),
            meanwhile,
        })
    };
    Some(match shape {
        "none" => return None,
        "free" => Subscription::Free {
            since,
            failed: None,
        },
        "free/failed" => Subscription::Free {
            since,
            failed: Some(ended),
        },
        "trial" => reverse(None),
        "trial/failed" => reverse(Some(ended)),
        "trialing" => Subscription::Trialing(Trialing::Purchased(bought)),
        "pending" => pending(Meanwhile::Nothing),
        "pending/trial" => pending(Meanwhile::Trial(trial)),
        "pending/free" => pending(Meanwhile::Free { since }),
        "pending/over" => pending(Meanwhile::Over { since: over }),
        "active" => Subscription::Active(bought),
        "past_due" => Subscription::PastDue(PastDue {
            bought,
            since,
            attempt,
        }),
        "unpaid" => Subscription::Unpaid(Unpaid { bought, since }),
        "paused" => Subscription::Paused(bought),
        "canceled" => Subscription::Canceled(ended),
        "expired" => Subscription::Expired(ended),
        "expired/over" => Subscription::Expired(Ended {
            over_since: Some(over),
            ..ended
        }),
        unheard => panic!("no state has the shape {unheard}"),
    })
}

pub(crate) fn shape(state: Option<&Subscription>) -> &'static str {
    match state {
        None => "none",
        Some(Subscription::Free { failed: None, .. }) => "free",
        Some(Subscription::Free { .. }) => "free/failed",
        Some(Subscription::Trialing(Trialing::Reverse { failed: None, .. })) => "trial",
        Some(Subscription::Trialing(Trialing::Reverse { .. })) => "trial/failed",
        Some(Subscription::Trialing(Trialing::Purchased(_))) => "trialing",
        Some(Subscription::PendingPayment(pending)) => match pending.meanwhile {
            Meanwhile::Nothing => "pending",
            Meanwhile::Trial(_) => "pending/trial",
            Meanwhile::Free { .. } => "pending/free",
            Meanwhile::Over { .. } => "pending/over",
        },
        Some(Subscription::Active(_)) => "active",
        Some(Subscription::PastDue(_)) => "past_due",
        Some(Subscription::Unpaid(_)) => "unpaid",
        Some(Subscription::Paused(_)) => "paused",
        Some(Subscription::Canceled(_)) => "canceled",
        Some(Subscription::Expired(Ended {
            over_since: None, ..
        })) => "expired",
        Some(Subscription::Expired(_)) => "expired/over",
    }
}

pub(crate) fn status(name: &str) -> ProviderStatus {
    let found = STATUSES.into_iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("no status {name}")).1
}
