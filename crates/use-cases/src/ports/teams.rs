//! What belonging to an account asks of the durable state: its members, and who is invited.

use std::{collections::BTreeSet, fmt::Debug};

use async_trait::async_trait;
use tollgate_billing::Standing;
use tollgate_entitlements::{Overrides, Plan};
use tollgate_identity::{Role, limit::Limit};
use tollgate_invites::Invite;
use tollgate_primitives::{
    AccountId, EmailAddress, InviteId, SessionId, Timestamp, TokenId, UserId,
};

use super::{
    AccountProfile, AuditEntry, Job, Member, NewRefreshToken, NewSession, Page, StoreError,
};

/// An account, locked for a decision about who belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub struct LockedTeam {
    pub account: AccountId,
    pub name: String,
    pub is_suspended: bool,
    /// Of whoever decides or comes in; `None` when they are no member.
    pub role: Option<Role>,
    pub members: u32,
    pub owners: u32,
    /// Invitations that live.
    pub invited: u32,
    pub standing: Standing,
    /// Every plan, with the seats that it allows and no other limit.
    pub plans: Vec<Plan>,
    /// Of the limits alone.
    pub overrides: Overrides,
}

/// An invitation as the account sees it: never its code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountInvite {
    pub id: InviteId,
    pub email: EmailAddress,
    pub role: Role,
    pub invited_by: UserId,
    pub created_at: Timestamp,
    pub email_sent_at: Option<Timestamp>,
    pub invite: Invite,
}

/// An invitation as whoever has its code sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    pub account: AccountId,
    pub account_name: String,
    /// Whether nobody can come into the account now.
    pub is_suspended: bool,
    /// `None` when the inviter is gone.
    pub inviter_name: Option<String>,
    pub email: EmailAddress,
    pub role: Role,
    pub code_hash: [u8; 32],
    pub invite: Invite,
}

/// An invitation whose mail is due. None of the test cohort has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteLetter {
    pub invitation: Invitation,
    /// The inviter's mailbox, while they may still invite.
    pub inviter: Option<EmailAddress>,
}

/// Whom to write to about their place in an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamLetter {
    pub account_name: String,
    pub email: EmailAddress,
    pub name: String,
    /// `None` when they do not belong to it.
    pub role: Option<Role>,
}

/// A code as it is kept: never the code itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCode {
    pub id: TokenId,
    pub hash: [u8; 32],
    pub expires_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInvite {
    pub id: InviteId,
    pub email: EmailAddress,
    pub role: Role,
    pub code: NewCode,
}

/// Which of some addresses are known to an account.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KnownToTeam {
    pub members: BTreeSet<EmailAddress>,
    /// Those whose invitation lives.
    pub invited: BTreeSet<EmailAddress>,
}

/// What came of an invitation that was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimedInvite {
    pub id: InviteId,
    /// The role the person has now: another than invited for, if they were a member before.
    pub role: Role,
}

/// Every method may be repeated.
#[async_trait]
pub trait Teams: Debug + Send + Sync {
    async fn own_account(&self, account: AccountId) -> Result<Option<AccountProfile>, StoreError>;

    /// Members after `after`, by id.
    async fn members(
        &self,
        account: AccountId,
        after: Option<UserId>,
    ) -> Result<Page<Member>, StoreError>;

    /// Invitations before `after`, the newest first.
    async fn invites(
        &self,
        account: AccountId,
        after: Option<InviteId>,
    ) -> Result<Page<AccountInvite>, StoreError>;

    async fn invitation(&self, code: &[u8; 32]) -> Result<Option<Invitation>, StoreError>;

    /// `None` also when `code` is not the invitation's any more.
    async fn invite_letter(
        &self,
        account: AccountId,
        invite: InviteId,
        code: TokenId,
    ) -> Result<Option<InviteLetter>, StoreError>;

    /// Notes that the mail with this code has left.
    async fn note_invite_sent(
        &self,
        account: AccountId,
        invite: InviteId,
        code: TokenId,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// `None` when either is gone, and for the test cohort.
    async fn team_letter(
        &self,
        account: AccountId,
        user: UserId,
    ) -> Result<Option<TeamLetter>, StoreError>;

    /// When the person of a session that lives signed in.
    async fn signed_in_at(&self, session: SessionId) -> Result<Option<Timestamp>, StoreError>;
}

/// What joins the rest of a [`super::Transaction`]. Whoever adds, changes or takes away a member or an
/// invitation has locked the account first.
#[async_trait]
pub trait TeamWrites: Send {
    /// Waits for whoever decides about this account; `None` when there is none such.
    async fn lock_team(
        &mut self,
        account: AccountId,
        user: UserId,
        now: Timestamp,
    ) -> Result<Option<LockedTeam>, StoreError>;

    async fn known_to_team(
        &mut self,
        account: AccountId,
        emails: &[EmailAddress],
        now: Timestamp,
    ) -> Result<KnownToTeam, StoreError>;

    /// As [`super::Store::try_once`] for each of `buckets`, which differ, but that nothing is counted
    /// unless the transaction commits; answers those that had not had their `limit`.
    async fn try_each(
        &mut self,
        buckets: &[[u8; 32]],
        limit: Limit,
    ) -> Result<BTreeSet<[u8; 32]>, StoreError>;

    /// Answers what was inserted: none for an address whose invitation lives. One that has expired is
    /// made anew under the id it has.
    async fn insert_invites(
        &mut self,
        account: AccountId,
        by: UserId,
        invites: &[NewInvite],
        now: Timestamp,
    ) -> Result<Vec<AccountInvite>, StoreError>;

    async fn invite(
        &mut self,
        account: AccountId,
        invite: InviteId,
    ) -> Result<Option<AccountInvite>, StoreError>;

    /// False when it was accepted or revoked before.
    async fn revoke_invite(
        &mut self,
        account: AccountId,
        invite: InviteId,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Revokes those invitations of `by` whose role is none of `kept`; answers how many.
    async fn revoke_invites_of(
        &mut self,
        account: AccountId,
        by: UserId,
        kept: &[Role],
        now: Timestamp,
    ) -> Result<u64, StoreError>;

    /// Gives an open invitation another code and counts it as sent again; `None` when it was accepted
    /// or revoked before.
    async fn renew_invite(
        &mut self,
        account: AccountId,
        invite: InviteId,
        code: &NewCode,
    ) -> Result<Option<AccountInvite>, StoreError>;

    /// Uses an invitation up and makes the membership, in one guarded statement; `None` when it was
    /// not to be used.
    async fn claim_invite(
        &mut self,
        account: AccountId,
        code: &[u8; 32],
        user: UserId,
        now: Timestamp,
    ) -> Result<Option<ClaimedInvite>, StoreError>;

    async fn member(
        &mut self,
        account: AccountId,
        user: UserId,
    ) -> Result<Option<Member>, StoreError>;

    async fn put_role(
        &mut self,
        account: AccountId,
        user: UserId,
        role: Role,
    ) -> Result<(), StoreError>;

    /// Takes a member away; the sessions they have in the account end.
    async fn remove_member(
        &mut self,
        account: AccountId,
        user: UserId,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// An account of a person's own: the one they joined first of those that are not suspended, or an
    /// empty one under the id `fresh`, for who belongs to none.
    async fn home(
        &mut self,
        user: UserId,
        fresh: AccountId,
        now: Timestamp,
    ) -> Result<AccountId, StoreError>;

    /// Begins a session beside the living session `from`, signed in when that one was; false when its
    /// person is no member of the account, or the account is suspended.
    async fn insert_session_beside(
        &mut self,
        from: SessionId,
        session: &NewSession,
        refresh: &NewRefreshToken,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// As [`super::Transaction::enqueue`] for each.
    async fn enqueue_all(&mut self, jobs: &[Job]) -> Result<(), StoreError>;

    /// As [`super::Transaction::audit`] for each.
    async fn audit_all(&mut self, entries: &[AuditEntry], now: Timestamp)
    -> Result<(), StoreError>;
}
