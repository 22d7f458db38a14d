//! Who asked for an offer.

use sea_orm_migration::prelude::*;

#[derive(Debug, DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(SALES_LEADS).await?;
        Ok(())
    }
}

/// Ids are in the order of time, so that the lists of the operator follow the indexes.
const SALES_LEADS: &str = "
CREATE TABLE sales_leads (
    id uuid PRIMARY KEY,
    email text NOT NULL,
    name text NOT NULL,
    company text NOT NULL,
    team_size text,
    message text,
    source text NOT NULL,
    posthog_distinct_id text,
    status text NOT NULL DEFAULT 'new',
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT sales_leads_email_canonical CHECK (email = lower(email) AND email = btrim(email)),
    CONSTRAINT sales_leads_lengths CHECK (
        length(email) <= 254 AND length(name) <= 80 AND length(company) <= 80
        AND length(team_size) <= 80 AND length(message) <= 4000 AND length(posthog_distinct_id) <= 200
    ),
    CONSTRAINT sales_leads_source CHECK (source IN ('pricing_page', 'register_footer', 'landing_page')),
    CONSTRAINT sales_leads_status CHECK (status IN ('new', 'contacted', 'closed'))
);
CREATE INDEX sales_leads_status_idx ON sales_leads (status, id);
";
