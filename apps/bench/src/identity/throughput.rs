//! Sign-ins a second, as a share of what the machine hashes when it does nothing else.

use std::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

use super::{
    Options,
    people::{Kind, PASSWORD, sign_in},
};
use crate::{
    load::Connection,
    report::{median, print, verdict},
    server::Server,
};

#[derive(Debug)]
pub(super) struct Throughput {
    /// Of each round: sign-ins, and bare hashes, a second.
    rounds: Vec<(f64, f64)>,
}

impl Throughput {
    /// Sign-ins.
    pub(super) fn per_second(&self) -> f64 {
        median(self.rounds.iter().map(|(sign_ins, _)| *sign_ins))
    }

    fn share(&self) -> f64 {
        median(
            self.rounds
                .iter()
                .map(|(sign_ins, hashes)| sign_ins / hashes),
        )
    }

    pub(super) fn passed(&self) -> bool {
        self.share() >= 0.95
    }
}

impl fmt::Display for Throughput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "sign-ins: {:.1} a second, of {:.1} bare hashes {:.1} %, at least 95: {}",
            median(self.rounds.iter().map(|(sign_ins, _)| *sign_ins)),
            median(self.rounds.iter().map(|(_, hashes)| *hashes)),
            self.share() * 100.0,
            verdict(self.passed())
        )
    }
}

pub(super) fn measure(server: &Server, options: &Options) -> anyhow::Result<Throughput> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut rounds = Vec::new();
    for round in 1..=options.rounds {
        print(&format!("round {round} of {}\n", options.rounds));
        let length = Duration::from_secs(options.seconds);
        let hashes = many(cores, length, |(): &mut ()| {
            let _ = std::hint::black_box(bcrypt::hash(PASSWORD, options.cost)?);
            Ok(())
        })?;
        // One waits for each that is hashed, so that no worker ever does.
        let sign_ins = sign_ins(server, cores * 2, length)?;
        rounds.push((sign_ins, hashes));
    }
    Ok(Throughput { rounds })
}

fn sign_ins(server: &Server, connections: usize, length: Duration) -> anyhow::Result<f64> {
    let next = AtomicUsize::new(0);
    many(
        connections,
        length,
        |connection: &mut Option<Connection>| {
            let nth = next.fetch_add(1, Ordering::Relaxed);
            let request = sign_in(&Kind::Member.email(nth), PASSWORD);
            let connection = match connection {
                Some(connection) => connection,
                None => connection.insert(Connection::open(server.address)?),
            };
            connection.exchange(&request)
        },
    )
}

/// How often a second `work` is done by so many threads, each with what it keeps for itself.
#[expect(
    clippy::cast_precision_loss,
    reason = "nobody counts to 2^52 in seconds"
)]
fn many<T: Default>(
    threads: usize,
    length: Duration,
    work: impl Fn(&mut T) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<f64> {
    let started = Instant::now();
    let run = || -> anyhow::Result<usize> {
        let mut own = T::default();
        let mut done = 0;
        while started.elapsed() < length {
            work(&mut own)?;
            done += 1;
        }
        Ok(done)
    };
    let done = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|_| bail!("a thread panicked"))
        };
        threads.into_iter().map(join).sum::<Result<usize, _>>()
    })
    .context("signing in")?;
    Ok(done as f64 / started.elapsed().as_secs_f64())
}
