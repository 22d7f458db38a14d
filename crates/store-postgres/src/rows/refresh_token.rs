use sea_orm::entity::prelude::*;
use tollgate_primitives::{SessionId, Timestamp};
use tollgate_use_cases::ports::NewRefreshToken;

#[sea_orm::model]
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refresh_tokens")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub session_id: Uuid,
    pub hash: Vec<u8>,
    pub used_at: Option<DateTimeUtc>,
    pub replaced_by: Option<Uuid>,
    pub expires_at: DateTimeUtc,
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}

pub(crate) fn to_row(session: SessionId, token: &NewRefreshToken, now: Timestamp) -> Model {
    Model {
        id: token.id.as_uuid(),
        session_id: session.as_uuid(),
        hash: token.hash.to_vec(),
        used_at: None,
        replaced_by: None,
        expires_at: token.expires_at.as_datetime(),
        created_at: now.as_datetime(),
    }
}
