//! One request.

use reqwest::{RequestBuilder, header};
use serde_json::Value;

use super::{Answer, Person};

#[derive(Debug)]
pub(crate) struct Call(RequestBuilder);

impl Call {
    pub(super) fn new(request: RequestBuilder) -> Self {
        Self(request)
    }

    /// With the access token of `person`.
    pub(crate) fn by(self, person: &Person) -> Self {
        self.bearer(&person.access)
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        Self(self.0.bearer_auth(token))
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub(crate) fn form(self, fields: &[(&str, &str)]) -> Self {
        Self(self.0.form(fields))
    }

    pub(crate) fn body(self, media_type: &str, body: impl Into<reqwest::Body>) -> Self {
        self.header(header::CONTENT_TYPE.as_str(), media_type)
            .raw(body)
    }

    /// A body of no media type.
    pub(crate) fn raw(self, body: impl Into<reqwest::Body>) -> Self {
        Self(self.0.body(body))
    }

    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    pub(crate) async fn send(self) -> Answer {
        Answer::read(self.0.send().await.unwrap()).await
    }
}
