//! An OpenID provider over real HTTP: discovery, keys, an authorization endpoint that answers at once as
//! whoever a test says is sitting there, a token endpoint that checks what a provider has to check, and
//! user information that nobody should ask for. It notes what it was asked, and lies in each way that it
//! is told to.

mod keys;
mod server;
mod state;

use std::{fmt, io, net::SocketAddr, sync::Arc, thread::JoinHandle};

use serde_json::{Map, Value};

pub use state::{Asked, Endpoint, Lies, Signature};

use state::State;

/// How a provider is started.
#[derive(Clone)]
pub struct Config {
    pub client_id: String,
    pub client_secret: String,
    /// Whether it answers for many tenants, as Microsoft does.
    pub has_tenants: bool,
    /// Unix seconds.
    pub now: Arc<dyn Fn() -> i64 + Send + Sync>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("client_id", &self.client_id)
            .field("has_tenants", &self.has_tenants)
            .finish_non_exhaustive()
    }
}

/// A running provider, on a thread of its own. Dropping it stops it.
#[derive(Debug)]
pub struct Issuer {
    address: SocketAddr,
    state: Arc<State>,
    server: actix_web::dev::ServerHandle,
    _thread: JoinHandle<()>,
}

impl Issuer {
    /// Takes a free port of loopback.
    pub async fn start(config: Config) -> io::Result<Self> {
        let (started, waiting) = tokio::sync::oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("oidc-issuer".to_owned())
            .spawn(move || server::serve(config, started))?;
        let (address, server, state) = waiting
            .await
            .map_err(|_| io::Error::other("the provider's thread ended"))??;
        Ok(Self {
            address,
            state,
            server,
            _thread: thread,
        })
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Below which its discovery document is found.
    #[must_use]
    pub fn url(&self) -> String {
        self.state.base()
    }

    /// From now on the browser belongs to somebody of whom the provider says this: `sub` at least.
    pub fn sign_in_as(&self, claims: Value) {
        let claims = match claims {
            Value::Object(claims) => claims,
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => Map::new(),
        };
        self.state.set_person(claims);
    }

    /// From now on it lies like this, and in no other way.
    pub fn lie(&self, lies: Lies) {
        self.state.set_lies(lies);
    }

    /// From now on it signs with another key, and knows the old one no more.
    pub fn rotate_keys(&self) {
        self.state.rotate_keys();
    }

    /// What it was asked, oldest first.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.state.asked()
    }

    /// How often one of its endpoints was asked.
    #[must_use]
    pub fn times_asked(&self, endpoint: Endpoint) -> usize {
        let asked = self.asked();
        asked
            .iter()
            .filter(|asked| asked.endpoint == endpoint)
            .count()
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        // The order to stop is given by the call; nobody is left to wait for it.
        drop(self.server.stop(false));
    }
}
