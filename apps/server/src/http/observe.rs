//! What a request leaves behind: its id on the answer, one span in the log, rate, errors and duration
//! in the metrics. Addresses, tokens and query strings stay out of all of them.

use std::{
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
    http::header::{HeaderName, HeaderValue},
    middleware::Next,
    web,
};
use tokio::sync::Notify;
use tracing::Span;
use tracing_actix_web::{RequestId, RootSpanBuilder};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// One span a request.
#[derive(Debug)]
pub(crate) struct RequestSpan;

impl RootSpanBuilder for RequestSpan {
    fn on_request_start(request: &ServiceRequest) -> Span {
        let id = request
            .extensions()
            .get::<RequestId>()
            .map(ToString::to_string);
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
    let id = request
        .extensions()
        .get::<RequestId>()
        .map(ToString::to_string);
    let mut response = next.call(request).await?;
    if let Some(id) = id.and_then(|id| HeaderValue::from_str(&id).ok()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    let route = response
        .request()
        .match_pattern()
        .unwrap_or_else(|| "unmatched".to_owned());
    let method = response.request().method().to_string();
    let status = response.status().as_u16();
    let took = started.elapsed();
    metrics::counter!(
        "http_requests_total",
        "method" => method.clone(), "route" => route.clone(), "status" => status.to_string(),
    )
    .increment(1);
    metrics::histogram!("http_request_duration_seconds", "method" => method, "route" => route.clone())
        .record(took.as_secs_f64());
    tracing::info!(route, status, micros = took.as_micros(), "answered");
    Ok(response)
}
