//! One decision: everything in it holds, or nothing.

use async_trait::async_trait;
use sea_orm::DatabaseTransaction;
use tollgate_billing::{Grant, Stamp, Subscription, SubscriptionId};
use tollgate_identity::Purpose;
use tollgate_primitives::{AccountId, ChangeId, ReservationId, Timestamp, UserId};
use tollgate_use_cases::ports::{
    AccountRow, AuditEntry, Change, CheckoutSessionId, Conclusion, EventState, Job, JobId,
    JobRecord, LockedAccount, NewRefreshToken, NewSession, NewUser, Notice, OneTimeToken,
    PasswordHash, Received, Reservation, Sessions, StoreError, SubscriptionChange, Transaction,
};
use uuid::Uuid;

use crate::{
    accounts, audit, changes, columns::unavailable, complimentary, inbox, one_time, outbox, people,
    purchases, queue, sessions, subscriptions,
};

/// Rolls back when it is dropped.
#[derive(Debug)]
pub(crate) struct PostgresTransaction(pub(crate) DatabaseTransaction);

#[async_trait]
impl Transaction for PostgresTransaction {
    async fn insert_user(&mut self, user: &NewUser, now: Timestamp) -> Result<bool, StoreError> {
        people::insert_user(&self.0, user, now).await
    }

    async fn insert_account(
        &mut self,
        account: &AccountRow,
        owner: UserId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        people::insert_account(&self.0, account, owner, now).await
    }

    async fn claim_trial(
        &mut self,
        mailbox: &[u8; 32],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        people::claim_trial(&self.0, mailbox, now).await
    }

    async fn put_subscription(
        &mut self,
        account: AccountId,
        subscription: &Subscription,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        subscriptions::put(&self.0, account, subscription, now).await
    }

    async fn insert_session(
        &mut self,
        session: &NewSession,
        refresh: &NewRefreshToken,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        sessions::insert(&self.0, session, refresh, now).await
    }

    async fn insert_one_time(
        &mut self,
        token: &OneTimeToken,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        one_time::insert(&self.0, token, now).await
    }

    async fn consume_one_time(
        &mut self,
        token: &[u8; 32],
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Option<UserId>, StoreError> {
        one_time::consume(&self.0, token, purpose, now).await
    }

    async fn end_one_time(&mut self, user: UserId, now: Timestamp) -> Result<(), StoreError> {
        one_time::end_all(&self.0, user, now).await
    }

    async fn replace_password(
        &mut self,
        user: UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, StoreError> {
        people::replace_password(&self.0, user, old, new).await
    }

    async fn hold_password(
        &mut self,
        user: UserId,
        old: &PasswordHash,
    ) -> Result<bool, StoreError> {
        people::hold_password(&self.0, user, old).await
    }

    async fn reset_password(
        &mut self,
        user: UserId,
        new: &PasswordHash,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        people::reset_password(&self.0, user, new, now).await
    }

    async fn end_sessions(
        &mut self,
        user: UserId,
        which: Sessions,
        cause: &'static str,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        sessions::end(&self.0, user, which, cause, now).await
    }

    async fn lock_account(
        &mut self,
        account: AccountId,
    ) -> Result<Option<LockedAccount>, StoreError> {
        purchases::lock_account(&self.0, account).await
    }

    async fn insert_reservation(
        &mut self,
        account: AccountId,
        reservation: &Reservation,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        purchases::insert_reservation(&self.0, account, reservation, now).await
    }

    async fn close_reservation(
        &mut self,
        reservation: ReservationId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        purchases::close_reservation(&self.0, reservation, now).await
    }

    async fn open_change(
        &mut self,
        account: AccountId,
    ) -> Result<Option<SubscriptionChange>, StoreError> {
        changes::open(&self.0, account).await
    }

    async fn insert_change(
        &mut self,
        account: AccountId,
        change: &SubscriptionChange,
    ) -> Result<(), StoreError> {
        changes::insert(&self.0, account, change).await
    }

    async fn close_change(
        &mut self,
        change: ChangeId,
        is_done: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        changes::close(&self.0, change, is_done, now).await
    }

    async fn put_pending(
        &mut self,
        reservation: ReservationId,
        subscription: &SubscriptionId,
    ) -> Result<bool, StoreError> {
        purchases::put_pending(&self.0, reservation, subscription).await
    }

    async fn note_paid(
        &mut self,
        session: &CheckoutSessionId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        purchases::note_paid(&self.0, session, now).await
    }

    async fn insert_grant(
        &mut self,
        account: AccountId,
        described: (Uuid, &str),
        grant: &Grant,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        complimentary::insert(&self.0, account, described, grant, now).await
    }

    async fn note_second(
        &mut self,
        account: AccountId,
        subscription: &SubscriptionId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        purchases::note_second(&self.0, account, subscription, now).await
    }

    async fn end_second(
        &mut self,
        subscription: &SubscriptionId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        purchases::end_second(&self.0, subscription, now).await
    }

    async fn leave_complimentary_on_purchase(
        &mut self,
        account: AccountId,
    ) -> Result<(), StoreError> {
        complimentary::leave_on_purchase(&self.0, account).await
    }

    async fn end_left_complimentary(
        &mut self,
        account: AccountId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        complimentary::end_left(&self.0, account, now).await
    }

    async fn end_complimentary(
        &mut self,
        account: AccountId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        complimentary::end(&self.0, account, now).await
    }

    async fn receive(&mut self, notice: &Notice) -> Result<Received, StoreError> {
        inbox::receive(&self.0, notice).await
    }

    async fn conclude(
        &mut self,
        notice: &Notice,
        state: &EventState,
        change: Option<Change<'_>>,
        now: Timestamp,
    ) -> Result<Conclusion, StoreError> {
        inbox::conclude(&self.0, notice, state, change, now).await
    }

    async fn note_read(
        &mut self,
        account: AccountId,
        subscription: &SubscriptionId,
        stamp: Stamp,
    ) -> Result<(), StoreError> {
        inbox::note_read(&self.0, account, subscription, stamp).await
    }

    async fn audit(&mut self, entry: &AuditEntry, now: Timestamp) -> Result<(), StoreError> {
        audit::insert(&self.0, entry, now).await
    }

    async fn billing_contacts(&mut self, account: AccountId) -> Result<Vec<UserId>, StoreError> {
        people::billing_contacts(&self.0, account).await
    }

    async fn suspend_account(
        &mut self,
        account: AccountId,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        accounts::suspend(&self.0, account, now).await
    }

    async fn unsuspend_account(&mut self, account: AccountId) -> Result<(), StoreError> {
        accounts::unsuspend(&self.0, account).await
    }

    async fn is_suspended(&mut self, account: AccountId) -> Result<bool, StoreError> {
        accounts::is_suspended(&self.0, account).await
    }

    async fn lock_job(&mut self, id: JobId) -> Result<Option<JobRecord>, StoreError> {
        queue::lock(&self.0, id).await
    }

    async fn retry_job(&mut self, id: JobId) -> Result<(), StoreError> {
        queue::retry(&self.0, id).await
    }

    async fn enqueue(&mut self, job: &Job) -> Result<(), StoreError> {
        outbox::enqueue(&self.0, job).await
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.0.commit().await.map_err(unavailable("commit"))
    }
}
