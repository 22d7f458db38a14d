//! The operator hands out codes to sign up with.

use actix_web::{HttpResponse, delete, get, post, web};
use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use tollgate_identity::{CodeEnd, CodeStatus, Terms};
use tollgate_primitives::{EmailAddress, InviteCodeId, PlanKey, Timestamp, UserId};
use tollgate_use_cases::{
    App, HandOut, HandedOut, hand_out_code, list_codes, ports::InviteCodeRecord, revoke_code,
};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::accounts::invalid;
use crate::http::{
    body::{DEFAULT_LIMIT, JsonBody, Query, is_storable},
    caller::Super,
    cursor,
    error::{ApiError, ErrorBody},
};

/// The longest note that is kept.
const LONGEST_NOTE: usize = 1000;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewInviteCodeBody {
    /// What the account begins with: `free` at once, any other plan as a trial.
    #[schema(example = "pro")]
    assigned_plan: String,
    /// The length of the trial, where it is not the usual one.
    #[schema(minimum = 1, maximum = 90)]
    trial_duration_days: Option<u16>,
    /// The only address that may use the code.
    email: Option<String>,
    /// Without one it lasts until it is used or revoked.
    expires_at: Option<DateTime<Utc>>,
    /// For operators.
    #[schema(max_length = 1000)]
    note: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct InviteCodesParams {
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InviteCodesBody {
    /// Newest first.
    items: Vec<InviteCodeBody>,
    next_cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InviteCodeBody {
    id: Uuid,
    /// `live`, `used`, `revoked` or `expired`.
    #[schema(example = "live")]
    status: &'static str,
    assigned_plan: String,
    trial_duration_days: Option<u16>,
    email: Option<String>,
    expires_at: Option<DateTime<Utc>>,
    note: Option<String>,
    created_at: DateTime<Utc>,
    created_by: Option<Uuid>,
    used_at: Option<DateTime<Utc>>,
    used_by: Option<Uuid>,
    revoked_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HandedOutBody {
    /// Shown this once.
    code: String,
    #[serde(flatten)]
    invite: InviteCodeBody,
}

/// Lists the codes that were handed out, without the codes.
#[utoipa::path(
    operation_id = "listInviteCodes",
    tag = "operator",
    security(("access_token" = [])),
    params(InviteCodesParams),
    responses(
        (status = 200, body = InviteCodesBody),
        (status = 400, description = "unknown_field · malformed_query · invalid_cursor", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 403, description = "super_admin_only", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[get("/invites")]
pub(crate) async fn list(
    app: web::Data<App>,
    _: Super,
    Query(params): Query<InviteCodesParams>,
) -> Result<web::Json<InviteCodesBody>, ApiError> {
    let page = list_codes(&app, cursor::decode(params.cursor.as_deref())?).await?;
    let last = page.items.last().filter(|_| page.has_more);
    let now = app.clock.now();
    Ok(web::Json(InviteCodesBody {
        next_cursor: last.map(|last| cursor::encode(&last.id)).transpose()?,
        items: page
            .items
            .into_iter()
            .map(|code| shown(code, now))
            .collect(),
    }))
}

/// Hands out a code with which one person can sign up.
#[utoipa::path(
    operation_id = "createInviteCode",
    tag = "operator",
    security(("access_token" = [])),
    request_body = NewInviteCodeBody,
    responses(
        (status = 201, description = "The only answer that shows the code", body = HandedOutBody),
        (status = 400, description = "malformed_json · unknown_field · invalid_plan", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 403, description = "super_admin_only", body = ErrorBody),
        (status = 413, description = "body_too_large", body = ErrorBody),
        (status = 415, description = "unsupported_media_type", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[post("/invites")]
pub(crate) async fn create(
    app: web::Data<App>,
    Super(caller): Super,
    JsonBody(body): JsonBody<NewInviteCodeBody, DEFAULT_LIMIT>,
) -> Result<HttpResponse, ApiError> {
    let HandedOut { code, record } = hand_out_code(&app, caller.user, wanted(body)?).await?;
    Ok(HttpResponse::Created().json(HandedOutBody {
        code: code.expose_secret().to_owned(),
        invite: shown(record, app.clock.now()),
    }))
}

/// Takes back a code that nobody has used.
#[utoipa::path(
    operation_id = "revokeInviteCode",
    tag = "operator",
    security(("access_token" = [])),
    params(("id" = Uuid, Path)),
    responses(
        (status = 204, description = "It is good for nothing, also when it was revoked before"),
        (status = 400, description = "invite_already_accepted", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 403, description = "super_admin_only", body = ErrorBody),
        (status = 404, description = "invite_not_found", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[delete("/invites/{id}")]
pub(crate) async fn revoke(
    app: web::Data<App>,
    Super(caller): Super,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let id: InviteCodeId = id.parse().map_err(|_| ApiError::invite_not_found())?;
    revoke_code(&app, caller.user, id).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn wanted(body: NewInviteCodeBody) -> Result<HandOut, ApiError> {
    let plan = PlanKey::parse(&body.assigned_plan).map_err(|_| ApiError::invalid_plan())?;
    let email = body.email.as_deref().map(EmailAddress::parse).transpose();
    let expires_at = body.expires_at.map(Timestamp::from_datetime).transpose();
    if body
        .trial_duration_days
        .is_some_and(|days| !(1..=90).contains(&days))
    {
        let message = "Give a trial 1 to 90 days.";
        return Err(invalid("trial_duration_days", "out_of_range", message));
    }
    let fits = |note: &String| is_storable(note) && note.chars().count() <= LONGEST_NOTE;
    if body.note.as_ref().is_some_and(|note| !fits(note)) {
        let message = "Give a note of a thousand characters or fewer.";
        return Err(invalid("note", "invalid", message));
    }
    Ok(HandOut {
        terms: Terms {
            plan,
            trial_days: body.trial_duration_days,
        },
        email: email.map_err(|error| invalid("email", "invalid_email", &error.to_string()))?,
        expires_at: expires_at.map_err(|_| {
            let message = "Give an end before the year 2200.";
            invalid("expires_at", "out_of_range", message)
        })?,
        note: body.note,
    })
}

fn shown(record: InviteCodeRecord, now: Timestamp) -> InviteCodeBody {
    let code = record.code;
    let status = match code.status(now) {
        CodeStatus::Live => "live",
        CodeStatus::Used => "used",
        CodeStatus::Revoked => "revoked",
        CodeStatus::Expired => "expired",
    };
    let (used_by, used_at, revoked_at) = match code.end {
        None => (None, None, None),
        Some(CodeEnd::Used { by, at }) => (by, Some(at), None),
        Some(CodeEnd::Revoked { at }) => (None, None, Some(at)),
    };
    InviteCodeBody {
        id: record.id.as_uuid(),
        status,
        assigned_plan: code.terms.plan.into(),
        trial_duration_days: code.terms.trial_days,
        email: code.email.map(Into::into),
        expires_at: code.expires_at.map(Timestamp::as_datetime),
        note: record.note,
        created_at: record.created_at.as_datetime(),
        created_by: record.created_by.map(UserId::as_uuid),
        used_at: used_at.map(Timestamp::as_datetime),
        used_by: used_by.map(UserId::as_uuid),
        revoked_at: revoked_at.map(Timestamp::as_datetime),
    }
}
