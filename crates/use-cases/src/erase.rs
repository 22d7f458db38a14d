//! A person leaves for good, and takes along the accounts that were theirs alone. What charges for those
//! is ended at the provider by a job of the same transaction; what stays is rows of ids, on which
//! everything the provider says later ends.

use serde_json::json;
use thiserror::Error;
use tollgate_identity::{Password, session::FRESH};
use tollgate_primitives::{AccountId, Timestamp};

use crate::{
    App, TooOften,
    ports::{AuditEntry, Caller, PasswordOwner, PasswordsError, StoreError, Transaction, Verdict},
    suspend_account::end_charging,
};

#[derive(Debug, Error)]
pub enum EraseError {
    #[error("others would be left without an owner")]
    LastOwner { account: AccountId },
    #[error("the password is not right")]
    InvalidCredentials,
    /// Neither the password, nor a sign-in of the last minutes.
    #[error("the sign-in is not fresh")]
    NotFresh,
    #[error("the person is gone, or their session")]
    Gone,
    #[error(transparent)]
    TooOften(#[from] TooOften),
    #[error(transparent)]
    Passwords(#[from] PasswordsError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// `password` is what the person proves to be themselves with; without one the sign-in must be fresh.
pub async fn erase_user(
    app: &App,
    caller: &Caller,
    password: Option<&Password>,
) -> Result<(), EraseError> {
    let owner = app.store.password_owner(caller.user).await?;
    prove(app, caller, owner.ok_or(EraseError::Gone)?, password).await?;
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    for account in tx.lock_accounts_of(caller.user).await? {
        if account.has_others && !account.has_other_owner {
            return Err(EraseError::LastOwner {
                account: account.id,
            });
        }
        if !account.has_others {
            delete(tx.as_mut(), caller, account.id, now).await?;
        }
    }
    if !tx.erase_user(caller.user, now).await? {
        return Err(EraseError::Gone);
    }
    let entry = AuditEntry {
        actor: Some(caller.user),
        account: None,
        action: "user_erased",
        detail: json!({}),
    };
    tx.audit(&entry, now).await?;
    Ok(tx.commit().await?)
}

async fn delete(
    tx: &mut dyn Transaction,
    caller: &Caller,
    account: AccountId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(locked) = tx.lock_account(account).await? else {
        return Ok(());
    };
    end_charging(tx, &locked, now).await?;
    let sessions = tx.empty_account(account, now).await?;
    let entry = AuditEntry {
        actor: Some(caller.user),
        account: Some(account),
        action: "account_deleted",
        detail: json!({ "sessions_ended": sessions }),
    };
    tx.audit(&entry, now).await
}

async fn prove(
    app: &App,
    caller: &Caller,
    owner: PasswordOwner,
    password: Option<&Password>,
) -> Result<(), EraseError> {
    let Some(password) = password else {
        let now = app.clock.now();
        let sessions = app.store.sessions(caller.user, now).await?;
        let this = sessions.iter().find(|session| session.id == caller.session);
        let this = this.ok_or(EraseError::Gone)?;
        return if now.since(this.created_at) <= FRESH {
            Ok(())
        } else {
            Err(EraseError::NotFresh)
        };
    };
    app.try_password(owner.email.as_str()).await?;
    let stored = owner.password.as_ref();
    if app.passwords.verify(password, stored).await? == Verdict::Wrong || stored.is_none() {
        return Err(EraseError::InvalidCredentials);
    }
    Ok(app.password_was_right(owner.email.as_str()).await?)
}
