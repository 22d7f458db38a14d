//! What is held about a person, and its end.

use std::fmt::Debug;

use async_trait::async_trait;
use serde_json::{Map, Value};
use tollgate_billing::Customer;
use tollgate_primitives::{AccountId, SessionId, Timestamp, UserId};

use super::{EventPosition, StoreError};

/// An account of a person who leaves for good, locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftAccount {
    pub id: AccountId,
    pub has_others: bool,
    /// Whether one of the others owns it.
    pub has_other_owner: bool,
}

/// Where a session stands among those of its person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionPosition {
    pub last_active: Timestamp,
    pub id: SessionId,
}

#[async_trait]
pub trait Erasure: Debug + Send + Sync {
    /// Everything held about a person but their sessions, no secret and no hash among it; `None` when
    /// there is none such. What was said under an address that was not proven is not among it: it may be
    /// somebody else's.
    async fn held_about(&self, user: UserId) -> Result<Option<Map<String, Value>>, StoreError>;

    /// At most `limit` of the person's sessions, those that were not used for longest first, and where
    /// the next begin; `None` after the last. One that is used meanwhile moves to the end.
    async fn held_sessions(
        &self,
        user: UserId,
        after: Option<SessionPosition>,
        limit: u16,
    ) -> Result<(Vec<Value>, Option<SessionPosition>), StoreError>;

    /// Empties those of the next `limit` events that name a customer, of events that are done, the oldest
    /// first. Answers how many, and where the next begin; `None` after the last.
    async fn forget_events(
        &self,
        customer: &Customer,
        after: Option<EventPosition>,
        limit: u16,
    ) -> Result<(u64, Option<EventPosition>), StoreError>;

    /// At most `limit` of those who signed up before that moment and have not proven their address, the
    /// oldest first. Not whoever shares an account with others, nor who has, or had, a customer at the
    /// provider or has access for free; neither the test cohort, nor the operators.
    async fn unproven(
        &self,
        signed_up_before: Timestamp,
        limit: u16,
    ) -> Result<Vec<UserId>, StoreError>;
}

#[async_trait]
pub trait ErasureWrites {
    /// The accounts of a person, with their rows locked in one order, so that of two owners who leave at
    /// once the second sees that the first has.
    async fn lock_accounts_of(&mut self, user: UserId) -> Result<Vec<LeftAccount>, StoreError>;

    /// Holds a person who has not proven their address, so that they cannot meanwhile; false when they
    /// have, or are gone.
    async fn lock_unproven(&mut self, user: UserId) -> Result<bool, StoreError>;

    /// Takes everybody and everything out of a locked account but ids; answers how many sessions ended,
    /// `None` when that was done before.
    async fn empty_account(
        &mut self,
        account: AccountId,
        now: Timestamp,
    ) -> Result<Option<u64>, StoreError>;

    /// Deletes a person with all that hangs on them; false when there is none such.
    async fn erase_user(&mut self, user: UserId, now: Timestamp) -> Result<bool, StoreError>;
}
