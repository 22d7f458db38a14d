//! A person who is signed in follows an invitation: one more membership. The session stays where it is.

use thiserror::Error;
use tollgate_identity::verification;
use tollgate_primitives::Timestamp;

use crate::{
    App, JoinError, Joined,
    join_account::{find, join},
    ports::{Caller, StoreError},
};

#[derive(Debug, Error)]
pub enum AcceptError {
    #[error(transparent)]
    Join(#[from] JoinError),
    /// Whoever made this person up could have been anybody: the invitation waits until the address is
    /// proven, or the password set anew by mail, which ends what others know of it.
    #[error("the person's address is not proven")]
    EmailNotVerified { grace_ended_at: Timestamp },
    #[error("the session has ended")]
    SessionEnded,
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub async fn accept_invite(app: &App, caller: &Caller, code: &str) -> Result<Joined, AcceptError> {
    let now = app.clock.now();
    let person = app.store.mailbox(caller.user).await?;
    let (email, _, verified_at) = person.ok_or(AcceptError::SessionEnded)?;
    let invitation = find(app, code, &email, now).await?;
    if verified_at.is_none() {
        let grace_ended_at = verification::grace_ends(caller.user_created_at);
        return Err(AcceptError::EmailNotVerified { grace_ended_at });
    }
    let mut tx = app.store.begin().await?;
    let joined = join(app, tx.as_mut(), &invitation, caller.user, now).await?;
    tx.commit().await?;
    Ok(joined)
}
