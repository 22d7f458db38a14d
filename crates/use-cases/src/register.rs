//! A person signs up with a password: all that a newcomer gets, and the mail that proves the address, or
//! nothing.

use serde_json::json;
use thiserror::Error;
use tollgate_identity::{AdmissionRefused, CompanyName, NewPassword, PersonName, limit};
use tollgate_primitives::{EmailAddress, PlanKey};

use crate::{
    AdmitError, App, JoinError, Registered, Session, TooOften,
    admit::admit,
    join_account,
    ports::{AuditEntry, Invitation, PasswordsError, StoreError},
    sign_up::{Invited, Newcomer, sign_up, sign_up_invited},
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

#[derive(Debug, Error)]
pub enum RegisterError {
    #[error("the address belongs to somebody")]
    EmailTaken,
    #[error(transparent)]
    NotAdmitted(AdmissionRefused),
    #[error(transparent)]
    Join(#[from] JoinError),
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
    if let Some(code) = &command.account_invite_code {
        let now = app.clock.now();
        let invitation = join_account::find(app, code, &command.email, now).await?;
        return register_invited(app, command, invitation).await;
    }
    let admitted = admit(app, &command.email, command.invite_code.as_deref()).await?;
    if let Some(plan) = &command.plan
        && app.store.offer(plan).await?.is_none()
    {
        return Err(RegisterError::InvalidPlan);
    }
    let throwaway = app.settings.throwaway_domains.of(&command.email);
    let throwaway = throwaway.map(str::to_owned);
    if let Some(domain) = &throwaway {
        app.try_throwaway(domain).await?;
    }
    app.try_mail(&command.email).await?;
    // The hash is made before anybody asks whether the address is taken: both answers cost the same.
    let password = app.passwords.hash(command.password.as_password()).await?;
    let now = app.clock.now();
    let account_name = match &command.company_name {
        Some(company) => company.as_str(),
        None => command.name.as_str(),
    };
    let newcomer = Newcomer {
        email: command.email,
        name: command.name.as_str().to_owned(),
        password: Some(password),
        email_verified_at: None,
        account_name: account_name.to_owned(),
        admitted,
    };
    let mut tx = app.store.begin().await?;
    let registered = sign_up(app, tx.as_mut(), newcomer, command.origin, now)
        .await?
        .ok_or(RegisterError::EmailTaken)?;
    queue_verification(app, tx.as_mut(), registered.user.id, now).await?;
    let entry = AuditEntry {
        actor: Some(registered.user.id),
        account: Some(registered.user.account),
        action: "registered",
        detail: json!({ "plan": command.plan, "throwaway_domain": throwaway }),
    };
    tx.audit(&entry, now).await?;
    tx.commit().await?;
    Ok(registered)
}

/// Whether people may sign up by themselves does not matter: somebody who may invite has.
async fn register_invited(
    app: &App,
    command: Register,
    invitation: Invitation,
) -> Result<Registered, RegisterError> {
    let password = app.passwords.hash(command.password.as_password()).await?;
    let now = app.clock.now();
    let newcomer = Invited {
        name: command.name.as_str().to_owned(),
        password: Some(password),
        invitation: &invitation,
    };
    let mut tx = app.store.begin().await?;
    let registered = sign_up_invited(app, tx.as_mut(), newcomer, command.origin, now)
        .await?
        .ok_or(RegisterError::EmailTaken)?;
    let entry = AuditEntry {
        actor: Some(registered.user.id),
        account: Some(registered.user.account),
        action: "registered",
        detail: json!({ "invited": true }),
    };
    tx.audit(&entry, now).await?;
    tx.commit().await?;
    Ok(registered)
}

impl From<AdmitError> for RegisterError {
    fn from(error: AdmitError) -> Self {
        match error {
            AdmitError::Refused(refused) => Self::NotAdmitted(refused),
            AdmitError::Store(error) => Self::Store(error),
        }
    }
}
