use sea_orm::entity::prelude::*;
use tollgate_use_cases::ports::{EventRecord, EventState, NoticeId, StoreError};

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
}

impl ActiveModelBehavior for ActiveModel {}

const TABLE: Table = Table("webhook_events");

pub(crate) fn from_row(row: Model) -> Result<EventRecord, StoreError> {
    let error = || TABLE.present("last_error", row.last_error.clone());
    let state = match row.status.as_str() {
        "received" => EventState::Received,
        "applied" => EventState::Applied,
        "ignored" => EventState::Ignored,
        "failed" => EventState::Failed { error: error()? },
        "dead" => EventState::Dead { error: error()? },
        other => return Err(TABLE.corrupt("status", format_args!("is {other}"))),
    };
    Ok(EventRecord {
        id: NoticeId(row.id),
        body: row.body,
        received_at: TABLE.parse("received_at", row.received_at)?,
        attempts: TABLE.parse("attempts", row.attempts)?,
        state,
    })
}

/// `status` and `last_error`.
pub(crate) fn to_row(state: &EventState) -> (&'static str, Option<&str>) {
    match state {
        EventState::Received => ("received", None),
        EventState::Applied => ("applied", None),
        EventState::Ignored => ("ignored", None),
        EventState::Failed { error } => ("failed", Some(error)),
        EventState::Dead { error } => ("dead", Some(error)),
    }
}
