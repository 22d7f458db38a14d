//! Every feature and limit of an account, each with where its value comes from.
//! An account's override beats the plan's default; without either it is off.

use std::{cmp::Ordering, iter};

use serde::{Deserialize, Serialize};
use tollgate_billing::{Access, Basis};
use tollgate_primitives::{PlanKey, Timestamp};

use crate::{FeatureKey, FeatureOverride, LimitKey, LimitOverride, Overrides, Plan};

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    AccountOverride,
    PlanDefault,
    /// Neither said anything, or the account is not entitled to anything.
    DefaultOff,
}

impl Source {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccountOverride => "account_override",
            Self::PlanDefault => "plan_default",
            Self::DefaultOff => "default_off",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feature<'a> {
    pub key: &'a FeatureKey,
    pub enabled: bool,
    pub source: Source,
    /// When the override that decided it stops counting.
    pub expires_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit<'a> {
    pub key: &'a LimitKey,
    /// `None` is unlimited. Off is a limit of zero.
    pub value: Option<u64>,
    pub source: Source,
    /// When the override that decided it stops counting.
    pub expires_at: Option<Timestamp>,
}

/// What an account may use at one moment, in the order of the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entitlements<'a> {
    /// The plan the values were read from.
    pub plan: &'a PlanKey,
    /// Why the account is entitled; `None` when it is locked, and then everything is off.
    pub basis: Option<Basis>,
    pub features: Vec<Feature<'a>>,
    pub limits: Vec<Limit<'a>>,
}

impl<'a> Entitlements<'a> {
    /// `None` when neither the catalog nor an override knows the key.
    #[must_use]
    pub fn feature(&self, key: &FeatureKey) -> Option<&Feature<'a>> {
        let at = self.features.binary_search_by(|f| f.key.cmp(key)).ok()?;
        self.features.get(at)
    }

    /// `None` when neither the plan nor an override knows the key.
    #[must_use]
    pub fn limit(&self, key: &LimitKey) -> Option<&Limit<'a>> {
        let at = self.limits.binary_search_by(|l| l.key.cmp(key)).ok()?;
        self.limits.get(at)
    }
}

/// Resolves everything the catalog and the account's overrides know.
///
/// `plan` is the plan that `access` names; the free plan where access is free. Of a locked account
/// only its keys matter, so any plan does.
///
/// An account whose subscription is over has no features and limits of zero, whatever the tables
/// say, also while it may still read: reading what was made is [`crate::decide`]'s answer alone.
#[must_use]
pub fn resolve<'a>(
    access: &Access<'_>,
    plan: &'a Plan,
    overrides: &'a Overrides,
    now: Timestamp,
) -> Entitlements<'a> {
    let (basis, entitled) = match access {
        Access::Full { basis, .. } => (Some(*basis), true),
        Access::Free => (Some(Basis::Free), true),
        Access::ReadOnly { .. } => (Some(Basis::ReadOnly), false),
        Access::Locked(_) => (None, false),
    };
    let mut features = Vec::with_capacity(plan.features().len() + overrides.features().len());
    features.extend(
        by_key(plan.features(), overrides.features(), |own| &own.key).map(|(key, row, own)| {
            feature(key, row.filter(|_| entitled), own.filter(|_| entitled), now)
        }),
    );
    let mut limits = Vec::with_capacity(plan.limits().len() + overrides.limits().len());
    limits.extend(
        by_key(plan.limits(), overrides.limits(), |own| &own.key).map(|(key, row, own)| {
            limit(key, row.filter(|_| entitled), own.filter(|_| entitled), now)
        }),
    );
    Entitlements {
        plan: plan.key(),
        basis,
        features,
        limits,
    }
}

/// The rule for one feature, from its row in the plan and the account's override.
pub(crate) fn feature<'a>(
    key: &'a FeatureKey,
    row: Option<&(FeatureKey, Option<bool>)>,
    own: Option<&FeatureOverride>,
    now: Timestamp,
) -> Feature<'a> {
    let own = own.filter(|o| counts(o.expires_at, now));
    let (enabled, source) = match (own, row.and_then(|(_, default)| *default)) {
        (Some(own), _) => (own.enabled, Source::AccountOverride),
        (None, Some(default)) => (default, Source::PlanDefault),
        (None, None) => (false, Source::DefaultOff),
    };
    Feature {
        key,
        enabled,
        source,
        expires_at: own.and_then(|o| o.expires_at),
    }
}

/// The rule for one limit, from its row in the plan and the account's override.
pub(crate) fn limit<'a>(
    key: &'a LimitKey,
    row: Option<&(LimitKey, Option<u64>)>,
    own: Option<&LimitOverride>,
    now: Timestamp,
) -> Limit<'a> {
    let own = own.filter(|o| counts(o.expires_at, now));
    let (value, source) = match (own, row) {
        (Some(own), _) => (own.value, Source::AccountOverride),
        (None, Some((_, default))) => (*default, Source::PlanDefault),
        (None, None) => (Some(0), Source::DefaultOff),
    };
    Limit {
        key,
        value,
        source,
        expires_at: own.and_then(|o| o.expires_at),
    }
}

fn counts(expires_at: Option<Timestamp>, now: Timestamp) -> bool {
    expires_at.is_none_or(|end| now < end)
}

/// Walks a plan's rows and an account's overrides as one list, each key once, in order.
fn by_key<'a, K: Ord, V, O>(
    mut plan: &'a [(K, V)],
    mut overrides: &'a [O],
    key_of: fn(&O) -> &K,
) -> impl Iterator<Item = (&'a K, Option<&'a (K, V)>, Option<&'a O>)> {
    iter::from_fn(move || {
        let (row, own) = match (plan.first(), overrides.first()) {
            (Some((key, _)), Some(own)) => match key.cmp(key_of(own)) {
                Ordering::Less => (plan.split_off_first(), None),
                Ordering::Equal => (plan.split_off_first(), overrides.split_off_first()),
                Ordering::Greater => (None, overrides.split_off_first()),
            },
            (Some(_), None) => (plan.split_off_first(), None),
            (None, _) => (None, overrides.split_off_first()),
        };
        let key = row.map(|(key, _)| key).or(own.map(key_of))?;
        Some((key, row, own))
    })
}
