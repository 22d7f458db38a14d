//! A person who is signed in changes the password, knowing the old one.

use thiserror::Error;
use tollgate_identity::{NewPassword, Password};

use crate::{
    App, TooOften,
    ports::{Caller, PasswordOwner, PasswordsError, Sessions, StoreError, Verdict},
    reset_password::{password_set, tell_owner},
};

#[derive(Debug, Error)]
pub enum ChangePasswordError {
    /// The current password is not right, or was changed meanwhile.
    #[error("the current password is not right")]
    InvalidCredentials,
    #[error("the person signs in through a provider")]
    UseOauthProvider { providers: Vec<String> },
    #[error(transparent)]
    TooOften(#[from] TooOften),
    #[error(transparent)]
    Passwords(#[from] PasswordsError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The other sessions end, and so does every mailed link that still works.
pub async fn change_password(
    app: &App,
    caller: &Caller,
    owner: PasswordOwner,
    current: &Password,
    password: &NewPassword,
) -> Result<(), ChangePasswordError> {
    let Some(old) = owner.password else {
        return Err(ChangePasswordError::UseOauthProvider {
            providers: owner.providers,
        });
    };
    app.try_password(owner.email.as_str()).await?;
    if app.passwords.verify(current, Some(&old)).await? == Verdict::Wrong {
        return Err(ChangePasswordError::InvalidCredentials);
    }
    app.password_was_right(owner.email.as_str()).await?;
    let new = app.passwords.hash(password.as_password()).await?;
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    if !tx.replace_password(caller.user, &old, &new).await? {
        return Err(ChangePasswordError::InvalidCredentials);
    }
    tx.end_one_time(caller.user, now).await?;
    let others = Sessions::AllBut(caller.session);
    tx.end_sessions(caller.user, others, "password_changed", now)
        .await?;
    tx.audit(&password_set(caller.user, "password_changed"), now)
        .await?;
    tx.enqueue(&tell_owner(app, caller.user, now)).await?;
    tx.commit().await?;
    Ok(())
}
