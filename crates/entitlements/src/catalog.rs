//! What the tables say before any question is asked: a plan's values and an account's exceptions.
//! Decides what a key looks like and keeps rows in key order; resolves nothing.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tollgate_primitives::{PlanKey, Timestamp};

/// The text is no feature or limit key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a key is 1 to 60 of a-z, 0-9, _, . and -")]
pub struct KeyInvalid;

macro_rules! keys {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        ///
        /// 1 to 60 of `a-z`, `0-9`, `_`, `.`, `-`. Cheap to clone.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn parse(text: &str) -> Result<Self, KeyInvalid> {
                let fits = text
                    .bytes()
                    .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-'));
                if !fits || !(1..=60).contains(&text.len()) {
                    return Err(KeyInvalid);
                }
                Ok(Self(text.into()))
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

        impl TryFrom<String> for $name {
            type Error = KeyInvalid;

            fn try_from(text: String) -> Result<Self, KeyInvalid> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(key: $name) -> Self {
                key.0.as_ref().to_owned()
            }
        }
    )+};
}

keys! {
    /// What can be switched on or off: `custom_branding`.
    FeatureKey,
    /// What can be used up: `max_users`.
    LimitKey,
}

/// What the catalog says of one plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    key: PlanKey,
    limits: Vec<(LimitKey, Option<u64>)>,
    features: Vec<(FeatureKey, Option<bool>)>,
}

impl Plan {
    /// Takes each key once, in any order.
    ///
    /// `limits`: `None` is unlimited. `features`: every flag of the catalog, with the plan's default,
    /// or `None` where the plan has none.
    #[must_use]
    pub fn new(
        key: PlanKey,
        mut limits: Vec<(LimitKey, Option<u64>)>,
        mut features: Vec<(FeatureKey, Option<bool>)>,
    ) -> Self {
        // A database sorts by its own collation, which need not be the order of the bytes.
        limits.sort_unstable();
        features.sort_unstable();
        Self {
            key,
            limits,
            features,
        }
    }

    #[must_use]
    pub const fn key(&self) -> &PlanKey {
        &self.key
    }

    /// In the order of the keys; `None` is unlimited.
    #[must_use]
    pub fn limits(&self) -> &[(LimitKey, Option<u64>)] {
        &self.limits
    }

    /// Every flag of the catalog in the order of the keys; `None` where the plan has no default.
    #[must_use]
    pub fn features(&self) -> &[(FeatureKey, Option<bool>)] {
        &self.features
    }
}

/// A feature set for one account, whatever its plan says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureOverride {
    pub key: FeatureKey,
    pub enabled: bool,
    /// From this moment on it does not count. `None`: it never expires.
    pub expires_at: Option<Timestamp>,
}

/// A limit set for one account, whatever its plan says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitOverride {
    pub key: LimitKey,
    /// `None` is unlimited.
    pub value: Option<u64>,
    /// From this moment on it does not count. `None`: it never expires.
    pub expires_at: Option<Timestamp>,
}

/// An account's exceptions from its plan, the expired ones among them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overrides {
    features: Vec<FeatureOverride>,
    limits: Vec<LimitOverride>,
}

impl Overrides {
    /// Takes each key once, in any order.
    #[must_use]
    pub fn new(mut features: Vec<FeatureOverride>, mut limits: Vec<LimitOverride>) -> Self {
        features.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        limits.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Self { features, limits }
    }

    /// In the order of the keys.
    #[must_use]
    pub fn features(&self) -> &[FeatureOverride] {
        &self.features
    }

    /// In the order of the keys.
    #[must_use]
    pub fn limits(&self) -> &[LimitOverride] {
        &self.limits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_short_and_plain() {
        for good in ["a", "max_users", "2fa", "api.v2-beta", &"k".repeat(60)] {
            assert_eq!(FeatureKey::parse(good).unwrap().as_str(), good);
            assert_eq!(LimitKey::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "Max", "max users", "máx", "a\0", "a/b", &"k".repeat(61)] {
            assert_eq!(FeatureKey::parse(bad), Err(KeyInvalid), "{bad}");
            assert_eq!(LimitKey::parse(bad), Err(KeyInvalid), "{bad}");
        }
    }
}
