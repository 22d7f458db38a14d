//! A purchase that failed after something that ran remembers when that was over.

use sea_orm_migration::prelude::*;

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(RULES).await?;
        Ok(())
    }
}

const RULES: &str = r"
CREATE OR REPLACE FUNCTION subscription_is_whole(s subscriptions) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
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
                s.plan IS NOT NULL AND s.failed_attempt IS NULL
                -- The end is that of what ran before.
                AND num_nonnulls(s.trial_plan, s.since, s.ended_at) <= 1
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
                -- Perhaps since what ran before it was over.
                AND num_nonnulls(s.trial_plan, s.failed_attempt) = 0
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
";
