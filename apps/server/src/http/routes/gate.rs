//! The gate: a reverse proxy asks it before it lets a request through to the product.

use actix_web::{
    HttpResponse, get,
    http::header::{HeaderName, HeaderValue},
    web,
};
use serde::Deserialize;
use tollgate_entitlements::{FeatureKey, KeyInvalid, LimitKey};
use tollgate_use_cases::{App, GateQuestion, pass_gate};
use utoipa::{IntoParams, ToSchema};

use crate::http::{
    body::Query,
    caller::Signed,
    error::{ApiError, ErrorBody, FieldError},
};

const USER: HeaderName = HeaderName::from_static("x-tollgate-user");
const ACCOUNT: HeaderName = HeaderName::from_static("x-tollgate-account");
const ROLE: HeaderName = HeaderName::from_static("x-tollgate-role");
const PLAN: HeaderName = HeaderName::from_static("x-tollgate-plan");
const BASIS: HeaderName = HeaderName::from_static("x-tollgate-basis");

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct GateParams {
    /// Also ask whether the plan has this feature.
    feature: Option<String>,
    /// Also ask whether one more fits into this limit.
    limit: Option<String>,
    /// `read` when the request changes nothing: for a while it still passes after the end.
    access: Option<AccessParam>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AccessParam {
    Read,
    Write,
}

/// Whether the caller may pass, for nginx `auth_request`, Traefik `ForwardAuth` and Envoy `ext_authz`.
#[utoipa::path(
    operation_id = "gate",
    tag = "gate",
    security(("access_token" = [])),
    params(GateParams),
    responses(
        (status = 204, description = "Pass", headers(
            ("x-tollgate-user" = String), ("x-tollgate-account" = String),
            ("x-tollgate-role" = String), ("x-tollgate-plan" = String),
            ("x-tollgate-basis" = String),
        )),
        (status = 400, description = "unknown_field · malformed_query", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 402, description = "no_subscription · subscription_inactive · payment_pending · feature_not_in_plan · limit_reached", body = ErrorBody),
        (status = 403, description = "email_not_verified", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[get("/gate")]
pub(crate) async fn gate(
    app: web::Data<App>,
    Signed(claims): Signed,
    Query(params): Query<GateParams>,
) -> Result<HttpResponse, ApiError> {
    let passed = pass_gate(&app, &claims, &question(&params)?).await?;
    let caller = passed.caller;
    let said = HeaderValue::from_static;
    Ok(HttpResponse::NoContent()
        .insert_header((USER, caller.user.to_string()))
        .insert_header((ACCOUNT, caller.account.to_string()))
        .insert_header((ROLE, said(caller.role.as_str())))
        .insert_header((PLAN, passed.plan.as_str()))
        .insert_header((BASIS, said(passed.basis.as_str())))
        .finish())
}

fn question(params: &GateParams) -> Result<GateQuestion, ApiError> {
    let feature = params.feature.as_deref().map(FeatureKey::parse).transpose();
    let limit = params.limit.as_deref().map(LimitKey::parse).transpose();
    Ok(GateQuestion {
        feature: feature.map_err(|error| no_key("feature", error))?,
        limit: limit.map_err(|error| no_key("limit", error))?,
        read_only: params.access == Some(AccessParam::Read),
    })
}

fn no_key(field: &str, error: KeyInvalid) -> ApiError {
    let message = error.to_string();
    ApiError::validation(&[FieldError {
        field: field.to_owned(),
        code: "invalid_key",
        message,
    }])
}
