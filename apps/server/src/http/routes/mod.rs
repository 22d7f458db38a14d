//! One file per part of the contract. What a route is called, takes and answers stands at its handler.

mod billing;
mod config;
mod gate;
mod plans;
mod register;
mod sessions;
mod webhooks;

pub(crate) use register::Judging;

use utoipa_actix_web::{scope, service_config::ServiceConfig};

/// Registers the whole API; [`crate::http::ROUTES`] lists it with its guards.
pub(crate) fn register(services: &mut ServiceConfig<'_>) {
    services.service(
        scope::scope("/api/v1")
            .service(register::register)
            .service(sessions::login)
            .service(sessions::login_json)
            .service(sessions::refresh)
            .service(sessions::logout)
            .service(sessions::me)
            .service(plans::public_plans)
            .service(config::public_config)
            .service(billing::show_state)
            .service(billing::checkout_session)
            .service(billing::portal_session)
            .service(webhooks::stripe)
            .service(gate::gate),
    );
}
