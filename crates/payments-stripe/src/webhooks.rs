//! What Stripe sends by itself: the signature first, then the envelope, then the event's own file.

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use tollgate_billing::Stamp;
use tollgate_primitives::Timestamp;
use tollgate_use_cases::ports::{InvalidSignature, Notice, NoticeContent, NoticeId, Webhooks};

use crate::{
    events,
    objects::{self, Id, Unreadable},
    settings::Mode,
    signature::{WebhookSecrets, WebhookSecretsInvalid},
};

/// The receiving end of one webhook endpoint.
#[derive(Debug)]
pub struct StripeWebhooks {
    secrets: WebhookSecrets,
    mode: Mode,
    account: Option<String>,
}

impl StripeWebhooks {
    /// Expects events of `mode`. `account` is the connected account whose events this endpoint gets;
    /// events of the key's own account name none, so it is `None` outside Stripe Connect.
    pub fn new(
        secrets: &[SecretString],
        mode: Mode,
        account: Option<String>,
    ) -> Result<Self, WebhookSecretsInvalid> {
        Ok(Self {
            secrets: WebhookSecrets::parse(secrets)?,
            mode,
            account,
        })
    }

    fn content(&self, envelope: &Envelope, body: &str) -> Result<NoticeContent, Unreadable> {
        if envelope.is_thin() {
            return Ok(NoticeContent::Irrelevant);
        }
        self.meant_for_us(envelope)?;
        let stamp = envelope
            .stamp()
            .ok_or_else(|| Unreadable::missing("created"))?;
        events::content(envelope.kind.as_str(), stamp, body)
    }

    fn meant_for_us(&self, envelope: &Envelope) -> Result<(), Unreadable> {
        if envelope.livemode.as_bool() != Some(self.mode.is_live()) {
            return Err(Unreadable::new(format!(
                "livemode is {}, the key's mode is {:?}",
                envelope.livemode, self.mode
            )));
        }
        if envelope.account.as_str() != self.account.as_deref() {
            return Err(Unreadable::new(format!(
                "it is of another account: {}",
                envelope.account
            )));
        }
        Ok(())
    }
}

impl Webhooks for StripeWebhooks {
    fn verify(
        &self,
        signature: Option<&str>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Notice, InvalidSignature> {
        let signature = signature.ok_or(InvalidSignature)?;
        if !self.secrets.signed(signature, body, now) {
            return Err(InvalidSignature);
        }
        self.read_stored(std::str::from_utf8(body).map_err(|_| InvalidSignature)?)
    }

    /// A body in which no event id and type can be found is answered like a wrong signature: there is
    /// nothing to store it under, and Stripe signs no such thing.
    fn read_stored(&self, body: &str) -> Result<Notice, InvalidSignature> {
        let envelope: Envelope = objects::parse(body.as_bytes()).map_err(|_| InvalidSignature)?;
        let content =
            self.content(&envelope, body)
                .unwrap_or_else(|unreadable| NoticeContent::Unreadable {
                    reason: unreadable.to_string(),
                });
        Ok(Notice {
            stamp: envelope.stamp().unwrap_or(Stamp::from_unix_seconds(0)),
            api_version: envelope.api_version.as_str().map(str::to_owned),
            id: NoticeId(envelope.id.into_string()),
            kind: envelope.kind.into_string(),
            content,
            body: body.to_owned(),
        })
    }
}

/// What stands around the object. Only the two fields under which an event is stored must be right;
/// the others are judged one by one, so that an event with a surprise in them is parked, not lost.
///
/// <https://docs.stripe.com/api/events/object>
#[derive(Debug, Deserialize)]
struct Envelope {
    id: Id,
    #[serde(rename = "type")]
    kind: Id,
    #[serde(default)]
    object: Value,
    #[serde(default)]
    api_version: Value,
    #[serde(default)]
    created: Value,
    #[serde(default)]
    livemode: Value,
    #[serde(default)]
    account: Value,
}

impl Envelope {
    /// A thin event names its object and leaves it out. <https://docs.stripe.com/event-destinations>
    fn is_thin(&self) -> bool {
        self.object.as_str() == Some("v2.core.event")
    }

    /// Seconds in a snapshot event, RFC 3339 in a thin one.
    fn stamp(&self) -> Option<Stamp> {
        let written = || chrono::DateTime::parse_from_rfc3339(self.created.as_str()?).ok();
        self.created
            .as_i64()
            .or_else(|| written().map(|instant| instant.timestamp()))
            .map(Stamp::from_unix_seconds)
    }
}
