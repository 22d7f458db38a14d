//! The trail of who did what to whom.

use sea_orm::ConnectionTrait;
use tollgate_primitives::{AccountId, Timestamp, UserId};
use tollgate_use_cases::ports::{AuditEntry, StoreError};

use crate::columns::{execute, statement};

const INSERT: &str = "INSERT INTO audit_log (at, actor_id, account_id, action, detail) \
                      VALUES ($1, $2, $3, $4, $5)";

pub(crate) async fn insert(
    connection: &impl ConnectionTrait,
    entry: &AuditEntry,
    now: Timestamp,
) -> Result<(), StoreError> {
    let values = [
        now.as_datetime().into(),
        entry.actor.map(UserId::as_uuid).into(),
        entry.account.map(AccountId::as_uuid).into(),
        entry.action.into(),
        entry.detail.clone().into(),
    ];
    execute(connection, "write the audit log", statement(INSERT, values)).await?;
    Ok(())
}
