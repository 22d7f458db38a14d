//! A person signs up with a password: all that a newcomer gets, and the mail that proves the address, or
//! nothing.

use serde_json::json;
use thiserror::Error;
use tollgate_identity::{AdmissionRefused, CompanyName, NewPassword, PersonName, limit};
use tollgate_primitives::{EmailAddress, PlanKey};

use crate::{
    AdmitError, App, Registered, Session, TooOften,
    admit::admit,
    ports::{AuditEntry, PasswordsError, StoreError},
    sign_up::{Newcomer, sign_up},
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
    if command.account_invite_code.is_some() {
        return Err(RegisterError::AccountInviteInvalid);
    }
    let admitted = admit(app, &command.email, command.invite_code.as_deref()).await?;
    if let Some(plan) = &command.plan
        && app.store.offer(plan).await?.is_none()
    {
        return Err(RegisterError::InvalidPlan);
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
        detail: json!({ "plan": command.plan }),
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
