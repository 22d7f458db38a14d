//! An operator gives an account access for free, and takes it back. It lies under whatever the account
//! buys: the payment provider never hears of it, and what the provider says does not touch it.

use serde_json::json;
use thiserror::Error;
use tollgate_billing::{Complimentary, GrantRefused};
use tollgate_primitives::{AccountId, UserId};

use crate::{
    App,
    ports::{AuditEntry, StoreError},
};

#[derive(Debug, Error)]
pub enum GrantError {
    #[error("there is no such account")]
    UnknownAccount,
    #[error(transparent)]
    Refused(#[from] GrantRefused),
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Debug, Error)]
pub enum EndGrantError {
    #[error("there is no such account")]
    UnknownAccount,
    #[error("the account is not complimentary")]
    NotComplimentary,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Gives `account` what `given` says. Of any number at once one succeeds.
pub async fn grant_complimentary(
    app: &App,
    actor: UserId,
    account: AccountId,
    given: &Complimentary,
) -> Result<(), GrantError> {
    grant(app, actor, account, given, false).await
}

/// With `dry_run` everything is tried and nothing kept.
pub(crate) async fn grant(
    app: &App,
    actor: UserId,
    account: AccountId,
    given: &Complimentary,
    dry_run: bool,
) -> Result<(), GrantError> {
    let is_known = app.store.offer(&given.plan).await?.is_some();
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    let locked = tx.lock_account(account).await?;
    let standing = locked.ok_or(GrantError::UnknownAccount)?.standing;
    let grant = given.grant(actor, is_known, &standing, now)?;
    // One whose time is over holds the place of the next.
    tx.end_complimentary(account, now).await?;
    let id = app.entropy.uuid(now);
    tx.insert_grant(account, (id, &given.reason), &grant, now)
        .await?;
    let entry = AuditEntry {
        actor: Some(actor),
        account: Some(account),
        action: "complimentary_granted",
        detail: json!({ "plan": given.plan, "reason": given.reason, "ends_at": given.ends_at }),
    };
    tx.audit(&entry, now).await?;
    if !dry_run {
        tx.commit().await?;
    }
    Ok(())
}

/// Ends what was given; what the account bought shows again.
pub async fn end_complimentary(
    app: &App,
    actor: UserId,
    account: AccountId,
    reason: &str,
) -> Result<(), EndGrantError> {
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    let locked = tx.lock_account(account).await?;
    let standing = locked.ok_or(EndGrantError::UnknownAccount)?.standing;
    let is_over = !standing.is_complimentary(now);
    if is_over || !tx.end_complimentary(account, now).await? {
        return Err(EndGrantError::NotComplimentary);
    }
    let entry = AuditEntry {
        actor: Some(actor),
        account: Some(account),
        action: "complimentary_ended",
        detail: json!({ "reason": reason }),
    };
    tx.audit(&entry, now).await?;
    tx.commit().await?;
    Ok(())
}
