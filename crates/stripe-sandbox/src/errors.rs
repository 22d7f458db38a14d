//! Errors in the shape and, where we know them, the words of Stripe
//! (<https://docs.stripe.com/api/errors>).

use serde_json::{Value, json};

/// One refused or failed call.
#[derive(Clone, Debug)]
pub(crate) struct StripeError {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) code: Option<&'static str>,
    pub(crate) decline_code: Option<&'static str>,
    pub(crate) param: Option<String>,
    pub(crate) message: String,
    /// Refused while the parameters were read: nothing is kept for the idempotency key.
    pub(crate) before_execution: bool,
}

impl StripeError {
    /// A request that is understood and refused.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self {
            status: 400,
            kind: "invalid_request_error",
            code: None,
            decline_code: None,
            param: None,
            message: message.into(),
            before_execution: false,
        }
    }

    /// A request whose parameters cannot be read.
    pub(crate) fn parameter(
        code: Option<&'static str>,
        param: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code,
            param: Some(param.into()),
            before_execution: true,
            ..Self::invalid(message)
        }
    }

    pub(crate) fn missing_parameter(param: impl Into<String>) -> Self {
        let param = param.into();
        let message = format!("Missing required param: {param}.");
        Self::parameter(Some("parameter_missing"), param, message)
    }

    /// The object a path names does not exist.
    pub(crate) fn no_such(object: &str, id: &str) -> Self {
        Self {
            status: 404,
            ..Self::no_such_in(object, id, "id")
        }
    }

    /// The object a parameter names does not exist.
    pub(crate) fn no_such_in(object: &str, id: &str, param: &str) -> Self {
        Self {
            code: Some("resource_missing"),
            param: Some(param.to_owned()),
            ..Self::invalid(format!("No such {object}: '{id}'"))
        }
    }

    pub(crate) fn card(
        code: &'static str,
        decline_code: Option<&'static str>,
        message: &str,
    ) -> Self {
        Self {
            status: 402,
            kind: "card_error",
            code: Some(code),
            decline_code,
            ..Self::invalid(message)
        }
    }

    pub(crate) fn with_code(self, code: &'static str) -> Self {
        Self {
            code: Some(code),
            ..self
        }
    }

    pub(crate) fn with_param(self, param: impl Into<String>) -> Self {
        Self {
            param: Some(param.into()),
            ..self
        }
    }

    /// The body Stripe would send.
    pub(crate) fn to_json(&self) -> Value {
        let mut error = serde_json::Map::new();
        if let Some(code) = self.code {
            error.insert("code".into(), json!(code));
            let page = code.replace('_', "-");
            error.insert(
                "doc_url".into(),
                json!(format!("https://stripe.com/docs/error-codes/{page}")),
            );
        }
        if let Some(decline_code) = self.decline_code {
            error.insert("decline_code".into(), json!(decline_code));
        }
        error.insert("message".into(), json!(self.message));
        if let Some(param) = &self.param {
            error.insert("param".into(), json!(param));
        }
        error.insert("type".into(), json!(self.kind));
        json!({ "error": error })
    }
}
