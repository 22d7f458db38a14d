//! Measures the API over HTTP against what the same framework and the same database do without it:
//! all cases in one run, in turns, as ratios. What is measured and why: docs/performance.md.

mod baseline;
mod case;
mod database;
mod deliveries;
mod flood;
mod identity;
mod load;
mod memory;
mod provider;
mod report;
mod server;
mod storm;
mod subject;
mod sweep;

use std::{env, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context;
use clap::{Parser, Subcommand};
use tokio::runtime::Runtime;
use tracing_subscriber::EnvFilter;

use crate::{
    case::Case,
    database::Postgres,
    load::{Measured, Order},
    report::Report,
    subject::Subject,
};

/// Compares the API with its baselines.
#[derive(Debug, Parser)]
struct Options {
    #[command(subcommand)]
    command: Option<Command>,
    /// How often each case takes its turn
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// How many seconds a turn lasts
    #[arg(long, default_value_t = 2)]
    seconds: u64,
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// What the server logs, to standard error
    #[arg(long, default_value = "warn")]
    log: String,
    /// Fail when a target is missed
    #[arg(long)]
    strict: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Deliver ten thousand events in no order, a fifth of them twice, until all that follows is done
    Storm(storm::Options),
    /// Compare 300,000 subscriptions with the provider's list, within its allowance and in no more memory
    Sweep(sweep::Options),
    /// Deliver two thousand forged events a second among real ones
    Flood(flood::Options),
    /// Sign people in: how many, in a storm, and whether the time tells who is known
    Identity(identity::Options),
    /// Send the requests on standard input, as the benchmark tells a child process of its own
    #[command(hide = true)]
    Load(Order),
}

fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    let (report, passed) = match &options.command {
        Some(Command::Load(order)) => {
            load::send_standard_input(order)?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(Command::Storm(storm)) => {
            log(&options.log)?;
            let report = storm::measure(storm)?;
            (report.to_string(), report.passed())
        }
        Some(Command::Sweep(sweep)) => {
            log(&options.log)?;
            let report = sweep::measure(sweep)?;
            (report.to_string(), report.passed())
        }
        Some(Command::Flood(flood)) => {
            log(&options.log)?;
            let report = flood::measure(flood)?;
            (report.to_string(), report.passed())
        }
        Some(Command::Identity(identity)) => {
            log(&options.log)?;
            let report = identity::measure(identity)?;
            (report.to_string(), report.passed())
        }
        None => {
            log(&options.log)?;
            let report = measure(&options)?;
            (report.to_string(), report.passed())
        }
    };
    report::print(&report);
    Ok(if options.strict && !passed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// In the format of production, so that a line costs what it costs there.
fn log(filter: &str) -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(EnvFilter::try_new(filter).context("--log")?)
        .with_writer(std::io::stderr)
        .init();
    Ok(())
}

fn measure(options: &Options) -> anyhow::Result<Report> {
    let postgres = Postgres::start(&build_directory()?.join("bench-postgres"))?;
    let runtime = Runtime::new().context("starting the runtime")?;
    runtime.block_on(database::prepare(&postgres))?;
    let mut subject = runtime.block_on(Subject::start(&postgres))?;
    let mut take_turn = |case, seconds| {
        let length = Duration::from_secs(seconds);
        turn(&runtime, &mut subject, case, length, options.connections)
    };
    // Connections, caches and prepared statements are there before anything counts.
    for case in Case::ALL {
        take_turn(case, 1)?;
    }
    let mut report = Report::default();
    for round in 1..=options.rounds {
        report::print(&format!("round {round} of {}\n", options.rounds));
        for case in Case::ALL {
            report.add(case, take_turn(case, options.seconds)?);
        }
    }
    runtime.block_on(database::every_delivery_applied(&postgres))?;
    runtime.block_on(subject.stop());
    report.idle_memory = memory::of_idle_server(&postgres)?;
    Ok(report)
}

fn turn(
    runtime: &Runtime,
    subject: &mut Subject,
    case: Case,
    length: Duration,
    connections: usize,
) -> anyhow::Result<Measured> {
    let requests = subject.requests(case, length);
    // What an earlier turn left to be written is not this one's to wait for.
    runtime.block_on(subject.settle())?;
    let order = Order {
        address: subject.address(case),
        seconds: length.as_secs(),
        connections,
        once: case.is_delivery(),
    };
    load::in_child(&order, &requests).with_context(|| format!("measuring {}", case.name()))
}

/// Cargo's target directory, in which this program lies.
pub(crate) fn build_directory() -> anyhow::Result<PathBuf> {
    let program = env::current_exe().context("finding this program")?;
    let directory = program.ancestors().nth(2).context("leaving the profile")?;
    Ok(directory.to_owned())
}
