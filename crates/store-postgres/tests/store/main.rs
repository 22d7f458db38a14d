//! The port on a real server: each method once, each "once" fifty times at once, and the plans of the
//! questions asked on every request.

mod catalog;
mod inbox;
mod people;
mod plans;
mod purchases;
mod sessions;
mod subscriptions;
mod support;
