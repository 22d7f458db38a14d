//! Somebody asks for an offer: the row first, then the mail to those who sell, which never fails it.

use serde_json::json;
use thiserror::Error;
use tollgate_identity::{
    CompanyName, OneLine, PersonName,
    lead::{LeadMessage, LeadStatus},
    limit,
};
use tollgate_primitives::{EmailAddress, JobKey, LeadId, UserId};

use crate::{
    App, JobFailed, Session, TooOften,
    ports::{AuditEntry, Job, JobKind, LeadSource, Mail, SalesLead, StoreError},
};

#[derive(Debug)]
pub struct SubmitLead {
    pub email: EmailAddress,
    pub name: PersonName,
    pub company: CompanyName,
    pub team_size: Option<OneLine>,
    pub message: Option<LeadMessage>,
    pub source: LeadSource,
    pub posthog_distinct_id: Option<String>,
    pub origin: Session,
}

#[derive(Debug, Error)]
pub enum SubmitLeadError {
    #[error(transparent)]
    TooOften(#[from] TooOften),
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Debug, Error)]
pub enum MoveLeadError {
    #[error("there is no such lead")]
    Unknown,
    #[error("the lead is further already: {}", .0.as_str())]
    IsFurther(LeadStatus),
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub async fn submit_lead(app: &App, command: SubmitLead) -> Result<LeadId, SubmitLeadError> {
    app.try_from_network(limit::SALES_LEAD, &command.origin)
        .await?;
    let now = app.clock.now();
    let lead = SalesLead {
        id: LeadId::from_uuid(app.entropy.uuid(now)),
        email: command.email,
        name: command.name.into(),
        company: command.company.into(),
        team_size: command.team_size.map(Into::into),
        message: command.message.map(|message| message.as_str().to_owned()),
        source: command.source,
        posthog_distinct_id: command.posthog_distinct_id,
        status: LeadStatus::New,
        created_at: now,
    };
    let mut tx = app.store.begin().await?;
    tx.insert_lead(&lead).await?;
    let entry = AuditEntry {
        actor: None,
        account: None,
        action: "sales_lead_received",
        detail: json!({ "lead": lead.id, "source": lead.source.as_str() }),
    };
    tx.audit(&entry, now).await?;
    if app.settings.sales_lead_recipient.is_some() {
        let kind = JobKind::MailSalesLead { lead: lead.id };
        tx.enqueue(&Job::now(JobKey::new(kind.name(), lead.id), kind))
            .await?;
    }
    tx.commit().await?;
    Ok(lead.id)
}

pub async fn move_lead(
    app: &App,
    actor: UserId,
    id: LeadId,
    status: LeadStatus,
) -> Result<SalesLead, MoveLeadError> {
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    let lead = tx.lock_lead(id).await?.ok_or(MoveLeadError::Unknown)?;
    if !lead.status.may_become(status) {
        return Err(MoveLeadError::IsFurther(lead.status));
    }
    if lead.status != status {
        tx.put_lead_status(id, status, now).await?;
        let entry = AuditEntry {
            actor: Some(actor),
            account: None,
            action: "sales_lead_moved",
            detail: json!({ "lead": id, "status": status.as_str() }),
        };
        tx.audit(&entry, now).await?;
    }
    tx.commit().await?;
    Ok(SalesLead { status, ..lead })
}

/// Nobody to tell is no failure: the operator has the list.
pub(crate) async fn mail_sales_lead(app: &App, key: &JobKey, id: LeadId) -> Result<(), JobFailed> {
    let Some(to) = &app.settings.sales_lead_recipient else {
        return Ok(());
    };
    let Some(lead) = app.leads.lead(id).await? else {
        return Ok(());
    };
    let mail = Mail::SalesLead(Box::new(lead));
    app.mailer.send(key, to, &mail).await?;
    Ok(())
}
