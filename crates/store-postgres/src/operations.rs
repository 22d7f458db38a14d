//! The operator's questions. Pages follow an index each; none reads a whole table.

use async_trait::async_trait;
use sea_orm::{EntityTrait, QueryResult, Value};
use tollgate_billing::Stamp;
use tollgate_primitives::{AccountId, Timestamp};
use tollgate_use_cases::ports::{
    AccountDetail, AccountLookup, AccountPosition, AccountSummary, AuditRecord, EventPosition,
    EventStatus, EventSummary, JobId, JobRecord, JobState, NoticeId, OpenEvents, Operations, PAGE,
    Page, StoreError,
};

use crate::{
    PostgresStore, accounts, audit,
    columns::{Columns, Table, all, statement, unavailable},
    queue,
    rows::webhook_event,
};

#[async_trait]
impl Operations for PostgresStore {
    async fn events(
        &self,
        status: Option<EventStatus>,
        after: Option<&EventPosition>,
    ) -> Result<Page<EventSummary>, StoreError> {
        let asked = statement(&events_of(status), position(after));
        let rows = all(self.database(), "list the events", asked).await?;
        let events: Result<_, _> = rows.iter().map(event_from_row).collect();
        Ok(Page::of(events?))
    }

    async fn open_events(&self) -> Result<OpenEvents, StoreError> {
        let asked = statement(OPEN_EVENTS, []);
        let mut open = OpenEvents::default();
        for row in all(self.database(), "count the open events", asked).await? {
            let columns = &mut Columns::new(&row);
            let status: String = columns.take(webhook_event::TABLE, "status")?;
            let count = columns.parse::<i64, _>(webhook_event::TABLE, "count")?;
            match EventStatus::parse(&status) {
                Ok(EventStatus::Received) => open.received = count,
                Ok(EventStatus::Failed) => open.failed = count,
                Ok(EventStatus::Dead) => open.dead = count,
                Ok(EventStatus::Applied | EventStatus::Ignored) | Err(_) => {}
            }
        }
        Ok(open)
    }

    async fn stored_event(
        &self,
        id: &NoticeId,
    ) -> Result<Option<(EventSummary, String)>, StoreError> {
        webhook_event::Entity::find_by_id(id.0.as_str())
            .one(self.database())
            .await
            .map_err(unavailable("find the event"))?
            .map(webhook_event::with_body)
            .transpose()
    }

    async fn jobs(
        &self,
        state: Option<JobState>,
        after: Option<JobId>,
    ) -> Result<Page<JobRecord>, StoreError> {
        queue::jobs(self.database(), state, after).await
    }

    async fn accounts(
        &self,
        lookup: &AccountLookup,
        after: Option<&AccountPosition>,
    ) -> Result<Page<AccountSummary>, StoreError> {
        accounts::find(self.database(), lookup, after).await
    }

    async fn account(&self, id: AccountId) -> Result<Option<AccountDetail>, StoreError> {
        let Some(summary) = accounts::summary(self.database(), id).await? else {
            return Ok(None);
        };
        Ok(Some(AccountDetail {
            summary,
            members: accounts::members(self.database(), id).await?,
            purchase: accounts::open_purchase(self.database(), id).await?,
        }))
    }

    async fn audit_log(
        &self,
        account: Option<AccountId>,
        after: Option<i64>,
    ) -> Result<Page<AuditRecord>, StoreError> {
        audit::page(self.database(), account, after).await
    }
}

const OPEN_EVENTS: &str = "SELECT status, count(*) FROM webhook_events \
     WHERE status IN ('received', 'failed', 'dead') GROUP BY status";

/// A page of each status, because there is an index over the open ones and one over those that are
/// done, and none over all: every event would pay for it.
fn events_of(status: Option<EventStatus>) -> String {
    let rows = PAGE + 1;
    let branch = |statuses: &str| {
        format!(
            "(SELECT id, type, api_version, created, received_at, attempts, status, last_error, \
             awaits_read_of \
             FROM webhook_events WHERE status IN ({statuses}) AND (received_at, id) < ($1, $2) \
             ORDER BY received_at DESC, id DESC LIMIT {rows})"
        )
    };
    let branches = match status {
        Some(status) => vec![branch(&format!("'{}'", status.as_str()))],
        None => ["'received'", "'failed'", "'dead'", "'applied', 'ignored'"]
            .map(branch)
            .into(),
    };
    let union = branches.join(" UNION ALL ");
    format!("SELECT * FROM ({union}) e ORDER BY received_at DESC, id DESC LIMIT {rows}")
}

/// What comes before everything, for the first page.
fn position(after: Option<&EventPosition>) -> [Value; 2] {
    after.map_or_else(
        || [Timestamp::MAX.as_datetime().into(), "".into()],
        |after| {
            [
                after.received_at.as_datetime().into(),
                after.id.0.as_str().into(),
            ]
        },
    )
}

fn event_from_row(row: &QueryResult) -> Result<EventSummary, StoreError> {
    const TABLE: Table = webhook_event::TABLE;
    let columns = &mut Columns::new(row);
    Ok(EventSummary {
        id: NoticeId(columns.take(TABLE, "id")?),
        kind: columns.take(TABLE, "type")?,
        api_version: columns.take(TABLE, "api_version")?,
        stamp: Stamp::from_unix_seconds(columns.take(TABLE, "created")?),
        received_at: columns.timestamp(TABLE, "received_at")?,
        attempts: columns.parse::<i64, _>(TABLE, "attempts")?,
        state: webhook_event::state(
            &columns.take::<String>(TABLE, "status")?,
            columns.take(TABLE, "last_error")?,
            columns.take(TABLE, "awaits_read_of")?,
        )?,
    })
}
