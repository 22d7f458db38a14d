//! How many people an account may have. A seat is taken by a member, and kept for whoever is invited.

use thiserror::Error;

/// What an account has to seat people on, and how it is taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seats {
    /// What its plan, or an exception made for it, allows; `None` is unlimited.
    pub allowed: Option<u64>,
    /// What it has bought; `None` where seats are not what is paid for.
    pub bought: Option<u32>,
    pub members: u32,
    /// Invitations that live.
    pub invited: u32,
}

/// There is no seat left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{used} of {limit} seats are taken")]
pub struct Full {
    pub limit: u64,
    pub used: u64,
}

impl Seats {
    /// Neither more than is allowed nor more than is bought; `None` is unlimited.
    #[must_use]
    pub fn limit(&self) -> Option<u64> {
        let bought = self.bought.map(u64::from);
        match (self.allowed, bought) {
            (Some(allowed), Some(bought)) => Some(allowed.min(bought)),
            (limit, None) | (None, limit) => limit,
        }
    }

    #[must_use]
    pub fn used(&self) -> u64 {
        u64::from(self.members) + u64::from(self.invited)
    }

    /// Whether one more may be invited, when `more` are about to be.
    pub fn invite(&self, more: u64) -> Result<(), Full> {
        self.take(self.used() + more)
    }

    /// Whether one of the invited may come in. The others who are invited do not stand in the way: of
    /// more invitations than seats, those who come first have them.
    pub fn join(&self) -> Result<(), Full> {
        self.take(u64::from(self.members))
    }

    fn take(&self, used: u64) -> Result<(), Full> {
        match self.limit() {
            Some(limit) if used >= limit => Err(Full { limit, used }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_of_what_is_allowed_and_what_is_bought_counts() {
        for (allowed, bought, limit) in [
            (None, None, None),
            (Some(5), None, Some(5)),
            (None, Some(3), Some(3)),
            (Some(5), Some(3), Some(3)),
            (Some(5), Some(9), Some(5)),
            (Some(0), Some(9), Some(0)),
        ] {
            let seats = Seats {
                allowed,
                bought,
                members: 1,
                invited: 0,
            };
            assert_eq!(seats.limit(), limit, "{seats:?}");
        }
    }

    #[test]
    fn an_invitation_takes_a_seat_and_coming_in_takes_no_second_one() {
        for (members, invited, may_invite, may_join) in [
            (1, 0, true, true),
            (1, 2, true, true),
            (2, 1, true, true),
            (1, 3, false, true),
            (3, 1, false, true),
            (4, 0, false, false),
            (1, 9, false, true),
            (9, 0, false, false),
        ] {
            let seats = Seats {
                allowed: Some(4),
                bought: None,
                members,
                invited,
            };
            assert_eq!(seats.invite(0).is_ok(), may_invite, "{seats:?}");
            assert_eq!(seats.join().is_ok(), may_join, "{seats:?}");
        }
    }

    #[test]
    fn a_full_account_says_how_full_it_is() {
        let seats = Seats {
            allowed: Some(25),
            bought: Some(3),
            members: 2,
            invited: 1,
        };
        assert_eq!(seats.invite(0), Err(Full { limit: 3, used: 3 }));
        assert_eq!(seats.invite(2), Err(Full { limit: 3, used: 5 }));
        let unlimited = Seats {
            allowed: None,
            bought: None,
            members: u32::MAX,
            invited: u32::MAX,
        };
        assert_eq!(unlimited.invite(7), Ok(()));
    }
}
