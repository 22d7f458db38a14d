//! A stateful stand-in for the Stripe endpoints Tollgate uses, over real HTTP, in the shape of API
//! version 2026-09-30.endive, with pages for checkout and portal, signed webhooks, a clock that can
//! be moved and faults on demand.
//!
//! What is modelled: customers, cards by test number, recurring per-unit prices, checkout in the
//! modes `subscription` and `setup`, subscriptions with their whole life, invoices with prorations,
//! balance and dunning, refunds, events. What is not: taxes, discounts, metered prices, schedules,
//! 3-D Secure, Connect. A parameter outside of it is refused as unknown rather than overlooked.
//!
//! Deliberate differences from Stripe: a renewal's invoice is finalised and charged at once instead
//! of after an hour; one webhook endpoint; webhooks are retried within seconds, 100 ms doubling to
//! 30 s. Webhooks are signed with the wall clock's time even when the sandbox's clock was moved,
//! because the receiver compares the signature's time with its own clock; the setting
//! `sign_with_sandbox_clock` turns that around.

mod api;
mod calendar;
mod clock;
mod core;
mod errors;
mod faults;
mod form;
mod http;
mod idempotency;
mod ids;
mod state;
mod webhooks;
mod wire;

use std::{fmt, io, net::SocketAddr, path::PathBuf, thread::JoinHandle};

use serde::{Deserialize, Serialize};

pub use webhooks::signature_header;

/// How a sandbox is started.
#[derive(Clone)]
pub struct Config {
    /// Port 0 takes a free one.
    pub bind: SocketAddr,
    /// The one key callers authenticate with, `sk_test_…`.
    pub secret_key: String,
    /// The key a browser confirms payments with, `pk_test_…`.
    pub publishable_key: String,
    /// Where events are sent; can be changed while running.
    pub webhook: Option<WebhookEndpoint>,
    /// Keeps the state across restarts, written after every change.
    pub state_file: Option<PathBuf>,
    /// Unix seconds at which the clock stands still until moved; none follows the wall clock. A
    /// state that is read back keeps its own clock.
    pub clock: Option<i64>,
}

impl fmt::Debug for Config {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Config")
            .field("bind", &self.bind)
            .field("webhook", &self.webhook)
            .field("state_file", &self.state_file)
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}

/// Who is told of events.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookEndpoint {
    /// Address events are posted to.
    pub url: String,
    /// Signing secret, `whsec_…`, used as a whole.
    pub secret: String,
}

impl fmt::Debug for WebhookEndpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("WebhookEndpoint")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// A running sandbox, on a thread of its own. Dropping it stops it.
#[derive(Debug)]
pub struct Sandbox {
    address: SocketAddr,
    server: actix_web::dev::ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Sandbox {
    /// Starts serving. Fails when the address is taken or the state file cannot be read.
    pub async fn start(config: Config) -> io::Result<Self> {
        let (started, waiting) = tokio::sync::oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("stripe-sandbox".to_owned())
            .spawn(move || http::serve(config, started))?;
        let (address, server) = waiting
            .await
            .map_err(|_| io::Error::other("the sandbox's thread ended"))??;
        Ok(Self {
            address,
            server,
            thread: Some(thread),
        })
    }

    /// Where it answers, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        base_url(self.address)
    }

    /// Stops serving and waits until the port is free again.
    pub async fn stop(mut self) {
        self.server.stop(false).await;
        if let Some(thread) = self.thread.take() {
            // The thread only ends; a panic in it has been reported by then.
            let _ended = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // The order to stop is given by the call; nobody is left to wait for it.
        drop(self.server.stop(false));
    }
}

fn base_url(address: SocketAddr) -> String {
    format!("http://{address}")
}
