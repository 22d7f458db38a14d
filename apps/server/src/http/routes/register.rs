//! Signing up.

use actix_web::{HttpResponse, post, web};
use serde::{Deserialize, Serialize};
use tollgate_identity::{CompanyName, PersonName, password::Context};
use tollgate_primitives::{EmailAddress, PlanKey};
use tollgate_use_cases::{App, Register, Session};
use utoipa::ToSchema;

use super::{
    judging::{Judge, Judging, weakness},
    sessions::{TokensBody, UserBody},
};
use crate::http::{
    body::{AUTH_LIMIT, JsonBody},
    caller::Origin,
    error::{ApiError, ErrorBody, FieldError},
};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegisterBody {
    #[schema(example = "ada@example.com")]
    email: String,
    /// 10 to 256 characters of any kind; common ones are refused.
    #[schema(format = Password)]
    password: String,
    #[schema(example = "Ada Lovelace")]
    name: String,
    company_name: Option<String>,
    /// A platform invite code.
    invite_code: Option<String>,
    /// The code of an invitation into an account.
    account_invite_code: Option<String>,
    /// What the person looked at on the price page.
    plan: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RegisteredBody {
    #[serde(flatten)]
    user: UserBody,
    #[serde(flatten)]
    tokens: TokensBody,
}

/// Signs a person up: person, account, reverse trial and session. Who has the code of an invitation into
/// an account joins that account instead, with the address proven.
#[utoipa::path(
    operation_id = "register",
    tag = "auth",
    request_body = RegisterBody,
    responses(
        (status = 201, description = "Signed up and in; a mail to prove the address is on its way", body = RegisteredBody),
        (status = 400, description = "malformed_json · unknown_field · invalid_plan · invite_code_required · invite_code_invalid · invite_email_mismatch · invite_invalid_or_expired_or_revoked", body = ErrorBody),
        (status = 402, description = "limit_reached · no_subscription · subscription_inactive · payment_pending: of the account that invites", body = ErrorBody),
        (status = 409, description = "email_taken", body = ErrorBody),
        (status = 413, description = "body_too_large", body = ErrorBody),
        (status = 415, description = "unsupported_media_type", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 429, description = "rate_limited", body = ErrorBody),
        (status = 503, description = "busy · unavailable", body = ErrorBody),
    )
)]
#[post("/auth/register")]
pub(crate) async fn register(
    app: web::Data<App>,
    judging: web::Data<Judging>,
    origin: Origin,
    JsonBody(body): JsonBody<RegisterBody, AUTH_LIMIT>,
) -> Result<HttpResponse, ApiError> {
    let command = judging
        .judge(move |judge| check(judge, body, origin.0))
        .await?;
    let registered = tollgate_use_cases::register(&app, command).await?;
    Ok(HttpResponse::Created().json(RegisteredBody {
        user: registered.user.into(),
        tokens: registered.tokens.into(),
    }))
}

/// Every field is checked before any is reported.
fn check(judge: &Judge, body: RegisterBody, origin: Session) -> Result<Register, ApiError> {
    let mut wrong = Vec::new();
    let email = keep(
        "email",
        EmailAddress::parse(&body.email),
        &mut wrong,
        |_| "invalid_email",
    );
    let name = keep("name", PersonName::parse(&body.name), &mut wrong, |error| {
        error.code()
    });
    let company_name = body.company_name.as_deref().and_then(|company| {
        keep(
            "company_name",
            CompanyName::parse(company),
            &mut wrong,
            |error| error.code(),
        )
    });
    let password = email.as_ref().and_then(|email| {
        let company = company_name.as_ref().map(CompanyName::as_str);
        let context = Context {
            email,
            name: &body.name,
            company,
        };
        judge
            .password(&body.password, &context)
            .map_err(|found| wrong.extend(found.into_iter().map(|one| weakness("password", one))))
            .ok()
    });
    let plan = body.plan.as_deref().map(PlanKey::parse).transpose();
    let (Some(email), Some(name), Some(password)) = (email, name, password) else {
        return Err(ApiError::validation(&wrong));
    };
    if !wrong.is_empty() {
        return Err(ApiError::validation(&wrong));
    }
    Ok(Register {
        email,
        name,
        password,
        company_name,
        invite_code: body.invite_code,
        account_invite_code: body.account_invite_code,
        plan: plan.map_err(|_| ApiError::invalid_plan())?,
        origin,
    })
}

fn keep<T, E: std::fmt::Display>(
    field: &str,
    parsed: Result<T, E>,
    wrong: &mut Vec<FieldError>,
    code: impl Fn(&E) -> &'static str,
) -> Option<T> {
    match parsed {
        Ok(value) => Some(value),
        Err(error) => {
            let message = error.to_string();
            wrong.push(FieldError {
                field: field.to_owned(),
                code: code(&error),
                message,
            });
            None
        }
    }
}
