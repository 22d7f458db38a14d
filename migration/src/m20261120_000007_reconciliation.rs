//! Where each reconciliation stands and who runs it, and what the provider has been asked this minute.

use sea_orm_migration::prelude::*;

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(TABLES).await?;
        Ok(())
    }
}

/// The rows are made here and never added to: taking a turn is an update of one of them.
const TABLES: &str = r"
CREATE TABLE reconcile_cursors (
    job text PRIMARY KEY,
    -- Grows with every turn: who writes under an older one has been overtaken.
    lease bigint NOT NULL DEFAULT 0,
    -- In this server's clock. Null: nobody runs it.
    lease_until timestamptz,
    -- Where to go on, in the job's own words.
    position text,
    round_started_at timestamptz,
    -- Null while a round is under way.
    round_ended_at timestamptz,
    -- What the last turn found.
    report jsonb,
    reported_at timestamptz,
    CONSTRAINT reconcile_cursors_job CHECK (job IN ('pending', 'events', 'sweep')),
    CONSTRAINT reconcile_cursors_round CHECK (round_ended_at IS NULL OR round_started_at IS NOT NULL),
    CONSTRAINT reconcile_cursors_report CHECK ((report IS NULL) = (reported_at IS NULL))
);
INSERT INTO reconcile_cursors (job) VALUES ('pending'), ('events'), ('sweep');

CREATE TABLE reconcile_budget (
    is_the_only_row boolean PRIMARY KEY DEFAULT true,
    -- Minutes since 1970.
    minute bigint NOT NULL,
    calls bigint NOT NULL,
    CONSTRAINT reconcile_budget_is_the_only_row CHECK (is_the_only_row),
    CONSTRAINT reconcile_budget_calls CHECK (calls >= 0)
);
INSERT INTO reconcile_budget (minute, calls) VALUES (0, 0);
";
