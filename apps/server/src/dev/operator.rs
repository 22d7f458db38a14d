//! The person who may look at everything in development mode. Made through the store's ordinary
//! port, so it is a person like any other.

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tollgate_billing::Subscription;
use tollgate_identity::Password;
use tollgate_primitives::{AccountId, EmailAddress, UserId};
use tollgate_use_cases::{
    App,
    ports::{AccountRow, AuditEntry, Credentials, NewUser, Verdict},
};

use super::secrets::Secrets;

const ADDRESS: &str = "operator@tollgate.localhost";

/// Longer than anybody keeps a checkout.
const TRIAL_DAYS: u16 = 3650;

/// How the operator signs in.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Operator {
    pub(super) email: String,
    pub(super) password: String,
}

/// Makes the operator if there is none, and holds the password to what is printed.
pub(super) async fn ensure(app: &App, secrets: &Secrets) -> anyhow::Result<Operator> {
    let email = EmailAddress::parse(ADDRESS)?;
    let password = Password::parse(&secrets.operator_password)?;
    let stored = app.store.credentials(&email).await?;
    match stored {
        Some(credentials) => reset(app, credentials, &password).await,
        None => create(app, email, &password).await,
    }
    .context("making the operator")?;
    Ok(Operator {
        email: ADDRESS.to_owned(),
        password: secrets.operator_password.clone(),
    })
}

async fn create(app: &App, email: EmailAddress, password: &Password) -> anyhow::Result<()> {
    let now = app.clock.now();
    let user = NewUser {
        id: UserId::from_uuid(app.entropy.uuid(now)),
        email,
        name: "Operator".to_owned(),
        password: Some(app.passwords.hash(password).await?),
        email_verified_at: Some(now),
        is_super_admin: true,
        onboarding_dismissed: false,
    };
    let account = AccountRow {
        id: AccountId::from_uuid(app.entropy.uuid(now)),
        name: "Operations".to_owned(),
    };
    let trial = Subscription::reverse_trial(app.settings.trial_plan.clone(), now, TRIAL_DAYS);
    let entry = AuditEntry {
        actor: None,
        account: Some(account.id),
        action: "operator_made",
        detail: json!({ "user": user.id }),
    };
    let mut tx = app.store.begin().await?;
    tx.insert_user(&user, now).await?;
    tx.insert_account(&account, user.id, now).await?;
    tx.put_subscription(account.id, &trial, now).await?;
    tx.audit(&entry, now).await?;
    Ok(tx.commit().await?)
}

/// The secrets may have been drawn anew over a database that stayed.
async fn reset(app: &App, stored: Credentials, password: &Password) -> anyhow::Result<()> {
    let Some(old) = stored.password else {
        return Ok(());
    };
    let new = match app.passwords.verify(password, Some(&old)).await? {
        Verdict::Right => return Ok(()),
        Verdict::RightRehashed(better) => better,
        Verdict::Wrong => app.passwords.hash(password).await?,
    };
    let mut tx = app.store.begin().await?;
    tx.replace_password(stored.user, &old, &new).await?;
    Ok(tx.commit().await?)
}
