//! A person signs up: person, account, trial, session and the mail that proves the address, all or
//! nothing.

use serde_json::json;
use thiserror::Error;
use tollgate_billing::Subscription;
use tollgate_identity::{CompanyName, NewPassword, PersonName, Role, limit};
use tollgate_primitives::{AccountId, EmailAddress, PlanKey, Timestamp, UserId};

use crate::{
    App, Session, Tokens, TooOften,
    ports::{AccountRow, AuditEntry, Membership, NewUser, PasswordsError, StoreError, User},
    verify_email::queue_verification,
};

#[derive(Debug)]
pub struct Register {
    pub email: EmailAddress,
    pub name: PersonName,
    pub password: NewPassword,
    pub company_name: Option<CompanyName>,
    /// A platform invite code.
    pub invite_code: Option<String>,
    /// The code of an invitation into an account.
    pub account_invite_code: Option<String>,
    /// What the person looked at on the price page: noted, decides nothing.
    pub plan: Option<PlanKey>,
    pub origin: Session,
}

#[derive(Debug)]
pub struct Registered {
    pub user: User,
    pub tokens: Tokens,
}

#[derive(Debug, Error)]
pub enum RegisterError {
    #[error("the address belongs to somebody")]
    EmailTaken,
    #[error("signing up needs an invite code")]
    InviteCodeRequired,
    #[error("the invite code is not valid")]
    InviteCodeInvalid,
    #[error("the invitation is not valid any more")]
    AccountInviteInvalid,
    #[error("there is no such plan")]
    InvalidPlan,
    #[error(transparent)]
    TooOften(#[from] TooOften),
    #[error(transparent)]
    Passwords(#[from] PasswordsError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub async fn register(app: &App, command: Register) -> Result<Registered, RegisterError> {
    app.try_from_network(limit::REGISTER, &command.origin)
        .await?;
    refuse_codes(app, &command)?;
    if let Some(plan) = &command.plan
        && app.store.offer(plan).await?.is_none()
    {
        return Err(RegisterError::InvalidPlan);
    }
    app.try_mail(&command.email).await?;
    // The hash is made before anybody asks whether the address is taken: both answers cost the same.
    let password = app.passwords.hash(command.password.as_password()).await?;
    let now = app.clock.now();
    let user = NewUser {
        id: UserId::from_uuid(app.entropy.uuid(now)),
        email: command.email.clone(),
        name: command.name.as_str().to_owned(),
        password,
        email_verified_at: None,
        is_super_admin: false,
    };
    let account = AccountRow {
        id: AccountId::from_uuid(app.entropy.uuid(now)),
        name: account_name(&command),
    };
    let (session, refresh, tokens) =
        app.start_session(user.id, account.id, command.origin.clone(), now);

    let mut tx = app.store.begin().await?;
    if !tx.insert_user(&user, now).await? {
        return Err(RegisterError::EmailTaken);
    }
    tx.insert_account(&account, user.id, now).await?;
    if tx.claim_trial(&app.key.trial_key(&user.email), now).await? {
        let plan = app.settings.trial_plan.clone();
        let trial = Subscription::reverse_trial(plan, now, app.settings.trial_days);
        tx.put_subscription(account.id, &trial, now).await?;
    }
    tx.insert_session(&session, &refresh, now).await?;
    queue_verification(app, tx.as_mut(), user.id, now).await?;
    let detail = json!({ "plan": command.plan });
    let entry = AuditEntry {
        actor: Some(user.id),
        account: Some(account.id),
        action: "registered",
        detail,
    };
    tx.audit(&entry, now).await?;
    tx.commit().await?;
    Ok(Registered {
        user: as_user(user, account, now),
        tokens,
    })
}

/// No code is good yet: this deployment hands out none.
fn refuse_codes(app: &App, command: &Register) -> Result<(), RegisterError> {
    if command.account_invite_code.is_some() {
        return Err(RegisterError::AccountInviteInvalid);
    }
    if command.invite_code.is_some() {
        return Err(RegisterError::InviteCodeInvalid);
    }
    if !app.settings.self_serve_enabled {
        return Err(RegisterError::InviteCodeRequired);
    }
    Ok(())
}

fn account_name(command: &Register) -> String {
    match &command.company_name {
        Some(company) => company.as_str().to_owned(),
        None => command.name.as_str().to_owned(),
    }
}

fn as_user(user: NewUser, account: AccountRow, now: Timestamp) -> User {
    User {
        id: user.id,
        email: user.email,
        name: user.name,
        account: account.id,
        account_role: Role::Owner,
        memberships: vec![Membership {
            account: account.id,
            account_name: account.name,
            role: Role::Owner,
        }],
        is_super_admin: user.is_super_admin,
        email_verified_at: user.email_verified_at,
        onboarding_step_completed: 0,
        onboarding_dismissed: false,
        pending_kept_banner: false,
        created_at: now,
    }
}
