//! The codes with which an operator lets people sign up. A code itself is nowhere but with whoever was
//! given it: it is found by its hash.

use std::fmt::Debug;

use async_trait::async_trait;
use tollgate_identity::{InviteCode, Terms};
use tollgate_primitives::{EmailAddress, InviteCodeId, Timestamp, UserId};

use super::{Page, StoreError};

/// What is kept of a code when it is handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInviteCode {
    pub id: InviteCodeId,
    pub hash: [u8; 32],
    pub code: InviteCode,
    pub note: Option<String>,
    pub created_by: UserId,
}

/// A code as the operator's list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteCodeRecord {
    pub id: InviteCodeId,
    pub code: InviteCode,
    pub note: Option<String>,
    /// `None` when they are gone.
    pub created_by: Option<UserId>,
    pub created_at: Timestamp,
}

/// What became of taking a code back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    Now,
    Before,
    /// Somebody has signed up with it.
    Used,
}

/// Both read, and may be repeated.
#[async_trait]
pub trait InviteCodes: Debug + Send + Sync {
    /// Codes before `after`, newest first.
    async fn invite_codes(
        &self,
        after: Option<InviteCodeId>,
    ) -> Result<Page<InviteCodeRecord>, StoreError>;

    async fn invite_code(&self, hash: &[u8; 32]) -> Result<Option<InviteCode>, StoreError>;
}

#[async_trait]
pub trait InviteCodeWrites {
    /// False, and nothing inserted, when the plan is not in the catalog or archived.
    async fn insert_invite_code(
        &mut self,
        code: &NewInviteCode,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Uses up a code that is good for `email` now, in one guarded statement; its terms, or `None`. Of
    /// any number of transactions, the first to commit has it; the others wait.
    async fn claim_invite_code(
        &mut self,
        hash: &[u8; 32],
        email: &EmailAddress,
        user: UserId,
        now: Timestamp,
    ) -> Result<Option<Terms>, StoreError>;

    /// `None` when there is no such code.
    async fn revoke_invite_code(
        &mut self,
        id: InviteCodeId,
        now: Timestamp,
    ) -> Result<Option<Revoked>, StoreError>;
}
