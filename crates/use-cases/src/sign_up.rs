//! What a newcomer gets, however they came: person, account, trial and session, in the transaction of
//! who let them in. Whether they may come in is [`admit`](crate::admit)'s to say, whether the address is
//! proven theirs.

use tollgate_identity::Role;
use tollgate_primitives::{AccountId, EmailAddress, Timestamp, UserId};

use crate::{
    AdmitError, App, JoinError, Session, Tokens,
    admit::Admitted,
    join_account,
    ports::{AccountRow, Invitation, Membership, NewUser, PasswordHash, Transaction, User},
};

/// A person whom nobody knew.
#[derive(Debug)]
pub(crate) struct Newcomer {
    pub(crate) email: EmailAddress,
    pub(crate) name: String,
    /// `None` for who signs in through a provider only.
    pub(crate) password: Option<PasswordHash>,
    /// When the address was proven, where that is known already.
    pub(crate) email_verified_at: Option<Timestamp>,
    pub(crate) account_name: String,
    pub(crate) admitted: Admitted,
}

#[derive(Debug)]
pub struct Registered {
    pub user: User,
    pub tokens: Tokens,
}

/// `None` when the address belongs to somebody; nothing is written then.
pub(crate) async fn sign_up(
    app: &App,
    tx: &mut dyn Transaction,
    newcomer: Newcomer,
    origin: Session,
    now: Timestamp,
) -> Result<Option<Registered>, AdmitError> {
    let user = NewUser {
        id: UserId::from_uuid(app.entropy.uuid(now)),
        email: newcomer.email,
        name: newcomer.name,
        password: newcomer.password,
        email_verified_at: newcomer.email_verified_at,
        is_super_admin: false,
        onboarding_dismissed: false,
    };
    let account = AccountRow {
        id: AccountId::from_uuid(app.entropy.uuid(now)),
        name: newcomer.account_name,
    };
    let (session, refresh, tokens) = app.start_session(user.id, account.id, origin, now);
    if !tx.insert_user(&user, now).await? {
        return Ok(None);
    }
    tx.insert_account(&account, user.id, now).await?;
    let begins = newcomer.admitted.begin(app, tx, (account.id, &user), now);
    begins.await?;
    tx.insert_session(&session, &refresh, now).await?;
    Ok(Some(Registered {
        user: as_user(user, account, Role::Owner, now),
        tokens,
    }))
}

/// A person whom nobody knew and whom an account has invited. They join that account and get none of
/// their own: no trial and nothing to set up. The code came by mail alone, so the address is proven.
#[derive(Debug)]
pub(crate) struct Invited<'a> {
    pub(crate) name: String,
    /// `None` for who signs in through a provider only.
    pub(crate) password: Option<PasswordHash>,
    /// As [`join_account::find`] found it.
    pub(crate) invitation: &'a Invitation,
}

/// `None` when the address belongs to somebody: that person signs in and accepts. Whatever this answers
/// but a success, the transaction is to be dropped, and the invitation is as it was.
pub(crate) async fn sign_up_invited(
    app: &App,
    tx: &mut dyn Transaction,
    newcomer: Invited<'_>,
    origin: Session,
    now: Timestamp,
) -> Result<Option<Registered>, JoinError> {
    let invitation = newcomer.invitation;
    let user = NewUser {
        id: UserId::from_uuid(app.entropy.uuid(now)),
        email: invitation.email.clone(),
        name: newcomer.name,
        password: newcomer.password,
        email_verified_at: Some(now),
        is_super_admin: false,
        onboarding_dismissed: true,
    };
    let (session, refresh, tokens) = app.start_session(user.id, invitation.account, origin, now);
    if !tx.insert_user(&user, now).await? {
        return Ok(None);
    }
    let joined = join_account::join(app, tx, invitation, user.id, now).await?;
    if !tx.insert_session(&session, &refresh, now).await? {
        return Err(JoinError::Invalid);
    }
    let account = AccountRow {
        id: joined.account,
        name: joined.account_name,
    };
    Ok(Some(Registered {
        user: as_user(user, account, joined.role, now),
        tokens,
    }))
}

fn as_user(user: NewUser, account: AccountRow, role: Role, now: Timestamp) -> User {
    User {
        id: user.id,
        email: user.email,
        name: user.name,
        timezone: None,
        account: account.id,
        account_role: role,
        memberships: vec![Membership {
            account: account.id,
            account_name: account.name,
            role,
        }],
        is_super_admin: user.is_super_admin,
        email_verified_at: user.email_verified_at,
        onboarding_step_completed: 0,
        onboarding_dismissed: user.onboarding_dismissed,
        pending_kept_banner: false,
        created_at: now,
    }
}
