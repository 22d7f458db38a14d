//! What an account has bought or is buying, and the inbox of what the provider said.

use sea_orm_migration::prelude::*;

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(SUBSCRIPTIONS).await?;
        connection.execute_unprepared(PURCHASES).await?;
        connection.execute_unprepared(INBOX).await?;
        Ok(())
    }
}

/// Three groups of columns, each whole or absent: what was bought, our own trial, a scheduled
/// cancellation. Which of them a status has is one CHECK for each variant of the stored state.
const SUBSCRIPTIONS: &str = r"
CREATE TABLE subscriptions (
    account_id uuid PRIMARY KEY REFERENCES accounts ON DELETE CASCADE,
    status text NOT NULL,
    plan text REFERENCES plan_limits,
    billing_interval text,
    seat_limit bigint,
    stripe_subscription_id text CONSTRAINT subscriptions_stripe_subscription_id_key UNIQUE,
    stripe_price_id text,
    -- When the provider said what is stored here, in Unix seconds of its clock.
    provider_stamp bigint,
    current_period_start timestamptz,
    current_period_end timestamptz,
    cancel_at timestamptz,
    cancel_is_auto boolean,
    trial_plan text REFERENCES plan_limits,
    trial_start timestamptz,
    trial_end timestamptz,
    -- Since when the account is on the free plan, or owes.
    since timestamptz,
    -- The last failed attempt the customer was told about.
    failed_attempt bigint,
    ended_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT subscriptions_status CHECK (status IN (
        'free', 'trialing', 'pending_payment', 'active', 'past_due', 'unpaid', 'paused', 'canceled', 'expired'
    )),
    CONSTRAINT subscriptions_bought_whole CHECK (num_nonnulls(
        plan, billing_interval, seat_limit, stripe_subscription_id, stripe_price_id, provider_stamp,
        current_period_start, current_period_end
    ) IN (0, 8)),
    CONSTRAINT subscriptions_trial_whole CHECK (num_nonnulls(trial_plan, trial_start, trial_end) IN (0, 3)),
    CONSTRAINT subscriptions_cancellation_whole CHECK (
        num_nonnulls(cancel_at, cancel_is_auto) IN (0, 2) AND (cancel_at IS NULL OR plan IS NOT NULL)
    ),
    CONSTRAINT subscriptions_billing_interval CHECK (billing_interval IN ('monthly', 'annual')),
    CONSTRAINT subscriptions_seat_limit CHECK (seat_limit BETWEEN 0 AND 4294967295),
    CONSTRAINT subscriptions_failed_attempt CHECK (failed_attempt BETWEEN 0 AND 4294967295),
    CONSTRAINT subscriptions_periods CHECK (current_period_start <= current_period_end AND trial_start <= trial_end),
    -- Perhaps with a purchase that failed in it.
    CONSTRAINT subscriptions_free CHECK (status <> 'free' OR (
        since IS NOT NULL AND num_nonnulls(trial_plan, failed_attempt) = 0
        AND (plan IS NULL) = (ended_at IS NULL)
    )),
    -- Ours, perhaps with a purchase that failed in it; or the provider's.
    CONSTRAINT subscriptions_trialing CHECK (status <> 'trialing' OR (
        num_nonnulls(since, failed_attempt) = 0
        AND CASE WHEN trial_plan IS NOT NULL
            THEN (plan IS NULL) = (ended_at IS NULL)
            ELSE plan IS NOT NULL AND ended_at IS NULL
        END
    )),
    CONSTRAINT subscriptions_pending_payment CHECK (status <> 'pending_payment' OR (
        plan IS NOT NULL AND num_nonnulls(failed_attempt, ended_at) = 0
        AND num_nonnulls(trial_plan, since) <= 1
    )),
    CONSTRAINT subscriptions_active CHECK (status <> 'active' OR (
        plan IS NOT NULL AND num_nonnulls(trial_plan, since, failed_attempt, ended_at) = 0
    )),
    CONSTRAINT subscriptions_past_due CHECK (status <> 'past_due' OR (
        num_nonnulls(plan, since, failed_attempt) = 3 AND num_nonnulls(trial_plan, ended_at) = 0
    )),
    CONSTRAINT subscriptions_unpaid CHECK (status <> 'unpaid' OR (
        num_nonnulls(plan, since) = 2 AND num_nonnulls(trial_plan, failed_attempt, ended_at) = 0
    )),
    CONSTRAINT subscriptions_paused CHECK (status <> 'paused' OR (
        plan IS NOT NULL AND num_nonnulls(trial_plan, since, failed_attempt, ended_at) = 0
    )),
    CONSTRAINT subscriptions_canceled CHECK (status <> 'canceled' OR (
        num_nonnulls(plan, ended_at) = 2 AND num_nonnulls(trial_plan, since, failed_attempt) = 0
    )),
    CONSTRAINT subscriptions_expired CHECK (status <> 'expired' OR (
        num_nonnulls(plan, ended_at) = 2 AND num_nonnulls(trial_plan, since, failed_attempt) = 0
    ))
);
CREATE INDEX subscriptions_pending_idx ON subscriptions (created_at) WHERE status = 'pending_payment';

CREATE TABLE complimentary_grants (
    account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    id uuid NOT NULL,
    plan text NOT NULL REFERENCES plan_limits,
    reason text NOT NULL,
    -- No reference: the grant outlives the operator.
    granted_by uuid NOT NULL,
    granted_at timestamptz NOT NULL,
    ends_at timestamptz,
    ended_at timestamptz,
    PRIMARY KEY (account_id, id),
    CONSTRAINT complimentary_grants_reason CHECK (btrim(reason) <> '')
);
CREATE UNIQUE INDEX complimentary_grants_open_key ON complimentary_grants (account_id) WHERE ended_at IS NULL;
";

const PURCHASES: &str = r"
CREATE TABLE purchase_reservations (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    plan text NOT NULL REFERENCES plan_limits,
    seats bigint NOT NULL,
    billing_interval text NOT NULL,
    stripe_price_id text NOT NULL,
    trial_end timestamptz,
    attempt bigint NOT NULL,
    expires_at timestamptz NOT NULL,
    stripe_checkout_session_id text CONSTRAINT purchase_reservations_checkout_session_key UNIQUE,
    checkout_url text,
    created_at timestamptz NOT NULL,
    closed_at timestamptz,
    CONSTRAINT purchase_reservations_account_key UNIQUE (account_id, id),
    CONSTRAINT purchase_reservations_billing_interval CHECK (billing_interval IN ('monthly', 'annual')),
    CONSTRAINT purchase_reservations_seats CHECK (seats BETWEEN 0 AND 4294967295),
    CONSTRAINT purchase_reservations_attempt CHECK (attempt BETWEEN 0 AND 4294967295),
    CONSTRAINT purchase_reservations_checkout_whole CHECK (
        num_nonnulls(stripe_checkout_session_id, checkout_url) IN (0, 2)
    )
);
CREATE UNIQUE INDEX purchase_reservations_open_key ON purchase_reservations (account_id) WHERE closed_at IS NULL;
";

/// The body is text, not jsonb: it is stored as it was signed.
const INBOX: &str = r"
CREATE TABLE webhook_events (
    id text PRIMARY KEY,
    type text NOT NULL,
    api_version text,
    -- The provider's stamp, in Unix seconds of its clock.
    created bigint NOT NULL,
    body text NOT NULL,
    status text NOT NULL,
    attempts bigint NOT NULL,
    last_error text,
    received_at timestamptz NOT NULL,
    CONSTRAINT webhook_events_status CHECK (status IN ('received', 'applied', 'ignored', 'failed', 'dead')),
    CONSTRAINT webhook_events_attempts CHECK (attempts BETWEEN 1 AND 4294967295),
    CONSTRAINT webhook_events_error CHECK ((last_error IS NOT NULL) = (status IN ('failed', 'dead')))
);
CREATE INDEX webhook_events_open_idx ON webhook_events (status, received_at)
    WHERE status IN ('received', 'failed', 'dead');
CREATE INDEX webhook_events_done_idx ON webhook_events (received_at) WHERE status IN ('applied', 'ignored');

DO $$ BEGIN
    ALTER TABLE webhook_events ALTER COLUMN body SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    NULL; -- This server was built without lz4; its default does.
END $$;
";
