//! A mail server that delivers nothing: it takes every message over SMTP and shows it in a browser
//! and as JSON. For development and tests; it trusts everybody who can connect, so keep it on
//! loopback. It can be told to fail as real servers do.

mod inbox;
mod message;
mod smtp;
#[cfg(test)]
mod tests;
mod web;

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use actix_web::dev::ServerHandle;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::inbox::Inbox;
pub use crate::message::Message;

/// Where to listen, and what to remember.
#[derive(Debug, Clone)]
pub struct Config {
    /// Port 0 takes any free one.
    pub smtp: SocketAddr,
    /// Port 0 takes any free one.
    pub http: SocketAddr,
    /// Keeps the messages over restarts, one JSON object a line. `None` keeps them in memory only.
    pub file: Option<PathBuf>,
}

/// How the SMTP side treats messages. A connection that is already open follows a change from its
/// next command on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// Takes every message.
    #[default]
    Accept,
    /// Answers `450` to each recipient: the sender should try again.
    RefuseTemporarily,
    /// Answers `550` to each recipient: the sender should give up.
    RefusePermanently,
    /// Takes every message, but makes the sender wait this long for the answer to `MAIL`.
    Slow(Duration),
    /// Takes the message and hangs up before saying so, which leaves the sender in doubt.
    CloseAfterData,
    /// Hangs up at once.
    Down,
}

/// A running mailbox. It stops when dropped.
#[derive(Debug)]
pub struct Mailbox {
    inbox: Arc<Inbox>,
    smtp: (SocketAddr, JoinHandle<()>),
    http: (SocketAddr, ServerHandle),
}

impl Mailbox {
    /// Listens on both addresses; messages of the last run are there if `config.file` kept them.
    /// Fails when an address is taken or the file cannot be used.
    pub async fn start(config: Config) -> io::Result<Self> {
        let inbox = Arc::new(Inbox::open(config.file)?);
        let smtp = TcpListener::bind(config.smtp).await?;
        let smtp_address = smtp.local_addr()?;
        let (http_address, http_server) = web::bind(config.http, Arc::clone(&inbox))?;
        let http_handle = http_server.handle();
        tokio::spawn(http_server);
        Ok(Self {
            smtp: (
                smtp_address,
                tokio::spawn(smtp::serve(smtp, Arc::clone(&inbox))),
            ),
            http: (http_address, http_handle),
            inbox,
        })
    }

    /// `smtp://host:port`, without TLS or credentials.
    #[must_use]
    pub fn smtp_url(&self) -> String {
        format!("smtp://{}", self.smtp.0)
    }

    /// `http://host:port`: the inbox for a browser; `?to=address` answers JSON, newest first.
    #[must_use]
    pub fn http_url(&self) -> String {
        format!("http://{}", self.http.0)
    }

    /// What the inbox holds, newest first: at most the last 2,000 messages, and 64 MiB of them.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.inbox.newest(|_| true)
    }

    /// The messages that named `address` as a recipient to the server, in any case, newest first.
    #[must_use]
    pub fn messages_to(&self, address: &str) -> Vec<Message> {
        self.inbox.newest(|message| message.is_to(address))
    }

    /// Waits until `count` messages to an address are there. Returns what there is after `timeout`
    /// all the same, newest first.
    pub async fn wait_for(&self, to: &str, count: usize, timeout: Duration) -> Vec<Message> {
        let mut arrivals = self.inbox.arrivals();
        // An error is the timeout; the channel lives as long as the inbox.
        let _ = tokio::time::timeout(timeout, async {
            while self.messages_to(to).len() < count && arrivals.changed().await.is_ok() {}
        })
        .await;
        self.messages_to(to)
    }

    /// Changes how the server behaves, until the next change.
    pub fn script(&self, behaviour: Behaviour) {
        self.inbox.set_behaviour(behaviour);
    }

    /// Stops listening, cuts open conversations off, and returns when the addresses are free.
    pub async fn stop(mut self) {
        self.smtp.1.abort();
        // The error says that it was aborted.
        let _ = (&mut self.smtp.1).await;
        self.http.1.stop(false).await;
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.smtp.1.abort();
        // The order to stop is sent by the call; the future only waits for the end.
        drop(self.http.1.stop(false));
    }
}
