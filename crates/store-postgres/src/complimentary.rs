//! Free access that an operator granted: one open grant for each account.

use sea_orm::ConnectionTrait;
use tollgate_billing::Grant;
use tollgate_primitives::{AccountId, Timestamp};
use tollgate_use_cases::ports::StoreError;
use uuid::Uuid;

use crate::columns::{Columns, Table, execute, statement, unavailable};

const INSERT: &str = "INSERT INTO complimentary_grants \
       (account_id, id, plan, reason, granted_by, granted_at, ends_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7)";

pub(crate) async fn insert(
    connection: &impl ConnectionTrait,
    account: AccountId,
    (id, reason): (Uuid, &str),
    grant: &Grant,
    now: Timestamp,
) -> Result<(), StoreError> {
    let values = [
        account.as_uuid().into(),
        id.into(),
        grant.plan.as_str().into(),
        reason.into(),
        grant.granted_by.as_uuid().into(),
        now.as_datetime().into(),
        grant.ends_at.map(Timestamp::as_datetime).into(),
    ];
    execute(connection, "insert the grant", statement(INSERT, values)).await?;
    Ok(())
}

const FREE_ACCOUNTS: &str = "SELECT c.id FROM accounts c \
     WHERE ($1::uuid IS NULL OR c.id > $1) AND NOT c.is_test_cohort AND c.deleted_at IS NULL \
       AND NOT EXISTS (SELECT FROM subscriptions s \
         WHERE s.account_id = c.id AND s.status <> 'free') \
       AND NOT EXISTS (SELECT FROM complimentary_grants g \
         WHERE g.account_id = c.id AND g.ended_at IS NULL) \
     ORDER BY c.id LIMIT $2";

pub(crate) async fn free_accounts(
    connection: &impl ConnectionTrait,
    last: Option<AccountId>,
    count: u32,
) -> Result<Vec<AccountId>, StoreError> {
    let values = [last.map(AccountId::as_uuid).into(), i64::from(count).into()];
    let rows = connection
        .query_all_raw(statement(FREE_ACCOUNTS, values))
        .await
        .map_err(unavailable("find the free accounts"))?;
    rows.iter()
        .map(|row| Columns::new(row).take(Table("accounts"), "id"))
        .map(|id| id.map(AccountId::from_uuid))
        .collect()
}

const LEAVE: &str = "UPDATE complimentary_grants SET leaves_on_purchase = true \
     WHERE account_id = $1 AND ended_at IS NULL";

pub(crate) async fn leave_on_purchase(
    connection: &impl ConnectionTrait,
    account: AccountId,
) -> Result<(), StoreError> {
    let leave = statement(LEAVE, [account.as_uuid().into()]);
    execute(connection, "note the end of the grant", leave).await?;
    Ok(())
}

const END_LEFT: &str = "WITH complimentary AS (\
       UPDATE complimentary_grants SET ended_at = $2 \
       WHERE account_id = $1 AND ended_at IS NULL AND leaves_on_purchase \
       RETURNING account_id, id) \
     INSERT INTO audit_log (at, account_id, action, detail) \
     SELECT $2, account_id, 'complimentary_ended', jsonb_build_object('grant', id) \
     FROM complimentary";

pub(crate) async fn end_left(
    connection: &impl ConnectionTrait,
    account: AccountId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let values = [account.as_uuid().into(), now.as_datetime().into()];
    let end = statement(END_LEFT, values);
    execute(connection, "end the grant with the purchase", end).await?;
    Ok(())
}

const END: &str = "UPDATE complimentary_grants SET ended_at = $2 \
     WHERE account_id = $1 AND ended_at IS NULL";

pub(crate) async fn end(
    connection: &impl ConnectionTrait,
    account: AccountId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let values = [account.as_uuid().into(), now.as_datetime().into()];
    let end = statement(END, values);
    Ok(execute(connection, "end the grant", end).await? == 1)
}
