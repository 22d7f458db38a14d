//! Far more sign-ins than the machine can hash, begun at fixed moments however long they take, while
//! others ask what they always ask.

use std::{
    fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};

use super::{
    Options,
    people::{Kind, PASSWORD, sign_in, token},
};
use crate::{
    load::{Connection, rank},
    report::verdict,
    server::Server,
    subject::get,
};

/// Sign-ins under way at once; far more than are hashed or wait.
const CONNECTIONS: usize = 64;

/// Between two questions of each other kind.
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(20);

const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub(super) struct Storm {
    begun: usize,
    let_in: usize,
    /// From the planned moment until a 503 was read.
    refused: Vec<Duration>,
    gate: Vec<Duration>,
    state: Vec<Duration>,
    /// KiB above what was held before.
    grown: u64,
    recovered: Duration,
}

impl Storm {
    fn verdicts(&self) -> [bool; 5] {
        [
            rank(&self.refused, 99) <= 50.0,
            rank(&self.gate, 99) <= 100.0,
            rank(&self.state, 99) <= 100.0,
            self.grown <= 64 * 1024,
            self.recovered <= Duration::from_secs(5),
        ]
    }

    pub(super) fn passed(&self) -> bool {
        self.verdicts().iter().all(|is_reached| *is_reached)
    }
}

impl fmt::Display for Storm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [refused, gate, state, memory, recovered] = self.verdicts().map(verdict);
        writeln!(
            f,
            "storm: {} sign-ins begun, {} let in, {} told to come back",
            self.begun,
            self.let_in,
            self.refused.len()
        )?;
        for (what, times, most, verdict) in [
            ("told to come back", &self.refused, 50, refused),
            ("GET /gate meanwhile", &self.gate, 100, gate),
            ("GET /billing/state meanwhile", &self.state, 100, state),
        ] {
            writeln!(
                f,
                "{what}: {:.1} ms (p50), {:.1} ms (p99), at most {most}: {verdict}",
                rank(times, 50),
                rank(times, 99)
            )?;
        }
        writeln!(
            f,
            "memory: {:.1} MiB above idle, at most 64: {memory}",
            f64::from(u32::try_from(self.grown).unwrap_or(u32::MAX)) / 1024.0
        )?;
        writeln!(
            f,
            "signed in again {:.1} s after it, at most 5: {recovered}",
            self.recovered.as_secs_f64()
        )
    }
}

pub(super) fn measure(server: &Server, options: &Options) -> anyhow::Result<Storm> {
    let tokens =
        Connection::open(server.address)?.ask(&sign_in("owner10@example.com", PASSWORD))?;
    let token = token(&tokens, "access_token")?;
    let question = |path| get(path, &format!("authorization: Bearer {token}\r\n"));
    let (gate, state) = (question("/api/v1/gate"), question("/api/v1/billing/state"));
    let idle = server.resident().context("reading the memory")?;
    let (is_over, peak) = (AtomicBool::new(false), AtomicU64::new(idle));
    let ((begun, let_in, refused), gate, state) = thread::scope(|scope| {
        let gate = scope.spawn(|| ask_again(server, &gate, &is_over));
        let state = scope.spawn(|| ask_again(server, &state, &is_over));
        let memory = scope.spawn(|| watch(server, &peak, &is_over));
        let stormed = storm(server, options);
        is_over.store(true, Ordering::Relaxed);
        let panicked = || anyhow::anyhow!("a thread panicked");
        memory.join().map_err(|_| panicked())?;
        let gate = gate.join().map_err(|_| panicked())??;
        let state = state.join().map_err(|_| panicked())??;
        anyhow::Ok((stormed?, gate, state))
    })?;
    let ended = Instant::now();
    let request = sign_in(&Kind::Member.email(0), PASSWORD);
    // Anew each time: a connection that was idle for long is closed.
    while Connection::open(server.address)?.send(&request)? != 200 {
        ensure!(ended.elapsed() < PATIENCE, "nobody gets in any more");
        thread::sleep(BETWEEN_QUESTIONS);
    }
    Ok(Storm {
        begun,
        let_in,
        refused,
        gate,
        state,
        grown: peak.load(Ordering::Relaxed).saturating_sub(idle),
        recovered: ended.elapsed(),
    })
}

/// How many were begun and let in, and how long the others waited to be told.
fn storm(server: &Server, options: &Options) -> anyhow::Result<(usize, usize, Vec<Duration>)> {
    let planned = options.storm_rate * options.storm_seconds;
    let (next, started) = (AtomicU64::new(0), Instant::now());
    let answers = Mutex::new((0, Vec::new()));
    let run = || -> anyhow::Result<()> {
        let mut connection = Connection::open(server.address)?;
        loop {
            let nth = next.fetch_add(1, Ordering::Relaxed);
            if nth >= planned {
                return Ok(());
            }
            let due = started + Duration::from_nanos(nth * 1_000_000_000 / options.storm_rate);
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let email = Kind::Member.email(usize::try_from(nth)?);
            let status = connection.send(&sign_in(&email, PASSWORD))?;
            let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
            match status {
                200 => answers.0 += 1,
                503 => answers.1.push(due.elapsed()),
                other => bail!("the storm was answered {other}"),
            }
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(run)).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|_| bail!("a thread panicked"))
        };
        threads.into_iter().try_for_each(join)
    })?;
    let (let_in, refused) = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok((usize::try_from(planned)?, let_in, refused))
}

fn ask_again(
    server: &Server,
    question: &[u8],
    is_over: &AtomicBool,
) -> anyhow::Result<Vec<Duration>> {
    let mut connection = Connection::open(server.address)?;
    let mut latencies = Vec::new();
    let mut due = Instant::now();
    while !is_over.load(Ordering::Relaxed) {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        connection.exchange(question)?;
        latencies.push(due.elapsed());
        due += BETWEEN_QUESTIONS;
    }
    Ok(latencies)
}

fn watch(server: &Server, peak: &AtomicU64, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        let held = server.resident().unwrap_or_default();
        peak.fetch_max(held, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(100));
    }
}
