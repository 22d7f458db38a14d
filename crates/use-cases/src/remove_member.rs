//! An admin puts a member out, or a member leaves. Their sessions in the account end on every node with
//! the commit; what else they belong to stays. Their own invitations are taken back: nobody lets people
//! in who is out.
//!
//! The seat is free again and nothing is told to the payment provider: seats are bought, and members
//! come and go on them.

use serde_json::json;
use tollgate_identity::Role;
use tollgate_invites::may_remove;
use tollgate_primitives::UserId;

use crate::{
    App, MemberError,
    ports::{AuditEntry, Caller, TeamNotice},
    team_mail,
};

pub async fn remove_member(app: &App, caller: &Caller, user: UserId) -> Result<(), MemberError> {
    let now = app.clock.now();
    let account = caller.account;
    let mut tx = app.store.begin().await?;
    let team = tx.lock_team(account, caller.user, now).await?;
    let team = team.ok_or(MemberError::SessionEnded)?;
    let own = team.role.ok_or(MemberError::SessionEnded)?;
    let member = tx.member(account, user).await?;
    let is_oneself = user == caller.user;
    may_remove(
        own,
        member.as_ref().map_or(Role::Viewer, |m| m.role),
        is_oneself,
    )?;
    let member = member.ok_or(MemberError::Unknown)?;
    if member.role == Role::Owner && team.owners <= 1 {
        return Err(MemberError::LastOwner);
    }
    tx.remove_member(account, user, now).await?;
    let revoked = tx.revoke_invites_of(account, user, &[], now).await?;
    let entry = AuditEntry {
        actor: Some(caller.user),
        account: Some(account),
        action: if is_oneself {
            "member_left"
        } else {
            "member_removed"
        },
        detail: json!({ "member": user, "role": member.role, "invites_revoked": revoked }),
    };
    tx.audit(&entry, now).await?;
    if !is_oneself {
        let change = app.entropy.uuid(now);
        let order = team_mail::order(change, (account, user), TeamNotice::Removed);
        tx.enqueue(&order).await?;
    }
    Ok(tx.commit().await?)
}
