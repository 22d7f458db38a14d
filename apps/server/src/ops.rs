//! The operator's port: whether the process lives, whether it should get requests, its metrics, and the
//! operator's part of the API. On loopback unless told otherwise; nothing of it is ever on the API's port.

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use actix_web::{
    App as ActixApp, HttpResponse, HttpServer, dev::Server, http::header::ContentType, web,
};
use metrics::gauge;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde_json::json;
use tokio::time::timeout;
use tollgate_store_postgres::PostgresStore;
use tollgate_use_cases::{App, ports::Store as _};

use crate::http;

/// A database that takes longer is as good as away.
const PATIENCE: Duration = Duration::from_secs(1);

/// Seconds, from a gate's answer to a call to the payment provider.
const BUCKETS: [f64; 12] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 10.0,
];

/// What readiness is made of. That no migration is pending was settled before the start, and stays
/// so: the schema only grows.
#[derive(Debug)]
pub(crate) struct Health {
    store: PostgresStore,
    is_stopping: AtomicBool,
    started: Instant,
}

impl Health {
    pub(crate) fn new(store: PostgresStore) -> Self {
        Self {
            store,
            is_stopping: AtomicBool::new(false),
            started: Instant::now(),
        }
    }

    /// From now on no load balancer should send anything.
    pub(crate) fn announce_stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    async fn readiness(&self) -> Result<(), NotReady> {
        if self.is_stopping.load(Ordering::Relaxed) {
            return Err(NotReady::Stopping);
        }
        match timeout(PATIENCE, self.store.ping()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(NotReady::Database),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NotReady {
    Stopping,
    Database,
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stopping => "stopping",
            Self::Database => "database",
        })
    }
}

/// Starts to listen. The server stops when its handle says so.
pub(crate) fn listen(
    bind: SocketAddr,
    health: Arc<Health>,
    app: Arc<App>,
) -> io::Result<(Server, SocketAddr)> {
    gauge!("tollgate_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    let health = web::Data::from(health);
    let app = web::Data::from(app);
    let server = HttpServer::new(move || {
        ActixApp::new()
            .app_data(web::Data::clone(&health))
            .route("/healthz", web::get().to(healthz))
            .route("/readyz", web::get().to(readyz))
            .route("/metrics", web::get().to(show_metrics))
            .configure(|services| http::configure_operators(services, app.clone()))
    })
    .workers(1)
    .disable_signals()
    .bind(bind)?;
    let address = server.addrs().first().copied().unwrap_or(bind);
    Ok((server.run(), address))
}

async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

async fn readyz(health: web::Data<Health>) -> HttpResponse {
    match health.readiness().await {
        Ok(()) => HttpResponse::Ok().json(json!({ "status": "ready" })),
        Err(reason) => HttpResponse::ServiceUnavailable()
            .json(json!({ "status": "not_ready", "reason": reason.to_string() })),
    }
}

async fn show_metrics(health: web::Data<Health>) -> HttpResponse {
    gauge!("tollgate_uptime_seconds").set(health.started.elapsed().as_secs_f64());
    let (open, idle) = health.store.connections();
    gauge!("database_connections", "state" => "open").set(open);
    gauge!("database_connections", "state" => "idle").set(u32::try_from(idle).unwrap_or(u32::MAX));
    HttpResponse::Ok()
        .insert_header(ContentType::plaintext())
        .body(recorder().render())
}

/// Where every metric of the process goes; the first call makes it the one.
pub(crate) fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| {
        let seconds = Matcher::Suffix("_seconds".to_owned());
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(seconds, &BUCKETS)
            // Only an empty list of buckets is refused.
            .unwrap_or_default()
            .build_recorder();
        let handle = recorder.handle();
        // Refused when a program around this library has installed its own, which then counts.
        let _ = metrics::set_global_recorder(recorder);
        handle
    })
}

/// Empties the histograms' buffers, which grow for as long as nobody asks for the metrics.
pub(crate) async fn upkeep() {
    let mut turns = tokio::time::interval(Duration::from_secs(5));
    loop {
        turns.tick().await;
        recorder().run_upkeep();
    }
}
