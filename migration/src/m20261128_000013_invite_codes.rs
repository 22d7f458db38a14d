//! What an operator hands out to let people sign up.

use sea_orm_migration::prelude::*;

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(INVITE_CODES).await?;
        Ok(())
    }
}

/// A code that was used stays used when whoever used it is gone.
const INVITE_CODES: &str = "
CREATE TABLE invite_codes (
    id uuid PRIMARY KEY,
    code_hash bytea NOT NULL CONSTRAINT invite_codes_code_hash_key UNIQUE,
    assigned_plan text NOT NULL CONSTRAINT invite_codes_assigned_plan_fkey REFERENCES plan_limits,
    -- Null is the length that everybody has.
    trial_duration_days smallint,
    email text,
    expires_at timestamptz,
    note text,
    created_by uuid REFERENCES users ON DELETE SET NULL,
    created_at timestamptz NOT NULL,
    used_by uuid REFERENCES users ON DELETE SET NULL,
    used_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT invite_codes_code_hash_length CHECK (octet_length(code_hash) = 32),
    CONSTRAINT invite_codes_trial_duration_days CHECK (trial_duration_days BETWEEN 1 AND 90),
    CONSTRAINT invite_codes_email_canonical CHECK (email = lower(email) AND email = btrim(email)),
    CONSTRAINT invite_codes_used_at CHECK (used_by IS NULL OR used_at IS NOT NULL),
    CONSTRAINT invite_codes_ended_once CHECK (used_at IS NULL OR revoked_at IS NULL)
);
-- For the references alone: without them, each person who is erased is looked for in the whole table.
CREATE INDEX invite_codes_created_by_idx ON invite_codes (created_by);
CREATE INDEX invite_codes_used_by_idx ON invite_codes (used_by) WHERE used_by IS NOT NULL;
";
