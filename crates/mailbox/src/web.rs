//! The inbox over HTTP: JSON for scripts, pages for people. Shows what a message says and lets
//! nothing in it run or load.

use std::{io, net::SocketAddr, sync::Arc};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::Server,
    http::header::{ACCEPT, CONTENT_SECURITY_POLICY, ContentType, HeaderName},
    middleware::DefaultHeaders,
    mime, web,
};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{inbox::Inbox, message::Message};

/// Also binds the document of a message inside its frame: no images, no scripts, no fonts.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

pub(crate) fn bind(address: SocketAddr, inbox: Arc<Inbox>) -> io::Result<(SocketAddr, Server)> {
    let inbox = web::Data::from(inbox);
    let server = HttpServer::new(move || {
        let headers = DefaultHeaders::new()
            .add((CONTENT_SECURITY_POLICY, POLICY))
            .add((HeaderName::from_static("referrer-policy"), "no-referrer"))
            .add((HeaderName::from_static("x-content-type-options"), "nosniff"));
        App::new()
            .app_data(web::Data::clone(&inbox))
            .wrap(headers)
            .route("/", web::get().to(list))
            .route("/messages/{number}", web::get().to(show))
            .route("/messages/{number}/raw", web::get().to(raw))
    })
    .workers(1)
    .disable_signals()
    .bind(address)?;
    let address = server
        .addrs()
        .first()
        .copied()
        .ok_or_else(|| io::Error::other("bound to no address"))?;
    Ok((address, server.run()))
}

#[derive(Deserialize)]
struct Wanted {
    to: Option<String>,
}

async fn list(
    request: HttpRequest,
    wanted: web::Query<Wanted>,
    inbox: web::Data<Inbox>,
) -> actix_web::Result<HttpResponse> {
    match &wanted.to {
        Some(address) => {
            let messages = inbox.newest(|message| message.is_to(address));
            Ok(HttpResponse::Ok().json(as_json(&messages)))
        }
        None if asks_for_a_page(&request) => page(&InboxPage {
            messages: &inbox.numbered(),
        }),
        None => Ok(HttpResponse::Ok().json(as_json(&inbox.newest(|_| true)))),
    }
}

async fn show(
    number: web::Path<usize>,
    inbox: web::Data<Inbox>,
) -> actix_web::Result<HttpResponse> {
    match inbox.get(*number) {
        Some(message) => page(&MessagePage {
            number: *number,
            text: pieces(&message.text),
            message: &message,
        }),
        None => Ok(HttpResponse::NotFound().finish()),
    }
}

async fn raw(number: web::Path<usize>, inbox: web::Data<Inbox>) -> HttpResponse {
    match inbox.get(*number) {
        Some(message) => HttpResponse::Ok()
            .content_type(ContentType::plaintext())
            .body(message.raw),
        None => HttpResponse::NotFound().finish(),
    }
}

fn asks_for_a_page(request: &HttpRequest) -> bool {
    request
        .headers()
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains(mime::TEXT_HTML.essence_str()))
}

fn page(template: &impl Template) -> actix_web::Result<HttpResponse> {
    let html = template
        .render()
        .map_err(actix_web::error::ErrorInternalServerError)?;
    Ok(HttpResponse::Ok()
        .content_type(ContentType::html())
        .body(html))
}

/// A message for a script: without its source, recipients joined as in a header.
#[derive(Serialize)]
struct JsonMessage<'a> {
    to: String,
    from: &'a str,
    reply_to: Option<&'a str>,
    subject: &'a str,
    text: &'a str,
    html: &'a str,
    at: DateTime<Utc>,
    message_id: &'a str,
}

fn as_json(messages: &[Message]) -> Vec<JsonMessage<'_>> {
    messages
        .iter()
        .map(|message| JsonMessage {
            to: message.to.join(", "),
            from: &message.from,
            reply_to: message.reply_to.as_deref(),
            subject: &message.subject,
            text: &message.text,
            html: &message.html,
            at: message.at,
            message_id: &message.message_id,
        })
        .collect()
}

#[derive(Template)]
#[template(path = "inbox.html")]
struct InboxPage<'a> {
    messages: &'a [(usize, Message)],
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage<'a> {
    number: usize,
    message: &'a Message,
    text: Vec<Piece<'a>>,
}

/// A run of plain text, either as it is or to be clicked.
#[derive(Debug, PartialEq)]
enum Piece<'a> {
    Words(&'a str),
    Link(&'a str),
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    text.split_inclusive(char::is_whitespace)
        .flat_map(|word| {
            let start = ["https://", "http://"]
                .iter()
                .filter_map(|scheme| word.find(scheme))
                .min()
                .unwrap_or(word.len());
            let (before, rest) = word.split_at(start);
            let link = rest
                .trim_end()
                .trim_end_matches(['.', ',', ';', ')', '>', '"', '\'']);
            let after = rest.strip_prefix(link).unwrap_or_default();
            [Piece::Words(before), Piece::Link(link), Piece::Words(after)]
        })
        .filter(|piece| !matches!(piece, Piece::Words("") | Piece::Link("")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_in_text_ends_before_the_punctuation_around_it() {
        assert_eq!(
            pieces("Go to <https://example.com/v?t=1>.\nBye"),
            [
                Piece::Words("Go "),
                Piece::Words("to "),
                Piece::Words("<"),
                Piece::Link("https://example.com/v?t=1"),
                Piece::Words(">.\n"),
                Piece::Words("Bye"),
            ]
        );
    }
}
