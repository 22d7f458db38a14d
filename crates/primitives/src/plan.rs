//! Plan names. The catalog is data: any name may exist, so this only fixes what a name looks like.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A plan's key in the catalog: 1 to 40 of `a-z`, `0-9`, `_`, `-`, starting with a letter.
///
/// Cheap to clone: it is handed along with every answer about access.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PlanKey(Arc<str>);

/// The text is no plan key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a plan key is 1 to 40 of a-z, 0-9, _ and -, starting with a letter")]
pub struct PlanKeyInvalid;

impl PlanKey {
    pub fn parse(text: &str) -> Result<Self, PlanKeyInvalid> {
        let tail_fits = text
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
        let starts_with_letter = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        if !tail_fits || !starts_with_letter || text.len() > 40 {
            return Err(PlanKeyInvalid);
        }
        Ok(Self(text.into()))
    }

    /// The plan that costs nothing and that no payment stands behind.
    #[must_use]
    pub fn free() -> Self {
        Self("free".into())
    }

    #[must_use]
    pub fn is_free(&self) -> bool {
        &*self.0 == "free"
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PlanKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for PlanKey {
    type Error = PlanKeyInvalid;

    fn try_from(text: String) -> Result<Self, PlanKeyInvalid> {
        Self::parse(&text)
    }
}

impl From<PlanKey> for String {
    fn from(plan: PlanKey) -> Self {
        plan.0.as_ref().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plan_keys_are_short_lower_case_words() {
        for good in ["free", "pro", "team-2", "a_b"] {
            assert_eq!(PlanKey::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "Pro", "2pro", "pro plan", "prö", &"a".repeat(41)] {
            assert_eq!(PlanKey::parse(bad), Err(PlanKeyInvalid), "{bad}");
        }
    }
}
