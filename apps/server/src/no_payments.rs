//! The payment provider of a deployment that has none: says so to every question.

use async_trait::async_trait;
use tollgate_billing::{
    Customer, Stamp, SubscriptionId,
    change::{Change, Terms},
};
use tollgate_primitives::{JobKey, Timestamp};
use tollgate_use_cases::ports::{
    CatalogProduct, ChangePreview, Changed, CheckoutEnd, CheckoutRequest, CheckoutSession,
    CheckoutSessionId, Described, EventsPage, InvoicePage, NewCustomer, NoticeId, Payments,
    PaymentsError, StartedSubscription, SubscriptionRequest, SubscriptionsPage,
};

#[derive(Debug)]
pub(crate) struct NoPayments;

#[async_trait]
impl Payments for NoPayments {
    async fn create_customer(
        &self,
        _: &JobKey,
        _: &NewCustomer,
    ) -> Result<Customer, PaymentsError> {
        Err(PaymentsError::NotConfigured)
    }

    async fn open_checkout(
        &self,
        _: &JobKey,
        _: &CheckoutRequest,
    ) -> Result<CheckoutSession, PaymentsError> {
        Err(PaymentsError::NotConfigured)
    }

    async fn expire_checkout(&self, _: &CheckoutSessionId) -> Result<(), PaymentsError> {
        Err(PaymentsError::NotConfigured)
    }

    async fn start_subscription(
        &self,
        _: &JobKey,
        _: &SubscriptionRequest,
    ) -> Result<StartedSubscription, PaymentsError> {
        Err(PaymentsError::NotConfigured)
    }

    async fn read_first_payment(
        &self,
        _: &SubscriptionId,
    ) -> Result<Option<StartedSubscription>, PaymentsError> {
        Err(PaymentsError::NotConfigured)
    }

    async fn refund_since(
        &self,
        _: &JobKey,
        _: &SubscriptionId,
        _: Timestamp,
    ) -> Result<Vec<String>, PaymentsError> {
        Err(PaymentsError::NotConfigured)
    }

    async fn open_portal(&self, _: &Customer, _: &str) -> Result<String, PaymentsError> {
        Err(PaymentsError::NotConfigured)
    }

    async fn read_subscription(
        &self,
        _: &SubscriptionId,
    ) -> Result<Option<(Customer, Described)>, PaymentsError> {
        Err(PaymentsError::NotConfigured)
    }

    async fn cancel_subscription(
        &self,
        _: &SubscriptionId,
    ) -> Result<Option<Described>, PaymentsError> {
        Err(PaymentsError::NotConfigured)
    }

    async fn give_up_subscription(
        &self,
        _: &SubscriptionId,
    ) -> Result<Option<(Customer, Described)>, PaymentsError> {
        Err(PaymentsError::NotConfigured)
    }

    async fn read_checkout(
        &self,
        _: &CheckoutSessionId,
    ) -> Result<Option<CheckoutEnd>, PaymentsError> {
        Err(PaymentsError::NotConfigured)
    }

    async fn list_events(
        &self,
        _: Stamp,
        _: Option<Stamp>,
        _: Option<&NoticeId>,
    ) -> Result<EventsPage, PaymentsError> {
        Err(PaymentsError::NotConfigured)
    }

    async fn list_subscriptions(
        &self,
        _: Option<&SubscriptionId>,
    ) -> Result<SubscriptionsPage, PaymentsError> {
        Err(PaymentsError::NotConfigured)
    }

    async fn change_subscription(
        &self,
        _: &JobKey,
        _: &SubscriptionId,
        _: &Change,
    ) -> Result<Changed, PaymentsError> {
        Err(PaymentsError::NotConfigured)
    }

    async fn preview_change(
        &self,
        _: &SubscriptionId,
        _: &Terms,
    ) -> Result<ChangePreview, PaymentsError> {
        Err(PaymentsError::NotConfigured)
    }

    async fn list_invoices(
        &self,
        _: &Customer,
        _: Option<&str>,
    ) -> Result<InvoicePage, PaymentsError> {
        Err(PaymentsError::NotConfigured)
    }

    async fn read_catalog(&self) -> Result<Vec<CatalogProduct>, PaymentsError> {
        Err(PaymentsError::NotConfigured)
    }
}
