//! The closed vocabulary in which a payment provider's word reaches this crate.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tollgate_primitives::{PlanKey, Timestamp};

use crate::Period;

macro_rules! provider_ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            #[must_use]
            pub fn new(id: &str) -> Self {
                Self(id.into())
            }

            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(id.into())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.as_ref().to_owned()
            }
        }
    )+};
}

provider_ids! {
    /// The provider's id of one subscription. Opaque.
    SubscriptionId,
    /// The provider's id of one price. Opaque.
    PriceId,
    /// The provider's id of one paying customer. Opaque.
    Customer,
}

/// When the provider said something, in its own clock, in whole seconds.
///
/// Two different words with one stamp have no order; see [`crate::transition`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stamp(i64);

impl Stamp {
    #[must_use]
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.0
    }
}

/// How often a subscription is charged; the longer one is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Interval {
    Monthly,
    Annual,
}

/// The text is neither `monthly` nor `annual`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a billing interval is monthly or annual")]
pub struct IntervalInvalid;

impl Interval {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Monthly => "monthly",
            Self::Annual => "annual",
        }
    }

    pub fn parse(text: &str) -> Result<Self, IntervalInvalid> {
        match text {
            "monthly" => Ok(Self::Monthly),
            "annual" => Ok(Self::Annual),
            _ => Err(IntervalInvalid),
        }
    }
}

/// The provider's own word for where a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProviderStatus {
    /// The first payment has not arrived yet.
    Incomplete,
    /// It never did. Terminal.
    IncompleteExpired,
    Trialing,
    Active,
    /// A renewal failed and is being retried.
    PastDue,
    /// The retries are over and the subscription was kept.
    Unpaid,
    Paused,
    /// Terminal.
    Canceled,
}

impl ProviderStatus {
    /// Whether the subscription can never come back under the same id.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::IncompleteExpired | Self::Canceled => true,
            Self::Incomplete
            | Self::Trialing
            | Self::Active
            | Self::PastDue
            | Self::Unpaid
            | Self::Paused => false,
        }
    }
}

/// A whole subscription as the provider described it at `stamp`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub subscription: SubscriptionId,
    pub status: ProviderStatus,
    /// What the price stands for in our catalog.
    pub plan: PlanKey,
    pub interval: Interval,
    pub price: PriceId,
    pub seats: u32,
    pub period: Period,
    /// When it is scheduled to end, however that was asked for.
    pub cancel_at: Option<Timestamp>,
    /// When it ended, for the terminal statuses; `stamp` stands in where the provider is silent.
    pub ended_at: Option<Timestamp>,
    pub stamp: Stamp,
}
