//! The API from outside: real HTTP, a real `PostgreSQL` for each test, a stateful stand-in for Stripe.
//! The tree of tests is that of the URLs; what concerns every route stands beside it.

#![cfg(test)]
#![expect(
    clippy::too_many_lines,
    reason = "tables and snapshots stand in the tests they belong to"
)]

mod world;

mod accounts;
mod admin;
mod auth;
mod bad_input;
mod beta_signup;
mod billing;
mod complimentary;
mod config;
mod configuration;
mod cors;
mod crash;
mod gate;
mod guards;
mod hostile;
mod main_job;
mod openapi;
mod ops;
mod plans;
mod pruning;
mod rate_limits;
mod reconcile;
mod sales_leads;
mod stripe_faults;
mod subscriptions;
mod trial_notices;
mod two_nodes;
mod users;
mod webhooks;
