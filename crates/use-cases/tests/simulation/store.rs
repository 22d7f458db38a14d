//! The store's ports over [`Database`](crate::database::Database).

use async_trait::async_trait;
use tollgate_billing::{
    Customer, Grant, Interval, PriceId, Stamp, Standing, Subscription, SubscriptionId,
    purchase::Offer,
};
use tollgate_field_mask::Changes;
use tollgate_identity::{Purpose, Terms, lead::LeadStatus, limit::Limit};
use tollgate_onboarding::{Progress, RoleAtSignup};
use tollgate_primitives::{
    AccountId, ChangeId, EmailAddress, InviteCodeId, LeadId, PlanKey, ReservationId, SessionId,
    Timestamp, TokenId, UserId,
};
use tollgate_use_cases::ports::{
    AccountFacts, AccountProfile, AccountRow, AddressProof, AuditEntry, Awaiting, Caller, Change,
    CheckoutSessionId, Conclusion, Credentials, ErasureWrites, EventRecord, EventState, InboxEntry,
    InviteCodeWrites, Job, JobId, JobRecord, LeadWrites, LeftAccount, LockedAccount, NewInviteCode,
    NewRefreshToken, NewSession, NewUser, Notice, NoticeContent, NoticeId, OfferRow, OneTimeToken,
    PasswordHash, PasswordOwner, PlanBilling, ProfileWrites, PublicPlan, Received, RefreshRow,
    Reservation, Revoked, SalesLead, SessionRow, Sessions, Store, StoreError, SubscriptionChange,
    Transaction, User,
};
use uuid::Uuid;

use crate::{
    database::{Row, Write},
    provider::CUSTOMER,
    schedule::pause,
    unused::unused,
    world::{Shared, account, owner, unavailable},
};

#[derive(Debug)]
pub(crate) struct Open {
    shared: Shared,
    id: u64,
    writes: Vec<Write>,
}

impl Open {
    fn begin(shared: &Shared) -> Self {
        Self {
            shared: shared.clone(),
            id: shared.world().database.begin(),
            writes: Vec::new(),
        }
    }

    async fn lock(&self, row: Row) {
        while !self.shared.world().database.lock(&row, self.id) {
            pause().await;
        }
    }

    fn subscription(&self) -> Option<Subscription> {
        self.shared.world().database.subscription.clone()
    }

    /// May hold although the answer is that it failed.
    async fn end(mut self) -> Result<(), StoreError> {
        self.shared.statement("commit").await?;
        let writes = std::mem::take(&mut self.writes);
        self.shared.world().database.commit(writes);
        drop(self);
        Ok(())
    }
}

/// Dropped by a crash or an error, it leaves nothing but its locks' end.
impl Drop for Open {
    fn drop(&mut self) {
        self.shared.world().database.release(self.id);
    }
}

const fn has_customer(content: &NoticeContent) -> bool {
    !matches!(
        content,
        NoticeContent::CheckoutExpired { .. }
            | NoticeContent::Irrelevant
            | NoticeContent::Unreadable { .. }
    )
}

fn seen(shared: &Shared, notice: &Notice) -> Received {
    let database = &shared.world().database;
    let is_known = has_customer(&notice.content) && database.knows_customer;
    Received {
        entry: if database.is_done(&notice.id) {
            InboxEntry::Done
        } else {
            InboxEntry::Open
        },
        account: is_known.then(|| (account(), database.subscription.clone())),
        version: database.version(),
        is_buying: false,
        price: Some(price()),
    }
}

#[async_trait]
impl ErasureWrites for Open {
    async fn lock_accounts_of(&mut self, _: UserId) -> Result<Vec<LeftAccount>, StoreError> {
        unused()
    }

    async fn lock_unproven(&mut self, _: UserId) -> Result<bool, StoreError> {
        unused()
    }

    async fn empty_account(
        &mut self,
        _: AccountId,
        _: Timestamp,
    ) -> Result<Option<u64>, StoreError> {
        unused()
    }

    async fn erase_user(&mut self, _: UserId, _: Timestamp) -> Result<bool, StoreError> {
        unused()
    }
}

#[async_trait]
impl LeadWrites for Open {
    async fn insert_lead(&mut self, _: &SalesLead) -> Result<(), StoreError> {
        unused()
    }

    async fn lock_lead(&mut self, _: LeadId) -> Result<Option<SalesLead>, StoreError> {
        unused()
    }

    async fn put_lead_status(
        &mut self,
        _: LeadId,
        _: LeadStatus,
        _: Timestamp,
    ) -> Result<(), StoreError> {
        unused()
    }
}

#[async_trait]
impl ProfileWrites for Open {
    async fn update_user(
        &mut self,
        _: UserId,
        _: &Changes<String>,
        _: Timestamp,
    ) -> Result<bool, StoreError> {
        unused()
    }

    async fn update_account(
        &mut self,
        _: AccountId,
        _: &Changes<String>,
        _: Timestamp,
    ) -> Result<Option<AccountProfile>, StoreError> {
        unused()
    }

    async fn lock_progress(&mut self, _: UserId) -> Result<Option<Progress>, StoreError> {
        unused()
    }

    async fn put_progress(
        &mut self,
        _: UserId,
        _: Progress,
        _: Option<RoleAtSignup>,
        _: Timestamp,
    ) -> Result<(), StoreError> {
        unused()
    }

    async fn clear_kept_banner(&mut self, _: UserId, _: Timestamp) -> Result<bool, StoreError> {
        unused()
    }
}

#[async_trait]
impl Transaction for Open {
    async fn receive(&mut self, notice: &Notice) -> Result<Received, StoreError> {
        self.shared.statement("receive the event").await?;
        if has_customer(&notice.content) && self.shared.world().database.knows_customer {
            self.lock(Row::Account).await;
            self.lock(Row::Subscription).await;
        }
        Ok(seen(&self.shared, notice))
    }

    async fn conclude(
        &mut self,
        notice: &Notice,
        state: &EventState,
        change: Option<Change<'_>>,
        now: Timestamp,
    ) -> Result<Conclusion, StoreError> {
        self.shared.statement("conclude the event").await?;
        self.lock(Row::Event(notice.id.clone())).await;
        let (version, is_done) = {
            let database = &self.shared.world().database;
            (database.version(), database.is_done(&notice.id))
        };
        if is_done || change.is_some_and(|change| change.version != version) {
            return Ok(Conclusion::Overtaken);
        }
        self.writes.push(Write::Event {
            notice: notice.clone(),
            state: state.clone(),
            now,
        });
        if let Some(Change { next, .. }) = change {
            self.writes.push(Write::Subscription(next.clone()));
            self.writes.push(Write::Audit);
        }
        Ok(Conclusion::Taken { open_page: None })
    }

    async fn note_read(
        &mut self,
        _: AccountId,
        subscription: &SubscriptionId,
        stamp: Stamp,
    ) -> Result<(), StoreError> {
        self.shared.statement("note the read").await?;
        self.writes.push(Write::Read(subscription.clone(), stamp));
        Ok(())
    }

    async fn lock_account(&mut self, id: AccountId) -> Result<Option<LockedAccount>, StoreError> {
        self.shared.statement("lock the account").await?;
        self.lock(Row::Account).await;
        self.lock(Row::Subscription).await;
        Ok(Some(LockedAccount {
            id,
            name: "Example".to_owned(),
            customer: Some(Customer::new(CUSTOMER)),
            is_test_cohort: false,
            suspended_at: None,
            standing: Standing {
                subscription: self.subscription(),
                grant: None,
            },
            version: self.shared.world().database.version(),
            members: 1,
            reservation: None,
        }))
    }

    async fn put_subscription(
        &mut self,
        _: AccountId,
        subscription: &Subscription,
        _: Timestamp,
    ) -> Result<(), StoreError> {
        self.shared.statement("store the subscription").await?;
        self.writes.push(Write::Subscription(subscription.clone()));
        Ok(())
    }

    async fn audit(&mut self, _: &AuditEntry, _: Timestamp) -> Result<(), StoreError> {
        self.shared.statement("write the audit row").await?;
        self.writes.push(Write::Audit);
        Ok(())
    }

    async fn enqueue(&mut self, job: &Job) -> Result<(), StoreError> {
        self.shared.statement("enqueue a job").await?;
        self.writes.push(Write::Job(job.clone()));
        Ok(())
    }

    async fn billing_contacts(&mut self, _: AccountId) -> Result<Vec<UserId>, StoreError> {
        self.shared.statement("find whom to tell").await?;
        Ok(vec![owner()])
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        let shared = self.shared.clone();
        self.end().await?;
        if shared.fails("hear of the commit").await {
            return Err(unavailable("hear of the commit"));
        }
        Ok(())
    }

    async fn insert_user(&mut self, _: &NewUser, _: Timestamp) -> Result<bool, StoreError> {
        unused()
    }

    async fn insert_account(
        &mut self,
        _: &AccountRow,
        _: UserId,
        _: Timestamp,
    ) -> Result<(), StoreError> {
        unused()
    }

    async fn claim_trial(&mut self, _: &[u8; 32], _: Timestamp) -> Result<bool, StoreError> {
        unused()
    }

    async fn insert_session(
        &mut self,
        _: &NewSession,
        _: &NewRefreshToken,
        _: Timestamp,
    ) -> Result<bool, StoreError> {
        unused()
    }

    async fn insert_one_time(&mut self, _: &OneTimeToken, _: Timestamp) -> Result<(), StoreError> {
        unused()
    }

    async fn consume_one_time(
        &mut self,
        _: &[u8; 32],
        _: Purpose,
        _: Timestamp,
    ) -> Result<Option<UserId>, StoreError> {
        unused()
    }

    async fn end_one_time(&mut self, _: UserId, _: Timestamp) -> Result<(), StoreError> {
        unused()
    }

    async fn replace_password(
        &mut self,
        _: UserId,
        _: &PasswordHash,
        _: &PasswordHash,
    ) -> Result<bool, StoreError> {
        unused()
    }

    async fn hold_password(&mut self, _: UserId, _: &PasswordHash) -> Result<bool, StoreError> {
        unused()
    }

    async fn reset_password(
        &mut self,
        _: UserId,
        _: &PasswordHash,
        _: Timestamp,
    ) -> Result<(), StoreError> {
        unused()
    }

    async fn end_sessions(
        &mut self,
        _: UserId,
        _: Sessions,
        _: &'static str,
        _: Timestamp,
    ) -> Result<u64, StoreError> {
        unused()
    }

    async fn insert_reservation(
        &mut self,
        _: AccountId,
        _: &Reservation,
        _: Timestamp,
    ) -> Result<(), StoreError> {
        unused()
    }

    async fn close_reservation(
        &mut self,
        _: ReservationId,
        _: Timestamp,
    ) -> Result<(), StoreError> {
        unused()
    }

    async fn suspend_account(&mut self, _: AccountId, _: Timestamp) -> Result<u64, StoreError> {
        unused()
    }

    async fn unsuspend_account(&mut self, _: AccountId) -> Result<(), StoreError> {
        unused()
    }

    async fn is_suspended(&mut self, _: AccountId) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn lock_job(&mut self, _: JobId) -> Result<Option<JobRecord>, StoreError> {
        unused()
    }

    async fn retry_job(&mut self, _: JobId) -> Result<(), StoreError> {
        unused()
    }

    async fn open_change(
        &mut self,
        _: AccountId,
    ) -> Result<Option<SubscriptionChange>, StoreError> {
        unused()
    }

    async fn insert_change(
        &mut self,
        _: AccountId,
        _: &SubscriptionChange,
    ) -> Result<(), StoreError> {
        unused()
    }

    async fn put_pending(
        &mut self,
        _: ReservationId,
        _: &SubscriptionId,
    ) -> Result<bool, StoreError> {
        unused()
    }

    /// There is no reservation that it could be about.
    async fn note_paid(&mut self, _: &CheckoutSessionId, _: Timestamp) -> Result<(), StoreError> {
        self.shared.statement("note that the page was paid").await
    }

    async fn insert_grant(
        &mut self,
        _: AccountId,
        _: (Uuid, &str),
        _: &Grant,
        _: Timestamp,
    ) -> Result<(), StoreError> {
        unused()
    }

    async fn close_change(&mut self, _: ChangeId, _: bool, _: Timestamp) -> Result<(), StoreError> {
        unused()
    }

    async fn note_second(
        &mut self,
        _: AccountId,
        _: &SubscriptionId,
        _: Timestamp,
    ) -> Result<bool, StoreError> {
        unused()
    }

    async fn end_second(&mut self, _: &SubscriptionId, _: Timestamp) -> Result<bool, StoreError> {
        unused()
    }

    async fn leave_complimentary_on_purchase(&mut self, _: AccountId) -> Result<(), StoreError> {
        unused()
    }

    async fn end_left_complimentary(
        &mut self,
        _: AccountId,
        _: Timestamp,
    ) -> Result<(), StoreError> {
        self.shared.statement("end the grant").await
    }

    async fn end_complimentary(&mut self, _: AccountId, _: Timestamp) -> Result<bool, StoreError> {
        unused()
    }
}

#[async_trait]
impl InviteCodeWrites for Open {
    async fn insert_invite_code(
        &mut self,
        _: &NewInviteCode,
        _: Timestamp,
    ) -> Result<bool, StoreError> {
        unused()
    }

    async fn claim_invite_code(
        &mut self,
        _: &[u8; 32],
        _: &EmailAddress,
        _: UserId,
        _: Timestamp,
    ) -> Result<Option<Terms>, StoreError> {
        unused()
    }

    async fn revoke_invite_code(
        &mut self,
        _: InviteCodeId,
        _: Timestamp,
    ) -> Result<Option<Revoked>, StoreError> {
        unused()
    }
}

#[async_trait]
impl Store for Shared {
    async fn begin(&self) -> Result<Box<dyn Transaction>, StoreError> {
        self.statement("begin").await?;
        Ok(Box::new(Open::begin(self)))
    }

    async fn look_up(&self, notice: &Notice) -> Result<Received, StoreError> {
        self.statement("look the event up").await?;
        Ok(seen(self, notice))
    }

    async fn conclude(
        &self,
        notice: &Notice,
        state: &EventState,
        change: Option<Change<'_>>,
        now: Timestamp,
    ) -> Result<Conclusion, StoreError> {
        let mut open = Open::begin(self);
        if change.is_some() {
            open.lock(Row::Subscription).await;
        }
        let conclusion = Transaction::conclude(&mut open, notice, state, change, now).await?;
        Box::new(open).commit().await?;
        Ok(conclusion)
    }

    async fn awaiting(
        &self,
        _: AccountId,
        subscription: &SubscriptionId,
    ) -> Result<Awaiting, StoreError> {
        self.statement("find the events that wait").await?;
        let database = &self.world().database;
        let stored = database
            .subscription
            .as_ref()
            .and_then(Subscription::bought);
        let is_stored = stored.is_some_and(|bought| bought.subscription == *subscription);
        let waits = |(event, awaited): (&NoticeId, &SubscriptionId)| {
            (awaited == subscription).then(|| database.events[event].body.clone())
        };
        Ok(Awaiting {
            bodies: database.awaiting.iter().filter_map(waits).take(2).collect(),
            last_read: database
                .reads
                .get(subscription)
                .copied()
                .filter(|_| is_stored),
        })
    }

    async fn put_off(
        &self,
        subscription: &SubscriptionId,
        error: &str,
        _: Timestamp,
    ) -> Result<(Vec<NoticeId>, bool), StoreError> {
        self.statement("put the events off").await?;
        let database = &mut self.world().database;
        let waits = |(event, awaited): (&NoticeId, &SubscriptionId)| {
            (awaited == subscription).then(|| event.clone())
        };
        let waiting: Vec<_> = database.awaiting.iter().filter_map(waits).collect();
        for event in &waiting {
            let failed = EventState::Failed {
                error: error.to_owned(),
            };
            database.events.get_mut(event).unwrap().state = failed;
        }
        Ok((Vec::new(), !waiting.is_empty()))
    }

    async fn keep_event(
        &self,
        notice: &Notice,
        state: &EventState,
        job: Option<&Job>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut open = Open::begin(self);
        self.statement("keep the event").await?;
        open.lock(Row::Event(notice.id.clone())).await;
        if !self.world().database.is_done(&notice.id) {
            open.writes.push(Write::Event {
                notice: notice.clone(),
                state: state.clone(),
                now,
            });
            open.writes.extend(job.cloned().map(Write::Job));
        }
        open.end().await
    }

    async fn event(&self, id: &NoticeId) -> Result<Option<EventRecord>, StoreError> {
        self.statement("find the event").await?;
        Ok(self.world().database.events.get(id).cloned())
    }

    async fn price(&self, _: &PriceId) -> Result<Option<(PlanKey, Interval)>, StoreError> {
        self.statement("find the price").await?;
        Ok(Some(price()))
    }

    async fn billing_contact(
        &self,
        _: AccountId,
        _: UserId,
    ) -> Result<Option<(String, EmailAddress)>, StoreError> {
        self.statement("find the mailbox").await?;
        let address = EmailAddress::parse("ada@example.com").unwrap();
        Ok(Some(("Example".to_owned(), address)))
    }

    async fn try_once(&self, _: &[u8; 32], _: Limit) -> Result<bool, StoreError> {
        unused()
    }

    async fn forget_tries(&self, _: &[u8; 32]) -> Result<(), StoreError> {
        unused()
    }

    async fn sessions(&self, _: UserId, _: Timestamp) -> Result<Vec<SessionRow>, StoreError> {
        unused()
    }

    async fn end_sessions(
        &self,
        _: UserId,
        _: Sessions,
        _: &'static str,
        _: Timestamp,
    ) -> Result<u64, StoreError> {
        unused()
    }

    async fn prove_address(
        &self,
        _: &[u8; 32],
        _: Timestamp,
    ) -> Result<Option<AddressProof>, StoreError> {
        unused()
    }

    async fn one_time_user(
        &self,
        _: &[u8; 32],
        _: Purpose,
        _: Timestamp,
    ) -> Result<Option<UserId>, StoreError> {
        unused()
    }

    async fn one_time_mailbox(
        &self,
        _: TokenId,
        _: Timestamp,
    ) -> Result<Option<(EmailAddress, String)>, StoreError> {
        unused()
    }

    async fn password_owner(&self, _: UserId) -> Result<Option<PasswordOwner>, StoreError> {
        unused()
    }

    async fn caller(&self, _: SessionId, _: AccountId) -> Result<Option<Caller>, StoreError> {
        unused()
    }

    async fn account_facts(
        &self,
        _: SessionId,
        _: AccountId,
        _: Option<Timestamp>,
    ) -> Result<Option<AccountFacts>, StoreError> {
        unused()
    }

    async fn user(&self, _: SessionId, _: AccountId) -> Result<Option<User>, StoreError> {
        unused()
    }

    async fn credentials(&self, _: &EmailAddress) -> Result<Option<Credentials>, StoreError> {
        unused()
    }

    async fn public_plans(&self) -> Result<Vec<PublicPlan>, StoreError> {
        unused()
    }

    async fn tiers(&self) -> Result<Vec<(PlanKey, i32)>, StoreError> {
        unused()
    }

    async fn offer(&self, _: &PlanKey) -> Result<Option<Offer>, StoreError> {
        unused()
    }

    async fn rotate_refresh(
        &self,
        _: &[u8; 32],
        _: &NewRefreshToken,
        _: Timestamp,
    ) -> Result<Option<RefreshRow>, StoreError> {
        unused()
    }

    async fn refresh_row(&self, _: &[u8; 32]) -> Result<Option<RefreshRow>, StoreError> {
        unused()
    }

    async fn customer(&self, _: AccountId) -> Result<Option<Customer>, StoreError> {
        unused()
    }

    async fn put_customer(&self, _: AccountId, _: &Customer) -> Result<Customer, StoreError> {
        unused()
    }

    async fn put_checkout(
        &self,
        _: ReservationId,
        _: &CheckoutSessionId,
        _: &str,
        _: Timestamp,
    ) -> Result<bool, StoreError> {
        unused()
    }

    async fn mailbox(
        &self,
        _: UserId,
    ) -> Result<Option<(EmailAddress, String, Option<Timestamp>)>, StoreError> {
        unused()
    }

    async fn plans_on_sale(&self) -> Result<Vec<PlanBilling>, StoreError> {
        unused()
    }

    async fn put_offers(&self, _: &[OfferRow]) -> Result<(), StoreError> {
        unused()
    }

    async fn operator(&self, _: &EmailAddress) -> Result<Option<UserId>, StoreError> {
        unused()
    }

    async fn free_accounts(
        &self,
        _: Option<AccountId>,
        _: u32,
    ) -> Result<Vec<AccountId>, StoreError> {
        unused()
    }

    async fn ping(&self) -> Result<(), StoreError> {
        unused()
    }
}

pub(crate) fn price() -> (PlanKey, Interval) {
    (PlanKey::parse("pro").unwrap(), Interval::Monthly)
}
