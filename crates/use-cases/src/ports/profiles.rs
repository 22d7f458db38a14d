//! What people and accounts say of themselves, and how far a person is in the wizard.

use std::fmt::Debug;

use async_trait::async_trait;
use tollgate_field_mask::Changes;
use tollgate_onboarding::{Progress, RoleAtSignup};
use tollgate_primitives::{AccountId, Timestamp, UserId};

use super::StoreError;

/// An account as its members see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountProfile {
    pub id: AccountId,
    pub name: String,
    pub team_size_bucket: Option<String>,
    /// The tool the account works in.
    pub primary_psa: Option<String>,
    pub created_at: Timestamp,
}

/// What the checklist asks of a person in an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnboardingFacts {
    pub progress: Progress,
    pub primary_psa: Option<String>,
    /// Whether the account has a second member, or somebody was asked to be one.
    pub has_teammate: bool,
    /// Whether the person joined an account that was there before.
    pub is_team_user: bool,
    /// Whether a session of the account has outlived its first access token.
    pub came_back: bool,
}

#[async_trait]
pub trait Profiles: Debug + Send + Sync {
    /// `None` when there is no such member.
    async fn onboarding(
        &self,
        user: UserId,
        account: AccountId,
    ) -> Result<Option<OnboardingFacts>, StoreError>;
}

/// A repeat of each writes the same again.
#[async_trait]
pub trait ProfileWrites {
    /// False when there is no such person.
    async fn update_user(
        &mut self,
        user: UserId,
        changes: &Changes<String>,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// The account as it is then; `None` when there is none such.
    async fn update_account(
        &mut self,
        account: AccountId,
        changes: &Changes<String>,
        now: Timestamp,
    ) -> Result<Option<AccountProfile>, StoreError>;

    /// Keeps other changes of the wizard waiting until the commit.
    async fn lock_progress(&mut self, user: UserId) -> Result<Option<Progress>, StoreError>;

    /// Stores the progress that was decided on what is locked, with what the person says they do.
    async fn put_progress(
        &mut self,
        user: UserId,
        progress: Progress,
        role: Option<RoleAtSignup>,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// False when no banner was shown.
    async fn clear_kept_banner(&mut self, user: UserId, now: Timestamp)
    -> Result<bool, StoreError>;
}
