//! What an account has, what it may use and why, as one answer.

use std::borrow::Cow;

use thiserror::Error;
use tollgate_billing::{
    Access, Basis, Standing, Status, Subscription, Trialing, access, is_paid, wire_status,
};
use tollgate_entitlements::{Banner, LimitKey, Plan, resolve, trial_banner};
use tollgate_primitives::{AccountId, PlanKey, SessionId, Timestamp};

use crate::{
    App,
    ports::{AccessClaims, AccountFacts, PlanBilling, StoreError},
};

#[derive(Debug, Clone, PartialEq)]
pub struct BillingState {
    pub subscription: SubscriptionState,
    pub plan_billing: Option<PlanBilling>,
    /// Every limit; `None` is unlimited.
    pub limits: Vec<(LimitKey, Option<u64>)>,
    pub features: Vec<(String, bool)>,
    pub trial_banner: Option<Banner>,
    pub pending_kept_banner: bool,
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "the wire shows four independent facts"
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionState {
    pub status: Status,
    pub plan: PlanKey,
    /// `None` when the account is locked.
    pub basis: Option<Basis>,
    pub current_period_start: Option<Timestamp>,
    pub current_period_end: Option<Timestamp>,
    pub cancel_at_period_end: bool,
    pub cancel_is_auto: bool,
    /// `None` is unlimited.
    pub seat_limit: Option<u64>,
    pub has_pro_entitlement: bool,
    pub is_paid: bool,
}

#[derive(Debug, Error)]
pub enum BillingStateError {
    #[error("the session has ended")]
    SessionEnded,
    #[error("the account never tried nor bought")]
    NoSubscription,
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub async fn billing_state(
    app: &App,
    claims: &AccessClaims,
) -> Result<BillingState, BillingStateError> {
    state_of(app, claims.session, claims.account).await
}

pub(crate) async fn state_of(
    app: &App,
    session: SessionId,
    account: AccountId,
) -> Result<BillingState, BillingStateError> {
    let facts = app
        .store
        .account_facts(session, account, None)
        .await?
        .ok_or(BillingStateError::SessionEnded)?;
    describe(app, &facts, app.clock.now()).ok_or(BillingStateError::NoSubscription)
}

/// As [`billing_state`], with the seats that are taken.
pub async fn account_subscription(
    app: &App,
    claims: &AccessClaims,
) -> Result<(BillingState, u32), BillingStateError> {
    let now = app.clock.now();
    let facts = app
        .store
        .account_facts(claims.session, claims.account, Some(now))
        .await?
        .ok_or(BillingStateError::SessionEnded)?;
    let state = describe(app, &facts, now).ok_or(BillingStateError::NoSubscription)?;
    Ok((state, facts.seats_used))
}

fn describe(app: &App, facts: &AccountFacts, now: Timestamp) -> Option<BillingState> {
    let status = wire_status(&facts.standing, now)?;
    let access = access(&facts.standing, now, app.settings.policy);
    let plan = plan_of(&access, facts);
    let resolved = resolve(&access, &plan, &facts.overrides, now);
    let limits: Vec<_> = resolved
        .limits
        .iter()
        .map(|limit| (limit.key.clone(), limit.value))
        .collect();
    let seats = limits
        .iter()
        .find(|(key, _)| is_seats(key))
        .and_then(|(_, seats)| *seats);
    let terms = Terms::of(&facts.standing, now);
    Some(BillingState {
        subscription: SubscriptionState {
            status,
            plan: plan.key().clone(),
            basis: resolved.basis,
            current_period_start: terms.start,
            current_period_end: terms.end,
            cancel_at_period_end: terms.cancels,
            cancel_is_auto: terms.cancels_by_itself,
            seat_limit: terms.seats.map(u64::from).or(seats),
            has_pro_entitlement: matches!(&access, Access::Full { plan, .. } if !plan.is_free()),
            is_paid: is_paid(&facts.standing, now),
        },
        plan_billing: facts
            .catalog
            .0
            .get(plan.key())
            .and_then(|found| found.billing.clone()),
        features: resolved
            .features
            .iter()
            .map(|feature| (feature.key.to_string(), feature.enabled))
            .collect(),
        limits,
        trial_banner: trial_banner(&facts.standing, now),
        pending_kept_banner: facts.pending_kept_banner,
    })
}

/// Whether it is the limit that seats are counted against.
pub(crate) fn is_seats(key: &LimitKey) -> bool {
    key.as_str() == "max_users"
}

/// The plan that `access` names, or the one the account had; bare when the catalog has lost it.
pub(crate) fn plan_of<'a>(access: &Access<'_>, facts: &'a AccountFacts) -> Cow<'a, Plan> {
    let key = plan_named(access, &facts.standing);
    match facts.catalog.0.get(&key) {
        Some(found) => Cow::Borrowed(&found.plan),
        None => Cow::Owned(Plan::new(key, Vec::new(), Vec::new())),
    }
}

/// The plan that `access` names, or the one the account had.
pub(crate) fn plan_named(access: &Access<'_>, standing: &Standing) -> PlanKey {
    match access {
        Access::Full { plan, .. } | Access::ReadOnly { plan } => (*plan).clone(),
        Access::Free => PlanKey::free(),
        Access::Locked(_) => plan_it_had(standing),
    }
}

pub(crate) fn plan_it_had(standing: &Standing) -> PlanKey {
    match &standing.subscription {
        None | Some(Subscription::Free { .. }) => PlanKey::free(),
        Some(Subscription::Trialing(Trialing::Reverse { trial, .. })) => trial.plan.clone(),
        Some(subscription) => subscription
            .bought()
            .map_or_else(PlanKey::free, |bought| bought.plan.clone()),
    }
}

/// The dates and terms that the wire shows beside the status.
#[derive(Debug, Default)]
struct Terms {
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    cancels: bool,
    cancels_by_itself: bool,
    seats: Option<u32>,
}

impl Terms {
    fn of(standing: &Standing, now: Timestamp) -> Self {
        if let Some(grant) = standing.grant.as_ref().filter(|grant| grant.holds_at(now)) {
            return Self {
                end: grant.ends_at,
                ..Self::default()
            };
        }
        let Some(subscription) = &standing.subscription else {
            return Self::default();
        };
        if let Some(trial) = subscription.reverse() {
            let (start, end) = (Some(trial.period.start()), Some(trial.period.end()));
            return Self {
                start,
                end,
                ..Self::default()
            };
        }
        let Some(bought) = subscription.bought().filter(|_| !subscription.is_free()) else {
            return Self::default();
        };
        Self {
            start: Some(bought.period.start()),
            end: Some(bought.period.end()),
            cancels: bought.cancellation.is_some(),
            cancels_by_itself: bought
                .cancellation
                .is_some_and(|scheduled| scheduled.is_auto),
            seats: Some(bought.seats),
        }
    }
}
