//! One exchange with Stripe over HTTP: what was asked, what was answered, when. Judges no answer and
//! tries nothing twice.

use std::{error::Error, fmt, time::Duration};

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    HeaderMap, Method, Request, StatusCode, Uri,
    body::Bytes,
    header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderValue, RETRY_AFTER},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use secrecy::ExposeSecret;
use stripe_client_core::{RequestBuilder, StripeMethod};
use thiserror::Error;
use tokio::time::{Instant, timeout_at};
use tollgate_billing::Stamp;

use crate::{
    API_VERSION,
    admission::NotSent,
    settings::{Mode, Settings, SettingsInvalid},
};

const STRIPE: &str = "https://api.stripe.com";
/// A page of a hundred events about invoices with many lines is a fourth of it.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

pub(crate) struct Transport {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: String,
    authorization: HeaderValue,
}

/// An answer of any status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// There is no whole answer; whether the request was carried out is unknown, if it was sent.
#[derive(Debug, Error)]
pub(crate) enum ExchangeError {
    #[error("nothing was sent")]
    NotSent(#[from] NotSent),
    #[error("the request cannot be written as HTTP")]
    Request(#[source] hyper::http::Error),
    #[error("no connection, or it broke")]
    Connection(#[source] Box<dyn Error + Send + Sync>),
    #[error("no answer in time")]
    Timeout,
    #[error("the answer is larger than {LARGEST_ANSWER} bytes")]
    TooLarge,
}

impl Transport {
    pub(crate) fn new(settings: &Settings) -> Result<Self, SettingsInvalid> {
        Mode::of(&settings.secret_key)?;
        let base = settings.api_base.as_deref().unwrap_or(STRIPE);
        let bearer = format!("Bearer {}", settings.secret_key.expose_secret());
        let mut authorization =
            HeaderValue::try_from(bearer).map_err(|_| SettingsInvalid::SecretKey)?;
        authorization.set_sensitive(true);
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .map_err(|_| SettingsInvalid::Tls)?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            base: origin(base)?,
            authorization,
        })
    }

    /// Sends `request` once, under the idempotency key `key`, and waits for the whole answer.
    pub(crate) async fn exchange(
        &self,
        request: &RequestBuilder,
        key: Option<&str>,
        until: Instant,
    ) -> Result<Answer, ExchangeError> {
        let request = self.http(request, key).map_err(ExchangeError::Request)?;
        timeout_at(until, self.send(request))
            .await
            .map_err(|_| ExchangeError::Timeout)?
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer, ExchangeError> {
        let answer = self.client.request(request).await;
        let (head, body) = answer
            .map_err(|error| ExchangeError::Connection(error.into()))?
            .into_parts();
        let body = Limited::new(body, LARGEST_ANSWER).collect().await;
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body: body.map_err(broken_body)?.to_bytes(),
        })
    }

    fn http(
        &self,
        request: &RequestBuilder,
        key: Option<&str>,
    ) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let mut uri = format!("{}/v1{}", self.base, request.path);
        if let Some(query) = request.query.as_deref().filter(|query| !query.is_empty()) {
            uri.push('?');
            uri.push_str(query);
        }
        let mut http = Request::builder()
            .method(method(request.method))
            .uri(uri)
            .header(AUTHORIZATION, &self.authorization)
            .header("stripe-version", API_VERSION);
        if let Some(key) = key {
            http = http.header("idempotency-key", key);
        }
        if request.body.is_some() {
            http = http.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        http.body(form(request.body.as_deref().unwrap_or_default()).into())
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

impl Answer {
    /// When it was given, in Stripe's clock.
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        let date = chrono::DateTime::parse_from_rfc2822(self.header(DATE.as_str())?).ok()?;
        Some(Stamp::from_unix_seconds(date.timestamp()))
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let seconds = self.header(RETRY_AFTER.as_str())?.parse().ok()?;
        Some(Duration::from_secs(seconds))
    }

    /// Stripe's own word on whether another try makes sense.
    pub(crate) fn should_retry(&self) -> Option<bool> {
        self.header("stripe-should-retry")?.parse().ok()
    }

    /// Whether it is what an earlier try under the same key was answered.
    pub(crate) fn is_replayed(&self) -> bool {
        self.header("idempotent-replayed") == Some("true")
    }

    /// What Stripe's support asks for.
    pub(crate) fn request_id(&self) -> Option<&str> {
        self.header("request-id")
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Scheme and host of `base`, and nothing else: a path or a query there would swallow ours.
fn origin(base: &str) -> Result<String, SettingsInvalid> {
    let uri: Uri = base.parse().map_err(|_| SettingsInvalid::ApiBase)?;
    match (uri.scheme_str(), uri.authority(), uri.path(), uri.query()) {
        (Some(scheme @ ("http" | "https")), Some(host), "/", None) => {
            Ok(format!("{scheme}://{host}"))
        }
        _ => Err(SettingsInvalid::ApiBase),
    }
}

/// The pairs of `body` in one fixed order: async-stripe writes metadata in that of a hash map, and what
/// is asked again under one idempotency key must be asked in the same words.
fn form(body: &str) -> String {
    let mut pairs: Vec<&str> = body.split('&').collect();
    pairs.sort_unstable();
    pairs.join("&")
}

fn method(method: StripeMethod) -> Method {
    match method {
        StripeMethod::Get => Method::GET,
        StripeMethod::Post => Method::POST,
        StripeMethod::Delete => Method::DELETE,
    }
}

fn broken_body(error: Box<dyn Error + Send + Sync>) -> ExchangeError {
    if error.is::<LengthLimitError>() {
        return ExchangeError::TooLarge;
    }
    ExchangeError::Connection(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_is_an_origin_and_nothing_more() {
        for (base, kept) in [
            ("http://127.0.0.1:4010", Ok("http://127.0.0.1:4010")),
            ("https://api.stripe.com/", Ok("https://api.stripe.com")),
            ("https://api.stripe.com/v1", Err(SettingsInvalid::ApiBase)),
            ("https://api.stripe.com/?a=b", Err(SettingsInvalid::ApiBase)),
            ("ftp://api.stripe.com", Err(SettingsInvalid::ApiBase)),
            ("api.stripe.com", Err(SettingsInvalid::ApiBase)),
            ("", Err(SettingsInvalid::ApiBase)),
        ] {
            assert_eq!(origin(base), kept.map(str::to_owned), "{base}");
        }
    }

    #[test]
    fn a_form_is_sent_in_one_order() {
        assert_eq!(form("b=2&a[1]=y&a[0]=x"), "a[0]=x&a[1]=y&b=2");
        assert_eq!(form(""), "");
    }

    #[test]
    fn the_secret_key_shows_in_no_debug_output() {
        let settings = Settings::new("sk_test_hidden".into(), Mode::Test);
        let transport = Transport::new(&settings).unwrap();
        assert!(!format!("{settings:?} {transport:?}").contains("hidden"));
    }
}
