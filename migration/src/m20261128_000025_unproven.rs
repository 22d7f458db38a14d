//! Finds those who have not proven their address, who are erased after a while.

use sea_orm_migration::prelude::*;

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(UNPROVEN).await?;
        Ok(())
    }
}

const UNPROVEN: &str = "
CREATE INDEX users_unproven_idx ON users (created_at) WHERE email_verified_at IS NULL;
";
