//! A person signs in with a password. Unknown people cost what known ones cost.

use serde_json::json;
use thiserror::Error;
use tollgate_identity::{Password, limit};
use tollgate_primitives::{AccountId, EmailAddress, Timestamp, UserId};

use crate::{
    App, Session, Tokens, TooOften,
    ports::{
        AuditEntry, Credentials, PasswordHash, PasswordsError, StoreError, Transaction, Verdict,
    },
};

#[derive(Debug, Error)]
pub enum SignInError {
    /// Says the same for an unknown person and for a wrong password.
    #[error("address or password is not right")]
    InvalidCredentials,
    #[error("the person signs in through a provider")]
    UseOauthProvider { providers: Vec<String> },
    /// Told to whoever knows the password, and to nobody else.
    #[error("the account is suspended")]
    AccountSuspended,
    #[error(transparent)]
    TooOften(#[from] TooOften),
    #[error(transparent)]
    Passwords(#[from] PasswordsError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// `email` is `None` for what cannot be anybody's address.
pub async fn sign_in(
    app: &App,
    email: Option<&EmailAddress>,
    password: &Password,
    origin: Session,
) -> Result<Tokens, SignInError> {
    app.try_from_network(limit::SIGN_IN, &origin).await?;
    if let Some(email) = email {
        app.try_password(email.as_str()).await?;
    }
    let credentials = match email {
        Some(email) => app.store.credentials(email).await?,
        None => None,
    };
    let stored = credentials
        .as_ref()
        .and_then(|known| known.password.as_ref());
    let verdict = app.passwords.verify(password, stored).await?;
    let Some(credentials) = credentials else {
        return Err(SignInError::InvalidCredentials);
    };
    if credentials.password.is_none() {
        return Err(SignInError::UseOauthProvider {
            providers: credentials.providers,
        });
    }
    let better = match verdict {
        Verdict::Wrong => return Err(SignInError::InvalidCredentials),
        Verdict::Right => None,
        Verdict::RightRehashed(better) => Some(better),
    };
    if credentials.is_suspended {
        return Err(SignInError::AccountSuspended);
    }
    if let Some(email) = email {
        app.password_was_right(email.as_str()).await?;
    }
    open_session(app, credentials, better, origin).await
}

async fn open_session(
    app: &App,
    person: Credentials,
    better: Option<PasswordHash>,
    origin: Session,
) -> Result<Tokens, SignInError> {
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    let account = match person.account {
        Some(account) => account,
        None => home(app, tx.as_mut(), person.user, now).await?,
    };
    let (session, refresh, tokens) = app.start_session(person.user, account, origin, now);
    if let (Some(old), Some(new)) = (&person.password, &better) {
        tx.replace_password(person.user, old, new).await?;
    }
    if !tx.insert_session(&session, &refresh, now).await? {
        return Err(SignInError::AccountSuspended);
    }
    tx.commit().await?;
    Ok(tokens)
}

/// Where somebody goes who belongs to no account, having left or lost all: to an empty one of their own,
/// without a trial.
pub(crate) async fn home(
    app: &App,
    tx: &mut dyn Transaction,
    person: UserId,
    now: Timestamp,
) -> Result<AccountId, StoreError> {
    let fresh = AccountId::from_uuid(app.entropy.uuid(now));
    let account = tx.home(person, fresh, now).await?;
    if account == fresh {
        let entry = AuditEntry {
            actor: Some(person),
            account: Some(account),
            action: "account_created",
            detail: json!({}),
        };
        tx.audit(&entry, now).await?;
    }
    Ok(account)
}
