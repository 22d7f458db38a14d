//! What a request leaves behind: its id on the answer, one span in the log, rate, errors and duration
//! in the metrics. Addresses, tokens and query strings stay out of all of them.

use std::{
    cell::RefCell,
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use actix_web::{
    Error, HttpMessage,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method,
        header::{HeaderName, HeaderValue, InvalidHeaderValue},
    },
    middleware::Next,
    web,
};
use metrics::{Counter, Histogram};
use tokio::sync::Notify;
use tracing::Span;
use tracing_actix_web::{RequestId, RootSpanBuilder};
use uuid::Uuid;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// One span a request.
#[derive(Debug)]
pub(crate) struct RequestSpan;

impl RootSpanBuilder for RequestSpan {
    fn on_request_start(request: &ServiceRequest) -> Span {
        let id = request_id(request).map(tracing::field::display);
        tracing::info_span!("request", request_id = id, method = %request.method())
    }

    fn on_request_end<B: MessageBody>(_: Span, _: &Result<ServiceResponse<B>, Error>) {}
}

/// The requests that are being answered. A node that stops waits for them before its threads go:
/// with a thread go the database connections it opened, and another thread may be using one.
#[derive(Debug, Clone, Default)]
pub struct Underway(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    requests: AtomicUsize,
    none_left: Notify,
}

impl Underway {
    /// Comes back when none is left.
    pub async fn none_left(&self) {
        loop {
            let told = self.0.none_left.notified();
            if self.0.requests.load(Ordering::Acquire) == 0 {
                return;
            }
            told.await;
        }
    }

    fn begin(&self) -> OneUnderway {
        self.0.requests.fetch_add(1, Ordering::AcqRel);
        OneUnderway(self.clone())
    }
}

struct OneUnderway(Underway);

impl Drop for OneUnderway {
    fn drop(&mut self) {
        if self.0.0.requests.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.0.none_left.notify_waiters();
        }
    }
}

/// Puts the request id on the answer and counts it.
pub(crate) async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let _underway = request
        .app_data::<web::Data<Underway>>()
        .map(|all| all.begin());
    let started = Instant::now();
    let id = request_id(&request).map(header_value);
    let mut response = next.call(request).await?;
    if let Some(Ok(id)) = id {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    let route = response.request().match_pattern();
    let route = route.unwrap_or_else(|| "unmatched".to_owned());
    let method = method_name(response.request().method());
    let status = response.status().as_u16();
    let took = started.elapsed();
    tracing::info!(route, status, micros = took.as_micros(), "answered");
    METERS.with_borrow_mut(|meters| {
        let kind = (route, method, status);
        let meter = meters.entry(kind).or_insert_with_key(Meter::new);
        meter.answers.increment(1);
        meter.seconds.record(took);
    });
    Ok(response)
}

fn request_id(request: &ServiceRequest) -> Option<RequestId> {
    request.extensions().get().copied()
}

fn header_value(id: RequestId) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut text = Uuid::encode_buffer();
    HeaderValue::from_str(id.hyphenated().encode_lower(&mut text))
}

/// Anybody may make up a method, and each would be a metric for good.
fn method_name(method: &Method) -> &'static str {
    const NAMED: [Method; 7] = [
        Method::GET,
        Method::POST,
        Method::PATCH,
        Method::PUT,
        Method::DELETE,
        Method::HEAD,
        Method::OPTIONS,
    ];
    NAMED
        .iter()
        .find(|named| *named == method)
        .map_or("other", |named| named.as_str())
}

thread_local! {
    /// By route, method and status. Asking the recorder for each answer costs more than counting it.
    static METERS: RefCell<HashMap<(String, &'static str, u16), Meter>> = RefCell::default();
}

struct Meter {
    answers: Counter,
    seconds: Histogram,
}

impl Meter {
    fn new((route, method, status): &(String, &'static str, u16)) -> Self {
        Self {
            answers: metrics::counter!("http_requests_total",
                "method" => *method, "route" => route.clone(), "status" => status.to_string()),
            seconds: metrics::histogram!("http_request_duration_seconds",
                "method" => *method, "route" => route.clone()),
        }
    }
}
