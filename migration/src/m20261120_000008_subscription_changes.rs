//! What people asked to be changed of what they bought, written before the provider is asked.

use sea_orm_migration::prelude::*;

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(CHANGES).await?;
        Ok(())
    }
}

/// The terms are there for a move and for nothing else. One change of an account is open at a time, so
/// that the provider is told in one order.
const CHANGES: &str = r"
CREATE TABLE subscription_changes (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    stripe_subscription_id text NOT NULL,
    kind text NOT NULL,
    plan text REFERENCES plan_limits,
    billing_interval text,
    stripe_price_id text,
    seats bigint,
    proration_date timestamptz,
    -- No reference: the change outlives the person.
    requested_by uuid NOT NULL,
    requested_at timestamptz NOT NULL,
    closed_at timestamptz,
    is_done boolean,
    CONSTRAINT subscription_changes_account_key UNIQUE (account_id, id),
    CONSTRAINT subscription_changes_kind CHECK (kind IN ('cancel', 'keep', 'move')),
    CONSTRAINT subscription_changes_terms CHECK (
        num_nonnulls(plan, billing_interval, stripe_price_id, seats) = CASE kind WHEN 'move' THEN 4 ELSE 0 END
        AND (kind = 'move' OR proration_date IS NULL)
    ),
    CONSTRAINT subscription_changes_billing_interval CHECK (billing_interval IN ('monthly', 'annual')),
    CONSTRAINT subscription_changes_seats CHECK (seats BETWEEN 0 AND 4294967295),
    CONSTRAINT subscription_changes_closed CHECK ((closed_at IS NULL) = (is_done IS NULL))
);
CREATE UNIQUE INDEX subscription_changes_open_key ON subscription_changes (account_id) WHERE closed_at IS NULL;
";
