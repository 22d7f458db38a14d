//! The calls. Requests are async-stripe's; sending, retrying and reading are ours.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use hyper::StatusCode;
use serde::{
    Deserialize, Serialize,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_json::Value;
use stripe_billing::{
    billing_portal_session::CreateBillingPortalSession,
    invoice::{ListInvoice, VoidInvoiceInvoice},
    subscription::{
        CancelSubscription, CreateSubscription, CreateSubscriptionItems,
        CreateSubscriptionPaymentBehavior, CreateSubscriptionPaymentSettings,
        CreateSubscriptionPaymentSettingsSaveDefaultPaymentMethod, ListSubscription,
        ListSubscriptionStatus, RetrieveSubscription,
    },
};
use stripe_checkout::checkout_session::{
    CreateCheckoutSession, CreateCheckoutSessionLineItems, CreateCheckoutSessionSubscriptionData,
    ExpireCheckoutSession, RetrieveCheckoutSession,
};
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest};
use stripe_core::{
    customer::CreateCustomer,
    refund::{CreateRefund, CreateRefundReason},
};
use stripe_product::{price::ListPrice, product::ListProduct};
use stripe_shared::{CheckoutSessionMode, InvoiceStatus, PriceType};
use tokio::time::{Instant, sleep_until};
use tollgate_billing::{
    Customer, Stamp, SubscriptionId,
    change::{Change, Terms},
};
use tollgate_primitives::{JobKey, Timestamp};
use tollgate_use_cases::ports::{
    CatalogProduct, ChangePreview, Changed, CheckoutEnd, CheckoutRequest, CheckoutSession,
    CheckoutSessionId, Described, EventsPage, InvoicePage, ListedSubscription, NewCustomer,
    NoticeId, Payments, PaymentsError, StartedSubscription, SubscriptionRequest, SubscriptionsPage,
};

use crate::{
    admission::Admission,
    answer::{is_unknown, read, refusal},
    changes, events,
    metadata::metadata,
    objects::{
        self, Billed, Id, List, PaidInvoice, Preview, Price, Product, SessionStatus, Unreadable,
        catalog,
    },
    observe,
    pace::Lane,
    retry::{Verdict, health, judge, pause},
    settings::{Settings, SettingsInvalid},
    transport::{Answer, ExchangeError, Transport},
};

/// What a browser needs in order to pay is in the answer only where it is asked for
/// (<https://docs.stripe.com/api/invoices/object>, `confirmation_secret`).
const FIRST_PAYMENT: &str = "latest_invoice.confirmation_secret";

/// Stripe's largest page.
pub(crate) const PAGE: i64 = 100;
/// As many invoices as a person looks at at once.
const INVOICES: i64 = 20;
/// More pages than any catalog has: a list that does not end is no list.
pub(crate) const MOST_PAGES: usize = 100;

/// Stripe, asked with one secret key. A clone shares its connections and limits.
#[derive(Debug, Clone)]
pub struct StripePayments {
    stripe: Arc<Stripe>,
    lane: Lane,
}

#[derive(Debug)]
struct Stripe {
    transport: Transport,
    admission: Admission,
    settings: Settings,
}

impl StripePayments {
    /// For people who wait. Connects to nothing yet.
    pub fn new(settings: Settings) -> Result<Self, SettingsInvalid> {
        let stripe = Stripe {
            transport: Transport::new(&settings)?,
            admission: Admission::new(&settings),
            settings,
        };
        Ok(Self {
            stripe: Arc::new(stripe),
            lane: Lane::Person,
        })
    }

    /// The same Stripe for jobs: they wait longer, and leave people a part of every second.
    #[must_use]
    pub fn in_background(&self) -> Self {
        Self {
            stripe: Arc::clone(&self.stripe),
            lane: Lane::Background,
        }
    }

    /// The one way out: every try of every call passes here.
    pub(crate) async fn call(
        &self,
        request: RequestBuilder,
        key: Option<&JobKey>,
    ) -> Result<Answer, PaymentsError> {
        let settings = &self.stripe.settings;
        let deadline = Instant::now() + self.patience(settings.deadline);
        let key = key.map(JobKey::as_str);
        let name = key.unwrap_or(&request.path);
        let mut tries = 0;
        loop {
            tries += 1;
            let failure = match judge(self.try_once(&request, key, deadline).await) {
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
            let pause = pause(name, tries, settings.backoff, failure.retry_after);
            let next = Instant::now() + pause;
            if tries >= settings.tries || next >= deadline {
                return Err(failure.into());
            }
            sleep_until(next).await;
        }
    }

    async fn try_once(
        &self,
        request: &RequestBuilder,
        key: Option<&str>,
        deadline: Instant,
    ) -> Result<Answer, ExchangeError> {
        let stripe = &self.stripe;
        // At least half of what is left is for the answer.
        let asked_at = Instant::now();
        let entered_by = asked_at + (deadline - asked_at) / 2;
        let outcome = match stripe.admission.enter(self.lane, entered_by).await {
            Ok(mut pass) => {
                let start = Instant::now();
                let until = deadline.min(start + self.patience(stripe.settings.timeout));
                let outcome = stripe.transport.exchange(request, key, until).await;
                pass.went(health(&outcome));
                observe::took(request, start.elapsed());
                outcome
            }
            Err(not_sent) => Err(not_sent.into()),
        };
        observe::tried(request, &outcome);
        outcome
    }

    fn patience(&self, persons: Duration) -> Duration {
        match self.lane {
            Lane::Person => persons,
            Lane::Background => persons * 2,
        }
    }

    pub(crate) async fn ask<T: DeserializeOwned>(
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

    /// The item of a subscription that is changed.
    async fn item(&self, subscription: &str) -> Result<String, PaymentsError> {
        let request = RetrieveSubscription::new(subscription).build();
        let read: objects::Subscription = self.ask(request, None).await?;
        Ok(read.item_id()?.to_owned())
    }

    /// An end is scheduled with the period or at a moment, and either is taken back in its own words.
    async fn keep(&self, key: &JobKey, subscription: &str) -> Result<Changed, PaymentsError> {
        let request = changes::end_with_period(subscription, false);
        let answer = self.call(request, Some(key)).await?;
        let kept: objects::Subscription = read(&answer)?;
        if !kept.is_ending() {
            return changed(&answer);
        }
        let at_no_moment = JobKey::new(key.as_str(), "at-no-moment");
        let request = changes::end_at_no_moment(subscription);
        changed(&self.call(request, Some(&at_no_moment)).await?)
    }
}

/// What an answer says of the subscription that was changed. A repeated one says how it stood then.
fn changed(answer: &Answer) -> Result<Changed, PaymentsError> {
    if answer.status == StatusCode::PAYMENT_REQUIRED {
        return Ok(Changed::Declined);
    }
    let subscription: objects::Subscription = read(answer)?;
    if answer.is_replayed() {
        return Ok(Changed::Before);
    }
    let described = subscription.describe(stamp(answer)?)?;
    Ok(Changed::Now(subscription.customer(), described))
}

fn stamp(answer: &Answer) -> Result<Stamp, Unreadable> {
    answer
        .stamp()
        .ok_or_else(|| Unreadable::missing("the header Date"))
}

impl StripePayments {
    /// `None` for what was given back before.
    async fn refund(&self, key: &JobKey, payment: &Id) -> Result<Option<String>, PaymentsError> {
        #[derive(Deserialize)]
        struct Refund {
            id: Id,
        }
        let key = JobKey::new(key.as_str(), payment.as_str());
        let request = CreateRefund::new()
            .payment_intent(payment.as_str())
            .reason(CreateRefundReason::Duplicate);
        let answer = self.call(request.build(), Some(&key)).await?;
        if refusal(&answer).is_some_and(|refusal| refusal.is_refunded()) {
            return Ok(None);
        }
        let made: Refund = read(&answer)?;
        Ok(Some(made.id.into_string()))
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
        match self.ask::<Created>(request.build(), Some(key)).await {
            Err(PaymentsError::KeySpent(failure)) => {
                let made = self.customer_made(customer.account).await?;
                made.ok_or(PaymentsError::KeySpent(failure))
            }
            created => Ok(Customer::new(created?.id.as_str())),
        }
    }

    async fn open_checkout(
        &self,
        key: &JobKey,
        request: &CheckoutRequest,
    ) -> Result<CheckoutSession, PaymentsError> {
        match self
            .ask::<objects::CheckoutSession>(checkout(request), Some(key))
            .await
        {
            Err(PaymentsError::KeySpent(failure)) => {
                let opened = self.page_opened(request).await?;
                opened.ok_or(PaymentsError::KeySpent(failure))
            }
            opened => Ok(opened?.into_open()?),
        }
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

    async fn start_subscription(
        &self,
        key: &JobKey,
        request: &SubscriptionRequest,
    ) -> Result<StartedSubscription, PaymentsError> {
        match self
            .ask::<objects::Subscription>(subscription(request), Some(key))
            .await
        {
            Err(PaymentsError::KeySpent(failure)) => {
                let made = self.subscription_made(request).await?;
                made.ok_or(PaymentsError::KeySpent(failure))
            }
            made => {
                let made = made?;
                Ok(started(&made, made.created()?)?)
            }
        }
    }

    async fn read_first_payment(
        &self,
        subscription: &SubscriptionId,
    ) -> Result<Option<StartedSubscription>, PaymentsError> {
        let Some(id) = path_segment(subscription.as_str()) else {
            return Ok(None);
        };
        let request = RetrieveSubscription::new(id).expand([FIRST_PAYMENT.to_owned()]);
        let answer = self.call(request.build(), None).await?;
        if is_unknown(&answer) {
            return Ok(None);
        }
        let read: objects::Subscription = read(&answer)?;
        Ok(Some(started(&read, stamp(&answer)?)?))
    }

    /// Stripe knows no subscription that it could end where that is over; how it stands is asked then.
    async fn cancel_subscription(
        &self,
        subscription: &SubscriptionId,
    ) -> Result<Option<Described>, PaymentsError> {
        let Some(id) = path_segment(subscription.as_str()) else {
            return Ok(None);
        };
        let answer = self.call(CancelSubscription::new(id).build(), None).await?;
        if is_unknown(&answer) {
            let now = self.read_subscription(subscription).await?;
            return Ok(now.map(|(_, described)| described));
        }
        let ended: objects::Subscription = read(&answer)?;
        Ok(Some(ended.describe(stamp(&answer)?)?))
    }

    /// Its invoice is voided first, which Stripe refuses once that is paid: who ended the subscription
    /// alone might end what was paid a moment ago.
    async fn give_up_subscription(
        &self,
        subscription: &SubscriptionId,
    ) -> Result<Option<(Customer, Described)>, PaymentsError> {
        let Some(id) = path_segment(subscription.as_str()) else {
            return Ok(None);
        };
        for _ in 0..2 {
            let request = RetrieveSubscription::new(id).expand([FIRST_PAYMENT.to_owned()]);
            let answer = self.call(request.build(), None).await?;
            if is_unknown(&answer) {
                return Ok(None);
            }
            let waiting: objects::Subscription = read(&answer)?;
            match waiting.first_invoice() {
                None => break,
                Some((_, true)) => {
                    self.cancel_subscription(subscription).await?;
                    break;
                }
                // Whether it is void now is looked at: an answer may have been lost, and one that is not
                // open any more is refused.
                Some((invoice, false)) => {
                    let request = VoidInvoiceInvoice::new(invoice).build();
                    let answer = self.call(request, None).await?;
                    if answer.status != StatusCode::BAD_REQUEST {
                        read::<IgnoredAny>(&answer)?;
                    }
                }
            }
        }
        self.read_subscription(subscription).await
    }

    async fn refund_since(
        &self,
        key: &JobKey,
        subscription: &SubscriptionId,
        since: Timestamp,
    ) -> Result<Vec<String>, PaymentsError> {
        let after = |last: Option<&str>| paid_invoices_after(subscription, last);
        let invoices: Vec<PaidInvoice> = self.all(after, PaidInvoice::id).await?;
        let mut refunds = Vec::new();
        for invoice in invoices {
            if !invoice.is_made_since(since)? {
                continue;
            }
            for payment in invoice.paid_by()? {
                refunds.extend(self.refund(key, &payment).await?);
            }
        }
        Ok(refunds)
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
        Ok(Some((read.customer(), read.describe(stamp(&answer)?)?)))
    }

    async fn change_subscription(
        &self,
        key: &JobKey,
        subscription: &SubscriptionId,
        change: &Change,
    ) -> Result<Changed, PaymentsError> {
        let id = known_subscription(subscription)?;
        let request = match change {
            Change::Keep => return self.keep(key, id).await,
            Change::Cancel => changes::end_with_period(id, true),
            Change::Move(terms) => changes::move_to(id, &self.item(id).await?, terms),
        };
        changed(&self.call(request, Some(key)).await?)
    }

    async fn preview_change(
        &self,
        subscription: &SubscriptionId,
        terms: &Terms,
    ) -> Result<ChangePreview, PaymentsError> {
        let id = known_subscription(subscription)?;
        let request = RetrieveSubscription::new(id).build();
        let read: objects::Subscription = self.ask(request, None).await?;
        let item = read.item_id()?;
        let next: Preview = self
            .ask(changes::preview_of_next(id, item, terms), None)
            .await?;
        let next_invoice = (!read.is_ending()).then(|| next.whole_periods());
        let currency = next.currency()?;
        if read.is_on_trial() {
            return Ok(ChangePreview {
                due_now: 0,
                next_invoice,
                currency,
                lines: Vec::new(),
            });
        }
        let now: Preview = self
            .ask(changes::preview_of_now(id, item, terms), None)
            .await?;
        Ok(ChangePreview {
            due_now: now.amount_due,
            next_invoice,
            currency,
            lines: now.into_lines()?,
        })
    }

    async fn list_invoices(
        &self,
        customer: &Customer,
        after: Option<&str>,
    ) -> Result<InvoicePage, PaymentsError> {
        let request = ListInvoice::new()
            .customer(customer.as_str())
            .limit(INVOICES);
        let request = match after {
            Some(after) => request.starting_after(after).build(),
            None => request.build(),
        };
        let page: List<Billed> = self.ask(request, None).await?;
        let items = page.data.into_iter().map(Billed::describe);
        Ok(InvoicePage {
            items: items.collect::<Result<_, _>>()?,
            has_more: page.has_more,
        })
    }

    async fn read_checkout(
        &self,
        session: &CheckoutSessionId,
    ) -> Result<Option<CheckoutEnd>, PaymentsError> {
        let Some(id) = path_segment(&session.0) else {
            return Ok(None);
        };
        let answer = self
            .call(RetrieveCheckoutSession::new(id).build(), None)
            .await?;
        if is_unknown(&answer) {
            return Ok(None);
        }
        let session: objects::CheckoutSession = read(&answer)?;
        Ok(Some(session.end()?))
    }

    async fn list_events(
        &self,
        from: Stamp,
        until: Option<Stamp>,
        after: Option<&NoticeId>,
    ) -> Result<EventsPage, PaymentsError> {
        let page: List<Value> = self.ask(events_between(from, until, after), None).await?;
        Ok(EventsPage {
            bodies: page.data.iter().map(Value::to_string).collect(),
            has_more: page.has_more,
        })
    }

    async fn list_subscriptions(
        &self,
        after: Option<&SubscriptionId>,
    ) -> Result<SubscriptionsPage, PaymentsError> {
        let asked = Instant::now();
        let answer = self.call(subscriptions_after(after), None).await?;
        let page: List<Value> = read(&answer)?;
        let date = answer
            .stamp()
            .ok_or_else(|| Unreadable::missing("the header Date"))?;
        // The answer is dated when it leaves and read up to its whole duration earlier. What happened in
        // between must count as the newer word.
        let took = i64::try_from(asked.elapsed().as_secs()).unwrap_or(i64::MAX);
        let stamp = Stamp::from_unix_seconds(date.unix_seconds().saturating_sub(took + 1));
        let listed = page.data.into_iter().map(|object| listed(object, stamp));
        Ok(SubscriptionsPage {
            subscriptions: listed.collect::<Result<_, _>>()?,
            has_more: page.has_more,
        })
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

/// Paid for by the card that its first payment is confirmed with, from then on.
fn subscription(request: &SubscriptionRequest) -> RequestBuilder {
    let mut item = CreateSubscriptionItems::new();
    item.price = Some(request.price.as_str().to_owned());
    item.quantity = Some(request.seats.into());
    let mut settings = CreateSubscriptionPaymentSettings::new();
    settings.save_default_payment_method =
        Some(CreateSubscriptionPaymentSettingsSaveDefaultPaymentMethod::OnSubscription);
    CreateSubscription::new()
        .customer(request.customer.as_str())
        .items(vec![item])
        .payment_behavior(CreateSubscriptionPaymentBehavior::DefaultIncomplete)
        .payment_settings(settings)
        .metadata(metadata(request.account, Some(request.reservation)))
        .expand([FIRST_PAYMENT.to_owned()])
        .build()
}

fn started(
    subscription: &objects::Subscription,
    stamp: Stamp,
) -> Result<StartedSubscription, Unreadable> {
    Ok(StartedSubscription {
        customer: subscription.customer(),
        described: subscription.describe(stamp)?,
        payment: subscription.first_payment()?,
    })
}

fn paid_invoices_after(subscription: &SubscriptionId, last: Option<&str>) -> RequestBuilder {
    let request = ListInvoice::new()
        .subscription(subscription.as_str())
        .status(InvoiceStatus::Paid)
        .expand(["data.payments".to_owned()])
        .limit(PAGE);
    match last {
        Some(last) => request.starting_after(last).build(),
        None => request.build(),
    }
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

/// <https://docs.stripe.com/api/events/list>
fn events_between(from: Stamp, until: Option<Stamp>, after: Option<&NoticeId>) -> RequestBuilder {
    #[derive(Serialize)]
    struct ListEvents<'a> {
        created: Created,
        limit: i64,
        #[serde(skip_serializing_if = "Option::is_none")]
        starting_after: Option<&'a str>,
        types: &'a [&'a str],
    }
    #[derive(Serialize)]
    struct Created {
        gte: i64,
        #[serde(skip_serializing_if = "Option::is_none")]
        lte: Option<i64>,
    }
    RequestBuilder::new(StripeMethod::Get, "/events").query(&ListEvents {
        created: Created {
            gte: from.unix_seconds(),
            lte: until.map(Stamp::unix_seconds),
        },
        limit: PAGE,
        starting_after: after.map(|after| after.0.as_str()),
        types: &events::TYPES,
    })
}

fn subscriptions_after(last: Option<&SubscriptionId>) -> RequestBuilder {
    let request = ListSubscription::new()
        .status(ListSubscriptionStatus::All)
        .limit(PAGE);
    match last {
        Some(last) => request.starting_after(last.as_str()).build(),
        None => request.build(),
    }
}

/// An object that cannot be read spoils itself alone, not its page.
fn listed(object: Value, stamp: Stamp) -> Result<ListedSubscription, Unreadable> {
    #[derive(Deserialize)]
    struct Named {
        id: Id,
    }
    let unreadable = |error: serde_json::Error| Unreadable::new(error.to_string());
    let named = Named::deserialize(&object).map_err(unreadable)?;
    let read: Result<objects::Subscription, _> = serde_json::from_value(object).map_err(unreadable);
    let customer = read.as_ref().ok().map(objects::Subscription::customer);
    let described = read.and_then(|read| read.describe(stamp));
    Ok(ListedSubscription {
        id: SubscriptionId::new(named.id.as_str()),
        customer,
        described: described.map_err(|error| error.to_string()),
    })
}

/// `id` where it can stand in a path as it is. Stripe's ids can; any other is known to no provider.
fn path_segment(id: &str) -> Option<&str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (!id.is_empty() && id.bytes().all(is_plain)).then_some(id)
}

fn known_subscription(subscription: &SubscriptionId) -> Result<&str, PaymentsError> {
    path_segment(subscription.as_str()).ok_or_else(|| PaymentsError::Refused {
        code: "resource_missing".to_owned(),
        message: "no subscription has such an id".to_owned(),
    })
}

fn no_such_session() -> PaymentsError {
    PaymentsError::Refused {
        code: "resource_missing".to_owned(),
        message: "no checkout session has such an id".to_owned(),
    }
}
