use sea_orm::entity::prelude::*;
use tollgate_billing::{Stamp, SubscriptionId};
use tollgate_use_cases::ports::{EventRecord, EventState, EventSummary, NoticeId, StoreError};

use crate::columns::Table;

#[sea_orm::model]
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_events")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub r#type: String,
    pub api_version: Option<String>,
    pub created: i64,
    pub body: String,
    pub status: String,
    pub attempts: i64,
    pub last_error: Option<String>,
    pub received_at: DateTimeUtc,
    pub awaits_read_of: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}

pub(crate) const TABLE: Table = Table("webhook_events");

pub(crate) fn from_row(row: Model) -> Result<EventRecord, StoreError> {
    Ok(EventRecord {
        state: state(&row.status, row.last_error, row.awaits_read_of)?,
        id: NoticeId(row.id),
        body: row.body,
        received_at: TABLE.parse("received_at", row.received_at)?,
        attempts: TABLE.parse("attempts", row.attempts)?,
    })
}

pub(crate) fn with_body(row: Model) -> Result<(EventSummary, String), StoreError> {
    let summary = EventSummary {
        state: state(&row.status, row.last_error, row.awaits_read_of)?,
        id: NoticeId(row.id),
        kind: row.r#type,
        api_version: row.api_version,
        stamp: Stamp::from_unix_seconds(row.created),
        received_at: TABLE.parse("received_at", row.received_at)?,
        attempts: TABLE.parse("attempts", row.attempts)?,
    };
    Ok((summary, row.body))
}

pub(crate) fn state(
    status: &str,
    last_error: Option<String>,
    awaits_read_of: Option<String>,
) -> Result<EventState, StoreError> {
    let error = || TABLE.present("last_error", last_error);
    match status {
        "received" => {
            let awaited = TABLE.present("awaits_read_of", awaits_read_of)?;
            Ok(EventState::Awaits(SubscriptionId::from(awaited)))
        }
        "applied" => Ok(EventState::Applied),
        "ignored" => Ok(EventState::Ignored),
        "failed" => Ok(EventState::Failed { error: error()? }),
        "dead" => Ok(EventState::Dead { error: error()? }),
        other => Err(TABLE.corrupt("status", format_args!("is {other}"))),
    }
}

/// `status`, `last_error` and `awaits_read_of`.
pub(crate) fn to_row(state: &EventState) -> (&'static str, Option<&str>, Option<&str>) {
    match state {
        EventState::Awaits(subscription) => ("received", None, Some(subscription.as_str())),
        EventState::Applied => ("applied", None, None),
        EventState::Ignored => ("ignored", None, None),
        EventState::Failed { error } => ("failed", Some(error), None),
        EventState::Dead { error } => ("dead", Some(error), None),
    }
}
