//! What stays of an account that was deleted: its row with ids alone, so that whatever the payment
//! provider says of it later finds something that is over.

use sea_orm_migration::prelude::*;

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(ERASURE).await?;
        Ok(())
    }
}

/// The guard is the one of the first migration, but that a deleted account has nobody.
const ERASURE: &str = "
ALTER TABLE accounts
    ADD COLUMN deleted_at timestamptz,
    ADD CONSTRAINT accounts_deleted_are_closed CHECK (deleted_at IS NULL OR suspended_at IS NOT NULL);
CREATE INDEX sales_leads_email_idx ON sales_leads (email);
CREATE INDEX account_invites_email_idx ON account_invites (email);

CREATE OR REPLACE FUNCTION memberships_owner_stays() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    account uuid;
BEGIN
    IF TG_TABLE_NAME = 'accounts' THEN
        account := NEW.id;
    ELSE
        account := OLD.account_id;
    END IF;
    PERFORM 1 FROM accounts WHERE id = account AND deleted_at IS NULL FOR NO KEY UPDATE;
    IF FOUND AND NOT EXISTS (
        SELECT 1 FROM memberships WHERE account_id = account AND role = 'owner'
    ) THEN
        RAISE EXCEPTION 'an account keeps an owner'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'memberships_owner_stays', TABLE = 'memberships';
    END IF;
    RETURN NULL;
END $$;
";
