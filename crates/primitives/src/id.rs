//! Typed ids. They are made by the application (UUIDv7, from the `Entropy` port), never here.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

/// The text is not a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a UUID")]
pub struct IdInvalid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            #[must_use]
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdInvalid;

            fn from_str(text: &str) -> Result<Self, IdInvalid> {
                Uuid::parse_str(text).map(Self).map_err(|_| IdInvalid)
            }
        }
    )+};
}

ids! {
    /// A customer organisation.
    AccountId,
    /// A person.
    UserId,
    /// One device signed in: a family of refresh tokens.
    SessionId,
    /// One refresh token or one mailed token.
    TokenId,
    /// One intent to buy.
    ReservationId,
    /// One intent to change a running subscription.
    ChangeId,
    /// Somebody who asked for an offer.
    LeadId,
    /// One platform invite code.
    InviteCodeId,
    /// One invitation into an account.
    InviteId,
    /// One link of a person to a sign-in provider.
    IdentityId,
}

/// The stable name of one job: enqueueing it again is the same job, and what the job does outside
/// carries it as its idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobKey(String);

impl JobKey {
    /// `what:id`, for example `verify-email:0198…`.
    #[must_use]
    pub fn new(what: &str, id: impl fmt::Display) -> Self {
        Self(format!("{what}:{id}"))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_from_its_own_text_and_refuses_other_text() {
        let id = AccountId::from_uuid(Uuid::from_u128(7));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("7".parse::<AccountId>(), Err(IdInvalid));
    }
}
