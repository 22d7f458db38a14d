//! Where the next page begins, as text that only we read.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};

use crate::http::error::ApiError;

pub(crate) fn encode(position: &impl Serialize) -> Result<String, ApiError> {
    let json = serde_json::to_vec(position).map_err(|_| ApiError::internal())?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

/// Of a cursor that was sent, if one was.
pub(crate) fn decode<T: DeserializeOwned>(cursor: Option<&str>) -> Result<Option<T>, ApiError> {
    let Some(cursor) = cursor else {
        return Ok(None);
    };
    URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|json| serde_json::from_slice(&json).ok())
        .map(Some)
        .ok_or_else(ApiError::invalid_cursor)
}
