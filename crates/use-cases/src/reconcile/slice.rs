//! Which stretch of time to ask events of next. The provider lists the newest first and a hundred at a
//! time; cut small enough, each stretch is one page, and the oldest comes first.

/// Below this many a stretch may be twice as long.
const FEW: usize = 50;

/// Seconds since 1970, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slice {
    pub(super) from: i64,
    /// `None` for everything since.
    pub(super) until: Option<i64>,
    /// The newest event that is known of.
    newest: i64,
}

impl Slice {
    pub(super) const fn since(from: i64) -> Self {
        Self {
            from,
            until: None,
            newest: from,
        }
    }

    /// The older half of a slice that did not fit on a page, whose newest event is of `newest`; `None`
    /// for a single second, which cannot be cut.
    pub(super) fn halved(self, newest: i64) -> Option<Self> {
        let end = self.until.unwrap_or(newest);
        (end > self.from).then(|| Self {
            until: Some(self.from + (end - self.from - 1) / 2),
            newest: self.newest.max(newest),
            ..self
        })
    }

    /// What comes after a slice that held `count` events; `None` after the last.
    pub(super) fn next(self, count: usize) -> Option<Self> {
        let until = self.until?;
        let length = until - self.from + 1;
        let length = if count < FEW { length * 2 } else { length };
        let from = until + 1;
        let end = until + length;
        Some(Self {
            from,
            until: (end < self.newest).then_some(end),
            ..self
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks for all of `events` (their seconds, in order) as the job does: the questions it took.
    fn asked(events: &[i64], since: i64) -> usize {
        let mut slice = Slice::since(since);
        let (mut calls, mut seen) = (0, Vec::<i64>::new());
        loop {
            let until = slice.until.unwrap_or(i64::MAX);
            let inside: Vec<_> = events
                .iter()
                .copied()
                .filter(|at| (slice.from..=until).contains(at))
                .collect();
            calls += inside.len().div_ceil(100).max(1);
            if inside.len() > 100
                && let Some(half) = slice.halved(*inside.last().unwrap())
            {
                calls -= inside.len().div_ceil(100) - 1;
                slice = half;
                continue;
            }
            seen.extend(&inside);
            match slice.next(inside.len()) {
                Some(next) => slice = next,
                None => break,
            }
        }
        assert_eq!(seen, events);
        calls
    }

    const DAY: i64 = 24 * 60 * 60;

    #[test]
    fn what_fits_on_a_page_is_asked_once() {
        assert_eq!(asked(&[], 0), 1);
        assert_eq!(asked(&[0, 5, 5, DAY], 0), 1);
        assert_eq!(asked(&vec![7; 100], 0), 1);
    }

    #[test]
    fn every_event_is_seen_once_and_the_oldest_first() {
        let steady: Vec<_> = (0..10_000).map(|n| n * 260).collect();
        assert!(asked(&steady, 0) <= 250, "{}", asked(&steady, 0));
        let one_burst: Vec<_> = (0..10_000).map(|n| 20 * DAY + n / 500).collect();
        assert!(asked(&one_burst, 0) <= 200, "{}", asked(&one_burst, 0));
        let crowded_second = vec![29 * DAY; 1_000];
        assert!(
            asked(&crowded_second, 0) <= 60,
            "{}",
            asked(&crowded_second, 0)
        );
        let bursts: Vec<_> = (0..3_000).map(|n| n / 300 * 3 * DAY + n % 7).collect();
        let mut bursts = bursts;
        bursts.sort_unstable();
        assert!(asked(&bursts, 0) <= 600, "{}", asked(&bursts, 0));
    }
}
