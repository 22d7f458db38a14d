//! What a page needs to know before anybody signs in.

use actix_web::{get, web};
use serde::Serialize;
use tollgate_use_cases::{App, is_self_serve};
use utoipa::ToSchema;

use crate::http::{
    PublicConfig,
    caller::Anybody,
    error::{ApiError, ErrorBody},
};

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PublicConfigBody {
    /// Whether people sign up by themselves; to an internal tester who is signed in, always.
    self_serve_enabled: bool,
    /// The sign-in providers that are configured, by name.
    oauth_providers: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stripe_publishable_key: Option<String>,
}

/// The public part of the configuration. A token that is not valid counts as none.
#[utoipa::path(
    operation_id = "publicConfig",
    tag = "config",
    security((), ("access_token" = [])),
    responses(
        (status = 200, body = PublicConfigBody),
        (status = 503, description = "unavailable", body = ErrorBody),
    )
)]
#[get("/config/public")]
pub(crate) async fn public_config(
    app: web::Data<App>,
    public: web::Data<PublicConfig>,
    Anybody(caller): Anybody,
) -> Result<web::Json<PublicConfigBody>, ApiError> {
    let oauth_providers = app.providers.names().into_iter();
    Ok(web::Json(PublicConfigBody {
        self_serve_enabled: is_self_serve(&app, caller.as_ref()).await?,
        oauth_providers: oauth_providers.map(|name| name.to_string()).collect(),
        stripe_publishable_key: public.stripe_publishable_key.clone(),
    }))
}
