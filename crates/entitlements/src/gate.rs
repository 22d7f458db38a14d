//! The gate's answer to one question, with the reason where it is no.
//! Counts nothing: how much of a limit is used comes with the question.

use tollgate_billing::{Access, Basis, Locked};
use tollgate_primitives::{PlanKey, Timestamp};

use crate::{FeatureKey, LimitKey, Overrides, Plan, resolve};

/// May this be done? All that is named must hold; an empty question asks for access alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Question<'a> {
    pub feature: Option<&'a FeatureKey>,
    pub limit: Option<Use<'a>>,
    /// It changes nothing and uses nothing up, so no limit stands in its way, and for a while it is
    /// still answered after the subscription's end.
    pub read_only: bool,
}

/// Taking `amount` more of a limit of which `used` is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use<'a> {
    pub key: &'a LimitKey,
    pub used: u64,
    pub amount: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision<'a> {
    Pass { plan: &'a PlanKey, basis: Basis },
    Refuse(Refusal),
}

/// Why not, each a 402 of the HTTP contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    NoSubscription,
    SubscriptionInactive,
    PaymentPending,
    FeatureNotInPlan,
    LimitReached { limit: u64, used: u64 },
}

impl Refusal {
    /// The stable error code of the HTTP contract.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoSubscription => "no_subscription",
            Self::SubscriptionInactive => "subscription_inactive",
            Self::PaymentPending => "payment_pending",
            Self::FeatureNotInPlan => "feature_not_in_plan",
            Self::LimitReached { .. } => "limit_reached",
        }
    }
}

/// Decides one question. `plan` is chosen as for [`crate::resolve`].
///
/// The subscription is asked first, then the feature, then the limit. Where only reading is left,
/// a read is answered by the plan the account had.
#[must_use]
pub fn decide<'a>(
    access: &Access<'_>,
    plan: &'a Plan,
    overrides: &Overrides,
    question: &Question<'_>,
    now: Timestamp,
) -> Decision<'a> {
    let basis = match access {
        Access::Full { basis, .. } => *basis,
        Access::Free => Basis::Free,
        Access::ReadOnly { .. } if question.read_only => Basis::ReadOnly,
        Access::ReadOnly { .. } | Access::Locked(Locked::Inactive) => {
            return Decision::Refuse(Refusal::SubscriptionInactive);
        }
        Access::Locked(Locked::NoSubscription) => {
            return Decision::Refuse(Refusal::NoSubscription);
        }
        Access::Locked(Locked::PaymentPending) => {
            return Decision::Refuse(Refusal::PaymentPending);
        }
    };
    let feature_is_off = question
        .feature
        .is_some_and(|key| !is_enabled(key, plan, overrides, now));
    if feature_is_off {
        return Decision::Refuse(Refusal::FeatureNotInPlan);
    }
    let reached = question
        .limit
        .filter(|_| !question.read_only)
        .and_then(|taking| reached(taking, plan, overrides, now));
    match reached {
        Some(refusal) => Decision::Refuse(refusal),
        None => Decision::Pass {
            plan: plan.key(),
            basis,
        },
    }
}

fn is_enabled(key: &FeatureKey, plan: &Plan, overrides: &Overrides, now: Timestamp) -> bool {
    let row = find(plan.features(), |(k, _)| k.cmp(key));
    let own = find(overrides.features(), |o| o.key.cmp(key));
    resolve::feature(key, row, own, now).enabled
}

fn reached(taking: Use<'_>, plan: &Plan, overrides: &Overrides, now: Timestamp) -> Option<Refusal> {
    let row = find(plan.limits(), |(k, _)| k.cmp(taking.key));
    let own = find(overrides.limits(), |o| o.key.cmp(taking.key));
    let limit = resolve::limit(taking.key, row, own, now).value?;
    let fits = taking
        .used
        .checked_add(taking.amount)
        .is_some_and(|total| total <= limit);
    (!fits).then_some(Refusal::LimitReached {
        limit,
        used: taking.used,
    })
}

fn find<T>(sorted: &[T], compare: impl FnMut(&T) -> std::cmp::Ordering) -> Option<&T> {
    sorted.get(sorted.binary_search_by(compare).ok()?)
}
