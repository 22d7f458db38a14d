//! Whether Stripe signed these bytes, just now. Looks at nothing inside them.
//!
//! <https://docs.stripe.com/webhooks/signature>: HMAC-SHA256 over `<t>.<raw body>` with the whole
//! `whsec_…` text as the key, as lower-case hex in any number of `v1` entries of the header.

use std::fmt;

use hmac::{
    Hmac, KeyInit, Mac,
    digest::{CtOutput, Output},
};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use thiserror::Error;
use tollgate_primitives::Timestamp;

type HmacSha256 = Hmac<Sha256>;

const PREFIX: &str = "whsec_";
/// Shortest secret after the prefix: 96 bits even in base 64. Stripe's own have 32 characters.
const SHORTEST_SECRET: usize = 16;
/// How far a signature's time may lie from now, either way, inclusive.
const TOLERANCE_SECONDS: u64 = 300;
/// A header with two secrets in rotation has under 250 bytes.
const LONGEST_HEADER: usize = 4096;

/// The secrets of one endpoint: one, or two while they are rotated.
#[derive(Clone)]
pub(crate) struct WebhookSecrets(Vec<HmacSha256>);

/// A configuration in which a signature would prove nothing. Shows no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WebhookSecretsInvalid {
    #[error("no webhook secret is set")]
    Missing,
    #[error("a webhook secret must be whsec_ and at least {SHORTEST_SECRET} letters or digits")]
    NotASecret,
}

impl WebhookSecrets {
    /// Refuses to be empty, and any secret that is empty, short, or holds a stray blank or quote.
    pub(crate) fn parse(secrets: &[SecretString]) -> Result<Self, WebhookSecretsInvalid> {
        if secrets.is_empty() {
            return Err(WebhookSecretsInvalid::Missing);
        }
        secrets
            .iter()
            .map(keyed)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether `header` holds a signature over `body` by one of the secrets, made around `now`.
    pub(crate) fn signed(&self, header: &str, body: &[u8], now: Timestamp) -> bool {
        let Some(header) = Header::parse(header) else {
            return false;
        };
        if now.unix_seconds().abs_diff(header.seconds) > TOLERANCE_SECONDS {
            return false;
        }
        self.0.iter().any(|secret| {
            let mut mac = secret.clone();
            mac.update(header.timestamp.as_bytes());
            mac.update(b".");
            mac.update(body);
            header.candidates.contains(&mac.finalize())
        })
    }
}

impl fmt::Debug for WebhookSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookSecrets({})", self.0.len())
    }
}

fn keyed(secret: &SecretString) -> Result<HmacSha256, WebhookSecretsInvalid> {
    let secret = secret.expose_secret();
    let random = secret
        .strip_prefix(PREFIX)
        .ok_or(WebhookSecretsInvalid::NotASecret)?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte);
    if random.len() < SHORTEST_SECRET || !random.bytes().all(is_plain) {
        return Err(WebhookSecretsInvalid::NotASecret);
    }
    HmacSha256::new_from_slice(secret.as_bytes()).map_err(|_| WebhookSecretsInvalid::NotASecret)
}

/// `t=<seconds>,v1=<hex>,…`; entries of other schemes are passed over.
struct Header<'a> {
    /// As it was signed.
    timestamp: &'a str,
    seconds: i64,
    /// Compared in constant time by their type.
    candidates: Vec<CtOutput<HmacSha256>>,
}

impl<'a> Header<'a> {
    fn parse(header: &'a str) -> Option<Self> {
        if header.len() > LONGEST_HEADER {
            return None;
        }
        let mut timestamp = None;
        let mut candidates = Vec::new();
        for entry in header.split(',') {
            match entry.split_once('=')? {
                ("t", value) if timestamp.is_none() => timestamp = Some(value),
                ("t", _) => return None,
                ("v1", value) => candidates.extend(tag(value)),
                _ => {}
            }
        }
        let timestamp = timestamp.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
        Some(Self {
            timestamp,
            seconds: timestamp.parse().ok()?,
            candidates,
        })
    }
}

fn tag(hexadecimal: &str) -> Option<CtOutput<HmacSha256>> {
    if hexadecimal.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let mut bytes = Output::<HmacSha256>::default();
    hex::decode_to_slice(hexadecimal, &mut bytes).ok()?;
    Some(CtOutput::new(bytes))
}
