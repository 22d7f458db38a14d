//! What a person sees: the checkout page, the portal, an invoice, and the overview at `/`. Plain
//! forms, no scripts, nothing fetched from elsewhere.

mod checkout;
mod invoice;
mod overview;
mod portal;

use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
    web,
};
use askama::Template;

use crate::core::Core;

type Shared = web::Data<Core>;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/", web::get().to(overview::show))
        .route("/clock", web::post().to(overview::move_clock))
        .route("/fault", web::post().to(overview::add_fault))
        .route("/checkout/{session}", web::get().to(checkout::show))
        .route("/checkout/{session}", web::post().to(checkout::pay))
        .route("/portal/{portal}", web::get().to(portal::show))
        .route("/portal/{portal}", web::post().to(portal::change))
        .route("/invoice/{invoice}", web::get().to(invoice::show));
}

fn page(template: &impl Template, status: u16) -> HttpResponse {
    match template.render() {
        Ok(html) => {
            let status = StatusCode::from_u16(status).unwrap_or_default();
            HttpResponse::build(status)
                .content_type("text/html; charset=utf-8")
                .body(html)
        }
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}

fn see_other(address: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, address))
        .finish()
}

/// A page that only says something.
#[derive(Template)]
#[template(path = "notice.html")]
struct Notice {
    title: &'static str,
    text: String,
    link: Option<(String, &'static str)>,
}

fn not_found() -> HttpResponse {
    let text = "There is nothing here, or no longer.".to_owned();
    page(
        &Notice {
            title: "Not found",
            text,
            link: None,
        },
        404,
    )
}
