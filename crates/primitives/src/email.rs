//! One strict subset of e-mail addresses, the same for sign-up, mail headers and look-ups.
//! Does not ask whether the mailbox exists.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// An address in its canonical form: trimmed, lower case, ASCII only.
///
/// The subset: a local part of 1 to 64 of `a-z 0-9 . _ % + - ' & = /`, with no dot first, last or
/// doubled; a domain of at least two labels by RFC 1035. No quoted parts, no comments, no
/// internationalised parts (a domain may be given in its `xn--` form). 254 bytes at most (RFC 5321).
/// Two spellings of one address compare equal; look-alikes from other scripts are refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress(String);

/// The text is no e-mail address that we can send to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a valid e-mail address")]
pub struct EmailInvalid;

impl EmailAddress {
    pub fn parse(text: &str) -> Result<Self, EmailInvalid> {
        let text = text.trim_matches(' ');
        // Never normalised: NFC would turn the Kelvin sign into a `k`, and so one address into another.
        if text.len() > 254 || !text.is_ascii() {
            return Err(EmailInvalid);
        }
        let canonical = text.to_ascii_lowercase();
        let (local, domain) = canonical.rsplit_once('@').ok_or(EmailInvalid)?;
        if !local_is_plain(local) || !domain_is_plain(domain) {
            return Err(EmailInvalid);
        }
        Ok(Self(canonical))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    #[must_use]
    pub fn local_part(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(local, _)| local)
    }

    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// The mailbox behind the address: what one person can spell in many ways, said in one.
    ///
    /// Plus tags are dropped everywhere; at providers known to ignore more of the name, that too, and one of
    /// their domains stands for all. Used as the key of "one trial per person", never to send to.
    #[must_use]
    pub fn mailbox(&self) -> String {
        let untagged = match self.local_part().split_once('+') {
            Some((before, _)) if !before.is_empty() => before,
            _ => self.local_part(),
        };
        let provider = PROVIDERS
            .iter()
            .find(|provider| provider.has(self.domain()));
        let Some(provider) = provider else {
            return format!("{untagged}@{}", self.domain());
        };
        let local = untagged.replace(provider.ignored, "");
        let local = if local.is_empty() { untagged } else { &local };
        format!("{local}@{}", provider.domain)
    }
}

/// A provider at which a mailbox has more spellings than its letters' case and its tags.
struct Provider {
    domain: &'static str,
    /// Lead to the same mailboxes.
    other_domains: &'static [&'static str],
    /// What may stand anywhere in a local part and changes nothing.
    ignored: &'static [char],
}

/// As each says of itself: <https://support.google.com/mail/answer/7436150>,
/// <https://proton.me/support/addresses-and-aliases>, <https://support.apple.com/en-us/108788>.
const PROVIDERS: [Provider; 3] = [
    Provider {
        domain: "gmail.com",
        other_domains: &["googlemail.com"],
        ignored: &['.'],
    },
    Provider {
        domain: "proton.me",
        other_domains: &["protonmail.com", "protonmail.ch", "pm.me"],
        ignored: &['.', '-', '_'],
    },
    Provider {
        domain: "icloud.com",
        other_domains: &["me.com", "mac.com"],
        ignored: &[],
    },
];

impl Provider {
    fn has(&self, domain: &str) -> bool {
        self.domain == domain || self.other_domains.contains(&domain)
    }
}

fn local_is_plain(local: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._%+-'&=/".contains(&b);
    (1..=64).contains(&local.len())
        && local.bytes().all(plain)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
}

fn domain_is_plain(domain: &str) -> bool {
    let label_is_plain = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let top_has_letter = domain
        .rsplit('.')
        .next()
        .is_some_and(|top| top.bytes().any(|b| b.is_ascii_alphabetic()));
    domain.contains('.') && domain.split('.').all(label_is_plain) && top_has_letter
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = EmailInvalid;

    fn try_from(text: String) -> Result<Self, EmailInvalid> {
        Self::parse(&text)
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_of_one_address_are_one_address() {
        for text in ["Ada@Example.com", " ada@example.COM ", "ada@example.com"] {
            assert_eq!(
                EmailAddress::parse(text).unwrap().as_str(),
                "ada@example.com"
            );
        }
    }

    #[test]
    fn what_could_reach_a_second_mailbox_or_a_header_is_refused() {
        let long_local = format!("{}@example.com", "a".repeat(65));
        let long = format!("a@{}.com", "a.".repeat(130));
        for bad in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "ada@localhost",
            "a@b@example.com",
            "a,b@example.com",
            "ada@example.com\r\nBcc: eve@example.com",
            "ada@exa mple.com",
            "\"ada\"@example.com",
            "ada(comment)@example.com",
            ".ada@example.com",
            "ada.@example.com",
            "a..b@example.com",
            "ada@-example.com",
            "ada@example.com.",
            "ada@1.2.3.4",
            "<ada@example.com>",
            "ada@exämple.com",
            "adа@example.com",
            "\u{212a}ate@example.com",
            "ada@example.com\0",
            "ada\u{85}@example.com",
            &long_local,
            &long,
        ] {
            assert_eq!(EmailAddress::parse(bad), Err(EmailInvalid), "{bad:?}");
        }
    }

    #[test]
    fn tags_and_ignored_dots_are_the_same_mailbox() {
        let mailbox = |text| EmailAddress::parse(text).unwrap().mailbox();
        for alias in [
            "a.d.a@gmail.com",
            "ada+x@gmail.com",
            "Ada+y+z@googlemail.com",
        ] {
            assert_eq!(mailbox(alias), "ada@gmail.com");
        }
        for alias in [
            "a.da@proton.me",
            "a-d_a+x@protonmail.com",
            "ADA@pm.me",
            "ada@protonmail.ch",
        ] {
            assert_eq!(mailbox(alias), "ada@proton.me");
        }
        for alias in ["a.da+x@icloud.com", "a.da@me.com", "a.da@mac.com"] {
            assert_eq!(mailbox(alias), "a.da@icloud.com");
        }
        // Of nothing but what is ignored, all of it counts.
        assert_eq!(mailbox("-_-@proton.me"), "-_-@proton.me");
        // Who ignores nothing has two mailboxes here.
        for other in ["a.da@example.com", "a.da@outlook.com", "a.da@yahoo.com"] {
            assert_eq!(mailbox(other), other);
        }
        assert_eq!(mailbox("a.da+x@example.com"), "a.da@example.com");
        assert_eq!(mailbox("+x@example.com"), "+x@example.com");
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_its_result_parses_to_itself(text in ".{0,300}") {
            if let Ok(address) = EmailAddress::parse(&text) {
                prop_assert_eq!(EmailAddress::parse(address.as_str()), Ok(address.clone()));
                prop_assert!(EmailAddress::parse(&address.mailbox()).is_ok());
            }
        }
    }
}
