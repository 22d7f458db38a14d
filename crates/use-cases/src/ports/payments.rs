//! The payment provider, asked. Never while a transaction is open.

use std::{
    fmt::{self, Debug},
    time::Duration,
};

use async_trait::async_trait;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tollgate_billing::{
    Customer, Interval, Period, PriceId, ProviderStatus, Snapshot, Stamp, SubscriptionId,
    change::{Change, Terms},
};
use tollgate_primitives::{
    AccountId, Currency, EmailAddress, JobKey, Money, PlanKey, ReservationId, Timestamp,
};

use super::NoticeId;

/// The provider's id of one checkout page.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CheckoutSessionId(pub String);

impl fmt::Display for CheckoutSessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A subscription in the provider's terms: what its price stands for is the catalog's to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    pub subscription: SubscriptionId,
    pub status: ProviderStatus,
    pub price: PriceId,
    pub seats: u32,
    pub period: Period,
    pub cancel_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub stamp: Stamp,
}

impl Described {
    #[must_use]
    pub fn in_catalog(self, plan: PlanKey, interval: Interval) -> Snapshot {
        Snapshot {
            subscription: self.subscription,
            status: self.status,
            plan,
            interval,
            price: self.price,
            seats: self.seats,
            period: self.period,
            cancel_at: self.cancel_at,
            ended_at: self.ended_at,
            stamp: self.stamp,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCustomer {
    pub account: AccountId,
    pub name: String,
    pub email: EmailAddress,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckoutRequest {
    pub account: AccountId,
    pub reservation: ReservationId,
    pub customer: Customer,
    pub price: PriceId,
    pub seats: u32,
    pub trial_end: Option<Timestamp>,
    pub success_url: String,
    pub cancel_url: String,
}

/// An open checkout page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckoutSession {
    pub id: CheckoutSessionId,
    pub url: String,
    pub expires_at: Timestamp,
}

/// What became of a checkout page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckoutEnd {
    /// Nothing yet: it can still be paid.
    Open,
    /// It was paid, or needs no payment.
    Complete {
        subscription: SubscriptionId,
    },
    Expired,
}

/// A stretch of what happened at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventsPage {
    /// Each as the provider would have delivered it, the newest first.
    pub bodies: Vec<String>,
    /// Whether the stretch holds older ones that did not fit.
    pub has_more: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionsPage {
    /// The newest first, those that have ended among them.
    pub subscriptions: Vec<ListedSubscription>,
    pub has_more: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedSubscription {
    pub id: SubscriptionId,
    /// Whose it is, where that can be read.
    pub customer: Option<Customer>,
    /// How it stands, or why that cannot be read. The stamp is no later than the moment that the answer
    /// is about.
    pub described: Result<Described, String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionRequest {
    pub account: AccountId,
    pub reservation: ReservationId,
    pub customer: Customer,
    pub price: PriceId,
    pub seats: u32,
}

/// A subscription that was made, or is read, together with what its first payment needs.
#[derive(Debug, Clone)]
pub struct StartedSubscription {
    pub customer: Customer,
    pub described: Described,
    /// `None` when there is nothing to pay, or not any more.
    pub payment: Option<FirstPayment>,
}

/// What a browser needs in order to pay.
#[derive(Debug, Clone)]
pub struct FirstPayment {
    /// The provider's id of the payment.
    pub id: String,
    pub client_secret: SecretString,
}

/// One active product with its active recurring prices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogProduct {
    pub id: String,
    pub name: String,
    /// The product's metadata `tollgate_plan`.
    pub plan: Option<String>,
    pub prices: Vec<CatalogPrice>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogPrice {
    pub id: PriceId,
    /// `None` for intervals that no plan is sold by.
    pub interval: Option<Interval>,
    pub amount: Money,
}

/// What became of an order to change a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// Carried out by this call: how the subscription stands since.
    Now(Customer, Described),
    /// Carried out by an earlier call under the same key: how it stands now is to be read.
    Before,
    /// The difference could not be charged, and nothing was changed.
    Declined,
}

/// What a change of terms would cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangePreview {
    pub due_now: i64,
    /// The first invoice after the change; `None` when the subscription ends before it.
    pub next_invoice: Option<i64>,
    pub currency: Currency,
    /// What `due_now` is made of; its sum where the customer has no balance.
    pub lines: Vec<PreviewLine>,
}

/// Credits are negative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewLine {
    pub description: String,
    pub amount: i64,
    pub period: Period,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice {
    pub id: String,
    /// `None` while it is a draft.
    pub number: Option<String>,
    /// The provider's own word.
    pub status: String,
    pub amount_due: i64,
    pub amount_paid: i64,
    pub currency: Currency,
    pub created: Timestamp,
    pub hosted_url: Option<String>,
    pub pdf_url: Option<String>,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoicePage {
    pub items: Vec<Invoice>,
    pub has_more: bool,
}

#[derive(Debug, Error)]
pub enum PaymentsError {
    #[error("no payment provider is configured")]
    NotConfigured,
    /// It did not answer, or not in time, after every retry. What was asked may have happened: ask
    /// again with the same key.
    #[error("the payment provider cannot be reached")]
    Unavailable {
        retry_after: Option<Duration>,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It understood and said no; asking again the same way says no again.
    #[error("the payment provider refused: {code}")]
    Refused { code: String, message: String },
    /// It failed under this key and keeps that failure: only another key gets another answer.
    #[error("the payment provider keeps a failure under this key")]
    KeySpent(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It answered something that we cannot read. Nothing is concluded from it.
    #[error("the payment provider's answer cannot be read: {what}")]
    Unreadable { what: String },
}

/// Every method that changes something takes the key under which it is the same act: a retry with the
/// same key and the same content acts once and answers alike.
#[async_trait]
pub trait Payments: Debug + Send + Sync {
    async fn create_customer(
        &self,
        key: &JobKey,
        customer: &NewCustomer,
    ) -> Result<Customer, PaymentsError>;

    async fn open_checkout(
        &self,
        key: &JobKey,
        request: &CheckoutRequest,
    ) -> Result<CheckoutSession, PaymentsError>;

    /// Closing a page that is closed already is fine.
    async fn expire_checkout(&self, session: &CheckoutSessionId) -> Result<(), PaymentsError>;

    /// Makes a subscription whose first payment a person confirms; nothing is charged before. It is
    /// described as it was when it was made, also when a retry is answered later.
    async fn start_subscription(
        &self,
        key: &JobKey,
        request: &SubscriptionRequest,
    ) -> Result<StartedSubscription, PaymentsError>;

    /// How a subscription stands now, and what its first payment still needs; `None` when the provider
    /// knows no such subscription. Safe to repeat.
    async fn read_first_payment(
        &self,
        subscription: &SubscriptionId,
    ) -> Result<Option<StartedSubscription>, PaymentsError>;

    /// Gives back, whole, every payment that was made for an invoice of `subscription` since `since`.
    /// Answers the provider's ids of the refunds; a payment that was given back before has none.
    async fn refund_since(
        &self,
        key: &JobKey,
        subscription: &SubscriptionId,
        since: Timestamp,
    ) -> Result<Vec<String>, PaymentsError>;

    /// The address of a page on which `customer` manages card, invoices and cancellation.
    async fn open_portal(
        &self,
        customer: &Customer,
        return_url: &str,
    ) -> Result<String, PaymentsError>;

    /// How a subscription stands now, stamped with the provider's own clock; `None` when the provider
    /// knows no such subscription. Safe to repeat.
    async fn read_subscription(
        &self,
        subscription: &SubscriptionId,
    ) -> Result<Option<(Customer, Described)>, PaymentsError>;

    /// Ends a subscription at once and answers how it stands then; `None` when the provider knows none
    /// such. Ending one that is over is fine.
    async fn cancel_subscription(
        &self,
        subscription: &SubscriptionId,
    ) -> Result<Option<Described>, PaymentsError>;

    /// Ends a subscription whose first payment nobody has made, so that nobody can make it any more, and
    /// answers how it stands then: one that was paid, or is just being paid, stays. `None` when the
    /// provider knows none such. Safe to repeat.
    async fn give_up_subscription(
        &self,
        subscription: &SubscriptionId,
    ) -> Result<Option<(Customer, Described)>, PaymentsError>;

    /// What became of a checkout page; `None` when the provider knows no such page. Safe to repeat.
    async fn read_checkout(
        &self,
        session: &CheckoutSessionId,
    ) -> Result<Option<CheckoutEnd>, PaymentsError>;

    /// The events that concern us and were made between two seconds, both included; without `until`,
    /// those since. One page, of those older than `after` where that is given. Safe to repeat; the
    /// provider forgets what is older than thirty days.
    async fn list_events(
        &self,
        from: Stamp,
        until: Option<Stamp>,
        after: Option<&NoticeId>,
    ) -> Result<EventsPage, PaymentsError>;

    /// One page of all subscriptions there ever were, those older than `after`. Safe to repeat.
    async fn list_subscriptions(
        &self,
        after: Option<&SubscriptionId>,
    ) -> Result<SubscriptionsPage, PaymentsError>;

    /// Carries `change` out. A subscription that is cancelled already, or not, stays so.
    async fn change_subscription(
        &self,
        key: &JobKey,
        subscription: &SubscriptionId,
        change: &Change,
    ) -> Result<Changed, PaymentsError>;

    /// What moving to `terms` would cost. The move itself with the same proration date charges exactly
    /// that. Safe to repeat.
    async fn preview_change(
        &self,
        subscription: &SubscriptionId,
        terms: &Terms,
    ) -> Result<ChangePreview, PaymentsError>;

    /// A customer's invoices, newest first, those older than `after`. Safe to repeat.
    async fn list_invoices(
        &self,
        customer: &Customer,
        after: Option<&str>,
    ) -> Result<InvoicePage, PaymentsError>;

    /// Every active product. Safe to repeat.
    async fn read_catalog(&self) -> Result<Vec<CatalogProduct>, PaymentsError>;
}
