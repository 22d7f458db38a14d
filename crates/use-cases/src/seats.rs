//! How many people an account may have, from what it has bought and what its plan allows.

use tollgate_billing::{Access, access, bought_seats};
use tollgate_entitlements::{Decision, Overrides, Plan, Question, Refusal, decide, resolve};
use tollgate_invites::{Full, Seats};
use tollgate_primitives::{PlanKey, Timestamp};

use crate::{
    App, GateRefused,
    billing_state::{is_seats, plan_named},
    pass_gate::refused,
    ports::LockedTeam,
};

/// The seats of a team that may use the product, and the plan they come with.
pub(crate) fn seats(
    app: &App,
    team: &LockedTeam,
    now: Timestamp,
) -> Result<(Seats, PlanKey), GateRefused> {
    let policy = app.settings.policy;
    let access = access(&team.standing, now, policy);
    let key = plan_named(&access, &team.standing);
    let bare = Plan::new(key.clone(), Vec::new(), Vec::new());
    let known = team.plans.iter().find(|plan| *plan.key() == key);
    let plan = known.unwrap_or(&bare);
    let asked = Question::default();
    match decide(&access, plan, &team.overrides, &asked, now) {
        Decision::Pass { .. } => {}
        Decision::Refuse(refusal) => {
            return Err(refused(refusal, None, key, &team.standing, now));
        }
    }
    let bought = bought_seats(&team.standing, now, policy);
    let allowed = allowed(&access, plan, &team.overrides, now);
    let seats = Seats {
        allowed,
        bought,
        members: team.members,
        invited: team.invited,
    };
    Ok((seats, key))
}

/// The seats that a plan allows, or an exception made for the account; `None` is unlimited.
pub(crate) fn allowed(
    access: &Access<'_>,
    plan: &Plan,
    overrides: &Overrides,
    now: Timestamp,
) -> Option<u64> {
    let resolved = resolve(access, plan, overrides, now);
    let limit = resolved.limits.iter().find(|limit| is_seats(limit.key));
    limit.map_or(Some(0), |limit| limit.value)
}

/// What whoever finds no seat is told.
pub(crate) fn is_full(team: &LockedTeam, plan: PlanKey, full: Full, now: Timestamp) -> GateRefused {
    let Full { limit, used } = full;
    let refusal = Refusal::LimitReached { limit, used };
    refused(refusal, None, plan, &team.standing, now)
}
