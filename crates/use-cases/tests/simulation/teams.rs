//! Teams: no webhook and no job of one leads to them.

use std::collections::BTreeSet;

use async_trait::async_trait;
use tollgate_identity::{Role, limit::Limit};
use tollgate_primitives::{
    AccountId, EmailAddress, InviteId, SessionId, Timestamp, TokenId, UserId,
};

use tollgate_use_cases::ports::{
    AccountInvite, AccountProfile, AuditEntry, ClaimedInvite, Invitation, InviteLetter, Job,
    KnownToTeam, LockedTeam, Member, NewCode, NewInvite, NewRefreshToken, NewSession, Page,
    StoreError, TeamLetter, TeamWrites, Teams,
};

use crate::{
    store::Open,
    unused::{Unused, unused},
};

#[async_trait]
impl Teams for Unused {
    async fn own_account(&self, _: AccountId) -> Result<Option<AccountProfile>, StoreError> {
        unused()
    }
    async fn members(&self, _: AccountId, _: Option<UserId>) -> Result<Page<Member>, StoreError> {
        unused()
    }
    async fn invites(
        &self,
        _: AccountId,
        _: Option<InviteId>,
    ) -> Result<Page<AccountInvite>, StoreError> {
        unused()
    }
    async fn invitation(&self, _: &[u8; 32]) -> Result<Option<Invitation>, StoreError> {
        unused()
    }
    async fn invite_letter(
        &self,
        _: AccountId,
        _: InviteId,
        _: TokenId,
    ) -> Result<Option<InviteLetter>, StoreError> {
        unused()
    }
    async fn note_invite_sent(
        &self,
        _: AccountId,
        _: InviteId,
        _: TokenId,
        _: Timestamp,
    ) -> Result<(), StoreError> {
        unused()
    }
    async fn team_letter(&self, _: AccountId, _: UserId) -> Result<Option<TeamLetter>, StoreError> {
        unused()
    }
    async fn signed_in_at(&self, _: SessionId) -> Result<Option<Timestamp>, StoreError> {
        unused()
    }
}

#[async_trait]
impl TeamWrites for Open {
    async fn lock_team(
        &mut self,
        _: AccountId,
        _: UserId,
        _: Timestamp,
    ) -> Result<Option<LockedTeam>, StoreError> {
        unused()
    }
    async fn known_to_team(
        &mut self,
        _: AccountId,
        _: &[EmailAddress],
        _: Timestamp,
    ) -> Result<KnownToTeam, StoreError> {
        unused()
    }
    async fn try_each(
        &mut self,
        _: &[[u8; 32]],
        _: Limit,
    ) -> Result<BTreeSet<[u8; 32]>, StoreError> {
        unused()
    }
    async fn insert_invites(
        &mut self,
        _: AccountId,
        _: UserId,
        _: &[NewInvite],
        _: Timestamp,
    ) -> Result<Vec<AccountInvite>, StoreError> {
        unused()
    }
    async fn invite(
        &mut self,
        _: AccountId,
        _: InviteId,
    ) -> Result<Option<AccountInvite>, StoreError> {
        unused()
    }
    async fn revoke_invite(
        &mut self,
        _: AccountId,
        _: InviteId,
        _: Timestamp,
    ) -> Result<bool, StoreError> {
        unused()
    }
    async fn revoke_invites_of(
        &mut self,
        _: AccountId,
        _: UserId,
        _: &[Role],
        _: Timestamp,
    ) -> Result<u64, StoreError> {
        unused()
    }
    async fn renew_invite(
        &mut self,
        _: AccountId,
        _: InviteId,
        _: &NewCode,
    ) -> Result<Option<AccountInvite>, StoreError> {
        unused()
    }
    async fn claim_invite(
        &mut self,
        _: AccountId,
        _: &[u8; 32],
        _: UserId,
        _: Timestamp,
    ) -> Result<Option<ClaimedInvite>, StoreError> {
        unused()
    }
    async fn member(&mut self, _: AccountId, _: UserId) -> Result<Option<Member>, StoreError> {
        unused()
    }
    async fn put_role(&mut self, _: AccountId, _: UserId, _: Role) -> Result<(), StoreError> {
        unused()
    }
    async fn remove_member(
        &mut self,
        _: AccountId,
        _: UserId,
        _: Timestamp,
    ) -> Result<(), StoreError> {
        unused()
    }
    async fn home(
        &mut self,
        _: UserId,
        _: AccountId,
        _: Timestamp,
    ) -> Result<AccountId, StoreError> {
        unused()
    }
    async fn insert_session_beside(
        &mut self,
        _: SessionId,
        _: &NewSession,
        _: &NewRefreshToken,
        _: Timestamp,
    ) -> Result<bool, StoreError> {
        unused()
    }
    async fn enqueue_all(&mut self, _: &[Job]) -> Result<(), StoreError> {
        unused()
    }
    async fn audit_all(&mut self, _: &[AuditEntry], _: Timestamp) -> Result<(), StoreError> {
        unused()
    }
}
