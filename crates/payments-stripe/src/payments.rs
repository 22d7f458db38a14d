//! The calls. Requests are async-stripe's; sending, retrying and reading are ours.

use std::collections::HashMap;

use async_trait::async_trait;
use hyper::StatusCode;
use serde::{Deserialize, de::DeserializeOwned};
use stripe_billing::{
    billing_portal_session::CreateBillingPortalSession, subscription::RetrieveSubscription,
};
use stripe_checkout::checkout_session::{
    CreateCheckoutSession, CreateCheckoutSessionLineItems, CreateCheckoutSessionSubscriptionData,
    ExpireCheckoutSession, RetrieveCheckoutSession,
};
use stripe_client_core::{RequestBuilder, StripeRequest};
use stripe_core::customer::CreateCustomer;
use stripe_product::{price::ListPrice, product::ListProduct};
use stripe_shared::{CheckoutSessionMode, PriceType};
use tokio::time::{Instant, sleep_until, timeout_at};
use tollgate_billing::{Customer, SubscriptionId};
use tollgate_primitives::{AccountId, JobKey, ReservationId, Timestamp};
use tollgate_use_cases::ports::{
    CatalogProduct, CheckoutRequest, CheckoutSession, CheckoutSessionId, Described, NewCustomer,
    Payments, PaymentsError,
};

use crate::{
    answer::{is_unknown, read},
    objects::{self, Id, List, Price, Product, SessionStatus, Unreadable, catalog},
    retry::{Verdict, judge, pause},
    settings::{Settings, SettingsInvalid},
    transport::{Answer, ExchangeError, Transport},
};

/// Stripe's largest page.
const PAGE: i64 = 100;
/// More pages than any catalog has: a list that does not end is no list.
const MOST_PAGES: usize = 100;

/// Stripe, asked with one secret key.
#[derive(Debug)]
pub struct StripePayments {
    transport: Transport,
    settings: Settings,
}

impl StripePayments {
    /// Connects to nothing yet.
    pub fn new(settings: Settings) -> Result<Self, SettingsInvalid> {
        Ok(Self {
            transport: Transport::new(&settings)?,
            settings,
        })
    }

    /// The one way out: every try of every call passes here.
    async fn call(
        &self,
        request: RequestBuilder,
        key: Option<&JobKey>,
    ) -> Result<Answer, PaymentsError> {
        let deadline = Instant::now() + self.settings.deadline;
        let key = key.map(JobKey::as_str);
        let name = key.unwrap_or(&request.path);
        let mut tries = 0;
        loop {
            tries += 1;
            let outcome = timeout_at(deadline, self.transport.exchange(&request, key)).await;
            let failure = match judge(outcome.unwrap_or(Err(ExchangeError::Timeout))) {
                Verdict::Final(answer) => return Ok(answer),
                Verdict::Hopeless(error) => return Err(error),
                Verdict::Again(failure) => failure,
            };
            tracing::warn!(
                path = request.path,
                tries,
                error = &*failure.source as &dyn std::error::Error,
                "Stripe gave no answer to act on"
            );
            let pause = pause(name, tries, self.settings.backoff, failure.retry_after);
            let next = Instant::now() + pause;
            if tries >= self.settings.tries || next >= deadline {
                return Err(failure.into());
            }
            sleep_until(next).await;
        }
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        key: Option<&JobKey>,
    ) -> Result<T, PaymentsError> {
        read(&self.call(request, key).await?)
    }

    /// Every page of a list, from the newest object on; `id` tells where a page ended.
    async fn all<T: DeserializeOwned + Send>(
        &self,
        page_after: impl Fn(Option<&str>) -> RequestBuilder + Send,
        id: impl Fn(&T) -> &Id + Send,
    ) -> Result<Vec<T>, PaymentsError> {
        let mut all: Vec<T> = Vec::new();
        for _ in 0..MOST_PAGES {
            let last = all.last().map(|object| id(object).as_str());
            let page: List<T> = self.ask(page_after(last), None).await?;
            if !page.has_more {
                all.extend(page.data);
                return Ok(all);
            }
            if page.data.is_empty() {
                break;
            }
            all.extend(page.data);
        }
        Err(Unreadable::new("a list has no end").into())
    }
}

#[async_trait]
impl Payments for StripePayments {
    async fn create_customer(
        &self,
        key: &JobKey,
        customer: &NewCustomer,
    ) -> Result<Customer, PaymentsError> {
        #[derive(Deserialize)]
        struct Created {
            id: Id,
        }
        let request = CreateCustomer::new()
            .name(customer.name.as_str())
            .email(customer.email.as_str())
            .metadata(metadata(customer.account, None));
        let created: Created = self.ask(request.build(), Some(key)).await?;
        Ok(Customer::new(created.id.as_str()))
    }

    async fn open_checkout(
        &self,
        key: &JobKey,
        request: &CheckoutRequest,
    ) -> Result<CheckoutSession, PaymentsError> {
        let session: objects::CheckoutSession = self.ask(checkout(request), Some(key)).await?;
        Ok(session.into_open()?)
    }

    /// Stripe refuses to close a page that is no longer open; what it is then is asked, not read off
    /// the wording of the refusal.
    async fn expire_checkout(&self, session: &CheckoutSessionId) -> Result<(), PaymentsError> {
        let id = path_segment(&session.0).ok_or_else(no_such_session)?;
        let expired = self
            .call(ExpireCheckoutSession::new(id).build(), None)
            .await?;
        if expired.status != StatusCode::BAD_REQUEST {
            return read(&expired).map(|_: objects::CheckoutSession| ());
        }
        let request = RetrieveCheckoutSession::new(id).build();
        let now: objects::CheckoutSession = self.ask(request, None).await?;
        match now.status()? {
            SessionStatus::Complete | SessionStatus::Expired => Ok(()),
            SessionStatus::Open | SessionStatus::Unknown => {
                read(&expired).map(|_: objects::CheckoutSession| ())
            }
        }
    }

    async fn open_portal(
        &self,
        customer: &Customer,
        return_url: &str,
    ) -> Result<String, PaymentsError> {
        #[derive(Deserialize)]
        struct Portal {
            url: String,
        }
        let request = CreateBillingPortalSession::new()
            .customer(customer.as_str())
            .return_url(return_url);
        let portal: Portal = self.ask(request.build(), None).await?;
        Ok(portal.url)
    }

    async fn read_subscription(
        &self,
        subscription: &SubscriptionId,
    ) -> Result<Option<(Customer, Described)>, PaymentsError> {
        let Some(id) = path_segment(subscription.as_str()) else {
            return Ok(None);
        };
        let answer = self
            .call(RetrieveSubscription::new(id).build(), None)
            .await?;
        if is_unknown(&answer) {
            return Ok(None);
        }
        let read: objects::Subscription = read(&answer)?;
        let stamp = answer
            .stamp()
            .ok_or_else(|| Unreadable::missing("the header Date"))?;
        Ok(Some((read.customer(), read.describe(stamp)?)))
    }

    async fn read_catalog(&self) -> Result<Vec<CatalogProduct>, PaymentsError> {
        let products: Vec<Product> = self.all(products_after, Product::id).await?;
        let prices: Vec<Price> = self.all(prices_after, Price::id).await?;
        Ok(catalog(products, prices)?)
    }
}

fn checkout(request: &CheckoutRequest) -> RequestBuilder {
    let metadata = metadata(request.account, Some(request.reservation));
    let mut item = CreateCheckoutSessionLineItems::new();
    item.price = Some(request.price.as_str().to_owned());
    item.quantity = Some(request.seats.into());
    let mut subscription = CreateCheckoutSessionSubscriptionData::new();
    subscription.metadata = Some(metadata.clone());
    subscription.trial_end = request.trial_end.map(Timestamp::unix_seconds);
    CreateCheckoutSession::new()
        .mode(CheckoutSessionMode::Subscription)
        .customer(request.customer.as_str())
        .client_reference_id(request.account.to_string())
        .line_items(vec![item])
        .metadata(metadata)
        .subscription_data(subscription)
        .success_url(request.success_url.as_str())
        .cancel_url(request.cancel_url.as_str())
        .build()
}

/// For people who look at Stripe's dashboard and for reconciliation. Nothing is granted by it.
fn metadata(account: AccountId, reservation: Option<ReservationId>) -> HashMap<String, String> {
    let account = ("tollgate_account".to_owned(), account.to_string());
    let reservation = reservation.map(|id| ("tollgate_reservation".to_owned(), id.to_string()));
    [account].into_iter().chain(reservation).collect()
}

fn products_after(last: Option<&str>) -> RequestBuilder {
    let request = ListProduct::new().active(true).limit(PAGE);
    match last {
        Some(last) => request.starting_after(last).build(),
        None => request.build(),
    }
}

fn prices_after(last: Option<&str>) -> RequestBuilder {
    let request = ListPrice::new()
        .active(true)
        .type_(PriceType::Recurring)
        .limit(PAGE);
    match last {
        Some(last) => request.starting_after(last).build(),
        None => request.build(),
    }
}

/// `id` where it can stand in a path as it is. Stripe's ids can; any other is known to no provider.
fn path_segment(id: &str) -> Option<&str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (!id.is_empty() && id.bytes().all(is_plain)).then_some(id)
}

fn no_such_session() -> PaymentsError {
    PaymentsError::Refused {
        code: "resource_missing".to_owned(),
        message: "no checkout session has such an id".to_owned(),
    }
}
