//! What the outside must do, as an order that is written in the transaction that promises it.

use serde::{Deserialize, Serialize};
use tollgate_billing::{Customer, PaymentFailure, SubscriptionId, TrialNotice};
use tollgate_identity::Role;
use tollgate_primitives::{
    AccountId, ChangeId, InviteId, JobKey, LeadId, Timestamp, TokenId, UserId,
};

use super::NoticeId;

/// One order. Enqueueing a key that still waits replaces it, so a repeat is harmless; running is at
/// least once, so what it does outside carries the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub key: JobKey,
    pub kind: JobKind,
    /// Not before then; at once when `None`.
    pub run_at: Option<Timestamp>,
}

impl Job {
    #[must_use]
    pub fn now(key: JobKey, kind: JobKind) -> Self {
        Self {
            key,
            kind,
            run_at: None,
        }
    }
}

/// What a person is told of because it may have been somebody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum SecurityNotice {
    /// A session ended because a refresh token of it was used twice.
    SessionStolen,
    /// A sign-in provider lets the person in from now on.
    ProviderLinked { provider: String },
}

/// What a person is told of their place in an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum TeamNotice {
    /// It was handed over to them.
    BecameOwner,
    /// They handed it over.
    HandedOver,
    RoleChanged {
        role: Role,
    },
    /// Somebody else put them out.
    Removed,
}

/// Ids only: no secret and no address ever waits in the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JobKind {
    /// Mail the link that proves the address of `user`.
    MailVerification { user: UserId, token: TokenId },
    /// Mail the link with which `user` sets a new password, if there is such a person and they have one:
    /// asking is answered alike for everybody, so nobody has looked yet.
    MailPasswordReset {
        user: UserId,
        token: TokenId,
        asked_at: Timestamp,
    },
    /// Tell `user` that their password was changed.
    MailPasswordChanged { user: UserId },
    /// Tell `user` what may have been somebody else.
    MailSecurityNotice {
        user: UserId,
        notice: SecurityNotice,
    },
    /// Tell one owner or admin of an account that a charge failed.
    MailPaymentFailed {
        account: AccountId,
        to: UserId,
        failure: PaymentFailure,
    },
    /// Tell one owner or admin of an account that the first charge is near.
    MailTrialEnding {
        account: AccountId,
        to: UserId,
        ends_at: Timestamp,
    },
    /// Mail an invitation, unless it has another code by then or does not live.
    MailInvite {
        account: AccountId,
        invite: InviteId,
        code: TokenId,
    },
    /// Tell the inviter that an invitation is about to end, if nobody has used it.
    MailInviteExpiring {
        account: AccountId,
        invite: InviteId,
        code: TokenId,
    },
    /// Tell somebody what became of their place in an account, unless it is another by then.
    MailTeamNotice {
        account: AccountId,
        to: UserId,
        notice: TeamNotice,
    },
    /// Have the owners and admins of an account told of the end of its reverse trial.
    AnnounceTrialEnd {
        account: AccountId,
        notice: TrialNotice,
        ends_at: Timestamp,
    },
    /// Tell one owner or admin of an account of the end of its reverse trial.
    MailTrialNotice {
        account: AccountId,
        to: UserId,
        notice: TrialNotice,
        ends_at: Timestamp,
    },
    /// Tell those who sell of somebody who asked for an offer.
    MailSalesLead { lead: LeadId },
    /// Try a stored webhook event again.
    RetryEvent { event: NoticeId },
    /// Ask the provider how a subscription stands, then settle the events that wait for that.
    ReadSubscription {
        account: AccountId,
        subscription: SubscriptionId,
    },
    /// End what a suspended account has bought.
    EndSubscription {
        account: AccountId,
        subscription: SubscriptionId,
        /// Whether what was paid for the present period is given back.
        #[serde(default)]
        gives_back: bool,
    },
    /// Carry out a change of a subscription that nobody has seen through.
    FinishChange {
        account: AccountId,
        change: ChangeId,
    },
    /// Close a checkout page that nothing may be paid on any more: a newer choice replaced it, or
    /// another page was paid.
    ExpireCheckout { session: super::CheckoutSessionId },
    /// End the second live subscription of an account, and give back what it took.
    EndSecondSubscription {
        account: AccountId,
        subscription: SubscriptionId,
    },
    /// Take what the provider told of a customer who is gone out of the inbox.
    ForgetCustomer { customer: Customer },
    /// Go on with whatever reconciliation is due.
    Reconcile {},
    /// Delete what is over and nothing asks for any more.
    Prune {},
}

impl JobKind {
    /// The queue's name for it: stable, because jobs outlive a release.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::MailVerification { .. } => "mail_verification",
            Self::MailPasswordReset { .. } => "mail_password_reset",
            Self::MailPasswordChanged { .. } => "mail_password_changed",
            Self::MailSecurityNotice { .. } => "mail_security_notice",
            Self::MailPaymentFailed { .. } => "mail_payment_failed",
            Self::MailTrialEnding { .. } => "mail_trial_ending",
            Self::MailInvite { .. } => "mail_invite",
            Self::MailInviteExpiring { .. } => "mail_invite_expiring",
            Self::MailTeamNotice { .. } => "mail_team_notice",
            Self::AnnounceTrialEnd { .. } => "announce_trial_end",
            Self::MailTrialNotice { .. } => "mail_trial_notice",
            Self::MailSalesLead { .. } => "mail_sales_lead",
            Self::RetryEvent { .. } => "retry_event",
            Self::ReadSubscription { .. } => "read_subscription",
            Self::EndSubscription { .. } => "end_subscription",
            Self::FinishChange { .. } => "finish_change",
            Self::ExpireCheckout { .. } => "expire_checkout",
            Self::EndSecondSubscription { .. } => "end_second_subscription",
            Self::ForgetCustomer { .. } => "forget_customer",
            Self::Reconcile {} => "reconcile",
            Self::Prune {} => "prune",
        }
    }
}
