//! What people and accounts say of themselves, changed field by field (AIP-134).

use actix_web::{patch, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tollgate_identity::{CompanyName, NameInvalid, PersonName, TimeZone};
use tollgate_onboarding::{TeamSize, Tools};
use tollgate_use_cases::{ACCOUNT, App, USER, ports::AccountProfile, update_account, update_user};
use utoipa::ToSchema;
use uuid::Uuid;

use super::sessions::UserBody;
use crate::http::{
    body::{DEFAULT_LIMIT, JsonBody},
    caller::{ProductAdmin, SignedIn},
    error::{ApiError, ErrorBody, FieldError},
    fields::{FieldValues, field},
};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PatchUserBody {
    /// The fields to change with commas between, or `*` for all. One that `user` has no value for is
    /// cleared; what it does not name stays, whatever `user` says.
    #[schema(example = "name,timezone")]
    update_mask: String,
    #[schema(value_type = UserFields)]
    user: FieldValues,
}

/// What can be changed of a person.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read by the mask")]
pub(crate) struct UserFields {
    #[schema(required = false)]
    name: String,
    /// A name of the IANA time zone database.
    #[schema(example = "Europe/London")]
    timezone: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PatchAccountBody {
    /// As for a person.
    #[schema(example = "name,team_size_bucket")]
    update_mask: String,
    #[schema(value_type = AccountFields)]
    account: FieldValues,
}

/// What can be changed of an account.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read by the mask")]
pub(crate) struct AccountFields {
    #[schema(required = false)]
    name: String,
    #[schema(example = "6-10")]
    team_size_bucket: Option<String>,
    /// The tool the account works in, one of the operator's list.
    #[schema(example = "halopsa")]
    primary_psa: Option<String>,
}

/// An account as its members see it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MyAccountBody {
    id: Uuid,
    name: String,
    #[schema(example = "6-10")]
    team_size_bucket: Option<String>,
    /// The tool the account works in.
    primary_psa: Option<String>,
    created_at: DateTime<Utc>,
}

/// Changes what is said of the caller.
#[utoipa::path(
    operation_id = "updateMe",
    tag = "me",
    security(("access_token" = [])),
    request_body = PatchUserBody,
    responses(
        (status = 200, body = UserBody),
        (status = 400, description = "malformed_json · empty_mask · unknown_field · duplicate_field · immutable_field", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 413, description = "body_too_large", body = ErrorBody),
        (status = 415, description = "unsupported_media_type", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[patch("/users/me")]
pub(crate) async fn update_me(
    app: web::Data<App>,
    SignedIn(caller): SignedIn,
    JsonBody(body): JsonBody<PatchUserBody, DEFAULT_LIMIT>,
) -> Result<web::Json<UserBody>, ApiError> {
    let changes = body.user.changes(&USER, &body.update_mask, user_field)?;
    let user = update_user(&app, &caller, &changes).await?;
    Ok(web::Json(user.into()))
}

/// Changes what is said of the caller's account.
#[utoipa::path(
    operation_id = "updateMyAccount",
    tag = "me",
    security(("access_token" = [])),
    request_body = PatchAccountBody,
    responses(
        (status = 200, body = MyAccountBody),
        (status = 400, description = "malformed_json · empty_mask · unknown_field · duplicate_field · immutable_field", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 402, description = "no_subscription · subscription_inactive · payment_pending", body = ErrorBody),
        (status = 403, description = "role_required · email_not_verified", body = ErrorBody),
        (status = 413, description = "body_too_large", body = ErrorBody),
        (status = 415, description = "unsupported_media_type", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[patch("/accounts/me")]
pub(crate) async fn update_my_account(
    app: web::Data<App>,
    ProductAdmin(caller): ProductAdmin,
    JsonBody(body): JsonBody<PatchAccountBody, DEFAULT_LIMIT>,
) -> Result<web::Json<MyAccountBody>, ApiError> {
    let tools = &app.settings.onboarding_tools;
    let parse = |path: &'static str, text: &str| account_field(path, text, tools);
    let changes = body.account.changes(&ACCOUNT, &body.update_mask, parse)?;
    let account = update_account(&app, &caller, &changes).await?;
    Ok(web::Json(account.into()))
}

fn user_field(path: &'static str, text: &str) -> Result<String, FieldError> {
    match path {
        "name" => match PersonName::parse(text) {
            Ok(name) => Ok(name.into()),
            Err(error) => Err(no_name(path, error)),
        },
        _ => TimeZone::parse(text)
            .map(|zone| zone.as_str().to_owned())
            .map_err(|error| field(path, "unknown_timezone", error)),
    }
}

/// The field `path` of an account, as it is stored.
pub(super) fn account_field(
    path: &'static str,
    text: &str,
    tools: &Tools,
) -> Result<String, FieldError> {
    let none_of_them = |error| field(path, "invalid_choice", error);
    match path {
        "name" => match CompanyName::parse(text) {
            Ok(name) => Ok(name.into()),
            Err(error) => Err(no_name(path, error)),
        },
        "team_size_bucket" => TeamSize::parse(text)
            .map(|size| size.as_str().to_owned())
            .map_err(none_of_them),
        _ => tools
            .choose(text)
            .map(|tool| tool.as_str().to_owned())
            .map_err(none_of_them),
    }
}

fn no_name(path: &str, error: NameInvalid) -> FieldError {
    field(path, error.code(), error)
}

impl From<AccountProfile> for MyAccountBody {
    fn from(account: AccountProfile) -> Self {
        Self {
            id: account.id.as_uuid(),
            name: account.name,
            team_size_bucket: account.team_size_bucket,
            primary_psa: account.primary_psa,
            created_at: account.created_at.as_datetime(),
        }
    }
}
