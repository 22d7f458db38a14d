//! What a sign-in through a provider leads to: whose account, if anybody's. The identity decides; the
//! address beside it only where it is proven and takes nothing from anybody. Looks nothing up.

use std::time::Duration;

use thiserror::Error;
use tollgate_primitives::{IdentityId, Timestamp, UserId};

use crate::session;

/// How long somebody may take at the provider.
pub const FLOW_LIFE: Duration = Duration::from_mins(10);

/// Who has the address already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    pub user: UserId,
    /// Whether they have proven that it is theirs.
    pub is_verified: bool,
    /// Whether they sign in through a provider.
    pub is_federated: bool,
}

/// What is known when somebody comes back from a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Whose identity it is.
    pub known: Option<UserId>,
    /// Whether the address that came with it is proven.
    pub is_proven: bool,
    pub holder: Option<Holder>,
    pub has_invite: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignIn {
    /// The person of this identity.
    Enter(UserId),
    /// Nobody here yet. Their address counts as proven if it is.
    SignUp,
    /// One more way in for somebody who proved the address before.
    Link(UserId),
    /// Somebody holds the address without ever having proven it. From now on it belongs to whoever has
    /// just done so: every other way in ends first.
    TakeOver(UserId),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ProviderSignInRefused {
    /// The invitation is for somebody new; it stays as it is.
    #[error("the address belongs to somebody, who accepts the invitation after signing in")]
    EmailAlreadyRegistered,
    #[error("the address belongs to somebody, who links the provider after signing in")]
    LinkRequiresSignIn,
}

/// Decides whose session begins.
///
/// A provider's word links nothing to somebody who signs in through a provider already: an address
/// outlives its owner's hold on the domain, and the old way in does not (T42).
pub fn decide(arrival: &Arrival) -> Result<SignIn, ProviderSignInRefused> {
    if let Some(user) = arrival.known {
        return Ok(SignIn::Enter(user));
    }
    let Some(holder) = arrival.holder else {
        return Ok(SignIn::SignUp);
    };
    if arrival.has_invite {
        return Err(ProviderSignInRefused::EmailAlreadyRegistered);
    }
    match (arrival.is_proven, holder.is_verified, holder.is_federated) {
        (false, _, _) | (true, true, true) => Err(ProviderSignInRefused::LinkRequiresSignIn),
        (true, true, false) => Ok(SignIn::Link(holder.user)),
        (true, false, _) => Ok(SignIn::TakeOver(holder.user)),
    }
}

/// Somebody who is signed in and wants one more way to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Linker {
    pub user: UserId,
    pub is_verified: bool,
    /// When the session that asks began; `None` when it has ended.
    pub signed_in_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LinkRefused {
    /// Who has not proven the address could leave a way in behind for the day that its owner does.
    #[error("the address was not proven")]
    Unverified,
    #[error("the person signed in too long ago")]
    Stale,
    #[error("the session has ended")]
    SessionEnded,
    #[error("the identity is another person's")]
    AnotherPersons,
}

/// Whether somebody may go to a provider to bring a way in back.
pub fn may_begin_link(linker: &Linker, now: Timestamp) -> Result<(), LinkRefused> {
    let signed_in_at = linker.signed_in_at.ok_or(LinkRefused::SessionEnded)?;
    if !linker.is_verified {
        return Err(LinkRefused::Unverified);
    }
    if now >= signed_in_at.saturating_add(session::FRESH) {
        return Err(LinkRefused::Stale);
    }
    Ok(())
}

/// Whether what they brought is to become theirs; false when it is already. `known` is whose it is now.
/// The address that came with it decides nothing.
pub fn may_link(linker: &Linker, known: Option<UserId>) -> Result<bool, LinkRefused> {
    if linker.signed_in_at.is_none() {
        return Err(LinkRefused::SessionEnded);
    }
    if !linker.is_verified {
        return Err(LinkRefused::Unverified);
    }
    match known {
        None => Ok(true),
        Some(known) if known == linker.user => Ok(false),
        Some(_) => Err(LinkRefused::AnotherPersons),
    }
}

/// How a person can sign in, and when they did so last.
#[derive(Debug, Clone, Copy)]
pub struct WaysIn<'a> {
    pub has_password: bool,
    pub links: &'a [IdentityId],
    /// When the session that asks began; `None` when it has ended.
    pub signed_in_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum UnlinkRefused {
    #[error("the person has no such link")]
    Unknown,
    /// Whoever has got hold of a session must not be able to shut its owner out.
    #[error("the person signed in too long ago")]
    Stale,
    #[error("nothing would be left to sign in with")]
    LastWayIn,
}

/// Whether a link may be taken away.
pub fn may_unlink(
    ways: &WaysIn<'_>,
    link: IdentityId,
    now: Timestamp,
) -> Result<(), UnlinkRefused> {
    if !ways.links.contains(&link) {
        return Err(UnlinkRefused::Unknown);
    }
    let is_fresh = |at: Timestamp| now < at.saturating_add(session::FRESH);
    if !ways.signed_in_at.is_some_and(is_fresh) {
        return Err(UnlinkRefused::Stale);
    }
    if !ways.has_password && ways.links.len() == 1 {
        return Err(UnlinkRefused::LastWayIn);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t50_the_last_way_in_stays_and_a_stale_session_takes_none_away() {
        let at = |seconds| Timestamp::from_unix_seconds(seconds).unwrap();
        let [one, two] = people().map(|id| IdentityId::from_uuid(id.as_uuid()));
        let ask = |has_password, links: &[IdentityId], signed_in_at| {
            let ways = WaysIn {
                has_password,
                links,
                signed_in_at,
            };
            may_unlink(&ways, one, at(1_000))
        };
        let now = Some(at(1_000));
        assert_eq!(ask(true, &[one], now), Ok(()));
        assert_eq!(ask(false, &[one, two], now), Ok(()));
        assert_eq!(ask(false, &[one], now), Err(UnlinkRefused::LastWayIn));
        assert_eq!(ask(true, &[two], now), Err(UnlinkRefused::Unknown));
        assert_eq!(ask(true, &[one], Some(at(701))), Ok(()));
        assert_eq!(ask(true, &[one], Some(at(700))), Err(UnlinkRefused::Stale));
        assert_eq!(ask(true, &[one], None), Err(UnlinkRefused::Stale));
    }

    #[test]
    fn t41_only_who_is_signed_in_and_known_by_their_address_gets_one_more_way_in() {
        let at = |seconds| Timestamp::from_unix_seconds(seconds).unwrap();
        let [ada, eve] = people();
        for is_verified in [false, true] {
            for signed_in_at in [None, Some(at(700)), Some(at(701))] {
                let linker = Linker {
                    user: ada,
                    is_verified,
                    signed_in_at,
                };
                let begins = may_begin_link(&linker, at(1_000));
                let links = [None, Some(ada), Some(eve)].map(|known| may_link(&linker, known));
                let Some(signed_in_at) = signed_in_at else {
                    assert_eq!(begins, Err(LinkRefused::SessionEnded));
                    assert_eq!(links, [Err(LinkRefused::SessionEnded); 3]);
                    continue;
                };
                if !is_verified {
                    assert_eq!(begins, Err(LinkRefused::Unverified));
                    assert_eq!(links, [Err(LinkRefused::Unverified); 3]);
                    continue;
                }
                let is_fresh = signed_in_at == at(701);
                let expected = if is_fresh {
                    Ok(())
                } else {
                    Err(LinkRefused::Stale)
                };
                assert_eq!(begins, expected);
                // Being at the provider may take longer than that.
                let another = Err(LinkRefused::AnotherPersons);
                assert_eq!(links, [Ok(true), Ok(false), another]);
            }
        }
    }

    /// The two who may be met.
    fn people() -> [UserId; 2] {
        [
            "01890000-0000-7000-8000-000000000001",
            "01890000-0000-7000-8000-000000000002",
        ]
        .map(|id| id.parse().unwrap())
    }

    fn arrivals() -> Vec<Arrival> {
        let [ada, eve] = people();
        let both = [false, true];
        let mut all = Vec::new();
        for known in [None, Some(ada)] {
            for user in [None, Some(ada), Some(eve)] {
                for bits in 0..16_u8 {
                    let [is_proven, has_invite, is_verified, is_federated] =
                        [1, 2, 4, 8].map(|bit| both[usize::from(bits & bit != 0)]);
                    let holder = user.map(|user| Holder {
                        user,
                        is_verified,
                        is_federated,
                    });
                    all.push(Arrival {
                        known,
                        is_proven,
                        holder,
                        has_invite,
                    });
                }
            }
        }
        all
    }

    #[test]
    fn an_identity_is_one_person_whatever_address_comes_with_it() {
        for arrival in arrivals() {
            if let Some(known) = arrival.known {
                assert_eq!(decide(&arrival), Ok(SignIn::Enter(known)), "{arrival:?}");
            }
        }
    }

    #[test]
    fn t37_t40_an_address_that_is_not_proven_selects_nobody() {
        for arrival in arrivals()
            .into_iter()
            .filter(|a| !a.is_proven && a.known.is_none())
        {
            match decide(&arrival) {
                Ok(SignIn::SignUp) => assert_eq!(arrival.holder, None),
                Err(_) => assert!(arrival.holder.is_some()),
                Ok(SignIn::Enter(_) | SignIn::Link(_) | SignIn::TakeOver(_)) => {
                    panic!("{arrival:?}")
                }
            }
        }
    }

    #[test]
    fn t42_nobody_with_a_provider_is_given_another_by_their_address() {
        for arrival in arrivals() {
            if let Ok(SignIn::Link(_)) = decide(&arrival) {
                let holder = arrival.holder.unwrap();
                assert!(holder.is_verified && !holder.is_federated, "{arrival:?}");
            }
        }
    }

    #[test]
    fn t38_t39_whoever_never_proved_the_address_keeps_no_way_in() {
        for arrival in arrivals() {
            let holder = arrival
                .holder
                .filter(|_| arrival.known.is_none() && !arrival.has_invite);
            let Some(holder) = holder.filter(|holder| arrival.is_proven && !holder.is_verified)
            else {
                assert!(!matches!(decide(&arrival), Ok(SignIn::TakeOver(_))));
                continue;
            };
            assert_eq!(decide(&arrival), Ok(SignIn::TakeOver(holder.user)));
        }
    }

    #[test]
    fn an_invitation_for_somebody_new_is_kept_from_somebody_known() {
        for arrival in arrivals() {
            let meets = arrival.known.is_none() && arrival.holder.is_some();
            let refused = Err(ProviderSignInRefused::EmailAlreadyRegistered);
            assert_eq!(decide(&arrival) == refused, meets && arrival.has_invite);
        }
    }
}
