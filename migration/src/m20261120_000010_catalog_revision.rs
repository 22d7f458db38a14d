//! One row that differs after every change to what a node may keep in memory: the catalog, and which
//! accounts are excepted from it.

use sea_orm_migration::prelude::*;

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .get_connection()
            .execute_unprepared(CATALOG_REVISION)
            .await?;
        Ok(())
    }
}

/// Whoever writes, psql too, changes the revision in the same transaction. Deferred, so that the one
/// row is locked last and for the commit alone. Random, so that it differs from every earlier one
/// also after a restore.
const CATALOG_REVISION: &str = r"
CREATE TABLE catalog_revision (
    is_only boolean PRIMARY KEY DEFAULT true CONSTRAINT catalog_revision_is_only CHECK (is_only),
    revision uuid NOT NULL,
    changed_by xid8 NOT NULL
);
INSERT INTO catalog_revision (revision, changed_by)
    VALUES (gen_random_uuid(), pg_current_xact_id());

-- Fires for each row, and changes the revision for the first of a transaction.
CREATE FUNCTION catalog_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE catalog_revision SET revision = gen_random_uuid(), changed_by = pg_current_xact_id()
        WHERE changed_by <> pg_current_xact_id();
    RETURN NULL;
END $$;

DO $$
DECLARE
    watched text;
BEGIN
    FOREACH watched IN ARRAY ARRAY['plan_limits', 'plan_billing', 'feature_flags',
        'plan_feature_defaults', 'account_feature_overrides', 'account_limit_overrides',
        'complimentary_grants']
    LOOP
        EXECUTE format('CREATE CONSTRAINT TRIGGER catalog_changed
            AFTER INSERT OR UPDATE OR DELETE ON %I DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION catalog_changed()', watched);
        EXECUTE format('CREATE TRIGGER catalog_emptied AFTER TRUNCATE ON %I
            FOR EACH STATEMENT EXECUTE FUNCTION catalog_changed()', watched);
    END LOOP;
END $$;
";
