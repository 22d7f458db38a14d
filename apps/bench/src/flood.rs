//! Events that nobody signed, at fixed moments however long they take, while real ones come as always.

use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use clap::Args;
use tokio::runtime::Runtime;
use tollgate::system::SystemClock;
use tollgate_use_cases::ports::Clock as _;

use crate::{
    build_directory,
    database::{self, Postgres},
    deliveries::Deliveries,
    load::{Connection, rank},
    report::{print, verdict},
    server::Server,
    subject::signed,
};

const SECONDS: usize = 10;
const FORGED_PER_SECOND: usize = 2_000;
const REAL_PER_SECOND: usize = 200;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many connections forged events come over
    #[arg(long, default_value_t = 32)]
    connections: usize,
}

#[derive(Debug)]
pub(crate) struct Report {
    /// Of the server's CPU, for each forged event when there is nothing else.
    cost: Duration,
    told: usize,
    told_to_wait: usize,
    /// From the planned moment until the answer was read.
    real: Vec<Duration>,
}

impl Report {
    fn verdicts(&self) -> [bool; 2] {
        [
            self.cost <= Duration::from_micros(200),
            rank(&self.real, 99) <= 250.0,
        ]
    }

    pub(crate) fn passed(&self) -> bool {
        self.verdicts().iter().all(|is_reached| *is_reached)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [cost, real] = self.verdicts().map(verdict);
        writeln!(
            f,
            "\n{} forged events in {SECONDS} s: {} told that the signature is wrong, {} to wait",
            self.told + self.told_to_wait,
            self.told,
            self.told_to_wait
        )?;
        writeln!(
            f,
            "a forged event: {:.3} ms of the server's CPU, at most 0.2: {cost}",
            self.cost.as_secs_f64() * 1e3
        )?;
        writeln!(
            f,
            "{} real ones meanwhile, each applied: {:.1} ms (p50), {:.1} ms (p99), at most 250: {real}",
            self.real.len(),
            rank(&self.real, 50),
            rank(&self.real, 99)
        )
    }
}

pub(crate) fn measure(options: &Options) -> anyhow::Result<Report> {
    let postgres = Postgres::start(&build_directory()?.join("bench-postgres"))?;
    let runtime = Runtime::new().context("starting the runtime")?;
    runtime.block_on(database::prepare(&postgres))?;
    let strict = ("RATE_LIMITS", "strict".to_owned());
    let server = Server::start(&postgres, &[strict])?;
    let server = server.context("build the program beside this one: cargo build --release")?;
    let now = SystemClock.now();
    let mut deliveries = Deliveries::new(now);
    let mut take = |count| -> Vec<_> {
        let deliveries = deliveries.by_ref().take(count);
        deliveries
            .map(|delivery| signed(&delivery.body, now))
            .collect()
    };
    let real = take(SECONDS * REAL_PER_SECOND);
    let forged: Vec<_> = take(1_000).into_iter().map(forge).collect();
    let forged: Vec<_> = forged
        .iter()
        .cycle()
        .take(SECONDS * FORGED_PER_SECOND)
        .collect();
    print("forged events alone, as fast as they are answered\n");
    let cost = cost(&server, options, &forged)?;
    print("forged events and real ones\n");
    let real: Vec<_> = real.iter().collect();
    let (answers, real) = thread::scope(|scope| {
        let send_forged = || {
            send(
                server.address,
                options.connections,
                &forged,
                FORGED_PER_SECOND,
            )
        };
        let flood = scope.spawn(send_forged);
        let real = send(server.address, 8, &real, REAL_PER_SECOND);
        let flood = flood.join().unwrap_or_else(|_| bail!("a thread panicked"));
        anyhow::Ok((flood?, real?))
    })?;
    ensure!(
        real.iter().all(|(status, _)| *status == 200),
        "a real event was refused"
    );
    runtime.block_on(database::every_delivery_applied(&postgres))?;
    let with = |wanted| {
        let answers = answers.iter().filter(|(status, _)| *status == wanted);
        answers.count()
    };
    let (told, told_to_wait) = (with(400), with(429));
    ensure!(
        told + told_to_wait == answers.len(),
        "a forged event was not refused"
    );
    Ok(Report {
        cost,
        told,
        told_to_wait,
        real: real.into_iter().map(|(_, took)| took).collect(),
    })
}

/// As it was signed, but for the last byte.
fn forge(mut request: Vec<u8>) -> Vec<u8> {
    request.pop();
    request.push(b' ');
    request
}

/// Of the server's CPU, for each.
fn cost(server: &Server, options: &Options, forged: &[&Vec<u8>]) -> anyhow::Result<Duration> {
    let before = server.cpu().context("reading the CPU time")?;
    send(server.address, options.connections, forged, usize::MAX)?;
    let after = server.cpu().context("reading the CPU time")?;
    Ok(after.saturating_sub(before) / u32::try_from(forged.len())?)
}

/// The status of each, and how long after its moment it was answered.
fn send(
    address: SocketAddr,
    connections: usize,
    requests: &[&Vec<u8>],
    per_second: usize,
) -> anyhow::Result<Vec<(u16, Duration)>> {
    let (next, started) = (AtomicUsize::new(0), Instant::now());
    let answers = Mutex::new(Vec::with_capacity(requests.len()));
    let run = || -> anyhow::Result<()> {
        let mut connection = Connection::open(address)?;
        loop {
            let nth = next.fetch_add(1, Ordering::Relaxed);
            let Some(request) = requests.get(nth) else {
                return Ok(());
            };
            let millis = u64::try_from(nth.saturating_mul(1_000) / per_second)?;
            let due = started + Duration::from_millis(millis);
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let status = connection.send(request)?;
            let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
            answers.push((status, due.elapsed()));
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..connections).map(|_| scope.spawn(run)).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|_| bail!("a thread panicked")))
    })?;
    Ok(answers.into_inner().unwrap_or_else(PoisonError::into_inner))
}
