//! One running node: the API, the operator's port and the worker over one set of adapters. Decides
//! in which order they start and stop.

use std::{io, net::SocketAddr, num::NonZeroUsize, sync::Arc, thread, time::Duration};

use actix_web::dev::ServerHandle;
use anyhow::Context;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use tollgate_use_cases::App;

use crate::{
    config::Config,
    http::{self, Listening, PublicConfig, Underway},
    leaked_passwords::LeakedPasswords,
    ops::{self, Health},
    wiring,
    worker::{Worker, WorkerOptions},
};

pub use crate::wiring::Shell;

/// After that, requests that still run are cut off: with the rest, a node stops within ten seconds.
const LONGEST_DRAIN: Duration = Duration::from_secs(9);

/// What a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// API and worker.
    Serve,
    Api,
    Worker,
}

impl Role {
    const fn answers(self) -> bool {
        matches!(self, Self::Serve | Self::Api)
    }

    const fn works(self) -> bool {
        matches!(self, Self::Serve | Self::Worker)
    }
}

/// Something the operator must do first.
#[derive(Debug, Error)]
pub enum NotNow {
    #[error("the database is behind this release ({}): run `tollgate migrate`", .pending.join(", "))]
    Behind { pending: Vec<String> },
    #[error("no payment provider is configured: set STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET")]
    NoProvider,
    #[cfg(feature = "dev")]
    #[error("TOLLGATE_ENV=production refuses development mode: run `tollgate serve`")]
    DevelopmentInProduction,
}

/// A node that runs until [`Node::stop`].
#[derive(Debug)]
pub struct Node {
    app: Arc<App>,
    health: Arc<Health>,
    api: Option<Listener>,
    ops: Listener,
    worker: Option<Worker>,
    _upkeep: AbortOnDropHandle<()>,
}

impl Node {
    /// Fails on the first thing that is not there; nothing is left running then.
    pub async fn start(config: Config, shell: Shell, role: Role) -> anyhow::Result<Self> {
        ops::recorder();
        let ops_bind = config.ops_bind;
        let database_url = config.database.url.clone();
        let options = WorkerOptions {
            concurrency: config.worker_concurrency,
            reconciles: config.stripe.is_some() && config.reconciliation.is_enabled,
        };
        let api_options = options_of_api(&config)?;
        refuse_if_behind(&database_url).await?;
        let store = wiring::connect(&config.database).await?;
        let health = Arc::new(Health::new(store.clone()));
        let apps = wiring::apps(config, shell, store)?;
        let (app, jobs) = (Arc::new(apps.requests), Arc::new(apps.jobs));
        // Both are bound before either runs, so that an address in use leaves nothing behind.
        let ops_listening =
            ops::listen(ops_bind, health.clone(), app.clone()).map(|(server, address)| Listening {
                server,
                address,
                underway: Underway::default(),
            });
        let ops = Bound::new("OPS_BIND", ops_bind, ops_listening)?;
        let api = role.answers().then(|| listen(app.clone(), api_options));
        let api = api.transpose()?;
        let worker = role
            .works()
            .then(|| Worker::start(database_url, options, jobs));
        Ok(Self {
            worker: worker.transpose()?,
            api: api.map(Bound::run),
            ops: ops.run(),
            app,
            health,
            _upkeep: AbortOnDropHandle::new(tokio::spawn(ops::upkeep())),
        })
    }

    #[must_use]
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// `http://host:port` of the API; `None` for a worker.
    #[must_use]
    pub fn url(&self) -> Option<String> {
        self.api.as_ref().map(Listener::url)
    }

    /// `http://host:port` of health, readiness and metrics.
    #[must_use]
    pub fn ops_url(&self) -> String {
        self.ops.url()
    }

    /// Says that it is not ready any more, stops accepting, finishes what runs: ten seconds at most.
    pub async fn stop(self) {
        self.health.announce_stop();
        let api = async {
            if let Some(api) = self.api {
                api.drain().await;
            }
        };
        let worker = async {
            if let Some(worker) = self.worker {
                worker.stop().await;
            }
        };
        tokio::join!(api, worker);
        self.ops.handle.stop(false).await;
    }
}

fn options_of_api(config: &Config) -> anyhow::Result<http::Options> {
    let stripe = config.stripe.as_ref();
    let leaked = config.passwords.leaked.as_deref();
    let leaked = leaked.map(LeakedPasswords::open).transpose();
    Ok(http::Options {
        leaked_passwords: leaked.context("LEAKED_PASSWORDS_FILE")?.map(Arc::new),
        bind: config.bind,
        workers: thread::available_parallelism().map_or(1, NonZeroUsize::get),
        public: PublicConfig {
            stripe_publishable_key: stripe.and_then(|stripe| stripe.publishable_key.clone()),
        },
        origins: config.origins.clone(),
        trusted_proxies: config.limits.trusted_proxies.clone(),
    })
}

fn listen(app: Arc<App>, options: http::Options) -> anyhow::Result<Bound> {
    tollgate_identity::password::warm_up();
    let bind = options.bind;
    Bound::new("BIND", bind, http::listen(app, options))
}

async fn refuse_if_behind(database_url: &SecretString) -> anyhow::Result<()> {
    let pending = tollgate_migration::pending(database_url.expose_secret())
        .await
        .context("DATABASE_URL")?;
    if pending.is_empty() {
        Ok(())
    } else {
        Err(NotNow::Behind { pending }.into())
    }
}

/// Has its address, but answers nobody yet.
struct Bound(Listening);

impl Bound {
    fn new(
        key: &'static str,
        bind: SocketAddr,
        listening: io::Result<Listening>,
    ) -> anyhow::Result<Self> {
        listening
            .map(Self)
            .with_context(|| format!("{key}: cannot listen on {bind}"))
    }

    fn run(self) -> Listener {
        let handle = self.0.server.handle();
        tokio::spawn(self.0.server);
        Listener {
            address: self.0.address,
            underway: self.0.underway,
            handle,
        }
    }
}

#[derive(Debug)]
struct Listener {
    address: SocketAddr,
    underway: Underway,
    handle: ServerHandle,
}

impl Listener {
    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    async fn drain(self) {
        let drained = async {
            self.handle.pause().await;
            self.underway.none_left().await;
            self.handle.stop(true).await;
        };
        if timeout(LONGEST_DRAIN, drained).await.is_err() {
            self.handle.stop(false).await;
        }
    }
}
