//! The door to Stripe: a breaker, so many tries at once, so many a second. A caller that would wait
//! long is turned away at once, so that a Stripe that is slow or away holds up nobody else.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use metrics::{gauge, histogram};
use thiserror::Error;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, sleep_until, timeout_at},
};

use crate::{
    breaker::{Breaker, Health, Ticket, Turn},
    pace::{Lane, Pace},
    settings::Settings,
};

/// Tries at once, for people and for jobs each. At a second a try it is twice what is used.
const PLACES: usize = 64;

/// What a caller who cannot be served is told to wait: a second brings a new turn.
const TURNED_AWAY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Admission {
    breaker: Mutex<Breaker>,
    pace: Mutex<Pace>,
    people: Queue,
    jobs: Queue,
    /// A try that took longer went badly, whatever it brought.
    slow: Duration,
}

#[derive(Debug)]
struct Queue {
    places: Semaphore,
    /// Held by the first in line for a turn.
    first: tokio::sync::Mutex<()>,
}

/// Nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum NotSent {
    #[error("Stripe did not answer others: it is asked again in a moment")]
    Resting { retry_after: Duration },
    #[error("too many calls wait for Stripe")]
    Crowded,
}

/// One try's leave to go out.
#[derive(Debug)]
pub(crate) struct Pass<'a> {
    admission: &'a Admission,
    ticket: Ticket,
    since: Instant,
    health: Health,
    _place: SemaphorePermit<'a>,
}

impl NotSent {
    pub(crate) const fn retry_after(self) -> Duration {
        match self {
            Self::Resting { retry_after } => retry_after,
            Self::Crowded => TURNED_AWAY,
        }
    }
}

impl Admission {
    pub(crate) fn new(settings: &Settings) -> Self {
        let queue = || Queue {
            places: Semaphore::new(PLACES),
            first: tokio::sync::Mutex::new(()),
        };
        gauge!("stripe_breaker_open").set(0.0);
        Self {
            breaker: Mutex::new(Breaker::new()),
            pace: Mutex::new(Pace::new(settings.calls_per_second)),
            people: queue(),
            jobs: queue(),
            slow: settings.timeout.mul_f64(0.75),
        }
    }

    /// Waits for a place and a turn, not longer than `until`.
    pub(crate) async fn enter(&self, lane: Lane, until: Instant) -> Result<Pass<'_>, NotSent> {
        let asked_at = Instant::now();
        if let Some(retry_after) = lock(&self.breaker).refuses(asked_at) {
            return Err(NotSent::Resting { retry_after });
        }
        let place = timeout_at(until, self.turn(lane))
            .await
            .map_err(|_| NotSent::Crowded)??;
        let now = Instant::now();
        histogram!("stripe_turn_wait_seconds", "lane" => lane.name()).record(now - asked_at);
        // It may have opened while this one waited.
        let ticket = lock(&self.breaker)
            .admit(now)
            .map_err(|retry_after| NotSent::Resting { retry_after })?;
        Ok(Pass {
            admission: self,
            ticket,
            since: now,
            health: Health::Unknown,
            _place: place,
        })
    }

    async fn turn(&self, lane: Lane) -> Result<SemaphorePermit<'_>, NotSent> {
        let queue = match lane {
            Lane::Person => &self.people,
            Lane::Background => &self.jobs,
        };
        let place = queue.places.acquire().await;
        let place = place.map_err(|_| NotSent::Crowded)?;
        let _first = queue.first.lock().await;
        loop {
            let taken = lock(&self.pace).take(lane, Instant::now());
            match taken {
                Ok(()) => return Ok(place),
                Err(later) => sleep_until(later).await,
            }
        }
    }

    fn note(&self, ticket: Ticket, health: Health, now: Instant) {
        let turn = lock(&self.breaker).note(ticket, health, now);
        match turn {
            Some(Turn::Opened) => {
                gauge!("stripe_breaker_open").set(1.0);
                tracing::error!("Stripe fails or hangs: calls are refused until a try succeeds");
            }
            Some(Turn::Closed) => {
                gauge!("stripe_breaker_open").set(0.0);
                tracing::warn!("Stripe answers again: calls go out");
            }
            None => {}
        }
    }
}

impl Pass<'_> {
    /// Says how the try went; it is over when the pass is dropped.
    pub(crate) fn went(&mut self, health: Health) {
        let is_slow = self.since.elapsed() >= self.admission.slow;
        self.health = if is_slow { Health::Bad } else { health };
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.admission
            .note(self.ticket, self.health, Instant::now());
    }
}

impl Lane {
    const fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Background => "background",
        }
    }
}

/// What a panic left behind is whole: no lock is held across anything that can panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{num::NonZeroU32, sync::Arc};

    use tokio::task::JoinSet;

    use super::*;
    use crate::settings::Mode;

    const SECOND: Duration = Duration::from_secs(1);

    fn admission(calls_per_second: u32) -> Arc<Admission> {
        Arc::new(Admission::new(&Settings {
            calls_per_second: NonZeroU32::new(calls_per_second).unwrap(),
            ..Settings::new("sk_test_1".into(), Mode::Test)
        }))
    }

    fn soon() -> Instant {
        Instant::now() + 2 * SECOND
    }

    /// The moments at which `calls` of a backlog go out, 16 jobs at once.
    fn backlog(admission: &Arc<Admission>, calls: usize, out: &mut JoinSet<Vec<Instant>>) {
        for _ in 0..16 {
            let admission = Arc::clone(admission);
            out.spawn(async move {
                let mut moments = Vec::new();
                for _ in 0..calls / 16 {
                    let mut pass = admission.enter(Lane::Background, soon()).await.unwrap();
                    moments.push(Instant::now());
                    pass.went(Health::Well);
                }
                moments
            });
        }
    }

    #[tokio::test(start_paused = true)]
    async fn f14_a_backlog_of_two_thousand_keeps_the_limit_and_holds_nobody_up() {
        let admission = admission(25);
        let start = Instant::now();
        let mut out = JoinSet::new();
        backlog(&admission, 2000, &mut out);
        let people = Arc::clone(&admission);
        out.spawn(async move {
            let mut moments = Vec::new();
            for _ in 0..90 {
                let asked_at = Instant::now();
                let mut pass = people.enter(Lane::Person, soon()).await.unwrap();
                moments.push(Instant::now());
                assert_eq!(asked_at.elapsed(), Duration::ZERO, "nobody waits for jobs");
                pass.went(Health::Well);
                drop(pass);
                sleep_until(asked_at + SECOND).await;
            }
            moments
        });
        let mut moments = out.join_all().await.concat();
        moments.sort_unstable();
        assert_eq!(moments.len(), 2090);
        for window in moments.windows(26) {
            assert!(window[25] - window[0] >= SECOND);
        }
        let took = *moments.last().unwrap() - start;
        assert!(took <= SECOND * 2000 / 20 * 12 / 10, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn f16_a_crowd_is_turned_away_and_the_other_lane_goes_on() {
        let admission = admission(1000);
        let mut inside = Vec::new();
        for _ in 0..PLACES {
            inside.push(admission.enter(Lane::Person, soon()).await.unwrap());
        }
        let asked_at = Instant::now();
        let refused = admission.enter(Lane::Person, soon()).await;
        assert_eq!(refused.err(), Some(NotSent::Crowded));
        assert_eq!(asked_at.elapsed(), 2 * SECOND);
        drop(admission.enter(Lane::Background, soon()).await.unwrap());
        inside.pop();
        drop(admission.enter(Lane::Person, soon()).await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn f16_slow_answers_open_the_breaker_like_failures() {
        let admission = admission(1000);
        for _ in 0..5 {
            let mut pass = admission.enter(Lane::Person, soon()).await.unwrap();
            sleep_until(Instant::now() + admission.slow).await;
            pass.went(Health::Well);
        }
        let asked_at = Instant::now();
        let refused = admission.enter(Lane::Background, soon()).await.unwrap_err();
        assert!(matches!(refused, NotSent::Resting { .. }), "{refused:?}");
        assert_eq!(asked_at.elapsed(), Duration::ZERO);
        sleep_until(asked_at + refused.retry_after()).await;
        let mut probe = admission.enter(Lane::Background, soon()).await.unwrap();
        assert!(admission.enter(Lane::Person, soon()).await.is_err());
        probe.went(Health::Well);
        drop(probe);
        drop(admission.enter(Lane::Person, soon()).await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn f16_whoever_waited_when_it_opened_is_not_sent_either() {
        let admission = admission(5);
        let mut inside = Vec::new();
        for _ in 0..5 {
            inside.push(admission.enter(Lane::Person, soon()).await.unwrap());
        }
        let waiting = Arc::clone(&admission);
        let waiting = tokio::spawn(async move { waiting.enter(Lane::Person, soon()).await.err() });
        tokio::task::yield_now().await;
        for mut pass in inside {
            pass.went(Health::Bad);
        }
        let refused = waiting.await.unwrap();
        assert!(
            matches!(refused, Some(NotSent::Resting { .. })),
            "{refused:?}"
        );
    }
}
