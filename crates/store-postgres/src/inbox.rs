//! The inbox of what the provider said: each event is taken in once, and what it does is written with
//! it, in one statement. Judging it takes one round trip and concluding it another, because the provider
//! sends thousands.
//!
//! Rows are locked in one order: account, subscription, event. Nobody waits for an event's row while
//! holding what another delivery of the event still needs.

use sea_orm::{ConnectionTrait, EntityTrait, Value};
use serde_json::json;
use tollgate_billing::{Customer, PriceId, Stamp, Subscription, SubscriptionId};
use tollgate_primitives::{AccountId, Timestamp};
use tollgate_use_cases::ports::{
    Awaiting, Change, CheckoutSessionId, Conclusion, EventRecord, EventState, InboxEntry, Notice,
    NoticeContent, NoticeId, Received, StoreError, Version,
};
use uuid::Uuid;

use crate::{
    catalog,
    columns::{Columns, Table, execute, one, statement, unavailable},
    rows::webhook_event,
    subscriptions::{self, insert, replace, state_columns},
};

const EVENTS: Table = Table("webhook_events");
const RESERVATIONS: Table = Table("purchase_reservations");
const READS: Table = Table("subscription_reads");

/// The columns of [`received_from_row`], of the account `c`, its subscription `s` and the price `p`.
/// `$1` is the event.
macro_rules! received_columns {
    () => {
        concat!(
            "SELECT EXISTS (SELECT FROM webhook_events e \
               WHERE e.id = $1 AND e.status IN ('applied', 'ignored')), \
             EXISTS (SELECT FROM purchase_reservations r \
               WHERE r.account_id = c.id AND r.closed_at IS NULL), \
             c.id, p.plan, p.billing_interval, s.version, ",
            state_columns!()
        )
    };
}

const LOOK_UP: &str = concat!(
    received_columns!(),
    " FROM (SELECT) nothing \
     LEFT JOIN accounts c ON c.stripe_customer_id = $2 \
     LEFT JOIN subscriptions s ON s.account_id = c.id \
     LEFT JOIN plan_prices p ON p.price_id = $3"
);

/// What waits for a lock goes on with the newest version of that row, but sees everything else as it
/// was when the statement began. So the subscription is locked as well, which also keeps out those who
/// change it without the account's lock.
const RECEIVE: &str = concat!(
    "WITH c AS (\
       SELECT a.id FROM accounts a WHERE a.stripe_customer_id = $2 FOR NO KEY UPDATE), \
     s AS (\
       SELECT s.* FROM c JOIN subscriptions s ON s.account_id = c.id FOR NO KEY UPDATE OF s) ",
    received_columns!(),
    " FROM (SELECT) nothing \
     LEFT JOIN c ON true \
     LEFT JOIN s ON true \
     LEFT JOIN plan_prices p ON p.price_id = $3"
);

/// For the account that had no subscription when [`RECEIVE`] began: one that was inserted while it
/// waited is seen by a new statement only.
const SUBSCRIPTION: &str = concat!(
    "SELECT s.version, ",
    state_columns!(),
    " FROM subscriptions s WHERE s.account_id = $1 FOR NO KEY UPDATE"
);

pub(crate) async fn look_up(
    connection: &impl ConnectionTrait,
    notice: &Notice,
) -> Result<Received, StoreError> {
    ask(connection, LOOK_UP, notice).await
}

pub(crate) async fn receive(
    connection: &impl ConnectionTrait,
    notice: &Notice,
) -> Result<Received, StoreError> {
    let mut received = ask(connection, RECEIVE, notice).await?;
    let Some((account, subscription @ None)) = &mut received.account else {
        return Ok(received);
    };
    let asked = statement(SUBSCRIPTION, [account.as_uuid().into()]);
    if let Some(row) = one(connection, "lock the subscription", asked).await? {
        (received.version, *subscription) = versioned(&mut Columns::new(&row))?;
    }
    Ok(received)
}

async fn ask(
    connection: &impl ConnectionTrait,
    sql: &'static str,
    notice: &Notice,
) -> Result<Received, StoreError> {
    let values: [Value; 3] = [
        notice.id.0.as_str().into(),
        customer(&notice.content).map(Customer::as_str).into(),
        price(&notice.content).map(PriceId::as_str).into(),
    ];
    let row = one(connection, "look the event up", statement(sql, values))
        .await?
        .ok_or_else(|| EVENTS.corrupt("id", "looking up answered nothing"))?;
    received_from_row(&mut Columns::new(&row))
}

fn received_from_row(columns: &mut Columns<'_>) -> Result<Received, StoreError> {
    let is_done: bool = columns.take(EVENTS, "status")?;
    let is_buying = columns.take(RESERVATIONS, "closed_at")?;
    let account: Option<Uuid> = columns.take(Table("accounts"), "id")?;
    let price = catalog::price_from_row(columns)?;
    let (version, subscription) = versioned(columns)?;
    Ok(Received {
        entry: if is_done {
            InboxEntry::Done
        } else {
            InboxEntry::Open
        },
        account: account.map(|id| (AccountId::from_uuid(id), subscription)),
        version,
        is_buying,
        price,
    })
}

fn versioned(
    columns: &mut Columns<'_>,
) -> Result<(Option<Version>, Option<Subscription>), StoreError> {
    let version: Option<i64> = columns.take(subscriptions::TABLE, "version")?;
    Ok((version.map(Version), subscriptions::read(columns)?))
}

const fn customer(content: &NoticeContent) -> Option<&Customer> {
    match content {
        NoticeContent::CheckoutCompleted { customer, .. } => customer.as_ref(),
        NoticeContent::Subscription { customer, .. }
        | NoticeContent::PaymentFailed { customer, .. }
        | NoticeContent::PaymentSucceeded { customer, .. }
        | NoticeContent::TrialWillEnd { customer, .. } => Some(customer),
        NoticeContent::CheckoutExpired { .. }
        | NoticeContent::Irrelevant
        | NoticeContent::Unreadable { .. } => None,
    }
}

const fn price(content: &NoticeContent) -> Option<&PriceId> {
    match content {
        NoticeContent::Subscription { described, .. } => Some(&described.price),
        NoticeContent::CheckoutCompleted { .. }
        | NoticeContent::CheckoutExpired { .. }
        | NoticeContent::PaymentFailed { .. }
        | NoticeContent::PaymentSucceeded { .. }
        | NoticeContent::TrialWillEnd { .. }
        | NoticeContent::Irrelevant
        | NoticeContent::Unreadable { .. } => None,
    }
}

/// The checkout page that is over with this event.
const fn checkout(content: &NoticeContent) -> Option<&CheckoutSessionId> {
    match content {
        NoticeContent::CheckoutCompleted { session, .. }
        | NoticeContent::CheckoutExpired { session } => Some(session),
        NoticeContent::Subscription { .. }
        | NoticeContent::PaymentFailed { .. }
        | NoticeContent::PaymentSucceeded { .. }
        | NoticeContent::TrialWillEnd { .. }
        | NoticeContent::Irrelevant
        | NoticeContent::Unreadable { .. } => None,
    }
}

/// Takes the event in; followed by its values in this order and [`unless_done`].
macro_rules! take_event {
    () => {
        "INSERT INTO webhook_events AS e (received_at, id, type, api_version, created, body, status, \
         last_error, awaits_read_of, attempts) SELECT "
    };
}

/// Answers the event's id, or nothing when it was done before.
macro_rules! unless_done {
    () => {
        " ON CONFLICT (id) DO UPDATE \
           SET status = excluded.status, last_error = excluded.last_error, \
             awaits_read_of = excluded.awaits_read_of, attempts = e.attempts + 1 \
           WHERE e.status IN ('received', 'failed', 'dead') \
         RETURNING id"
    };
}

/// `$1` the moment, `$2` to `$9` the event, `$10` the checkout page.
const CONCLUDE: &str = concat!(
    "WITH event AS (",
    take_event!(),
    "$1, $2, $3, $4, $5, $6, $7, $8, $9, 1",
    unless_done!(),
    "), reservation AS (\
       UPDATE purchase_reservations SET closed_at = $1 \
       WHERE stripe_checkout_session_id = $10 AND closed_at IS NULL AND EXISTS (SELECT FROM event)) \
     SELECT NULL::text FROM event"
);

/// What follows the subscription's own change, which has the parameters of [`insert`]: `$20` to `$27`
/// the event, `$28` the checkout page, `$29` whether what was bought is running, `$30` what the trail
/// tells. That has the whole new state, put together here because the server takes longer for it than
/// for the write.
///
/// No row of the trail is without its action, so that nothing of this holds when the event was done
/// before, whatever the subscription's version.
///
/// A purchase that runs closes whichever reservation is open: its page need not be the one that led to
/// it, and can be paid. What has ended closes its own. An account has one open reservation at most, so this answers with one row at most.
macro_rules! with_the_change {
    () => {
        concat!(
            " RETURNING s.*), event AS (",
            take_event!(),
            "$2, $20, $21, $22, $23, $24, $25, $26, $27, 1 FROM subscription",
            unless_done!(),
            "), reservation AS (\
               UPDATE purchase_reservations SET closed_at = $2 \
               WHERE account_id = $1 AND closed_at IS NULL \
                 AND ($29 OR stripe_checkout_session_id = $28 \
                   OR (stripe_subscription_id = $7 AND $19 IS NOT NULL)) \
                 AND EXISTS (SELECT FROM subscription) \
               RETURNING stripe_checkout_session_id AS page), \
             audit AS (\
               INSERT INTO audit_log (at, account_id, action, detail) \
               SELECT $2, account_id, (SELECT 'subscription_changed' FROM event), $30 \
               FROM subscription) \
             SELECT page FROM subscription LEFT JOIN reservation \
               ON page IS NOT NULL AND page IS DISTINCT FROM $28"
        )
    };
}

const CONCLUDE_WITH_FIRST: &str = concat!("WITH subscription AS (", insert!(), with_the_change!());

/// `$31` the version that was seen.
const CONCLUDE_WITH_CHANGE: &str = concat!(
    "WITH subscription AS (UPDATE subscriptions s SET ",
    replace!(),
    " WHERE s.account_id = $1 AND s.version = $31",
    with_the_change!()
);

pub(crate) async fn conclude(
    connection: &impl ConnectionTrait,
    notice: &Notice,
    state: &EventState,
    change: Option<Change<'_>>,
    now: Timestamp,
) -> Result<Conclusion, StoreError> {
    // Of an event that waits, nobody knows yet what the page led to.
    let page: Value = checkout(&notice.content)
        .filter(|_| *state == EventState::Applied)
        .map(|session| session.0.as_str())
        .into();
    let event = event_values(notice, state).into_iter().chain([page]);
    let conclude = match change {
        None => statement(
            CONCLUDE,
            [now.as_datetime().into()].into_iter().chain(event),
        ),
        Some(Change {
            account,
            version,
            next,
        }) => {
            let detail = json!({
                "event": notice.id, "kind": notice.kind, "subscription": subscriptions::to_row(next),
            });
            let values = subscriptions::values(account, next, now)
                .chain(event)
                .chain([next.is_running().into(), detail.into()]);
            match version {
                None => statement(CONCLUDE_WITH_FIRST, values),
                Some(Version(seen)) => statement(CONCLUDE_WITH_CHANGE, values.chain([seen.into()])),
            }
        }
    };
    let Some(row) = one(connection, "conclude the event", conclude).await? else {
        return Ok(Conclusion::Overtaken);
    };
    let page: Option<String> =
        Columns::new(&row).take(RESERVATIONS, "stripe_checkout_session_id")?;
    Ok(Conclusion::Taken {
        open_page: page.map(CheckoutSessionId),
    })
}

/// In the order of [`take_event`], the moment left out.
fn event_values(notice: &Notice, state: &EventState) -> [Value; 8] {
    let (status, error, awaits) = webhook_event::to_row(state);
    [
        notice.id.0.as_str().into(),
        notice.kind.as_str().into(),
        notice.api_version.as_deref().into(),
        notice.stamp.unix_seconds().into(),
        notice.body.as_str().into(),
        status.into(),
        error.into(),
        awaits.into(),
    ]
}

pub(crate) async fn event(
    connection: &impl ConnectionTrait,
    id: &NoticeId,
) -> Result<Option<EventRecord>, StoreError> {
    webhook_event::Entity::find_by_id(id.0.as_str())
        .one(connection)
        .await
        .map_err(unavailable("find the event"))?
        .map(webhook_event::from_row)
        .transpose()
}

/// So many at once: each body may have a mebibyte.
const AWAITING: &str = "SELECT \
       (SELECT r.stamp FROM subscription_reads r \
         JOIN subscriptions s USING (account_id, stripe_subscription_id) \
         WHERE r.account_id = $2 AND r.stripe_subscription_id = $1), \
       e.body FROM (SELECT) nothing \
     LEFT JOIN LATERAL (\
       SELECT body FROM webhook_events WHERE awaits_read_of = $1 ORDER BY created, id LIMIT 20) e \
       ON true";

pub(crate) async fn awaiting(
    connection: &impl ConnectionTrait,
    account: AccountId,
    subscription: &SubscriptionId,
) -> Result<Awaiting, StoreError> {
    let values = [subscription.as_str().into(), account.as_uuid().into()];
    let rows = connection
        .query_all_raw(statement(AWAITING, values))
        .await
        .map_err(unavailable("find the events that wait"))?;
    let mut awaiting = Awaiting {
        bodies: Vec::with_capacity(rows.len()),
        last_read: None,
    };
    for row in &rows {
        let columns = &mut Columns::new(row);
        let last_read: Option<i64> = columns.take(READS, "stamp")?;
        awaiting.last_read = last_read.map(Stamp::from_unix_seconds);
        awaiting
            .bodies
            .extend(columns.take::<Option<String>>(EVENTS, "body")?);
    }
    Ok(awaiting)
}

/// Keeps the latest, of reads that ran at once.
const NOTE_READ: &str = "INSERT INTO subscription_reads AS r (account_id, stripe_subscription_id, stamp) \
     VALUES ($1, $2, $3) \
     ON CONFLICT (account_id, stripe_subscription_id) DO UPDATE SET stamp = excluded.stamp \
       WHERE r.stamp < excluded.stamp";

pub(crate) async fn note_read(
    connection: &impl ConnectionTrait,
    account: AccountId,
    subscription: &SubscriptionId,
    stamp: Stamp,
) -> Result<(), StoreError> {
    let values = [
        account.as_uuid().into(),
        subscription.as_str().into(),
        stamp.unix_seconds().into(),
    ];
    execute(connection, "note the read", statement(NOTE_READ, values)).await?;
    Ok(())
}

const PUT_OFF: &str = "UPDATE webhook_events SET last_error = $2, attempts = attempts + 1, \
       status = CASE WHEN received_at <= $3 THEN 'dead' ELSE 'failed' END, \
       awaits_read_of = CASE WHEN received_at <= $3 THEN NULL ELSE awaits_read_of END \
     WHERE awaits_read_of = $1 RETURNING id, status = 'dead'";

pub(crate) async fn put_off(
    connection: &impl ConnectionTrait,
    subscription: &SubscriptionId,
    error: &str,
    given_up: Timestamp,
) -> Result<(Vec<NoticeId>, bool), StoreError> {
    let values = [
        subscription.as_str().into(),
        error.into(),
        given_up.as_datetime().into(),
    ];
    let rows = connection
        .query_all_raw(statement(PUT_OFF, values))
        .await
        .map_err(unavailable("put the events off"))?;
    let (mut dead, mut others_wait) = (Vec::new(), false);
    for row in &rows {
        let columns = &mut Columns::new(row);
        let id = NoticeId(columns.take(EVENTS, "id")?);
        if columns.take(EVENTS, "status")? {
            dead.push(id);
        } else {
            others_wait = true;
        }
    }
    Ok((dead, others_wait))
}
