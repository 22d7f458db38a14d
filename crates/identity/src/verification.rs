//! How long an unverified address is tolerated. Does not decide which routes ask.

use std::time::Duration;

use tollgate_primitives::Timestamp;

/// How long a person may work before their address is verified, from the creation of their account.
pub const GRACE: Duration = Duration::from_hours(7 * 24);

/// How long a person is kept who never does. For the second half of it everything of the product is
/// closed to them and says why.
pub const KEPT_UNPROVEN: Duration = Duration::from_hours(14 * 24);

/// The first moment at which an unverified address is in the way.
#[must_use]
pub fn grace_ends(created_at: Timestamp) -> Timestamp {
    created_at.saturating_add(GRACE)
}

/// Whether the person must verify their address before going on.
#[must_use]
pub fn needs_verification(
    email_verified_at: Option<Timestamp>,
    created_at: Timestamp,
    now: Timestamp,
) -> bool {
    email_verified_at.is_none() && now >= grace_ends(created_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unverified_address_is_tolerated_for_seven_days_to_the_microsecond() {
        let created = Timestamp::from_unix_seconds(1_800_000_000).unwrap();
        let end = Timestamp::from_unix_seconds(1_800_000_000 + 7 * 86_400).unwrap();
        let just_before = end.saturating_sub(Duration::from_micros(1));
        assert_eq!(grace_ends(created), end);
        assert!(!needs_verification(None, created, created));
        assert!(!needs_verification(None, created, just_before));
        assert!(needs_verification(None, created, end));
        assert!(!needs_verification(Some(created), created, end));
    }
}
