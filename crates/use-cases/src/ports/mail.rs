//! Mail, as what is to be said and to whom. How it looks is the adapter's.

use std::fmt::Debug;

use async_trait::async_trait;
use secrecy::SecretString;
use thiserror::Error;
use tollgate_identity::Role;
use tollgate_primitives::{EmailAddress, JobKey, Timestamp};

use super::{SalesLead, SecurityNotice, TeamNotice};

#[derive(Debug, Clone)]
pub enum Mail {
    /// `link` proves the mailbox to whoever has it: never logged.
    Verification {
        name: String,
        link: SecretString,
    },
    /// `link` sets a new password for whoever has it: never logged.
    PasswordReset {
        name: String,
        link: SecretString,
    },
    PasswordChanged {
        name: String,
        reset_url: String,
    },
    SecurityNotice {
        name: String,
        notice: SecurityNotice,
        /// Where the person sees their devices and how they sign in.
        security_url: String,
    },
    PaymentFailed {
        account_name: String,
        next_attempt: Option<Timestamp>,
        billing_url: String,
    },
    /// `link` lets whoever has it into the account: never logged.
    Invite {
        account_name: String,
        inviter_name: Option<String>,
        role: Role,
        expires_at: Timestamp,
        link: SecretString,
    },
    InviteExpiring {
        account_name: String,
        /// Who was invited.
        invited: EmailAddress,
        expires_at: Timestamp,
        team_url: String,
    },
    TeamNotice {
        name: String,
        account_name: String,
        notice: TeamNotice,
        team_url: String,
    },
    TrialEnding {
        account_name: String,
        ends_at: Timestamp,
        billing_url: String,
    },
    TrialEnded {
        account_name: String,
        ended_at: Timestamp,
        then: AfterTrial,
        billing_url: String,
    },
    /// To whoever sells; answering it writes to the one who asked.
    SalesLead(Box<SalesLead>),
}

/// What is left to an account after its trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterTrial {
    FreePlan,
    ReadOnly { until: Timestamp },
    Nothing,
}

#[derive(Debug, Error)]
pub enum MailError {
    /// Trying again later may help.
    #[error("the mail server did not take the mail")]
    Temporary(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The mailbox or the mail is refused for good.
    #[error("the mail server refused the mail for good")]
    Permanent(#[source] Box<dyn std::error::Error + Send + Sync>),
}

#[async_trait]
pub trait Mailer: Debug + Send + Sync {
    /// Sends once. A retry with the same `key` sends again under the same Message-ID, so that a
    /// mailbox shows it once.
    async fn send(&self, key: &JobKey, to: &EmailAddress, mail: &Mail) -> Result<(), MailError>;
}
