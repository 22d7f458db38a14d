//! The wizard, the checklist, and the banner that was seen.

use actix_web::{HttpResponse, get, patch, post, web};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tollgate_onboarding::{NextStep, Progress, RoleAtSignup, Step, Tools};
use tollgate_use_cases::{
    ACCOUNT, App, OnboardingStatus, StepAnswers, acknowledge_kept_banner, dismiss_onboarding,
    onboarding_status, take_step,
};
use utoipa::ToSchema;

use super::profiles::account_field;
use crate::http::{
    body::{DEFAULT_LIMIT, JsonBody},
    caller::SignedIn,
    error::{ApiError, ErrorBody},
    fields::{FieldValues, field},
};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StepBody {
    /// 1 company, 2 tool, 3 invites.
    #[schema(minimum = 1, maximum = 3)]
    step: u8,
    action: ActionBody,
    /// What was answered; not looked at when the step is skipped.
    #[schema(value_type = Option<StepData>)]
    data: Option<Value>,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ActionBody {
    Complete,
    Skip,
}

/// Of step 1 the first three, of step 2 the last, of step 3 nothing: invites have a route of their own.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the data, which is read step by step")]
pub(crate) struct StepData {
    company_name: Option<String>,
    #[schema(example = "6-10")]
    team_size_bucket: Option<String>,
    #[schema(example = "lead_tech")]
    role_at_signup: Option<String>,
    #[schema(example = "halopsa")]
    primary_psa: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProgressBody {
    onboarding_step_completed: u8,
    onboarding_dismissed: bool,
}

#[derive(Debug, Serialize, ToSchema)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a checklist is as many yes or no"
)]
pub(crate) struct ChecklistBody {
    email_verified: bool,
    shop_setup_done: bool,
    invited_teammate: bool,
    plan_picked: bool,
    connected_integration: bool,
    first_use: bool,
    /// Whether the person joined an account that was there before.
    is_team_user: bool,
    dismissed: bool,
    /// `verify_email`, `set_up`, `first_use`, `connect`, `invite`, `pick_plan`, or `null` when nothing is
    /// left to do.
    #[schema(example = "verify_email")]
    next_step: Option<&'static str>,
}

/// Does or skips one step of the wizard: the next, a later one, or the last one again.
#[utoipa::path(
    operation_id = "takeOnboardingStep",
    tag = "me",
    security(("access_token" = [])),
    request_body = StepBody,
    responses(
        (status = 200, body = ProgressBody),
        (status = 400, description = "malformed_json · unknown_field · step_cannot_decrease", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 403, description = "role_required", body = ErrorBody),
        (status = 413, description = "body_too_large", body = ErrorBody),
        (status = 415, description = "unsupported_media_type", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[patch("/users/me/onboarding-step")]
pub(crate) async fn advance(
    app: web::Data<App>,
    SignedIn(caller): SignedIn,
    JsonBody(body): JsonBody<StepBody, DEFAULT_LIMIT>,
) -> Result<web::Json<ProgressBody>, ApiError> {
    let step = Step::parse(body.step)
        .map_err(|error| ApiError::validation(&[field("step", "out_of_range", error)]))?;
    let answers = match (body.action, body.data) {
        (ActionBody::Complete, Some(data)) => answers(step, data, &app.settings.onboarding_tools)?,
        (ActionBody::Complete, None) | (ActionBody::Skip, _) => StepAnswers::default(),
    };
    Ok(web::Json(
        take_step(&app, &caller, step, answers).await?.into(),
    ))
}

/// Waves away what is left of the wizard.
#[utoipa::path(
    operation_id = "dismissOnboardingRest",
    tag = "me",
    security(("access_token" = [])),
    responses(
        (status = 200, body = ProgressBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[post("/users/me/onboarding-dismiss-rest")]
pub(crate) async fn dismiss_rest(
    app: web::Data<App>,
    SignedIn(caller): SignedIn,
) -> Result<web::Json<ProgressBody>, ApiError> {
    Ok(web::Json(dismiss_onboarding(&app, &caller).await?.into()))
}

/// The checklist, with what to do next.
#[utoipa::path(
    operation_id = "onboardingStatus",
    tag = "me",
    security(("access_token" = [])),
    responses(
        (status = 200, body = ChecklistBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[get("/users/onboarding-status")]
pub(crate) async fn status(
    app: web::Data<App>,
    SignedIn(caller): SignedIn,
) -> Result<web::Json<ChecklistBody>, ApiError> {
    Ok(web::Json(onboarding_status(&app, &caller).await?.into()))
}

/// Waves away the checklist.
#[utoipa::path(
    operation_id = "dismissOnboarding",
    tag = "me",
    security(("access_token" = [])),
    responses(
        (status = 200, body = ChecklistBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[post("/users/onboarding-dismiss")]
pub(crate) async fn dismiss(
    app: web::Data<App>,
    SignedIn(caller): SignedIn,
) -> Result<web::Json<ChecklistBody>, ApiError> {
    dismiss_onboarding(&app, &caller).await?;
    Ok(web::Json(onboarding_status(&app, &caller).await?.into()))
}

/// The banner "we kept your subscription" was seen; again is fine.
#[utoipa::path(
    operation_id = "ackKeptBanner",
    tag = "me",
    security(("access_token" = [])),
    responses(
        (status = 204, description = "It is shown no more"),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[post("/users/me/ack-kept-banner")]
pub(crate) async fn ack_kept_banner(
    app: web::Data<App>,
    SignedIn(caller): SignedIn,
) -> Result<HttpResponse, ApiError> {
    acknowledge_kept_banner(&app, &caller).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// What `data` answers to `step`. What is left out, or `null`, stays as it is.
fn answers(step: Step, data: Value, tools: &Tools) -> Result<StepAnswers, ApiError> {
    let Value::Object(data) = data else {
        let wrong = field("data", "invalid_type", "This field has the wrong type.");
        return Err(ApiError::validation(&[wrong]));
    };
    let (mut said_of_account, mut role) = (FieldValues::default(), None);
    for (name, value) in data {
        let column = match (step, name.as_str()) {
            (Step::Company, "company_name") => Some("name"),
            (Step::Company, "team_size_bucket") => Some("team_size_bucket"),
            (Step::Tool, "primary_psa") => Some("primary_psa"),
            (Step::Company, "role_at_signup") => None,
            (Step::Company | Step::Tool | Step::Invites, _) => {
                return Err(ApiError::unknown_field(&name));
            }
        };
        match column {
            _ if value.is_null() => {}
            Some(column) => {
                said_of_account.0.insert(column.to_owned(), value);
            }
            None => role = Some(role_at_signup(&value)?),
        }
    }
    let account = if said_of_account.0.is_empty() {
        None
    } else {
        let named: Vec<_> = said_of_account.0.keys().map(String::as_str).collect();
        let parse = |path: &'static str, text: &str| account_field(path, text, tools);
        Some(said_of_account.changes(&ACCOUNT, &named.join(","), parse)?)
    };
    Ok(StepAnswers { account, role })
}

fn role_at_signup(value: &Value) -> Result<RoleAtSignup, ApiError> {
    let (code, message) = match value.as_str().map(RoleAtSignup::parse) {
        Some(Ok(role)) => return Ok(role),
        Some(Err(error)) => ("invalid_choice", error.to_string()),
        None => ("invalid_type", "This field has the wrong type.".to_owned()),
    };
    Err(ApiError::validation(&[field(
        "role_at_signup",
        code,
        message,
    )]))
}

impl From<Progress> for ProgressBody {
    fn from(progress: Progress) -> Self {
        Self {
            onboarding_step_completed: progress.step_completed,
            onboarding_dismissed: progress.is_dismissed,
        }
    }
}

impl From<OnboardingStatus> for ChecklistBody {
    fn from(OnboardingStatus { list, is_team_user }: OnboardingStatus) -> Self {
        Self {
            email_verified: list.email_verified,
            shop_setup_done: list.shop_setup_done,
            invited_teammate: list.invited_teammate,
            plan_picked: list.plan_picked,
            connected_integration: list.connected_integration,
            first_use: list.first_use,
            is_team_user,
            dismissed: list.is_dismissed,
            next_step: list.next_step().map(NextStep::as_str),
        }
    }
}
