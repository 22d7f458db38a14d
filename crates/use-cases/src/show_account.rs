//! Accounts as the operator sees them: what is stored, with what it comes to now.

use tollgate_billing::{Access, Basis, Standing, Status, access, is_paid, wire_status};
use tollgate_primitives::{AccountId, PlanKey, Timestamp};

use crate::{
    App,
    billing_state::plan_it_had,
    ports::{
        AccountDetail, AccountLookup, AccountPosition, AccountSummary, AuditRecord, Page,
        StoreError,
    },
};

/// What a standing comes to at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountState {
    /// `None` for an account that never tried nor bought.
    pub status: Option<Status>,
    pub plan: PlanKey,
    /// `None` when the account is locked.
    pub basis: Option<Basis>,
    pub is_paid: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ShownAccount {
    pub detail: AccountDetail,
    pub state: AccountState,
    /// What happened last.
    pub history: Vec<AuditRecord>,
}

pub async fn find_accounts(
    app: &App,
    lookup: &AccountLookup,
    after: Option<&AccountPosition>,
) -> Result<Page<(AccountSummary, AccountState)>, StoreError> {
    let found = app.operations.accounts(lookup, after).await?;
    let now = app.clock.now();
    let with_state = |account: AccountSummary| {
        let state = state_at(app, &account.standing, now);
        (account, state)
    };
    Ok(Page {
        items: found.items.into_iter().map(with_state).collect(),
        has_more: found.has_more,
    })
}

pub async fn show_account(app: &App, id: AccountId) -> Result<Option<ShownAccount>, StoreError> {
    let Some(detail) = app.operations.account(id).await? else {
        return Ok(None);
    };
    let history = app.operations.audit_log(Some(id), None).await?;
    Ok(Some(ShownAccount {
        state: state_at(app, &detail.summary.standing, app.clock.now()),
        detail,
        history: history.items,
    }))
}

fn state_at(app: &App, standing: &Standing, now: Timestamp) -> AccountState {
    let (plan, basis) = match access(standing, now, app.settings.policy) {
        Access::Full { plan, basis } => (plan.clone(), Some(basis)),
        Access::ReadOnly { plan } => (plan.clone(), Some(Basis::ReadOnly)),
        Access::Free => (PlanKey::free(), Some(Basis::Free)),
        Access::Locked(_) => (plan_it_had(standing), None),
    };
    AccountState {
        status: wire_status(standing, now),
        plan,
        basis,
        is_paid: is_paid(standing, now),
    }
}
