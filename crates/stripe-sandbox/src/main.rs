//! The sandbox as a program of its own.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::Context;
use clap::Parser;
use tollgate_stripe_sandbox::{Config, Sandbox, WebhookEndpoint};
use tracing_subscriber::EnvFilter;

/// A stateful stand-in for Stripe.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    /// Address to serve on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:12111")]
    bind: SocketAddr,
    /// Key callers authenticate with.
    #[arg(long, default_value = "sk_test_sandbox")]
    secret_key: String,
    /// Key browsers use.
    #[arg(long, default_value = "pk_test_sandbox")]
    publishable_key: String,
    /// Where events are posted to.
    #[arg(long, requires = "webhook_secret")]
    webhook_url: Option<String>,
    /// Secret events are signed with.
    #[arg(long, requires = "webhook_url")]
    webhook_secret: Option<String>,
    /// File the state is kept in.
    #[arg(long)]
    state_file: Option<PathBuf>,
    /// Unix seconds at which the clock stands still until it is moved.
    #[arg(long)]
    clock: Option<i64>,
    /// Start with the plans Starter and Pro.
    #[arg(long)]
    seed: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info")),
        )
        .with_writer(std::io::stderr)
        .init();
    let arguments = Arguments::parse();
    let webhook = arguments
        .webhook_url
        .zip(arguments.webhook_secret)
        .map(|(url, secret)| WebhookEndpoint { url, secret });
    let sandbox = Sandbox::start(Config {
        bind: arguments.bind,
        secret_key: arguments.secret_key,
        publishable_key: arguments.publishable_key,
        webhook,
        state_file: arguments.state_file,
        clock: arguments.clock,
    })
    .await
    .context("cannot start the sandbox")?;
    if arguments.seed {
        reqwest::Client::new()
            .post(format!("{}/_sandbox/seed", sandbox.url()))
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .context("cannot seed the catalog")?;
    }
    println!("{}", sandbox.url());
    tokio::signal::ctrl_c()
        .await
        .context("cannot wait for Ctrl-C")?;
    sandbox.stop().await;
    Ok(())
}
