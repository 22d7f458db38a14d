//! An admin invites people, one or a whole list: decided for all at once, under the account's lock, in
//! as many round trips for fifty as for one.

use std::collections::{BTreeMap, BTreeSet};

use secrecy::ExposeSecret;
use serde_json::json;
use thiserror::Error;
use tollgate_invites::{Days, InviteRefused, MemberRefused, Team, Wanted, admit, ready_to_remind};
use tollgate_primitives::{AccountId, EmailAddress, InviteId, JobKey, PlanKey, Timestamp, TokenId};

use crate::{
    App, GateRefused, TooOften,
    keyed::token_hash,
    ports::{
        AccountInvite, AuditEntry, Caller, Job, JobKind, LockedTeam, NewCode, NewInvite,
        StoreError, Transaction,
    },
    seats::{is_full, seats},
};

/// Somebody to be invited, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitee {
    pub wanted: Wanted,
    pub days: Days,
}

#[derive(Debug, Error)]
pub enum InviteError {
    #[error(transparent)]
    NotAllowed(#[from] MemberRefused),
    /// Never [`InviteRefused::Full`], which is told as [`InviteError::Gate`].
    #[error(transparent)]
    Refused(InviteRefused),
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

/// What came of each, in the order of `invitees`.
type Invited = Vec<Result<AccountInvite, InviteError>>;

/// Fails as a whole when nobody could be invited at all.
pub async fn invite(
    app: &App,
    caller: &Caller,
    invitees: &[Invitee],
) -> Result<Invited, InviteError> {
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    let team = tx.lock_team(caller.account, caller.user, now).await?;
    let team = team.ok_or(InviteError::SessionEnded)?;
    let judged = judge(app, tx.as_mut(), &team, invitees, now).await?;
    let fresh: Vec<_> = invitees
        .iter()
        .zip(&judged)
        .filter(|(_, judged)| judged.is_ok())
        .map(|(invitee, _)| app.new_invite(invitee, now))
        .collect();
    let made = tx
        .insert_invites(caller.account, caller.user, &fresh, now)
        .await?;
    let jobs: Vec<_> = fresh
        .iter()
        .filter_map(|new| {
            Some((
                made.iter().find(|made| made.email == new.email)?.id,
                &new.code,
            ))
        })
        .flat_map(|(id, code)| mails(caller.account, id, code, now))
        .collect();
    tx.enqueue_all(&jobs).await?;
    let entries: Vec<_> = made
        .iter()
        .map(|made| act(caller, "invited", made))
        .collect();
    tx.audit_all(&entries, now).await?;
    tx.commit().await?;
    Ok(answers(invitees, judged, made))
}

/// Who may be invited, and have a mail, at all.
async fn judge(
    app: &App,
    tx: &mut dyn Transaction,
    team: &LockedTeam,
    invitees: &[Invitee],
    now: Timestamp,
) -> Result<Vec<Result<(), InviteError>>, InviteError> {
    let role = team.role.ok_or(InviteError::SessionEnded)?;
    if !role.is_admin_or_above() {
        return Err(MemberRefused::AdminsOnly.into());
    }
    let (seats, plan) = seats(app, team, now)?;
    let wanted: Vec<_> = invitees.iter().map(|one| one.wanted.clone()).collect();
    let emails: Vec<_> = wanted.iter().map(|one| one.email.clone()).collect();
    let known = tx.known_to_team(team.account, &emails, now).await?;
    let asked = Team {
        role,
        members: &known.members,
        invited: &known.invited,
        seats,
    };
    let judged = admit(&wanted, &asked);
    let admitted = judged
        .iter()
        .zip(&wanted)
        .filter(|(judged, _)| judged.is_ok());
    let admitted: Vec<_> = admitted.map(|(_, one)| &one.email).collect();
    let may_have_mail = app.try_mails(tx, admitted).await?;
    let said = |(judged, one): (Result<(), InviteRefused>, &Wanted)| match judged {
        Ok(()) => mailable(&one.email, &may_have_mail),
        Err(refused) => Err(told(team, &plan, refused, now)),
    };
    Ok(judged.into_iter().zip(&wanted).map(said).collect())
}

fn mailable(
    email: &EmailAddress,
    may_have_mail: &BTreeSet<&EmailAddress>,
) -> Result<(), InviteError> {
    if may_have_mail.contains(email) {
        return Ok(());
    }
    Err(TooOften::mail().into())
}

fn told(team: &LockedTeam, plan: &PlanKey, refused: InviteRefused, now: Timestamp) -> InviteError {
    match refused {
        InviteRefused::Full(full) => is_full(team, plan.clone(), full, now).into(),
        InviteRefused::RoleAboveOwn | InviteRefused::AlreadyMember | InviteRefused::Pending => {
            InviteError::Refused(refused)
        }
    }
}

/// Who was admitted and yet not inserted was invited meanwhile, which the account's lock rules out.
fn answers(
    invitees: &[Invitee],
    judged: Vec<Result<(), InviteError>>,
    made: Vec<AccountInvite>,
) -> Invited {
    let mut made: BTreeMap<_, _> = made
        .into_iter()
        .map(|made| (made.email.clone(), made))
        .collect();
    let pending = || InviteError::Refused(InviteRefused::Pending);
    invitees
        .iter()
        .zip(judged)
        .map(|(one, judged)| {
            judged.and_then(|()| made.remove(&one.wanted.email).ok_or_else(pending))
        })
        .collect()
}

impl App {
    fn new_invite(&self, invitee: &Invitee, now: Timestamp) -> NewInvite {
        NewInvite {
            id: InviteId::from_uuid(self.entropy.uuid(now)),
            email: invitee.wanted.email.clone(),
            role: invitee.wanted.role,
            code: self.new_code(invitee.days, now),
        }
    }

    pub(crate) fn new_code(&self, days: Days, now: Timestamp) -> NewCode {
        let id = TokenId::from_uuid(self.entropy.uuid(now));
        NewCode {
            id,
            hash: token_hash(self.key.invite_code(id).expose_secret()),
            expires_at: days.after(now),
        }
    }
}

/// The invitation itself, and the word to the inviter should nobody use it.
pub(crate) fn mails(
    account: AccountId,
    invite: InviteId,
    code: &NewCode,
    now: Timestamp,
) -> Vec<Job> {
    let kind = JobKind::MailInvite {
        account,
        invite,
        code: code.id,
    };
    let mut jobs = vec![Job::now(JobKey::new("mail-invite", code.id), kind)];
    if let Some(at) = ready_to_remind(code.expires_at, now) {
        jobs.push(Job {
            key: JobKey::new("mail-invite-expiring", code.id),
            kind: JobKind::MailInviteExpiring {
                account,
                invite,
                code: code.id,
            },
            run_at: Some(at),
        });
    }
    jobs
}

/// What was done to an invitation.
pub(crate) fn act(caller: &Caller, action: &'static str, invite: &AccountInvite) -> AuditEntry {
    AuditEntry {
        actor: Some(caller.user),
        account: Some(caller.account),
        action,
        detail: json!({ "invite": invite.id, "role": invite.role }),
    }
}
