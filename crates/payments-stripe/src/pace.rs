//! How many calls a second go out, and who goes first. Reads no clock.

use std::{collections::VecDeque, num::NonZeroU32, time::Duration};

use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// Who waits for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    Person,
    /// A job. Leaves a fifth of every second to people.
    Background,
}

/// The moments of the calls of the last second, the oldest first.
#[derive(Debug)]
pub(crate) struct Pace {
    most: usize,
    recent: VecDeque<Instant>,
}

impl Pace {
    /// At most `most` calls within any second, wherever it begins.
    pub(crate) fn new(most: NonZeroU32) -> Self {
        let most = usize::try_from(most.get()).unwrap_or(usize::MAX);
        Self {
            most,
            recent: VecDeque::new(),
        }
    }

    /// Counts a call, or says when to ask again.
    pub(crate) fn take(&mut self, lane: Lane, now: Instant) -> Result<(), Instant> {
        while self
            .recent
            .front()
            .is_some_and(|call| *call + SECOND <= now)
        {
            self.recent.pop_front();
        }
        let most = match lane {
            Lane::Person => self.most,
            Lane::Background => self.most - self.most / 5,
        };
        let over = self.recent.len().checked_sub(most);
        if let Some(oldest) = over.and_then(|over| self.recent.get(over)) {
            return Err(*oldest + SECOND);
        }
        self.recent.push_back(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(most: u32) -> Pace {
        Pace::new(NonZeroU32::new(most).unwrap())
    }

    #[test]
    fn f14_no_second_has_more_calls_than_the_limit() {
        let mut pace = pace(25);
        let start = Instant::now();
        let (mut now, mut calls) = (start, Vec::new());
        for nth in 0..500_u64 {
            // At times nobody asks for a while.
            now += Duration::from_millis(nth * 37 % 90);
            while let Err(later) = pace.take(Lane::Person, now) {
                assert!(later > now);
                now = later;
            }
            calls.push(now);
        }
        for window in calls.windows(26) {
            assert!(window[25] - window[0] >= SECOND);
        }
    }

    #[test]
    fn f14_jobs_leave_a_fifth_of_each_second_to_people() {
        let mut pace = pace(25);
        let now = Instant::now();
        let jobs = (0..25).filter(|_| pace.take(Lane::Background, now).is_ok());
        assert_eq!(jobs.count(), 20);
        let people = (0..25).filter(|_| pace.take(Lane::Person, now).is_ok());
        assert_eq!(people.count(), 5);
        assert_eq!(pace.take(Lane::Person, now), Err(now + SECOND));
        assert_eq!(pace.take(Lane::Background, now), Err(now + SECOND));
        assert_eq!(pace.take(Lane::Background, now + SECOND), Ok(()));
    }

    #[test]
    fn f14_jobs_wait_until_people_need_no_more() {
        let mut pace = pace(5);
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        for millis in [0, 100, 200, 300, 400] {
            pace.take(Lane::Person, at(millis)).unwrap();
        }
        let turn = pace.take(Lane::Background, at(500));
        assert_eq!(turn, Err(at(1100)), "when three are left of the second");
        assert_eq!(pace.take(Lane::Background, at(1100)), Ok(()));
    }

    #[test]
    fn f14_one_call_a_second_is_for_jobs_as_well() {
        let mut pace = pace(1);
        let now = Instant::now();
        assert_eq!(pace.take(Lane::Background, now), Ok(()));
        assert_eq!(pace.take(Lane::Person, now), Err(now + SECOND));
    }
}
