use sea_orm::entity::prelude::*;
use tollgate_primitives::Timestamp;
use tollgate_use_cases::ports::VerificationRow;

#[sea_orm::model]
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "one_time_tokens")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub purpose: String,
    pub user_id: Uuid,
    pub hash: Vec<u8>,
    pub expires_at: DateTimeUtc,
    pub consumed_at: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}

pub(crate) fn to_row(token: &VerificationRow, now: Timestamp) -> Model {
    Model {
        id: token.id.as_uuid(),
        purpose: "verify".to_owned(),
        user_id: token.user.as_uuid(),
        hash: token.hash.to_vec(),
        expires_at: token.expires_at.as_datetime(),
        consumed_at: None,
        created_at: now.as_datetime(),
    }
}
