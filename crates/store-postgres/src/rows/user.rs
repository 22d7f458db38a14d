use sea_orm::entity::prelude::*;
use tollgate_primitives::{EmailAddress, Timestamp};
use tollgate_use_cases::ports::{NewUser, StoreError};

use crate::columns::Table;

#[sea_orm::model]
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub email: String,
    pub name: String,
    pub password_hash: Option<String>,
    pub email_verified_at: Option<DateTimeUtc>,
    pub is_super_admin: bool,
    pub onboarding_step_completed: i16,
    pub onboarding_dismissed: bool,
    pub pending_kept_banner: bool,
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}

pub(crate) const TABLE: Table = Table("users");

/// Address, name, and when the address was proven.
pub(crate) fn from_row(
    row: Model,
) -> Result<(EmailAddress, String, Option<Timestamp>), StoreError> {
    Ok((
        TABLE.parse("email", row.email)?,
        row.name,
        TABLE.timestamp("email_verified_at", row.email_verified_at)?,
    ))
}

pub(crate) fn to_row(user: &NewUser, now: Timestamp) -> Model {
    Model {
        id: user.id.as_uuid(),
        email: user.email.as_str().to_owned(),
        name: user.name.clone(),
        password_hash: user.password.as_ref().map(|hash| hash.0.clone()),
        email_verified_at: user.email_verified_at.map(Timestamp::as_datetime),
        is_super_admin: user.is_super_admin,
        onboarding_step_completed: 0,
        onboarding_dismissed: user.onboarding_dismissed,
        pending_kept_banner: false,
        created_at: now.as_datetime(),
    }
}
