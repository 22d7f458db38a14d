//! May this session do that? One read, one decision, and the reason where the answer is no.

use thiserror::Error;
use tollgate_billing::{Access, Basis, Standing, Status, access, bought_seats, wire_status};
use tollgate_entitlements::{Decision, FeatureKey, LimitKey, Plan, Question, Refusal, Use, decide};
use tollgate_identity::verification;
use tollgate_invites::{Full, Seats};
use tollgate_primitives::{PlanKey, Timestamp};

use crate::{
    App,
    billing_state::{is_seats, plan_of},
    ports::{AccessClaims, AccountFacts, Caller, StoreError},
    seats::allowed,
};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GateQuestion {
    pub feature: Option<FeatureKey>,
    /// Whether one more fits.
    pub limit: Option<LimitKey>,
    /// The request changes nothing.
    pub read_only: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    pub caller: Caller,
    pub plan: PlanKey,
    pub basis: Basis,
}

#[derive(Debug, Error)]
pub enum GateRefused {
    #[error("the session has ended")]
    SessionEnded,
    #[error("the address was not proven in time")]
    EmailNotVerified { grace_ended_at: Timestamp },
    #[error("the plan does not allow it")]
    Plan {
        refusal: Refusal,
        /// The feature that was asked for.
        feature: Option<FeatureKey>,
        plan: PlanKey,
        status: Option<Status>,
        current_period_end: Option<Timestamp>,
        /// The purchase that waits for its payment, by the provider's id.
        pending: Option<String>,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub async fn pass_gate(
    app: &App,
    claims: &AccessClaims,
    question: &GateQuestion,
) -> Result<Passed, GateRefused> {
    let now = app.clock.now();
    let count_seats = question.limit.as_ref().filter(|key| is_seats(key));
    let facts = app
        .store
        .account_facts(claims.session, claims.account, count_seats.map(|_| now))
        .await?
        .ok_or(GateRefused::SessionEnded)?;
    judge(app, &facts, question, now)
}

fn judge(
    app: &App,
    facts: &AccountFacts,
    question: &GateQuestion,
    now: Timestamp,
) -> Result<Passed, GateRefused> {
    let caller = &facts.caller;
    if verification::needs_verification(caller.email_verified_at, caller.user_created_at, now) {
        let grace_ended_at = verification::grace_ends(caller.user_created_at);
        return Err(GateRefused::EmailNotVerified { grace_ended_at });
    }
    let access = access(&facts.standing, now, app.settings.policy);
    let plan = plan_of(&access, facts);
    let (seats, limit) = match &question.limit {
        Some(key) if is_seats(key) => (!question.read_only, None),
        other => (false, other.as_ref()),
    };
    let asked = Question {
        feature: question.feature.as_ref(),
        // Nothing but seats is counted yet.
        limit: limit.map(|key| Use {
            key,
            used: 0,
            amount: 1,
        }),
        read_only: question.read_only,
    };
    let mut decision = decide(&access, &plan, &facts.overrides, &asked, now);
    if seats
        && matches!(decision, Decision::Pass { .. })
        && let Err(Full { limit, used }) = seats_of(app, facts, &access, &plan, now).invite(0)
    {
        decision = Decision::Refuse(Refusal::LimitReached { limit, used });
    }
    match decision {
        Decision::Pass { plan, basis } => Ok(Passed {
            plan: plan.clone(),
            basis,
            caller: facts.caller.clone(),
        }),
        Decision::Refuse(refusal) => {
            let feature = question.feature.clone();
            let plan = plan.key().clone();
            Err(refused(refusal, feature, plan, &facts.standing, now))
        }
    }
}

fn seats_of(
    app: &App,
    facts: &AccountFacts,
    access: &Access<'_>,
    plan: &Plan,
    now: Timestamp,
) -> Seats {
    Seats {
        allowed: allowed(access, plan, &facts.overrides, now),
        bought: bought_seats(&facts.standing, now, app.settings.policy),
        members: facts.seats_used,
        // They are counted among the members.
        invited: 0,
    }
}

/// A refusal with all that belongs to it.
pub(crate) fn refused(
    refusal: Refusal,
    feature: Option<FeatureKey>,
    plan: PlanKey,
    standing: &Standing,
    now: Timestamp,
) -> GateRefused {
    let subscription = standing.subscription.as_ref();
    let bought = subscription.and_then(|subscription| subscription.bought());
    let trial_end = subscription
        .and_then(|subscription| subscription.reverse())
        .map(|trial| trial.period.end());
    GateRefused::Plan {
        refusal,
        feature,
        plan,
        status: wire_status(standing, now),
        current_period_end: trial_end.or_else(|| bought.map(|bought| bought.period.end())),
        pending: bought.map(|bought| bought.subscription.to_string()),
    }
}
