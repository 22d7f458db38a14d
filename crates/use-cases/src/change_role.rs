//! An admin raises or lowers a member. It counts from the next request on, because a role is in no
//! token.

use serde_json::json;
use thiserror::Error;
use tollgate_identity::Role;
use tollgate_invites::{MemberRefused, may_change};
use tollgate_primitives::UserId;

use crate::{
    App,
    ports::{AuditEntry, Caller, Member, StoreError, TeamNotice},
    team_mail,
};

#[derive(Debug, Error)]
pub enum MemberError {
    #[error("the account has no such member")]
    Unknown,
    #[error(transparent)]
    Refused(#[from] MemberRefused),
    #[error("an account keeps an owner")]
    LastOwner,
    #[error("the session has ended")]
    SessionEnded,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who is lowered takes back the invitations that they could not make any more.
pub async fn change_role(
    app: &App,
    caller: &Caller,
    user: UserId,
    role: Role,
) -> Result<Member, MemberError> {
    let now = app.clock.now();
    let account = caller.account;
    let mut tx = app.store.begin().await?;
    let team = tx.lock_team(account, caller.user, now).await?;
    let team = team.ok_or(MemberError::SessionEnded)?;
    let own = team.role.ok_or(MemberError::SessionEnded)?;
    let member = tx.member(account, user).await?;
    let member = member.ok_or(MemberError::Unknown)?;
    may_change(own, member.role, role)?;
    if member.role == role {
        return Ok(member);
    }
    if member.role == Role::Owner && team.owners <= 1 {
        return Err(MemberError::LastOwner);
    }
    tx.put_role(account, user, role).await?;
    let kept: Vec<_> = Role::ALL
        .into_iter()
        .filter(|target| role.may_grant(*target))
        .collect();
    let revoked = tx.revoke_invites_of(account, user, &kept, now).await?;
    let entry = AuditEntry {
        actor: Some(caller.user),
        account: Some(account),
        action: "role_changed",
        detail: json!({
            "member": user, "from": member.role, "to": role, "invites_revoked": revoked,
        }),
    };
    tx.audit(&entry, now).await?;
    if user != caller.user {
        let notice = TeamNotice::RoleChanged { role };
        let change = app.entropy.uuid(now);
        tx.enqueue(&team_mail::order(change, (account, user), notice))
            .await?;
    }
    tx.commit().await?;
    Ok(Member { role, ..member })
}
