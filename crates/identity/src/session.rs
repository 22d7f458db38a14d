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
