//! One file per part of the contract. What a route is called, takes and answers stands at its handler.

mod accounts;
mod audit_log;
mod billing;
mod changes;
mod complimentary;
mod config;
mod devices;
mod email;
mod erasure;
mod gate;
mod invitations;
mod invite_codes;
mod invites;
mod invoices;
mod jobs;
mod judging;
mod leads;
mod members;
mod onboarding;
mod own_account;
mod passwords;
mod plans;
mod profiles;
mod providers;
mod register;
mod sessions;
mod subscriptions;
mod suspension;
mod webhook_events;
mod webhooks;

pub(crate) use judging::Judging;

use utoipa_actix_web::{scope, service_config::ServiceConfig};

/// Where the operator's routes are.
pub(crate) const OPERATORS: &str = "/api/v1/admin";

/// Registers the whole API; [`crate::http::ROUTES`] lists it with its guards.
pub(crate) fn register(services: &mut ServiceConfig<'_>) {
    services.service(
        scope::scope("/api/v1")
            .configure(sign_in)
            .service(profiles::update_me)
            .service(erasure::erase)
            .service(erasure::export)
            .service(profiles::update_my_account)
            .service(onboarding::advance)
            .service(onboarding::dismiss_rest)
            .service(onboarding::status)
            .service(onboarding::dismiss)
            .service(onboarding::ack_kept_banner)
            .service(leads::submit)
            .service(leads::beta_signup)
            .service(plans::public_plans)
            .service(config::public_config)
            .service(billing::show_state)
            .service(billing::checkout_session)
            .service(billing::portal_session)
            .service(changes::change_plan)
            .service(changes::preview_change)
            .service(changes::cancel)
            .service(changes::keep)
            .service(invoices::invoices)
            .service(subscriptions::start)
            .service(subscriptions::complete)
            .service(own_account::show)
            .service(own_account::subscription)
            .service(own_account::switch)
            .service(members::list)
            .service(members::change)
            .service(members::remove)
            .service(members::transfer)
            .service(invites::list)
            .service(invites::create_many)
            .service(invites::create)
            .service(invites::revoke)
            .service(invites::resend)
            .service(invitations::look_up)
            .service(invitations::accept)
            .service(webhooks::stripe)
            .service(gate::gate),
    );
}

/// How people come in, and by what.
fn sign_in(services: &mut ServiceConfig<'_>) {
    services
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
        .service(providers::authorize)
        .service(providers::callback)
        .service(providers::list)
        .service(providers::begin_link)
        .service(providers::complete_link)
        .service(providers::unlink);
}

/// Registers the operator's part, for the operator's port alone.
pub(crate) fn operators(services: &mut ServiceConfig<'_>) {
    services
        .service(webhook_events::list)
        .service(webhook_events::show)
        .service(webhook_events::replay)
        .service(jobs::list)
        .service(jobs::retry)
        .service(accounts::find)
        .service(accounts::show)
        .service(complimentary::grant)
        .service(complimentary::end)
        .service(suspension::suspend)
        .service(suspension::unsuspend)
        .service(suspension::delete_account)
        .service(invite_codes::list)
        .service(invite_codes::create)
        .service(invite_codes::revoke)
        .service(leads::list)
        .service(leads::update)
        .service(audit_log::list);
}

/// Registers everything, for the description.
pub(crate) fn describe(services: &mut ServiceConfig<'_>) {
    register(services);
    services.service(scope::scope(OPERATORS).configure(operators));
}
