//! One answer, and how it looks in a snapshot: ids, tokens and addresses differ from run to run and
//! are left out; times do not, because the clock stands still.

use std::fmt;

use reqwest::{Response, header::HeaderMap};
use serde_json::Value;
use uuid::Uuid;

/// Headers that belong to the contract; `x-request-id` and those on every answer have tests of their own.
const SHOWN: [&str; 9] = [
    "allow",
    "location",
    "retry-after",
    "www-authenticate",
    "x-tollgate-user",
    "x-tollgate-account",
    "x-tollgate-role",
    "x-tollgate-plan",
    "x-tollgate-basis",
];

#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(super) async fn read(response: Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        }
    }

    /// The body, of an answer that must have this status.
    #[track_caller]
    pub(crate) fn ok(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self}");
        if self.text.is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&self.text).unwrap()
    }

    /// Status and code of a refusal in the one shape that refusals have.
    #[track_caller]
    pub(crate) fn refusal(&self) -> (u16, String) {
        let body: Value = serde_json::from_str(&self.text).expect(&self.text);
        let detail = body["detail"].as_object().expect(&self.text);
        assert!(
            detail["message"]
                .as_str()
                .is_some_and(|text| text.len() > 10),
            "{self}"
        );
        assert_eq!(body.as_object().unwrap().len(), 1, "{self}");
        (self.status, detail["error"].as_str().unwrap().to_owned())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        Some(self.headers.get(name)?.to_str().unwrap())
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        for name in SHOWN {
            if let Some(value) = self.header(name) {
                write!(f, "\n{name}: {}", redacted(value))?;
            }
        }
        match serde_json::from_str::<Value>(&self.text) {
            Ok(body) => write!(f, "\n{:#}", without_secrets(body)),
            Err(_) if self.text.is_empty() => Ok(()),
            Err(_) => write!(f, "\n{}", self.text),
        }
    }
}

fn without_secrets(body: Value) -> Value {
    match body {
        Value::String(text) => Value::String(redacted(&text)),
        Value::Array(items) => items.into_iter().map(without_secrets).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(key, value)| (key, without_secrets(value)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => body,
    }
}

/// `text` with everything that differs from run to run replaced by what it is.
pub(crate) fn redacted(text: &str) -> String {
    text.split_inclusive(|c: char| c.is_whitespace() || c == '=')
        .map(redacted_word)
        .collect()
}

fn redacted_word(word: &str) -> String {
    let bare = word.trim_end_matches(|c: char| c.is_whitespace() || c == '=');
    let rest = &word[bare.len()..];
    if let Some((path, _)) = bare.split_once("/sub_") {
        return format!("{path}/[subscription]{rest}");
    }
    let what = if Uuid::try_parse(bare).is_ok() {
        "[id]"
    } else if bare.starts_with("eyJ") {
        "[access token]"
    } else if bare.starts_with("tgr_") {
        "[refresh token]"
    } else if bare.starts_with("sub_") {
        "[subscription]"
    } else if bare.starts_with("http://127.0.0.1:") {
        let path: Vec<_> = bare.splitn(4, '/').collect();
        let page = path[3].split('/').next().unwrap();
        return format!("[sandbox]/{page}/…{rest}");
    } else if bare.len() == 43
        && bare
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    {
        "[token]"
    } else {
        bare
    };
    format!("{what}{rest}")
}
