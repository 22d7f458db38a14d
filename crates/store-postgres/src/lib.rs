//! The `Store` port on `PostgreSQL`. Decides nothing: what a row means is the pure crates', and what
//! must hold between two nodes is a constraint or one guarded statement. Rows never leave this crate.
//!
//! Plain inserts and look-ups go through sea-orm's entities in `rows`; questions asked on every
//! request and guarded statements are written by hand, because their plan is what matters.

mod accounts;
mod audit;
mod catalog;
mod changes;
mod columns;
mod complimentary;
mod erasure;
mod facts;
mod inbox;
mod invite_codes;
mod invites;
mod kept;
mod leads;
mod members;
mod one_time;
mod operations;
mod outbox;
mod people;
mod pool;
mod profiles;
mod provider_sign_ins;
mod pruning;
mod purchases;
mod queue;
mod rate_limits;
mod reconciliation;
mod rows;
mod sessions;
mod store;
mod subscriptions;
mod teams;
mod together;
mod transaction;

pub use pool::Settings;
pub use store::PostgresStore;
