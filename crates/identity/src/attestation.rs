//! What a signed id token proves: who somebody is, and whether the address beside it is theirs. Trusts
//! the signature, nonce, audience and end that were checked before; checks no cryptography.

use std::time::Duration;

use thiserror::Error;
use tollgate_primitives::{EmailAddress, Timestamp};

use crate::provider::Issuer;

/// How far a provider's clock may be ahead of ours.
const CLOCK_SKEW: Duration = Duration::from_mins(1);

/// An id token is fetched the moment it is made; an older one was kept by somebody.
const LONGEST_AGE: Duration = Duration::from_mins(10);

/// What stands in a claim that ought to be true or false.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    Absent,
    Boolean(bool),
    /// A text, a number, or anything else: it says nothing.
    Other,
}

/// The claims of one id token, from there alone: nothing of them was read elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    pub issuer: String,
    pub subject: String,
    pub audiences: Vec<String>,
    /// `azp`
    pub authorized_party: Option<String>,
    pub issued_at: Timestamp,
    pub not_before: Option<Timestamp>,
    /// `tid` of Microsoft.
    pub tenant: Option<String>,
    /// `oid` of Microsoft.
    pub object: Option<String>,
    pub email: Option<String>,
    pub email_verified: Flag,
    /// `xms_edov` of Microsoft: whether the tenant owns the address's domain.
    pub domain_owner_verified: Flag,
    pub name: Option<String>,
}

/// One person at one provider, for ever; the only thing that selects an account.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ProviderIdentity {
    pub issuer: String,
    /// `sub`, and for Microsoft `oid`, which is the same for every application of a tenant.
    pub subject: String,
}

/// What a token says of a person, believed as far as it may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attestation {
    pub identity: ProviderIdentity,
    pub email: EmailAddress,
    /// Whether the address is theirs beyond doubt.
    pub is_proven: bool,
    pub name: Option<String>,
}

/// Why a token that is signed is still none for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AttestationRefused {
    #[error("it was issued by somebody else")]
    Issuer,
    #[error("it was issued to another application")]
    Audience,
    #[error("it was issued too long ago, or in the future")]
    IssueTime,
    #[error("it is not valid yet")]
    NotYetValid,
    #[error("it names nobody")]
    Nobody,
    #[error("it has no address that we can write to")]
    NoAddress,
}

/// Judges the token that `issuer` is to have made for the application `client`.
pub fn attest(
    issuer: &Issuer,
    client: &str,
    claims: Claims,
    now: Timestamp,
) -> Result<Attestation, AttestationRefused> {
    if issuer.of_tenant(claims.tenant.as_deref()).as_deref() != Some(&claims.issuer) {
        return Err(AttestationRefused::Issuer);
    }
    // OpenID Connect Core 1.0, section 3.1.3.7: nobody else may use it, and it is ours to use.
    let is_ours_alone = claims.audiences.iter().all(|audience| audience == client);
    let is_given_to_us = claims
        .authorized_party
        .as_deref()
        .is_none_or(|azp| azp == client);
    if claims.audiences.is_empty() || !is_ours_alone || !is_given_to_us {
        return Err(AttestationRefused::Audience);
    }
    let latest = now.saturating_add(CLOCK_SKEW);
    let oldest = now.saturating_sub(LONGEST_AGE);
    if claims.issued_at > latest || claims.issued_at < oldest {
        return Err(AttestationRefused::IssueTime);
    }
    if claims.not_before.is_some_and(|from| from > latest) {
        return Err(AttestationRefused::NotYetValid);
    }
    let is_proven = is_proven(issuer, &claims);
    let subject = match issuer {
        Issuer::Plain(_) => Some(claims.subject),
        Issuer::Microsoft(_) => claims.object,
    };
    // OpenID Connect Core 1.0, section 2: a subject has at most 255 characters.
    let subject = subject.filter(|subject| (1..=255).contains(&subject.len()) && is_text(subject));
    let email = claims.email.as_deref().map(EmailAddress::parse);
    Ok(Attestation {
        identity: ProviderIdentity {
            issuer: claims.issuer,
            subject: subject.ok_or(AttestationRefused::Nobody)?,
        },
        email: email
            .and_then(Result::ok)
            .ok_or(AttestationRefused::NoAddress)?,
        is_proven,
        name: claims.name,
    })
}

/// A provider that says `true`, and for Microsoft one whose tenant owns the domain. `"true"` and `1` are
/// what providers send who have verified nothing.
fn is_proven(issuer: &Issuer, claims: &Claims) -> bool {
    let word = match issuer {
        Issuer::Plain(_) => claims.email_verified,
        Issuer::Microsoft(_) => claims.domain_owner_verified,
    };
    word == Flag::Boolean(true)
}

fn is_text(text: &str) -> bool {
    text.chars().all(|c| !c.is_control())
}

#[cfg(test)]
mod tests {
    use super::{
        AttestationRefused::{Audience, IssueTime, NoAddress, Nobody, NotYetValid},
        *,
    };

    const NOW: i64 = 1_800_000_000;
    const TENANT: &str = "aaaaaaaa-0000-4000-8000-00000000000a";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds).unwrap()
    }

    fn plain() -> Issuer {
        Issuer::at("https://id.example")
    }

    fn microsoft() -> Issuer {
        Issuer::microsoft("https://m.example/common/v2.0")
    }

    fn claims() -> Claims {
        Claims {
            issuer: "https://id.example".into(),
            subject: "s-1".into(),
            audiences: vec!["client".into()],
            authorized_party: None,
            issued_at: at(NOW),
            not_before: None,
            tenant: None,
            object: None,
            email: Some("Ada@Example.com".into()),
            email_verified: Flag::Boolean(true),
            domain_owner_verified: Flag::Absent,
            name: Some("Ada".into()),
        }
    }

    fn of_tenant() -> Claims {
        Claims {
            issuer: format!("https://m.example/{TENANT}/v2.0"),
            tenant: Some(TENANT.into()),
            object: Some("o-1".into()),
            email_verified: Flag::Absent,
            domain_owner_verified: Flag::Boolean(true),
            ..claims()
        }
    }

    fn judged(issuer: &Issuer, claims: Claims) -> Result<Attestation, AttestationRefused> {
        attest(issuer, "client", claims, at(NOW))
    }

    #[test]
    fn a_person_is_an_issuer_and_a_subject_and_for_microsoft_a_tenant_and_an_object() {
        let ada = judged(&plain(), claims()).unwrap();
        let of_tenant = judged(&microsoft(), of_tenant()).unwrap();
        let identity = |issuer: String, subject: &str| ProviderIdentity {
            issuer,
            subject: subject.into(),
        };
        assert_eq!(ada.identity, identity("https://id.example".into(), "s-1"));
        let issuer = format!("https://m.example/{TENANT}/v2.0");
        assert_eq!(of_tenant.identity, identity(issuer, "o-1"));
        assert_eq!(ada.email.as_str(), "ada@example.com");
        assert!(ada.is_proven && of_tenant.is_proven);
    }

    #[test]
    fn t37_t40_only_the_boolean_true_of_the_right_claim_proves_an_address() {
        let all = [
            Flag::Absent,
            Flag::Other,
            Flag::Boolean(false),
            Flag::Boolean(true),
        ];
        for email_verified in all {
            for domain_owner_verified in all {
                let flags = |claims: Claims| Claims {
                    email_verified,
                    domain_owner_verified,
                    ..claims
                };
                let at_plain = judged(&plain(), flags(claims())).unwrap();
                assert_eq!(at_plain.is_proven, email_verified == Flag::Boolean(true));
                let at_microsoft = judged(&microsoft(), flags(of_tenant())).unwrap();
                let owns = domain_owner_verified == Flag::Boolean(true);
                assert_eq!(at_microsoft.is_proven, owns, "{email_verified:?}");
            }
        }
    }

    #[test]
    fn t44_a_token_for_somebody_else_or_from_another_time_is_none_for_us() {
        let one = |change: fn(&mut Claims)| {
            let mut spoilt = claims();
            change(&mut spoilt);
            judged(&plain(), spoilt).map(|_| ())
        };
        assert_eq!(one(|_| ()), Ok(()));
        assert_eq!(
            one(|c| c.issuer = "https://id.example/".into()),
            Err(AttestationRefused::Issuer)
        );
        assert_eq!(one(|c| c.audiences.clear()), Err(Audience));
        assert_eq!(one(|c| c.audiences.push("other".into())), Err(Audience));
        assert_eq!(
            one(|c| c.authorized_party = Some("other".into())),
            Err(Audience)
        );
        assert_eq!(one(|c| c.authorized_party = Some("client".into())), Ok(()));
        assert_eq!(one(|c| c.issued_at = at(NOW - 600)), Ok(()));
        assert_eq!(one(|c| c.issued_at = at(NOW - 601)), Err(IssueTime));
        assert_eq!(one(|c| c.issued_at = at(NOW + 60)), Ok(()));
        assert_eq!(one(|c| c.issued_at = at(NOW + 61)), Err(IssueTime));
        assert_eq!(one(|c| c.not_before = Some(at(NOW + 60))), Ok(()));
        assert_eq!(one(|c| c.not_before = Some(at(NOW + 61))), Err(NotYetValid));
        assert_eq!(one(|c| c.subject.clear()), Err(Nobody));
        assert_eq!(one(|c| c.subject = "s\0".into()), Err(Nobody));
        assert_eq!(one(|c| c.subject = "s".repeat(256)), Err(Nobody));
        assert_eq!(one(|c| c.email = None), Err(NoAddress));
        assert_eq!(one(|c| c.email = Some("ada".into())), Err(NoAddress));
    }

    #[test]
    fn a_tenant_signs_for_itself_alone() {
        let one = |change: fn(&mut Claims)| {
            let mut spoilt = of_tenant();
            change(&mut spoilt);
            judged(&microsoft(), spoilt).map(|_| ())
        };
        assert_eq!(one(|_| ()), Ok(()));
        assert_eq!(one(|c| c.tenant = None), Err(AttestationRefused::Issuer));
        let other = "bbbbbbbb-0000-4000-8000-00000000000b";
        let foreign = judged(
            &microsoft(),
            Claims {
                tenant: Some(other.into()),
                ..of_tenant()
            },
        );
        assert_eq!(foreign, Err(AttestationRefused::Issuer));
        assert_eq!(one(|c| c.object = None), Err(Nobody));
    }
}
