//! The provider's endpoints.

use std::{collections::BTreeMap, future, io, net::SocketAddr, sync::Arc};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::ServerHandle,
    http::{StatusCode, header},
    web,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::{
    Config,
    state::{Endpoint, State},
};

type Started = io::Result<(SocketAddr, ServerHandle, Arc<State>)>;
type Parameters = BTreeMap<String, String>;

/// Runs a whole provider on the calling thread and tells when it has started.
pub(crate) fn serve(config: Config, started: oneshot::Sender<Started>) {
    actix_web::rt::System::new().block_on(async move {
        match start(config) {
            Ok((server, address, state)) => {
                // Nobody listens when the caller gave up; the provider then stops with its handle.
                let _caller_gone = started.send(Ok((address, server.handle(), state)));
                let _ended = server.await;
            }
            Err(error) => {
                let _caller_gone = started.send(Err(error));
            }
        }
    });
}

fn start(config: Config) -> io::Result<(actix_web::dev::Server, SocketAddr, Arc<State>)> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    let state = Arc::new(State::new(config, address));
    let shared = web::Data::from(state.clone());
    let server = HttpServer::new(move || {
        App::new()
            .app_data(shared.clone())
            .route("/authorize", web::get().to(authorize))
            .route("/token", web::post().to(token))
            .route("/keys", web::get().to(keys))
            .route("/userinfo", web::get().to(user_info))
            .default_service(web::get().to(document))
    })
    .workers(1)
    .shutdown_timeout(1)
    .disable_signals()
    .listen(listener)?
    .run();
    Ok((server, address, state))
}

async fn document(state: web::Data<State>, request: HttpRequest) -> HttpResponse {
    let is_document = request
        .path()
        .ends_with("/.well-known/openid-configuration");
    if !is_document {
        return HttpResponse::NotFound().finish();
    }
    let answer = || (StatusCode::OK, state.document());
    honest(&state, Endpoint::Document, &Parameters::new(), answer).await
}

async fn keys(state: web::Data<State>) -> HttpResponse {
    let answer = || (StatusCode::OK, state.keys());
    honest(&state, Endpoint::Keys, &Parameters::new(), answer).await
}

async fn user_info(state: web::Data<State>) -> HttpResponse {
    let answer = || (StatusCode::OK, state.user_info());
    honest(&state, Endpoint::UserInfo, &Parameters::new(), answer).await
}

async fn authorize(state: web::Data<State>, asked: web::Query<Parameters>) -> HttpResponse {
    state.note(Endpoint::Authorize, &asked);
    match state.authorize(&asked) {
        Ok(back) => HttpResponse::Found()
            .insert_header((header::LOCATION, back))
            .finish(),
        Err(error) => HttpResponse::BadRequest().body(error),
    }
}

async fn token(
    state: web::Data<State>,
    request: HttpRequest,
    asked: web::Form<Parameters>,
) -> HttpResponse {
    let answer = || {
        let client = client(&request, &asked);
        match state.token(&client.unwrap_or_default(), &asked) {
            Ok(answer) => (StatusCode::OK, answer),
            Err("invalid_client") => (
                StatusCode::UNAUTHORIZED,
                json!({ "error": "invalid_client" }),
            ),
            Err(error) => (StatusCode::BAD_REQUEST, json!({ "error": error })),
        }
    };
    honest(&state, Endpoint::Token, &asked, answer).await
}

/// Who asks, in whichever of the two ways it says so (RFC 6749, section 2.3.1).
fn client(request: &HttpRequest, asked: &Parameters) -> Option<(String, String)> {
    let Some(basic) = request.headers().get(header::AUTHORIZATION) else {
        return Some((
            asked.get("client_id")?.clone(),
            asked.get("client_secret")?.clone(),
        ));
    };
    let basic = basic.to_str().ok()?.strip_prefix("Basic ")?;
    let pair = String::from_utf8(STANDARD.decode(basic).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    let decoded = |text: &str| {
        let text = text.replace('+', " ");
        let pair = format!("x={text}");
        let mut pairs = url::form_urlencoded::parse(pair.as_bytes());
        pairs.next().map(|(_, value)| value.into_owned())
    };
    Some((decoded(id)?, decoded(secret)?))
}

/// Notes the request, and answers it as it should unless told otherwise.
async fn honest(
    state: &State,
    endpoint: Endpoint,
    asked: &Parameters,
    answer: impl FnOnce() -> (StatusCode, Value),
) -> HttpResponse {
    state.note(endpoint, asked);
    let lies = state.lies();
    if lies.hangs.contains(&endpoint) {
        future::pending::<()>().await;
    }
    let status = lies.fails.get(&endpoint);
    if let Some(status) = status.and_then(|status| StatusCode::from_u16(*status).ok()) {
        return HttpResponse::new(status);
    }
    if let Some(elsewhere) = lies.redirects.get(&endpoint) {
        return HttpResponse::Found()
            .insert_header((header::LOCATION, elsewhere.as_str()))
            .finish();
    }
    let (status, body) = answer();
    let padding = lies.padding.get(&endpoint).copied().unwrap_or_default();
    HttpResponse::build(status)
        .content_type("application/json")
        .body(format!("{body}{}", " ".repeat(padding)))
}
