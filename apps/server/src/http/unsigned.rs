//! Who sends events that nobody signed. Counted here and not in the store, so that a flood of them costs
//! no more than its signatures.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use tollgate_identity::limit::{self, Limit};
use tollgate_primitives::Timestamp;
use tollgate_use_cases::{App, TooOften};

/// So many networks are told apart; all others are counted as one.
const MOST: usize = 10_000;

/// How many came from each network since the window began. It begins anew for all at once.
#[derive(Debug, Default)]
pub(crate) struct Unsigned(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    since: Option<Timestamp>,
    counts: HashMap<String, u32>,
}

impl Unsigned {
    /// One more, from `ip`.
    pub(crate) fn count(&self, app: &App, ip: Option<IpAddr>) -> Result<(), TooOften> {
        let Some(limit) = app.in_force(limit::UNSIGNED_EVENTS) else {
            return Ok(());
        };
        let ip = ip.map(|ip| ip.to_string());
        let network = limit::network(ip.as_deref());
        self.count_within(limit, network, app.clock.now())
    }

    fn count_within(&self, limit: Limit, network: String, now: Timestamp) -> Result<(), TooOften> {
        let length = limit.per.saturating_mul(limit.burst);
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = window.since.filter(|since| now.since(*since) < length);
        let since = since.unwrap_or_else(|| {
            window.counts.clear();
            now
        });
        window.since = Some(since);
        let is_told_apart = window.counts.len() < MOST || window.counts.contains_key(&network);
        let counted = if is_told_apart {
            network
        } else {
            String::new()
        };
        let count = window.counts.entry(counted.clone()).or_default();
        *count = count.saturating_add(1);
        if *count <= limit.burst {
            return Ok(());
        }
        if count.saturating_sub(1) == limit.burst {
            tracing::warn!(
                network = counted,
                "many events with a wrong signature; no more of them are told until the minute is over"
            );
        }
        let retry_after = length.saturating_sub(now.since(since));
        Err(TooOften::Wait { retry_after })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LIMIT: Limit = limit::UNSIGNED_EVENTS;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_unix_seconds(1_800_000_000 + second).unwrap()
    }

    fn told(unsigned: &Unsigned, network: &str, second: i64) -> Option<Duration> {
        match unsigned.count_within(LIMIT, network.to_owned(), at(second)) {
            Ok(()) => None,
            Err(TooOften::Wait { retry_after }) => Some(retry_after),
            Err(TooOften::Store(error)) => panic!("{error}"),
        }
    }

    #[test]
    fn sixty_of_a_minute_are_told_what_is_wrong_and_the_next_to_wait_for_its_end() {
        let unsigned = Unsigned::default();
        for _ in 0..60 {
            assert_eq!(told(&unsigned, "192.0.2.1", 0), None);
        }
        assert_eq!(
            told(&unsigned, "192.0.2.1", 1),
            Some(Duration::from_secs(59))
        );
        assert_eq!(told(&unsigned, "192.0.2.2", 1), None);
        assert_eq!(told(&unsigned, "192.0.2.1", 60), None);
    }

    #[test]
    fn of_more_networks_than_are_kept_the_rest_are_one() {
        let unsigned = Unsigned::default();
        for n in 0..MOST {
            assert_eq!(told(&unsigned, &n.to_string(), 0), None);
        }
        let others = (0..61).map(|n| told(&unsigned, &format!("other {n}"), 0));
        assert_eq!(others.flatten().count(), 1);
        assert_eq!(told(&unsigned, "0", 0), None);
    }
}
