//! A payment provider with as many subscriptions as one likes, made up as they are asked for: it holds
//! none in memory, and takes as long for each answer as it is told. The sandbox, which lives every life
//! for real, would need an hour for so many.

use std::{
    net::SocketAddr,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use actix_web::{
    App, HttpResponse, HttpServer, dev::ServerHandle, error::ErrorNotFound,
    http::header::ContentType, web,
};
use anyhow::Context;
use serde::Deserialize;
use serde_json::Value;

use crate::{database::PRICE, deliveries::TEMPLATE};

/// Subscriptions in one answer, the most that Stripe gives.
const PAGE: u64 = 100;

/// A subscription `sub_bench_N` for each account.
#[derive(Debug, Clone)]
pub(crate) struct Subscriptions {
    pub(crate) count: u64,
    /// The first so many have another number of seats than the seed's.
    pub(crate) differing: u64,
    /// In seconds.
    pub(crate) period: (i64, i64),
    pub(crate) answer_takes: Duration,
}

/// Running until its handle stops it.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) address: SocketAddr,
    pub(crate) handle: ServerHandle,
    asked: Arc<Mutex<Vec<Instant>>>,
}

struct Shop {
    subscriptions: Subscriptions,
    template: String,
    asked: Arc<Mutex<Vec<Instant>>>,
}

#[derive(Debug, Deserialize)]
struct Listing {
    starting_after: Option<String>,
}

impl Provider {
    pub(crate) fn start(subscriptions: Subscriptions) -> anyhow::Result<Self> {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let shop = web::Data::new(Shop {
            template: template(subscriptions.period)?,
            subscriptions,
            asked: Arc::clone(&asked),
        });
        let server = HttpServer::new(move || {
            App::new()
                .app_data(shop.clone())
                .route("/v1/subscriptions", web::get().to(list))
                .route("/v1/subscriptions/{id}", web::get().to(show))
        })
        .workers(thread::available_parallelism().map_or(1, NonZeroUsize::get))
        .disable_signals()
        .bind("127.0.0.1:0")?;
        let address = *server.addrs().first().context("it has no address")?;
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Self {
            address,
            handle,
            asked,
        })
    }

    /// How often it was asked, and how often at most within a second.
    pub(crate) fn asked(&self) -> (usize, usize) {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let within = |from: &Instant| {
            let second = *from + Duration::from_secs(1);
            asked
                .iter()
                .filter(|at| (*from..second).contains(*at))
                .count()
        };
        let busiest = asked.iter().map(within).max().unwrap_or_default();
        (asked.len(), busiest)
    }
}

/// One subscription, with its number and seats left open.
fn template((start, end): (i64, i64)) -> anyhow::Result<String> {
    let event = TEMPLATE
        .replace("{price}", PRICE)
        .replace("{start}", &start.to_string())
        .replace("{end}", &end.to_string())
        .replace("{created}", "1")
        .replace("{event}", "evt")
        .replace("{seats}", "987654321");
    let event: Value = serde_json::from_str(&event).context("reading the template")?;
    let subscription = event.pointer("/data/object").context("it has no object")?;
    Ok(subscription.to_string().replace("987654321", "{seats}"))
}

impl Shop {
    async fn is_asked(&self) {
        let now = Instant::now();
        let asked = self.asked.lock();
        asked.unwrap_or_else(PoisonError::into_inner).push(now);
        tokio::time::sleep(self.subscriptions.answer_takes).await;
    }

    fn subscription(&self, number: u64) -> String {
        let differs = number < self.subscriptions.differing;
        self.template
            .replace("{account}", &number.to_string())
            .replace("{seats}", if differs { "9" } else { "5" })
    }
}

/// Newest first, which is the one of the highest number.
async fn list(shop: web::Data<Shop>, listing: web::Query<Listing>) -> HttpResponse {
    shop.is_asked().await;
    let after = listing.starting_after.as_deref().and_then(number);
    let until = after.unwrap_or(shop.subscriptions.count);
    let from = until.saturating_sub(PAGE);
    let page: Vec<_> = (from..until).rev().map(|n| shop.subscription(n)).collect();
    let body = format!(
        r#"{{"object":"list","url":"/v1/subscriptions","has_more":{},"data":[{}]}}"#,
        from > 0,
        page.join(",")
    );
    HttpResponse::Ok()
        .content_type(ContentType::json())
        .body(body)
}

async fn show(shop: web::Data<Shop>, id: web::Path<String>) -> actix_web::Result<HttpResponse> {
    shop.is_asked().await;
    let number = number(&id).filter(|number| *number < shop.subscriptions.count);
    let number = number.ok_or_else(|| ErrorNotFound("no such subscription"))?;
    let subscription = shop.subscription(number);
    Ok(HttpResponse::Ok()
        .content_type(ContentType::json())
        .body(subscription))
}

fn number(id: &str) -> Option<u64> {
    id.strip_prefix("sub_bench_")?.parse().ok()
}
