//! Signing in through Google, Microsoft, and whoever else the operator trusts to know people.

use actix_web::{HttpResponse, delete, get, post, web};
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tollgate_identity::{OwnPath, provider::ProviderName};
use tollgate_primitives::{EmailAddress, IdentityId};
use tollgate_use_cases::{
    App, BeginProviderSignIn, FinishLink, FinishProviderSignIn, ProviderSignInBegun,
    begin_provider_sign_in, finish_link, finish_provider_sign_in,
    ports::{IdentityRow, Returned},
    unlink_provider,
};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::sessions::TokensBody;
use crate::http::{
    body::{AUTH_LIMIT, JsonBody, Query},
    caller::{Origin, SignedIn},
    error::{ApiError, ErrorBody, FieldError},
};

/// Nothing else of the provider's address can be set from outside.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuthorizeQuery {
    /// The code of an invitation into an account.
    account_invite_code: Option<String>,
    /// The page that the person was going to: a path of the frontend, answered by the callback.
    next: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuthorizeBody {
    /// Where the browser is to go.
    authorize_url: String,
    /// Comes back from there.
    state: String,
    /// To be kept in this browser, and sent with what comes back.
    flow_token: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallbackBody {
    code: String,
    #[serde(default)]
    state: String,
    /// What `authorize` gave to this browser.
    #[serde(default)]
    flow_token: String,
    /// `iss` of the address that the browser came back to, where it has one (RFC 9207).
    iss: Option<String>,
    /// The code of an invitation into an account.
    account_invite_code: Option<String>,
    /// The address that the invitation was sent to.
    invited_email: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProviderSignedInBody {
    #[serde(flatten)]
    tokens: TokensBody,
    is_new_user: bool,
    /// What `authorize` was given.
    next: Option<String>,
}

/// A provider that the caller can sign in with.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IdentityBody {
    id: Uuid,
    #[schema(example = "google")]
    provider: String,
    /// What the provider called the caller's address when it was linked.
    email: Option<String>,
    created_at: DateTime<Utc>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BeginLinkBody {
    /// One of the `oauth_providers` of /config/public.
    #[schema(example = "google")]
    provider: String,
    /// The page that the person was going to: a path of the frontend, answered at the end.
    next: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompleteLinkBody {
    #[schema(example = "google")]
    provider: String,
    code: String,
    state: String,
    /// What the beginning gave to this browser.
    flow_token: String,
    /// `iss` of the address that the browser came back to, where it has one (RFC 9207).
    iss: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LinkedBody {
    /// All of the caller's, the first linked first.
    identities: Vec<IdentityBody>,
    /// What the beginning was given.
    next: Option<String>,
}

/// Begins a sign-in through a provider.
#[utoipa::path(
    operation_id = "authorizeWithProvider",
    tag = "auth",
    params(("provider" = String, Path, description = "One of the oauth_providers of /config/public", example = "google"), AuthorizeQuery),
    responses(
        (status = 200, body = AuthorizeBody),
        (status = 400, description = "malformed_query · unknown_field", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 429, description = "rate_limited", body = ErrorBody),
        (status = 503, description = "provider_not_configured · provider_unavailable · unavailable", body = ErrorBody),
        (status = 504, description = "provider_timeout", body = ErrorBody),
    )
)]
#[get("/auth/{provider}/authorize")]
pub(crate) async fn authorize(
    app: web::Data<App>,
    origin: Origin,
    provider: web::Path<String>,
    Query(query): Query<AuthorizeQuery>,
) -> Result<web::Json<AuthorizeBody>, ApiError> {
    let command = BeginProviderSignIn {
        provider: named(&provider)?,
        account_invite_code: query.account_invite_code.map(SecretString::from),
        next: query.next.as_deref().map(own_path).transpose()?,
        origin: origin.0,
    };
    let begun = begin_provider_sign_in(&app, command).await?;
    Ok(web::Json(begun.into()))
}

/// Ends a sign-in through a provider, with what the browser brought back from there.
#[utoipa::path(
    operation_id = "signInWithProvider",
    tag = "auth",
    params(("provider" = String, Path, description = "One of the oauth_providers of /config/public", example = "google")),
    request_body = CallbackBody,
    responses(
        (status = 200, body = ProviderSignedInBody),
        (status = 400, description = "malformed_json · unknown_field · oauth_state_invalid · oauth_exchange_failed · invite_code_required · invite_invalid_or_expired_or_revoked · invite_email_mismatch · email_already_registered_use_login", body = ErrorBody),
        (status = 402, description = "limit_reached · no_subscription · subscription_inactive · payment_pending: of the account that invites", body = ErrorBody),
        (status = 403, description = "account_suspended", body = ErrorBody),
        (status = 409, description = "link_requires_sign_in", body = ErrorBody),
        (status = 413, description = "body_too_large", body = ErrorBody),
        (status = 415, description = "unsupported_media_type", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 429, description = "rate_limited", body = ErrorBody),
        (status = 503, description = "provider_not_configured · provider_unavailable · busy · unavailable", body = ErrorBody),
        (status = 504, description = "provider_timeout", body = ErrorBody),
    )
)]
#[post("/auth/{provider}/callback")]
pub(crate) async fn callback(
    app: web::Data<App>,
    origin: Origin,
    provider: web::Path<String>,
    JsonBody(body): JsonBody<CallbackBody, AUTH_LIMIT>,
) -> Result<web::Json<ProviderSignedInBody>, ApiError> {
    let command = FinishProviderSignIn {
        provider: named(&provider)?,
        state: body.state.into(),
        flow_token: body.flow_token.into(),
        returned: Returned {
            code: body.code.into(),
            issuer: body.iss,
        },
        account_invite_code: body.account_invite_code.map(SecretString::from),
        invited_email: body.invited_email.as_deref().map(address).transpose()?,
        origin: origin.0,
    };
    let signed_in = finish_provider_sign_in(&app, command).await?;
    Ok(web::Json(ProviderSignedInBody {
        tokens: signed_in.tokens.into(),
        is_new_user: signed_in.is_new_user,
        next: signed_in.next.map(|next| next.to_string()),
    }))
}

/// The providers that the caller can sign in with, the first linked first.
#[utoipa::path(
    operation_id = "listIdentities",
    tag = "auth",
    security(("access_token" = [])),
    responses(
        (status = 200, body = [IdentityBody]),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[get("/auth/identities")]
pub(crate) async fn list(
    app: web::Data<App>,
    SignedIn(caller): SignedIn,
) -> Result<web::Json<Vec<IdentityBody>>, ApiError> {
    let identities = app.store.identities(caller.user).await?;
    Ok(web::Json(identities.into_iter().map(Into::into).collect()))
}

/// Begins to link a provider to the caller, soon after signing in.
#[utoipa::path(
    operation_id = "beginLink",
    tag = "auth",
    security(("access_token" = [])),
    request_body = BeginLinkBody,
    responses(
        (status = 200, body = AuthorizeBody),
        (status = 400, description = "malformed_json · unknown_field", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 403, description = "email_not_verified · fresh_sign_in_required", body = ErrorBody),
        (status = 413, description = "body_too_large", body = ErrorBody),
        (status = 415, description = "unsupported_media_type", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 429, description = "rate_limited", body = ErrorBody),
        (status = 503, description = "provider_not_configured · provider_unavailable · unavailable", body = ErrorBody),
        (status = 504, description = "provider_timeout", body = ErrorBody),
    )
)]
#[post("/auth/identities")]
pub(crate) async fn begin_link(
    app: web::Data<App>,
    origin: Origin,
    SignedIn(caller): SignedIn,
    JsonBody(body): JsonBody<BeginLinkBody, AUTH_LIMIT>,
) -> Result<web::Json<AuthorizeBody>, ApiError> {
    let provider = named(&body.provider)?;
    let next = body.next.as_deref().map(own_path).transpose()?;
    let begun = tollgate_use_cases::begin_link(&app, &caller, provider, next, &origin.0).await?;
    Ok(web::Json(begun.into()))
}

/// Links a provider to the caller, with what the browser brought back from there. The session must be the
/// one that began.
#[utoipa::path(
    operation_id = "completeLink",
    tag = "auth",
    security(("access_token" = [])),
    request_body = CompleteLinkBody,
    responses(
        (status = 200, description = "It is the caller's, also when it was before", body = LinkedBody),
        (status = 400, description = "malformed_json · unknown_field · oauth_state_invalid · oauth_exchange_failed", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 403, description = "email_not_verified", body = ErrorBody),
        (status = 409, description = "identity_taken", body = ErrorBody),
        (status = 413, description = "body_too_large", body = ErrorBody),
        (status = 415, description = "unsupported_media_type", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 429, description = "rate_limited", body = ErrorBody),
        (status = 503, description = "provider_not_configured · provider_unavailable · unavailable", body = ErrorBody),
        (status = 504, description = "provider_timeout", body = ErrorBody),
    )
)]
#[post("/auth/identities/complete")]
pub(crate) async fn complete_link(
    app: web::Data<App>,
    origin: Origin,
    SignedIn(caller): SignedIn,
    JsonBody(body): JsonBody<CompleteLinkBody, AUTH_LIMIT>,
) -> Result<web::Json<LinkedBody>, ApiError> {
    let command = FinishLink {
        provider: named(&body.provider)?,
        state: body.state.into(),
        flow_token: body.flow_token.into(),
        returned: Returned {
            code: body.code.into(),
            issuer: body.iss,
        },
        origin: origin.0,
    };
    let next = finish_link(&app, &caller, command).await?;
    let identities = app.store.identities(caller.user).await?;
    Ok(web::Json(LinkedBody {
        identities: identities.into_iter().map(Into::into).collect(),
        next: next.map(|next| next.to_string()),
    }))
}

/// Takes one of the caller's ways to sign in away, soon after signing in.
#[utoipa::path(
    operation_id = "unlinkIdentity",
    tag = "auth",
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The id of an identity")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 403, description = "fresh_sign_in_required", body = ErrorBody),
        (status = 404, description = "not_found", body = ErrorBody),
        (status = 409, description = "last_way_in", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[delete("/auth/identities/{id}")]
pub(crate) async fn unlink(
    app: web::Data<App>,
    SignedIn(caller): SignedIn,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let id = Uuid::try_parse(&id).map_err(|_| ApiError::no_such("identity"))?;
    unlink_provider(&app, &caller, IdentityId::from_uuid(id)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// What cannot be a name is none that is configured.
fn named(provider: &str) -> Result<ProviderName, ApiError> {
    ProviderName::parse(provider).map_err(|_| ApiError::sign_in_provider_not_configured())
}

fn own_path(text: &str) -> Result<OwnPath, ApiError> {
    OwnPath::parse(text).map_err(|error| {
        ApiError::validation(&[FieldError {
            field: "next".to_owned(),
            code: "not_own_path",
            message: error.to_string(),
        }])
    })
}

fn address(text: &str) -> Result<EmailAddress, ApiError> {
    EmailAddress::parse(text).map_err(|error| {
        ApiError::validation(&[FieldError {
            field: "invited_email".to_owned(),
            code: "invalid_email",
            message: error.to_string(),
        }])
    })
}

impl From<ProviderSignInBegun> for AuthorizeBody {
    fn from(begun: ProviderSignInBegun) -> Self {
        Self {
            authorize_url: begun.authorize_url,
            state: begun.state.expose_secret().to_owned(),
            flow_token: begun.flow_token.expose_secret().to_owned(),
        }
    }
}

impl From<IdentityRow> for IdentityBody {
    fn from(row: IdentityRow) -> Self {
        Self {
            id: row.id.as_uuid(),
            provider: row.provider,
            email: row.email,
            created_at: row.created_at.as_datetime(),
        }
    }
}
