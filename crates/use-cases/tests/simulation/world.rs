//! Everything that the two nodes share, behind the ports: the database, the provider, and the seed
//! that says which step comes next and which fails.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tollgate_billing::{
    AfterEnd, Customer, Policy, Stamp, SubscriptionId,
    change::{Change, Terms},
    purchase::Provider as Ready,
};
use tollgate_identity::Admission;
use tollgate_onboarding::Tools;
use tollgate_primitives::{AccountId, EmailAddress, JobKey, PlanKey, Timestamp, UserId};
use tollgate_use_cases::{
    App, Key, RateLimits, Settings,
    ports::{
        CatalogProduct, ChangePreview, Changed, CheckoutEnd, CheckoutRequest, CheckoutSession,
        CheckoutSessionId, Clock, Described, EventsPage, InvalidSignature, InvoicePage, Mail,
        MailError, Mailer, NewCustomer, Notice, NoticeId, Payments, PaymentsError,
        StartedSubscription, StoreError, SubscriptionRequest, SubscriptionsPage, Webhooks,
    },
};
use uuid::Uuid;

use crate::{
    database::Database,
    provider::{CUSTOMER, Provider},
    schedule::{Random, Trace, pause},
    unused::{Unused, unused},
};

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) random: Random,
    pub(crate) trace: Trace,
    pub(crate) database: Database,
    pub(crate) provider: Provider,
    pub(crate) mails: BTreeMap<JobKey, u32>,
    pub(crate) are_faults_on: bool,
}

/// What every port is to the use cases.
#[derive(Debug, Clone)]
pub(crate) struct Shared(Arc<Mutex<World>>);

#[derive(Debug, thiserror::Error)]
#[error("the seed would have it so")]
struct Fault;

pub(crate) fn account() -> AccountId {
    AccountId::from_uuid(Uuid::from_u128(1))
}

pub(crate) fn owner() -> UserId {
    UserId::from_uuid(Uuid::from_u128(2))
}

impl Shared {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(World {
            random: Random::new(seed),
            trace: Trace::default(),
            database: Database::default(),
            provider: Provider::new(),
            mails: BTreeMap::new(),
            are_faults_on: true,
        })))
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn app(&self) -> App {
        let shared = Arc::new(self.clone());
        let unused = Arc::new(Unused);
        App {
            clock: shared.clone(),
            entropy: unused.clone(),
            store: shared.clone(),
            operations: unused.clone(),
            invite_codes: unused.clone(),
            reconciliation: unused.clone(),
            teams: unused.clone(),
            pruning: unused.clone(),
            profiles: unused.clone(),
            leads: unused.clone(),
            erasure: unused.clone(),
            passwords: unused.clone(),
            access_tokens: unused.clone(),
            providers: unused,
            payments: shared.clone(),
            webhooks: Some(shared.clone()),
            mailer: shared,
            key: Key::new(vec![0; 32]).unwrap(),
            settings: Settings {
                admission: Admission::default(),
                rate_limits: RateLimits::Strict,
                trial_plan: PlanKey::parse("pro").unwrap(),
                trial_days: 14,
                policy: Policy {
                    after_end: AfterEnd::Lock,
                    read_only_days: 30,
                },
                provider: Ready::Ready,
                reconcile_calls_per_minute: 0,
                frontend_url: "https://app.example.com".to_owned(),
                onboarding_tools: Tools::parse("none").unwrap(),
                throwaway_domains: Arc::default(),
                sales_lead_recipient: None,
            },
        }
    }

    /// Lets the others go first; then whether this step fails.
    pub(crate) async fn fails(&self, step: &'static str) -> bool {
        pause().await;
        let world = &mut *self.world();
        world.trace.note(step);
        world.are_faults_on && world.random.one_in(40)
    }

    pub(crate) async fn statement(&self, step: &'static str) -> Result<(), StoreError> {
        if self.fails(step).await {
            return Err(unavailable(step));
        }
        Ok(())
    }
}

pub(crate) fn unavailable(step: &'static str) -> StoreError {
    StoreError::Unavailable {
        step,
        source: Box::new(Fault),
    }
}

impl Clock for Shared {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(self.world().provider.second).unwrap()
    }
}

impl Webhooks for Shared {
    fn verify(
        &self,
        _: Option<&str>,
        body: &[u8],
        _: Timestamp,
    ) -> Result<Notice, InvalidSignature> {
        self.read_stored(str::from_utf8(body).unwrap())
    }

    fn read_stored(&self, body: &str) -> Result<Notice, InvalidSignature> {
        let number: usize = body.parse().unwrap();
        Ok(self.world().provider.told[number].clone())
    }
}

#[async_trait]
impl Mailer for Shared {
    async fn send(&self, key: &JobKey, _: &EmailAddress, _: &Mail) -> Result<(), MailError> {
        if self.fails("send a mail").await {
            return Err(MailError::Temporary(Box::new(Fault)));
        }
        *self.world().mails.entry(key.clone()).or_default() += 1;
        Ok(())
    }
}

#[async_trait]
impl Payments for Shared {
    /// What it says was so when it was asked, however late the answer comes.
    async fn read_subscription(
        &self,
        subscription: &SubscriptionId,
    ) -> Result<Option<(Customer, Described)>, PaymentsError> {
        let is_refused = self.fails("ask how a subscription stands").await;
        let answer = {
            let provider = &self.world().provider;
            let known = provider.subscription(subscription).cloned();
            known.map(|known| {
                let stamp = Stamp::from_unix_seconds(provider.second);
                (Customer::new(CUSTOMER), Described { stamp, ..known })
            })
        };
        let distance = self.world().random.below(16);
        for _ in 0..distance {
            pause().await;
        }
        if is_refused || self.fails("hear how a subscription stands").await {
            return Err(PaymentsError::Unavailable {
                retry_after: Some(Duration::from_secs(1)),
                source: Box::new(Fault),
            });
        }
        Ok(answer)
    }

    async fn create_customer(
        &self,
        _: &JobKey,
        _: &NewCustomer,
    ) -> Result<Customer, PaymentsError> {
        unused()
    }

    async fn open_checkout(
        &self,
        _: &JobKey,
        _: &CheckoutRequest,
    ) -> Result<CheckoutSession, PaymentsError> {
        unused()
    }

    async fn expire_checkout(&self, _: &CheckoutSessionId) -> Result<(), PaymentsError> {
        unused()
    }

    async fn start_subscription(
        &self,
        _: &JobKey,
        _: &SubscriptionRequest,
    ) -> Result<StartedSubscription, PaymentsError> {
        unused()
    }

    async fn read_first_payment(
        &self,
        _: &SubscriptionId,
    ) -> Result<Option<StartedSubscription>, PaymentsError> {
        unused()
    }

    async fn refund_since(
        &self,
        _: &JobKey,
        _: &SubscriptionId,
        _: Timestamp,
    ) -> Result<Vec<String>, PaymentsError> {
        unused()
    }

    async fn open_portal(&self, _: &Customer, _: &str) -> Result<String, PaymentsError> {
        unused()
    }

    async fn cancel_subscription(
        &self,
        _: &SubscriptionId,
    ) -> Result<Option<Described>, PaymentsError> {
        unused()
    }

    async fn give_up_subscription(
        &self,
        _: &SubscriptionId,
    ) -> Result<Option<(Customer, Described)>, PaymentsError> {
        unused()
    }

    async fn read_checkout(
        &self,
        _: &CheckoutSessionId,
    ) -> Result<Option<CheckoutEnd>, PaymentsError> {
        unused()
    }

    async fn list_events(
        &self,
        _: Stamp,
        _: Option<Stamp>,
        _: Option<&NoticeId>,
    ) -> Result<EventsPage, PaymentsError> {
        unused()
    }

    async fn list_subscriptions(
        &self,
        _: Option<&SubscriptionId>,
    ) -> Result<SubscriptionsPage, PaymentsError> {
        unused()
    }

    async fn change_subscription(
        &self,
        _: &JobKey,
        _: &SubscriptionId,
        _: &Change,
    ) -> Result<Changed, PaymentsError> {
        unused()
    }

    async fn preview_change(
        &self,
        _: &SubscriptionId,
        _: &Terms,
    ) -> Result<ChangePreview, PaymentsError> {
        unused()
    }

    async fn list_invoices(
        &self,
        _: &Customer,
        _: Option<&str>,
    ) -> Result<InvoicePage, PaymentsError> {
        unused()
    }

    async fn read_catalog(&self) -> Result<Vec<CatalogProduct>, PaymentsError> {
        unused()
    }
}
