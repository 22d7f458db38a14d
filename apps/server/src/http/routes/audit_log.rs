//! Who did what to whom, for the operator.

use actix_web::{get, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tollgate_primitives::AccountId;
use tollgate_use_cases::{App, ports::AuditRecord};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::http::{
    body::Query,
    caller::Super,
    cursor,
    error::{ApiError, ErrorBody},
};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditParams {
    /// Only what was done to this account.
    account: Option<Uuid>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditLogBody {
    /// Newest first.
    items: Vec<AuditBody>,
    next_cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditBody {
    at: DateTime<Utc>,
    /// `null` for what nobody signed in did: the payment provider, time, a job.
    actor_id: Option<Uuid>,
    account_id: Option<Uuid>,
    #[schema(example = "account_suspended")]
    action: String,
    #[schema(value_type = Object)]
    detail: Value,
}

/// Lists the audit trail.
#[utoipa::path(
    operation_id = "listAuditLog",
    tag = "operator",
    security(("access_token" = [])),
    params(AuditParams),
    responses(
        (status = 200, body = AuditLogBody),
        (status = 400, description = "unknown_field · malformed_query · invalid_cursor", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 403, description = "super_admin_only", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[get("/audit-log")]
pub(crate) async fn list(
    app: web::Data<App>,
    _: Super,
    Query(params): Query<AuditParams>,
) -> Result<web::Json<AuditLogBody>, ApiError> {
    let after = cursor::decode(params.cursor.as_deref())?;
    let account = params.account.map(AccountId::from_uuid);
    let page = app.operations.audit_log(account, after).await?;
    let last = page.items.last().filter(|_| page.has_more);
    Ok(web::Json(AuditLogBody {
        next_cursor: last.map(|last| cursor::encode(&last.id)).transpose()?,
        items: page.items.into_iter().map(Into::into).collect(),
    }))
}

impl From<AuditRecord> for AuditBody {
    fn from(record: AuditRecord) -> Self {
        Self {
            at: record.at.as_datetime(),
            actor_id: record.actor.map(tollgate_primitives::UserId::as_uuid),
            account_id: record.account.map(AccountId::as_uuid),
            action: record.action,
            detail: record.detail,
        }
    }
}
