//! An account is deleted: by the operator, or with the last person in it. What charges for it is ended
//! at the provider by a job of the same transaction; what stays is a row of ids, on which everything the
//! provider says later ends. What the provider told of its customer, name and address among it, goes
//! from the inbox by jobs.

use std::time::Duration;

use serde_json::{Value, json};
use thiserror::Error;
use tollgate_billing::Customer;
use tollgate_primitives::{AccountId, JobKey, Timestamp, UserId};

use crate::{
    App,
    ports::{AuditEntry, Job, JobKind, LockedAccount, StoreError, Transaction},
    suspend_account::end_charging,
};

const TOLD_BY_THEN: Duration = Duration::from_hours(4 * 24);

/// Events that are looked at in one statement.
const BATCH: u16 = 1_000;

#[derive(Debug, Error)]
pub enum DeleteAccountError {
    #[error("there is no such account")]
    Unknown,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Its members stay, with what else they belong to. A repeat changes nothing.
pub async fn delete_account(
    app: &App,
    actor: UserId,
    account: AccountId,
    reason: &str,
) -> Result<(), DeleteAccountError> {
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    let locked = tx.lock_account(account).await?;
    let locked = locked.ok_or(DeleteAccountError::Unknown)?;
    delete(tx.as_mut(), &locked, (Some(actor), json!(reason)), now).await?;
    Ok(tx.commit().await?)
}

/// `by` whom, `None` for nobody, and why.
pub(crate) async fn delete(
    tx: &mut dyn Transaction,
    account: &LockedAccount,
    (by, reason): (Option<UserId>, Value),
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(sessions) = tx.empty_account(account.id, now).await? else {
        return Ok(());
    };
    end_charging(tx, account, now).await?;
    if let Some(customer) = &account.customer {
        tx.enqueue_all(&forget(customer, now)).await?;
    }
    let entry = AuditEntry {
        actor: by,
        account: Some(account.id),
        action: "account_deleted",
        detail: json!({ "reason": reason, "sessions_ended": sessions }),
    };
    tx.audit(&entry, now).await
}

/// At once, and again when the provider has told of the end and tells it no more: it repeats itself for
/// three days (<https://docs.stripe.com/webhooks#retries>).
fn forget(customer: &Customer, now: Timestamp) -> [Job; 2] {
    let kind = JobKind::ForgetCustomer {
        customer: customer.clone(),
    };
    [
        Job::now(JobKey::new("forget-customer", customer), kind.clone()),
        Job {
            key: JobKey::new("forget-customer-after-the-end", customer),
            kind,
            run_at: Some(now.saturating_add(TOLD_BY_THEN)),
        },
    ]
}

/// Events that are done keep their ids, so that none is applied anew. A repeat changes nothing.
pub(crate) async fn forget_customer(app: &App, customer: &Customer) -> Result<(), StoreError> {
    let (mut after, mut events) = (None, 0);
    loop {
        let (forgotten, last) = app.erasure.forget_events(customer, after, BATCH).await?;
        events += forgotten;
        after = last;
        if after.is_none() {
            tracing::info!(events, "forgot what was told of a customer who is gone");
            return Ok(());
        }
    }
}
