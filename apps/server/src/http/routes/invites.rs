//! Inviting people into the account, and taking that back.

use actix_web::{HttpResponse, delete, get, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tollgate_identity::Role;
use tollgate_invites::{Days, Wanted};
use tollgate_primitives::{EmailAddress, InviteId, Timestamp};
use tollgate_use_cases::{
    App, Invitee, invite, list_invites, ports::AccountInvite, resend_invite, revoke_invite,
};
use utoipa::ToSchema;
use uuid::Uuid;

use super::members::ListParams;
use crate::http::{
    body::{JsonBody, Query},
    caller::{Admin, Product},
    error::{ApiError, ErrorBody, FieldError},
};

/// The most people that are invited in one go.
const MOST: usize = 50;

/// Who is invited, and as what.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InviteBody {
    #[schema(example = "bob@example.com")]
    email: String,
    /// `engineer`, `viewer` or `admin`.
    #[schema(example = "engineer")]
    role: String,
    /// 1 to 30; 14 unless it is said.
    expires_in_days: Option<u16>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BulkBody {
    #[schema(min_items = 1, max_items = 50)]
    invites: Vec<InviteBody>,
}

/// An invitation. Its code is in the mail alone.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AccountInviteBody {
    id: Uuid,
    email: String,
    #[schema(example = "engineer")]
    role: &'static str,
    /// `live`, `accepted`, `revoked` or `expired`.
    #[schema(example = "live")]
    state: &'static str,
    /// The member who sent it.
    invited_by: Uuid,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    /// `null` until the mail has left.
    email_sent_at: Option<DateTime<Utc>>,
    accepted_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    /// How often it was sent again, of five times.
    resend_count: u8,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AccountInvitesBody {
    items: Vec<AccountInviteBody>,
    next_cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BulkInvitedBody {
    created: Vec<AccountInviteBody>,
    failed: Vec<FailedInviteBody>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FailedInviteBody {
    /// As it was sent.
    email: String,
    error: &'static str,
    message: String,
}

/// The invitations of the account, the newest first, expired and revoked ones too.
#[utoipa::path(
    operation_id = "listInvites",
    tag = "account",
    security(("access_token" = [])),
    params(ListParams),
    responses(
        (status = 200, body = AccountInvitesBody),
        (status = 400, description = "unknown_field · malformed_query · invalid_cursor", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 403, description = "role_required", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[get("/accounts/me/invites")]
pub(crate) async fn list(
    app: web::Data<App>,
    Admin(caller): Admin,
    Query(params): Query<ListParams>,
) -> Result<web::Json<AccountInvitesBody>, ApiError> {
    let listed = list_invites(&app, &caller, params.cursor.as_deref()).await?;
    let now = app.clock.now();
    let items = listed.items.into_iter();
    Ok(web::Json(AccountInvitesBody {
        items: items.map(|one| AccountInviteBody::at(one, now)).collect(),
        next_cursor: listed.next_cursor,
    }))
}

/// Invites somebody by mail.
#[utoipa::path(
    operation_id = "invite",
    tag = "account",
    security(("access_token" = [])),
    request_body = InviteBody,
    responses(
        (status = 201, description = "The mail is on its way", body = AccountInviteBody),
        (status = 400, description = "malformed_json · unknown_field", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 402, description = "limit_reached · no_subscription · subscription_inactive · payment_pending", body = ErrorBody),
        (status = 403, description = "role_required · role_above_own · email_not_verified", body = ErrorBody),
        (status = 409, description = "already_member · invite_pending", body = ErrorBody),
        (status = 413, description = "body_too_large", body = ErrorBody),
        (status = 415, description = "unsupported_media_type", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 429, description = "rate_limited", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[post("/accounts/me/invites")]
pub(crate) async fn create(
    app: web::Data<App>,
    Product(caller): Product,
    JsonBody(body): JsonBody<InviteBody>,
) -> Result<HttpResponse, ApiError> {
    let asked = check(&body).map_err(|wrong| ApiError::validation(&wrong))?;
    let mut answers = invite(&app, &caller, &[asked]).await?;
    let made = answers.pop().ok_or_else(ApiError::internal)??;
    let body = AccountInviteBody::at(made, app.clock.now());
    Ok(HttpResponse::Created().json(body))
}

/// Invites up to fifty people; says of each what came of it.
#[utoipa::path(
    operation_id = "inviteMany",
    tag = "account",
    security(("access_token" = [])),
    request_body = BulkBody,
    responses(
        (status = 201, description = "Done as far as it could be", body = BulkInvitedBody),
        (status = 400, description = "malformed_json · unknown_field", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 402, description = "no_subscription · subscription_inactive · payment_pending", body = ErrorBody),
        (status = 403, description = "role_required · email_not_verified", body = ErrorBody),
        (status = 413, description = "body_too_large", body = ErrorBody),
        (status = 415, description = "unsupported_media_type", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[post("/accounts/me/invites/bulk")]
pub(crate) async fn create_many(
    app: web::Data<App>,
    Product(caller): Product,
    JsonBody(body): JsonBody<BulkBody>,
) -> Result<HttpResponse, ApiError> {
    if !(1..=MOST).contains(&body.invites.len()) {
        let message = format!("Invite 1 to {MOST} people in one go.");
        return Err(ApiError::validation(&[invalid(
            "invites",
            "out_of_range",
            message,
        )]));
    }
    let (asked, mut failed) = checked(body.invites);
    let invitees: Vec<_> = asked.iter().map(|(_, invitee)| invitee.clone()).collect();
    let invited = invite(&app, &caller, &invitees).await?;
    let now = app.clock.now();
    let mut created = Vec::new();
    for ((email, _), invited) in asked.into_iter().zip(invited) {
        match invited {
            Ok(invited) => created.push(AccountInviteBody::at(invited, now)),
            Err(error) => failed.push(FailedInviteBody::of(email, &error.into())),
        }
    }
    Ok(HttpResponse::Created().json(BulkInvitedBody { created, failed }))
}

/// Takes an invitation back. Its link dies.
#[utoipa::path(
    operation_id = "revokeInvite",
    tag = "account",
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The id of an invitation")),
    responses(
        (status = 204, description = "Taken back, also when it was before"),
        (status = 400, description = "invite_already_accepted", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 403, description = "role_required", body = ErrorBody),
        (status = 404, description = "not_found", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[delete("/accounts/me/invites/{id}")]
pub(crate) async fn revoke(
    app: web::Data<App>,
    Admin(caller): Admin,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    revoke_invite(&app, &caller, invite_id(&id)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Sends an invitation again, with a new link that is good for two weeks. The link before it dies.
#[utoipa::path(
    operation_id = "resendInvite",
    tag = "account",
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The id of an invitation")),
    responses(
        (status = 200, description = "The mail is on its way", body = AccountInviteBody),
        (status = 400, description = "invite_already_accepted", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 402, description = "limit_reached · no_subscription · subscription_inactive · payment_pending", body = ErrorBody),
        (status = 403, description = "role_required · email_not_verified", body = ErrorBody),
        (status = 404, description = "not_found", body = ErrorBody),
        (status = 409, description = "invite_revoked", body = ErrorBody),
        (status = 429, description = "resend_limit_reached · rate_limited", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[post("/accounts/me/invites/{id}/resend")]
pub(crate) async fn resend(
    app: web::Data<App>,
    Product(caller): Product,
    id: web::Path<String>,
) -> Result<web::Json<AccountInviteBody>, ApiError> {
    let sent = resend_invite(&app, &caller, invite_id(&id)?).await?;
    Ok(web::Json(AccountInviteBody::at(sent, app.clock.now())))
}

fn invite_id(text: &str) -> Result<InviteId, ApiError> {
    text.parse().map_err(|_| ApiError::no_such("invitation"))
}

type Checked = (Vec<(String, Invitee)>, Vec<FailedInviteBody>);

/// Those that can be asked for, and what is wrong with the first field of each of the others.
fn checked(bodies: Vec<InviteBody>) -> Checked {
    let mut asked = Vec::new();
    let mut failed = Vec::new();
    for body in bodies {
        match check(&body) {
            Ok(invitee) => asked.push((body.email, invitee)),
            Err(wrong) => failed.extend(wrong.into_iter().next().map(|wrong| FailedInviteBody {
                email: body.email,
                error: wrong.code,
                message: wrong.message,
            })),
        }
    }
    (asked, failed)
}

/// Every field is checked before any is reported.
fn check(body: &InviteBody) -> Result<Invitee, Vec<FieldError>> {
    let email = EmailAddress::parse(&body.email)
        .map_err(|error| invalid("email", "invalid_email", error.to_string()));
    let role = Role::parse(&body.role)
        .ok()
        .filter(|role| *role != Role::Owner)
        .ok_or_else(|| {
            let message = "a person is invited as engineer, viewer or admin";
            invalid("role", "invalid_role", message.to_owned())
        });
    let days = body
        .expires_in_days
        .map_or(Ok(Days::default()), Days::parse);
    let days = days.map_err(|error| invalid("expires_in_days", "out_of_range", error.to_string()));
    match (email, role, days) {
        (Ok(email), Ok(role), Ok(days)) => Ok(Invitee {
            wanted: Wanted { email, role },
            days,
        }),
        (email, role, days) => {
            let wrong = [email.err(), role.err(), days.err()];
            Err(wrong.into_iter().flatten().collect())
        }
    }
}

fn invalid(field: &str, code: &'static str, message: String) -> FieldError {
    FieldError {
        field: field.to_owned(),
        code,
        message,
    }
}

impl AccountInviteBody {
    fn at(made: AccountInvite, now: Timestamp) -> Self {
        let invite = made.invite;
        Self {
            id: made.id.as_uuid(),
            email: made.email.into(),
            role: made.role.as_str(),
            state: invite.state(now).as_str(),
            invited_by: made.invited_by.as_uuid(),
            created_at: made.created_at.as_datetime(),
            expires_at: invite.expires_at.as_datetime(),
            email_sent_at: made.email_sent_at.map(Timestamp::as_datetime),
            accepted_at: invite.accepted_at.map(Timestamp::as_datetime),
            revoked_at: invite.revoked_at.map(Timestamp::as_datetime),
            resend_count: invite.resends,
        }
    }
}

impl FailedInviteBody {
    fn of(email: String, error: &ApiError) -> Self {
        Self {
            email,
            error: error.code(),
            message: error.message().to_owned(),
        }
    }
}
