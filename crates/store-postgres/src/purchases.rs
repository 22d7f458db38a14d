//! The account as a buyer: its customer at the provider, its lock, its open reservation.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect,
    sea_query::LockType,
};
use tollgate_billing::{Customer, SubscriptionId};
use tollgate_primitives::{AccountId, ReservationId, Timestamp};
use tollgate_use_cases::ports::{
    CheckoutSessionId, LockedAccount, Reservation, StoreError, Version,
};

use crate::{
    columns::{Columns, Table, execute, one, statement, unavailable},
    facts::{grant_source, standing_columns, standing_from_row},
    rows::{account, purchase_reservation},
    subscriptions,
};

const ACCOUNTS: Table = Table("accounts");

/// Keeps what is there: of two customers made at once, the first remembered counts.
const PUT_CUSTOMER: &str = "UPDATE accounts SET stripe_customer_id = coalesce(stripe_customer_id, $2) \
                            WHERE id = $1 RETURNING stripe_customer_id";

pub(crate) async fn put_customer(
    connection: &impl ConnectionTrait,
    account: AccountId,
    customer: &Customer,
) -> Result<Customer, StoreError> {
    let values = [account.as_uuid().into(), customer.as_str().into()];
    let put = statement(PUT_CUSTOMER, values);
    let row = one(connection, "remember the customer", put)
        .await?
        .ok_or_else(|| ACCOUNTS.corrupt("id", format_args!("{account} is missing")))?;
    let customer: String = Columns::new(&row).take(ACCOUNTS, "stripe_customer_id")?;
    Ok(Customer::from(customer))
}

pub(crate) async fn customer(
    connection: &impl ConnectionTrait,
    account: AccountId,
) -> Result<Option<Customer>, StoreError> {
    let row = account::Entity::find_by_id(account.as_uuid())
        .one(connection)
        .await
        .map_err(unavailable("find the customer"))?;
    Ok(row
        .and_then(|row| row.stripe_customer_id)
        .map(Customer::from))
}

/// Waits for whoever decides about this account; keys that point at it are not held up.
const LOCK: &str = "SELECT name, stripe_customer_id, is_test_cohort, suspended_at FROM accounts WHERE id = $1 \
                    FOR NO KEY UPDATE";

/// A statement of its own: one that had waited for the lock would see the rest as it was before. The
/// subscription is locked as well, because events change it without the account's lock.
const LOCKED: &str = concat!(
    "WITH s AS (SELECT * FROM subscriptions WHERE account_id = $1 FOR NO KEY UPDATE) \
     SELECT (SELECT count(*) FROM memberships c WHERE c.account_id = $1), s.version, ",
    standing_columns!(),
    " FROM (SELECT) nothing LEFT JOIN s ON true",
    grant_source!("$1")
);

pub(crate) async fn lock_account(
    connection: &impl ConnectionTrait,
    account: AccountId,
) -> Result<Option<LockedAccount>, StoreError> {
    let lock = statement(LOCK, [account.as_uuid().into()]);
    let Some(locked) = one(connection, "lock the account", lock).await? else {
        return Ok(None);
    };
    let columns = &mut Columns::new(&locked);
    let name = columns.take(ACCOUNTS, "name")?;
    let customer: Option<String> = columns.take(ACCOUNTS, "stripe_customer_id")?;
    let is_test_cohort = columns.take(ACCOUNTS, "is_test_cohort")?;
    let suspended_at = columns.optional_timestamp(ACCOUNTS, "suspended_at")?;
    let asked = statement(LOCKED, [account.as_uuid().into()]);
    let row = one(connection, "read the locked account", asked)
        .await?
        .ok_or_else(|| ACCOUNTS.corrupt("id", "the account is locked and gone"))?;
    let columns = &mut Columns::new(&row);
    Ok(Some(LockedAccount {
        id: account,
        name,
        customer: customer.map(Customer::from),
        is_test_cohort,
        suspended_at,
        members: columns.parse::<i64, _>(Table("memberships"), "count")?,
        version: columns
            .take::<Option<i64>>(subscriptions::TABLE, "version")?
            .map(Version),
        standing: standing_from_row(columns)?,
        reservation: open_reservation(connection, account).await?,
    }))
}

/// Locked as well: the page of a reservation is noted without the account's lock.
async fn open_reservation(
    connection: &impl ConnectionTrait,
    account: AccountId,
) -> Result<Option<Reservation>, StoreError> {
    purchase_reservation::Entity::find()
        .filter(purchase_reservation::Column::AccountId.eq(account.as_uuid()))
        .filter(purchase_reservation::Column::ClosedAt.is_null())
        .lock(LockType::NoKeyUpdate)
        .one(connection)
        .await
        .map_err(unavailable("find the open reservation"))?
        .map(purchase_reservation::from_row)
        .transpose()
}

pub(crate) async fn insert_reservation(
    connection: &impl ConnectionTrait,
    account: AccountId,
    reservation: &Reservation,
    now: Timestamp,
) -> Result<(), StoreError> {
    let row = purchase_reservation::to_row(account, reservation, now);
    purchase_reservation::Entity::insert(row.into_active_model())
        .exec_without_returning(connection)
        .await
        .map_err(unavailable("insert the reservation"))?;
    Ok(())
}

const CLOSE: &str =
    "UPDATE purchase_reservations SET closed_at = $2 WHERE id = $1 AND closed_at IS NULL";

pub(crate) async fn close_reservation(
    connection: &impl ConnectionTrait,
    reservation: ReservationId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let values = [reservation.as_uuid().into(), now.as_datetime().into()];
    let close = statement(CLOSE, values);
    execute(connection, "close the reservation", close).await?;
    Ok(())
}

const PUT_CHECKOUT: &str = "UPDATE purchase_reservations \
     SET stripe_checkout_session_id = $2, checkout_url = $3, expires_at = $4 \
     WHERE id = $1 AND closed_at IS NULL \
       AND (stripe_checkout_session_id IS NULL OR stripe_checkout_session_id = $2)";

pub(crate) async fn put_checkout(
    connection: &impl ConnectionTrait,
    reservation: ReservationId,
    session: &CheckoutSessionId,
    url: &str,
    expires_at: Timestamp,
) -> Result<bool, StoreError> {
    let values = [
        reservation.as_uuid().into(),
        session.0.as_str().into(),
        url.into(),
        expires_at.as_datetime().into(),
    ];
    let put = statement(PUT_CHECKOUT, values);
    Ok(execute(connection, "note the checkout page", put).await? == 1)
}

const PUT_PENDING: &str = "UPDATE purchase_reservations SET stripe_subscription_id = $2 \
     WHERE id = $1 AND closed_at IS NULL AND coalesce(stripe_subscription_id, $2) = $2";

pub(crate) async fn put_pending(
    connection: &impl ConnectionTrait,
    reservation: ReservationId,
    subscription: &SubscriptionId,
) -> Result<bool, StoreError> {
    let values = [reservation.as_uuid().into(), subscription.as_str().into()];
    let put = statement(PUT_PENDING, values);
    Ok(execute(connection, "note the pending subscription", put).await? == 1)
}

const NOTE_SECOND: &str = "INSERT INTO second_subscriptions (stripe_subscription_id, account_id, found_at) \
     VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";

pub(crate) async fn note_second(
    connection: &impl ConnectionTrait,
    account: AccountId,
    subscription: &SubscriptionId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let values = [
        subscription.as_str().into(),
        account.as_uuid().into(),
        now.as_datetime().into(),
    ];
    let note = statement(NOTE_SECOND, values);
    Ok(execute(connection, "note the second subscription", note).await? == 1)
}

const END_SECOND: &str = "UPDATE second_subscriptions SET ended_at = $2 \
     WHERE stripe_subscription_id = $1 AND ended_at IS NULL";

pub(crate) async fn end_second(
    connection: &impl ConnectionTrait,
    subscription: &SubscriptionId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let values = [subscription.as_str().into(), now.as_datetime().into()];
    let end = statement(END_SECOND, values);
    Ok(execute(connection, "note the second subscription's end", end).await? == 1)
}

const NOTE_PAID: &str = "UPDATE purchase_reservations SET completed_at = $2 \
     WHERE stripe_checkout_session_id = $1 AND closed_at IS NULL AND completed_at IS NULL";

pub(crate) async fn note_paid(
    connection: &impl ConnectionTrait,
    session: &CheckoutSessionId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let values = [session.0.as_str().into(), now.as_datetime().into()];
    let note = statement(NOTE_PAID, values);
    execute(connection, "note that the page was paid", note).await?;
    Ok(())
}
