//! Both ways to buy, what a complimentary account leaves by buying, and the second of two subscriptions.

use sea_orm_migration::prelude::*;

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(RESERVATIONS).await?;
        connection.execute_unprepared(GRANTS).await?;
        connection.execute_unprepared(SECONDS).await?;
        Ok(())
    }
}

/// Rows of the release before are hosted ones, also those it goes on writing during the change.
const RESERVATIONS: &str = r"
ALTER TABLE purchase_reservations
    ADD COLUMN kind text NOT NULL DEFAULT 'hosted',
    ADD COLUMN stripe_subscription_id text CONSTRAINT purchase_reservations_subscription_key UNIQUE,
    -- When the page was paid: what was bought there is still to be read.
    ADD COLUMN completed_at timestamptz,
    ADD CONSTRAINT purchase_reservations_kind CHECK (CASE kind
        WHEN 'hosted' THEN stripe_subscription_id IS NULL
            AND (completed_at IS NULL OR stripe_checkout_session_id IS NOT NULL)
        WHEN 'embedded' THEN num_nonnulls(stripe_checkout_session_id, completed_at) = 0
        ELSE false
    END);
";

const GRANTS: &str = r"
-- Whether the person has confirmed that a purchase ends it; the purchase then does, once it runs.
ALTER TABLE complimentary_grants ADD COLUMN leaves_on_purchase boolean NOT NULL DEFAULT false;
";

const SECONDS: &str = r"
-- Subscriptions that an account had one too many of.
CREATE TABLE second_subscriptions (
    stripe_subscription_id text PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    found_at timestamptz NOT NULL,
    -- When it was ended and all of it given back.
    ended_at timestamptz
);
";
