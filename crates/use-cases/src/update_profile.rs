//! A person changes what is said of them, and an admin what is said of the account: only what the mask
//! named, in one statement. What may be named is declared here and nowhere else.

use serde_json::json;
use thiserror::Error;
use tollgate_field_mask::{Changes, Field, Resource};

use crate::{
    App,
    ports::{AccountProfile, AuditEntry, Caller, StoreError, User},
};

/// A person. The address changes with a proof of the new one, the wizard by its own routes.
pub static USER: Resource = Resource::new(
    "users",
    &[
        Field::immutable("id"),
        Field::read_only("email"),
        Field::required("name"),
        Field::optional("timezone"),
        Field::output_only("email_verified_at"),
        Field::output_only("is_super_admin"),
        Field::read_only("role_at_signup"),
        Field::read_only("onboarding_step_completed"),
        Field::read_only("onboarding_dismissed"),
        Field::read_only("pending_kept_banner"),
        Field::output_only("created_at"),
    ],
)
.soft_deleted();

/// An account.
pub static ACCOUNT: Resource = Resource::new(
    "accounts",
    &[
        Field::immutable("id"),
        Field::required("name"),
        Field::optional("team_size_bucket"),
        Field::optional("primary_psa"),
        Field::output_only("created_at"),
    ],
);

#[derive(Debug, Error)]
pub enum UpdateError {
    /// The person or the account is not there any more.
    #[error("what was to be changed is gone")]
    Gone,
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub async fn update_user(
    app: &App,
    caller: &Caller,
    changes: &Changes<String>,
) -> Result<User, UpdateError> {
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    if !tx.update_user(caller.user, changes, now).await? {
        return Err(UpdateError::Gone);
    }
    tx.audit(&updated(caller, "user_updated", changes), now)
        .await?;
    tx.commit().await?;
    let user = app.store.user(caller.session, caller.account).await?;
    user.ok_or(UpdateError::Gone)
}

pub async fn update_account(
    app: &App,
    caller: &Caller,
    changes: &Changes<String>,
) -> Result<AccountProfile, UpdateError> {
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    let account = tx.update_account(caller.account, changes, now).await?;
    let account = account.ok_or(UpdateError::Gone)?;
    tx.audit(&updated(caller, "account_updated", changes), now)
        .await?;
    tx.commit().await?;
    Ok(account)
}

/// Which fields, never what they say: the trail outlives the person.
pub(crate) fn updated(
    caller: &Caller,
    action: &'static str,
    changes: &Changes<String>,
) -> AuditEntry {
    AuditEntry {
        actor: Some(caller.user),
        account: Some(caller.account),
        action,
        detail: json!({ "fields": changes.paths() }),
    }
}
