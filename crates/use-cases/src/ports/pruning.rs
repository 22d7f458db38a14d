//! What is deleted once nothing asks for it any more.

use std::fmt::Debug;

use async_trait::async_trait;
use tollgate_primitives::Timestamp;

use super::StoreError;

/// Rows that are over and were only kept for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prunable {
    /// Events that are done. One that failed, waits or is a dead letter is never over.
    Events,
    /// Purchases that were closed.
    Purchases,
    /// Changes of a subscription that were closed.
    Changes,
    /// Mailed tokens that have expired, used or not.
    MailedTokens,
    /// Refresh tokens as old as a session can become: until then, a used one that comes back ends its
    /// session. The sessions stay, because they tell when somebody was last there.
    RefreshTokens,
    /// Invitations that were accepted or revoked, or have expired.
    Invitations,
}

impl Prunable {
    pub const ALL: [Self; 6] = [
        Self::Events,
        Self::Purchases,
        Self::Changes,
        Self::MailedTokens,
        Self::RefreshTokens,
        Self::Invitations,
    ];
}

#[async_trait]
pub trait Pruning: Debug + Send + Sync {
    /// Deletes at most `limit` of those that were over before `over_by`, the oldest first, in a statement
    /// that commits by itself; answers how many. A repeat deletes the next, and any number at once never
    /// wait for each other.
    async fn prune(
        &self,
        what: Prunable,
        over_by: Timestamp,
        limit: u16,
    ) -> Result<u64, StoreError>;
}
