//! An invoice, with its subscription under `parent` (since 2025-03-31.basil) or on itself (before).

use serde::Deserialize;
use tollgate_billing::{Customer, SubscriptionId};
use tollgate_primitives::Timestamp;

use super::{Id, Unreadable, optional_timestamp};

/// <https://docs.stripe.com/api/invoices/object>
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Invoice {
    customer: Option<Id>,
    subscription: Option<Id>,
    parent: Option<Parent>,
    attempt_count: Option<u32>,
    next_payment_attempt: Option<i64>,
}

#[derive(Debug, Clone, Deserialize)]
struct Parent {
    subscription_details: Option<SubscriptionDetails>,
}

#[derive(Debug, Clone, Deserialize)]
struct SubscriptionDetails {
    subscription: Option<Id>,
}

impl Invoice {
    /// `None` for an invoice of something else than a subscription.
    pub(crate) fn subscription(&self) -> Option<SubscriptionId> {
        self.subscription
            .as_ref()
            .or_else(|| {
                let details = self.parent.as_ref()?.subscription_details.as_ref()?;
                details.subscription.as_ref()
            })
            .map(|id| SubscriptionId::new(id.as_str()))
    }

    pub(crate) fn customer(&self) -> Result<Customer, Unreadable> {
        let customer = self.customer.as_ref();
        customer
            .map(|id| Customer::new(id.as_str()))
            .ok_or_else(|| Unreadable::missing("customer"))
    }

    /// How often the payment was tried, the first time included.
    pub(crate) fn attempt(&self) -> Result<u32, Unreadable> {
        self.attempt_count
            .ok_or_else(|| Unreadable::missing("attempt_count"))
    }

    pub(crate) fn next_attempt(&self) -> Result<Option<Timestamp>, Unreadable> {
        optional_timestamp("next_payment_attempt", self.next_payment_attempt)
    }
}
