//! The three answers by table, and what holds between them for any account by property.

use std::time::Duration;

use proptest::prelude::*;
use tollgate_billing::{
    Access, AfterEnd, Basis, Bought, Ended, Grant, Interval, Locked, Meanwhile, PastDue,
    PendingPayment, Period, Policy, PriceId, Stamp, Standing, Subscription, SubscriptionId, Trial,
    Trialing, Unpaid, access,
};
use tollgate_primitives::{PlanKey, Timestamp};

use crate::*;

mod banner;
mod gate;
mod resolve;

const DAY: u64 = 24 * 60 * 60;
const MICROSECOND: Duration = Duration::from_micros(1);

/// A moment `seconds` into the test's time.
fn at(seconds: u64) -> Timestamp {
    let start = Timestamp::from_unix_seconds(1_800_000_000).unwrap();
    start.saturating_add(Duration::from_secs(seconds))
}

fn feature(key: &str) -> FeatureKey {
    FeatureKey::parse(key).unwrap()
}

fn limit(key: &str) -> LimitKey {
    LimitKey::parse(key).unwrap()
}

/// Exports are on, branding is off, and the catalog knows a beta the plan says nothing of.
fn pro() -> Plan {
    Plan::new(
        PlanKey::parse("pro").unwrap(),
        vec![(limit("projects"), None), (limit("max_users"), Some(5))],
        vec![
            (feature("export"), Some(true)),
            (feature("beta"), None),
            (feature("branding"), Some(false)),
        ],
    )
}

fn feature_override(key: &str, enabled: bool, expires_at: Option<Timestamp>) -> FeatureOverride {
    FeatureOverride {
        key: feature(key),
        enabled,
        expires_at,
    }
}

fn limit_override(key: &str, value: Option<u64>, expires_at: Option<Timestamp>) -> LimitOverride {
    LimitOverride {
        key: limit(key),
        value,
        expires_at,
    }
}

fn paid(plan: &Plan) -> Access<'_> {
    Access::Full {
        plan: plan.key(),
        basis: Basis::Paid,
    }
}

fn bought(end: Timestamp) -> Bought {
    Bought {
        subscription: SubscriptionId::new("sub_1"),
        stamp: Stamp::from_unix_seconds(1_800_000_000),
        plan: PlanKey::parse("pro").unwrap(),
        interval: Interval::Monthly,
        price: PriceId::new("price_1"),
        seats: 3,
        period: Period::new(at(0), end).unwrap(),
        cancellation: None,
    }
}

fn ended(end: Timestamp) -> Ended {
    Ended {
        bought: bought(end),
        ended_at: end,
        over_since: None,
    }
}

fn trial(end: Timestamp) -> Trial {
    Trial {
        plan: PlanKey::parse("pro").unwrap(),
        period: Period::new(at(0), end).unwrap(),
    }
}

/// Every kind of subscription, whose trial or period ends at `end`.
fn subscriptions(end: Timestamp) -> Vec<Subscription> {
    vec![
        Subscription::Free {
            since: at(0),
            failed: None,
        },
        Subscription::Trialing(Trialing::Reverse {
            trial: trial(end),
            failed: None,
        }),
        Subscription::Trialing(Trialing::Reverse {
            trial: trial(end),
            failed: Some(ended(at(0))),
        }),
        Subscription::Trialing(Trialing::Purchased(bought(end))),
        Subscription::PendingPayment(PendingPayment {
            bought: bought(end),
            meanwhile: Meanwhile::Nothing,
        }),
        Subscription::PendingPayment(PendingPayment {
            bought: bought(end),
            meanwhile: Meanwhile::Trial(trial(end)),
        }),
        Subscription::PendingPayment(PendingPayment {
            bought: bought(end),
            meanwhile: Meanwhile::Free { since: at(0) },
        }),
        Subscription::PendingPayment(PendingPayment {
            bought: bought(end),
            meanwhile: Meanwhile::Over { since: at(0) },
        }),
        Subscription::Active(bought(end)),
        Subscription::PastDue(PastDue {
            bought: bought(end),
            since: at(0),
            attempt: 1,
        }),
        Subscription::Unpaid(Unpaid {
            bought: bought(end),
            since: at(0),
        }),
        Subscription::Paused(bought(end)),
        Subscription::Canceled(ended(end)),
        Subscription::Expired(ended(end)),
    ]
}

fn standing(subscription: Subscription) -> Standing {
    Standing {
        subscription: Some(subscription),
        grant: None,
    }
}

fn grant(ends_at: Option<Timestamp>) -> Grant {
    Grant {
        plan: PlanKey::parse("pro").unwrap(),
        granted_by: "00000000-0000-7000-8000-000000000001".parse().unwrap(),
        ends_at,
    }
}

const HORIZON: u64 = 60 * DAY;

prop_compose! {
    fn standings()(
        end in 0..HORIZON,
        kind in proptest::option::of(any::<prop::sample::Index>()),
        grant_ends in proptest::option::of(proptest::option::of(0..HORIZON)),
    ) -> Standing {
        Standing {
            subscription: kind.map(|kind| kind.get(&subscriptions(at(end))).clone()),
            grant: grant_ends.map(|end| grant(end.map(at))),
        }
    }
}

prop_compose! {
    fn policies()(free in any::<bool>(), read_only_days in 0..40_u16) -> Policy {
        Policy {
            after_end: if free { AfterEnd::Free } else { AfterEnd::Lock },
            read_only_days,
        }
    }
}

/// Few enough keys that plan and overrides often meet.
fn keys() -> impl Strategy<Value = String> {
    "[a-e]"
}

prop_compose! {
    fn plans()(
        limits in proptest::collection::btree_map(keys(), proptest::option::of(0..9_u64), 0..5),
        features in proptest::collection::btree_map(keys(), any::<Option<bool>>(), 0..5),
    ) -> Plan {
        Plan::new(
            PlanKey::parse("pro").unwrap(),
            limits.into_iter().rev().map(|(key, value)| (limit(&key), value)).collect(),
            features.into_iter().rev().map(|(key, on)| (feature(&key), on)).collect(),
        )
    }
}

prop_compose! {
    fn overrides()(
        features in proptest::collection::btree_map(
            keys(),
            (any::<bool>(), proptest::option::of(0..HORIZON)),
            0..4,
        ),
        limits in proptest::collection::btree_map(
            keys(),
            (proptest::option::of(0..9_u64), proptest::option::of(0..HORIZON)),
            0..4,
        ),
    ) -> Overrides {
        Overrides::new(
            features
                .into_iter()
                .rev()
                .map(|(key, (enabled, end))| feature_override(&key, enabled, end.map(at)))
                .collect(),
            limits
                .into_iter()
                .rev()
                .map(|(key, (value, end))| limit_override(&key, value, end.map(at)))
                .collect(),
        )
    }
}
