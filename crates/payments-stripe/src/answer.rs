//! What an answer means: the object that was asked for, a refusal, or nothing that can be read.

use hyper::StatusCode;
use serde::{Deserialize, de::DeserializeOwned};
use tollgate_use_cases::ports::PaymentsError;

use crate::{
    objects::{self, Unreadable},
    transport::Answer,
};

/// The object in a successful answer.
pub(crate) fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, PaymentsError> {
    if answer.status.is_success() {
        return Ok(objects::parse(&answer.body)?);
    }
    match refusal(answer) {
        Some(refusal) if answer.status.is_client_error() => Err(refusal.into_error(answer.status)),
        Some(_) | None => Err(PaymentsError::Unreadable {
            what: format!("status {}", answer.status),
        }),
    }
}

impl From<Unreadable> for PaymentsError {
    fn from(unreadable: Unreadable) -> Self {
        Self::Unreadable {
            what: unreadable.to_string(),
        }
    }
}

/// Whether Stripe knows no such object.
pub(crate) fn is_unknown(answer: &Answer) -> bool {
    answer.status == StatusCode::NOT_FOUND
        && refusal(answer).is_some_and(|refusal| refusal.code() == "resource_missing")
}

pub(crate) fn refusal(answer: &Answer) -> Option<Refusal> {
    #[derive(Deserialize)]
    struct Body {
        error: Refusal,
    }
    objects::parse(&answer.body)
        .ok()
        .map(|body: Body| body.error)
}

/// <https://docs.stripe.com/api/errors>
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Refusal {
    #[serde(rename = "type")]
    kind: String,
    code: Option<String>,
    message: Option<String>,
}

impl Refusal {
    pub(crate) fn is_key_in_use(&self) -> bool {
        self.code() == "idempotency_key_in_use"
    }

    /// The key was used before with other parameters.
    pub(crate) fn is_key_reused(&self) -> bool {
        self.kind == "idempotency_error" && self.code.is_none()
    }

    pub(crate) fn is_refunded(&self) -> bool {
        self.code() == "charge_already_refunded"
    }

    /// The exact code where there is one, else the kind of error.
    fn code(&self) -> &str {
        self.code.as_deref().unwrap_or(&self.kind)
    }

    /// Stripe's message may repeat the key it did not accept; ours does not.
    fn into_error(self, status: StatusCode) -> PaymentsError {
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return PaymentsError::Refused {
                code: "secret_key_refused".to_owned(),
                message: format!("the secret key may not do this ({status})"),
            };
        }
        PaymentsError::Refused {
            code: self.code().to_owned(),
            message: self.message.unwrap_or_default(),
        }
    }
}
