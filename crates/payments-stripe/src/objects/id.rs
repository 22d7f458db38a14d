//! An id of Stripe's, whether it stands alone or its object was expanded in its place.

use serde::{Deserialize, Deserializer, de::Error};

/// 1 to 255 characters without control characters, so that it can be stored and logged.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Id(String);

impl Id {
    const LONGEST: usize = 255;

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }

    fn is_sound(text: &str) -> bool {
        !text.is_empty() && text.len() <= Self::LONGEST && !text.chars().any(char::is_control)
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Place {
    Alone(String),
    Expanded { id: String },
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (Place::Alone(id) | Place::Expanded { id }) = Place::deserialize(deserializer)?;
        if !Self::is_sound(&id) {
            return Err(D::Error::custom(
                "an id is empty, too long or not plain text",
            ));
        }
        Ok(Self(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_alike_alone_and_expanded() {
        for json in [
            r#""cus_1""#,
            r#"{"id": "cus_1", "object": "customer", "deleted": true}"#,
        ] {
            let id: Id = serde_json::from_str(json).unwrap();
            assert_eq!(id.as_str(), "cus_1", "{json}");
        }
    }

    #[test]
    fn an_id_that_no_table_could_hold_is_refused() {
        let long = format!("\"{}\"", "x".repeat(256));
        for json in [r#""""#, r#""a\u0000b""#, "7", "{}", "[]", &long] {
            assert!(serde_json::from_str::<Id>(json).is_err(), "{json}");
        }
    }
}
