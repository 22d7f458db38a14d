//! The inbox of what the provider said: each event is taken in once, and what it does is written with
//! it, in one statement. Judging it takes one round trip and concluding it another, because the provider
//! sends thousands; those that come at once are looked up together, and concluded together.
//!
//! Rows are locked in one order: account, subscription, event. Nobody waits for an event's row while
//! holding what another delivery of the event still needs.

use std::collections::HashSet;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, EntityTrait, QueryResult, Value,
    prelude::DateTimeUtc,
    sqlx::{self, PgPool},
};
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
    columns::{Columns, Table, all_failed, execute, one, statement, unavailable},
    rows::webhook_event,
    subscriptions::{self, insert, replace, state_columns},
};

const EVENTS: Table = Table("webhook_events");
const RESERVATIONS: Table = Table("purchase_reservations");
const READS: Table = Table("subscription_reads");

/// The columns of [`received_from_row`], of the event, the account `c`, its subscription `s` and the
/// price `p`. Each is found by its key: asked with EXISTS, the planner may read a whole table once for
/// many events.
macro_rules! received_columns {
    ($event:literal) => {
        concat!(
            "SELECT coalesce((SELECT e.status IN ('applied', 'ignored') FROM webhook_events e \
               WHERE e.id = ",
            $event,
            "), false), \
             (SELECT true FROM purchase_reservations r \
               WHERE r.account_id = c.id AND r.closed_at IS NULL) IS NOT NULL, \
             c.id, p.plan, p.billing_interval, s.version, ",
            state_columns!()
        )
    };
}

/// `$1` the events, `$2` their customers, `$3` their prices. Each is found by its key, however few rows
/// a table has.
const LOOK_UP: &str = concat!(
    received_columns!("t.event"),
    " FROM unnest($1::text[], $2::text[], $3::text[]) \
         WITH ORDINALITY AS t (event, customer, price, n) \
     LEFT JOIN LATERAL (\
         SELECT a.id FROM accounts a WHERE a.stripe_customer_id = t.customer LIMIT 1) c ON true \
     LEFT JOIN LATERAL (\
         SELECT x.* FROM subscriptions x WHERE x.account_id = c.id LIMIT 1) s ON true \
     LEFT JOIN LATERAL (\
         SELECT x.plan, x.billing_interval FROM plan_prices x WHERE x.price_id = t.price LIMIT 1) p \
         ON true \
     ORDER BY t.n"
);

/// What waits for a lock goes on with the newest version of that row, but sees everything else as it
/// was when the statement began. So the subscription is locked as well, which also keeps out those who
/// change it without the account's lock.
const RECEIVE: &str = concat!(
    "WITH c AS (\
       SELECT a.id FROM accounts a WHERE a.stripe_customer_id = $2 FOR NO KEY UPDATE), \
     s AS (\
       SELECT s.* FROM c JOIN subscriptions s ON s.account_id = c.id FOR NO KEY UPDATE OF s) ",
    received_columns!("$1"),
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

/// What an event is looked up by.
#[derive(Debug)]
pub(crate) struct Sought {
    event: String,
    customer: Option<String>,
    price: Option<String>,
}

impl Sought {
    pub(crate) fn of(notice: &Notice) -> Self {
        let customer = customer(&notice.content).map(Customer::as_str);
        let price = price(&notice.content).map(PriceId::as_str);
        Self {
            event: notice.id.0.clone(),
            customer: customer.map(str::to_owned),
            price: price.map(str::to_owned),
        }
    }
}

/// What each is to be judged by, in their order.
pub(crate) async fn look_up(
    database: DatabaseConnection,
    sought: Vec<Sought>,
) -> Vec<Result<Received, StoreError>> {
    let found = sqlx::query(LOOK_UP)
        .bind(column(&sought, |one| one.event.as_str()))
        .bind(column(&sought, |one| one.customer.as_deref()))
        .bind(column(&sought, |one| one.price.as_deref()))
        .fetch_all(database.get_postgres_connection_pool());
    match found.await {
        Ok(rows) => rows
            .into_iter()
            .map(|row| received_from_row(&mut Columns::new(&QueryResult::from(row))))
            .collect(),
        Err(error) => all_failed("look the events up", error, sought.len()),
    }
}

/// What a statement about many is given of each.
fn column<'a, T, V>(rows: &'a [T], of: impl Fn(&'a T) -> V) -> Vec<V> {
    rows.iter().map(of).collect()
}

pub(crate) async fn receive(
    connection: &impl ConnectionTrait,
    notice: &Notice,
) -> Result<Received, StoreError> {
    let sought = Sought::of(notice);
    let values: [Value; 3] = [
        sought.event.into(),
        sought.customer.into(),
        sought.price.into(),
    ];
    let row = one(connection, "look the event up", statement(RECEIVE, values))
        .await?
        .ok_or_else(|| EVENTS.corrupt("id", "looking up answered nothing"))?;
    let mut received = received_from_row(&mut Columns::new(&row))?;
    let Some((account, subscription @ None)) = &mut received.account else {
        return Ok(received);
    };
    let asked = statement(SUBSCRIPTION, [account.as_uuid().into()]);
    if let Some(row) = one(connection, "lock the subscription", asked).await? {
        (received.version, *subscription) = versioned(&mut Columns::new(&row))?;
    }
    Ok(received)
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
                   OR (stripe_subscription_id = $7 AND $19 IS NOT NULL AND $3 <> 'pending_payment')) \
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
            let detail = detail(notice, next);
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

/// An event and what it does, to be concluded along with others.
#[derive(Debug)]
pub(crate) struct Told {
    at: DateTimeUtc,
    id: String,
    kind: String,
    api_version: Option<String>,
    created: i64,
    body: String,
    status: &'static str,
    error: Option<String>,
    awaits: Option<String>,
    /// The account, the version of its subscription that was seen, and what the trail tells.
    change: Option<(Uuid, i64, String)>,
}

impl Told {
    /// `None` for what has more to it: a checkout page, or the account's first subscription.
    pub(crate) fn of(
        notice: &Notice,
        state: &EventState,
        change: Option<Change<'_>>,
        now: Timestamp,
    ) -> Option<Self> {
        let change = match change {
            _ if checkout(&notice.content).is_some() => return None,
            None => None,
            Some(change) => {
                let Version(seen) = change.version?;
                let detail = detail(notice, change.next).to_string();
                Some((change.account.as_uuid(), seen, detail))
            }
        };
        let (status, error, awaits) = webhook_event::to_row(state);
        Some(Self {
            at: now.as_datetime(),
            id: notice.id.0.clone(),
            kind: notice.kind.clone(),
            api_version: notice.api_version.clone(),
            created: notice.stamp.unix_seconds(),
            body: notice.body.clone(),
            status,
            error: error.map(str::to_owned),
            awaits: awaits.map(str::to_owned),
            change,
        })
    }
}

/// As [`CONCLUDE_WITH_CHANGE`] and [`CONCLUDE`], for many events of as many accounts. Left out is whose
/// subscription is not as it was seen, is locked by somebody, or may close a purchase; and all of it is
/// refused when one of the events with a change was done before.
const CONCLUDE_TOGETHER: &str = concat!(
    "WITH told AS MATERIALIZED (\
       SELECT at, id, type, api_version, created, body, status, last_error, awaits_read_of, \
         account_id, version, detail::jsonb AS detail \
       FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::bigint[], \
         $6::text[], $7::text[], $8::text[], $9::text[], $10::uuid[], $11::bigint[], $12::text[]) AS t \
         (at, id, type, api_version, created, body, status, last_error, awaits_read_of, account_id, \
         version, detail)), \
     free AS MATERIALIZED (\
       SELECT f.account_id, f.place FROM told t CROSS JOIN LATERAL (\
         SELECT s.account_id, s.ctid AS place FROM subscriptions s \
         WHERE s.account_id = t.account_id AND s.version = t.version \
         LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED) f \
       WHERE (SELECT true FROM purchase_reservations r \
         WHERE r.account_id = t.account_id AND r.closed_at IS NULL) IS NULL), \
     subscription AS (\
       UPDATE subscriptions s SET ",
    subscriptions::replace_by!("t.at", "n."),
    " FROM free f JOIN told t USING (account_id), \
         jsonb_populate_record(NULL::subscriptions, t.detail -> 'subscription') n \
       WHERE s.ctid = f.place AND s.version = t.version \
       RETURNING s.account_id), \
     event AS (",
    take_event!(),
    "t.at, t.id, t.type, t.api_version, t.created, t.body, t.status, t.last_error, \
         t.awaits_read_of, 1 \
       FROM told t LEFT JOIN subscription s USING (account_id) \
       WHERE t.account_id IS NULL OR s.account_id IS NOT NULL \
       ORDER BY t.id",
    unless_done!(),
    "), audit AS (\
       INSERT INTO audit_log (at, account_id, action, detail) \
       SELECT t.at, account_id, \
         (SELECT 'subscription_changed' FROM event e WHERE e.id = t.id), t.detail \
       FROM subscription JOIN told t USING (account_id)) \
     SELECT id FROM event"
);

/// Concludes each that can be with others, in their order; `None` for the one that is to be concluded by
/// itself.
pub(crate) async fn conclude_together(
    database: DatabaseConnection,
    told: Vec<Told>,
) -> Vec<Option<Result<Conclusion, StoreError>>> {
    let (mut events, mut accounts) = (HashSet::new(), HashSet::new());
    let is_first: Vec<bool> = told
        .iter()
        .map(|told| {
            let account = told.change.as_ref().map(|(account, ..)| *account);
            events.insert(told.id.clone()) && account.is_none_or(|id| accounts.insert(id))
        })
        .collect();
    let ids: Vec<String> = told.iter().map(|told| told.id.clone()).collect();
    let firsts = told.into_iter().zip(&is_first);
    let firsts = firsts.filter_map(|(told, is_first)| is_first.then_some(told));
    let firsts: Vec<_> = firsts.collect();
    let done = insert_together(database.get_postgres_connection_pool(), &firsts).await;
    let refused = |error: &sqlx::Error| error.as_database_error().is_some();
    match done {
        Ok(taken) => ids
            .iter()
            .zip(is_first)
            .map(|(id, is_first)| {
                is_first.then(|| {
                    Ok(if taken.contains(id) {
                        Conclusion::Taken { open_page: None }
                    } else {
                        Conclusion::Overtaken
                    })
                })
            })
            .collect(),
        // By what one of them said; the others are to be concluded all the same.
        Err(error) if refused(&error) => ids.iter().map(|_| None).collect(),
        Err(error) => {
            let failed = all_failed("conclude the events", error, ids.len());
            failed.into_iter().map(Some).collect()
        }
    }
}

async fn insert_together(pool: &PgPool, told: &[Told]) -> Result<HashSet<String>, sqlx::Error> {
    let taken = sqlx::query_scalar(CONCLUDE_TOGETHER)
        .bind(column(told, |one| one.at))
        .bind(column(told, |one| one.id.as_str()))
        .bind(column(told, |one| one.kind.as_str()))
        .bind(column(told, |one| one.api_version.as_deref()))
        .bind(column(told, |one| one.created))
        .bind(column(told, |one| one.body.as_str()))
        .bind(column(told, |one| one.status))
        .bind(column(told, |one| one.error.as_deref()))
        .bind(column(told, |one| one.awaits.as_deref()))
        .bind(column(told, |one| {
            one.change.as_ref().map(|change| change.0)
        }))
        .bind(column(told, |one| {
            one.change.as_ref().map(|change| change.1)
        }))
        .bind(column(told, |one| {
            one.change.as_ref().map(|change| change.2.as_str())
        }))
        .fetch_all(pool)
        .await?;
    Ok(taken.into_iter().collect())
}

/// What the trail tells of a change.
fn detail(notice: &Notice, next: &Subscription) -> serde_json::Value {
    json!({
        "event": notice.id, "kind": notice.kind, "subscription": subscriptions::to_row(next),
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
