//! Events without a lock, and one read for all the doubts about a subscription.

use sea_orm_migration::prelude::*;

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(VERSION).await?;
        connection.execute_unprepared(READS).await?;
        connection.execute_unprepared(RULES).await?;
        Ok(())
    }
}

/// Counted up by every write, so that one can be made to depend on the row being as it was seen.
const VERSION: &str = "ALTER TABLE subscriptions ADD COLUMN version bigint NOT NULL DEFAULT 0";

const READS: &str = r"
ALTER TABLE webhook_events ADD COLUMN awaits_read_of text;
CREATE INDEX webhook_events_awaiting_idx ON webhook_events (awaits_read_of, created, id)
    WHERE awaits_read_of IS NOT NULL;

CREATE TABLE subscription_reads (
    account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    stripe_subscription_id text NOT NULL,
    -- When the provider last said how it stands, in Unix seconds of its clock.
    stamp bigint NOT NULL,
    PRIMARY KEY (account_id, stripe_subscription_id)
);
";

/// One compiled function, as for `subscriptions`. It takes columns, not the row: the body would be
/// copied.
const RULES: &str = r"
CREATE FUNCTION webhook_event_is_whole(status text, attempts bigint, last_error text, awaits_read_of text)
RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    broken text := CASE
        WHEN status NOT IN ('received', 'applied', 'ignored', 'failed', 'dead') THEN 'status'
        WHEN attempts NOT BETWEEN 1 AND 4294967295 THEN 'attempts'
        WHEN (last_error IS NOT NULL) <> (status IN ('failed', 'dead')) THEN 'error'
        -- A try to read that failed is told, and the event waits on.
        WHEN NOT CASE status
            WHEN 'received' THEN awaits_read_of IS NOT NULL
            WHEN 'failed' THEN true
            ELSE awaits_read_of IS NULL
        END THEN 'awaits_read_of'
    END;
BEGIN
    IF broken IS NOT NULL THEN
        RAISE check_violation USING
            MESSAGE = format('the event breaks the rule %L', broken),
            TABLE = 'webhook_events', CONSTRAINT = 'webhook_events_' || broken;
    END IF;
    RETURN true;
END
$$;
ALTER TABLE webhook_events
    DROP CONSTRAINT webhook_events_status,
    DROP CONSTRAINT webhook_events_attempts,
    DROP CONSTRAINT webhook_events_error,
    ADD CONSTRAINT webhook_events_whole
        CHECK (webhook_event_is_whole(status, attempts, last_error, awaits_read_of));
";
