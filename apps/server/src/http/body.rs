//! Request bodies: bounded, of the right media type, with every field known and given once.

use std::{
    future::{Future, Ready, ready},
    pin::Pin,
    time::Duration,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header, web};
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::http::error::{ApiError, FieldError};

/// How long a body may take to arrive.
const DEADLINE: Duration = Duration::from_secs(10);

/// Enough for any body of sign-up and sign-in.
pub(crate) const AUTH_LIMIT: usize = 4 * 1024;

/// Enough for any other body that a person's browser sends.
pub(crate) const DEFAULT_LIMIT: usize = 64 * 1024;

/// A body of JSON of at most `LIMIT` bytes.
#[derive(Debug)]
pub(crate) struct JsonBody<T, const LIMIT: usize = DEFAULT_LIMIT>(pub(crate) T);

/// The same, where nothing at all says the default.
#[derive(Debug)]
pub(crate) struct OptionalJsonBody<T, const LIMIT: usize = DEFAULT_LIMIT>(pub(crate) T);

/// A body of `application/x-www-form-urlencoded` of at most [`AUTH_LIMIT`] bytes.
#[derive(Debug)]
pub(crate) struct FormBody<T>(pub(crate) T);

/// A query string.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

/// The bytes of a body, of any media type.
#[derive(Debug)]
pub(crate) struct RawBody<const LIMIT: usize>(pub(crate) web::Bytes);

type Extracted<T> = Pin<Box<dyn Future<Output = Result<T, ApiError>>>>;

impl<T: DeserializeOwned + 'static, const LIMIT: usize> FromRequest for JsonBody<T, LIMIT> {
    type Error = ApiError;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_json = has_media_type(request, "application/json");
        let bytes = read(request, payload, LIMIT);
        Box::pin(async move {
            if !is_json {
                return Err(ApiError::unsupported_media_type("application/json"));
            }
            parse_json(&bytes.await?).map(Self)
        })
    }
}

impl<T: DeserializeOwned + Default + 'static, const LIMIT: usize> FromRequest
    for OptionalJsonBody<T, LIMIT>
{
    type Error = ApiError;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let has_type = request.headers().contains_key(header::CONTENT_TYPE);
        let is_json = has_media_type(request, "application/json");
        let bytes = read(request, payload, LIMIT);
        Box::pin(async move {
            if has_type && !is_json {
                return Err(ApiError::unsupported_media_type("application/json"));
            }
            let bytes = bytes.await?;
            if !has_type && bytes.is_empty() {
                return Ok(Self(T::default()));
            }
            if !is_json {
                return Err(ApiError::unsupported_media_type("application/json"));
            }
            parse_json(&bytes).map(Self)
        })
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for FormBody<T> {
    type Error = ApiError;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        const FORM: &str = "application/x-www-form-urlencoded";
        let is_form = has_media_type(request, FORM);
        let bytes = read(request, payload, AUTH_LIMIT);
        Box::pin(async move {
            if !is_form {
                return Err(ApiError::unsupported_media_type(FORM));
            }
            parse_form(&bytes.await?, ApiError::malformed_form).map(Self)
        })
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Query<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse_form(request.query_string().as_bytes(), ApiError::malformed_query).map(Self))
    }
}

impl<const LIMIT: usize> FromRequest for RawBody<LIMIT> {
    type Error = ApiError;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = read(request, payload, LIMIT);
        Box::pin(async move { bytes.await.map(Self) })
    }
}

/// Whether the database takes `text`: no text of ours has a NUL.
pub(crate) fn is_storable(text: &str) -> bool {
    !text.contains('\0')
}

fn read(
    request: &HttpRequest,
    payload: &mut Payload,
    limit: usize,
) -> impl Future<Output = Result<web::Bytes, ApiError>> + use<> {
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let payload = web::Payload::from_request(request, payload);
    async move {
        // Said before it is sent, so that nobody uploads ten megabytes to be refused.
        if announced.is_some_and(|length| length > limit) {
            return Err(ApiError::body_too_large(limit));
        }
        let payload = payload.await.map_err(|_| ApiError::malformed_json())?;
        match tokio::time::timeout(DEADLINE, payload.to_bytes_limited(limit)).await {
            Err(_) => Err(ApiError::body_too_slow()),
            Ok(Err(_)) => Err(ApiError::body_too_large(limit)),
            Ok(Ok(Err(_))) => Err(ApiError::malformed_json()),
            Ok(Ok(Ok(bytes))) => Ok(bytes),
        }
    }
}

fn has_media_type(request: &HttpRequest, expected: &str) -> bool {
    request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case(expected))
}

fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        // Asked of the whole body: the first thing that is wrong may be a field before the broken end,
        // and a value of the wrong type can look like broken syntax to the one that expects it.
        if serde_json::from_slice::<IgnoredAny>(bytes).is_err() {
            return ApiError::malformed_json();
        }
        let path = error.path().to_string();
        wrong_data(
            &path,
            &error.into_inner().to_string(),
            ApiError::malformed_json,
        )
    })?;
    json.end().map_err(|_| ApiError::malformed_json())?;
    Ok(parsed)
}

fn parse_form<T: DeserializeOwned>(
    bytes: &[u8],
    malformed: fn() -> ApiError,
) -> Result<T, ApiError> {
    let form = serde_urlencoded::Deserializer::new(url::form_urlencoded::parse(bytes));
    serde_path_to_error::deserialize(form).map_err(|error| {
        let path = error.path().to_string();
        wrong_data(&path, &error.into_inner().to_string(), malformed)
    })
}

/// Names the field at fault. The derived messages are `unknown field …`, `duplicate field …`,
/// `missing field …` and, for a wrong type, others.
fn wrong_data(path: &str, cause: &str, malformed: fn() -> ApiError) -> ApiError {
    let quoted = cause.split('`').nth(1).unwrap_or_default();
    if cause.starts_with("unknown field") {
        return ApiError::unknown_field(quoted);
    }
    if cause.starts_with("duplicate field") {
        return malformed();
    }
    let (field, code, message) = if cause.starts_with("missing field") {
        (quoted, "required", "This field is needed.")
    } else if path == "." {
        (
            "body",
            "invalid_type",
            "The body is to be an object with named fields.",
        )
    } else {
        (path, "invalid_type", "This field has the wrong type.")
    };
    ApiError::validation(&[FieldError {
        field: field.to_owned(),
        code,
        message: message.to_owned(),
    }])
}
