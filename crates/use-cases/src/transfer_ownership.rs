//! An owner hands the account over to a member and goes on as an admin, in one transaction. Whoever
//! found a device open cannot: it needs the password, or a sign-in of the last minutes.

use serde_json::json;
use thiserror::Error;
use tollgate_identity::{Password, Role, session::FRESH};
use tollgate_invites::{MemberRefused, may_transfer};
use tollgate_primitives::UserId;

use crate::{
    App, TooOften,
    ports::{AuditEntry, Caller, PasswordsError, StoreError, TeamNotice, Verdict},
    team_mail,
};

#[derive(Debug, Error)]
pub enum TransferError {
    #[error("the account has no such member")]
    Unknown,
    #[error(transparent)]
    Refused(#[from] MemberRefused),
    #[error("the person owns the account already")]
    ToOneself,
    #[error("the sign-in is too long ago")]
    NotFresh,
    #[error("the password is not right")]
    InvalidCredentials,
    #[error("the person signs in through a provider")]
    UseOauthProvider { providers: Vec<String> },
    #[error("the session has ended")]
    SessionEnded,
    #[error(transparent)]
    TooOften(#[from] TooOften),
    #[error(transparent)]
    Passwords(#[from] PasswordsError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub async fn transfer_ownership(
    app: &App,
    caller: &Caller,
    to: UserId,
    password: Option<&Password>,
) -> Result<(), TransferError> {
    may_transfer(caller.role)?;
    prove(app, caller, password).await?;
    if to == caller.user {
        return Err(TransferError::ToOneself);
    }
    let now = app.clock.now();
    let account = caller.account;
    let mut tx = app.store.begin().await?;
    let team = tx.lock_team(account, caller.user, now).await?;
    let own = team.and_then(|team| team.role);
    may_transfer(own.ok_or(TransferError::SessionEnded)?)?;
    let member = tx.member(account, to).await?;
    let member = member.ok_or(TransferError::Unknown)?;
    tx.put_role(account, to, Role::Owner).await?;
    tx.put_role(account, caller.user, Role::Admin).await?;
    let transfer = app.entropy.uuid(now);
    let mail = |to, notice| team_mail::order(transfer, (account, to), notice);
    tx.enqueue_all(&[
        mail(to, TeamNotice::BecameOwner),
        mail(caller.user, TeamNotice::HandedOver),
    ])
    .await?;
    let entry = AuditEntry {
        actor: Some(caller.user),
        account: Some(account),
        action: "ownership_transferred",
        detail: json!({ "to": to, "was": member.role }),
    };
    tx.audit(&entry, now).await?;
    Ok(tx.commit().await?)
}

/// That it is the owner who asks, by the password if one is given.
async fn prove(
    app: &App,
    caller: &Caller,
    password: Option<&Password>,
) -> Result<(), TransferError> {
    let Some(password) = password else {
        let signed_in_at = app.teams.signed_in_at(caller.session).await?;
        let signed_in_at = signed_in_at.ok_or(TransferError::SessionEnded)?;
        if app.clock.now().since(signed_in_at) > FRESH {
            return Err(TransferError::NotFresh);
        }
        return Ok(());
    };
    let owner = app.store.password_owner(caller.user).await?;
    let owner = owner.ok_or(TransferError::SessionEnded)?;
    let Some(stored) = owner.password else {
        return Err(TransferError::UseOauthProvider {
            providers: owner.providers,
        });
    };
    app.try_password(owner.email.as_str()).await?;
    if app.passwords.verify(password, Some(&stored)).await? == Verdict::Wrong {
        return Err(TransferError::InvalidCredentials);
    }
    Ok(app.password_was_right(owner.email.as_str()).await?)
}
