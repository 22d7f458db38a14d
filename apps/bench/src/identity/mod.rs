//! What signing in costs, whom a storm of it holds up, and whether its time tells who is known here:
//! asked of `tollgate serve`, a process of its own as production runs it.

mod likeness;
mod people;
mod refresh;
mod storm;
mod throughput;

use std::{fmt, fs};

use anyhow::Context;
use clap::Args;
use tokio::runtime::Runtime;

use crate::{
    build_directory,
    database::{self, Postgres},
    load::Measured,
    report::{print, verdict},
    server::Server,
};
use likeness::Likeness;
use storm::Storm;
use throughput::Throughput;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// bcrypt's, as it would be configured
    #[arg(long, default_value_t = 12)]
    cost: u32,
    /// How often sign-ins and bare hashes take turns
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How many seconds a turn lasts
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How many seconds the storm lasts
    #[arg(long, default_value_t = 60)]
    storm_seconds: u64,
    /// Sign-ins that the storm begins in a second
    #[arg(long, default_value_t = 300)]
    storm_rate: u64,
    /// How often each kind of person is tried
    #[arg(long, default_value_t = 500)]
    tries: usize,
}

#[derive(Debug)]
pub(crate) struct Report {
    cost: u32,
    load: [String; 2],
    throughput: Throughput,
    storm: Storm,
    alike: Vec<(String, Likeness)>,
    refresh: Measured,
}

pub(crate) fn measure(options: &Options) -> anyhow::Result<Report> {
    let before = load_average()?;
    let postgres = Postgres::start(&build_directory()?.join("bench-postgres"))?;
    let runtime = Runtime::new().context("starting the runtime")?;
    runtime.block_on(database::prepare(&postgres))?;
    let cost = ("BCRYPT_COST", options.cost.to_string());
    let server = Server::start(&postgres, &[cost])?;
    let server = server.context("build the program beside this one: cargo build --release")?;
    runtime.block_on(people::prepare(&postgres, &server))?;
    print("sign-ins and bare hashes take turns\n");
    let throughput = throughput::measure(&server, options)?;
    print(&format!("{throughput}refresh tokens are rotated\n"));
    let refresh = refresh::measure(&server, options.seconds)?;
    print("strangers and members are tried\n");
    let alike = likeness::measure(&server, options.tries, throughput.per_second())?;
    // Last, and on a fresh process: what it leaves behind is measured by itself.
    drop(server);
    let cost = ("BCRYPT_COST", options.cost.to_string());
    let server = Server::start(&postgres, &[cost])?.context("starting anew")?;
    print("the storm\n");
    let storm = storm::measure(&server, options)?;
    Ok(Report {
        cost: options.cost,
        load: [before, load_average()?],
        throughput,
        storm,
        alike,
        refresh,
    })
}

/// Of the last minute, the last five and fifteen, as the system tells it.
fn load_average() -> anyhow::Result<String> {
    let text = fs::read_to_string("/proc/loadavg").context("reading the load average")?;
    let figures: Vec<_> = text.split(' ').take(3).collect();
    Ok(figures.join(" "))
}

impl Report {
    pub(crate) fn passed(&self) -> bool {
        self.throughput.passed()
            && self.storm.passed()
            && self.alike.iter().all(|(_, alike)| alike.passed())
            && self.refreshed()
    }

    fn refreshed(&self) -> bool {
        self.refresh.per_second >= 600.0 && self.refresh.slowest_percent <= 50.0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [before, after] = &self.load;
        writeln!(
            f,
            "\nbcrypt at cost {}; load average {before} before, {after} after",
            self.cost
        )?;
        write!(f, "{}{}", self.throughput, self.storm)?;
        writeln!(
            f,
            "refreshes: {:.0} a second, at least 600, {:.1} ms (p50), {:.1} ms (p99), at most 50: {}",
            self.refresh.per_second,
            self.refresh.median,
            self.refresh.slowest_percent,
            verdict(self.refreshed())
        )?;
        for (what, alike) in &self.alike {
            writeln!(f, "{what}: {alike}")?;
        }
        Ok(())
    }
}
