//! Ways to a provider and back that are to end in one more way in for somebody who is signed in.

use sea_orm_migration::prelude::*;

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(LINKING).await?;
        Ok(())
    }
}

const LINKING: &str = "
ALTER TABLE oauth_flows
    ADD COLUMN user_id uuid REFERENCES users ON DELETE CASCADE,
    ADD COLUMN session_id uuid,
    ADD CONSTRAINT oauth_flows_linking CHECK ((user_id IS NULL) = (session_id IS NULL));
CREATE INDEX oauth_flows_user_idx ON oauth_flows (user_id) WHERE user_id IS NOT NULL;
";
