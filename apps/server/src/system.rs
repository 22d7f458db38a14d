//! The present, ids and secrets as the machine has them: the only place that asks for any of them.

use tollgate_primitives::Timestamp;
use tollgate_use_cases::ports::{Clock, Entropy};
use uuid::{Builder, Uuid};

/// The machine's clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the clock"
    )]
    fn now(&self) -> Timestamp {
        // A machine that believes to live before 1970 can do nothing right anyway.
        Timestamp::from_datetime(chrono::Utc::now()).unwrap_or(Timestamp::MIN)
    }
}

/// The machine's source of randomness, through a generator that is seeded from it.
#[derive(Debug, Clone, Copy)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that draws at random"
    )]
    fn uuid(&self, now: Timestamp) -> Uuid {
        let millis = u64::try_from(now.as_datetime().timestamp_millis()).unwrap_or(0);
        Builder::from_unix_timestamp_millis(millis, &rand::random()).into_uuid()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that draws at random"
    )]
    fn secret(&self) -> [u8; 32] {
        rand::random()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_carries_its_instant_and_sorts_by_it() {
        let at = |seconds| Timestamp::from_unix_seconds(seconds).unwrap();
        let (early, late) = (
            SystemEntropy.uuid(at(1_800_000_000)),
            SystemEntropy.uuid(at(1_800_000_001)),
        );
        assert_eq!(early.get_version_num(), 7);
        assert!(early < late);
        assert_ne!(early, SystemEntropy.uuid(at(1_800_000_000)));
    }

    #[test]
    fn secrets_differ() {
        assert_ne!(SystemEntropy.secret(), SystemEntropy.secret());
    }
}
