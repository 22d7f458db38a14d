//! What is held about a person, and its end.

use std::fmt::Debug;

use async_trait::async_trait;
use tollgate_primitives::{AccountId, Timestamp, UserId};

use super::StoreError;

/// An account of a person who leaves for good, locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftAccount {
    pub id: AccountId,
    pub has_others: bool,
    /// Whether one of the others owns it.
    pub has_other_owner: bool,
}

#[async_trait]
pub trait Erasure: Debug + Send + Sync {
    /// Everything held about a person, no secret and no hash among it; `None` when there is none such.
    /// What was said under an address that was not proven is not among it: it may be somebody else's.
    async fn held_about(&self, user: UserId) -> Result<Option<serde_json::Value>, StoreError>;
}

#[async_trait]
pub trait ErasureWrites {
    /// The accounts of a person, with their rows locked in one order, so that of two owners who leave at
    /// once the second sees that the first has.
    async fn lock_accounts_of(&mut self, user: UserId) -> Result<Vec<LeftAccount>, StoreError>;

    /// Takes everybody and everything out of a locked account but ids; answers how many sessions ended.
    /// A repeat changes nothing.
    async fn empty_account(
        &mut self,
        account: AccountId,
        now: Timestamp,
    ) -> Result<u64, StoreError>;

    /// Deletes a person with all that hangs on them; false when there is none such.
    async fn erase_user(&mut self, user: UserId, now: Timestamp) -> Result<bool, StoreError>;
}
