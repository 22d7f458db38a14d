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
/// cancellation. Which of them a status has is one rule for each variant of the stored state, and a
/// broken rule is told as the constraint of its name.
///
/// The rules are one compiled function: `PostgreSQL` parses the expression of a CHECK anew in every
/// statement that writes the table, and seventeen of them cost four times the write itself.
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
    updated_at timestamptz NOT NULL
);

CREATE FUNCTION subscription_is_whole(s subscriptions) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    broken text := CASE
        WHEN s.status NOT IN (
            'free', 'trialing', 'pending_payment', 'active', 'past_due', 'unpaid', 'paused', 'canceled', 'expired'
        ) THEN 'status'
        WHEN num_nonnulls(
            s.plan, s.billing_interval, s.seat_limit, s.stripe_subscription_id, s.stripe_price_id,
            s.provider_stamp, s.current_period_start, s.current_period_end
        ) NOT IN (0, 8) THEN 'bought_whole'
        WHEN num_nonnulls(s.trial_plan, s.trial_start, s.trial_end) NOT IN (0, 3) THEN 'trial_whole'
        WHEN num_nonnulls(s.cancel_at, s.cancel_is_auto) NOT IN (0, 2)
            OR (s.cancel_at IS NOT NULL AND s.plan IS NULL) THEN 'cancellation_whole'
        WHEN s.billing_interval NOT IN ('monthly', 'annual') THEN 'billing_interval'
        WHEN s.seat_limit NOT BETWEEN 0 AND 4294967295 THEN 'seat_limit'
        WHEN s.failed_attempt NOT BETWEEN 0 AND 4294967295 THEN 'failed_attempt'
        WHEN s.current_period_start > s.current_period_end OR s.trial_start > s.trial_end THEN 'periods'
        WHEN NOT CASE s.status
            -- Perhaps with a purchase that failed in it.
            WHEN 'free' THEN
                s.since IS NOT NULL AND num_nonnulls(s.trial_plan, s.failed_attempt) = 0
                AND (s.plan IS NULL) = (s.ended_at IS NULL)
            -- Ours, perhaps with a purchase that failed in it; or the provider's.
            WHEN 'trialing' THEN
                num_nonnulls(s.since, s.failed_attempt) = 0
                AND CASE WHEN s.trial_plan IS NOT NULL
                    THEN (s.plan IS NULL) = (s.ended_at IS NULL)
                    ELSE s.plan IS NOT NULL AND s.ended_at IS NULL
                END
            WHEN 'pending_payment' THEN
                s.plan IS NOT NULL AND num_nonnulls(s.failed_attempt, s.ended_at) = 0
                AND num_nonnulls(s.trial_plan, s.since) <= 1
            WHEN 'active' THEN
                s.plan IS NOT NULL AND num_nonnulls(s.trial_plan, s.since, s.failed_attempt, s.ended_at) = 0
            WHEN 'past_due' THEN
                num_nonnulls(s.plan, s.since, s.failed_attempt) = 3 AND num_nonnulls(s.trial_plan, s.ended_at) = 0
            WHEN 'unpaid' THEN
                num_nonnulls(s.plan, s.since) = 2
                AND num_nonnulls(s.trial_plan, s.failed_attempt, s.ended_at) = 0
            WHEN 'paused' THEN
                s.plan IS NOT NULL AND num_nonnulls(s.trial_plan, s.since, s.failed_attempt, s.ended_at) = 0
            WHEN 'canceled' THEN
                num_nonnulls(s.plan, s.ended_at) = 2
                AND num_nonnulls(s.trial_plan, s.since, s.failed_attempt) = 0
            WHEN 'expired' THEN
                num_nonnulls(s.plan, s.ended_at) = 2
                AND num_nonnulls(s.trial_plan, s.since, s.failed_attempt) = 0
        END THEN s.status
    END;
BEGIN
    IF broken IS NOT NULL THEN
        RAISE check_violation USING
            MESSAGE = format('the subscription breaks the rule %L', broken),
            TABLE = 'subscriptions', CONSTRAINT = 'subscriptions_' || broken;
    END IF;
    RETURN true;
END
$$;
ALTER TABLE subscriptions ADD CONSTRAINT subscriptions_whole CHECK (subscription_is_whole(subscriptions));

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
