//! One file per part of the contract. What a route is called, takes and answers stands at its handler.

mod billing;
mod config;
mod devices;
mod email;
mod gate;
mod judging;
mod passwords;
mod plans;
mod register;
mod sessions;
mod webhooks;

pub(crate) use judging::Judging;

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
            .service(passwords::change)
            .service(passwords::forgot)
            .service(passwords::reset)
            .service(email::send_verification)
            .service(email::verify)
            .service(devices::list)
            .service(devices::end_one)
            .service(devices::end_others)
            .service(plans::public_plans)
            .service(config::public_config)
            .service(billing::show_state)
            .service(billing::checkout_session)
            .service(billing::portal_session)
            .service(webhooks::stripe)
            .service(gate::gate),
    );
}
