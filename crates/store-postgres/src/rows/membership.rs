use sea_orm::entity::prelude::*;
use tollgate_identity::Role;
use tollgate_primitives::{AccountId, Timestamp, UserId};

#[sea_orm::model]
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "memberships")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: Uuid,
    pub role: String,
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}

pub(crate) fn to_row(account: AccountId, user: UserId, role: Role, now: Timestamp) -> Model {
    Model {
        account_id: account.as_uuid(),
        user_id: user.as_uuid(),
        role: role.as_str().to_owned(),
        created_at: now.as_datetime(),
    }
}
