//! Finds the invitations that are over, which are deleted after a while: each holds an address.

use sea_orm_migration::prelude::*;

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(OVER).await?;
        Ok(())
    }
}

const OVER: &str = "
CREATE INDEX account_invites_over_idx ON account_invites ((coalesce(accepted_at, revoked_at, expires_at)));
";
