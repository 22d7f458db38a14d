//! What somebody who asks for an offer may say, and how far such a lead is.

use thiserror::Error;

use crate::name::is_hidden;

/// The longest message, in code points.
const MAX_LENGTH: usize = 4_000;

/// Plain text of several lines, 1 to 4 000 code points. It may name addresses: only the people who sell
/// read it, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeadMessage(String);

/// Why a text is no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MessageInvalid {
    #[error("a message has at most 4000 characters")]
    TooLong,
    #[error("a message has no control characters but line breaks")]
    ControlCharacter,
    #[error("a message has no hidden characters")]
    HiddenCharacter,
}

impl MessageInvalid {
    /// The stable code of a field error.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::ControlCharacter => "control_character",
            Self::HiddenCharacter => "hidden_character",
        }
    }
}

impl LeadMessage {
    /// `None` for a message that says nothing. Every line ends in one way.
    pub fn parse(text: &str) -> Result<Option<Self>, MessageInvalid> {
        // Four bytes are the most that one character takes; what is longer is not even looked at.
        if text.len() > MAX_LENGTH * 4 {
            return Err(MessageInvalid::TooLong);
        }
        let text = text.replace("\r\n", "\n");
        let text = text.trim();
        if text.chars().count() > MAX_LENGTH {
            return Err(MessageInvalid::TooLong);
        }
        let is_control = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
        if text.contains(is_control) || text.contains(['\u{2028}', '\u{2029}']) {
            return Err(MessageInvalid::ControlCharacter);
        }
        if text.contains(is_hidden) {
            return Err(MessageInvalid::HiddenCharacter);
        }
        Ok((!text.is_empty()).then(|| Self(text.to_owned())))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How far a lead is. It only goes forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeadStatus {
    New,
    Contacted,
    Closed,
}

/// The text is no status of a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a lead is new, contacted or closed")]
pub struct LeadStatusInvalid;

impl LeadStatus {
    pub const ALL: [Self; 3] = [Self::New, Self::Contacted, Self::Closed];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Contacted => "contacted",
            Self::Closed => "closed",
        }
    }

    pub fn parse(text: &str) -> Result<Self, LeadStatusInvalid> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(LeadStatusInvalid)
    }

    /// Whether a lead that stands here may be said to stand at `next`: here again, or further.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        next >= self
    }
}

#[cfg(test)]
mod tests {
    use super::{LeadStatus::*, MessageInvalid::*, *};

    #[test]
    fn a_message_is_plain_text_of_some_lines() {
        for (said, kept) in [
            ("Hello", Some("Hello")),
            (" two\r\nlines \n", Some("two\nlines")),
            (
                "see https://example.com/x\tplease",
                Some("see https://example.com/x\tplease"),
            ),
            ("", None),
            (" \r\n ", None),
        ] {
            let message = LeadMessage::parse(said).unwrap();
            assert_eq!(message.as_ref().map(LeadMessage::as_str), kept, "{said:?}");
        }
        for (said, why) in [
            ("a\0b", ControlCharacter),
            ("a\rb", ControlCharacter),
            ("a\u{1b}[31m", ControlCharacter),
            ("a\u{2028}b", ControlCharacter),
            ("a\u{202e}b", HiddenCharacter),
            (&"x".repeat(4_001), TooLong),
            (&"x".repeat(1 << 20), TooLong),
        ] {
            assert_eq!(LeadMessage::parse(said), Err(why), "{said:.20?}");
        }
        assert!(LeadMessage::parse(&"é".repeat(4_000)).unwrap().is_some());
    }

    #[test]
    fn a_lead_goes_forward_alone() {
        let table = [
            (New, [true, true, true]),
            (Contacted, [false, true, true]),
            (Closed, [false, false, true]),
        ];
        for (from, allowed) in table {
            for (to, allowed) in LeadStatus::ALL.into_iter().zip(allowed) {
                assert_eq!(from.may_become(to), allowed, "{from:?} to {to:?}");
            }
            assert_eq!(LeadStatus::parse(from.as_str()), Ok(from));
        }
        assert_eq!(LeadStatus::parse("open"), Err(LeadStatusInvalid));
    }
}
