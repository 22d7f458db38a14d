//! Whether the time of an answer tells what somebody is here: kinds of people tried in turns, once on a
//! server that does nothing else and once while others sign in.

use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

use super::people::{Kind, PASSWORD, forgot, sign_in};
use crate::{load::Connection, report::median, report::verdict, server::Server};

/// Milliseconds that two kinds waited.
#[derive(Debug, Clone, Copy)]
pub(super) struct Likeness {
    one: f64,
    other: f64,
    /// How often the one waits longer than the other, of all pairs; 0.5 where time tells nothing.
    area: f64,
}

impl Likeness {
    fn of(one: &[f64], other: &[f64]) -> Self {
        Self {
            one: median(one.iter().copied()),
            other: median(other.iter().copied()),
            area: area(one, other),
        }
    }

    pub(super) fn passed(&self) -> bool {
        let apart = (self.one - self.other).abs();
        (apart <= 2.0 || apart <= self.one * 0.05) && (0.45..=0.55).contains(&self.area)
    }
}

impl fmt::Display for Likeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.1} and {:.1} ms (medians), at most 2 ms or 5 % apart, AUC {:.3}, 0.45 to 0.55: {}",
            self.one,
            self.other,
            self.area,
            verdict(self.passed())
        )
    }
}

/// The others sign in half as often as the machine can, given as how many it can in a second.
pub(super) fn measure(
    server: &Server,
    tries: usize,
    most: f64,
) -> anyhow::Result<Vec<(String, Likeness)>> {
    let between = Duration::from_secs_f64(2.0 / most);
    let mut found = compare(server, tries, "idle")?;
    let is_over = AtomicBool::new(false);
    let busy = thread::scope(|scope| {
        let others = scope.spawn(|| others(server, between, &is_over));
        let busy = compare(server, tries, "half loaded");
        is_over.store(true, Ordering::Relaxed);
        let others = others.join();
        others.unwrap_or_else(|_| bail!("the others panicked"))?;
        busy
    })?;
    found.extend(busy);
    Ok(found)
}

fn compare(server: &Server, tries: usize, when: &str) -> anyhow::Result<Vec<(String, Likeness)>> {
    let mut connection = Connection::open(server.address)?;
    let wrong = PASSWORD.to_uppercase();
    let mut sign_ins = Kind::ALL.map(|_| Vec::new());
    let mut resets = Kind::ALL.map(|_| Vec::new());
    for nth in 0..tries {
        // Nobody always comes first.
        for turn in 0..Kind::ALL.len() {
            let at = (turn + nth) % Kind::ALL.len();
            let kind = Kind::ALL.get(at).copied().context("a kind")?;
            let email = kind.email(nth);
            let (sign_ins, resets) = (sign_ins.get_mut(at), resets.get_mut(at));
            let took = timed(&mut connection, &sign_in(&email, &wrong))?;
            sign_ins.context("a kind")?.push(took);
            let took = timed(&mut connection, &forgot(&email))?;
            resets.context("a kind")?.push(took);
        }
    }
    let mut found = Vec::new();
    for (what, [member, rest @ ..]) in [("signing in", &sign_ins), ("forgot", &resets)] {
        for (kind, times) in Kind::ALL.into_iter().skip(1).zip(rest) {
            let name = format!(
                "{what}, {when}: {} and {}",
                Kind::Member.name(),
                kind.name()
            );
            found.push((name, Likeness::of(member, times)));
        }
    }
    Ok(found)
}

/// Milliseconds until an answer, whatever it is.
fn timed(connection: &mut Connection, request: &[u8]) -> anyhow::Result<f64> {
    let sent = Instant::now();
    let status = connection.send(request)?;
    if status >= 500 {
        bail!("answered {status} to who should have been heard");
    }
    Ok(sent.elapsed().as_secs_f64() * 1e3)
}

fn others(server: &Server, between: Duration, is_over: &AtomicBool) -> anyhow::Result<()> {
    thread::scope(|scope| {
        let run = |first: usize| {
            move || -> anyhow::Result<()> {
                let mut connection = Connection::open(server.address)?;
                let mut nth = first;
                let mut due = Instant::now() + between * u32::try_from(first)?;
                while !is_over.load(Ordering::Relaxed) {
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                    connection.send(&sign_in(&Kind::Member.email(nth), PASSWORD))?;
                    due += between * 8;
                    nth += 8;
                }
                Ok(())
            }
        };
        let threads: Vec<_> = (0..8).map(|first| scope.spawn(run(first))).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|_| bail!("a thread panicked"))
        };
        threads.into_iter().try_for_each(join)
    })
}

/// The area under the curve of Mann and Whitney; ties count half.
#[expect(clippy::cast_precision_loss, reason = "nobody tries 2^52 times")]
fn area(one: &[f64], other: &[f64]) -> f64 {
    let against = |a: f64| {
        let score = |b: &f64| match a.total_cmp(b) {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Less => 0.0,
        };
        other.iter().map(score).sum::<f64>()
    };
    let wins: f64 = one.iter().copied().map(against).sum();
    wins / (one.len() * other.len()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_is_alike_and_what_is_always_later_is_not() {
        let times: Vec<f64> = (0..100).map(f64::from).collect();
        assert!(Likeness::of(&times, &times).passed());
        let later: Vec<f64> = times.iter().map(|time| time + 100.0).collect();
        let found = Likeness::of(&later, &times);
        assert!((found.area - 1.0).abs() < 1e-9 && !found.passed());
    }

    #[test]
    fn a_shift_that_a_median_hides_shows_in_the_area() {
        let one = [10.0; 100];
        let mut other = [10.1; 100];
        other[0] = 9.0;
        assert!(!Likeness::of(&one, &other).passed());
    }
}
