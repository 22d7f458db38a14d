//! What becomes of an invitation, and what each act on it is answered in each of its states.

use std::time::Duration;

use thiserror::Error;
use tollgate_primitives::Timestamp;

const DAY: Duration = Duration::from_hours(24);

/// How often one invitation is sent again.
pub const MOST_RESENDS: u8 = 5;

/// How long before its end the inviter is told that nobody has come.
const REMINDED: Duration = Duration::from_hours(2 * 24);

/// What decides how an invitation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invite {
    pub expires_at: Timestamp,
    pub accepted_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    /// How often it was sent again.
    pub resends: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Whoever has its code may come in, and a seat is kept for them.
    Live,
    Accepted,
    Revoked,
    Expired,
}

impl State {
    pub const ALL: [Self; 4] = [Self::Live, Self::Accepted, Self::Revoked, Self::Expired];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Accepted => "accepted",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }
}

impl Invite {
    /// What a person did counts for more than time.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> State {
        if self.accepted_at.is_some() {
            State::Accepted
        } else if self.revoked_at.is_some() {
            State::Revoked
        } else if now >= self.expires_at {
            State::Expired
        } else {
            State::Live
        }
    }
}

/// For how many days an invitation is good: 1 to 30, 14 unless it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days(u8);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an invitation is good for 1 to 30 days")]
pub struct DaysInvalid;

impl Days {
    pub const fn parse(days: u16) -> Result<Self, DaysInvalid> {
        match days {
            1..=30 => Ok(Self(days.to_le_bytes()[0])),
            _ => Err(DaysInvalid),
        }
    }

    #[must_use]
    pub fn after(self, now: Timestamp) -> Timestamp {
        now.saturating_add(DAY.saturating_mul(self.0.into()))
    }
}

impl Default for Days {
    fn default() -> Self {
        Self(14)
    }
}

/// Said alike of every code that lets nobody in, and of one that never was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the invitation is not valid any more")]
pub struct AcceptRefused;

pub const fn accept(state: State) -> Result<(), AcceptRefused> {
    match state {
        State::Live => Ok(()),
        State::Accepted | State::Revoked | State::Expired => Err(AcceptRefused),
    }
}

/// What revoking does, where it is not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    Now,
    Before,
}

/// `None`: the person has come already; they are put out as a member.
#[must_use]
pub const fn revoke(state: State) -> Option<Revoked> {
    match state {
        State::Live | State::Expired => Some(Revoked::Now),
        State::Revoked => Some(Revoked::Before),
        State::Accepted => None,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ResendRefused {
    #[error("the person has come already")]
    Accepted,
    #[error("the invitation was taken back")]
    Revoked,
    #[error("the invitation was sent five times again")]
    TooOften,
}

/// Whether an invitation that takes up no seat takes one when it is sent again.
pub const fn resend(state: State, resends: u8) -> Result<bool, ResendRefused> {
    match state {
        State::Accepted => Err(ResendRefused::Accepted),
        State::Revoked => Err(ResendRefused::Revoked),
        State::Live | State::Expired if resends >= MOST_RESENDS => Err(ResendRefused::TooOften),
        State::Live => Ok(false),
        State::Expired => Ok(true),
    }
}

/// When the inviter is told that an invitation is about to end unused; `None` for one so short that
/// they would be told at once.
#[must_use]
pub fn ready_to_remind(expires_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let at = expires_at.saturating_sub(REMINDED);
    (at > now).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_unix_seconds(1_800_000_000 + day * 86_400).unwrap()
    }

    fn invite(accepted: bool, revoked: bool) -> Invite {
        Invite {
            expires_at: at(14),
            accepted_at: accepted.then(|| at(1)),
            revoked_at: revoked.then(|| at(1)),
            resends: 0,
        }
    }

    #[test]
    fn an_invitation_ends_at_its_time_to_the_microsecond() {
        let just_before = at(14).saturating_sub(Duration::from_micros(1));
        for (accepted, revoked, before, after) in [
            (false, false, State::Live, State::Expired),
            (true, false, State::Accepted, State::Accepted),
            (false, true, State::Revoked, State::Revoked),
            (true, true, State::Accepted, State::Accepted),
        ] {
            let invite = invite(accepted, revoked);
            assert_eq!(invite.state(just_before), before, "{invite:?}");
            assert_eq!(invite.state(at(14)), after, "{invite:?}");
        }
    }

    #[test]
    fn each_act_has_one_answer_in_each_state() {
        let answers = State::ALL.map(|state| {
            (
                state.as_str(),
                accept(state).is_ok(),
                revoke(state),
                resend(state, MOST_RESENDS - 1),
                resend(state, MOST_RESENDS),
            )
        });
        let too_often = Err(ResendRefused::TooOften);
        let accepted = Err(ResendRefused::Accepted);
        let revoked = Err(ResendRefused::Revoked);
        assert_eq!(
            answers,
            [
                ("live", true, Some(Revoked::Now), Ok(false), too_often),
                ("accepted", false, None, accepted, accepted),
                ("revoked", false, Some(Revoked::Before), revoked, revoked),
                ("expired", false, Some(Revoked::Now), Ok(true), too_often),
            ]
        );
    }

    #[test]
    fn an_invitation_is_good_for_a_day_to_a_month_and_two_weeks_unless_it_is_said() {
        assert_eq!(Days::default(), Days::parse(14).unwrap());
        assert_eq!(Days::default().after(at(0)), at(14));
        for days in [1, 30] {
            assert_eq!(Days::parse(days).unwrap().after(at(0)), at(i64::from(days)));
        }
        for days in [0, 31, 256, 257, u16::MAX] {
            assert_eq!(Days::parse(days), Err(DaysInvalid), "{days}");
        }
    }

    #[test]
    fn the_inviter_is_told_two_days_before_the_end_or_not_at_all() {
        assert_eq!(ready_to_remind(at(14), at(0)), Some(at(12)));
        assert_eq!(ready_to_remind(at(3), at(0)), Some(at(1)));
        for short in [1, 2] {
            assert_eq!(ready_to_remind(at(short), at(0)), None);
        }
    }
}
