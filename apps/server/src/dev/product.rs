//! What stands in for the product's own pages: wherever a mail or a checkout leads a person to, there
//! is a page that says what the product would show there.

use std::{io, net::SocketAddr};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, dev::ServerHandle, http::header, web};

#[derive(Debug)]
pub(super) struct Product {
    address: SocketAddr,
    handle: ServerHandle,
}

impl Product {
    pub(super) fn start(bind: SocketAddr) -> io::Result<Self> {
        let server = HttpServer::new(|| App::new().default_service(web::to(page)))
            .workers(1)
            .disable_signals()
            .bind(bind)?;
        let address = *server.addrs().first().unwrap_or(&bind);
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Self { address, handle })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) async fn stop(self) {
        self.handle.stop(false).await;
    }
}

async fn page(request: HttpRequest) -> HttpResponse {
    let paid = request.query_string() == "success=1";
    let says = match request.path() {
        "/account/billing" if paid => {
            "The purchase is done. Access comes with the signed webhook, a moment later; this page would ask /api/v1/billing/state."
        }
        "/account/billing" => "This page would show what /api/v1/billing/state answers.",
        "/account/billing/select-plan" => "This page would show what /api/v1/plans/public answers.",
        "/verify-email" => {
            "This page would send the token of its address to /api/v1/auth/email/verify."
        }
        "/reset-password" => {
            "This page would ask for a new password, and send it with the token of its address to /api/v1/auth/password/reset."
        }
        "/forgot-password" => {
            "This page would ask for an address, and send it to /api/v1/auth/password/forgot."
        }
        _ => "This page would be the product's own.",
    };
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .body(format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Your product</title>\
             <style>body{{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:4rem auto;padding:0 1rem}}</style>\
             <h1>Your product</h1><p>{says}</p>\
             <p>Set <code>FRONTEND_URL</code> to lead people to your own pages instead.</p></html>"
        ))
}
