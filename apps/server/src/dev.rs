//! Development mode: everything that Tollgate needs, on this machine, without configuration. A
//! `PostgreSQL` of its own, a stand-in for Stripe, an inbox, secrets and an operator; what is set in
//! the environment wins over each of them. Loopback only, and refused in production.

mod database;
mod operator;
mod place;
mod ports;
mod product;
mod secrets;
mod stand_ins;

use std::path::{Path, PathBuf};

use anyhow::Context;
use tollgate_use_cases::{App, sync_plans};

use crate::{
    cli::{StopSignals, print},
    config::{self, Config, Variables},
    logging,
    node::{Node, NotNow, Role, Shell},
};

use operator::Operator;
use place::{Place, Running};
use ports::Ports;
use secrets::Secrets;
use stand_ins::StandIns;

/// Runs until it is told to stop, and leaves nothing of its own running.
pub(crate) async fn run(mut variables: Variables) -> anyhow::Result<()> {
    if variables.get("TOLLGATE_ENV") == Some("production") {
        return Err(NotNow::DevelopmentInProduction.into());
    }
    variables.set_default("TOLLGATE_ENV", "development");
    variables.set_default("LOG_FORMAT", "pretty");
    variables.set_default("RATE_LIMITS", "wide");
    logging::start(&config::log(&variables));
    let place = Place::claim(&directory(&variables)?)?;
    let mut stop = StopSignals::listen()?;
    let started = tokio::select! {
        started = start(&place, variables) => started.map(Some),
        () = stop.received() => Ok(None),
    };
    let outcome = match started {
        Ok(Some((node, stand_ins))) => {
            stop.received().await;
            print("\nStopping.\n");
            node.stop().await;
            stand_ins.stop().await;
            Ok(())
        }
        // Told to stop before it had started.
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    place.withdraw();
    database::stop(place.directory()).await?;
    outcome
}

/// Stops the private `PostgreSQL`, unless development mode is using it.
pub(crate) async fn stop_database(variables: &Variables) -> anyhow::Result<()> {
    let place = Place::claim(&directory(variables)?)?;
    database::stop(place.directory()).await?;
    print("The private PostgreSQL is stopped.\n");
    Ok(())
}

fn directory(variables: &Variables) -> anyhow::Result<PathBuf> {
    let directory = variables.get("TOLLGATE_DEV_DIR").unwrap_or(".tollgate");
    std::path::absolute(directory).context("TOLLGATE_DEV_DIR")
}

async fn start(place: &Place, mut variables: Variables) -> anyhow::Result<(Node, StandIns)> {
    database::start(place.directory(), &mut variables).await?;
    let secrets = Secrets::of(place)?;
    secrets.set_defaults(&mut variables);
    let ports = Ports::free()?;
    set_addresses(ports, &mut variables);
    let stand_ins = StandIns::start(place, &secrets, ports, &mut variables).await?;
    let config = Config::parse(&variables)?;
    let node = Node::start(config, Shell::system(), Role::Serve).await?;
    fill_catalog(node.app()).await;
    let operator = operator::ensure(node.app(), &secrets).await?;
    let running = running(&node, &stand_ins, &variables, operator);
    place.announce(&running)?;
    print(&greeting(&running, place.directory()));
    Ok((node, stand_ins))
}

fn set_addresses(ports: Ports, variables: &mut Variables) {
    variables.set_default("BIND", ports.api.to_string());
    variables.set_default("OPS_BIND", ports.ops.to_string());
    let api = format!("http://{}", variables.get("BIND").unwrap_or_default());
    variables.set_default("PUBLIC_URL", api);
    variables.set_default("FROM_EMAIL", "tollgate@tollgate.localhost");
}

/// Plans get their prices. Without them everything but buying works, so a failure is only told.
async fn fill_catalog(app: &App) {
    match sync_plans(app, false).await {
        Ok(report) => {
            for missing in report.missing {
                tracing::warn!(missing, "the plans have no prices");
            }
        }
        Err(error) => {
            let error = anyhow::Error::from(error);
            tracing::warn!("the plans have no prices: {error:#}");
        }
    }
}

fn running(
    node: &Node,
    stand_ins: &StandIns,
    variables: &Variables,
    operator: Operator,
) -> Running {
    let api = node.url().unwrap_or_default();
    let set = |key| variables.get(key).unwrap_or_default().to_owned();
    Running {
        docs: format!("{api}/docs/"),
        api,
        ops: node.ops_url(),
        mailbox: stand_ins.mailbox_url(),
        stripe_sandbox: stand_ins.sandbox_url(),
        webhook_secret: set("STRIPE_WEBHOOK_SECRET"),
        database_url: set("DATABASE_URL"),
        operator,
    }
}

fn greeting(running: &Running, directory: &Path) -> String {
    let Running {
        api,
        ops,
        docs,
        operator,
        ..
    } = running;
    let given = "as configured";
    let mailbox = running.mailbox.as_deref().unwrap_or(given);
    let sandbox = running.stripe_sandbox.as_deref().unwrap_or(given);
    format!(
        "
Tollgate runs in development mode, for this machine only.

  API        {api}
  docs       {docs}
  inbox      {mailbox}
  Stripe     {sandbox}
  metrics    {ops}/metrics
  operator   {email}  {password}

All of this, for scripts: {file}

Sign somebody up:

  curl -s {api}/api/v1/auth/register -H 'content-type: application/json' \\
    -d '{{\"email\":\"ada@example.com\",\"password\":\"violet-otter-47-lamp\",\"name\":\"Ada\"}}'

Ctrl-C stops everything; the data stays.
",
        email = operator.email,
        password = operator.password,
        file = directory.join("dev.json").display(),
    )
}
