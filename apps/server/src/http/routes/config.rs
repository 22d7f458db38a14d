//! What a page needs to know before anybody signs in.

use actix_web::{get, web};
use serde::Serialize;
use tollgate_use_cases::App;
use utoipa::ToSchema;

use crate::http::PublicConfig;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PublicConfigBody {
    self_serve_enabled: bool,
    /// The sign-in providers that are configured, by name.
    oauth_providers: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stripe_publishable_key: Option<String>,
}

/// The public part of the configuration.
#[utoipa::path(
    operation_id = "publicConfig",
    tag = "config",
    responses((status = 200, body = PublicConfigBody))
)]
#[get("/config/public")]
pub(crate) async fn public_config(
    app: web::Data<App>,
    public: web::Data<PublicConfig>,
) -> web::Json<PublicConfigBody> {
    web::Json(PublicConfigBody {
        self_serve_enabled: app.settings.self_serve_enabled,
        oauth_providers: Vec::new(),
        stripe_publishable_key: public.stripe_publishable_key.clone(),
    })
}
