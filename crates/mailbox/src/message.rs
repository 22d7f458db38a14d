//! What a received mail says. Reads MIME; decides nothing about it.

use chrono::{DateTime, Utc};
use mail_parser::{Address, MessageParser, PartType};
use serde::{Deserialize, Serialize};

/// One mail as the server took it. Headers that are missing are empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The recipients that the sender named to the server, whatever the headers say.
    pub to: Vec<String>,
    /// The `From` header: `Name <address>`, or the address alone.
    pub from: String,
    pub subject: String,
    /// The plain text part, empty when there is none.
    pub text: String,
    /// The HTML part, empty when there is none.
    pub html: String,
    /// When the server took it.
    pub at: DateTime<Utc>,
    /// Without its angle brackets.
    pub message_id: String,
    /// The `Reply-To` header, written like `from`.
    pub reply_to: Option<String>,
    /// Everything after `DATA`, dots unstuffed.
    pub raw: String,
}

/// What is kept of a message; the rest is read from `raw`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Envelope {
    pub(crate) at: DateTime<Utc>,
    pub(crate) to: Vec<String>,
    pub(crate) raw: String,
}

impl From<Envelope> for Message {
    fn from(Envelope { at, to, raw }: Envelope) -> Self {
        let parsed = MessageParser::new()
            .parse(raw.as_bytes())
            .unwrap_or_default();
        let text = parsed.text_bodies().find_map(|part| {
            if let PartType::Text(text) = &part.body {
                return Some(text.to_string());
            }
            None
        });
        let html = parsed.html_bodies().find_map(|part| {
            if let PartType::Html(html) = &part.body {
                return Some(html.to_string());
            }
            None
        });
        Self {
            from: parsed.from().map(written).unwrap_or_default(),
            subject: parsed.subject().unwrap_or_default().to_owned(),
            text: text.unwrap_or_default(),
            html: html.unwrap_or_default(),
            message_id: parsed.message_id().unwrap_or_default().to_owned(),
            reply_to: parsed.reply_to().map(written),
            at,
            to,
            raw,
        }
    }
}

impl Message {
    pub(crate) fn is_to(&self, address: &str) -> bool {
        self.to
            .iter()
            .any(|recipient| recipient.to_lowercase() == address.to_lowercase())
    }
}

fn written(addresses: &Address<'_>) -> String {
    addresses
        .iter()
        .map(
            |each| match (each.name(), each.address().unwrap_or_default()) {
                (Some(name), address) => format!("{name} <{address}>"),
                (None, address) => address.to_owned(),
            },
        )
        .collect::<Vec<_>>()
        .join(", ")
}
