//! Whether Stripe is worth asking, judged by how the last tries went. Reads no clock.

use std::time::Duration;

use tokio::time::Instant;

/// So many of the last [`WINDOW`] tries may go badly; one more, and nobody asks for a while.
const MOST_BAD: u32 = 4;
const WINDOW: u32 = 10;

/// How long nobody asks; then one try finds out whether Stripe is back.
const REST: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Breaker(State);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// One bit for each of the last tries, the newest lowest, set where it went badly.
    Closed {
        recent: u32,
    },
    Open {
        until: Instant,
    },
    /// One try is under way.
    Probing,
}

/// The right to one try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ticket {
    Usual,
    /// Finds out for everybody whether Stripe is back.
    Probe,
}

/// How a try went, as far as Stripe's health goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    Well,
    /// It failed, or took very long.
    Bad,
    /// It was given up before anything was learnt.
    Unknown,
}

/// What a try has changed for everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Opened,
    Closed,
}

impl Breaker {
    pub(crate) const fn new() -> Self {
        Self(State::Closed { recent: 0 })
    }

    /// How long from `now` nobody may ask, if so.
    pub(crate) fn refuses(&self, now: Instant) -> Option<Duration> {
        match self.0 {
            State::Closed { .. } => None,
            State::Open { until } => Some(until - now).filter(|rest| !rest.is_zero()),
            State::Probing => Some(REST),
        }
    }

    pub(crate) fn admit(&mut self, now: Instant) -> Result<Ticket, Duration> {
        if let Some(rest) = self.refuses(now) {
            return Err(rest);
        }
        match self.0 {
            State::Closed { .. } => Ok(Ticket::Usual),
            State::Open { .. } | State::Probing => {
                self.0 = State::Probing;
                Ok(Ticket::Probe)
            }
        }
    }

    /// Takes a ticket back. A usual one that comes back late says nothing of how Stripe is by then.
    pub(crate) fn note(&mut self, ticket: Ticket, health: Health, now: Instant) -> Option<Turn> {
        match (self.0, ticket, health) {
            (State::Closed { recent }, Ticket::Usual, Health::Well | Health::Bad) => {
                self.count(recent, health, now)
            }
            (State::Probing, Ticket::Probe, Health::Well) => {
                self.0 = State::Closed { recent: 0 };
                Some(Turn::Closed)
            }
            (State::Probing, Ticket::Probe, Health::Bad) => {
                self.0 = State::Open { until: now + REST };
                None
            }
            // The next may try at once.
            (State::Probing, Ticket::Probe, Health::Unknown) => {
                self.0 = State::Open { until: now };
                None
            }
            (State::Closed { .. }, Ticket::Usual, Health::Unknown)
            | (State::Closed { .. } | State::Open { .. }, Ticket::Probe, _)
            | (State::Open { .. } | State::Probing, Ticket::Usual, _) => None,
        }
    }

    fn count(&mut self, recent: u32, health: Health, now: Instant) -> Option<Turn> {
        let recent = (recent << 1 | u32::from(health == Health::Bad)) & ((1 << WINDOW) - 1);
        if recent.count_ones() <= MOST_BAD {
            self.0 = State::Closed { recent };
            return None;
        }
        self.0 = State::Open { until: now + REST };
        Some(Turn::Opened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each letter a try that went well (`.`), badly (`x`) or was given up (`?`); what it turned.
    fn after(breaker: &mut Breaker, tries: &str, now: Instant) -> Vec<Turn> {
        let one = |letter| {
            let health = match letter {
                '.' => Health::Well,
                'x' => Health::Bad,
                _ => Health::Unknown,
            };
            let ticket = breaker.admit(now).unwrap();
            breaker.note(ticket, health, now)
        };
        tries.chars().filter_map(one).collect()
    }

    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::new();
        assert_eq!(after(&mut breaker, "xxxxx", now), [Turn::Opened]);
        breaker
    }

    #[test]
    fn f16_five_bad_tries_of_the_last_ten_open_it() {
        let now = Instant::now();
        for opens in ["xxxxx", ".....xxxxx", "x.x.x.x.x", "xxxx?x", "xx.....xxx"] {
            let mut breaker = Breaker::new();
            assert_eq!(after(&mut breaker, opens, now), [Turn::Opened], "{opens}");
            assert_eq!(breaker.admit(now), Err(REST), "{opens}");
        }
        for stays in ["xxxx", "xxxx......xxxx", "x..x..x..x..x..x..x", "????????"] {
            let mut breaker = Breaker::new();
            assert_eq!(after(&mut breaker, stays, now), [], "{stays}");
            assert_eq!(breaker.admit(now), Ok(Ticket::Usual), "{stays}");
        }
    }

    #[test]
    fn f16_one_probe_finds_out_whether_stripe_is_back() {
        let start = Instant::now();
        let mut breaker = opened(start);
        let just_before = start + REST - Duration::from_millis(1);
        assert_eq!(breaker.admit(just_before), Err(Duration::from_millis(1)));
        let then = start + REST;
        assert_eq!(breaker.admit(then), Ok(Ticket::Probe));
        assert_eq!(breaker.admit(then), Err(REST), "one at a time");

        assert_eq!(breaker.note(Ticket::Probe, Health::Bad, then), None);
        assert_eq!(breaker.admit(then), Err(REST));
        let later = then + REST;
        assert_eq!(breaker.admit(later), Ok(Ticket::Probe));
        let closed = breaker.note(Ticket::Probe, Health::Well, later);
        assert_eq!(closed, Some(Turn::Closed));
        assert_eq!(after(&mut breaker, "xxxx", later), [], "it begins anew");
    }

    #[test]
    fn f16_a_probe_that_is_given_up_leaves_the_question_to_the_next() {
        let start = Instant::now();
        let mut breaker = opened(start);
        let then = start + REST;
        assert_eq!(breaker.admit(then), Ok(Ticket::Probe));
        assert_eq!(breaker.note(Ticket::Probe, Health::Unknown, then), None);
        assert_eq!(breaker.admit(then), Ok(Ticket::Probe));
    }

    #[test]
    fn f16_what_was_under_way_when_it_opened_changes_nothing_any_more() {
        let start = Instant::now();
        let mut breaker = opened(start);
        for health in [Health::Well, Health::Bad, Health::Unknown] {
            assert_eq!(breaker.note(Ticket::Usual, health, start), None);
            assert_eq!(breaker.admit(start), Err(REST));
        }
        assert_eq!(breaker.admit(start + REST), Ok(Ticket::Probe));
        assert_eq!(breaker.note(Ticket::Usual, Health::Well, start), None);
        assert_eq!(breaker.admit(start + REST), Err(REST), "still probing");
    }
}
