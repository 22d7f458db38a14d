//! Whose turn it is to reconcile, where it stands, what the provider was asked this minute, and which
//! accounts are to be looked at.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use tollgate_billing::{Customer, Interval, PriceId, SubscriptionId};
use tollgate_primitives::{AccountId, PlanKey, ReservationId, Timestamp};
use tollgate_use_cases::ports::{
    CallClaim, CheckoutSessionId, CustomerAccount, NoticeId, OpenReservation, OverduePage,
    ReconcileJob, Reconciliation, StoreError, Turn, TurnEnd, TurnStart, TurnTaken,
};
use uuid::Uuid;

use crate::{
    PostgresStore, catalog,
    columns::{Columns, Table, execute, one, statement, unavailable},
    subscriptions::{self, state_columns},
};

const ACCOUNTS: Table = Table("accounts");
const CURSORS: Table = Table("reconcile_cursors");
const EVENTS: Table = Table("webhook_events");
const PRICES: Table = Table("plan_prices");
const RESERVATIONS: Table = Table("purchase_reservations");

/// When an unused turn is over: later than the longest call to the provider, which a job gives up after
/// twenty seconds. Measured by the server's clock alone, so that no node's clock can hold or take a turn.
macro_rules! lease {
    () => {
        "clock_timestamp() + interval '25 s'"
    };
}

/// `$2` is when the last round must have begun for a new one to be due, null for at any time; `$4`
/// whether only to look.
const TAKE_TURN: &str = concat!(
    "UPDATE reconcile_cursors SET lease = lease + 1, lease_until = ",
    lease!(),
    ", round_started_at = CASE WHEN $4 OR (round_started_at IS NOT NULL AND round_ended_at IS NULL) \
         THEN round_started_at ELSE $3 END, \
       round_ended_at = CASE WHEN $4 THEN round_ended_at END \
     WHERE job = $1 AND (lease_until IS NULL OR lease_until < clock_timestamp()) \
       AND ($2::timestamptz IS NULL OR round_ended_at IS NULL OR round_started_at <= $2) \
     RETURNING lease, position"
);

const IS_HELD: &str =
    "SELECT (lease_until >= clock_timestamp()) IS TRUE FROM reconcile_cursors WHERE job = $1";

/// The budget is one row, so that all jobs of all nodes draw on it one after the other. `$3` is the
/// minute; one that a node with a faster clock has begun is not begun again.
const CLAIM_CALL: &str = concat!(
    "WITH held AS (\
       UPDATE reconcile_cursors SET lease_until = ",
    lease!(),
    " WHERE job = $1 AND lease = $2 RETURNING job), \
     claimed AS (\
       UPDATE reconcile_budget SET minute = greatest(minute, $3), \
         calls = CASE WHEN minute >= $3 THEN calls + 1 ELSE 1 END \
       WHERE EXISTS (SELECT FROM held) AND (minute < $3 OR calls < $4) \
       RETURNING calls) \
     SELECT EXISTS (SELECT FROM held), EXISTS (SELECT FROM claimed)"
);

const ADVANCE: &str = concat!(
    "UPDATE reconcile_cursors SET position = coalesce($3, position), lease_until = ",
    lease!(),
    " WHERE job = $1 AND lease = $2"
);

const END_TURN: &str = "UPDATE reconcile_cursors SET lease_until = NULL, position = $3, \
       round_ended_at = CASE WHEN $4 THEN $6::timestamptz END, report = $5, reported_at = $6 \
     WHERE job = $1 AND lease = $2";

const DROP_TURN: &str =
    "UPDATE reconcile_cursors SET lease_until = NULL WHERE job = $1 AND lease = $2";

const EVENTS_KNOWN: &str =
    "SELECT id FROM webhook_events WHERE id = ANY(ARRAY(SELECT jsonb_array_elements_text($1)))";

const ACCOUNTS_OF: &str = concat!(
    "SELECT c.stripe_customer_id, c.id, c.is_test_cohort, ",
    state_columns!(),
    " FROM accounts c LEFT JOIN subscriptions s ON s.account_id = c.id \
     WHERE c.stripe_customer_id = ANY(ARRAY(SELECT jsonb_array_elements_text($1)))"
);

const PRICES_OF: &str = "SELECT price_id, plan, billing_interval FROM plan_prices WHERE price_id = ANY(ARRAY(SELECT jsonb_array_elements_text($1)))";

const PENDING_PURCHASES: &str = "SELECT s.account_id, s.stripe_subscription_id FROM subscriptions s \
     WHERE s.status = 'pending_payment' AND s.updated_at <= $1 \
       AND ($2::uuid IS NULL OR s.account_id > $2) \
       AND NOT EXISTS (SELECT FROM accounts c WHERE c.id = s.account_id AND c.is_test_cohort) \
     ORDER BY s.account_id LIMIT $3";

/// Those whose subscription was made already are purchases that wait, and looked at as such.
const OPEN_RESERVATIONS: &str = "SELECT r.account_id, r.id, r.stripe_checkout_session_id \
     FROM purchase_reservations r \
     WHERE r.closed_at IS NULL AND r.stripe_subscription_id IS NULL AND r.created_at <= $1 \
       AND ($2::uuid IS NULL OR r.account_id > $2) \
       AND NOT EXISTS (SELECT FROM accounts c WHERE c.id = r.account_id AND c.is_test_cohort) \
     ORDER BY r.account_id LIMIT $3";

/// Walks the table by its key, and so needs no index that every renewal would have to write.
const OVERDUE: &str = "SELECT s.account_id, CASE WHEN s.status IN ('trialing', 'active', 'past_due') \
         AND s.trial_plan IS NULL AND s.current_period_end <= $1 \
         AND NOT EXISTS (SELECT FROM accounts c WHERE c.id = s.account_id AND c.is_test_cohort) \
       THEN s.stripe_subscription_id END \
     FROM subscriptions s WHERE $2::uuid IS NULL OR s.account_id > $2 \
     ORDER BY s.account_id LIMIT $3";

#[async_trait]
impl Reconciliation for PostgresStore {
    async fn take_turn(
        &self,
        job: ReconcileJob,
        start: TurnStart,
        now: Timestamp,
    ) -> Result<TurnTaken, StoreError> {
        let begun_by = match start {
            TurnStart::IfBegunBy(begun_by) => Some(begun_by),
            TurnStart::Anyway | TurnStart::OnlyLook => None,
        };
        let values: [Value; 4] = [
            job.as_str().into(),
            begun_by.map(Timestamp::as_datetime).into(),
            now.as_datetime().into(),
            (start == TurnStart::OnlyLook).into(),
        ];
        let database = self.database();
        let taken = one(database, "take the turn", statement(TAKE_TURN, values)).await?;
        if let Some(row) = taken {
            let columns = &mut Columns::new(&row);
            return Ok(TurnTaken::Taken(Turn {
                job,
                lease: columns.take(CURSORS, "lease")?,
                position: columns.take(CURSORS, "position")?,
            }));
        }
        let asked = statement(IS_HELD, [job.as_str().into()]);
        let row = one(database, "ask who has the turn", asked)
            .await?
            .ok_or_else(|| CURSORS.corrupt("job", format_args!("{job} is missing")))?;
        let is_held: bool = Columns::new(&row).take(CURSORS, "lease_until")?;
        Ok(if is_held {
            TurnTaken::Held
        } else {
            TurnTaken::NotDue
        })
    }

    async fn claim_call(
        &self,
        turn: &Turn,
        budget: u32,
        now: Timestamp,
    ) -> Result<CallClaim, StoreError> {
        let values: [Value; 4] = [
            turn.job.as_str().into(),
            turn.lease.into(),
            now.unix_seconds().div_euclid(60).into(),
            i64::from(budget).into(),
        ];
        let claim = statement(CLAIM_CALL, values);
        let row = one(self.database(), "claim a call", claim)
            .await?
            .ok_or_else(|| CURSORS.corrupt("job", "claiming answered nothing"))?;
        let columns = &mut Columns::new(&row);
        let is_held: bool = columns.take(CURSORS, "lease")?;
        let is_granted: bool = columns.take(Table("reconcile_budget"), "calls")?;
        Ok(match (is_held, is_granted) {
            (true, true) => CallClaim::Granted,
            (true, false) => CallClaim::Spent,
            (false, _) => CallClaim::Overtaken,
        })
    }

    async fn advance(&self, turn: &Turn, position: Option<&str>) -> Result<bool, StoreError> {
        let values = [turn.job.as_str().into(), turn.lease.into(), position.into()];
        changed_one(self, "advance", statement(ADVANCE, values)).await
    }

    async fn end_turn(
        &self,
        turn: &Turn,
        end: &TurnEnd,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let values: [Value; 6] = [
            turn.job.as_str().into(),
            turn.lease.into(),
            end.position.as_deref().into(),
            end.is_round_over.into(),
            end.report.clone().into(),
            now.as_datetime().into(),
        ];
        changed_one(self, "end the turn", statement(END_TURN, values)).await
    }

    async fn drop_turn(&self, turn: &Turn) -> Result<(), StoreError> {
        let values = [turn.job.as_str().into(), turn.lease.into()];
        changed_one(self, "drop the turn", statement(DROP_TURN, values)).await?;
        Ok(())
    }

    async fn events_known(&self, events: &[NoticeId]) -> Result<BTreeSet<NoticeId>, StoreError> {
        let ids = texts(events.iter().map(|id| id.0.as_str()));
        let rows = all(self, "look for events", statement(EVENTS_KNOWN, [ids])).await?;
        let id = |row| Ok(NoticeId(Columns::new(row).take(EVENTS, "id")?));
        rows.iter().map(id).collect()
    }

    async fn accounts_of(
        &self,
        customers: &[Customer],
    ) -> Result<BTreeMap<Customer, CustomerAccount>, StoreError> {
        let ids = texts(customers.iter().map(Customer::as_str));
        let asked = statement(ACCOUNTS_OF, [ids]);
        let rows = all(self, "find the customers' accounts", asked).await?;
        rows.iter().map(customer_from_row).collect()
    }

    async fn prices(
        &self,
        prices: &[PriceId],
    ) -> Result<BTreeMap<PriceId, (PlanKey, Interval)>, StoreError> {
        let ids = texts(prices.iter().map(PriceId::as_str));
        let rows = all(self, "find the prices", statement(PRICES_OF, [ids])).await?;
        rows.iter().map(price_from_row).collect()
    }

    async fn pending_purchases(
        &self,
        untouched_since: Timestamp,
        after: Option<AccountId>,
        limit: u16,
    ) -> Result<Vec<(AccountId, SubscriptionId)>, StoreError> {
        let asked = statement(PENDING_PURCHASES, page(untouched_since, after, limit));
        let rows = all(self, "find pending purchases", asked).await?;
        rows.iter()
            .map(|row| {
                let columns = &mut Columns::new(row);
                let account = account_from_row(columns)?;
                let id: String = columns.take(subscriptions::TABLE, "stripe_subscription_id")?;
                Ok((account, SubscriptionId::from(id)))
            })
            .collect()
    }

    async fn open_reservations(
        &self,
        made_by: Timestamp,
        after: Option<AccountId>,
        limit: u16,
    ) -> Result<Vec<OpenReservation>, StoreError> {
        let asked = statement(OPEN_RESERVATIONS, page(made_by, after, limit));
        let rows = all(self, "find open reservations", asked).await?;
        rows.iter()
            .map(|row| {
                let columns = &mut Columns::new(row);
                let account = account_from_row(columns)?;
                let id: Uuid = columns.take(RESERVATIONS, "id")?;
                let session: Option<String> =
                    columns.take(RESERVATIONS, "stripe_checkout_session_id")?;
                Ok(OpenReservation {
                    account,
                    id: ReservationId::from_uuid(id),
                    session: session.map(CheckoutSessionId),
                })
            })
            .collect()
    }

    async fn overdue(
        &self,
        due_by: Timestamp,
        after: Option<AccountId>,
        limit: u16,
    ) -> Result<OverduePage, StoreError> {
        let asked = statement(OVERDUE, page(due_by, after, limit));
        let rows = all(self, "find overdue subscriptions", asked).await?;
        let mut found = OverduePage {
            overdue: Vec::new(),
            last: None,
        };
        for row in &rows {
            let columns = &mut Columns::new(row);
            let account = account_from_row(columns)?;
            let id: Option<String> =
                columns.take(subscriptions::TABLE, "stripe_subscription_id")?;
            found.last = Some(account);
            found
                .overdue
                .extend(id.map(|id| (account, SubscriptionId::from(id))));
        }
        Ok(found)
    }
}

async fn all(
    store: &PostgresStore,
    step: &'static str,
    asked: Statement,
) -> Result<Vec<QueryResult>, StoreError> {
    let rows = store.database().query_all_raw(asked).await;
    rows.map_err(unavailable(step))
}

async fn changed_one(
    store: &PostgresStore,
    step: &'static str,
    change: Statement,
) -> Result<bool, StoreError> {
    Ok(execute(store.database(), step, change).await? == 1)
}

/// Unpacked as an array, which an index is asked for whatever the server thinks of its length.
fn texts<'a>(texts: impl Iterator<Item = &'a str>) -> Value {
    texts.collect::<serde_json::Value>().into()
}

/// `$1` to `$3` of the questions that go by account.
fn page(moment: Timestamp, after: Option<AccountId>, limit: u16) -> [Value; 3] {
    [
        moment.as_datetime().into(),
        after.map(AccountId::as_uuid).into(),
        i64::from(limit).into(),
    ]
}

fn account_from_row(columns: &mut Columns<'_>) -> Result<AccountId, StoreError> {
    let account: Uuid = columns.take(ACCOUNTS, "id")?;
    Ok(AccountId::from_uuid(account))
}

fn customer_from_row(row: &QueryResult) -> Result<(Customer, CustomerAccount), StoreError> {
    let columns = &mut Columns::new(row);
    let customer: String = columns.take(ACCOUNTS, "stripe_customer_id")?;
    let account = CustomerAccount {
        account: account_from_row(columns)?,
        is_test_cohort: columns.take(ACCOUNTS, "is_test_cohort")?,
        subscription: subscriptions::read(columns)?,
    };
    Ok((Customer::from(customer), account))
}

fn price_from_row(row: &QueryResult) -> Result<(PriceId, (PlanKey, Interval)), StoreError> {
    let columns = &mut Columns::new(row);
    let id: String = columns.take(PRICES, "price_id")?;
    let stands_for = catalog::price_from_row(columns)?;
    let stands_for = PRICES.present("plan", stands_for)?;
    Ok((PriceId::from(id), stands_for))
}
