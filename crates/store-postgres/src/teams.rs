//! The ports of teams, each method at its statement.

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
    PostgresStore, audit, invites, members, outbox, rate_limits, transaction::PostgresTransaction,
};

#[async_trait]
impl Teams for PostgresStore {
    async fn own_account(&self, account: AccountId) -> Result<Option<AccountProfile>, StoreError> {
        members::own(self.database(), account).await
    }

    async fn members(
        &self,
        account: AccountId,
        after: Option<UserId>,
    ) -> Result<Page<Member>, StoreError> {
        members::list(self.database(), account, after).await
    }

    async fn invites(
        &self,
        account: AccountId,
        after: Option<InviteId>,
    ) -> Result<Page<AccountInvite>, StoreError> {
        invites::list(self.database(), account, after).await
    }

    async fn invitation(&self, code: &[u8; 32]) -> Result<Option<Invitation>, StoreError> {
        invites::by_code(self.database(), code).await
    }

    async fn invite_letter(
        &self,
        account: AccountId,
        invite: InviteId,
        code: TokenId,
    ) -> Result<Option<InviteLetter>, StoreError> {
        invites::letter(self.database(), (account, invite), code).await
    }

    async fn note_invite_sent(
        &self,
        account: AccountId,
        invite: InviteId,
        code: TokenId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        invites::note_sent(self.database(), (account, invite), code, now).await
    }

    async fn team_letter(
        &self,
        account: AccountId,
        user: UserId,
    ) -> Result<Option<TeamLetter>, StoreError> {
        members::letter(self.database(), account, user).await
    }

    async fn signed_in_at(&self, session: SessionId) -> Result<Option<Timestamp>, StoreError> {
        members::signed_in_at(self.database(), session).await
    }
}

#[async_trait]
impl TeamWrites for PostgresTransaction {
    async fn lock_team(
        &mut self,
        account: AccountId,
        user: UserId,
        now: Timestamp,
    ) -> Result<Option<LockedTeam>, StoreError> {
        members::lock(&self.0, account, user, now).await
    }

    async fn known_to_team(
        &mut self,
        account: AccountId,
        emails: &[EmailAddress],
        now: Timestamp,
    ) -> Result<KnownToTeam, StoreError> {
        invites::known(&self.0, account, emails, now).await
    }

    async fn try_each(
        &mut self,
        buckets: &[[u8; 32]],
        limit: Limit,
    ) -> Result<BTreeSet<[u8; 32]>, StoreError> {
        rate_limits::take_each(&self.0, buckets, limit).await
    }

    async fn insert_invites(
        &mut self,
        account: AccountId,
        by: UserId,
        invites: &[NewInvite],
        now: Timestamp,
    ) -> Result<Vec<AccountInvite>, StoreError> {
        invites::insert(&self.0, (account, by), invites, now).await
    }

    async fn invite(
        &mut self,
        account: AccountId,
        invite: InviteId,
    ) -> Result<Option<AccountInvite>, StoreError> {
        invites::by_id(&self.0, account, invite).await
    }

    async fn revoke_invite(
        &mut self,
        account: AccountId,
        invite: InviteId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        invites::revoke(&self.0, account, invite, now).await
    }

    async fn revoke_invites_of(
        &mut self,
        account: AccountId,
        by: UserId,
        kept: &[Role],
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        invites::revoke_of(&self.0, (account, by), kept, now).await
    }

    async fn renew_invite(
        &mut self,
        account: AccountId,
        invite: InviteId,
        code: &NewCode,
    ) -> Result<Option<AccountInvite>, StoreError> {
        invites::renew(&self.0, account, invite, code).await
    }

    async fn claim_invite(
        &mut self,
        account: AccountId,
        code: &[u8; 32],
        user: UserId,
        now: Timestamp,
    ) -> Result<Option<ClaimedInvite>, StoreError> {
        invites::claim(&self.0, (account, code), user, now).await
    }

    async fn member(
        &mut self,
        account: AccountId,
        user: UserId,
    ) -> Result<Option<Member>, StoreError> {
        members::member(&self.0, account, user).await
    }

    async fn put_role(
        &mut self,
        account: AccountId,
        user: UserId,
        role: Role,
    ) -> Result<(), StoreError> {
        members::put_role(&self.0, account, user, role).await
    }

    async fn remove_member(
        &mut self,
        account: AccountId,
        user: UserId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        members::remove(&self.0, account, user, now).await
    }

    async fn home(
        &mut self,
        user: UserId,
        fresh: AccountId,
        now: Timestamp,
    ) -> Result<AccountId, StoreError> {
        members::home(&self.0, user, fresh, now).await
    }

    async fn insert_session_beside(
        &mut self,
        from: SessionId,
        session: &NewSession,
        refresh: &NewRefreshToken,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        members::session_beside(&self.0, from, session, refresh, now).await
    }

    async fn enqueue_all(&mut self, jobs: &[Job]) -> Result<(), StoreError> {
        outbox::enqueue_all(&self.0, jobs).await
    }

    async fn audit_all(
        &mut self,
        entries: &[AuditEntry],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        audit::insert_all(&self.0, entries, now).await
    }
}
