//! An account is deleted: by the operator, or with the last person in it. What charges for it is ended
//! at the provider by a job of the same transaction; what stays is a row of ids, on which everything the
//! provider says later ends.

use serde_json::{Value, json};
use thiserror::Error;
use tollgate_primitives::{AccountId, Timestamp, UserId};

use crate::{
    App,
    ports::{AuditEntry, LockedAccount, StoreError, Transaction},
    suspend_account::end_charging,
};

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
    let entry = AuditEntry {
        actor: by,
        account: Some(account.id),
        action: "account_deleted",
        detail: json!({ "reason": reason, "sessions_ended": sessions }),
    };
    tx.audit(&entry, now).await
}
