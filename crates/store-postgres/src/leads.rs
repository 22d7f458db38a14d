//! Who asked for an offer. The operator's lists follow an index each.

use async_trait::async_trait;
use sea_orm::{QueryResult, Value};
use tollgate_identity::lead::LeadStatus;
use tollgate_primitives::{LeadId, Timestamp};
use tollgate_use_cases::ports::{LeadSource, LeadWrites, Leads, PAGE, Page, SalesLead, StoreError};
use uuid::Uuid;

use crate::{
    PostgresStore,
    columns::{Columns, Table, all, execute, one, statement},
    transaction::PostgresTransaction,
};

const LEADS: Table = Table("sales_leads");

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, email, name, company, team_size, message, source, posthog_distinct_id, \
             status, created_at FROM sales_leads ",
            $rest
        )
    };
}

#[async_trait]
impl Leads for PostgresStore {
    async fn lead(&self, id: LeadId) -> Result<Option<SalesLead>, StoreError> {
        let asked = statement(select!("WHERE id = $1"), [id.as_uuid().into()]);
        let row = one(self.database(), "find the lead", asked).await?;
        row.as_ref().map(from_row).transpose()
    }

    async fn leads(
        &self,
        status: Option<LeadStatus>,
        after: Option<LeadId>,
    ) -> Result<Page<SalesLead>, StoreError> {
        let rows = i64::try_from(PAGE + 1).unwrap_or(i64::MAX);
        let before = after.map_or(Uuid::max(), LeadId::as_uuid);
        let place: [Value; 2] = [before.into(), rows.into()];
        let asked = match status {
            None => statement(select!("WHERE id < $1 ORDER BY id DESC LIMIT $2"), place),
            Some(status) => statement(
                select!("WHERE id < $1 AND status = $3 ORDER BY id DESC LIMIT $2"),
                place.into_iter().chain([status.as_str().into()]),
            ),
        };
        let rows = all(self.database(), "list the leads", asked).await?;
        let leads: Result<_, _> = rows.iter().map(from_row).collect();
        Ok(Page::of(leads?))
    }
}

const INSERT: &str = "INSERT INTO sales_leads (id, email, name, company, team_size, message, \
     source, posthog_distinct_id, status, created_at, updated_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)";

const PUT_STATUS: &str = "UPDATE sales_leads SET status = $2, updated_at = $3 WHERE id = $1";

#[async_trait]
impl LeadWrites for PostgresTransaction {
    async fn insert_lead(&mut self, lead: &SalesLead) -> Result<(), StoreError> {
        let values = [
            lead.id.as_uuid().into(),
            lead.email.as_str().into(),
            lead.name.as_str().into(),
            lead.company.as_str().into(),
            lead.team_size.clone().into(),
            lead.message.clone().into(),
            lead.source.as_str().into(),
            lead.posthog_distinct_id.clone().into(),
            lead.status.as_str().into(),
            lead.created_at.as_datetime().into(),
        ];
        execute(&self.0, "insert the lead", statement(INSERT, values)).await?;
        Ok(())
    }

    async fn lock_lead(&mut self, id: LeadId) -> Result<Option<SalesLead>, StoreError> {
        let lock = statement(select!("WHERE id = $1 FOR UPDATE"), [id.as_uuid().into()]);
        let row = one(&self.0, "lock the lead", lock).await?;
        row.as_ref().map(from_row).transpose()
    }

    async fn put_lead_status(
        &mut self,
        id: LeadId,
        status: LeadStatus,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let values = [
            id.as_uuid().into(),
            status.as_str().into(),
            now.as_datetime().into(),
        ];
        execute(&self.0, "move the lead", statement(PUT_STATUS, values)).await?;
        Ok(())
    }
}

fn from_row(row: &QueryResult) -> Result<SalesLead, StoreError> {
    let columns = &mut Columns::new(row);
    Ok(SalesLead {
        id: LeadId::from_uuid(columns.take(LEADS, "id")?),
        email: columns.parse::<String, _>(LEADS, "email")?,
        name: columns.take(LEADS, "name")?,
        company: columns.take(LEADS, "company")?,
        team_size: columns.take(LEADS, "team_size")?,
        message: columns.take(LEADS, "message")?,
        source: source(&columns.take::<String>(LEADS, "source")?)?,
        posthog_distinct_id: columns.take(LEADS, "posthog_distinct_id")?,
        status: LeadStatus::parse(&columns.take::<String>(LEADS, "status")?)
            .map_err(|error| LEADS.corrupt("status", error))?,
        created_at: columns.timestamp(LEADS, "created_at")?,
    })
}

fn source(text: &str) -> Result<LeadSource, StoreError> {
    LeadSource::ALL
        .into_iter()
        .find(|source| source.as_str() == text)
        .ok_or_else(|| LEADS.corrupt("source", "is none of ours"))
}
