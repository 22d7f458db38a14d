//! Who asks for an offer, or to be let in early; and the list of them for the operator.

use std::time::Duration;

use actix_web::{HttpResponse, get, http::header, patch, post, web};
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use tollgate_identity::{
    CompanyName, NameInvalid, OneLine, PersonName,
    lead::{LeadMessage, LeadStatus},
};
use tollgate_primitives::{EmailAddress, LeadId};
use tollgate_use_cases::{
    App, Session, SubmitLead, move_lead,
    ports::{LeadSource, SalesLead},
    submit_lead,
};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::http::{
    body::{DEFAULT_LIMIT, JsonBody, Query},
    caller::{Origin, Super},
    cursor,
    error::{ApiError, ErrorBody, FieldError},
    fields::field,
};

/// The longest id that a visitor's browser was given elsewhere.
const LONGEST_DISTINCT_ID: usize = 200;

/// As much of a body that nobody reads is taken, for so long, before it is answered.
const MOST_UNREAD: usize = 16 << 20;
const LONGEST_UNREAD: Duration = Duration::from_secs(10);

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LeadBody {
    #[schema(example = "ada@example.com")]
    email: String,
    name: String,
    company: String,
    /// In whichever words.
    team_size: Option<String>,
    /// Up to 4000 characters of plain text.
    message: Option<String>,
    source: LeadSourceBody,
    posthog_distinct_id: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LeadSourceBody {
    PricingPage,
    RegisterFooter,
    LandingPage,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReceivedBody {
    id: Uuid,
    #[schema(example = "received")]
    status: &'static str,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LeadsParams {
    /// Only those that are so far.
    status: Option<LeadStatusBody>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LeadStatusBody {
    New,
    Contacted,
    Closed,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LeadsBody {
    /// Newest first.
    items: Vec<ShownLeadBody>,
    next_cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShownLeadBody {
    id: Uuid,
    email: String,
    name: String,
    company: String,
    team_size: Option<String>,
    message: Option<String>,
    #[schema(example = "pricing_page")]
    source: &'static str,
    #[schema(example = "new")]
    status: &'static str,
    created_at: DateTime<Utc>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MoveLeadBody {
    /// `new`, `contacted`, `closed`: a lead only goes forward.
    status: LeadStatusBody,
}

/// Asks for an offer.
#[utoipa::path(
    operation_id = "submitSalesLead",
    tag = "public",
    request_body = LeadBody,
    responses(
        (status = 201, description = "Received; whoever sells is told by mail", body = ReceivedBody),
        (status = 400, description = "malformed_json · unknown_field", body = ErrorBody),
        (status = 413, description = "body_too_large", body = ErrorBody),
        (status = 415, description = "unsupported_media_type", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 429, description = "rate_limited", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[post("/sales-leads")]
pub(crate) async fn submit(
    app: web::Data<App>,
    origin: Origin,
    JsonBody(body): JsonBody<LeadBody, DEFAULT_LIMIT>,
) -> Result<HttpResponse, ApiError> {
    let id = submit_lead(&app, check(&body, origin.0)?).await?;
    Ok(HttpResponse::Created().json(ReceivedBody {
        id: id.as_uuid(),
        status: "received",
    }))
}

/// Leads to the sign-up page, whatever was sent.
#[utoipa::path(
    operation_id = "betaSignup",
    tag = "public",
    responses((status = 307, description = "To the sign-up page"))
)]
#[post("/beta-signup")]
pub(crate) async fn beta_signup(app: web::Data<App>, body: web::Payload) -> HttpResponse {
    // An answer in the middle of an upload would reach few clients.
    let _ = tokio::time::timeout(LONGEST_UNREAD, drain(body)).await;
    let to = format!("{}/register?from=beta", app.settings.frontend_url);
    HttpResponse::TemporaryRedirect()
        .insert_header((header::LOCATION, to))
        .finish()
}

async fn drain(mut body: web::Payload) {
    let mut left = MOST_UNREAD;
    while let Some(Ok(part)) = body.next().await {
        let Some(less) = left.checked_sub(part.len()) else {
            return;
        };
        left = less;
    }
}

/// Lists who asked for an offer.
#[utoipa::path(
    operation_id = "listSalesLeads",
    tag = "operator",
    security(("access_token" = [])),
    params(LeadsParams),
    responses(
        (status = 200, body = LeadsBody),
        (status = 400, description = "unknown_field · malformed_query · invalid_cursor", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 403, description = "super_admin_only", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[get("/sales-leads")]
pub(crate) async fn list(
    app: web::Data<App>,
    _: Super,
    Query(params): Query<LeadsParams>,
) -> Result<web::Json<LeadsBody>, ApiError> {
    let after: Option<LeadId> = cursor::decode(params.cursor.as_deref())?;
    let page = app
        .leads
        .leads(params.status.map(Into::into), after)
        .await?;
    let last = page.items.last().filter(|_| page.has_more);
    let next_cursor = last.map(|last| cursor::encode(&last.id));
    Ok(web::Json(LeadsBody {
        next_cursor: next_cursor.transpose()?,
        items: page.items.into_iter().map(Into::into).collect(),
    }))
}

/// Says how far a lead is.
#[utoipa::path(
    operation_id = "moveSalesLead",
    tag = "operator",
    security(("access_token" = [])),
    params(("id" = Uuid, Path)),
    request_body = MoveLeadBody,
    responses(
        (status = 200, body = ShownLeadBody),
        (status = 400, description = "malformed_json · unknown_field", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 403, description = "super_admin_only", body = ErrorBody),
        (status = 404, description = "lead_not_found", body = ErrorBody),
        (status = 409, description = "lead_is_further", body = ErrorBody),
        (status = 413, description = "body_too_large", body = ErrorBody),
        (status = 415, description = "unsupported_media_type", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[patch("/sales-leads/{id}")]
pub(crate) async fn update(
    app: web::Data<App>,
    Super(caller): Super,
    id: web::Path<String>,
    JsonBody(body): JsonBody<MoveLeadBody, DEFAULT_LIMIT>,
) -> Result<web::Json<ShownLeadBody>, ApiError> {
    let id: LeadId = id.parse().map_err(|_| ApiError::lead_not_found())?;
    let lead = move_lead(&app, caller.user, id, body.status.into()).await?;
    Ok(web::Json(lead.into()))
}

/// Every field is checked before any is reported. What a form sends empty was not said.
fn check(body: &LeadBody, origin: Session) -> Result<SubmitLead, ApiError> {
    let mut wrong = Vec::new();
    let mut note = |error: FieldError| wrong.push(error);
    let name_error = |of: &'static str| move |error: NameInvalid| field(of, error.code(), error);
    let email = EmailAddress::parse(&body.email)
        .map_err(|error| note(field("email", "invalid_email", error)));
    let name = PersonName::parse(&body.name).map_err(|error| note(name_error("name")(error)));
    let company =
        CompanyName::parse(&body.company).map_err(|error| note(name_error("company")(error)));
    let team_size = said(body.team_size.as_deref())
        .map(OneLine::parse)
        .transpose();
    let team_size = team_size.map_err(|error| note(name_error("team_size")(error)));
    let message = LeadMessage::parse(body.message.as_deref().unwrap_or_default())
        .map_err(|error| note(field("message", error.code(), error)));
    let distinct_id = said(body.posthog_distinct_id.as_deref())
        .map(distinct_id)
        .transpose();
    let distinct_id = distinct_id.map_err(note);
    match (email, name, company, team_size, message, distinct_id) {
        (Ok(email), Ok(name), Ok(company), Ok(team_size), Ok(message), Ok(distinct_id)) => {
            Ok(SubmitLead {
                email,
                name,
                company,
                team_size,
                message,
                source: body.source.into(),
                posthog_distinct_id: distinct_id,
                origin,
            })
        }
        _ => Err(ApiError::validation(&wrong)),
    }
}

fn said(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

fn distinct_id(id: &str) -> Result<String, FieldError> {
    if id.len() > LONGEST_DISTINCT_ID || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = "Send at most 200 visible ASCII characters.";
        return Err(field("posthog_distinct_id", "invalid", message));
    }
    Ok(id.to_owned())
}

impl From<LeadSourceBody> for LeadSource {
    fn from(source: LeadSourceBody) -> Self {
        match source {
            LeadSourceBody::PricingPage => Self::PricingPage,
            LeadSourceBody::RegisterFooter => Self::RegisterFooter,
            LeadSourceBody::LandingPage => Self::LandingPage,
        }
    }
}

impl From<LeadStatusBody> for LeadStatus {
    fn from(status: LeadStatusBody) -> Self {
        match status {
            LeadStatusBody::New => Self::New,
            LeadStatusBody::Contacted => Self::Contacted,
            LeadStatusBody::Closed => Self::Closed,
        }
    }
}

impl From<SalesLead> for ShownLeadBody {
    fn from(lead: SalesLead) -> Self {
        Self {
            id: lead.id.as_uuid(),
            email: lead.email.into(),
            name: lead.name,
            company: lead.company,
            team_size: lead.team_size,
            message: lead.message,
            source: lead.source.as_str(),
            status: lead.status.as_str(),
            created_at: lead.created_at.as_datetime(),
        }
    }
}
