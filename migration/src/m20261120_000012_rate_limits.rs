//! What was tried how often.

use sea_orm_migration::prelude::*;

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(RATE_LIMITS).await?;
        Ok(())
    }
}

/// Not logged ahead: after a crash of the database everybody begins anew, which costs an attacker's
/// waiting and nothing else. The bucket is a keyed hash, so that no address is in it.
const RATE_LIMITS: &str = "
CREATE UNLOGGED TABLE rate_limits (
    bucket bytea PRIMARY KEY,
    -- When the bucket is as good as new (the theoretical arrival time of GCRA).
    full_at timestamptz NOT NULL,
    CONSTRAINT rate_limits_bucket_length CHECK (octet_length(bucket) = 32)
);
CREATE INDEX rate_limits_full_at_idx ON rate_limits (full_at);
";
