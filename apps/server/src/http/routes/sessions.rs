//! Signing in, staying signed in, signing out, and who one is.

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use tollgate_identity::Password;
use tollgate_primitives::{EmailAddress, Timestamp};
use tollgate_use_cases::{
    App, Session, Tokens,
    ports::{Membership, User},
    refresh_session, sign_in, sign_out,
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::{
    bearer,
    body::{AUTH_LIMIT, FormBody, JsonBody},
    caller::{Origin, Signed},
    error::{ApiError, ErrorBody},
};

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokensBody {
    access_token: String,
    refresh_token: String,
    #[schema(example = "bearer")]
    token_type: &'static str,
    /// Seconds until the access token ends.
    #[schema(example = 900)]
    expires_in: u64,
}

/// A person. Never any billing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserBody {
    id: Uuid,
    email: String,
    name: String,
    /// A name of the IANA time zone database.
    #[schema(example = "Europe/London")]
    timezone: Option<String>,
    /// The account that this session works in.
    account_id: Uuid,
    #[schema(example = "owner")]
    account_role: &'static str,
    memberships: Vec<MembershipBody>,
    is_super_admin: bool,
    email_verified_at: Option<DateTime<Utc>>,
    onboarding_step_completed: u8,
    onboarding_dismissed: bool,
    pending_kept_banner: bool,
    created_at: DateTime<Utc>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MembershipBody {
    account_id: Uuid,
    account_name: String,
    role: &'static str,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginForm {
    /// The e-mail address.
    username: String,
    #[schema(format = Password)]
    password: String,
    /// `password` where it is given: what OAuth 2 clients send.
    grant_type: Option<PasswordGrant>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PasswordGrant {
    Password,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginBody {
    email: String,
    #[schema(format = Password)]
    password: String,
}

/// Signs a person in, by form.
#[utoipa::path(
    operation_id = "login",
    tag = "auth",
    request_body(content = LoginForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, body = TokensBody),
        (status = 400, description = "malformed_form · unknown_field · use_oauth_provider", body = ErrorBody),
        (status = 401, description = "invalid_credentials", body = ErrorBody),
        (status = 403, description = "account_suspended", body = ErrorBody),
        (status = 413, description = "body_too_large", body = ErrorBody),
        (status = 415, description = "unsupported_media_type", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 429, description = "rate_limited", body = ErrorBody),
        (status = 503, description = "busy · unavailable", body = ErrorBody),
    )
)]
#[post("/auth/login")]
pub(crate) async fn login(
    app: web::Data<App>,
    origin: Origin,
    FormBody(form): FormBody<LoginForm>,
) -> Result<web::Json<TokensBody>, ApiError> {
    let LoginForm {
        username,
        password,
        grant_type: Some(PasswordGrant::Password) | None,
    } = form;
    enter(&app, &username, &password, origin.0).await
}

/// Signs a person in, by JSON.
#[utoipa::path(
    operation_id = "loginJson",
    tag = "auth",
    request_body = LoginBody,
    responses(
        (status = 200, body = TokensBody),
        (status = 400, description = "malformed_json · unknown_field · use_oauth_provider", body = ErrorBody),
        (status = 401, description = "invalid_credentials", body = ErrorBody),
        (status = 403, description = "account_suspended", body = ErrorBody),
        (status = 413, description = "body_too_large", body = ErrorBody),
        (status = 415, description = "unsupported_media_type", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 429, description = "rate_limited", body = ErrorBody),
        (status = 503, description = "busy · unavailable", body = ErrorBody),
    )
)]
#[post("/auth/login/json")]
pub(crate) async fn login_json(
    app: web::Data<App>,
    origin: Origin,
    JsonBody(body): JsonBody<LoginBody, AUTH_LIMIT>,
) -> Result<web::Json<TokensBody>, ApiError> {
    enter(&app, &body.email, &body.password, origin.0).await
}

async fn enter(
    app: &App,
    email: &str,
    password: &str,
    origin: Session,
) -> Result<web::Json<TokensBody>, ApiError> {
    // No password of ours is that long, whoever it is said to belong to.
    let password = Password::parse(password).map_err(|_| ApiError::invalid_credentials())?;
    let email = EmailAddress::parse(email).ok();
    let tokens = sign_in(app, email.as_ref(), &password, origin).await?;
    Ok(web::Json(tokens.into()))
}

/// Exchanges the refresh token, sent as the bearer token, for new tokens.
///
/// The old one is dead; presenting a used one ends the session, but for the same answer to a repeat
/// within ten seconds.
#[utoipa::path(
    operation_id = "refresh",
    tag = "auth",
    security(("refresh_token" = [])),
    responses(
        (status = 200, body = TokensBody),
        (status = 401, description = "not_authenticated · token_revoked · token_expired", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[post("/auth/refresh")]
pub(crate) async fn refresh(
    app: web::Data<App>,
    request: HttpRequest,
) -> Result<web::Json<TokensBody>, ApiError> {
    let presented = bearer(&request).ok_or_else(ApiError::not_authenticated)?;
    let tokens = refresh_session(&app, presented.expose_secret()).await?;
    Ok(web::Json(tokens.into()))
}

/// Ends the session.
#[utoipa::path(
    operation_id = "logout",
    tag = "auth",
    security(("access_token" = [])),
    responses(
        (status = 204, description = "The session has ended, also when it had before"),
        (status = 401, description = "not_authenticated · token_invalid · token_expired", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[post("/auth/logout")]
pub(crate) async fn logout(
    app: web::Data<App>,
    Signed(claims): Signed,
) -> Result<HttpResponse, ApiError> {
    sign_out(&app, &claims).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Who is signed in.
#[utoipa::path(
    operation_id = "me",
    tag = "auth",
    security(("access_token" = [])),
    responses(
        (status = 200, body = UserBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[get("/auth/me")]
pub(crate) async fn me(
    app: web::Data<App>,
    Signed(claims): Signed,
) -> Result<web::Json<UserBody>, ApiError> {
    let user = app.store.user(claims.session, claims.account).await?;
    Ok(web::Json(user.ok_or_else(ApiError::session_ended)?.into()))
}

impl From<Tokens> for TokensBody {
    fn from(tokens: Tokens) -> Self {
        Self {
            access_token: tokens.access.expose_secret().to_owned(),
            refresh_token: tokens.refresh.expose_secret().to_owned(),
            token_type: "bearer",
            expires_in: tokens.expires_in,
        }
    }
}

impl From<User> for UserBody {
    fn from(user: User) -> Self {
        Self {
            id: user.id.as_uuid(),
            email: user.email.into(),
            name: user.name,
            timezone: user.timezone,
            account_id: user.account.as_uuid(),
            account_role: user.account_role.as_str(),
            memberships: user.memberships.into_iter().map(Into::into).collect(),
            is_super_admin: user.is_super_admin,
            email_verified_at: user.email_verified_at.map(Timestamp::as_datetime),
            onboarding_step_completed: user.onboarding_step_completed,
            onboarding_dismissed: user.onboarding_dismissed,
            pending_kept_banner: user.pending_kept_banner,
            created_at: user.created_at.as_datetime(),
        }
    }
}

impl From<Membership> for MembershipBody {
    fn from(membership: Membership) -> Self {
        Self {
            account_id: membership.account.as_uuid(),
            account_name: membership.account_name,
            role: membership.role.as_str(),
        }
    }
}
