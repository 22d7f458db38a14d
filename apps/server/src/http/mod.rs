//! The HTTP contract: routes, who may call them, and how every answer looks. Decides nothing itself:
//! a handler takes its request apart, calls one use case and puts the answer together.

mod body;
mod caller;
mod client_ip;
mod cursor;
mod error;
mod fields;
mod guards;
mod observe;
mod openapi;
mod routes;
mod unsigned;

use std::{future::ready, io, net::SocketAddr, sync::Arc, time::Duration};

use actix_cors::Cors;
use actix_web::{
    App as ActixApp, HttpRequest, HttpResponse, HttpServer, ResponseError,
    dev::Server,
    guard,
    http::header::{self, ContentType},
    middleware::{self, DefaultHeaders},
    web,
};
use secrecy::SecretString;
use tollgate_use_cases::App;
use utoipa_actix_web::service_config::ServiceConfig;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::http::unsigned::Unsigned;

pub use client_ip::TrustedProxies;
pub use guards::{Guards, Port, ROUTES, Route, Who};
pub use observe::Underway;
pub use openapi::openapi;

use crate::{
    http::{error::ApiError, routes::Judging},
    leaked_passwords::LeakedPasswords,
};

/// Seconds for which a browser need not ask again whether it may, the most that any of them keeps.
const PREFLIGHT_HOLDS: usize = 7_200;

/// Where to listen, and what browsers may know of the configuration.
#[derive(Debug, Clone)]
pub struct Options {
    pub bind: SocketAddr,
    /// Number of threads that answer requests.
    pub workers: usize,
    pub public: PublicConfig,
    /// Whose pages a browser lets ask: the frontend's, and others of the operator's.
    pub origins: Vec<String>,
    pub trusted_proxies: TrustedProxies,
    pub leaked_passwords: Option<Arc<LeakedPasswords>>,
}

/// What `/config/public` tells.
#[derive(Debug, Clone, Default)]
pub struct PublicConfig {
    pub stripe_publishable_key: Option<String>,
}

/// A server that has its address. It stops when its handle says so.
#[expect(missing_debug_implementations, reason = "actix's server has none")]
pub struct Listening {
    pub server: Server,
    pub address: SocketAddr,
    pub underway: Underway,
}

/// Starts to listen.
pub fn listen(app: Arc<App>, options: Options) -> io::Result<Listening> {
    let document = openapi().to_json().map_err(io::Error::other)?;
    let document = web::Bytes::from(document);
    let Options {
        bind,
        workers,
        public,
        origins,
        trusted_proxies,
        leaked_passwords,
    } = options;
    let trusted_proxies = web::Data::new(trusted_proxies);
    let underway = Underway::default();
    let unsigned = web::Data::new(Unsigned::default());
    let judging = web::Data::new(Judging::new(workers, leaked_passwords));
    let counted = underway.clone();
    let server = HttpServer::new(move || {
        // Every worker has these bytes, and none a document of its own.
        let document = document.clone();
        ActixApp::new()
            .app_data(web::Data::from(app.clone()))
            .app_data(web::Data::new(public.clone()))
            .app_data(web::Data::new(counted.clone()))
            .app_data(judging.clone())
            .app_data(trusted_proxies.clone())
            .app_data(unsigned.clone())
            .wrap(cors(&origins))
            .wrap(security_headers())
            .wrap(middleware::from_fn(observe::observe))
            .wrap(tracing_actix_web::TracingLogger::<observe::RequestSpan>::new())
            .configure(|services| routes::register(&mut ServiceConfig::new(services)))
            .service(
                web::resource("/openapi.json")
                    .guard(guard::Get())
                    .to(move || ready(serve(document.clone()))),
            )
            .service(web::redirect("/docs", "/docs/"))
            .service(SwaggerUi::new("/docs/{_:.*}").config(Config::from("/openapi.json")))
            .default_service(web::to(nothing_here))
    })
    .workers(workers)
    .client_request_timeout(Duration::from_secs(5))
    .shutdown_timeout(8)
    .disable_signals()
    .bind(bind)?;
    let address = *server.addrs().first().unwrap_or(&bind);
    Ok(Listening {
        server: server.run(),
        address,
        underway,
    })
}

fn serve(document: web::Bytes) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(ContentType::json())
        .body(document)
}

/// Tokens travel in a header that no page of another origin can make a browser send, so what this allows
/// is reading the answers (Fetch standard, section 3.2). Whoever is not allowed is answered all the same:
/// a browser keeps the answer from the page, and other callers have no origin.
fn cors(origins: &[String]) -> Cors {
    let cors = Cors::default()
        .allowed_methods(["GET", "POST", "PATCH", "PUT", "DELETE"])
        .allowed_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
        .expose_headers(["retry-after", "www-authenticate", "x-request-id"])
        .block_on_origin_mismatch(false)
        .max_age(PREFLIGHT_HOLDS);
    origins
        .iter()
        .fold(cors, |cors, origin| cors.allowed_origin(origin))
}

fn security_headers() -> DefaultHeaders {
    DefaultHeaders::new()
        .add(("Cache-Control", "no-store"))
        .add(("Referrer-Policy", "no-referrer"))
        .add(("X-Content-Type-Options", "nosniff"))
}

/// What no route answers: 405 with `Allow` where another method would be answered, else 404.
async fn nothing_here(request: HttpRequest) -> HttpResponse {
    no_route(Port::Public, &request)
}

fn no_route(port: Port, request: &HttpRequest) -> HttpResponse {
    ApiError::no_route(&guards::methods_of(port, request.path())).error_response()
}

/// Puts the operator's part of the API on the server of the operator's port. The probes beside it are
/// neither logged nor counted.
pub(crate) fn configure_operators(services: &mut web::ServiceConfig, app: web::Data<App>) {
    let scope = web::scope(routes::OPERATORS)
        .app_data(app)
        .configure(|services| routes::operators(&mut ServiceConfig::new(services)))
        .default_service(web::to(nothing_for_operators))
        .wrap(security_headers())
        .wrap(middleware::from_fn(observe::observe))
        .wrap(tracing_actix_web::TracingLogger::<observe::RequestSpan>::new());
    services
        .service(scope)
        .default_service(web::to(nothing_for_operators));
}

async fn nothing_for_operators(request: HttpRequest) -> HttpResponse {
    no_route(Port::Operator, &request)
}

/// The bearer token of a request, if it has one.
fn bearer(request: &HttpRequest) -> Option<SecretString> {
    let header = request
        .headers()
        .get(actix_web::http::header::AUTHORIZATION)?
        .to_str()
        .ok()?;
    let (scheme, token) = header.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim().into())
}
