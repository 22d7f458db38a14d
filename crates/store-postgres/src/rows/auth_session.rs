use sea_orm::entity::prelude::*;
use tollgate_primitives::Timestamp;
use tollgate_use_cases::ports::NewSession;

#[sea_orm::model]
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "auth_sessions")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub user_id: Uuid,
    pub account_id: Uuid,
    pub created_at: DateTimeUtc,
    pub last_active: DateTimeUtc,
    pub revoked_at: Option<DateTimeUtc>,
    pub user_agent: Option<String>,
    pub ip: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}

pub(crate) fn to_row(session: &NewSession, now: Timestamp) -> Model {
    Model {
        id: session.id.as_uuid(),
        user_id: session.user.as_uuid(),
        account_id: session.account.as_uuid(),
        created_at: now.as_datetime(),
        last_active: now.as_datetime(),
        revoked_at: None,
        user_agent: session.user_agent.clone(),
        ip: session.ip.clone(),
    }
}
