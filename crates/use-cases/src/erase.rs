//! A person leaves for good, and takes along the accounts that were theirs alone.

use serde_json::json;
use thiserror::Error;
use tollgate_identity::{Password, session::FRESH, verification::KEPT_UNPROVEN};
use tollgate_primitives::{AccountId, Timestamp, UserId};

use crate::{
    App, TooOften,
    delete_account::delete,
    ports::{AuditEntry, Caller, PasswordOwner, PasswordsError, StoreError, Transaction, Verdict},
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
    leave(tx.as_mut(), caller.user, Some(caller.user), now).await?;
    Ok(tx.commit().await?)
}

/// Erases at most `limit` of the people who never proved their address and had their time to, oldest
/// first, each in a transaction of their own; answers how many. Who shares an account with others stays,
/// and who has anything that was paid for or given.
pub(crate) async fn erase_unproven(app: &App, limit: u16) -> Result<u64, StoreError> {
    let now = app.clock.now();
    let signed_up_before = now.saturating_sub(KEPT_UNPROVEN);
    let mut erased = 0;
    for user in app.erasure.unproven(signed_up_before, limit).await? {
        let mut tx = app.store.begin().await?;
        match leave(tx.as_mut(), user, None, now).await {
            Ok(()) => {
                tx.commit().await?;
                erased += 1;
            }
            Err(EraseError::Store(error)) => return Err(error),
            // They proved it a moment ago, or let somebody in.
            Err(_) => {}
        }
    }
    Ok(erased)
}

/// `by` is who asked for it: the person, or nobody for one whose address was not proven to the last.
async fn leave(
    tx: &mut dyn Transaction,
    user: UserId,
    by: Option<UserId>,
    now: Timestamp,
) -> Result<(), EraseError> {
    let accounts = tx.lock_accounts_of(user).await?;
    if by.is_none() && !tx.lock_unproven(user).await? {
        return Err(EraseError::Gone);
    }
    let reason = json!(by.is_none().then_some("address_not_proven"));
    for account in accounts {
        if account.has_others && (by.is_none() || !account.has_other_owner) {
            return Err(EraseError::LastOwner {
                account: account.id,
            });
        }
        if account.has_others {
            continue;
        }
        if let Some(locked) = tx.lock_account(account.id).await? {
            delete(tx, &locked, (by, reason.clone()), now).await?;
        }
    }
    if !tx.erase_user(user, now).await? {
        return Err(EraseError::Gone);
    }
    let entry = AuditEntry {
        actor: by,
        account: None,
        action: "user_erased",
        detail: json!({ "reason": reason }),
    };
    Ok(tx.audit(&entry, now).await?)
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
