//! `/v1`: authentication, idempotency, faults and headers around the API's functions.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::{StatusCode, header},
    rt::time::sleep,
    web,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::Connection;
use crate::{
    api::{self, Method},
    calendar::http_date,
    clock::wall_now,
    core::{Core, Inner, LoggedCall},
    errors::StripeError,
    faults::{Fault, Kind},
    form::Params,
    idempotency::{self, Answer, Claim, fingerprint},
    state::Cause,
    webhooks::drained,
    wire::API_VERSION,
};

/// Calls the log holds at most.
const LONGEST_LOG: usize = 200_000;
const WEBHOOK_PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.service(web::resource("/v1/{path:.*}").to(handle));
}

/// A call as it came in.
#[derive(Debug)]
struct Incoming {
    request_id: String,
    method: Method,
    path: String,
    body: Vec<u8>,
    key: Option<String>,
}

/// What goes back.
#[derive(Debug)]
enum Reply {
    Json { answer: Answer, replayed: bool },
    Truncated(Answer),
    Html,
    RateLimited,
    Dropped,
}

async fn handle(
    request: HttpRequest,
    path: web::Path<String>,
    body: web::Bytes,
    core: web::Data<Core>,
) -> HttpResponse {
    let request_id = core.aside(|inner| inner.state.new_id("req_", 14));
    let method = match request.method().as_str() {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "DELETE" => Method::Delete,
        _ => return HttpResponse::MethodNotAllowed().finish(),
    };
    let query = request.query_string().as_bytes().to_vec();
    let incoming = Incoming {
        request_id,
        method,
        path: path.into_inner().trim_end_matches('/').to_owned(),
        body: if method == Method::Post {
            body.to_vec()
        } else {
            query
        },
        key: text_header(&request, "idempotency-key").filter(|_| method != Method::Get),
    };
    let reply = match authenticate(&request, &incoming, &core) {
        Ok(()) => answer(&incoming, &core).await,
        Err(refusal) => Reply::Json {
            answer: incoming.refuse(&refusal),
            replayed: false,
        },
    };
    log(&incoming, &reply, &core);
    respond(&request, &incoming, reply, &core)
}

impl Incoming {
    fn refuse(&self, error: &StripeError) -> Answer {
        Answer {
            status: error.status,
            body: error.to_json(),
            request_id: self.request_id.clone(),
        }
    }
}

fn text_header(request: &HttpRequest, name: &str) -> Option<String> {
    request
        .headers()
        .get(name)?
        .to_str()
        .ok()
        .map(str::to_owned)
}

/// The secret key, as bearer or as the user of basic authentication. A browser's key may confirm
/// and read the payment whose client secret it shows.
fn authenticate(request: &HttpRequest, call: &Incoming, core: &Core) -> Result<(), StripeError> {
    let credentials = text_header(request, "authorization").unwrap_or_default();
    let key = match credentials.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim().to_owned(),
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("basic") => basic_user(token),
        Some(_) | None => String::new(),
    };
    if key == core.config.secret_key
        || (key == core.config.publishable_key && shows_secret(call, core))
    {
        return Ok(());
    }
    let message = if key.is_empty() {
        "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details, or we can help at https://support.stripe.com/.".to_owned()
    } else {
        let shown: String = key.chars().take(8).collect();
        format!("Invalid API Key provided: {shown}***")
    };
    Err(StripeError {
        status: 401,
        ..StripeError::invalid(message)
    })
}

fn basic_user(token: &str) -> String {
    let decoded = BASE64_STANDARD.decode(token.trim()).unwrap_or_default();
    let text = String::from_utf8(decoded).unwrap_or_default();
    text.split_once(':')
        .map_or_else(|| text.clone(), |(user, _)| user.to_owned())
}

fn shows_secret(call: &Incoming, core: &Core) -> bool {
    let mut segments = call.path.split('/');
    let (kind, id) = (segments.next(), segments.next().unwrap_or_default());
    let shown = Params::parse(&call.body).and_then(|mut params| params.text("client_secret"));
    let Ok(Some(shown)) = shown else { return false };
    core.read(|inner| match kind {
        Some("payment_intents") => inner
            .state
            .intents
            .get(id)
            .is_some_and(|intent| intent.client_secret == shown),
        Some("setup_intents") => inner
            .state
            .setup_intents
            .get(id)
            .is_some_and(|intent| intent.client_secret == shown),
        Some(_) | None => false,
    })
}

async fn answer(call: &Incoming, core: &Core) -> Reply {
    if core.aside(over_limit) {
        return Reply::RateLimited;
    }
    let path = format!("/v1/{}", call.path);
    let fault = core.aside(|inner| inner.faults.strike_call(call.method, &path));
    if let Some(fault) = &fault
        && let Some(reply) = strike_first(call, fault).await
    {
        return reply;
    }
    if let Some(key) = &call.key {
        let print = fingerprint(call.method.as_str(), &call.path, &call.body);
        match core.write(|inner| inner.state.answers.claim(key, &print, inner.state.now)) {
            Claim::New => {}
            Claim::Replay(answer) => {
                return Reply::Json {
                    answer,
                    replayed: true,
                };
            }
            Claim::Refused(error) => {
                return Reply::Json {
                    answer: call.refuse(&error),
                    replayed: false,
                };
            }
        }
    }
    if let Some(fault) = fault
        .as_ref()
        .filter(|fault| fault.kind == Kind::Slow && !fault.comes_late())
    {
        sleep(Duration::from_millis(fault.delay())).await;
    }
    let answer = carry_out(call, fault.as_ref(), core).await;
    strike_last(answer, fault).await
}

/// Counts the call against the limit of its second.
fn over_limit(inner: &mut Inner) -> bool {
    let Some(limit) = inner.state.settings.rate_limit_per_second else {
        return false;
    };
    let second = wall_now();
    if inner.rate.0 != second {
        inner.rate = (second, 0);
    }
    inner.rate.1 += 1;
    inner.rate.1 > limit
}

/// The faults that keep a call from being carried out.
async fn strike_first(call: &Incoming, fault: &Fault) -> Option<Reply> {
    if fault.executes() {
        return None;
    }
    match fault.kind {
        Kind::RateLimit429 => Some(Reply::RateLimited),
        Kind::Conflict409 => {
            let error = idempotency::in_use(call.key.as_deref().unwrap_or_default());
            Some(Reply::Json {
                answer: call.refuse(&error),
                replayed: false,
            })
        }
        Kind::Html200 => Some(Reply::Html),
        Kind::LostAnswer | Kind::Hang => {
            sleep(Duration::from_millis(fault.delay())).await;
            Some(Reply::Dropped)
        }
        Kind::TruncatedJson => Some(Reply::Truncated(call.refuse(&api_error()))),
        Kind::Error500
        | Kind::Slow
        | Kind::Duplicate
        | Kind::Reorder
        | Kind::Drop
        | Kind::Delay => None,
    }
}

/// The faults that spoil the answer of a call that was carried out.
async fn strike_last(answer: Answer, fault: Option<Fault>) -> Reply {
    let Some(fault) = fault else {
        return Reply::Json {
            answer,
            replayed: false,
        };
    };
    match fault.kind {
        Kind::LostAnswer | Kind::Hang => {
            sleep(Duration::from_millis(fault.delay())).await;
            Reply::Dropped
        }
        Kind::TruncatedJson => Reply::Truncated(answer),
        Kind::Html200 => Reply::Html,
        Kind::RateLimit429 => Reply::RateLimited,
        Kind::Slow if fault.comes_late() => {
            sleep(Duration::from_millis(fault.delay())).await;
            Reply::Json {
                answer,
                replayed: false,
            }
        }
        Kind::Slow
        | Kind::Error500
        | Kind::Conflict409
        | Kind::Duplicate
        | Kind::Reorder
        | Kind::Drop
        | Kind::Delay => Reply::Json {
            answer,
            replayed: false,
        },
    }
}

/// Carries the call out, keeps its answer for the key, and, where the settings say so, waits until
/// its events were delivered.
async fn carry_out(call: &Incoming, fault: Option<&Fault>, core: &Core) -> Answer {
    let fails = fault.is_some_and(|fault| fault.kind == Kind::Error500);
    let executes = fault.is_none_or(Fault::executes);
    let (answer, events, wait) = core.write(|inner| {
        let state = &mut inner.state;
        state.cause = Some(Cause {
            request_id: call.request_id.clone(),
            idempotency_key: call.key.clone(),
        });
        let outcome = if executes {
            Params::parse(&call.body)
                .and_then(|params| api::call(state, call.method, &call.path, params))
        } else {
            Err(api_error())
        };
        state.cause = None;
        let outcome = if fails { Err(api_error()) } else { outcome };
        let answer = match &outcome {
            Ok(body) => Answer {
                status: 200,
                body: body.clone(),
                request_id: call.request_id.clone(),
            },
            Err(error) => call.refuse(error),
        };
        if let Some(key) = &call.key {
            match outcome {
                Err(error) if error.before_execution => state.answers.release(key),
                Ok(_) | Err(_) => state.answers.keep(key, answer.clone()),
            }
        }
        (
            answer,
            state.undelivered.clone(),
            state.settings.webhook_before_answer,
        )
    });
    if wait {
        drained(core, WEBHOOK_PATIENCE, |id| {
            events.iter().any(|event| event == id)
        })
        .await;
    }
    answer
}

fn api_error() -> StripeError {
    StripeError {
        status: 500,
        kind: "api_error",
        ..StripeError::invalid("An unknown error occurred. (Injected by the sandbox.)")
    }
}

fn log(call: &Incoming, reply: &Reply, core: &Core) {
    let (status, replayed) = match reply {
        Reply::Json { answer, replayed } => (Some(answer.status), *replayed),
        Reply::Truncated(_) | Reply::Html => (Some(200), false),
        Reply::RateLimited => (Some(429), false),
        Reply::Dropped => (None, false),
    };
    core.aside(|inner| {
        let logged = LoggedCall {
            at: inner.state.now,
            request_id: call.request_id.clone(),
            method: call.method.as_str(),
            path: format!("/v1/{}", call.path),
            params: String::from_utf8_lossy(&call.body).into_owned(),
            idempotency_key: call.key.clone(),
            replayed,
            status,
        };
        inner.log.push(logged);
        if inner.log.len() > LONGEST_LOG {
            inner.log.drain(..LONGEST_LOG / 2);
        }
    });
}

fn respond(request: &HttpRequest, call: &Incoming, reply: Reply, core: &Core) -> HttpResponse {
    let now = core.read(|inner| inner.state.now);
    match reply {
        Reply::Json { answer, replayed } => {
            let mut response = begin(answer.status, call, now);
            if replayed {
                response.insert_header(("Idempotent-Replayed", "true"));
                response.insert_header(("Original-Request", answer.request_id));
            }
            match answer.status {
                409 => {
                    response.insert_header(("Stripe-Should-Retry", "true"));
                }
                200..=499 if call.method == Method::Post => {
                    response.insert_header(("Stripe-Should-Retry", "false"));
                }
                _ => {}
            }
            response
                .content_type("application/json")
                .body(pretty(&answer.body))
        }
        Reply::Truncated(answer) => {
            let mut body = pretty(&answer.body).into_bytes();
            body.truncate(body.len() / 2);
            begin(200, call, now)
                .content_type("application/json")
                .body(body)
        }
        Reply::Html => begin(200, call, now)
            .content_type("text/html; charset=utf-8")
            .body("<!DOCTYPE html><title>Maintenance</title><p>We will be back soon."),
        Reply::RateLimited => {
            let body = json!({ "error": {
                "code": "rate_limit",
                "doc_url": "https://stripe.com/docs/error-codes/rate-limit",
                "message": "Request rate limit exceeded.",
                "type": "invalid_request_error",
            }});
            let mut response = begin(429, call, now);
            response.insert_header((header::RETRY_AFTER, "1"));
            response.insert_header(("Stripe-Should-Retry", "true"));
            response
                .content_type("application/json")
                .body(pretty(&body))
        }
        Reply::Dropped => {
            if let Some(connection) = request.conn_data::<Connection>() {
                connection.sever();
            }
            HttpResponse::NoContent().finish()
        }
    }
}

fn begin(status: u16, call: &Incoming, now: i64) -> HttpResponseBuilder {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    response
        .insert_header(("Request-Id", call.request_id.clone()))
        .insert_header(("Stripe-Version", API_VERSION))
        .insert_header((header::DATE, http_date(now)));
    if let Some(key) = &call.key {
        response.insert_header(("Idempotency-Key", key.clone()));
    }
    response
}

fn pretty(body: &Value) -> String {
    format!("{body:#}")
}
