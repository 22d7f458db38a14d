//! Ports that no webhook and no job of one leads to.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use tollgate_billing::{Customer, Interval, PriceId, SubscriptionId};
use tollgate_identity::{InviteCode, Password, lead::LeadStatus};
use tollgate_primitives::{AccountId, InviteCodeId, LeadId, PlanKey, Timestamp, UserId};
use tollgate_use_cases::ports::{
    AccessClaims, AccessTokenInvalid, AccessTokens, AccountDetail, AccountLookup, AccountPosition,
    AccountSummary, AuditRecord, CallClaim, CustomerAccount, Entropy, Erasure, EventPosition,
    EventStatus, EventSummary, InviteCodeRecord, InviteCodes, JobId, JobRecord, JobState, Leads,
    NoticeId, OnboardingFacts, OpenEvents, OpenReservation, Operations, OverduePage, Page,
    PasswordHash, Passwords, PasswordsError, Profiles, Prunable, Pruning, ReconcileJob,
    Reconciliation, SalesLead, SessionPosition, StoreError, Turn, TurnEnd, TurnStart, TurnTaken,
    Verdict,
};
use uuid::Uuid;

#[derive(Debug)]
pub(crate) struct Unused;

pub(crate) fn unused() -> ! {
    unreachable!("the simulation leads here by no way")
}

impl Entropy for Unused {
    fn uuid(&self, _: Timestamp) -> Uuid {
        unused()
    }

    fn secret(&self) -> [u8; 32] {
        unused()
    }
}

impl AccessTokens for Unused {
    fn issue(&self, _: &AccessClaims) -> String {
        unused()
    }

    fn verify(&self, _: &str, _: Timestamp) -> Result<AccessClaims, AccessTokenInvalid> {
        unused()
    }
}

#[async_trait]
impl Passwords for Unused {
    async fn hash(&self, _: &Password) -> Result<PasswordHash, PasswordsError> {
        unused()
    }

    async fn verify(
        &self,
        _: &Password,
        _: Option<&PasswordHash>,
    ) -> Result<Verdict, PasswordsError> {
        unused()
    }
}

#[async_trait]
impl Operations for Unused {
    async fn events(
        &self,
        _: Option<EventStatus>,
        _: Option<&EventPosition>,
    ) -> Result<Page<EventSummary>, StoreError> {
        unused()
    }

    async fn open_events(&self) -> Result<OpenEvents, StoreError> {
        unused()
    }

    async fn stored_event(
        &self,
        _: &NoticeId,
    ) -> Result<Option<(EventSummary, String)>, StoreError> {
        unused()
    }

    async fn jobs(
        &self,
        _: Option<JobState>,
        _: Option<JobId>,
    ) -> Result<Page<JobRecord>, StoreError> {
        unused()
    }

    async fn accounts(
        &self,
        _: &AccountLookup,
        _: Option<&AccountPosition>,
    ) -> Result<Page<AccountSummary>, StoreError> {
        unused()
    }

    async fn account(&self, _: AccountId) -> Result<Option<AccountDetail>, StoreError> {
        unused()
    }

    async fn audit_log(
        &self,
        _: Option<AccountId>,
        _: Option<i64>,
    ) -> Result<Page<AuditRecord>, StoreError> {
        unused()
    }
}

#[async_trait]
impl InviteCodes for Unused {
    async fn invite_codes(
        &self,
        _: Option<InviteCodeId>,
    ) -> Result<Page<InviteCodeRecord>, StoreError> {
        unused()
    }

    async fn invite_code(&self, _: &[u8; 32]) -> Result<Option<InviteCode>, StoreError> {
        unused()
    }
}

#[async_trait]
impl Reconciliation for Unused {
    async fn take_turn(
        &self,
        _: ReconcileJob,
        _: TurnStart,
        _: Timestamp,
    ) -> Result<TurnTaken, StoreError> {
        unused()
    }

    async fn claim_call(&self, _: &Turn, _: u32, _: Timestamp) -> Result<CallClaim, StoreError> {
        unused()
    }

    async fn advance(&self, _: &Turn, _: Option<&str>) -> Result<bool, StoreError> {
        unused()
    }

    async fn end_turn(&self, _: &Turn, _: &TurnEnd, _: Timestamp) -> Result<bool, StoreError> {
        unused()
    }

    async fn drop_turn(&self, _: &Turn) -> Result<(), StoreError> {
        unused()
    }

    async fn events_known(&self, _: &[NoticeId]) -> Result<BTreeSet<NoticeId>, StoreError> {
        unused()
    }

    async fn accounts_of(
        &self,
        _: &[Customer],
    ) -> Result<BTreeMap<Customer, CustomerAccount>, StoreError> {
        unused()
    }

    async fn prices(
        &self,
        _: &[PriceId],
    ) -> Result<BTreeMap<PriceId, (PlanKey, Interval)>, StoreError> {
        unused()
    }

    async fn pending_purchases(
        &self,
        _: Timestamp,
        _: Option<AccountId>,
        _: u16,
    ) -> Result<Vec<(AccountId, SubscriptionId)>, StoreError> {
        unused()
    }

    async fn open_reservations(
        &self,
        _: Timestamp,
        _: Option<AccountId>,
        _: u16,
    ) -> Result<Vec<OpenReservation>, StoreError> {
        unused()
    }

    async fn overdue(
        &self,
        _: Timestamp,
        _: Option<AccountId>,
        _: u16,
    ) -> Result<OverduePage, StoreError> {
        unused()
    }
}

#[async_trait]
impl Pruning for Unused {
    async fn prune(&self, _: Prunable, _: Timestamp, _: u16) -> Result<u64, StoreError> {
        unused()
    }
}

#[async_trait]
impl Profiles for Unused {
    async fn onboarding(
        &self,
        _: UserId,
        _: AccountId,
    ) -> Result<Option<OnboardingFacts>, StoreError> {
        unused()
    }
}

#[async_trait]
impl Leads for Unused {
    async fn lead(&self, _: LeadId) -> Result<Option<SalesLead>, StoreError> {
        unused()
    }

    async fn leads(
        &self,
        _: Option<LeadStatus>,
        _: Option<LeadId>,
    ) -> Result<Page<SalesLead>, StoreError> {
        unused()
    }
}

#[async_trait]
impl Erasure for Unused {
    async fn held_about(
        &self,
        _: UserId,
    ) -> Result<Option<serde_json::Map<String, serde_json::Value>>, StoreError> {
        unused()
    }

    async fn held_sessions(
        &self,
        _: UserId,
        _: Option<SessionPosition>,
        _: u16,
    ) -> Result<(Vec<serde_json::Value>, Option<SessionPosition>), StoreError> {
        unused()
    }

    async fn forget_events(
        &self,
        _: &Customer,
        _: Option<EventPosition>,
        _: u16,
    ) -> Result<(u64, Option<EventPosition>), StoreError> {
        unused()
    }

    async fn unproven(&self, _: Timestamp, _: u16) -> Result<Vec<UserId>, StoreError> {
        unused()
    }
}
