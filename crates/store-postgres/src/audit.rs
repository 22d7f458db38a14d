//! The trail of who did what to whom.

use sea_orm::{ConnectionTrait, QueryResult, Value};
use serde_json::json;
use tollgate_primitives::{AccountId, Timestamp, UserId};
use tollgate_use_cases::ports::{AuditEntry, AuditRecord, PAGE, Page, StoreError};
use uuid::Uuid;

use crate::columns::{Columns, Table, all, execute, statement};

const TABLE: Table = Table("audit_log");

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

const INSERT_ALL: &str = "INSERT INTO audit_log (at, actor_id, account_id, action, detail) \
     SELECT $1, (e->>'actor')::uuid, (e->>'account')::uuid, e->>'action', e->'detail' \
     FROM jsonb_array_elements($2) e";

pub(crate) async fn insert_all(
    connection: &impl ConnectionTrait,
    entries: &[AuditEntry],
    now: Timestamp,
) -> Result<(), StoreError> {
    let entry = |entry: &AuditEntry| {
        json!({
            "actor": entry.actor,
            "account": entry.account,
            "action": entry.action,
            "detail": entry.detail,
        })
    };
    let entries: Vec<_> = entries.iter().map(entry).collect();
    let values = [now.as_datetime().into(), json!(entries).into()];
    execute(
        connection,
        "write the audit log",
        statement(INSERT_ALL, values),
    )
    .await?;
    Ok(())
}

macro_rules! page {
    ($where:literal) => {
        concat!(
            "SELECT id, at, actor_id, account_id, action, detail FROM audit_log WHERE id < $1",
            $where,
            " ORDER BY id DESC LIMIT $2"
        )
    };
}

/// Newest first.
pub(crate) async fn page(
    connection: &impl ConnectionTrait,
    account: Option<AccountId>,
    after: Option<i64>,
) -> Result<Page<AuditRecord>, StoreError> {
    let rows = i64::try_from(PAGE + 1).unwrap_or(i64::MAX);
    let place: [Value; 2] = [after.unwrap_or(i64::MAX).into(), rows.into()];
    let asked = match account {
        None => statement(page!(""), place),
        Some(account) => {
            let values = place.into_iter().chain([account.as_uuid().into()]);
            statement(page!(" AND account_id = $3"), values)
        }
    };
    let rows = all(connection, "read the audit log", asked).await?;
    let records: Result<_, _> = rows.iter().map(from_row).collect();
    Ok(Page::of(records?))
}

fn from_row(row: &QueryResult) -> Result<AuditRecord, StoreError> {
    let columns = &mut Columns::new(row);
    Ok(AuditRecord {
        id: columns.take(TABLE, "id")?,
        at: columns.timestamp(TABLE, "at")?,
        actor: columns
            .take::<Option<Uuid>>(TABLE, "actor_id")?
            .map(UserId::from_uuid),
        account: columns
            .take::<Option<Uuid>>(TABLE, "account_id")?
            .map(AccountId::from_uuid),
        action: columns.take(TABLE, "action")?,
        detail: columns.take(TABLE, "detail")?,
    })
}
