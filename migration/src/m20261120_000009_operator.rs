//! What the operator looks up and decides: accounts by name and address, and their suspension.

use sea_orm_migration::prelude::*;

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .get_connection()
            .execute_unprepared(ACCOUNTS)
            .await?;
        Ok(())
    }
}

/// The indexes compare by code points: that is the order in which what begins alike stands together.
const ACCOUNTS: &str = r#"
ALTER TABLE accounts ADD COLUMN suspended_at timestamptz;
CREATE INDEX accounts_name_idx ON accounts (lower(name) COLLATE "C", id);
CREATE INDEX users_email_prefix_idx ON users (email COLLATE "C");
"#;
