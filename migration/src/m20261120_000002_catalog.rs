//! What each plan allows and how it is sold, and what single accounts may beyond their plan.

use sea_orm_migration::prelude::*;

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(TABLES).await?;
        connection.execute_unprepared(SHIPPED_PLANS).await?;
        Ok(())
    }
}

const TABLES: &str = r#"
CREATE TABLE plan_limits (
    plan text PRIMARY KEY,
    -- Limit key to a whole number, or to null for unlimited.
    limits jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT plan_limits_plan CHECK (plan ~ '^[a-z][a-z0-9_-]{0,39}$'),
    CONSTRAINT plan_limits_limits CHECK (
        jsonb_typeof(limits) = 'object'
        AND NOT jsonb_path_exists(limits, 'strict $.* ? (@ != null && (@.type() != "number" || @ < 0 || @ != @.floor()))')
    )
);

CREATE TABLE plan_billing (
    plan text PRIMARY KEY REFERENCES plan_limits,
    display_name text NOT NULL,
    description text,
    stripe_product_id text,
    stripe_monthly_price_id text CONSTRAINT plan_billing_monthly_price_key UNIQUE,
    stripe_annual_price_id text CONSTRAINT plan_billing_annual_price_key UNIQUE,
    monthly_price_cents bigint,
    annual_price_cents bigint,
    currency text,
    is_public boolean NOT NULL DEFAULT false,
    is_archived boolean NOT NULL DEFAULT false,
    self_serve boolean NOT NULL DEFAULT false,
    sort_order integer NOT NULL DEFAULT 0,
    CONSTRAINT plan_billing_currency CHECK (currency ~ '^[a-z]{3}$'),
    CONSTRAINT plan_billing_amounts CHECK (
        (num_nonnulls(monthly_price_cents, annual_price_cents) = 0 OR currency IS NOT NULL)
        AND monthly_price_cents >= 0 AND annual_price_cents >= 0
    )
);

-- Every price that a plan was ever sold at, added to and never taken from: who bought at an old one
-- still has it.
CREATE TABLE plan_prices (
    price_id text PRIMARY KEY,
    plan text NOT NULL REFERENCES plan_limits,
    billing_interval text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT plan_prices_billing_interval CHECK (billing_interval IN ('monthly', 'annual'))
);

CREATE TABLE feature_flags (
    key text PRIMARY KEY,
    description text NOT NULL,
    CONSTRAINT feature_flags_key CHECK (key ~ '^[a-z0-9_.-]{1,60}$')
);

CREATE TABLE plan_feature_defaults (
    plan text NOT NULL REFERENCES plan_limits,
    feature text NOT NULL REFERENCES feature_flags ON DELETE CASCADE,
    enabled boolean NOT NULL,
    PRIMARY KEY (plan, feature)
);

CREATE TABLE account_feature_overrides (
    account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    feature text NOT NULL REFERENCES feature_flags ON DELETE CASCADE,
    enabled boolean NOT NULL,
    expires_at timestamptz,
    PRIMARY KEY (account_id, feature)
);

CREATE TABLE account_limit_overrides (
    account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    limit_key text NOT NULL,
    -- Null is unlimited.
    value bigint,
    expires_at timestamptz,
    PRIMARY KEY (account_id, limit_key),
    CONSTRAINT account_limit_overrides_key CHECK (limit_key ~ '^[a-z0-9_.-]{1,60}$'),
    CONSTRAINT account_limit_overrides_value CHECK (value >= 0)
);
"#;

const SHIPPED_PLANS: &str = r#"
INSERT INTO plan_limits (plan, limits) VALUES
    ('free', '{"max_users": 2, "max_projects": 3}'),
    ('starter', '{"max_users": 5, "max_projects": 20}'),
    ('pro', '{"max_users": 25, "max_projects": 200}'),
    ('enterprise', '{"max_users": null, "max_projects": null}');

INSERT INTO plan_billing (plan, display_name, description, is_public, self_serve, sort_order) VALUES
    ('free', 'Free', 'For trying things out', true, false, 10),
    ('starter', 'Starter', 'For a small team', true, true, 20),
    ('pro', 'Pro', 'For a team that depends on it', true, true, 30),
    ('enterprise', 'Enterprise', 'For organisations with their own rules', true, false, 40);

INSERT INTO feature_flags (key, description) VALUES
    ('api_access', 'Use the product through its API'),
    ('custom_branding', 'Show the account''s own name and colours'),
    ('audit_export', 'Export the audit trail'),
    ('sso', 'Sign in through the account''s own identity provider');

INSERT INTO plan_feature_defaults (plan, feature, enabled) VALUES
    ('starter', 'api_access', true),
    ('pro', 'api_access', true),
    ('pro', 'custom_branding', true),
    ('enterprise', 'api_access', true),
    ('enterprise', 'custom_branding', true),
    ('enterprise', 'audit_export', true),
    ('enterprise', 'sso', true);
"#;
