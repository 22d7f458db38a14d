//! The port on a real server: each method once, each "once" fifty times at once, and the plans of the
//! questions asked on every request.

#![cfg(test)]

mod catalog;
mod changes;
mod inbox;
mod invite_codes;
mod kept;
mod people;
mod plans;
mod pool;
mod pruning;
mod purchases;
mod reconciliation;
mod sessions;
mod subscriptions;
mod support;
