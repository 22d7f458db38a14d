//! A person who forgot the password sets a new one, by the link that was mailed to them. Asking for it
//! does the same work for everybody, so that nobody learns who is known here: who is asked about is
//! looked at when the mail leaves.

use serde_json::json;
use thiserror::Error;
use tollgate_identity::{NewPassword, Purpose, limit};
use tollgate_primitives::{EmailAddress, JobKey, Timestamp, TokenId, UserId};

use crate::{
    App, JobFailed, Session, TooOften,
    keyed::token_hash,
    ports::{AuditEntry, Job, JobKind, PasswordOwner, PasswordsError, Sessions, StoreError},
    send_mail,
};

#[derive(Debug, Error)]
pub enum ResetPasswordError {
    /// Says the same for a token that is unknown, used, replaced, expired or for another purpose.
    #[error("the link does not work any more")]
    TokenInvalid,
    #[error(transparent)]
    Passwords(#[from] PasswordsError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub async fn forgot_password(
    app: &App,
    email: &EmailAddress,
    origin: &Session,
) -> Result<(), TooOften> {
    app.try_from_network(limit::FORGOT, origin).await?;
    app.try_mail(email).await?;
    let known = app.store.credentials(email).await?;
    let now = app.clock.now();
    let nobody = UserId::from_uuid(app.entropy.uuid(now));
    let token = TokenId::from_uuid(app.entropy.uuid(now));
    let kind = JobKind::MailPasswordReset {
        user: known.map_or(nobody, |known| known.user),
        token,
        asked_at: now,
    };
    let mut tx = app.store.begin().await?;
    tx.enqueue(&Job::now(JobKey::new("mail-password-reset", token), kind))
        .await?;
    tx.commit().await?;
    Ok(())
}

/// Makes the token and mails it. Silent for whoever is not here or has no password.
pub(crate) async fn mail_password_reset(
    app: &App,
    key: &JobKey,
    user: UserId,
    token: TokenId,
    asked_at: Timestamp,
) -> Result<(), JobFailed> {
    let owner = app.store.password_owner(user).await?;
    if owner.is_none_or(|owner| owner.password.is_none()) {
        return Ok(());
    }
    let row = app.one_time_row(token, Purpose::Reset, user, asked_at);
    let mut tx = app.store.begin().await?;
    tx.insert_one_time(&row, app.clock.now()).await?;
    tx.commit().await?;
    send_mail::password_reset(app, key, token).await
}

/// Whose password a link sets: what it may not be is judged by their words.
pub async fn password_to_reset(
    app: &App,
    token: &str,
) -> Result<PasswordOwner, ResetPasswordError> {
    let user = app
        .store
        .one_time_user(&token_hash(token), Purpose::Reset, app.clock.now())
        .await?
        .ok_or(ResetPasswordError::TokenInvalid)?;
    let owner = app.store.password_owner(user).await?;
    owner.ok_or(ResetPasswordError::TokenInvalid)
}

/// Sets the password, once for a link. Every session and every other mailed link ends: whoever else
/// had found a way in is out. The link came by mail, so the address is proven as well.
pub async fn reset_password(
    app: &App,
    token: &str,
    password: &NewPassword,
) -> Result<(), ResetPasswordError> {
    let new = app.passwords.hash(password.as_password()).await?;
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    let user = tx
        .consume_one_time(&token_hash(token), Purpose::Reset, now)
        .await?
        .ok_or(ResetPasswordError::TokenInvalid)?;
    tx.reset_password(user, &new, now).await?;
    tx.end_one_time(user, now).await?;
    tx.end_sessions(user, Sessions::All, "password_reset", now)
        .await?;
    tx.audit(&password_set(user, "password_reset"), now).await?;
    tx.enqueue(&tell_owner(app, user, now)).await?;
    tx.commit().await?;
    Ok(())
}

pub(crate) fn password_set(user: UserId, action: &'static str) -> AuditEntry {
    AuditEntry {
        actor: Some(user),
        account: None,
        action,
        detail: json!({}),
    }
}

/// Each change is told of, so the key is its own.
pub(crate) fn tell_owner(app: &App, user: UserId, now: Timestamp) -> Job {
    let change = app.entropy.uuid(now);
    Job::now(
        JobKey::new("mail-password-changed", change),
        JobKind::MailPasswordChanged { user },
    )
}
