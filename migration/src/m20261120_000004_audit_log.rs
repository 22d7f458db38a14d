//! Who did what to whom. Rows are added, never changed and never removed, whoever asks.

use sea_orm_migration::prelude::*;

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .get_connection()
            .execute_unprepared(AUDIT_LOG)
            .await?;
        Ok(())
    }
}

/// No foreign keys: a row outlives the person and the account it is about.
const AUDIT_LOG: &str = r"
CREATE TABLE audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    actor_id uuid,
    account_id uuid,
    action text NOT NULL,
    detail jsonb NOT NULL
);
CREATE INDEX audit_log_account_idx ON audit_log (account_id, id);

CREATE FUNCTION audit_log_insert_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is insert-only'
        USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'audit_log_insert_only', TABLE = 'audit_log';
END $$;

CREATE TRIGGER audit_log_insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_insert_only();
";
