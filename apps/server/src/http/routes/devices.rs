//! Where a person is signed in.

use actix_web::{HttpResponse, delete, get, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use tollgate_primitives::SessionId;
use tollgate_use_cases::{App, end_other_sessions, end_own_session, ports::SessionRow};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::{
    caller::SignedIn,
    error::{ApiError, ErrorBody},
};

/// A device that is signed in. Its id lets nobody in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionBody {
    id: Uuid,
    /// Whether it is the one that asks.
    is_current: bool,
    created_at: DateTime<Utc>,
    /// When it last refreshed its tokens.
    last_active: DateTime<Utc>,
    user_agent: Option<String>,
    ip: Option<String>,
}

/// The devices that the caller is signed in on, the last used first.
#[utoipa::path(
    operation_id = "listSessions",
    tag = "auth",
    security(("access_token" = [])),
    responses(
        (status = 200, body = [SessionBody]),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[get("/auth/sessions")]
pub(crate) async fn list(
    app: web::Data<App>,
    SignedIn(caller): SignedIn,
) -> Result<web::Json<Vec<SessionBody>>, ApiError> {
    let sessions = app.store.sessions(caller.user, app.clock.now()).await?;
    let bodies = sessions
        .into_iter()
        .map(|session| SessionBody::of(session, caller.session));
    Ok(web::Json(bodies.collect()))
}

/// Signs one of the caller's devices out.
#[utoipa::path(
    operation_id = "endSession",
    tag = "auth",
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The id of a session")),
    responses(
        (status = 204, description = "It has ended"),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 404, description = "not_found", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[delete("/auth/sessions/{id}")]
pub(crate) async fn end_one(
    app: web::Data<App>,
    SignedIn(caller): SignedIn,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let id = Uuid::try_parse(&id).map_err(|_| ApiError::no_such("session"))?;
    if !end_own_session(&app, &caller, SessionId::from_uuid(id)).await? {
        return Err(ApiError::no_such("session"));
    }
    Ok(HttpResponse::NoContent().finish())
}

/// Signs the caller out everywhere else.
#[utoipa::path(
    operation_id = "endOtherSessions",
    tag = "auth",
    security(("access_token" = [])),
    responses(
        (status = 204, description = "They have ended"),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[delete("/auth/sessions")]
pub(crate) async fn end_others(
    app: web::Data<App>,
    SignedIn(caller): SignedIn,
) -> Result<HttpResponse, ApiError> {
    end_other_sessions(&app, &caller).await?;
    Ok(HttpResponse::NoContent().finish())
}

impl SessionBody {
    fn of(session: SessionRow, current: SessionId) -> Self {
        Self {
            id: session.id.as_uuid(),
            is_current: session.id == current,
            created_at: session.created_at.as_datetime(),
            last_active: session.last_active.as_datetime(),
            user_agent: session.user_agent,
            ip: session.ip,
        }
    }
}
