//! The wizard takes its steps, and the checklist says what is next.

use serde_json::json;
use thiserror::Error;
use tollgate_billing::{Access, Basis, Standing, access};
use tollgate_entitlements::{BannerStage, trial_banner};
use tollgate_field_mask::Changes;
use tollgate_onboarding::{Checklist, Progress, RoleAtSignup, Step, StepCannotDecrease};
use tollgate_primitives::Timestamp;

use crate::{
    App,
    ports::{AuditEntry, Caller, StoreError, Transaction},
    update_profile::updated,
};

/// What one step was answered; nothing where it was skipped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StepAnswers {
    /// What is said of the account: an owner's or admin's to say.
    pub account: Option<Changes<String>>,
    pub role: Option<RoleAtSignup>,
}

#[derive(Debug, Error)]
pub enum OnboardingError {
    #[error(transparent)]
    StepCannotDecrease(#[from] StepCannotDecrease),
    #[error("only owners and admins speak for the account")]
    RoleRequired,
    #[error("the person or the account is gone")]
    Gone,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The checklist with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnboardingStatus {
    pub list: Checklist,
    pub is_team_user: bool,
}

/// Of two at once the one that is further stays.
pub async fn take_step(
    app: &App,
    caller: &Caller,
    step: Step,
    answers: StepAnswers,
) -> Result<Progress, OnboardingError> {
    if answers.account.is_some() && !caller.role.is_admin_or_above() {
        return Err(OnboardingError::RoleRequired);
    }
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    let progress = tx.lock_progress(caller.user).await?;
    let progress = progress.ok_or(OnboardingError::Gone)?.advance(step)?;
    tx.put_progress(caller.user, progress, answers.role, now)
        .await?;
    if let Some(changes) = &answers.account {
        let account = tx.update_account(caller.account, changes, now).await?;
        account.ok_or(OnboardingError::Gone)?;
        tx.audit(&updated(caller, "account_updated", changes), now)
            .await?;
    }
    note(tx.as_mut(), caller, progress, now).await?;
    tx.commit().await?;
    Ok(progress)
}

/// Waves away what is left, in the wizard and on the checklist.
pub async fn dismiss_onboarding(app: &App, caller: &Caller) -> Result<Progress, OnboardingError> {
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    let before = tx.lock_progress(caller.user).await?;
    let before = before.ok_or(OnboardingError::Gone)?;
    let progress = Progress {
        is_dismissed: true,
        ..before
    };
    if progress != before {
        tx.put_progress(caller.user, progress, None, now).await?;
        note(tx.as_mut(), caller, progress, now).await?;
    }
    tx.commit().await?;
    Ok(progress)
}

pub async fn onboarding_status(
    app: &App,
    caller: &Caller,
) -> Result<OnboardingStatus, OnboardingError> {
    let (session, account) = (caller.session, caller.account);
    let facts = app.store.account_facts(session, account, None).await?;
    let standing = facts.ok_or(OnboardingError::Gone)?.standing;
    let known = app.profiles.onboarding(caller.user, account).await?;
    let known = known.ok_or(OnboardingError::Gone)?;
    let (plan_picked, is_plan_due) = plan(app, &standing, app.clock.now());
    Ok(OnboardingStatus {
        list: Checklist {
            email_verified: caller.email_verified_at.is_some(),
            shop_setup_done: known.progress.is_set_up(),
            first_use: known.came_back,
            connected_integration: known.primary_psa.is_some(),
            invited_teammate: known.has_teammate,
            plan_picked,
            is_plan_due,
            is_dismissed: known.progress.is_dismissed,
        },
        is_team_user: known.is_team_user,
    })
}

/// Whether a plan was picked that holds, and whether it is time to pick one.
fn plan(app: &App, standing: &Standing, now: Timestamp) -> (bool, bool) {
    let is_picked = match access(standing, now, app.settings.policy) {
        Access::Full { basis, .. } => basis != Basis::Trial,
        Access::Free => true,
        Access::ReadOnly { .. } | Access::Locked(_) => false,
    };
    let stage = trial_banner(standing, now).map(|banner| banner.stage);
    (is_picked, stage != Some(BannerStage::Pristine))
}

/// The banner "we kept your subscription" was seen.
pub async fn acknowledge_kept_banner(app: &App, caller: &Caller) -> Result<(), StoreError> {
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    if tx.clear_kept_banner(caller.user, now).await? {
        let entry = AuditEntry {
            actor: Some(caller.user),
            account: Some(caller.account),
            action: "kept_banner_acknowledged",
            detail: json!({}),
        };
        tx.audit(&entry, now).await?;
    }
    tx.commit().await
}

async fn note(
    tx: &mut dyn Transaction,
    caller: &Caller,
    progress: Progress,
    now: Timestamp,
) -> Result<(), StoreError> {
    let entry = AuditEntry {
        actor: Some(caller.user),
        account: Some(caller.account),
        action: "onboarding_moved",
        detail: json!({
            "step_completed": progress.step_completed,
            "is_dismissed": progress.is_dismissed,
        }),
    };
    tx.audit(&entry, now).await
}
