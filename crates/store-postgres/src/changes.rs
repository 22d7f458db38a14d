//! What people asked to be changed of a running subscription.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter};
use tollgate_primitives::{AccountId, ChangeId, Timestamp};
use tollgate_use_cases::ports::{StoreError, SubscriptionChange};

use crate::{
    columns::{execute, statement, unavailable},
    rows::subscription_change,
};

pub(crate) async fn open(
    connection: &impl ConnectionTrait,
    account: AccountId,
) -> Result<Option<SubscriptionChange>, StoreError> {
    subscription_change::Entity::find()
        .filter(subscription_change::Column::AccountId.eq(account.as_uuid()))
        .filter(subscription_change::Column::ClosedAt.is_null())
        .one(connection)
        .await
        .map_err(unavailable("find the open change"))?
        .map(subscription_change::from_row)
        .transpose()
}

pub(crate) async fn insert(
    connection: &impl ConnectionTrait,
    account: AccountId,
    change: &SubscriptionChange,
) -> Result<(), StoreError> {
    let row = subscription_change::to_row(account, change);
    subscription_change::Entity::insert(row.into_active_model())
        .exec_without_returning(connection)
        .await
        .map_err(unavailable("insert the change"))?;
    Ok(())
}

const CLOSE: &str = "UPDATE subscription_changes SET closed_at = $2, is_done = $3 \
                     WHERE id = $1 AND closed_at IS NULL";

pub(crate) async fn close(
    connection: &impl ConnectionTrait,
    change: ChangeId,
    is_done: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    let values = [
        change.as_uuid().into(),
        now.as_datetime().into(),
        is_done.into(),
    ];
    execute(connection, "close the change", statement(CLOSE, values)).await?;
    Ok(())
}
