//! One exchange with a sign-in provider over HTTP: bounded in time and size, to allowed addresses alone,
//! and nowhere else than asked. Judges no answer but that it is one.

use std::{error::Error, fmt};

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{Request, StatusCode, body::Bytes};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use openidconnect::{HttpRequest, HttpResponse};
use thiserror::Error;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::addresses::{Reach, Resolver};

/// A provider's document has some kilobytes.
const LARGEST_ANSWER: usize = 1024 * 1024;

pub(crate) struct Transport {
    client: Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>,
    reach: Reach,
}

#[derive(Debug, Error)]
pub(crate) enum ExchangeError {
    #[error("the address is none that may be connected to")]
    Forbidden,
    #[error("no connection, or it broke")]
    Connection(#[source] Box<dyn Error + Send + Sync>),
    #[error("no answer in time")]
    Timeout,
    #[error("the answer is larger than {LARGEST_ANSWER} bytes")]
    TooLarge,
    /// A redirect is among these: it is never followed.
    #[error("the provider answered {0}")]
    Status(StatusCode),
}

#[derive(Debug, Error)]
#[error("the TLS backend cannot be set up")]
pub struct TlsUnusable(#[source] rustls::Error);

impl Transport {
    pub(crate) fn new(reach: Reach) -> Result<Self, TlsUnusable> {
        let mut plain = HttpConnector::new_with_resolver(Resolver::new(reach));
        plain.enforce_http(false);
        let tls = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .map_err(TlsUnusable)?;
        let tls = match reach {
            Reach::Public => tls.https_only(),
            Reach::Loopback => tls.https_or_http(),
        };
        let connector = tls.enable_http1().wrap_connector(plain);
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            reach,
        })
    }

    /// Whether a browser may be sent to `address`, and we may ask there.
    pub(crate) fn allows(&self, address: &Url) -> bool {
        let is_secure = match (self.reach, address.scheme()) {
            (_, "https") | (Reach::Loopback, "http") => true,
            (Reach::Public | Reach::Loopback, _) => false,
        };
        let is_anonymous = address.username().is_empty() && address.password().is_none();
        let host = address.host();
        is_secure && is_anonymous && host.is_some_and(|host| self.reach.allows_host(&host))
    }

    /// Sends `request` once and waits for the whole answer. One that says that the provider itself has
    /// failed, or that points elsewhere, is an error.
    pub(crate) async fn exchange(
        &self,
        request: HttpRequest,
        until: Instant,
    ) -> Result<HttpResponse, ExchangeError> {
        let address = Url::parse(&request.uri().to_string()).ok();
        // Hosts that are addresses never reach the resolver.
        if !address.is_some_and(|address| self.allows(&address)) {
            return Err(ExchangeError::Forbidden);
        }
        let answer = timeout_at(until, self.send(request))
            .await
            .map_err(|_| ExchangeError::Timeout)??;
        let status = answer.status();
        if status.is_server_error() || status.is_redirection() {
            return Err(ExchangeError::Status(status));
        }
        Ok(answer)
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, ExchangeError> {
        let (head, body) = request.into_parts();
        let request = Request::from_parts(head, Full::from(body));
        let answer = self.client.request(request).await;
        let (head, body) = answer
            .map_err(|error| ExchangeError::Connection(error.into()))?
            .into_parts();
        let body = Limited::new(body, LARGEST_ANSWER).collect().await;
        let body = body.map_err(broken_body)?.to_bytes();
        Ok(HttpResponse::from_parts(head, body.into()))
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("reach", &self.reach)
            .finish_non_exhaustive()
    }
}

fn broken_body(error: Box<dyn Error + Send + Sync>) -> ExchangeError {
    if error.is::<LengthLimitError>() {
        return ExchangeError::TooLarge;
    }
    ExchangeError::Connection(error)
}
