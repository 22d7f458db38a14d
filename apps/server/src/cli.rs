//! The subcommands, and how each ends: 0 when all went well, 1 when something failed, 2 when the
//! operator must put something right first.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context;
use clap::{Args, Parser, Subcommand, ValueEnum};
use secrecy::ExposeSecret as _;
use tokio::{
    runtime,
    signal::unix::{Signal, SignalKind, signal},
};
use tollgate_billing::Complimentary;
use tollgate_primitives::{AccountId, EmailAddress, PlanKey};
use tollgate_use_cases::{
    App, Recipients, backfill_complimentary, ports::ReconcileJob, sync_plans,
};

#[cfg(feature = "dev")]
use crate::dev;
use crate::{
    config::{self, Config, ConfigInvalid, Variables},
    http, logging,
    node::{Node, NotNow, Role, Shell},
    reconcile, wiring,
};

/// Sign-up, reverse trials, billing, and the gate before a product.
///
/// Configured by environment variables and `.env`; docs/running.md lists them.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    #[cfg(feature = "dev")]
    #[command(subcommand)]
    command: Option<Command>,
    #[cfg(not(feature = "dev"))]
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything on this machine without any configuration (the default)
    #[cfg(feature = "dev")]
    Dev,
    /// Answer requests and run jobs
    Serve,
    /// Answer requests only
    Api,
    /// Run jobs only
    Worker,
    /// Bring the database's schema up to this release
    Migrate,
    /// Read products and prices from Stripe into the catalog
    SyncPlans {
        /// Say what would be written, and write nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Compare what is stored with Stripe, and mend what differs
    Reconcile {
        /// Only this one
        #[arg(long)]
        job: Option<Job>,
        /// Say what differs, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Give many accounts a plan for free; run again, it gives nobody anything twice
    BackfillComplimentary(Backfill),
    /// Print the API's description as JSON
    Openapi,
    /// Check the configuration and print what is in force, secrets hidden
    CheckConfig,
    /// Look after the private PostgreSQL of development mode
    #[cfg(feature = "dev")]
    #[command(subcommand)]
    Db(DbCommand),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Job {
    /// Purchases that have waited long
    Pending,
    /// Events that never arrived
    Events,
    /// Every subscription
    Sweep,
}

impl From<Job> for ReconcileJob {
    fn from(job: Job) -> Self {
        match job {
            Job::Pending => Self::Pending,
            Job::Events => Self::Events,
            Job::Sweep => Self::Sweep,
        }
    }
}

#[derive(Debug, Args)]
struct Backfill {
    /// The plan to give
    #[arg(long, value_parser = PlanKey::parse)]
    plan: PlanKey,
    /// Why, for the audit trail
    #[arg(long)]
    reason: String,
    /// Who gives it: the address of a platform operator
    #[arg(long, value_parser = EmailAddress::parse)]
    by: EmailAddress,
    /// A file with the id of one account in each line
    #[arg(required_unless_present = "all_free", conflicts_with = "all_free")]
    file: Option<PathBuf>,
    /// Everybody who has no subscription, or the free plan
    #[arg(long)]
    all_free: bool,
    /// Count whom it would be given, and write nothing
    #[arg(long)]
    dry_run: bool,
}

#[cfg(feature = "dev")]
#[derive(Debug, Subcommand)]
enum DbCommand {
    /// Stop it, in case a killed run has left it behind
    Stop,
}

/// Runs the program to its end.
#[must_use]
pub fn main(cli: Cli) -> ExitCode {
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(io::stderr(), "{error:#}");
            ExitCode::from(if must_be_put_right(&error) { 2 } else { 1 })
        }
    }
}

fn must_be_put_right(error: &anyhow::Error) -> bool {
    error.is::<ConfigInvalid>() || error.is::<NotNow>()
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let runtime = runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    let outcome = runtime.block_on(carry_out(cli));
    // A password that is still being hashed for nobody does not hold up the end.
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome
}

async fn carry_out(cli: Cli) -> anyhow::Result<ExitCode> {
    #[cfg(feature = "dev")]
    let command = cli.command.unwrap_or(Command::Dev);
    #[cfg(not(feature = "dev"))]
    let command = cli.command;
    let variables = Variables::of_process().context(".env")?;
    match command {
        #[cfg(feature = "dev")]
        Command::Dev => dev::run(variables).await?,
        Command::Serve => serve(&variables, Role::Serve).await?,
        Command::Api => serve(&variables, Role::Api).await?,
        Command::Worker => serve(&variables, Role::Worker).await?,
        Command::Migrate => migrate(&variables).await?,
        Command::SyncPlans { dry_run } => return sync(&variables, dry_run).await,
        Command::Reconcile { job, dry_run } => {
            let app = app_with_provider(&variables).await?;
            let one = job.map(|job| [ReconcileJob::from(job)]);
            let jobs = one.as_ref().map_or(&ReconcileJob::ALL[..], |job| job);
            return Ok(reconcile::run(&app, jobs, dry_run).await);
        }
        Command::BackfillComplimentary(backfill) => give(&variables, backfill).await?,
        Command::Openapi => print(&(serde_json::to_string_pretty(&http::openapi())? + "\n")),
        Command::CheckConfig => print(&Config::parse(&variables)?.in_force.to_string()),
        #[cfg(feature = "dev")]
        Command::Db(DbCommand::Stop) => dev::stop_database(&variables).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn serve(variables: &Variables, role: Role) -> anyhow::Result<()> {
    let config = Config::parse(variables)?;
    logging::start(&config.log);
    let mut stop = StopSignals::listen()?;
    let node = tokio::select! {
        node = Node::start(config, Shell::system(), role) => node?,
        () = stop.received() => return Ok(()),
    };
    tracing::info!(api = node.url(), ops = node.ops_url(), "started");
    stop.received().await;
    tracing::info!("stopping");
    node.stop().await;
    tracing::info!("stopped");
    Ok(())
}

async fn migrate(variables: &Variables) -> anyhow::Result<()> {
    let database_url = config::database_url(variables)?;
    logging::start(&config::log(variables));
    tollgate_migration::migrate(database_url.expose_secret()).await?;
    print("The database is up to date.\n");
    Ok(())
}

/// For commands that are of no use without Stripe.
async fn app_with_provider(variables: &Variables) -> anyhow::Result<App> {
    let config = Config::parse(variables)?;
    logging::start(&config.log);
    if config.stripe.is_none() {
        return Err(NotNow::NoProvider.into());
    }
    let store = wiring::connect(&config.database).await?;
    wiring::app(config, Shell::system(), store)
}

async fn sync(variables: &Variables, dry_run: bool) -> anyhow::Result<ExitCode> {
    let app = app_with_provider(variables).await?;
    let report = sync_plans(&app, dry_run).await?;
    for warning in &report.warnings {
        print(&format!("warning: {warning}\n"));
    }
    for missing in &report.missing {
        print(&format!("missing: {missing}\n"));
    }
    if !report.missing.is_empty() {
        print("Nothing was written.\n");
        return Ok(ExitCode::FAILURE);
    }
    let verb = if dry_run { "would be" } else { "is" };
    for offer in &report.offers {
        print(&format!(
            "{} {verb} sold as {}\n",
            offer.plan, offer.product
        ));
    }
    Ok(ExitCode::SUCCESS)
}

async fn give(variables: &Variables, backfill: Backfill) -> anyhow::Result<()> {
    let config = Config::parse(variables)?;
    logging::start(&config.log);
    let recipients = match &backfill.file {
        Some(file) => Recipients::These(accounts_in(file)?),
        None => Recipients::AllFree,
    };
    let store = wiring::connect(&config.database).await?;
    let app = wiring::app(config, Shell::system(), store)?;
    let actor = app.store.operator(&backfill.by).await?;
    let actor = actor.context("--by: no operator has this address")?;
    let given = Complimentary {
        plan: backfill.plan,
        reason: backfill.reason,
        ends_at: None,
    };
    let report = backfill_complimentary(&app, actor, &given, &recipients, backfill.dry_run).await?;
    let verb = if backfill.dry_run { "would get" } else { "got" };
    print(&format!(
        "{} accounts {verb} {}; {} were complimentary before, {} are unknown\n",
        report.granted, given.plan, report.skipped, report.unknown
    ));
    Ok(())
}

fn accounts_in(file: &Path) -> anyhow::Result<Vec<AccountId>> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            line.parse()
                .with_context(|| format!("{line} is no account's id"))
        })
        .collect()
}

/// A reader that went away is no reason to fail.
pub(crate) fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// The orders to stop: SIGTERM and Ctrl-C. From the moment it listens, neither kills the process.
pub(crate) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("listening for signals");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    pub(crate) async fn received(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_wrong_configuration_ends_with_two_and_a_failure_with_one() {
        let invalid = anyhow::Error::from(ConfigInvalid::default()).context("while starting");
        assert!(must_be_put_right(&invalid));
        assert!(must_be_put_right(&NotNow::NoProvider.into()));
        assert!(!must_be_put_right(&anyhow::anyhow!("out of order")));
    }
}
