//! Accounts as the operator finds them, sees them and suspends them.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryResult, Value,
    prelude::DateTimeUtc,
};
use tollgate_billing::Customer;
use tollgate_identity::Role;
use tollgate_primitives::{AccountId, Timestamp, UserId};
use tollgate_use_cases::ports::{
    AccountLookup, AccountPosition, AccountSummary, Member, Members, PAGE, Page, Reservation,
    StoreError,
};
use uuid::Uuid;

use crate::{
    columns::{Columns, Table, all, execute, one, statement, unavailable},
    facts::{standing_columns, standing_from_row, standing_source},
    rows::{purchase_reservation, user},
};

const ACCOUNTS: Table = Table("accounts");
const MEMBERSHIPS: Table = Table("memberships");

/// After every text that begins alike.
const LAST: &str = "\u{10ffff}";

/// The columns of [`from_row`], given the one that the list is sorted by before the id, and the
/// address by which the account was found.
macro_rules! columns {
    ($sorted_by:literal, $email:literal) => {
        concat!(
            "SELECT ",
            $sorted_by,
            ", ",
            $email,
            ", c.id, c.name, c.created_at, c.stripe_customer_id, c.is_test_cohort, c.suspended_at, ",
            standing_columns!()
        )
    };
}

macro_rules! page {
    ($columns:expr, $from:literal, $where:literal, $order:literal) => {
        concat!(
            $columns,
            " FROM ",
            $from,
            standing_source!("c.id"),
            " WHERE ",
            $where,
            " ORDER BY ",
            $order,
            " LIMIT $1"
        )
    };
}

/// Newest first, because ids are made in the order of time.
const ALL: &str = page!(
    columns!("''", "NULL::text"),
    "accounts c",
    "c.id < $2",
    "c.id DESC"
);

const BY_ID: &str = concat!(
    columns!("''", "NULL::text"),
    " FROM accounts c",
    standing_source!("c.id"),
    " WHERE c.id = $1"
);

const BY_CUSTOMER: &str = concat!(
    columns!("''", "NULL::text"),
    " FROM accounts c",
    standing_source!("c.id"),
    " WHERE c.stripe_customer_id = $1"
);

const BY_NAME: &str = page!(
    columns!("lower(c.name)", "NULL::text"),
    "accounts c",
    r#"lower(c.name) COLLATE "C" >= lower($2) AND lower(c.name) COLLATE "C" < lower($2) || $3
       AND (lower(c.name) COLLATE "C", c.id) > ($4, $5)"#,
    r#"lower(c.name) COLLATE "C", c.id"#
);

const BY_EMAIL: &str = page!(
    columns!("u.email", "u.email"),
    "users u JOIN memberships m ON m.user_id = u.id JOIN accounts c ON c.id = m.account_id",
    r#"u.email COLLATE "C" >= lower($2) AND u.email COLLATE "C" < lower($2) || $3
       AND (u.email COLLATE "C", c.id) > ($4, $5)"#,
    r#"u.email COLLATE "C", c.id"#
);

pub(crate) async fn find(
    connection: &impl ConnectionTrait,
    lookup: &AccountLookup,
    after: Option<&AccountPosition>,
) -> Result<Page<AccountSummary>, StoreError> {
    let rows = Value::from(i64::try_from(PAGE + 1).unwrap_or(i64::MAX));
    let asked = match lookup {
        AccountLookup::All => {
            let before = after.map_or(Uuid::max(), |after| after.id.as_uuid());
            statement(ALL, [rows, before.into()])
        }
        AccountLookup::Id(id) => statement(BY_ID, [id.as_uuid().into()]),
        AccountLookup::Customer(customer) => statement(BY_CUSTOMER, [customer.as_str().into()]),
        AccountLookup::Name(prefix) => statement(BY_NAME, sorted(rows, prefix, after)),
        AccountLookup::Email(prefix) => statement(BY_EMAIL, sorted(rows, prefix, after)),
    };
    let rows = all(connection, "find the accounts", asked).await?;
    let accounts: Result<_, _> = rows.iter().map(from_row).collect();
    Ok(Page::of(accounts?))
}

fn sorted(rows: Value, prefix: &str, after: Option<&AccountPosition>) -> [Value; 5] {
    let (sorted_by, id) = after.map_or(("", Uuid::nil()), |after| {
        (after.sorted_by.as_str(), after.id.as_uuid())
    });
    [
        rows,
        prefix.into(),
        LAST.into(),
        sorted_by.into(),
        id.into(),
    ]
}

pub(crate) async fn summary(
    connection: &impl ConnectionTrait,
    account: AccountId,
) -> Result<Option<AccountSummary>, StoreError> {
    let asked = statement(BY_ID, [account.as_uuid().into()]);
    let row = one(connection, "find the account", asked).await?;
    row.as_ref().map(from_row).transpose()
}

fn from_row(row: &QueryResult) -> Result<AccountSummary, StoreError> {
    let columns = &mut Columns::new(row);
    let customer = |customer: Option<String>| customer.map(Customer::from);
    Ok(AccountSummary {
        sorted_by: columns.take(ACCOUNTS, "name")?,
        email: columns.take(user::TABLE, "email")?,
        id: AccountId::from_uuid(columns.take(ACCOUNTS, "id")?),
        name: columns.take(ACCOUNTS, "name")?,
        created_at: columns.timestamp(ACCOUNTS, "created_at")?,
        customer: customer(columns.take(ACCOUNTS, "stripe_customer_id")?),
        is_test_cohort: columns.take(ACCOUNTS, "is_test_cohort")?,
        suspended_at: columns.optional_timestamp(ACCOUNTS, "suspended_at")?,
        standing: standing_from_row(columns)?,
    })
}

const MEMBERS: &str = "SELECT m.user_id, u.email, u.name, m.role, m.created_at, count(*) OVER () \
     FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.account_id = $1 \
     ORDER BY m.created_at, m.user_id LIMIT $2";

/// Those who joined first.
pub(crate) async fn members(
    connection: &impl ConnectionTrait,
    account: AccountId,
) -> Result<Members, StoreError> {
    let rows = i64::try_from(PAGE).unwrap_or(i64::MAX);
    let asked = statement(MEMBERS, [account.as_uuid().into(), rows.into()]);
    let mut members = Members::default();
    for row in all(connection, "list the members", asked).await? {
        let columns = &mut Columns::new(&row);
        members.first.push(Member {
            user: UserId::from_uuid(columns.take(MEMBERSHIPS, "user_id")?),
            email: columns.parse::<String, _>(user::TABLE, "email")?,
            name: columns.take(user::TABLE, "name")?,
            role: Role::parse(&columns.take::<String>(MEMBERSHIPS, "role")?)
                .map_err(|error| MEMBERSHIPS.corrupt("role", error))?,
            joined_at: columns.timestamp(MEMBERSHIPS, "created_at")?,
        });
        members.total = columns.parse::<i64, _>(MEMBERSHIPS, "count")?;
    }
    Ok(members)
}

pub(crate) async fn open_purchase(
    connection: &impl ConnectionTrait,
    account: AccountId,
) -> Result<Option<Reservation>, StoreError> {
    purchase_reservation::Entity::find()
        .filter(purchase_reservation::Column::AccountId.eq(account.as_uuid()))
        .filter(purchase_reservation::Column::ClosedAt.is_null())
        .one(connection)
        .await
        .map_err(unavailable("find the open purchase"))?
        .map(purchase_reservation::from_row)
        .transpose()
}

/// What was deleted stays closed.
const SUSPEND: &str = "UPDATE accounts SET suspended_at = $2 WHERE id = $1 AND deleted_at IS NULL";

/// A statement of its own after the account's row is locked, so that it sees every session that began
/// before: one begins only while it holds that row.
const END_SESSIONS: &str =
    "UPDATE auth_sessions SET revoked_at = $2 WHERE account_id = $1 AND revoked_at IS NULL";

pub(crate) async fn suspend(
    connection: &impl ConnectionTrait,
    account: AccountId,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let values = || [account.as_uuid().into(), now.as_datetime().into()];
    let suspend = statement(SUSPEND, values());
    execute(connection, "suspend the account", suspend).await?;
    let end = statement(END_SESSIONS, values());
    execute(connection, "end the account's sessions", end).await
}

pub(crate) async fn unsuspend(
    connection: &impl ConnectionTrait,
    account: AccountId,
) -> Result<(), StoreError> {
    let values = [account.as_uuid().into(), None::<DateTimeUtc>.into()];
    let unsuspend = statement(SUSPEND, values);
    execute(connection, "end the suspension", unsuspend).await?;
    Ok(())
}

const IS_SUSPENDED: &str = "SELECT FROM accounts WHERE id = $1 AND suspended_at IS NOT NULL";

pub(crate) async fn is_suspended(
    connection: &impl ConnectionTrait,
    account: AccountId,
) -> Result<bool, StoreError> {
    let asked = statement(IS_SUSPENDED, [account.as_uuid().into()]);
    let row = one(connection, "look for a suspension", asked).await?;
    Ok(row.is_some())
}
