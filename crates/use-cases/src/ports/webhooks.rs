//! What the provider says by itself: verified over the raw bytes, then put into our words.

use std::fmt::{self, Debug};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tollgate_billing::{Customer, Stamp, SubscriptionId};
use tollgate_primitives::Timestamp;

use super::{CheckoutSessionId, Described};

/// The provider's id of one event: delivered twice, it is the same event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NoticeId(pub String);

impl fmt::Display for NoticeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One event whose signature was right.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    pub id: NoticeId,
    /// The provider's own name of the event, for people to read.
    pub kind: String,
    pub api_version: Option<String>,
    pub stamp: Stamp,
    pub content: NoticeContent,
    /// The body as it was signed.
    pub body: String,
}

#[derive(Debug, Clone, PartialEq)]
pub enum NoticeContent {
    /// The whole of a subscription as it stood.
    Subscription {
        customer: Customer,
        described: Described,
    },
    CheckoutCompleted {
        session: CheckoutSessionId,
        customer: Option<Customer>,
        subscription: Option<SubscriptionId>,
    },
    CheckoutExpired {
        session: CheckoutSessionId,
    },
    PaymentFailed {
        customer: Customer,
        subscription: SubscriptionId,
        attempt: u32,
        next_attempt: Option<Timestamp>,
    },
    PaymentSucceeded {
        customer: Customer,
        subscription: SubscriptionId,
    },
    TrialWillEnd {
        customer: Customer,
        subscription: SubscriptionId,
        ends_at: Timestamp,
    },
    /// Nothing of ours: another kind of event, or one without its object in it.
    Irrelevant,
    /// A kind we know with content we do not (a new status, a missing field), or one meant for
    /// another environment: parked for a person to look at, never guessed at. Says why.
    Unreadable {
        reason: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the signature of the webhook is not right")]
pub struct InvalidSignature;

pub trait Webhooks: Debug + Send + Sync {
    /// Checks `signature` (the provider's header, `None` when absent) over `body` before anything in
    /// it is looked at. Fails alike for every reason.
    fn verify(
        &self,
        signature: Option<&str>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Notice, InvalidSignature>;

    /// Reads a body that was verified when it was stored.
    fn read_stored(&self, body: &str) -> Result<Notice, InvalidSignature>;
}
