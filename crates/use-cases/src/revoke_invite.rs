//! An admin takes an invitation back. Its row stays, and its code lets nobody in from the commit on.

use thiserror::Error;
use tollgate_invites::{MemberRefused, Revoked, revoke};
use tollgate_primitives::InviteId;

use crate::{
    App,
    invite::act,
    ports::{Caller, StoreError},
};

#[derive(Debug, Error)]
pub enum RevokeError {
    #[error("there is no such invitation")]
    Unknown,
    #[error("the person has come already")]
    Accepted,
    #[error(transparent)]
    NotAllowed(#[from] MemberRefused),
    #[error("the session has ended")]
    SessionEnded,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Taking back what was taken back is fine.
pub async fn revoke_invite(app: &App, caller: &Caller, id: InviteId) -> Result<(), RevokeError> {
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    let team = tx.lock_team(caller.account, caller.user, now).await?;
    let role = team.and_then(|team| team.role);
    if !role.ok_or(RevokeError::SessionEnded)?.is_admin_or_above() {
        return Err(MemberRefused::AdminsOnly.into());
    }
    let found = tx.invite(caller.account, id).await?;
    let found = found.ok_or(RevokeError::Unknown)?;
    match revoke(found.invite.state(now)) {
        None => return Err(RevokeError::Accepted),
        Some(Revoked::Before) => return Ok(()),
        Some(Revoked::Now) => {}
    }
    tx.revoke_invite(caller.account, id, now).await?;
    tx.audit(&act(caller, "invite_revoked", &found), now)
        .await?;
    Ok(tx.commit().await?)
}
