//! What a person or a company may be called: one plain line that cannot pose as anything else, because
//! it stands in mails to other people. Does not judge whether the name is true.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

/// The longest name, in code points.
const MAX_LENGTH: usize = 80;

/// Why a text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NameInvalid {
    #[error("enter a name")]
    Empty,
    #[error("a name has at most 80 characters")]
    TooLong,
    #[error("a name is one line without control characters")]
    ControlCharacter,
    /// One that turns the direction of text or cannot be seen.
    #[error("a name has no hidden characters")]
    HiddenCharacter,
    #[error("a name has no links")]
    Link,
}

impl NameInvalid {
    /// The stable code of a field error.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLong => "too_long",
            Self::ControlCharacter => "control_character",
            Self::HiddenCharacter => "hidden_character",
            Self::Link => "contains_link",
        }
    }
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        ///
        /// Trimmed, in NFC, 1 to 80 code points on one line; no hidden characters and no links.
        #[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            pub fn parse(text: &str) -> Result<Self, NameInvalid> {
                check(text).map(Self)
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
            type Error = NameInvalid;

            fn try_from(text: String) -> Result<Self, NameInvalid> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    )+};
}

names! {
    /// What a person is called.
    PersonName,
    /// What a company, and so its account, is called.
    CompanyName,
}

fn check(text: &str) -> Result<String, NameInvalid> {
    // One more than fits is enough to know that it does not.
    let name: String = text.trim().nfc().take(MAX_LENGTH + 1).collect();
    if name.is_empty() {
        return Err(NameInvalid::Empty);
    }
    if name.chars().count() > MAX_LENGTH {
        return Err(NameInvalid::TooLong);
    }
    if name.chars().any(breaks_the_line) {
        return Err(NameInvalid::ControlCharacter);
    }
    if name.chars().any(is_hidden) {
        return Err(NameInvalid::HiddenCharacter);
    }
    if has_link(&name) {
        return Err(NameInvalid::Link);
    }
    Ok(name)
}

fn breaks_the_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Direction controls (UAX #9) and characters without width. The joiners U+200C and U+200D stay:
/// names in Persian and Indic scripts need them.
fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// A scheme, a `www.`, or a path after a dotted word. A bare domain is no link: there are companies
/// called `Booking.com`.
fn has_link(name: &str) -> bool {
    let lower = name.to_lowercase();
    lower.contains("://")
        || lower.split_whitespace().any(|word| {
            let word = word.trim_start_matches(|c: char| !c.is_alphanumeric());
            let dotted_path = word
                .split_once('/')
                .is_some_and(|(host, _)| host.trim_end_matches('.').contains('.'));
            word.starts_with("www.") || dotted_path
        })
}
