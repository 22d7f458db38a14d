//! The operator gives an account access for free, and takes it back.

use actix_web::{HttpResponse, delete, post, web};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use tollgate_billing::Complimentary;
use tollgate_primitives::{PlanKey, Timestamp};
use tollgate_use_cases::{App, end_complimentary, grant_complimentary};
use utoipa::ToSchema;

use super::{
    accounts::{account_id, invalid},
    suspension::{ReasonBody, reason},
};
use crate::http::{
    body::{DEFAULT_LIMIT, JsonBody},
    caller::Super,
    error::{ApiError, ErrorBody},
};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ComplimentaryBody {
    #[schema(example = "pro")]
    plan: String,
    /// Kept with the act.
    #[schema(min_length = 1, max_length = 1000)]
    reason: String,
    /// Without one it lasts until somebody ends it.
    ends_at: Option<DateTime<Utc>>,
}

/// Gives an account a plan for free, under whatever it buys.
#[utoipa::path(
    operation_id = "grantComplimentary",
    tag = "operator",
    security(("access_token" = [])),
    params(("id" = Uuid, Path)),
    request_body = ComplimentaryBody,
    responses(
        (status = 204, description = "It is complimentary"),
        (status = 400, description = "malformed_json · unknown_field · invalid_plan", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 403, description = "super_admin_only", body = ErrorBody),
        (status = 404, description = "account_not_found", body = ErrorBody),
        (status = 409, description = "already_complimentary", body = ErrorBody),
        (status = 413, description = "body_too_large", body = ErrorBody),
        (status = 415, description = "unsupported_media_type", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[post("/accounts/{id}/complimentary")]
pub(crate) async fn grant(
    app: web::Data<App>,
    Super(caller): Super,
    id: web::Path<String>,
    JsonBody(body): JsonBody<ComplimentaryBody, DEFAULT_LIMIT>,
) -> Result<HttpResponse, ApiError> {
    let (id, given) = (account_id(&id)?, given(&body)?);
    grant_complimentary(&app, caller.user, id, &given).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Ends what was given; what the account bought shows again.
#[utoipa::path(
    operation_id = "endComplimentary",
    tag = "operator",
    security(("access_token" = [])),
    params(("id" = Uuid, Path)),
    request_body = ReasonBody,
    responses(
        (status = 204, description = "It is not complimentary any more"),
        (status = 400, description = "malformed_json · unknown_field", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 403, description = "super_admin_only", body = ErrorBody),
        (status = 404, description = "account_not_found", body = ErrorBody),
        (status = 409, description = "not_complimentary", body = ErrorBody),
        (status = 413, description = "body_too_large", body = ErrorBody),
        (status = 415, description = "unsupported_media_type", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[delete("/accounts/{id}/complimentary")]
pub(crate) async fn end(
    app: web::Data<App>,
    Super(caller): Super,
    id: web::Path<String>,
    JsonBody(body): JsonBody<ReasonBody, DEFAULT_LIMIT>,
) -> Result<HttpResponse, ApiError> {
    let (id, reason) = (account_id(&id)?, reason(&body.reason)?);
    end_complimentary(&app, caller.user, id, reason).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn given(body: &ComplimentaryBody) -> Result<Complimentary, ApiError> {
    let out_of_range = |_| {
        invalid(
            "ends_at",
            "out_of_range",
            "Give an end before the year 2200.",
        )
    };
    let ends_at = body.ends_at.map(Timestamp::from_datetime).transpose();
    Ok(Complimentary {
        plan: PlanKey::parse(&body.plan).map_err(|_| ApiError::invalid_plan())?,
        reason: reason(&body.reason)?.to_owned(),
        ends_at: ends_at.map_err(out_of_range)?,
    })
}
