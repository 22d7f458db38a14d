//! Who may sign up, and on which terms; who is invited into an account need not ask. Knows no secret and
//! claims no code: that one which was good when it was looked at is used once is the store's statement.

use std::{collections::BTreeSet, fmt};

use thiserror::Error;
use tollgate_primitives::{EmailAddress, PlanKey, Timestamp, UserId};

/// The operator's choice of who may sign up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Admission {
    /// Anybody may, and is told so.
    pub self_serve: bool,
    /// Without self-serve, only who brings a code.
    pub needs_code: bool,
    /// To them self-serve is on.
    pub testers: Testers,
}

/// Addresses for which self-serve is always on. Its `Debug` tells how many.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Testers(pub BTreeSet<EmailAddress>);

/// What somebody who signs up has been given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ticket<'a> {
    Nothing,
    /// A platform invite code; `None` for one that was never handed out.
    Code(Option<&'a InviteCode>),
}

/// A code that an operator handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteCode {
    pub terms: Terms,
    /// The only address that may use it.
    pub email: Option<EmailAddress>,
    pub expires_at: Option<Timestamp>,
    pub end: Option<CodeEnd>,
}

/// How a code ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeEnd {
    /// By `None` when they are gone.
    Used {
        by: Option<UserId>,
        at: Timestamp,
    },
    Revoked {
        at: Timestamp,
    },
}

/// How a code stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeStatus {
    Live,
    Used,
    Revoked,
    Expired,
}

/// What an account begins with, where that is not what everybody's does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    pub plan: PlanKey,
    /// How long a trial of the plan is; `None` for as long as everybody's.
    pub trial_days: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AdmissionRefused {
    #[error("signing up needs an invite code")]
    CodeRequired,
    /// Says the same of a code that was never there, was used, was taken back, or has expired.
    #[error("the invite code is not valid")]
    CodeInvalid,
    #[error("the invite code is for another address")]
    EmailMismatch,
}

impl Admission {
    /// Whether `email` may sign up with `ticket`, and what on.
    ///
    /// A code that is given must be good, even where none is needed: who types one expects what it
    /// promises.
    pub fn admit<'a>(
        &self,
        email: &EmailAddress,
        ticket: Ticket<'a>,
        now: Timestamp,
    ) -> Result<Option<&'a Terms>, AdmissionRefused> {
        match ticket {
            Ticket::Code(None) => Err(AdmissionRefused::CodeInvalid),
            Ticket::Code(Some(code)) => code.terms_for(email, now).map(Some),
            Ticket::Nothing if self.is_open_to(Some(email)) || !self.needs_code => Ok(None),
            Ticket::Nothing => Err(AdmissionRefused::CodeRequired),
        }
    }

    /// Whether self-serve is on for the holder of `email`, or for somebody unknown.
    #[must_use]
    pub fn is_open_to(&self, email: Option<&EmailAddress>) -> bool {
        self.self_serve || email.is_some_and(|email| self.testers.0.contains(email))
    }
}

impl InviteCode {
    #[must_use]
    pub fn status(&self, now: Timestamp) -> CodeStatus {
        match self.end {
            Some(CodeEnd::Used { .. }) => CodeStatus::Used,
            Some(CodeEnd::Revoked { .. }) => CodeStatus::Revoked,
            None if self.expires_at.is_some_and(|end| now >= end) => CodeStatus::Expired,
            None => CodeStatus::Live,
        }
    }

    fn terms_for(&self, email: &EmailAddress, now: Timestamp) -> Result<&Terms, AdmissionRefused> {
        if self.status(now) != CodeStatus::Live {
            return Err(AdmissionRefused::CodeInvalid);
        }
        if self.email.as_ref().is_some_and(|bound| bound != email) {
            return Err(AdmissionRefused::EmailMismatch);
        }
        Ok(&self.terms)
    }
}

impl fmt::Debug for Testers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Testers({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{AdmissionRefused::*, *};

    fn email(text: &str) -> EmailAddress {
        EmailAddress::parse(text).unwrap()
    }

    fn now() -> Timestamp {
        Timestamp::from_unix_seconds(1_800_000_000).unwrap()
    }

    fn admission(self_serve: bool, needs_code: bool) -> Admission {
        Admission {
            self_serve,
            needs_code,
            testers: Testers([email("Tess@Example.com")].into()),
        }
    }

    fn code() -> InviteCode {
        InviteCode {
            terms: Terms {
                plan: PlanKey::parse("starter").unwrap(),
                trial_days: Some(30),
            },
            email: None,
            expires_at: None,
            end: None,
        }
    }

    fn over() -> [InviteCode; 2] {
        let used = CodeEnd::Used {
            by: None,
            at: now(),
        };
        [used, CodeEnd::Revoked { at: now() }].map(|end| InviteCode {
            end: Some(end),
            ..code()
        })
    }

    #[test]
    fn without_a_code_whoever_self_serve_is_on_for_gets_in() {
        for (self_serve, needs_code, anybody, tester) in [
            (true, true, Ok(None), Ok(None)),
            (true, false, Ok(None), Ok(None)),
            (false, true, Err(CodeRequired), Ok(None)),
            (false, false, Ok(None), Ok(None)),
        ] {
            let admission = admission(self_serve, needs_code);
            let admit = |text| admission.admit(&email(text), Ticket::Nothing, now());
            let row = format!("{self_serve} {needs_code}");
            assert_eq!(admit("ada@example.com"), anybody, "{row}");
            assert_eq!(admit(" TESS@example.COM"), tester, "{row}");
            // Another mailbox's spelling is another address.
            assert_eq!(admit("tess+1@example.com"), anybody, "{row}");
        }
    }

    #[test]
    fn a_code_that_is_given_counts_or_is_refused_wherever_and_by_whomever_it_is_given() {
        let (good, over) = (code(), over());
        for (self_serve, needs_code) in [(true, true), (true, false), (false, true), (false, false)]
        {
            let admission = admission(self_serve, needs_code);
            for who in ["ada@example.com", "tess@example.com"] {
                let admit = |code| admission.admit(&email(who), Ticket::Code(code), now());
                assert_eq!(admit(Some(&good)), Ok(Some(&good.terms)));
                for over in &over {
                    assert_eq!(admit(Some(over)), Err(CodeInvalid));
                }
                assert_eq!(admit(None), Err(CodeInvalid));
            }
        }
    }

    #[test]
    fn a_code_ends_at_its_moment() {
        let code = InviteCode {
            expires_at: Some(now()),
            ..code()
        };
        let just_before = now().saturating_sub(Duration::from_micros(1));
        let admit = |at| {
            admission(false, true)
                .admit(&email("ada@example.com"), Ticket::Code(Some(&code)), at)
                .map(drop)
        };
        assert_eq!(admit(just_before), Ok(()));
        assert_eq!(admit(now()), Err(CodeInvalid));
        assert_eq!(code.status(now()), CodeStatus::Expired);
    }

    #[test]
    fn a_bound_code_is_for_its_address_in_every_spelling_and_for_no_other() {
        let bound = |code| InviteCode {
            email: Some(email("ada@example.com")),
            ..code
        };
        let admit = |text, code: &InviteCode| {
            admission(true, true)
                .admit(&email(text), Ticket::Code(Some(code)), now())
                .map(drop)
        };
        assert_eq!(admit(" ADA@Example.com ", &bound(code())), Ok(()));
        for other in ["eve@example.com", "ada+1@example.com"] {
            assert_eq!(admit(other, &bound(code())), Err(EmailMismatch));
            // Of a code that is over nobody learns that it was for somebody.
            for over in over() {
                assert_eq!(admit(other, &bound(over)), Err(CodeInvalid));
            }
        }
    }

    #[test]
    fn debug_shows_no_testers_address() {
        assert!(!format!("{:?}", admission(true, true)).contains("tess"));
    }
}
