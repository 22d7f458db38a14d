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

/// A password that is replaced by a better hash of itself, or by another, while it is compared, is
/// compared once more.
const TRIES: u8 = 2;

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
    for _ in 0..TRIES {
        if let Some(tokens) = try_to_sign_in(app, email, password, &origin).await? {
            return Ok(tokens);
        }
    }
    Err(SignInError::InvalidCredentials)
}

/// `None` when the password changed after it was read.
async fn try_to_sign_in(
    app: &App,
    email: Option<&EmailAddress>,
    password: &Password,
    origin: &Session,
) -> Result<Option<Tokens>, SignInError> {
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
    let Some(stored) = &credentials.password else {
        return Err(SignInError::UseOauthProvider {
            providers: credentials.providers,
        });
    };
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
    open_session(app, &credentials, stored, better, origin).await
}

/// Whoever changes the password ends every session: one that begins by the old password waits for them
/// and is not begun, or is there for them to end.
async fn open_session(
    app: &App,
    person: &Credentials,
    stored: &PasswordHash,
    better: Option<PasswordHash>,
    origin: &Session,
) -> Result<Option<Tokens>, SignInError> {
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    let account = match person.account {
        Some(account) => account,
        None => home(app, tx.as_mut(), person.user, now).await?,
    };
    let (session, refresh, tokens) = app.start_session(person.user, account, origin.clone(), now);
    if !tx.insert_session(&session, &refresh, now).await? {
        return Err(SignInError::AccountSuspended);
    }
    let is_unchanged = match &better {
        Some(better) => tx.replace_password(person.user, stored, better).await?,
        None => tx.hold_password(person.user, stored).await?,
    };
    if !is_unchanged {
        return Ok(None);
    }
    tx.commit().await?;
    Ok(Some(tokens))
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
