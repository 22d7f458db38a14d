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
    /// A short answer in somebody's own words.
    OneLine,
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
pub(crate) fn is_hidden(c: char) -> bool {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{NameInvalid::*, *};

    #[test]
    fn people_and_companies_are_called_many_things() {
        for name in [
            "Ada",
            "李",
            "Augusta Ada King, Countess of Lovelace",
            "O'Neill-Müller Jr.",
            "نویسنده\u{200c}ها",
            "Booking.com",
            "AC/DC",
            "Dr./Prof. Noether",
            "Babbage & Sons <est. 1822>",
            "24/7 Support",
            &"x".repeat(80),
        ] {
            assert_eq!(PersonName::parse(name).unwrap().as_str(), name);
            assert_eq!(CompanyName::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn one_name_has_one_spelling() {
        for spelling in ["Zo\u{eb}", " Zoe\u{308} ", "\tZoe\u{308}\n"] {
            assert_eq!(PersonName::parse(spelling).unwrap().as_str(), "Zo\u{eb}");
        }
    }

    #[test]
    fn what_could_pose_as_something_else_in_a_mail_is_refused_with_its_reason() {
        for (text, why) in [
            ("", Empty),
            (" \t\r\n\u{a0}\u{3000}", Empty),
            (&"x".repeat(81), TooLong),
            (&"x".repeat(1 << 20), TooLong),
            ("Ada\r\nBcc: eve@example.com", ControlCharacter),
            ("Ada\nLovelace", ControlCharacter),
            ("Ada\tLovelace", ControlCharacter),
            ("Ada\0", ControlCharacter),
            ("Ada\u{1b}[31m", ControlCharacter),
            ("Ada\u{85}Lovelace", ControlCharacter),
            ("Ada\u{2028}Lovelace", ControlCharacter),
            ("Ada\u{202e}moc.live", HiddenCharacter),
            ("\u{2066}Ada\u{2069}", HiddenCharacter),
            ("\u{200b}", HiddenCharacter),
            ("Ad\u{feff}a", HiddenCharacter),
            ("Ada \u{e0041}", HiddenCharacter),
            ("https://evil.example", Link),
            ("Click HTTP://EVIL.EXAMPLE now", Link),
            ("see www.evil.example", Link),
            ("see (WWW.evil.example)", Link),
            ("see evil.example/login", Link),
            ("see <evil.example/login>", Link),
        ] {
            assert_eq!(PersonName::parse(text), Err(why), "{text:?}");
            assert_eq!(CompanyName::parse(text), Err(why), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_name_parses_to_itself_and_keeps_to_one_line(text in "(?s).{0,100}") {
            if let Ok(name) = PersonName::parse(&text) {
                prop_assert_eq!(PersonName::parse(name.as_str()), Ok(name.clone()));
                prop_assert!(!name.as_str().contains(['\r', '\n', '\0']));
                prop_assert!((1..=80).contains(&name.as_str().chars().count()));
            }
        }
    }
}
