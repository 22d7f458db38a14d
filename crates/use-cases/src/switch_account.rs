//! A person who belongs to several accounts goes on in another: in a session of its own, beside the one
//! they are in, which stays. It counts as signed in when that one was, so that changing the account is
//! never a fresh sign-in and never prolongs one.

use thiserror::Error;
use tollgate_identity::session;
use tollgate_primitives::AccountId;

use crate::{
    App, Session, Tokens,
    ports::{Caller, NewRefreshToken, StoreError},
};

#[derive(Debug, Error)]
pub enum SwitchError {
    /// Also of an account that is suspended.
    #[error("the person belongs to no such account")]
    Unknown,
    #[error("the session has ended")]
    SessionEnded,
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub async fn switch_account(
    app: &App,
    caller: &Caller,
    account: AccountId,
) -> Result<Tokens, SwitchError> {
    let now = app.clock.now();
    let signed_in_at = app.teams.signed_in_at(caller.session).await?;
    let signed_in_at = signed_in_at.ok_or(SwitchError::SessionEnded)?;
    let (session, refresh, tokens) =
        app.start_session(caller.user, account, Session::default(), now);
    let refresh = NewRefreshToken {
        expires_at: session::expires_at(signed_in_at, now),
        ..refresh
    };
    let mut tx = app.store.begin().await?;
    let begun = tx
        .insert_session_beside(caller.session, &session, &refresh, now)
        .await?;
    if !begun {
        return Err(SwitchError::Unknown);
    }
    tx.commit().await?;
    Ok(tokens)
}
