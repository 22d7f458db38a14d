//! The API's description, collected from the handlers.

use actix_web::App as ActixApp;
use utoipa::{
    Modify, OpenApi,
    openapi::security::{Http, HttpAuthScheme, SecurityScheme},
};
use utoipa_actix_web::AppExt;

use crate::http::routes;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tollgate",
        description = "Sign-up, reverse trials, teams, billing and the gate of a SaaS product. \
            Every refusal is `{\"detail\": {\"error\": code, \"message\": sentence, …}}`.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    tags((
        name = "operator",
        description = "Answered on the operator's port alone (OPS_BIND), to operators of the platform."
    )),
    modifiers(&BearerTokens)
)]
struct Document;

struct BearerTokens;

impl Modify for BearerTokens {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        components.add_security_scheme("access_token", bearer.clone());
        components.add_security_scheme("refresh_token", bearer);
    }
}

/// The document that `/openapi.json` serves.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let (_, document) = ActixApp::new()
        .into_utoipa_app()
        .openapi(Document::openapi())
        .configure(routes::describe)
        .split_for_parts();
    document
}
