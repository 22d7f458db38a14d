//! Every subscription is compared with the provider's list, twice: once some differ and are mended, then
//! none does. By `tollgate reconcile` as an operator runs it, in a process of its own.

use std::{
    env, fmt,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use clap::Args;
use sqlx::{Connection as _, PgConnection};
use tokio::runtime::Runtime;
use tollgate::node::Shell;

use crate::{
    build_directory,
    database::{self, Postgres},
    provider::{Provider, Subscriptions},
    report::{print, verdict},
    server::resident,
    subject::settings,
};

/// Questions that the provider may be asked within a second.
const ALLOWED: u64 = 80;

/// Of resident memory, between the first tenth of a run and its most.
const GROWTH_ALLOWED: u64 = 8 * 1024;

const DAY: i64 = 24 * 60 * 60;

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[arg(long, default_value_t = 300_000)]
    subscriptions: u64,
    /// How many of them differ at first
    #[arg(long, default_value_t = 300)]
    differing: u64,
    /// How long the provider takes for each answer
    #[arg(long, default_value_t = 50)]
    answer_milliseconds: u64,
}

#[derive(Debug)]
struct Round {
    took: Duration,
    /// What the program said last.
    said: String,
    asked: usize,
    asked_within_a_second: usize,
    /// Resident KiB after a tenth of the run, and the most.
    memory: (u64, u64),
    /// Subscriptions that were written, and audit rows.
    written: (i64, i64),
}

#[derive(Debug)]
pub(crate) struct Report {
    subscriptions: u64,
    differing: u64,
    mending: Round,
    converged: Round,
}

impl Report {
    fn pages(&self) -> u64 {
        self.subscriptions.div_ceil(100)
    }

    fn is_right(&self, round: &Round, differing: u64) -> bool {
        let expected = format!(
            "{} checked, {differing} differ, {differing} mended, 0 failed, {} calls; done",
            self.subscriptions,
            self.pages() + differing
        );
        let differing = i64::try_from(differing).unwrap_or(i64::MAX);
        round.said.contains(&expected) && round.written == (differing, differing)
    }

    fn verdicts(&self) -> [bool; 4] {
        let rounds = [&self.mending, &self.converged];
        [
            self.is_right(&self.mending, self.differing),
            self.is_right(&self.converged, 0),
            rounds
                .iter()
                .all(|round| round.asked_within_a_second as u64 <= ALLOWED),
            rounds.iter().all(|round| {
                let (early, most) = round.memory;
                most.saturating_sub(early) <= GROWTH_ALLOWED
            }),
        ]
    }

    pub(crate) fn passed(&self) -> bool {
        self.verdicts().iter().all(|is_reached| *is_reached)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [mended, converged, allowance, memory] = self.verdicts().map(verdict);
        writeln!(f, "\n{} subscriptions", self.subscriptions)?;
        for (round, verdict) in [(&self.mending, mended), (&self.converged, converged)] {
            let (early, most) = round.memory;
            writeln!(f, "{}", round.said)?;
            writeln!(
                f,
                "  in {:.0} s, {} questions, {} at most within a second, {} MiB resident after a \
                 tenth and {} at most, {} subscriptions and {} audit rows written: {verdict}",
                round.took.as_secs_f64(),
                round.asked,
                round.asked_within_a_second,
                early / 1024,
                most / 1024,
                round.written.0,
                round.written.1,
            )?;
        }
        writeln!(
            f,
            "at most {ALLOWED} questions within a second: {allowance}"
        )?;
        writeln!(
            f,
            "at most {} MiB more than after a tenth: {memory}",
            GROWTH_ALLOWED / 1024
        )
    }
}

pub(crate) fn measure(options: &Options) -> anyhow::Result<Report> {
    let postgres = Postgres::start(&build_directory()?.join("bench-postgres"))?;
    let runtime = Runtime::new().context("starting the runtime")?;
    print("the accounts are made\n");
    let start = Shell::system().clock.now().unix_seconds() - 10 * DAY;
    let period = (start, start + 30 * DAY);
    runtime.block_on(prepare(&postgres, options.subscriptions, period))?;
    let subscriptions = Subscriptions {
        count: options.subscriptions,
        differing: options.differing,
        period,
        answer_takes: Duration::from_millis(options.answer_milliseconds),
    };
    print("some differ\n");
    let mending = run(&runtime, &postgres, subscriptions.clone())?;
    print("none differs any more\n");
    let converged = run(&runtime, &postgres, subscriptions)?;
    Ok(Report {
        subscriptions: options.subscriptions,
        differing: options.differing,
        mending,
        converged,
    })
}

/// So many accounts that pay, with periods of whole seconds, as a provider counts.
async fn prepare(
    postgres: &Postgres,
    accounts: u64,
    (start, end): (i64, i64),
) -> anyhow::Result<()> {
    database::prepare_for(postgres, accounts).await?;
    let mut connection = PgConnection::connect(&postgres.url()).await?;
    sqlx::query(
        "UPDATE subscriptions SET current_period_start = to_timestamp($1),
             current_period_end = to_timestamp($2)",
    )
    .bind(start)
    .bind(end)
    .execute(&mut connection)
    .await?;
    sqlx::raw_sql("VACUUM ANALYZE")
        .execute(&mut connection)
        .await?;
    Ok(())
}

fn run(
    runtime: &Runtime,
    postgres: &Postgres,
    subscriptions: Subscriptions,
) -> anyhow::Result<Round> {
    let before = runtime.block_on(written(postgres))?;
    let provider = runtime.block_on(async { Provider::start(subscriptions) })?;
    let started = Instant::now();
    let (said, memory) = reconcile(postgres, &provider)?;
    let took = started.elapsed();
    let (asked, asked_within_a_second) = provider.asked();
    runtime.block_on(provider.handle.stop(true));
    let after = runtime.block_on(written(postgres))?;
    Ok(Round {
        took,
        said,
        asked,
        asked_within_a_second,
        memory,
        written: (after.0 - before.0, after.1 - before.1),
    })
}

/// How often subscriptions were written, and how many audit rows there are.
async fn written(postgres: &Postgres) -> anyhow::Result<(i64, i64)> {
    const WRITTEN: &str = "SELECT (SELECT sum(version)::bigint FROM subscriptions), \
        (SELECT count(*) FROM audit_log)";
    let mut connection = PgConnection::connect(&postgres.url()).await?;
    Ok(sqlx::query_as(WRITTEN).fetch_one(&mut connection).await?)
}

/// What it said last, and its memory.
fn reconcile(postgres: &Postgres, provider: &Provider) -> anyhow::Result<(String, (u64, u64))> {
    let program = env::current_exe()?.with_file_name("tollgate");
    let changes = [
        ("STRIPE_API_BASE", format!("http://{}", provider.address)),
        ("STRIPE_CALLS_PER_SECOND", ALLOWED.to_string()),
        ("RECONCILE_CALLS_PER_MINUTE", (60 * ALLOWED).to_string()),
        ("RUST_LOG", "warn".to_owned()),
    ];
    let child = Command::new(program)
        .args(["reconcile", "--job", "sweep"])
        .env_clear()
        .envs(settings(postgres.url()))
        .envs(changes)
        .stdout(Stdio::piped())
        .spawn()
        .context("starting `tollgate reconcile`")?;
    let watch = sample(child.id());
    let output = child.wait_with_output()?;
    let samples = watch.join().unwrap_or_default();
    ensure!(!samples.is_empty(), "its memory was never seen");
    let early = samples.get(samples.len() / 10).copied().unwrap_or_default();
    let most = samples.iter().copied().max().unwrap_or_default();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let last = said.lines().rfind(|line| line.starts_with("sweep:"));
    Ok((last.unwrap_or("nothing").to_owned(), (early, most)))
}

/// Resident KiB of a process, five times a second until it ends.
fn sample(process: u32) -> thread::JoinHandle<Vec<u64>> {
    thread::spawn(move || {
        let mut samples = Vec::new();
        while let Some(resident) = resident(process) {
            samples.push(resident);
            thread::sleep(Duration::from_millis(200));
        }
        samples
    })
}
