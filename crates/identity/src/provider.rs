//! Who vouches for people: how a sign-in provider is called, what kind it is, and who it says that it
//! is. Asks nobody.

use std::fmt;

use thiserror::Error;

/// What a provider is called in addresses and answers: `google`, `microsoft`, or the operator's name for
/// any other.
///
/// 1 to 32 of `a-z 0-9 -`, a letter first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderName(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a provider's name is 1 to 32 of a-z, 0-9 and -, a letter first")]
pub struct ProviderNameInvalid;

impl ProviderName {
    pub fn parse(text: &str) -> Result<Self, ProviderNameInvalid> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let is_name = (1..=32).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(plain);
        is_name
            .then(|| Self(text.to_owned()))
            .ok_or(ProviderNameInvalid)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ProviderName {
    type Error = ProviderNameInvalid;

    fn try_from(text: String) -> Result<Self, ProviderNameInvalid> {
        Self::parse(&text)
    }
}

/// Where a tenant's id stands in the issuer that a Microsoft endpoint for several tenants gives itself.
const TENANT: &str = "{tenantid}";

/// The tenant of everybody's private Microsoft account.
const CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// Who a provider says that it is: what the `issuer` of its discovery document must be to the letter,
/// and so the `iss` of what it signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Issuer {
    /// Anybody whose word on an address is the claim `email_verified`.
    Plain(String),
    /// Microsoft, whose tenants may claim any address (nOAuth); one with `{tenantid}` in it answers for
    /// every tenant.
    Microsoft(String),
}

/// Microsoft's own hosts, the national clouds' too. Whatever the operator calls the provider, nobody
/// there is believed by `email_verified`.
const MICROSOFT_HOSTS: [&str; 5] = [
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "login.partner.microsoftonline.cn",
    "sts.windows.net",
    "login.windows.net",
];

impl Issuer {
    /// The issuer that is configured as `address`, without a slash at the end unless it is part of it.
    #[must_use]
    pub fn at(address: &str) -> Self {
        let host = address.split_once("://").map_or("", |(_, rest)| rest);
        let host = host.split(['/', ':']).next().unwrap_or_default();
        if MICROSOFT_HOSTS.contains(&host) || host.ends_with(".ciamlogin.com") {
            return Self::microsoft(address);
        }
        Self::Plain(address.to_owned())
    }

    /// The issuer behind a Microsoft authority: `…/common` and `…/organizations` name none of their own.
    #[must_use]
    pub fn microsoft(authority: &str) -> Self {
        let segments = authority.split('/').map(|segment| match segment {
            "common" | "organizations" => TENANT,
            "consumers" => CONSUMERS,
            other => other,
        });
        Self::Microsoft(segments.collect::<Vec<_>>().join("/"))
    }

    /// What the discovery document must call itself.
    #[must_use]
    pub fn document(&self) -> &str {
        let (Self::Plain(issuer) | Self::Microsoft(issuer)) = self;
        issuer
    }

    /// What `tenant` signs as; `None` when the tenant's id is none.
    #[must_use]
    pub fn of_tenant(&self, tenant: Option<&str>) -> Option<String> {
        let issuer = self.document();
        if !issuer.contains(TENANT) {
            return Some(issuer.to_owned());
        }
        let tenant = tenant.filter(|tenant| is_tenant(tenant))?;
        Some(issuer.replace(TENANT, tenant))
    }

    /// Whether an answer that came by way of a browser may name itself `given` (RFC 9207).
    #[must_use]
    pub fn may_answer_as(&self, given: &str) -> bool {
        let Some((before, after)) = self.document().split_once(TENANT) else {
            return given == self.document();
        };
        given
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after))
            .is_some_and(|tenant| tenant == TENANT || is_tenant(tenant))
    }
}

/// A UUID in lower case.
fn is_tenant(text: &str) -> bool {
    let hexadecimal = |part: &str| part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let lengths = [8, 4, 4, 4, 12];
    text.split('-').map(str::len).eq(lengths) && text.split('-').all(hexadecimal)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT_A: &str = "aaaaaaaa-0000-4000-8000-00000000000a";

    #[test]
    fn a_name_is_what_an_address_can_hold() {
        for name in ["google", "microsoft", "a", "corp-sso-2"] {
            assert_eq!(ProviderName::parse(name).unwrap().as_str(), name);
        }
        for text in [
            "",
            "Google",
            "2fa",
            "-a",
            "a/b",
            "a b",
            "a.b",
            "ä",
            &"a".repeat(33),
        ] {
            assert_eq!(
                ProviderName::parse(text),
                Err(ProviderNameInvalid),
                "{text}"
            );
        }
    }

    #[test]
    fn microsoft_is_microsoft_under_whatever_name() {
        for (address, issuer) in [
            (
                "https://login.microsoftonline.com/common/v2.0",
                Issuer::Microsoft("https://login.microsoftonline.com/{tenantid}/v2.0".into()),
            ),
            (
                "https://login.microsoftonline.us/organizations/v2.0",
                Issuer::Microsoft("https://login.microsoftonline.us/{tenantid}/v2.0".into()),
            ),
            (
                "https://login.microsoftonline.com/consumers/v2.0",
                Issuer::Microsoft(format!(
                    "https://login.microsoftonline.com/{CONSUMERS}/v2.0"
                )),
            ),
            (
                "https://contoso.ciamlogin.com/t/v2.0",
                Issuer::Microsoft("https://contoso.ciamlogin.com/t/v2.0".into()),
            ),
            (
                "https://accounts.google.com",
                Issuer::Plain("https://accounts.google.com".into()),
            ),
            (
                "https://login.microsoftonline.com.e.example/common",
                Issuer::Plain("https://login.microsoftonline.com.e.example/common".into()),
            ),
        ] {
            assert_eq!(Issuer::at(address), issuer, "{address}");
        }
    }

    #[test]
    fn an_issuer_of_many_tenants_signs_as_the_tenant() {
        let many = Issuer::microsoft("https://m.example/common/v2.0");
        let signed = many.of_tenant(Some(TENANT_A));
        assert_eq!(signed, Some(format!("https://m.example/{TENANT_A}/v2.0")));
        for tenant in [
            None,
            Some(""),
            Some("{tenantid}"),
            Some("common"),
            Some("../x"),
            Some("AAAAAAAA-0000-4000-8000-00000000000A"),
            Some("aaaaaaaa-0000-4000-8000-00000000000a/x"),
        ] {
            assert_eq!(many.of_tenant(tenant), None, "{tenant:?}");
        }
        let one = Issuer::microsoft("https://m.example/contoso/v2.0");
        assert_eq!(
            one.of_tenant(None).as_deref(),
            Some("https://m.example/contoso/v2.0")
        );
    }

    #[test]
    fn t46_an_answer_names_its_issuer_to_the_letter() {
        let google = Issuer::at("https://accounts.google.com");
        assert!(google.may_answer_as("https://accounts.google.com"));
        for other in [
            "",
            "https://accounts.google.com/",
            "https://ACCOUNTS.google.com",
            "https://e.example",
        ] {
            assert!(!google.may_answer_as(other), "{other}");
        }
        let many = Issuer::microsoft("https://m.example/common/v2.0");
        assert!(many.may_answer_as(&format!("https://m.example/{TENANT_A}/v2.0")));
        assert!(many.may_answer_as("https://m.example/{tenantid}/v2.0"));
        assert!(!many.may_answer_as("https://m.example/x/v2.0"));
        assert!(!many.may_answer_as("https://m.example//v2.0"));
    }
}
