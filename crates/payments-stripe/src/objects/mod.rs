//! Stripe's objects as far as we rely on them. Everything that some API version leaves out is optional
//! here; what is missing is noticed when the object is put into our words, and then never guessed.

mod catalog;
mod checkout;
mod id;
mod invoice;
mod list;
mod subscription;

use serde::de::DeserializeOwned;
use thiserror::Error;
use tollgate_primitives::Timestamp;

pub(crate) use catalog::{Price, Product, catalog};
pub(crate) use checkout::{CheckoutSession, SessionStatus};
pub(crate) use id::Id;
pub(crate) use invoice::{Billed, Invoice, PaidInvoice, Preview};
pub(crate) use list::List;
pub(crate) use subscription::Subscription;

/// Longest explanation that is kept: it ends up in a log and in the inbox.
const LONGEST_REASON: usize = 200;

/// Why an object cannot be put into our words.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub(crate) struct Unreadable(String);

impl Unreadable {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        let reason = reason.into();
        match reason.char_indices().nth(LONGEST_REASON) {
            Some((end, _)) => Self(reason.get(..end).unwrap_or_default().to_owned()),
            None => Self(reason),
        }
    }

    pub(crate) fn missing(field: &str) -> Self {
        Self::new(format!("{field} is missing"))
    }
}

/// Reads one JSON document.
pub(crate) fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, Unreadable> {
    serde_json::from_slice(json).map_err(|error| Unreadable::new(error.to_string()))
}

fn timestamp(field: &str, seconds: i64) -> Result<Timestamp, Unreadable> {
    Timestamp::from_unix_seconds(seconds)
        .map_err(|_| Unreadable::new(format!("{field} is out of range: {seconds}")))
}

fn optional_timestamp(field: &str, seconds: Option<i64>) -> Result<Option<Timestamp>, Unreadable> {
    seconds.map(|seconds| timestamp(field, seconds)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_cut_at_a_character_not_inside_one() {
        let reason = Unreadable::new("é".repeat(1000)).to_string();
        assert_eq!(reason, "é".repeat(LONGEST_REASON));
    }
}
