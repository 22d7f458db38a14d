//! The inbox of what the provider said: each event is taken in once, and what it does is written with
//! it. Receiving and concluding are one round trip each, because the provider sends thousands.

use sea_orm::{ConnectionTrait, EntityTrait, Value};
use tollgate_billing::{Customer, PriceId, Subscription};
use tollgate_primitives::{AccountId, Timestamp};
use tollgate_use_cases::ports::{
    CheckoutSessionId, EventRecord, EventState, InboxEntry, Notice, NoticeContent, NoticeId,
    Received, StoreError,
};
use uuid::Uuid;

use crate::{
    catalog,
    columns::{Columns, Table, execute, one, statement, unavailable},
    rows::webhook_event,
    subscriptions::{self, state_columns, upsert, upsert_values},
};

const EVENTS: Table = Table("webhook_events");
const RESERVATIONS: Table = Table("purchase_reservations");

/// The event's row is taken before the account's, so that two deliveries of one event queue up instead
/// of waiting for each other: a row is locked only when the join has produced it.
///
/// The event is written as applied, because that is how nearly every one ends: concluding writes its
/// row again only for another end, and without a conclusion nothing of this is committed.
///
/// What waits for a lock goes on with the newest version of that row, but sees everything else as it
/// was when the statement began. So the subscription is locked as well, although the account's lock
/// already keeps others out.
const RECEIVE: &str = concat!(
    "WITH inbox AS (\
       INSERT INTO webhook_events AS e \
         (id, type, api_version, created, body, status, attempts, received_at) \
       VALUES ($1, $2, $3, $4, $5, 'applied', 1, $6) \
       ON CONFLICT (id) DO UPDATE \
         SET status = 'applied', last_error = NULL, attempts = e.attempts + 1 \
         WHERE e.status IN ('received', 'failed', 'dead') \
       RETURNING id), \
     account AS (\
       SELECT c.id FROM inbox JOIN accounts c ON c.stripe_customer_id = $7 \
       FOR NO KEY UPDATE OF c), \
     subscription AS (\
       SELECT s.* FROM account JOIN subscriptions s ON s.account_id = account.id \
       FOR NO KEY UPDATE OF s) \
     SELECT EXISTS (SELECT FROM inbox), account.id, p.plan, p.billing_interval, ",
    state_columns!(),
    " FROM (SELECT) nothing \
     LEFT JOIN account ON true \
     LEFT JOIN subscription s ON true \
     LEFT JOIN plan_prices p ON p.price_id = $8"
);

/// For the account that had no subscription when [`RECEIVE`] began: one that was inserted while it
/// waited is seen by a new statement only.
const SUBSCRIPTION: &str = concat!(
    "SELECT ",
    state_columns!(),
    " FROM subscriptions s WHERE s.account_id = $1"
);

pub(crate) async fn receive(
    connection: &impl ConnectionTrait,
    notice: &Notice,
    now: Timestamp,
) -> Result<Received, StoreError> {
    let values: [Value; 8] = [
        notice.id.0.as_str().into(),
        notice.kind.as_str().into(),
        notice.api_version.as_deref().into(),
        notice.stamp.unix_seconds().into(),
        notice.body.as_str().into(),
        now.as_datetime().into(),
        customer(&notice.content).map(Customer::as_str).into(),
        price(&notice.content).map(PriceId::as_str).into(),
    ];
    let row = one(connection, "receive the event", statement(RECEIVE, values))
        .await?
        .ok_or_else(|| EVENTS.corrupt("id", "receiving answered nothing"))?;
    let columns = &mut Columns::new(&row);
    let is_open: bool = columns.take(EVENTS, "status")?;
    let account: Option<Uuid> = columns.take(Table("accounts"), "id")?;
    let price = catalog::price_from_row(columns)?;
    let account = match account.map(AccountId::from_uuid) {
        None => None,
        Some(account) => match subscriptions::read(columns)? {
            Some(subscription) => Some((account, Some(subscription))),
            None => Some((account, subscription_of(connection, account).await?)),
        },
    };
    Ok(Received {
        entry: if is_open {
            InboxEntry::Open
        } else {
            InboxEntry::Done
        },
        account,
        price,
    })
}

async fn subscription_of(
    connection: &impl ConnectionTrait,
    account: AccountId,
) -> Result<Option<Subscription>, StoreError> {
    let asked = statement(SUBSCRIPTION, [account.as_uuid().into()]);
    let row = one(connection, "read the subscription", asked).await?;
    row.map(|row| subscriptions::read(&mut Columns::new(&row)))
        .transpose()
        .map(Option::flatten)
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

/// `$1` the event, `$2` its status, `$3` its error, `$4` the moment, `$5` the checkout page.
const CONCLUDE: &str = "WITH event AS (\
       UPDATE webhook_events SET status = $2, last_error = $3 WHERE id = $1 AND status <> $2) \
     UPDATE purchase_reservations SET closed_at = $4 \
     WHERE stripe_checkout_session_id = $5 AND closed_at IS NULL";

/// After the parameters of [`upsert`]: `$20` the event, `$21` its kind, `$22` its status, `$23` its
/// error, `$24` the checkout page, `$25` whether what was bought is running. The audit row carries
/// the whole new row: what the event made of the subscription can be read off the trail.
///
/// An account has one open reservation at most, so this answers with one row at most: the page that
/// was closed here and is not the event's own.
const CONCLUDE_WITH_CHANGE: &str = concat!(
    "WITH event AS (\
       UPDATE webhook_events SET status = $22, last_error = $23 WHERE id = $20 AND status <> $22), \
     subscription AS (",
    upsert!(),
    " RETURNING *), \
     reservation AS (\
       UPDATE purchase_reservations SET closed_at = $2 \
       WHERE account_id = $1 AND closed_at IS NULL \
         AND ($25 OR stripe_checkout_session_id = $24) \
       RETURNING stripe_checkout_session_id AS page), \
     audit AS (\
       INSERT INTO audit_log (at, account_id, action, detail) \
       SELECT $2, account_id, 'subscription_changed', jsonb_build_object(\
         'event', $20::text, 'kind', $21::text, 'subscription', to_jsonb(subscription)) \
       FROM subscription) \
     SELECT page FROM reservation WHERE page IS NOT NULL AND page IS DISTINCT FROM $24"
);

pub(crate) async fn conclude(
    connection: &impl ConnectionTrait,
    notice: &Notice,
    state: &EventState,
    change: Option<(AccountId, &Subscription)>,
    now: Timestamp,
) -> Result<Option<CheckoutSessionId>, StoreError> {
    let (status, error) = webhook_event::to_row(state);
    // Of an event that waits, nobody knows yet what the page led to.
    let checkout = checkout(&notice.content)
        .filter(|_| *state == EventState::Applied)
        .map(|session| session.0.as_str());
    let conclude = match change {
        None => {
            let values: [Value; 5] = [
                notice.id.0.as_str().into(),
                status.into(),
                error.into(),
                now.as_datetime().into(),
                checkout.into(),
            ];
            statement(CONCLUDE, values)
        }
        Some((account, subscription)) => {
            let values: [Value; 6] = [
                notice.id.0.as_str().into(),
                notice.kind.as_str().into(),
                status.into(),
                error.into(),
                checkout.into(),
                is_running(subscription).into(),
            ];
            let values = upsert_values(account, subscription, now).chain(values);
            statement(CONCLUDE_WITH_CHANGE, values)
        }
    };
    let Some(row) = one(connection, "conclude the event", conclude).await? else {
        return Ok(None);
    };
    let page = Columns::new(&row).take(RESERVATIONS, "stripe_checkout_session_id")?;
    Ok(Some(CheckoutSessionId(page)))
}

/// Whether the purchase went through. A page that is open still need not be the one that led to it,
/// and can be paid.
const fn is_running(subscription: &Subscription) -> bool {
    subscription.is_live_at_provider() && !matches!(subscription, Subscription::PendingPayment(_))
}

const KEEP: &str = "INSERT INTO webhook_events AS e \
       (id, type, api_version, created, body, status, attempts, last_error, received_at) \
     VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $8) \
     ON CONFLICT (id) DO UPDATE SET status = $6, last_error = $7, attempts = e.attempts + 1 \
       WHERE e.status IN ('received', 'failed', 'dead')";

/// Stores an event with how it went, unless it was concluded meanwhile; true when it was stored.
pub(crate) async fn keep(
    connection: &impl ConnectionTrait,
    notice: &Notice,
    state: &EventState,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let (status, error) = webhook_event::to_row(state);
    let values: [Value; 8] = [
        notice.id.0.as_str().into(),
        notice.kind.as_str().into(),
        notice.api_version.as_deref().into(),
        notice.stamp.unix_seconds().into(),
        notice.body.as_str().into(),
        status.into(),
        error.into(),
        now.as_datetime().into(),
    ];
    let keep = statement(KEEP, values);
    Ok(execute(connection, "keep the event", keep).await? == 1)
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
