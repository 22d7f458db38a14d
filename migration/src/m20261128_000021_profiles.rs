//! What people and accounts say of themselves.

use sea_orm_migration::prelude::*;

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(PROFILES).await?;
        Ok(())
    }
}

/// The defaults are for the release before, which does not know these columns. Which tools there are is
/// the operator's to say, and may change: of them only the form is held to.
const PROFILES: &str = "
ALTER TABLE users
    ADD COLUMN timezone text,
    ADD COLUMN role_at_signup text,
    ADD COLUMN deleted_at timestamptz,
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now(),
    ADD CONSTRAINT users_timezone CHECK (length(timezone) BETWEEN 1 AND 64),
    ADD CONSTRAINT users_role_at_signup CHECK (role_at_signup IN ('owner', 'lead_tech', 'tech', 'other'));
ALTER TABLE accounts
    ADD COLUMN team_size_bucket text,
    ADD COLUMN primary_psa text,
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now(),
    ADD CONSTRAINT accounts_team_size_bucket CHECK (team_size_bucket IN ('1-2', '3-5', '6-10', '11-25', '26+')),
    ADD CONSTRAINT accounts_primary_psa CHECK (primary_psa ~ '^[a-z0-9_-]{1,40}$');
";
