//! Durable state. One [`Transaction`] is one decision; the questions on [`Store`] are one round trip.

use std::{collections::BTreeMap, fmt::Debug, sync::Arc};

use async_trait::async_trait;
use thiserror::Error;
use tollgate_billing::{
    Customer, Grant, Interval, PriceId, Stamp, Standing, Subscription, SubscriptionId, change,
    purchase::Offer,
};
use tollgate_entitlements::{FeatureKey, Overrides, Plan};
use tollgate_identity::{Purpose, Role, limit::Limit, session::RefreshState};
use tollgate_primitives::{
    AccountId, ChangeId, Currency, EmailAddress, PlanKey, ReservationId, SessionId, Timestamp,
    TokenId, UserId,
};
use uuid::Uuid;

use super::{
    CheckoutSessionId, ErasureWrites, InviteCodeWrites, Job, JobId, JobRecord, LeadWrites, Notice,
    NoticeId, PasswordHash, ProfileWrites, ProviderArrivals, ProviderSignIns, TeamWrites,
};

#[derive(Debug, Error)]
pub enum StoreError {
    /// The database did not answer or broke the transaction off. Nothing of it holds unless the
    /// failed step was the commit, whose fate is then unknown; every use case may be repeated.
    #[error("the database is not available: {step}")]
    Unavailable {
        step: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A row that no code of ours can have written.
    #[error("the row of {table} cannot be read: {column}: {what}")]
    Corrupt {
        table: &'static str,
        column: &'static str,
        what: String,
    },
}

/// Who is calling, read anew on every request: a session that ended, a membership that was taken
/// away or a role that changed counts at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub user: UserId,
    pub session: SessionId,
    pub account: AccountId,
    pub role: Role,
    pub is_super_admin: bool,
    pub email_verified_at: Option<Timestamp>,
    pub user_created_at: Timestamp,
}

/// A caller with all that the question "what may this account do" depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountFacts {
    pub caller: Caller,
    pub standing: Standing,
    pub catalog: Arc<Catalog>,
    pub overrides: Overrides,
    /// Members plus live invites; 0 where they were not to be counted.
    pub seats_used: u32,
    pub pending_kept_banner: bool,
}

/// Every plan, by its key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Catalog(pub BTreeMap<PlanKey, CatalogPlan>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogPlan {
    pub plan: Plan,
    /// `None` for a plan that is not sold.
    pub billing: Option<PlanBilling>,
}

/// A person as `/auth/me` shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    pub email: EmailAddress,
    pub name: String,
    /// A name of the IANA database.
    pub timezone: Option<String>,
    pub account: AccountId,
    pub account_role: Role,
    pub memberships: Vec<Membership>,
    pub is_super_admin: bool,
    pub email_verified_at: Option<Timestamp>,
    pub onboarding_step_completed: u8,
    pub onboarding_dismissed: bool,
    pub pending_kept_banner: bool,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    pub account: AccountId,
    pub account_name: String,
    pub role: Role,
}

/// What signing in needs to know of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    pub user: UserId,
    /// `None` for a person who signs in through a provider only.
    pub password: Option<PasswordHash>,
    /// The sign-in providers linked to the person, by name.
    pub providers: Vec<String>,
    /// The account a new session starts in; `None` for a person who belongs to none.
    pub account: Option<AccountId>,
    /// Whether the person belongs to accounts and all of them are suspended.
    pub is_suspended: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUser {
    pub id: UserId,
    pub email: EmailAddress,
    pub name: String,
    /// `None` for a person who signs in through a provider only.
    pub password: Option<PasswordHash>,
    /// When the address was proven, where that is known already.
    pub email_verified_at: Option<Timestamp>,
    pub is_super_admin: bool,
    /// Whether there is nothing to set up for them.
    pub onboarding_dismissed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRow {
    pub id: AccountId,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    pub id: SessionId,
    pub user: UserId,
    pub account: AccountId,
    pub user_agent: Option<String>,
    pub ip: Option<String>,
}

/// A refresh token as it is kept: never the token itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRefreshToken {
    pub id: TokenId,
    pub hash: [u8; 32],
    pub expires_at: Timestamp,
}

/// A refresh token with its family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshRow {
    pub user: UserId,
    pub session: SessionId,
    pub account: AccountId,
    pub state: RefreshState,
}

/// A mailed token as it is kept: never the token itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneTimeToken {
    pub id: TokenId,
    pub purpose: Purpose,
    pub user: UserId,
    pub hash: [u8; 32],
    pub expires_at: Timestamp,
}

/// What the holder of a link that proves an address has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressProof {
    Now,
    /// The address was proven before, by this link or otherwise.
    Before,
}

/// A person whose password is to be set: their words are no password of theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordOwner {
    pub user: UserId,
    pub email: EmailAddress,
    pub name: String,
    /// The account they joined first.
    pub company: Option<String>,
    /// `None` for a person who signs in through a provider only.
    pub password: Option<PasswordHash>,
    /// The sign-in providers linked to the person, by name.
    pub providers: Vec<String>,
}

/// A session that lives, as its person sees it: a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    pub id: SessionId,
    pub created_at: Timestamp,
    pub last_active: Timestamp,
    pub user_agent: Option<String>,
    pub ip: Option<String>,
}

/// Which of a person's sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sessions {
    All,
    One(SessionId),
    AllBut(SessionId),
}

/// How a plan is sold; amounts in minor units, `None` until synced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanBilling {
    pub plan: PlanKey,
    pub display_name: String,
    pub description: Option<String>,
    pub monthly_price_cents: Option<i64>,
    pub annual_price_cents: Option<i64>,
    pub currency: Option<Currency>,
    pub sort_order: i32,
}

/// A plan as the public price list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicPlan {
    pub billing: PlanBilling,
    pub max_seats: Option<u64>,
    /// The keys of the features that are on.
    pub features: Vec<FeatureKey>,
}

/// What the catalog is to know of one plan's product and prices; see `sync-plans`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferRow {
    pub plan: PlanKey,
    pub product: String,
    pub monthly: (PriceId, i64),
    pub annual: Option<(PriceId, i64)>,
    pub currency: Currency,
}

/// An account locked for a decision about its subscription.
#[derive(Debug, Clone, PartialEq)]
pub struct LockedAccount {
    pub id: AccountId,
    pub name: String,
    pub customer: Option<Customer>,
    pub is_test_cohort: bool,
    pub suspended_at: Option<Timestamp>,
    pub standing: Standing,
    /// Which writing of the subscription that is; `None` where there is none.
    pub version: Option<Version>,
    pub members: u32,
    pub reservation: Option<Reservation>,
}

/// One intent to buy, written before the provider is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    pub id: ReservationId,
    pub kind: PurchaseKind,
    pub plan: PlanKey,
    pub seats: u32,
    pub interval: Interval,
    pub price: PriceId,
    pub trial_end: Option<Timestamp>,
    pub attempt: u32,
    pub expires_at: Timestamp,
    pub state: ReservationState,
}

/// Where the payment is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PurchaseKind {
    /// On a page of the provider's.
    Hosted,
    /// In the product's own.
    Embedded,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReservationState {
    /// The provider was not asked, or its answer was lost: ask again with the same key.
    Asking,
    Open {
        session: CheckoutSessionId,
        url: String,
    },
    /// The page was paid, and what was bought there is being read.
    Paid { session: CheckoutSessionId },
    /// The subscription was made and waits for its first payment.
    Pending { subscription: SubscriptionId },
}

/// One intent to change a running subscription, written before the provider is asked. While one is open,
/// there is no other for the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionChange {
    pub id: ChangeId,
    pub subscription: SubscriptionId,
    pub change: change::Change,
    pub requested_by: UserId,
    pub requested_at: Timestamp,
}

/// Where an event stands in the inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventState {
    /// Waits until how this subscription stands was read.
    Awaits(SubscriptionId),
    Applied,
    /// Nothing of ours.
    Ignored,
    Failed {
        error: String,
    },
    /// Not tried again by itself; an operator may replay it.
    Dead {
        error: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InboxEntry {
    /// New, or tried before without success: apply it.
    Open,
    /// Done by an earlier delivery.
    Done,
}

/// Counts the writes of a subscription's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version(pub i64);

/// What an event is judged by.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    pub entry: InboxEntry,
    /// The account of the notice's customer with its subscription; `None` when no account has that
    /// customer yet, or the notice names none.
    pub account: Option<(AccountId, Option<Subscription>)>,
    /// Which writing of the subscription that is; `None` where there is none.
    pub version: Option<Version>,
    /// Whether the account has begun a purchase that is still open.
    pub is_buying: bool,
    /// What the described price stands for; `None` when the catalog has no such price.
    pub price: Option<(PlanKey, Interval)>,
}

impl Received {
    /// Whether a change of the subscription is nothing more: it runs already, so that no purchase is
    /// open which the change would close.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let subscription = self.account.as_ref().and_then(|(_, s)| s.as_ref());
        !self.is_buying && subscription.is_some_and(Subscription::is_running)
    }
}

/// What an event made of the subscription that was seen at `version`, or of none.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    pub account: AccountId,
    pub version: Option<Version>,
    pub next: &'a Subscription,
}

/// Whether an event ended here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conclusion {
    /// With the page of a purchase that was closed and is not the event's own, which may still be
    /// payable.
    Taken {
        open_page: Option<CheckoutSessionId>,
    },
    /// Another delivery was first, or the subscription is not as it was seen: nothing was written.
    Overtaken,
}

/// The events that wait until one subscription was read, the oldest of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Awaiting {
    pub bodies: Vec<String>,
    /// When the provider last said how the subscription stands; `None` while it is not the stored one,
    /// because then what was said may count for more by now.
    pub last_read: Option<Stamp>,
}

/// A stored event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    pub id: NoticeId,
    pub body: String,
    pub received_at: Timestamp,
    pub attempts: u32,
    pub state: EventState,
}

/// Who did what to whom, in the transaction that did it.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// `None` for what nobody signed in did: the payment provider, time, a job.
    pub actor: Option<UserId>,
    pub account: Option<AccountId>,
    pub action: &'static str,
    /// Holds no secret and no address.
    pub detail: serde_json::Value,
}

#[async_trait]
pub trait Store: ProviderSignIns + Debug + Send + Sync {
    async fn begin(&self) -> Result<Box<dyn Transaction>, StoreError>;

    /// `None` when the session has ended or its person has left the account.
    async fn caller(
        &self,
        session: SessionId,
        account: AccountId,
    ) -> Result<Option<Caller>, StoreError>;

    /// `None` as for [`Store::caller`]. The catalog is as of the question, not older. Seats are counted
    /// as of `count_seats`, or not at all.
    async fn account_facts(
        &self,
        session: SessionId,
        account: AccountId,
        count_seats: Option<Timestamp>,
    ) -> Result<Option<AccountFacts>, StoreError>;

    async fn user(
        &self,
        session: SessionId,
        account: AccountId,
    ) -> Result<Option<User>, StoreError>;

    async fn credentials(&self, email: &EmailAddress) -> Result<Option<Credentials>, StoreError>;

    /// Public, unarchived plans by `sort_order`, then key.
    async fn public_plans(&self) -> Result<Vec<PublicPlan>, StoreError>;

    /// What can be bought of `plan`; `None` for an unknown or archived plan.
    async fn offer(&self, plan: &PlanKey) -> Result<Option<Offer>, StoreError>;

    /// Where each plan stands in the catalog's order, archived ones too: the greater, the higher.
    async fn tiers(&self) -> Result<Vec<(PlanKey, i32)>, StoreError>;

    /// What a price stands for; `None` when the catalog has no such price.
    async fn price(&self, price: &PriceId) -> Result<Option<(PlanKey, Interval)>, StoreError>;

    /// Consumes an unused, living refresh token and inserts its successor, in one guarded statement
    /// that commits by itself; `None` when it was not to be consumed. A repeat after success answers
    /// `None`: see [`Store::refresh_row`]. The successor ends at its `expires_at`, or
    /// [`tollgate_identity::session::ABSOLUTE_LIFE`] after sign-in if that is sooner.
    async fn rotate_refresh(
        &self,
        presented: &[u8; 32],
        successor: &NewRefreshToken,
        now: Timestamp,
    ) -> Result<Option<RefreshRow>, StoreError>;

    async fn refresh_row(&self, hash: &[u8; 32]) -> Result<Option<RefreshRow>, StoreError>;

    /// Counts one try in `bucket`, in a statement that commits by itself; false, and nothing counted,
    /// when it has had its `limit`. A repeat counts again.
    async fn try_once(&self, bucket: &[u8; 32], limit: Limit) -> Result<bool, StoreError>;

    /// Begins to count anew.
    async fn forget_tries(&self, bucket: &[u8; 32]) -> Result<(), StoreError>;

    /// A person's sessions that live and can still be refreshed at `now`, the last used first.
    async fn sessions(&self, user: UserId, now: Timestamp) -> Result<Vec<SessionRow>, StoreError>;

    /// Ends sessions of `user`, each with its refresh tokens; answers how many were ended by this call.
    async fn end_sessions(
        &self,
        user: UserId,
        which: Sessions,
        cause: &'static str,
        now: Timestamp,
    ) -> Result<u64, StoreError>;

    /// Uses up a link that proves an address, in one guarded statement that commits by itself. A used
    /// link of a person whose address is proven answers [`AddressProof::Before`] until it would have
    /// expired; `None` for everything else.
    async fn prove_address(
        &self,
        token: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<AddressProof>, StoreError>;

    /// Whose unused, living token this is.
    async fn one_time_user(
        &self,
        token: &[u8; 32],
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Option<UserId>, StoreError>;

    /// Where to mail a link, with the person's name; `None` when it does not work any more, or proves
    /// an address that is proven.
    async fn one_time_mailbox(
        &self,
        token: TokenId,
        now: Timestamp,
    ) -> Result<Option<(EmailAddress, String)>, StoreError>;

    async fn password_owner(&self, user: UserId) -> Result<Option<PasswordOwner>, StoreError>;

    /// The provider's customer of an account, once it has one.
    async fn customer(&self, account: AccountId) -> Result<Option<Customer>, StoreError>;

    /// Remembers the customer the provider made, unless one is remembered; answers the one that
    /// counts. A repeat changes nothing.
    async fn put_customer(
        &self,
        account: AccountId,
        customer: &Customer,
    ) -> Result<Customer, StoreError>;

    /// Notes the open checkout page of a reservation that is still asking. False when the reservation
    /// was closed meanwhile. A repeat changes nothing.
    async fn put_checkout(
        &self,
        reservation: ReservationId,
        session: &CheckoutSessionId,
        url: &str,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError>;

    /// What `notice` is to be judged by, locking nothing.
    async fn look_up(&self, notice: &Notice) -> Result<Received, StoreError>;

    /// As [`Transaction::conclude`], committed by itself: of any number of those that saw the same
    /// version, one changes the subscription.
    async fn conclude(
        &self,
        notice: &Notice,
        state: &EventState,
        change: Option<Change<'_>>,
        now: Timestamp,
    ) -> Result<Conclusion, StoreError>;

    /// Stores an event that could not be applied, in a transaction of its own together with `job`. An
    /// event that was applied meanwhile stays applied.
    async fn keep_event(
        &self,
        notice: &Notice,
        state: &EventState,
        job: Option<&Job>,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// The oldest events, a bounded number of them, that wait for a read of `subscription`.
    async fn awaiting(
        &self,
        account: AccountId,
        subscription: &SubscriptionId,
    ) -> Result<Awaiting, StoreError>;

    /// Notes why the events that wait for a read of `subscription` still do. Those received before
    /// `given_up` become dead letters; answers these, and whether others are left.
    async fn put_off(
        &self,
        subscription: &SubscriptionId,
        error: &str,
        given_up: Timestamp,
    ) -> Result<(Vec<NoticeId>, bool), StoreError>;

    async fn event(&self, id: &NoticeId) -> Result<Option<EventRecord>, StoreError>;

    /// Where to write to a person: address, name, and whether the address is proven already.
    async fn mailbox(
        &self,
        user: UserId,
    ) -> Result<Option<(EmailAddress, String, Option<Timestamp>)>, StoreError>;

    /// The account's name and the mailbox of `to`; `None` when they are no owner or admin of it any
    /// more, or it belongs to the test cohort.
    async fn billing_contact(
        &self,
        account: AccountId,
        to: UserId,
    ) -> Result<Option<(String, EmailAddress)>, StoreError>;

    /// Plans that are sold by themselves and are not archived, the free one left out, by `sort_order`.
    async fn plans_on_sale(&self) -> Result<Vec<PlanBilling>, StoreError>;

    /// Upserts products and prices into the catalog; never touches display name, visibility or order.
    /// A repeat changes nothing.
    async fn put_offers(&self, offers: &[OfferRow]) -> Result<(), StoreError>;

    /// The platform operator with this address.
    async fn operator(&self, email: &EmailAddress) -> Result<Option<UserId>, StoreError>;

    /// Accounts that pay nothing and were given nothing, by id, after `last`: those without a
    /// subscription or on the free plan; none of the test cohort.
    async fn free_accounts(
        &self,
        last: Option<AccountId>,
        count: u32,
    ) -> Result<Vec<AccountId>, StoreError>;

    /// Answers when a statement came back; for readiness.
    async fn ping(&self) -> Result<(), StoreError>;
}

/// Dropping it rolls everything back.
#[async_trait]
pub trait Transaction:
    Debug
    + Send
    + ErasureWrites
    + InviteCodeWrites
    + LeadWrites
    + ProfileWrites
    + ProviderArrivals
    + TeamWrites
{
    /// False when the address belongs to somebody; nothing is inserted then.
    async fn insert_user(&mut self, user: &NewUser, now: Timestamp) -> Result<bool, StoreError>;

    async fn insert_account(
        &mut self,
        account: &AccountRow,
        owner: UserId,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Takes the one trial of a mailbox; false when it was taken before.
    async fn claim_trial(&mut self, mailbox: &[u8; 32], now: Timestamp)
    -> Result<bool, StoreError>;

    async fn put_subscription(
        &mut self,
        account: AccountId,
        subscription: &Subscription,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Begins a session; false when its account is suspended, and nothing is inserted then. Holds the
    /// account until the commit, so that a suspension ends it or is seen here.
    async fn insert_session(
        &mut self,
        session: &NewSession,
        refresh: &NewRefreshToken,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Inserts a token and ends those before it with the same purpose: a person has one that works.
    /// A repeat changes nothing, also when a newer one was inserted meanwhile.
    async fn insert_one_time(
        &mut self,
        token: &OneTimeToken,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Uses up an unused, living token, in one guarded statement; its person, or `None`.
    async fn consume_one_time(
        &mut self,
        token: &[u8; 32],
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Option<UserId>, StoreError>;

    /// Ends every mailed token of a person that still works.
    async fn end_one_time(&mut self, user: UserId, now: Timestamp) -> Result<(), StoreError>;

    /// Stores another hash, unless the password changed since `old` was read: false then.
    async fn replace_password(
        &mut self,
        user: UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, StoreError>;

    /// Whether the password is still the one that `old` was read from, and stays so until the transaction
    /// ends.
    async fn hold_password(&mut self, user: UserId, old: &PasswordHash)
    -> Result<bool, StoreError>;

    /// Sets the password of a person who has proven the address just now. Links to providers that were made
    /// before it was ever proven end.
    async fn reset_password(
        &mut self,
        user: UserId,
        new: &PasswordHash,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// As [`Store::end_sessions`], with the rest of the transaction.
    async fn end_sessions(
        &mut self,
        user: UserId,
        which: Sessions,
        cause: &'static str,
        now: Timestamp,
    ) -> Result<u64, StoreError>;

    /// Locks an account for a decision about its subscription; `None` when there is none such.
    async fn lock_account(
        &mut self,
        account: AccountId,
    ) -> Result<Option<LockedAccount>, StoreError>;

    async fn insert_reservation(
        &mut self,
        account: AccountId,
        reservation: &Reservation,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    async fn close_reservation(
        &mut self,
        reservation: ReservationId,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// The change of the account's subscription that is being carried out. The account is locked.
    async fn open_change(
        &mut self,
        account: AccountId,
    ) -> Result<Option<SubscriptionChange>, StoreError>;

    async fn insert_change(
        &mut self,
        account: AccountId,
        change: &SubscriptionChange,
    ) -> Result<(), StoreError>;

    /// A change that is closed already keeps its outcome.
    async fn close_change(
        &mut self,
        change: ChangeId,
        is_done: bool,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Notes the subscription that was made for a reservation. False when the reservation was closed
    /// meanwhile, or another subscription noted. A repeat changes nothing.
    async fn put_pending(
        &mut self,
        reservation: ReservationId,
        subscription: &SubscriptionId,
    ) -> Result<bool, StoreError>;

    /// Notes that a page was paid whose purchase is still to be read. A repeat changes nothing.
    async fn note_paid(
        &mut self,
        session: &CheckoutSessionId,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Notes that an account has this subscription too many; true for the first to find it.
    async fn note_second(
        &mut self,
        account: AccountId,
        subscription: &SubscriptionId,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Notes that it was ended and given back; true for the first to note it.
    async fn end_second(
        &mut self,
        subscription: &SubscriptionId,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Notes that free access, if the account has it, ends with the purchase that was confirmed.
    async fn leave_complimentary_on_purchase(
        &mut self,
        account: AccountId,
    ) -> Result<(), StoreError>;

    /// Ends free access that was to end with a purchase; what a purchase does once it runs.
    async fn end_left_complimentary(
        &mut self,
        account: AccountId,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Makes a grant of free access under `id`, for a reason, where none is open.
    async fn insert_grant(
        &mut self,
        account: AccountId,
        described: (Uuid, &str),
        grant: &Grant,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Ends the open grant of free access; true for the one call that ended it.
    async fn end_complimentary(
        &mut self,
        account: AccountId,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// As [`Store::look_up`], with the account and its subscription locked until the commit. Whether
    /// the event is done may have changed while this waited; [`Transaction::conclude`] knows.
    async fn receive(&mut self, notice: &Notice) -> Result<Received, StoreError>;

    /// Writes an event with how it ended, the subscription it made, and the audit row, in one
    /// statement. An event that was applied closes the purchase of its checkout page; a subscription
    /// that runs closes whichever purchase is open.
    async fn conclude(
        &mut self,
        notice: &Notice,
        state: &EventState,
        change: Option<Change<'_>>,
        now: Timestamp,
    ) -> Result<Conclusion, StoreError>;

    /// Remembers that the provider said at `stamp` how a subscription stands.
    async fn note_read(
        &mut self,
        account: AccountId,
        subscription: &SubscriptionId,
        stamp: Stamp,
    ) -> Result<(), StoreError>;

    /// The owners and admins of an account; none of the test cohort.
    async fn billing_contacts(&mut self, account: AccountId) -> Result<Vec<UserId>, StoreError>;

    async fn audit(&mut self, entry: &AuditEntry, now: Timestamp) -> Result<(), StoreError>;

    /// Suspends a locked account and ends its sessions; answers how many.
    async fn suspend_account(
        &mut self,
        account: AccountId,
        now: Timestamp,
    ) -> Result<u64, StoreError>;

    async fn unsuspend_account(&mut self, account: AccountId) -> Result<(), StoreError>;

    async fn is_suspended(&mut self, account: AccountId) -> Result<bool, StoreError>;

    /// Keeps workers off a job; `None` when there is none such, or it is done.
    async fn lock_job(&mut self, id: JobId) -> Result<Option<JobRecord>, StoreError>;

    /// Has a locked job run as soon as a worker is free, with all its attempts before it.
    async fn retry_job(&mut self, id: JobId) -> Result<(), StoreError>;

    async fn enqueue(&mut self, job: &Job) -> Result<(), StoreError>;

    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
}
