//! What presenting a refresh token leads to: rotation, a repeated answer, or the end of its session.
//! Knows no token text and no store; concurrency is the store's one guarded statement.

use std::time::Duration;

use tollgate_primitives::Timestamp;

/// How long a refresh token lives unused.
pub const IDLE_LIFE: Duration = Duration::from_hours(30 * 24);

/// How long a session lives from sign-in, however busy (ASVS 5.0, 7.3.2).
pub const ABSOLUTE_LIFE: Duration = Duration::from_hours(90 * 24);

/// For how long a used token is answered with the same successor: two tabs at once, a lost response.
pub const REPEAT_WINDOW: Duration = Duration::from_secs(10);

/// For how long after signing in it still counts as just now.
pub const FRESH: Duration = Duration::from_mins(5);

/// What the store knows of a presented refresh token and its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshState {
    pub expires_at: Timestamp,
    /// When it was rotated into its successor.
    pub used_at: Option<Timestamp>,
    /// Whether that successor was rotated in turn, so that its answer has surely arrived.
    pub successor_used: bool,
    pub session_started_at: Timestamp,
    pub session_revoked: bool,
}

/// What to do with a presented refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// Mark it used and issue a successor that lives until `expires_at`.
    Rotate {
        expires_at: Timestamp,
    },
    /// Answer with the successor already issued.
    RepeatSuccessor,
    /// Somebody holds a copy: revoke the session with every token of it.
    EndFamily,
    Expired,
    /// The session has ended before.
    Revoked,
}

/// When the first refresh token of a session, or the successor of one, expires.
#[must_use]
pub fn expires_at(session_started_at: Timestamp, now: Timestamp) -> Timestamp {
    let idle_end = now.saturating_add(IDLE_LIFE);
    idle_end.min(session_started_at.saturating_add(ABSOLUTE_LIFE))
}

/// Decides what a refresh token presented at `now` leads to. Every end is strict: at that very
/// moment it is over.
///
/// A used token that comes back ends the family even when it has expired meanwhile: what it proves,
/// that a copy exists, does not expire (RFC 9700, section 4.14.2).
#[must_use]
pub fn rotate(state: &RefreshState, now: Timestamp) -> Rotation {
    if state.session_revoked {
        return Rotation::Revoked;
    }
    if now >= state.session_started_at.saturating_add(ABSOLUTE_LIFE) {
        return Rotation::Expired;
    }
    match state.used_at {
        Some(used_at) if !state.successor_used && now < used_at.saturating_add(REPEAT_WINDOW) => {
            Rotation::RepeatSuccessor
        }
        Some(_) => Rotation::EndFamily,
        None if now < state.expires_at => Rotation::Rotate {
            expires_at: expires_at(state.session_started_at, now),
        },
        None => Rotation::Expired,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: i64 = 1_800_000_000;
    const DAY: i64 = 86_400;
    const MICROSECOND: Duration = Duration::from_micros(1);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(START + seconds).unwrap()
    }

    /// A fresh token of a session that has just begun.
    fn fresh() -> RefreshState {
        RefreshState {
            expires_at: expires_at(at(0), at(0)),
            used_at: None,
            successor_used: false,
            session_started_at: at(0),
            session_revoked: false,
        }
    }

    fn used(used_at: Timestamp) -> RefreshState {
        RefreshState {
            used_at: Some(used_at),
            ..fresh()
        }
    }

    #[test]
    fn a_fresh_token_rotates_until_thirty_days_have_passed_unused() {
        let end = at(30 * DAY);
        assert_eq!(fresh().expires_at, end);
        assert_eq!(
            rotate(&fresh(), at(60)),
            Rotation::Rotate {
                expires_at: at(60 + 30 * DAY)
            }
        );
        assert!(matches!(
            rotate(&fresh(), end.saturating_sub(MICROSECOND)),
            Rotation::Rotate { .. }
        ));
        assert_eq!(rotate(&fresh(), end), Rotation::Expired);
    }

    #[test]
    fn a_session_refreshed_daily_ends_ninety_days_after_sign_in() {
        let mut state = fresh();
        for day in 1..90 {
            let Rotation::Rotate { expires_at } = rotate(&state, at(day * DAY)) else {
                panic!("refused on day {day}");
            };
            assert!(expires_at <= at(90 * DAY));
            state.expires_at = expires_at;
        }
        let end = at(90 * DAY);
        assert_eq!(
            rotate(&state, end.saturating_sub(MICROSECOND)),
            Rotation::Rotate { expires_at: end }
        );
        assert_eq!(rotate(&state, end), Rotation::Expired);
        state.used_at = Some(end.saturating_sub(MICROSECOND));
        assert_eq!(rotate(&state, end), Rotation::Expired);
    }

    #[test]
    fn a_used_token_is_answered_again_for_ten_seconds_while_its_successor_is_unused() {
        let (used_at, end) = (at(100), at(110));
        let just_before = end.saturating_sub(MICROSECOND);
        assert_eq!(rotate(&used(used_at), used_at), Rotation::RepeatSuccessor);
        assert_eq!(
            rotate(&used(used_at), just_before),
            Rotation::RepeatSuccessor
        );
        assert_eq!(rotate(&used(used_at), end), Rotation::EndFamily);
        let passed_on = RefreshState {
            successor_used: true,
            ..used(used_at)
        };
        assert_eq!(rotate(&passed_on, used_at), Rotation::EndFamily);
    }

    #[test]
    fn a_node_whose_clock_is_behind_still_repeats_the_answer() {
        assert_eq!(rotate(&used(at(100)), at(99)), Rotation::RepeatSuccessor);
    }

    #[test]
    fn a_used_token_betrays_a_copy_even_after_it_expired() {
        assert_eq!(rotate(&used(at(100)), at(40 * DAY)), Rotation::EndFamily);
    }

    #[test]
    fn a_revoked_session_says_only_that() {
        for (state, now) in [
            (fresh(), at(1)),
            (fresh(), at(31 * DAY)),
            (used(at(100)), at(101)),
            (used(at(100)), at(200)),
            (fresh(), at(91 * DAY)),
        ] {
            let revoked = RefreshState {
                session_revoked: true,
                ..state
            };
            assert_eq!(rotate(&revoked, now), Rotation::Revoked);
        }
    }

    fn states() -> impl Strategy<Value = RefreshState> {
        let used_at = proptest::option::of((0..100 * DAY).prop_map(at));
        (0..100 * DAY, used_at, any::<bool>(), any::<bool>()).prop_map(
            |(refreshed, used_at, successor_used, session_revoked)| RefreshState {
                expires_at: expires_at(at(0), at(refreshed)),
                used_at,
                successor_used,
                session_started_at: at(0),
                session_revoked,
            },
        )
    }

    proptest! {
        #[test]
        fn only_an_unused_token_of_a_living_session_rotates(state in states(), now in 0..100 * DAY) {
            if let Rotation::Rotate { expires_at } = rotate(&state, at(now)) {
                prop_assert!(state.used_at.is_none() && !state.session_revoked);
                prop_assert!(at(now) < state.expires_at);
                prop_assert!(at(now) < expires_at);
                prop_assert!(expires_at <= at(90 * DAY));
                prop_assert!(expires_at.since(at(now)) <= IDLE_LIFE);
            }
        }

        #[test]
        fn what_is_over_stays_over(state in states(), now in 0..100 * DAY, later in 0..100 * DAY) {
            let over = |rotation| match rotation {
                Rotation::Expired | Rotation::EndFamily | Rotation::Revoked => true,
                Rotation::Rotate { .. } | Rotation::RepeatSuccessor => false,
            };
            if over(rotate(&state, at(now))) {
                prop_assert!(over(rotate(&state, at(now + later))));
            }
        }
    }
}
