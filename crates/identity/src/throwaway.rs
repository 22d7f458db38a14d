//! Domains that give a mailbox to anybody for a few minutes. Marks an address, and has such sign-ups wait
//! for each other; never refuses one, because the lists err.

use std::collections::HashSet;

use thiserror::Error;
use tollgate_primitives::EmailAddress;

/// The operator's list. Empty, nothing is marked.
#[derive(Debug, Clone, Default)]
pub struct ThrowawayDomains(HashSet<String>);

/// A line that is neither a domain, nor empty, nor a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("line {line} is no domain")]
pub struct ThrowawayDomainsInvalid {
    /// Counts from 1.
    pub line: usize,
}

impl ThrowawayDomains {
    /// One domain a line, in whichever case, `#` before a comment.
    pub fn parse(text: &str) -> Result<Self, ThrowawayDomainsInvalid> {
        let mut domains = HashSet::new();
        for (nth, line) in text.lines().enumerate() {
            let domain = line.trim();
            if domain.is_empty() || domain.starts_with('#') {
                continue;
            }
            let address = EmailAddress::parse(&format!("x@{domain}"));
            let address = address.map_err(|_| ThrowawayDomainsInvalid { line: nth + 1 })?;
            domains.insert(address.domain().to_owned());
        }
        Ok(Self(domains))
    }

    /// The domain of the list that the address is of, its own or one above it.
    #[must_use]
    pub fn of<'a>(&self, address: &'a EmailAddress) -> Option<&'a str> {
        let own = address.domain();
        let above = own
            .match_indices('.')
            .filter_map(|(at, _)| own.get(at + 1..));
        std::iter::once(own)
            .chain(above)
            .find(|domain| self.0.contains(*domain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t54_every_address_of_a_listed_domain_is_marked_and_no_other() {
        let listed: Vec<_> = (0..50).map(|n| format!("gone-in-{n}.example")).collect();
        let text = format!("# minutes only\n\n{}\nDROP.Example \n", listed.join("\r\n"));
        let domains = ThrowawayDomains::parse(&text).unwrap();
        let of = |address: &str| {
            let address = EmailAddress::parse(address).unwrap();
            domains.of(&address).map(str::to_owned)
        };
        for domain in &listed {
            assert_eq!(of(&format!("ada@{domain}")).as_ref(), Some(domain));
            assert_eq!(of(&format!("ada@x.y.{domain}")).as_ref(), Some(domain));
        }
        assert_eq!(of("ada@drop.example"), Some("drop.example".to_owned()));
        for n in 0..50 {
            assert_eq!(of(&format!("ada@kept-{n}.example")), None);
        }
        for other in [
            "ada@notdrop.example",
            "ada@example.net",
            "ada@drop.example.com",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
        let none = ThrowawayDomains::default();
        assert_eq!(
            none.of(&EmailAddress::parse("a@drop.example").unwrap()),
            None
        );
    }

    #[test]
    fn a_line_that_is_no_domain_is_named() {
        let parsed = ThrowawayDomains::parse("a.example\n#\nb example\n");
        assert_eq!(parsed.unwrap_err(), ThrowawayDomainsInvalid { line: 3 });
    }
}
