//! The questions and the statements that commit by themselves.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::{DatabaseConnection, QueryResult, TransactionTrait};
use tollgate_billing::{Customer, Interval, PriceId, SubscriptionId, purchase::Offer};
use tollgate_identity::{Purpose, limit::Limit};
use tollgate_primitives::{
    AccountId, EmailAddress, PlanKey, ReservationId, SessionId, Timestamp, TokenId, UserId,
};
use tollgate_use_cases::ports::{
    AccountFacts, AddressProof, Awaiting, Caller, Change, CheckoutSessionId, Conclusion,
    Credentials, EventRecord, EventState, Job, NewRefreshToken, Notice, NoticeId, OfferRow,
    PasswordOwner, PlanBilling, PublicPlan, Received, RefreshRow, SessionRow, Sessions, Store,
    StoreError, Transaction, User,
};

use crate::{
    Settings, catalog,
    columns::unavailable,
    complimentary,
    facts::{self, Whose},
    inbox::{self, Sought, Told},
    kept::Keeper,
    one_time, outbox, people, pool, purchases, rate_limits, sessions,
    together::Together,
    transaction::PostgresTransaction,
};

/// A pool of connections to one migrated database. Cheap to clone; the clones share the pool and
/// what is kept of the catalog.
#[derive(Debug, Clone)]
pub struct PostgresStore {
    database: DatabaseConnection,
    keeper: Arc<Keeper>,
    plain: Together<Whose, Result<Option<QueryResult>, StoreError>>,
    look_ups: Together<Sought, Result<Received, StoreError>>,
    conclusions: Together<Told, Option<Result<Conclusion, StoreError>>>,
}

impl PostgresStore {
    /// Fails when the database does not answer.
    pub async fn connect(settings: &Settings) -> Result<Self, StoreError> {
        let database = pool::connect(settings).await?;
        let (plain, asked, told) = (database.clone(), database.clone(), database.clone());
        Ok(Self {
            database,
            keeper: Arc::default(),
            plain: Together::new(move |whose| facts::plain(plain.clone(), whose)),
            look_ups: Together::new(move |sought| inbox::look_up(asked.clone(), sought)),
            conclusions: Together::new(move |events| {
                inbox::conclude_together(told.clone(), events)
            }),
        })
    }

    pub(crate) const fn database(&self) -> &DatabaseConnection {
        &self.database
    }

    /// How many connections there are, and how many of them are at rest; for metrics.
    #[must_use]
    pub fn connections(&self) -> (u32, usize) {
        let pool = self.database.get_postgres_connection_pool();
        (pool.size(), pool.num_idle())
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn begin(&self) -> Result<Box<dyn Transaction>, StoreError> {
        let transaction = self.database.begin().await.map_err(unavailable("begin"))?;
        Ok(Box::new(PostgresTransaction(transaction)))
    }

    async fn caller(
        &self,
        session: SessionId,
        account: AccountId,
    ) -> Result<Option<Caller>, StoreError> {
        facts::caller(&self.database, session, account).await
    }

    async fn account_facts(
        &self,
        session: SessionId,
        account: AccountId,
        count_seats: Option<Timestamp>,
    ) -> Result<Option<AccountFacts>, StoreError> {
        let whose = (session, account);
        facts::account(
            &self.database,
            &self.keeper,
            &self.plain,
            whose,
            count_seats,
        )
        .await
    }

    async fn user(
        &self,
        session: SessionId,
        account: AccountId,
    ) -> Result<Option<User>, StoreError> {
        people::user(&self.database, session, account).await
    }

    async fn credentials(&self, email: &EmailAddress) -> Result<Option<Credentials>, StoreError> {
        people::credentials(&self.database, email).await
    }

    async fn public_plans(&self) -> Result<Vec<PublicPlan>, StoreError> {
        catalog::public_plans(&self.database).await
    }

    async fn offer(&self, plan: &PlanKey) -> Result<Option<Offer>, StoreError> {
        catalog::offer(&self.database, plan).await
    }

    async fn tiers(&self) -> Result<Vec<(PlanKey, i32)>, StoreError> {
        catalog::tiers(&self.database).await
    }

    async fn price(&self, price: &PriceId) -> Result<Option<(PlanKey, Interval)>, StoreError> {
        catalog::price(&self.database, price).await
    }

    async fn plans_on_sale(&self) -> Result<Vec<PlanBilling>, StoreError> {
        catalog::plans_on_sale(&self.database).await
    }

    async fn rotate_refresh(
        &self,
        presented: &[u8; 32],
        successor: &NewRefreshToken,
        now: Timestamp,
    ) -> Result<Option<RefreshRow>, StoreError> {
        sessions::rotate(&self.database, presented, successor, now).await
    }

    async fn refresh_row(&self, hash: &[u8; 32]) -> Result<Option<RefreshRow>, StoreError> {
        sessions::refresh_row(&self.database, hash).await
    }

    async fn try_once(&self, bucket: &[u8; 32], limit: Limit) -> Result<bool, StoreError> {
        rate_limits::take(&self.database, bucket, limit).await
    }

    async fn forget_tries(&self, bucket: &[u8; 32]) -> Result<(), StoreError> {
        rate_limits::forget(&self.database, bucket).await
    }

    async fn sessions(&self, user: UserId, now: Timestamp) -> Result<Vec<SessionRow>, StoreError> {
        sessions::living(&self.database, user, now).await
    }

    async fn end_sessions(
        &self,
        user: UserId,
        which: Sessions,
        cause: &'static str,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        sessions::end(&self.database, user, which, cause, now).await
    }

    async fn prove_address(
        &self,
        token: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<AddressProof>, StoreError> {
        one_time::prove_address(&self.database, token, now).await
    }

    async fn one_time_user(
        &self,
        token: &[u8; 32],
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Option<UserId>, StoreError> {
        one_time::user(&self.database, token, purpose, now).await
    }

    async fn one_time_mailbox(
        &self,
        token: TokenId,
        now: Timestamp,
    ) -> Result<Option<(EmailAddress, String)>, StoreError> {
        one_time::mailbox(&self.database, token, now).await
    }

    async fn password_owner(&self, user: UserId) -> Result<Option<PasswordOwner>, StoreError> {
        people::password_owner(&self.database, user).await
    }

    async fn customer(&self, account: AccountId) -> Result<Option<Customer>, StoreError> {
        purchases::customer(&self.database, account).await
    }

    async fn put_customer(
        &self,
        account: AccountId,
        customer: &Customer,
    ) -> Result<Customer, StoreError> {
        purchases::put_customer(&self.database, account, customer).await
    }

    async fn put_checkout(
        &self,
        reservation: ReservationId,
        session: &CheckoutSessionId,
        url: &str,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError> {
        purchases::put_checkout(&self.database, reservation, session, url, expires_at).await
    }

    async fn look_up(&self, notice: &Notice) -> Result<Received, StoreError> {
        self.look_ups.ask(Sought::of(notice)).await?
    }

    async fn conclude(
        &self,
        notice: &Notice,
        state: &EventState,
        change: Option<Change<'_>>,
        now: Timestamp,
    ) -> Result<Conclusion, StoreError> {
        if let Some(told) = Told::of(notice, state, change, now)
            && let Some(concluded) = self.conclusions.ask(told).await?
        {
            return concluded;
        }
        inbox::conclude(&self.database, notice, state, change, now).await
    }

    async fn keep_event(
        &self,
        notice: &Notice,
        state: &EventState,
        job: Option<&Job>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let transaction = self.database.begin().await.map_err(unavailable("begin"))?;
        let kept = inbox::conclude(&transaction, notice, state, None, now).await?;
        if let Some(job) = job.filter(|_| kept != Conclusion::Overtaken) {
            outbox::enqueue(&transaction, job).await?;
        }
        transaction.commit().await.map_err(unavailable("commit"))
    }

    async fn awaiting(
        &self,
        account: AccountId,
        subscription: &SubscriptionId,
    ) -> Result<Awaiting, StoreError> {
        inbox::awaiting(&self.database, account, subscription).await
    }

    async fn put_off(
        &self,
        subscription: &SubscriptionId,
        error: &str,
        given_up: Timestamp,
    ) -> Result<(Vec<NoticeId>, bool), StoreError> {
        inbox::put_off(&self.database, subscription, error, given_up).await
    }

    async fn event(&self, id: &NoticeId) -> Result<Option<EventRecord>, StoreError> {
        inbox::event(&self.database, id).await
    }

    async fn mailbox(
        &self,
        user: UserId,
    ) -> Result<Option<(EmailAddress, String, Option<Timestamp>)>, StoreError> {
        people::mailbox(&self.database, user).await
    }

    async fn billing_contact(
        &self,
        account: AccountId,
        to: UserId,
    ) -> Result<Option<(String, EmailAddress)>, StoreError> {
        people::billing_contact(&self.database, account, to).await
    }

    async fn put_offers(&self, offers: &[OfferRow]) -> Result<(), StoreError> {
        let transaction = self.database.begin().await.map_err(unavailable("begin"))?;
        for offer in offers {
            catalog::put_offer(&transaction, offer).await?;
        }
        transaction.commit().await.map_err(unavailable("commit"))
    }

    async fn operator(&self, email: &EmailAddress) -> Result<Option<UserId>, StoreError> {
        people::operator(&self.database, email).await
    }

    async fn free_accounts(
        &self,
        last: Option<AccountId>,
        count: u32,
    ) -> Result<Vec<AccountId>, StoreError> {
        complimentary::free_accounts(&self.database, last, count).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.database.ping().await.map_err(unavailable("ping"))
    }
}
