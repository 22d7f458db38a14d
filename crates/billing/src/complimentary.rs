//! Whether an operator may give an account access for free.

use thiserror::Error;
use tollgate_primitives::{PlanKey, Timestamp, UserId};

use crate::{Grant, Standing};

/// What an operator gives, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complimentary {
    pub plan: PlanKey,
    pub reason: String,
    /// Without an end, it lasts until somebody ends it.
    pub ends_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum GrantRefused {
    #[error("there is no such plan to give")]
    InvalidPlan,
    #[error("no reason is given")]
    ReasonMissing,
    #[error("the end lies in the past")]
    EndIsPast,
    #[error("the account is complimentary already")]
    AlreadyComplimentary,
}

impl Complimentary {
    /// The grant by `granted_by`; `is_known` is whether the catalog has the plan. The free plan is
    /// nobody's to give.
    pub fn grant(
        &self,
        granted_by: UserId,
        is_known: bool,
        standing: &Standing,
        now: Timestamp,
    ) -> Result<Grant, GrantRefused> {
        if !is_known || self.plan.is_free() {
            return Err(GrantRefused::InvalidPlan);
        }
        if self.reason.trim().is_empty() {
            return Err(GrantRefused::ReasonMissing);
        }
        if self.ends_at.is_some_and(|end| end <= now) {
            return Err(GrantRefused::EndIsPast);
        }
        if standing.is_complimentary(now) {
            return Err(GrantRefused::AlreadyComplimentary);
        }
        Ok(Grant {
            plan: self.plan.clone(),
            granted_by,
            ends_at: self.ends_at,
        })
    }
}
