//! What the operator asks of the durable state. None of it is on the way of a request, so each answer
//! is a page: newest or first first, and then from where the last one ended.

use std::fmt::Debug;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tollgate_billing::{Customer, Stamp, Standing};
use tollgate_identity::Role;
use tollgate_primitives::{AccountId, EmailAddress, Timestamp, UserId};

use super::{EventState, NoticeId, Reservation, StoreError};

/// Rows of one page.
pub const PAGE: usize = 50;

/// Up to [`PAGE`] rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Whether there are rows after the last of `items`.
    pub has_more: bool,
}

impl<T> Page<T> {
    /// Of one row more than a page holds, where there are as many.
    #[must_use]
    pub fn of(mut rows: Vec<T>) -> Self {
        let has_more = rows.len() > PAGE;
        rows.truncate(PAGE);
        Self {
            items: rows,
            has_more,
        }
    }
}

/// How far an event came; [`EventState`] without what belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventStatus {
    Received,
    Applied,
    Ignored,
    Failed,
    Dead,
}

/// The text is no status of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a status of an event")]
pub struct EventStatusInvalid;

impl EventStatus {
    pub const ALL: [Self; 5] = [
        Self::Received,
        Self::Applied,
        Self::Ignored,
        Self::Failed,
        Self::Dead,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Applied => "applied",
            Self::Ignored => "ignored",
            Self::Failed => "failed",
            Self::Dead => "dead",
        }
    }

    pub fn parse(text: &str) -> Result<Self, EventStatusInvalid> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(EventStatusInvalid)
    }
}

impl EventState {
    #[must_use]
    pub const fn status(&self) -> EventStatus {
        match self {
            Self::Awaits(_) => EventStatus::Received,
            Self::Applied => EventStatus::Applied,
            Self::Ignored => EventStatus::Ignored,
            Self::Failed { .. } => EventStatus::Failed,
            Self::Dead { .. } => EventStatus::Dead,
        }
    }

    /// Why it is not done, where it was tried.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        match self {
            Self::Awaits(_) | Self::Applied | Self::Ignored => None,
            Self::Failed { error } | Self::Dead { error } => Some(error),
        }
    }
}

/// A stored event without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSummary {
    pub id: NoticeId,
    pub kind: String,
    pub api_version: Option<String>,
    pub stamp: Stamp,
    pub received_at: Timestamp,
    pub attempts: u32,
    pub state: EventState,
}

/// An event's place in the list, which is by arrival, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventPosition {
    pub received_at: Timestamp,
    pub id: NoticeId,
}

impl EventPosition {
    #[must_use]
    pub fn of(event: &EventSummary) -> Self {
        Self {
            received_at: event.received_at,
            id: event.id.clone(),
        }
    }
}

/// How many events are not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpenEvents {
    pub received: u64,
    pub failed: u64,
    pub dead: u64,
}

/// A job's number in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct JobId(pub i64);

/// How a job of the queue stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// For its time, or for its first try.
    Waiting,
    Running,
    /// Tried without success; it is tried again by itself.
    Failing,
    /// Given up: it waits for the operator.
    Dead,
}

/// The text is no state of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a state of a job")]
pub struct JobStateInvalid;

impl JobState {
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Running, Self::Failing, Self::Dead];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Failing => "failing",
            Self::Dead => "dead",
        }
    }

    pub fn parse(text: &str) -> Result<Self, JobStateInvalid> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or(JobStateInvalid)
    }
}

/// A job as the queue keeps it. Its kind may be one that this release does not know.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRecord {
    pub id: JobId,
    pub kind: String,
    pub key: Option<String>,
    /// The ids of what it is about.
    pub about: serde_json::Value,
    pub state: JobState,
    pub attempts: u32,
    pub max_attempts: u32,
    pub run_at: Timestamp,
    pub created_at: Timestamp,
    pub last_error: Option<String>,
}

/// Which accounts are looked for. Texts are beginnings, in whichever case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountLookup {
    /// Newest first.
    All,
    Id(AccountId),
    Customer(Customer),
    Name(String),
    /// Of a member.
    Email(String),
}

/// An account as a list shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountSummary {
    pub id: AccountId,
    pub name: String,
    /// The address by which it was found.
    pub email: Option<String>,
    pub created_at: Timestamp,
    pub customer: Option<Customer>,
    pub is_test_cohort: bool,
    pub suspended_at: Option<Timestamp>,
    pub standing: Standing,
    /// What the list is sorted by before the id.
    pub sorted_by: String,
}

/// An account's place in the list that it was found in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountPosition {
    pub sorted_by: String,
    pub id: AccountId,
}

impl AccountPosition {
    #[must_use]
    pub fn of(account: &AccountSummary) -> Self {
        Self {
            sorted_by: account.sorted_by.clone(),
            id: account.id,
        }
    }
}

/// An account with everything around it.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountDetail {
    pub summary: AccountSummary,
    pub members: Members,
    /// The purchase that is open.
    pub purchase: Option<Reservation>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Members {
    /// Up to [`PAGE`] of them.
    pub first: Vec<Member>,
    pub total: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub user: UserId,
    pub email: EmailAddress,
    pub name: String,
    pub role: Role,
    pub joined_at: Timestamp,
}

/// A row of the audit trail.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRecord {
    pub id: i64,
    pub at: Timestamp,
    pub actor: Option<UserId>,
    pub account: Option<AccountId>,
    pub action: String,
    pub detail: serde_json::Value,
}

/// Every method reads, and may be repeated.
#[async_trait]
pub trait Operations: Debug + Send + Sync {
    /// Events after `after`, of one status or of all.
    async fn events(
        &self,
        status: Option<EventStatus>,
        after: Option<&EventPosition>,
    ) -> Result<Page<EventSummary>, StoreError>;

    async fn open_events(&self) -> Result<OpenEvents, StoreError>;

    /// One event with its body.
    async fn stored_event(
        &self,
        id: &NoticeId,
    ) -> Result<Option<(EventSummary, String)>, StoreError>;

    /// Jobs before `after`, newest first, of one state or of all.
    async fn jobs(
        &self,
        state: Option<JobState>,
        after: Option<JobId>,
    ) -> Result<Page<JobRecord>, StoreError>;

    /// Accounts after `after`, which is of the same look-up.
    async fn accounts(
        &self,
        lookup: &AccountLookup,
        after: Option<&AccountPosition>,
    ) -> Result<Page<AccountSummary>, StoreError>;

    async fn account(&self, id: AccountId) -> Result<Option<AccountDetail>, StoreError>;

    /// The trail before the row `after`, newest first, of one account or of all.
    async fn audit_log(
        &self,
        account: Option<AccountId>,
        after: Option<i64>,
    ) -> Result<Page<AuditRecord>, StoreError>;
}
