//! The way to the server, and what its answers mean.

use std::{net::IpAddr, time::Duration};

use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    transport::smtp::{self, PoolConfig},
};
use secrecy::{ExposeSecret as _, SecretString};
use thiserror::Error;
use tokio::time::timeout;
use tollgate_use_cases::ports::MailError;
use url::{Host, Url};

/// How long the server may take for each of its answers.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// How long it may take for all of them.
const SEND_WITHIN: Duration = Duration::from_secs(30);

const MOST_CONNECTIONS: u32 = 4;

const KEEP_CONNECTION: Duration = Duration::from_secs(30);

/// Authentication was asked for or failed (RFC 4954 section 6): ours to mend, so no mail is lost to it.
const OUR_CREDENTIALS: [u16; 4] = [530, 534, 535, 538];

/// Not shown, because it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the mail server's URL is neither smtp://… nor smtps://…")]
pub struct SmtpUrlInvalid;

#[derive(Debug)]
pub(crate) struct Transport(AsyncSmtpTransport<Tokio1Executor>);

impl Transport {
    pub(crate) fn new(url: &SecretString) -> Result<Self, SmtpUrlInvalid> {
        let url = Url::parse(url.expose_secret()).map_err(|_| SmtpUrlInvalid)?;
        let url = with_tls(url);
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.as_str())
            .map_err(|_| SmtpUrlInvalid)?;
        let pool = PoolConfig::new()
            .max_size(MOST_CONNECTIONS)
            .idle_timeout(KEEP_CONNECTION);
        let builder = builder.timeout(Some(ANSWER_WITHIN)).pool_config(pool);
        Ok(Self(builder.build()))
    }

    /// A connection that ends before the server has answered to the whole mail is a temporary failure:
    /// the mail may be sent twice, but is never lost.
    pub(crate) async fn send(&self, message: Message) -> Result<(), MailError> {
        match timeout(SEND_WITHIN, self.0.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(meaning(error)),
            Err(elapsed) => Err(MailError::Temporary(Box::new(elapsed))),
        }
    }
}

/// Why a mail was not taken. The server's own words are left out: they tend to repeat the address.
#[derive(Debug, Error)]
enum NotTaken {
    #[error("the mail server answered {0}")]
    Answered(u16),
    #[error("the conversation with the mail server broke off")]
    BrokenOff(#[source] smtp::Error),
}

fn meaning(error: smtp::Error) -> MailError {
    let Some(code) = error.status().map(u16::from) else {
        return MailError::Temporary(Box::new(NotTaken::BrokenOff(error)));
    };
    let answered = Box::new(NotTaken::Answered(code));
    if error.is_permanent() && !OUR_CREDENTIALS.contains(&code) {
        MailError::Permanent(answered)
    } else {
        MailError::Temporary(answered)
    }
}

/// Leaves a server elsewhere no choice but TLS, whatever the URL asks for.
fn with_tls(mut url: Url) -> Url {
    if url.scheme() == "smtp" && !is_loopback(&url) {
        url.set_query(Some("tls=required"));
    }
    url
}

/// Whether nobody but this machine can listen in.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain("localhost")) => true,
        // In a URL of this scheme an IPv4 address is not told apart from a name.
        Some(Host::Domain(name)) => name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback()),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_server_on_loopback_may_do_without_tls() {
        let with_tls = |url: &str| String::from(with_tls(Url::parse(url).unwrap()));
        for local in [
            "smtp://localhost:1025",
            "smtp://127.0.0.1:1025",
            "smtp://127.9.9.9",
            "smtp://[::1]:1025",
            "smtps://mail.example.com",
        ] {
            assert_eq!(with_tls(local), local);
        }
        for remote in [
            "smtp://mail.example.com",
            "smtp://10.0.0.1:25",
            "smtp://[2001:db8::1]",
            "smtp://localhost.example.com",
            "smtp://127.0.0.1.example.com",
        ] {
            let required = format!("{remote}?tls=required");
            for asked in ["", "?tls=opportunistic", "?tls=none", "?tls=required"] {
                assert_eq!(with_tls(&format!("{remote}{asked}")), required);
            }
        }
    }
}
