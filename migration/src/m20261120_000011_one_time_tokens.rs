//! One mailed token of a purpose works at a time.

use sea_orm_migration::prelude::*;

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(ONE_LIVES).await?;
        Ok(())
    }
}

/// The older ones of those that exist are ended first: of several, the newest goes on.
const ONE_LIVES: &str = "
UPDATE one_time_tokens t SET consumed_at = t.created_at
WHERE t.consumed_at IS NULL AND EXISTS (
    SELECT FROM one_time_tokens n
    WHERE n.user_id = t.user_id AND n.purpose = t.purpose AND n.consumed_at IS NULL
      AND (n.created_at, n.id) > (t.created_at, t.id)
);
CREATE UNIQUE INDEX one_time_tokens_live_key ON one_time_tokens (user_id, purpose) WHERE consumed_at IS NULL;
";
