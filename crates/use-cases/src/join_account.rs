//! Somebody who was invited comes in, however they came: by accepting, by signing up with the code, or
//! through a sign-in provider. The invitation is found first, outside of any transaction, so that a code
//! that is good for nothing costs nothing; it is used up, and the seat taken, in the transaction of
//! whoever lets them in.

use serde_json::json;
use thiserror::Error;
use tollgate_identity::Role;
use tollgate_invites::accept;
use tollgate_primitives::{AccountId, EmailAddress, Timestamp, UserId};

use crate::{
    App, GateRefused,
    keyed::token_hash,
    ports::{AuditEntry, Invitation, StoreError, Transaction},
    seats::{is_full, seats},
};

#[derive(Debug, Error)]
pub enum JoinError {
    /// Says the same for a code that is unknown, used, revoked or expired, or whose account is closed.
    #[error("the invitation is not valid any more")]
    Invalid,
    #[error("somebody else was invited")]
    EmailMismatch,
    /// The account has no seat left, or may not use the product now.
    #[error(transparent)]
    NoSeat(GateRefused),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a person who has come in belongs to now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    pub account: AccountId,
    pub account_name: String,
    pub role: Role,
}

/// The living invitation with this code, which is for `email`.
pub(crate) async fn find(
    app: &App,
    code: &str,
    email: &EmailAddress,
    now: Timestamp,
) -> Result<Invitation, JoinError> {
    let invitation = find_for_anybody(app, &token_hash(code), now).await?;
    if invitation.email != *email {
        return Err(JoinError::EmailMismatch);
    }
    Ok(invitation)
}

/// The living invitation whose code has this hash.
pub(crate) async fn find_for_anybody(
    app: &App,
    code: &[u8; 32],
    now: Timestamp,
) -> Result<Invitation, JoinError> {
    let found = app.teams.invitation(code).await?;
    found
        .filter(|found| !found.is_suspended && accept(found.invite.state(now)).is_ok())
        .ok_or(JoinError::Invalid)
}

/// Uses the invitation up and makes `user`, whose address is the invited one and proven, a member.
/// After a refusal the transaction is to be dropped.
pub(crate) async fn join(
    app: &App,
    tx: &mut dyn Transaction,
    invitation: &Invitation,
    user: UserId,
    now: Timestamp,
) -> Result<Joined, JoinError> {
    let account = invitation.account;
    let team = tx.lock_team(account, user, now).await?;
    let team = team.filter(|team| !team.is_suspended);
    let team = team.ok_or(JoinError::Invalid)?;
    // Who belongs to the account takes up no other seat.
    if team.role.is_none() {
        let (seats, plan) = seats(app, &team, now).map_err(JoinError::NoSeat)?;
        seats
            .join()
            .map_err(|full| JoinError::NoSeat(is_full(&team, plan, full, now)))?;
    }
    let claimed = tx
        .claim_invite(account, &invitation.code_hash, user, now)
        .await?
        .ok_or(JoinError::Invalid)?;
    let entry = AuditEntry {
        actor: Some(user),
        account: Some(account),
        action: "invite_accepted",
        detail: json!({ "invite": claimed.id, "role": claimed.role }),
    };
    tx.audit(&entry, now).await?;
    Ok(Joined {
        account,
        account_name: team.name,
        role: claimed.role,
    })
}
