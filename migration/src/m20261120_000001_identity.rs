//! Accounts, people, and how they sign in.

use sea_orm_migration::prelude::*;

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(TABLES).await?;
        connection.execute_unprepared(OWNER_GUARD).await?;
        Ok(())
    }
}

const TABLES: &str = r"
CREATE TABLE accounts (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    stripe_customer_id text CONSTRAINT accounts_stripe_customer_id_key UNIQUE,
    is_test_cohort boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL
);
CREATE INDEX accounts_test_cohort_idx ON accounts (id) WHERE is_test_cohort;

CREATE TABLE users (
    id uuid PRIMARY KEY,
    email text NOT NULL CONSTRAINT users_email_key UNIQUE,
    name text NOT NULL,
    password_hash text,
    email_verified_at timestamptz,
    is_super_admin boolean NOT NULL DEFAULT false,
    onboarding_step_completed smallint NOT NULL DEFAULT 0,
    onboarding_dismissed boolean NOT NULL DEFAULT false,
    pending_kept_banner boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    CONSTRAINT users_email_canonical CHECK (email = lower(email) AND email = btrim(email)),
    CONSTRAINT users_onboarding_step CHECK (onboarding_step_completed BETWEEN 0 AND 3)
);

CREATE TABLE memberships (
    account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    role text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, user_id),
    CONSTRAINT memberships_role CHECK (role IN ('viewer', 'engineer', 'admin', 'owner'))
);
CREATE INDEX memberships_user_idx ON memberships (user_id, created_at);

CREATE TABLE oauth_identities (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    provider text NOT NULL,
    issuer text NOT NULL,
    provider_subject text NOT NULL,
    provider_email_at_link text,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, provider, issuer, provider_subject),
    CONSTRAINT oauth_identities_subject_key UNIQUE (provider, issuer, provider_subject)
);

CREATE TABLE auth_sessions (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    last_active timestamptz NOT NULL,
    revoked_at timestamptz,
    user_agent text,
    ip text,
    CONSTRAINT auth_sessions_account_key UNIQUE (account_id, id)
);
CREATE INDEX auth_sessions_user_idx ON auth_sessions (user_id, last_active DESC);

CREATE TABLE refresh_tokens (
    id uuid PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES auth_sessions ON DELETE CASCADE,
    hash bytea NOT NULL CONSTRAINT refresh_tokens_hash_key UNIQUE,
    used_at timestamptz,
    replaced_by uuid REFERENCES refresh_tokens,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT refresh_tokens_hash_length CHECK (octet_length(hash) = 32),
    CONSTRAINT refresh_tokens_used_once CHECK ((used_at IS NULL) = (replaced_by IS NULL))
);
CREATE INDEX refresh_tokens_session_idx ON refresh_tokens (session_id);
-- For the reference alone: without it, each token that is deleted is looked for in the whole table.
CREATE INDEX refresh_tokens_replaced_by_idx ON refresh_tokens (replaced_by);

CREATE TABLE one_time_tokens (
    id uuid PRIMARY KEY,
    purpose text NOT NULL,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    hash bytea NOT NULL CONSTRAINT one_time_tokens_hash_key UNIQUE,
    expires_at timestamptz NOT NULL,
    consumed_at timestamptz,
    created_at timestamptz NOT NULL,
    CONSTRAINT one_time_tokens_purpose CHECK (purpose IN ('verify', 'reset')),
    CONSTRAINT one_time_tokens_hash_length CHECK (octet_length(hash) = 32)
);
CREATE INDEX one_time_tokens_user_idx ON one_time_tokens (user_id, purpose);

-- Outlives the person: one trial per mailbox, remembered as a keyed hash alone.
CREATE TABLE trial_keys (
    mailbox_hash bytea PRIMARY KEY,
    first_used_at timestamptz NOT NULL,
    CONSTRAINT trial_keys_hash_length CHECK (octet_length(mailbox_hash) = 32)
);
";

/// Checked at the commit, so that ownership can change hands within a transaction. Two transactions
/// that each take away one of two owners wait for each other at the account's row, and the second one
/// sees what the first one did, because each statement of a volatile function looks anew.
const OWNER_GUARD: &str = r"
CREATE FUNCTION memberships_owner_stays() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    account uuid;
BEGIN
    IF TG_TABLE_NAME = 'accounts' THEN
        account := NEW.id;
    ELSE
        account := OLD.account_id;
    END IF;
    PERFORM 1 FROM accounts WHERE id = account FOR NO KEY UPDATE;
    IF FOUND AND NOT EXISTS (
        SELECT 1 FROM memberships WHERE account_id = account AND role = 'owner'
    ) THEN
        RAISE EXCEPTION 'an account keeps an owner'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'memberships_owner_stays', TABLE = 'memberships';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER accounts_owner_exists AFTER INSERT ON accounts
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION memberships_owner_stays();

CREATE CONSTRAINT TRIGGER memberships_owner_stays AFTER UPDATE OR DELETE ON memberships
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.role = 'owner')
    EXECUTE FUNCTION memberships_owner_stays();
";
