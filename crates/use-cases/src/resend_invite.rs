//! An admin has an invitation sent again: with a new code and a new end. The link that was mailed
//! before dies.

use thiserror::Error;
use tollgate_invites::{Days, MemberRefused, ResendRefused, resend};
use tollgate_primitives::{InviteId, Timestamp};

use crate::{
    App, GateRefused, TooOften,
    invite::{act, mails},
    ports::{AccountInvite, Caller, LockedTeam, StoreError},
    seats::{is_full, seats},
};

#[derive(Debug, Error)]
pub enum ResendError {
    #[error("there is no such invitation")]
    Unknown,
    #[error(transparent)]
    Refused(#[from] ResendRefused),
    #[error(transparent)]
    NotAllowed(#[from] MemberRefused),
    /// The account has no seat left, or may not use the product now.
    #[error(transparent)]
    Gate(#[from] GateRefused),
    #[error(transparent)]
    TooOften(#[from] TooOften),
    #[error("the session has ended")]
    SessionEnded,
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub async fn resend_invite(
    app: &App,
    caller: &Caller,
    id: InviteId,
) -> Result<AccountInvite, ResendError> {
    let now = app.clock.now();
    let account = caller.account;
    let mut tx = app.store.begin().await?;
    let team = tx.lock_team(account, caller.user, now).await?;
    let team = team.ok_or(ResendError::SessionEnded)?;
    may_invite(&team)?;
    let found = tx.invite(account, id).await?;
    let found = found.ok_or(ResendError::Unknown)?;
    judge(app, &team, &found, now)?;
    if !app
        .try_mails(tx.as_mut(), [&found.email])
        .await?
        .contains(&found.email)
    {
        return Err(TooOften::mail().into());
    }
    let code = app.new_code(Days::default(), now);
    let renewed = tx.renew_invite(account, id, &code).await?;
    let renewed = renewed.ok_or(ResendError::Unknown)?;
    tx.enqueue_all(&mails(account, id, &code, now)).await?;
    tx.audit(&act(caller, "invite_resent", &renewed), now)
        .await?;
    tx.commit().await?;
    Ok(renewed)
}

fn may_invite(team: &LockedTeam) -> Result<(), ResendError> {
    if !team
        .role
        .ok_or(ResendError::SessionEnded)?
        .is_admin_or_above()
    {
        return Err(MemberRefused::AdminsOnly.into());
    }
    Ok(())
}

fn judge(
    app: &App,
    team: &LockedTeam,
    found: &AccountInvite,
    now: Timestamp,
) -> Result<(), ResendError> {
    let takes_seat = resend(found.invite.state(now), found.invite.resends)?;
    let (seats, plan) = seats(app, team, now)?;
    if takes_seat && let Err(full) = seats.invite(0) {
        return Err(is_full(team, plan, full, now).into());
    }
    Ok(())
}
