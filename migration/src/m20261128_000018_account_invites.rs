//! Who is invited into which account.

use sea_orm_migration::prelude::*;

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(ACCOUNT_INVITES).await?;
        Ok(())
    }
}

/// An invitation ends with time, which no index knows of: so whoever is invited again after that is
/// invited by the same row. Of those who come and of those who invite only the ids are kept, and
/// without a reference: an invitation outlives them.
const ACCOUNT_INVITES: &str = "
CREATE TABLE account_invites (
    account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    id uuid NOT NULL,
    invited_by uuid NOT NULL,
    email text NOT NULL,
    role text NOT NULL,
    -- What the code is derived from; the code itself is kept as a hash alone.
    code_id uuid NOT NULL,
    code_hash bytea NOT NULL CONSTRAINT account_invites_code_key UNIQUE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    email_sent_at timestamptz,
    resend_count smallint NOT NULL DEFAULT 0,
    accepted_at timestamptz,
    accepted_by uuid,
    revoked_at timestamptz,
    PRIMARY KEY (account_id, id),
    CONSTRAINT account_invites_email_canonical CHECK (email = lower(email) AND email = btrim(email)),
    CONSTRAINT account_invites_role CHECK (role IN ('viewer', 'engineer', 'admin')),
    CONSTRAINT account_invites_code_length CHECK (octet_length(code_hash) = 32),
    CONSTRAINT account_invites_resend_count CHECK (resend_count BETWEEN 0 AND 5),
    CONSTRAINT account_invites_ends CHECK (expires_at > created_at),
    CONSTRAINT account_invites_accepted_whole CHECK (num_nonnulls(accepted_at, accepted_by) IN (0, 2)),
    CONSTRAINT account_invites_ended_once CHECK (num_nonnulls(accepted_at, revoked_at) <= 1)
);
CREATE UNIQUE INDEX account_invites_open_key ON account_invites (account_id, email)
    WHERE accepted_at IS NULL AND revoked_at IS NULL;
";
