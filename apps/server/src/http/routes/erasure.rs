//! Everything held about the caller, and its end.

use std::{error::Error, fmt::Write as _, future::ready};

use actix_web::{
    HttpResponse, delete, get,
    http::header::{self, ContentType},
    web::{self, Bytes},
};
use futures_util::{Stream, StreamExt as _, stream};
use serde::Deserialize;
use serde_json::{Map, Value};
use tollgate_identity::Password;
use tollgate_primitives::UserId;
use tollgate_use_cases::{
    App, erase_user,
    ports::{SessionPosition, StoreError},
};
use utoipa::ToSchema;

use crate::http::{
    body::{AUTH_LIMIT, OptionalJsonBody},
    caller::SignedIn,
    error::{ApiError, ErrorBody},
};

/// Sessions in one piece of an export.
const SESSIONS: u16 = 500;

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EraseBody {
    /// Not needed within five minutes of signing in.
    #[schema(format = Password)]
    password: Option<String>,
}

/// Answers everything held about the caller, as a file.
#[utoipa::path(
    operation_id = "exportMe",
    tag = "me",
    security(("access_token" = [])),
    responses(
        (status = 200, description = "An object with a list for each kind of thing", body = Object),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked", body = ErrorBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[get("/users/me/export")]
pub(crate) async fn export(
    app: web::Data<App>,
    SignedIn(caller): SignedIn,
) -> Result<HttpResponse, ApiError> {
    let held = app.erasure.held_about(caller.user).await?;
    let held = held.ok_or_else(ApiError::session_ended)?;
    let as_file = "attachment; filename=\"export.json\"";
    Ok(HttpResponse::Ok()
        .content_type(ContentType::json())
        .insert_header((header::CONTENT_DISPOSITION, as_file))
        .streaming(export_of(app, caller.user, held)))
}

/// The object, its list of sessions piece by piece: they are kept for as long as the person. What cannot
/// be read to its end breaks off, so that nobody takes a part for the whole.
fn export_of(
    app: web::Data<App>,
    user: UserId,
    held: Map<String, Value>,
) -> impl Stream<Item = Result<Bytes, StoreError>> {
    let mut opening = Value::Object(held).to_string();
    opening.pop();
    opening.push_str(",\"sessions\":[");
    let sessions = stream::try_unfold(Next::Page(None), move |next| {
        let app = app.clone();
        async move {
            let after = match next {
                Next::Page(after) => after,
                Next::Nothing => return Ok(None),
            };
            let page = app.erasure.held_sessions(user, after, SESSIONS).await;
            let (page, rest) = page.inspect_err(
                |error| tracing::error!(%user, error = error as &dyn Error, "an export broke off"),
            )?;
            let mut text = String::new();
            for (nth, session) in page.iter().enumerate() {
                let comma = if nth > 0 || after.is_some() { "," } else { "" };
                // Writing to a string does not fail.
                let _ = write!(text, "{comma}{session}");
            }
            if rest.is_none() {
                text.push_str("]}");
            }
            let next = rest.map_or(Next::Nothing, |after| Next::Page(Some(after)));
            Ok(Some((Bytes::from(text), next)))
        }
    });
    stream::once(ready(Ok(Bytes::from(opening)))).chain(sessions)
}

enum Next {
    Page(Option<SessionPosition>),
    Nothing,
}

/// Erases the caller, and the accounts that are theirs alone with what those bought. There is no way back.
#[utoipa::path(
    operation_id = "eraseMe",
    tag = "me",
    security(("access_token" = [])),
    request_body = Option<EraseBody>,
    responses(
        (status = 204, description = "Erased"),
        (status = 400, description = "malformed_json · unknown_field", body = ErrorBody),
        (status = 401, description = "not_authenticated · token_invalid · token_expired · token_revoked · invalid_credentials", body = ErrorBody),
        (status = 403, description = "fresh_sign_in_required", body = ErrorBody),
        (status = 409, description = "last_owner", body = ErrorBody),
        (status = 413, description = "body_too_large", body = ErrorBody),
        (status = 415, description = "unsupported_media_type", body = ErrorBody),
        (status = 422, description = "validation_failed", body = ErrorBody),
        (status = 429, description = "rate_limited", body = ErrorBody),
        (status = 503, description = "busy · unavailable", body = ErrorBody),
    )
)]
#[delete("/users/me")]
pub(crate) async fn erase(
    app: web::Data<App>,
    SignedIn(caller): SignedIn,
    OptionalJsonBody(body): OptionalJsonBody<EraseBody, AUTH_LIMIT>,
) -> Result<HttpResponse, ApiError> {
    // No password of ours is that long.
    let password = body.password.as_deref().map(Password::parse).transpose();
    let password = password.map_err(|_| ApiError::invalid_credentials())?;
    erase_user(&app, &caller, password.as_ref()).await?;
    Ok(HttpResponse::NoContent().finish())
}
