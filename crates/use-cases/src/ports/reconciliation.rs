//! What reconciliation keeps and asks: whose turn it is, where it stands, and which accounts to look at.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Debug},
};

use async_trait::async_trait;
use tollgate_billing::{Customer, Interval, PriceId, Subscription, SubscriptionId};
use tollgate_primitives::{AccountId, PlanKey, ReservationId, Timestamp};

use super::{CheckoutSessionId, NoticeId, StoreError};

/// What is reconciled, each in rounds of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReconcileJob {
    /// Purchases that have waited long.
    Pending,
    /// Events that never arrived.
    Events,
    /// Every subscription.
    Sweep,
}

impl ReconcileJob {
    pub const ALL: [Self; 3] = [Self::Pending, Self::Events, Self::Sweep];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Events => "events",
            Self::Sweep => "sweep",
        }
    }
}

impl fmt::Display for ReconcileJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The right to run one job, until it is given back or has not been used for 25 seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    pub job: ReconcileJob,
    /// Every write carries it: of a turn that was overtaken none takes effect.
    pub lease: i64,
    /// Where the job left off, in its own words.
    pub position: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TurnTaken {
    Taken(Turn),
    /// Somebody else has the turn.
    Held,
    /// The last round is over, and it is too early for the next.
    NotDue,
}

/// What a turn is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnStart {
    /// To go on with the round under way, or to begin one if the last was begun by then.
    IfBegunBy(Timestamp),
    /// To go on with the round under way, or to begin one.
    Anyway,
    /// To look, and leave the rounds as they are.
    OnlyLook,
}

/// Whether the provider may be asked once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallClaim {
    Granted,
    /// Not in this minute.
    Spent,
    /// Somebody else has the turn by now.
    Overtaken,
}

/// How a turn ends.
#[derive(Debug, Clone, PartialEq)]
pub struct TurnEnd {
    /// Where the next turn goes on.
    pub position: Option<String>,
    /// Whether the next turn begins a new round.
    pub is_round_over: bool,
    pub report: serde_json::Value,
}

/// An account as the provider's customer.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomerAccount {
    pub account: AccountId,
    pub is_test_cohort: bool,
    pub subscription: Option<Subscription>,
}

/// A reservation that has been open for long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenReservation {
    pub account: AccountId,
    pub id: ReservationId,
    /// `None` when the provider's answer never came.
    pub session: Option<CheckoutSessionId>,
}

/// One stretch of accounts, by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverduePage {
    pub overdue: Vec<(AccountId, SubscriptionId)>,
    /// The last account that was looked at; `None` when there are no more.
    pub last: Option<AccountId>,
}

/// Questions change nothing and may be repeated. None of them tells anything of the test cohort but
/// [`Reconciliation::accounts_of`], which marks it.
#[async_trait]
pub trait Reconciliation: Debug + Send + Sync {
    /// Takes the turn at `job` if nobody has it. One guarded statement: of any number at once one takes
    /// it.
    async fn take_turn(
        &self,
        job: ReconcileJob,
        start: TurnStart,
        now: Timestamp,
    ) -> Result<TurnTaken, StoreError>;

    /// Counts one more call to the provider, over all jobs and nodes, if this minute's `budget` allows
    /// it. Prolongs the turn.
    async fn claim_call(
        &self,
        turn: &Turn,
        budget: u32,
        now: Timestamp,
    ) -> Result<CallClaim, StoreError>;

    /// Prolongs the turn, and notes that everything before `position` is done where one is given. False
    /// when somebody else has the turn by now.
    async fn advance(&self, turn: &Turn, position: Option<&str>) -> Result<bool, StoreError>;

    /// Gives the turn back. False when somebody else has it by now.
    async fn end_turn(
        &self,
        turn: &Turn,
        end: &TurnEnd,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Gives the turn back, and leaves the round as it is.
    async fn drop_turn(&self, turn: &Turn) -> Result<(), StoreError>;

    /// Which of `events` are in the inbox, whatever became of them.
    async fn events_known(&self, events: &[NoticeId]) -> Result<BTreeSet<NoticeId>, StoreError>;

    async fn accounts_of(
        &self,
        customers: &[Customer],
    ) -> Result<BTreeMap<Customer, CustomerAccount>, StoreError>;

    /// What prices stand for; those that the catalog does not have are left out.
    async fn prices(
        &self,
        prices: &[PriceId],
    ) -> Result<BTreeMap<PriceId, (PlanKey, Interval)>, StoreError>;

    /// Subscriptions that wait for their first payment and were not written since `untouched_since`,
    /// by account, `limit` of those after `after`.
    async fn pending_purchases(
        &self,
        untouched_since: Timestamp,
        after: Option<AccountId>,
        limit: u16,
    ) -> Result<Vec<(AccountId, SubscriptionId)>, StoreError>;

    /// Reservations that are open and were made by `made_by`, by account, `limit` of those after
    /// `after`.
    async fn open_reservations(
        &self,
        made_by: Timestamp,
        after: Option<AccountId>,
        limit: u16,
    ) -> Result<Vec<OpenReservation>, StoreError>;

    /// Of the next `limit` accounts with a subscription after `after`, those that the provider should
    /// have renewed by `due_by` and has said nothing of.
    async fn overdue(
        &self,
        due_by: Timestamp,
        after: Option<AccountId>,
        limit: u16,
    ) -> Result<OverduePage, StoreError>;
}
