//! Mails about who belongs to an account. Whether one is still true is looked at when it leaves.

use secrecy::{ExposeSecret, SecretString};
use tollgate_identity::Role;
use tollgate_invites::State;
use tollgate_primitives::{AccountId, InviteId, JobKey, TokenId, UserId};

use crate::{
    App, JobFailed,
    ports::{Job, JobKind, Mail, TeamNotice},
};

/// Notes that it left, after it has: a mail that is sent twice is shown once.
pub(crate) async fn invite(
    app: &App,
    key: &JobKey,
    (account, invite): (AccountId, InviteId),
    code: TokenId,
) -> Result<(), JobFailed> {
    let now = app.clock.now();
    let letter = app.teams.invite_letter(account, invite, code).await?;
    let invitation = letter.map(|letter| letter.invitation);
    let Some(invitation) =
        invitation.filter(|found| !found.is_suspended && found.invite.state(now) == State::Live)
    else {
        return Ok(());
    };
    let mail = Mail::Invite {
        account_name: invitation.account_name,
        inviter_name: invitation.inviter_name,
        role: invitation.role,
        expires_at: invitation.invite.expires_at,
        link: link(app, code),
    };
    app.mailer.send(key, &invitation.email, &mail).await?;
    app.teams
        .note_invite_sent(account, invite, code, app.clock.now())
        .await?;
    Ok(())
}

fn link(app: &App, code: TokenId) -> SecretString {
    let frontend = &app.settings.frontend_url;
    let code = app.key.invite_code(code);
    format!("{frontend}/accept-invite?code={}", code.expose_secret()).into()
}

pub(crate) async fn expiring(
    app: &App,
    key: &JobKey,
    (account, invite): (AccountId, InviteId),
    code: TokenId,
) -> Result<(), JobFailed> {
    let now = app.clock.now();
    let Some(letter) = app.teams.invite_letter(account, invite, code).await? else {
        return Ok(());
    };
    let invitation = letter.invitation;
    let is_live = invitation.invite.state(now) == State::Live;
    let Some(inviter) = letter
        .inviter
        .filter(|_| is_live && !invitation.is_suspended)
    else {
        return Ok(());
    };
    let mail = Mail::InviteExpiring {
        account_name: invitation.account_name,
        invited: invitation.email,
        expires_at: invitation.invite.expires_at,
        team_url: team_url(app),
    };
    app.mailer.send(key, &inviter, &mail).await?;
    Ok(())
}

/// Orders the mail about `notice`; `change` is what it tells of.
pub(crate) fn order(
    change: uuid::Uuid,
    (account, to): (AccountId, UserId),
    notice: TeamNotice,
) -> Job {
    let key = JobKey::new("mail-team", format_args!("{change}:{to}"));
    let kind = JobKind::MailTeamNotice {
        account,
        to,
        notice,
    };
    Job::now(key, kind)
}

pub(crate) async fn notice(
    app: &App,
    key: &JobKey,
    (account, to): (AccountId, UserId),
    notice: TeamNotice,
) -> Result<(), JobFailed> {
    let Some(letter) = app.teams.team_letter(account, to).await? else {
        return Ok(());
    };
    let still_holds = match notice {
        TeamNotice::BecameOwner => letter.role == Some(Role::Owner),
        TeamNotice::HandedOver => letter.role.is_some(),
        TeamNotice::RoleChanged { role } => letter.role == Some(role),
        TeamNotice::Removed => letter.role.is_none(),
    };
    if !still_holds {
        return Ok(());
    }
    let mail = Mail::TeamNotice {
        name: letter.name,
        account_name: letter.account_name,
        notice,
        team_url: team_url(app),
    };
    app.mailer.send(key, &letter.email, &mail).await?;
    Ok(())
}

fn team_url(app: &App) -> String {
    format!("{}/account/team", app.settings.frontend_url)
}
