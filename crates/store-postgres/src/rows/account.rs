use sea_orm::entity::prelude::*;
use tollgate_primitives::Timestamp;
use tollgate_use_cases::ports::AccountRow;

#[sea_orm::model]
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "accounts")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub name: String,
    pub stripe_customer_id: Option<String>,
    pub is_test_cohort: bool,
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}

pub(crate) fn to_row(account: &AccountRow, now: Timestamp) -> Model {
    Model {
        id: account.id.as_uuid(),
        name: account.name.clone(),
        stripe_customer_id: None,
        is_test_cohort: false,
        created_at: now.as_datetime(),
    }
}
