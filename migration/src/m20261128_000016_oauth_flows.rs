//! Sign-ins through a provider that have begun, and an id for each link to one.

use sea_orm_migration::prelude::*;

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(FLOWS).await?;
        connection.execute_unprepared(IDENTITIES).await?;
        Ok(())
    }
}

/// Neither what the browser holds nor the invitation's code is here in clear: hashes alone.
const FLOWS: &str = r"
CREATE TABLE oauth_flows (
    state_hash bytea PRIMARY KEY,
    flow_token_hash bytea NOT NULL,
    provider text NOT NULL,
    nonce text NOT NULL,
    verifier text NOT NULL,
    invite_hash bytea,
    next text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    consumed_at timestamptz,
    CONSTRAINT oauth_flows_hash_length CHECK (
        octet_length(state_hash) = 32 AND octet_length(flow_token_hash) = 32
        AND octet_length(invite_hash) = 32
    ),
    CONSTRAINT oauth_flows_short_lived CHECK (expires_at <= created_at + interval '10 minutes'),
    CONSTRAINT oauth_flows_next CHECK (next LIKE '/%' AND next NOT LIKE '//%')
);
CREATE INDEX oauth_flows_expires_idx ON oauth_flows (expires_at);
";

/// The default is for the release before this one, which knows of no id.
const IDENTITIES: &str = r"
ALTER TABLE oauth_identities ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid();
ALTER TABLE oauth_identities ADD CONSTRAINT oauth_identities_id_key UNIQUE (id);
";
