//! What is kept of sign-ins through a provider: those that have begun, and who is linked to whom.

use std::fmt::Debug;

use async_trait::async_trait;
use tollgate_identity::{
    OwnPath,
    attestation::ProviderIdentity,
    provider::ProviderName,
    provider_sign_in::{Holder, Linker},
};
use tollgate_primitives::{AccountId, EmailAddress, IdentityId, SessionId, Timestamp, UserId};

use super::{FlowSecrets, StoreError};

/// A sign-in that has begun, as it is kept: never what its browser holds.
#[derive(Debug, Clone)]
pub struct NewFlow {
    pub state: [u8; 32],
    pub flow_token: [u8; 32],
    pub provider: ProviderName,
    pub secrets: FlowSecrets,
    /// The hash of the invitation's code, if the browser came with one.
    pub invite: Option<[u8; 32]>,
    pub next: Option<OwnPath>,
    /// Whose way in it is to become; `None` for a sign-in.
    pub linking: Option<Linking>,
    pub expires_at: Timestamp,
}

/// A person, in one of their sessions, who brings one more way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Linking {
    pub user: UserId,
    pub session: SessionId,
}

/// What a sign-in that has begun goes on with.
#[derive(Debug, Clone)]
pub struct Flow {
    pub secrets: FlowSecrets,
    pub invite: Option<[u8; 32]>,
    pub next: Option<OwnPath>,
}

/// Where a person's new session starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entrance {
    /// The account they joined first, of those that are not suspended.
    pub account: AccountId,
    /// Whether all of their accounts are suspended.
    pub is_suspended: bool,
}

/// One more way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIdentity {
    pub id: IdentityId,
    pub user: UserId,
    pub provider: ProviderName,
    pub identity: ProviderIdentity,
    /// What the provider called the person's address then.
    pub email: EmailAddress,
}

/// A way in as its person sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityRow {
    pub id: IdentityId,
    pub provider: String,
    pub email: Option<String>,
    pub created_at: Timestamp,
}

#[async_trait]
pub trait ProviderSignIns: Debug + Send + Sync {
    /// Keeps a sign-in that begins, and forgets some that are long over.
    async fn insert_flow(&self, flow: &NewFlow, now: Timestamp) -> Result<(), StoreError>;

    /// Uses up what has begun at `provider` in the browser that holds the flow token, and in the session
    /// of `linking` if that is what it is for, in one guarded statement that commits by itself; a repeat
    /// answers `None`, as does anything else. The hashes are those of state and flow token.
    async fn take_flow(
        &self,
        provider: &ProviderName,
        hashes: (&[u8; 32], &[u8; 32]),
        linking: Option<Linking>,
        now: Timestamp,
    ) -> Result<Option<Flow>, StoreError>;

    /// A person's links to providers, the oldest first.
    async fn identities(&self, user: UserId) -> Result<Vec<IdentityRow>, StoreError>;
}

/// The part of a transaction that decides who comes in.
#[async_trait]
pub trait ProviderArrivals: Debug + Send {
    /// Who holds an address, held until the commit.
    async fn lock_holder(&mut self, email: &EmailAddress) -> Result<Option<Holder>, StoreError>;

    /// Whose identity it is; it stays theirs until the commit.
    async fn identity_owner(
        &mut self,
        provider: &ProviderName,
        identity: &ProviderIdentity,
    ) -> Result<Option<UserId>, StoreError>;

    /// `None` for somebody who is in no account.
    async fn entrance(&mut self, user: UserId) -> Result<Option<Entrance>, StoreError>;

    /// False when the identity is somebody's already; nothing is inserted then.
    async fn insert_identity(
        &mut self,
        identity: &NewIdentity,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Takes password and links away from a person. Sessions and mailed links are taken by
    /// [`super::Transaction::end_sessions`] and [`super::Transaction::end_one_time`].
    async fn end_ways_in(&mut self, user: UserId) -> Result<(), StoreError>;

    /// Notes that a person's address is proven; one that was proven before keeps its time.
    async fn mark_verified(&mut self, user: UserId, now: Timestamp) -> Result<(), StoreError>;

    /// Somebody who brings one more way in, held until the commit; `None` when they are gone.
    async fn lock_linker(
        &mut self,
        user: UserId,
        session: SessionId,
    ) -> Result<Option<Linker>, StoreError>;

    /// How a person can sign in, held until the commit: whether by a password, and by which links.
    async fn lock_ways_in(&mut self, user: UserId) -> Result<(bool, Vec<IdentityId>), StoreError>;

    async fn delete_identity(
        &mut self,
        user: UserId,
        identity: IdentityId,
    ) -> Result<(), StoreError>;
}
