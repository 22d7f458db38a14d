//! A person takes one of their ways to sign in away, never the last one.

use serde_json::json;
use thiserror::Error;
use tollgate_identity::provider_sign_in::{UnlinkRefused, WaysIn, may_unlink};
use tollgate_primitives::IdentityId;

use crate::{
    App,
    ports::{AuditEntry, Caller, StoreError},
};

#[derive(Debug, Error)]
pub enum UnlinkError {
    #[error(transparent)]
    Refused(#[from] UnlinkRefused),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Sessions that began with it go on: they are the same person's.
pub async fn unlink_provider(
    app: &App,
    caller: &Caller,
    identity: IdentityId,
) -> Result<(), UnlinkError> {
    let now = app.clock.now();
    let sessions = app.store.sessions(caller.user, now).await?;
    let current = sessions.iter().find(|session| session.id == caller.session);
    let mut tx = app.store.begin().await?;
    let (has_password, links) = tx.lock_ways_in(caller.user).await?;
    let ways = WaysIn {
        has_password,
        links: &links,
        signed_in_at: current.map(|session| session.created_at),
    };
    may_unlink(&ways, identity, now)?;
    tx.delete_identity(caller.user, identity).await?;
    let entry = AuditEntry {
        actor: Some(caller.user),
        account: None,
        action: "provider_unlinked",
        detail: json!({ "identity": identity }),
    };
    tx.audit(&entry, now).await?;
    tx.commit().await?;
    Ok(())
}
