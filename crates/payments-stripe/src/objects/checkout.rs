//! A checkout page, as it is opened and as its end is told.

use serde::Deserialize;
use tollgate_billing::{Customer, SubscriptionId};
use tollgate_use_cases::ports::{self, CheckoutEnd, CheckoutSessionId};

use super::{Id, Unreadable, timestamp};

/// <https://docs.stripe.com/api/checkout/sessions/object>
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct CheckoutSession {
    id: Id,
    mode: Option<String>,
    status: Option<SessionStatus>,
    url: Option<String>,
    expires_at: Option<i64>,
    customer: Option<Id>,
    subscription: Option<Id>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SessionStatus {
    Open,
    Complete,
    Expired,
    #[serde(other)]
    Unknown,
}

impl CheckoutSession {
    pub(crate) fn id(&self) -> CheckoutSessionId {
        CheckoutSessionId(self.id.as_str().to_owned())
    }

    /// Whether a subscription is bought there, not a one-time thing and not only a card left.
    pub(crate) fn sells_subscription(&self) -> Result<bool, Unreadable> {
        let mode = self.mode.as_deref();
        mode.map(|mode| mode == "subscription")
            .ok_or_else(|| Unreadable::missing("mode"))
    }

    pub(crate) fn status(&self) -> Result<SessionStatus, Unreadable> {
        self.status.ok_or_else(|| Unreadable::missing("status"))
    }

    pub(crate) fn customer(&self) -> Option<Customer> {
        let customer = self.customer.as_ref();
        customer.map(|id| Customer::new(id.as_str()))
    }

    pub(crate) fn subscription(&self) -> Option<SubscriptionId> {
        let subscription = self.subscription.as_ref();
        subscription.map(|id| SubscriptionId::new(id.as_str()))
    }

    /// What became of it.
    pub(crate) fn end(&self) -> Result<CheckoutEnd, Unreadable> {
        match self.status()? {
            SessionStatus::Open => Ok(CheckoutEnd::Open),
            SessionStatus::Expired => Ok(CheckoutEnd::Expired),
            SessionStatus::Complete => Ok(CheckoutEnd::Complete {
                subscription: self
                    .subscription()
                    .ok_or_else(|| Unreadable::missing("subscription"))?,
            }),
            SessionStatus::Unknown => Err(Unreadable::new("unknown status of a checkout page")),
        }
    }

    /// The page that was just opened.
    pub(crate) fn into_open(self) -> Result<ports::CheckoutSession, Unreadable> {
        let expires_at = self
            .expires_at
            .ok_or_else(|| Unreadable::missing("expires_at"))?;
        Ok(ports::CheckoutSession {
            id: CheckoutSessionId(self.id.into_string()),
            url: self.url.ok_or_else(|| Unreadable::missing("url"))?,
            expires_at: timestamp("expires_at", expires_at)?,
        })
    }
}
