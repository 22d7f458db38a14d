//! The server's shell: the only place that wires adapters to use cases and reads the environment. It
//! decides nothing about sign-up, billing or access.

pub mod cli;
pub mod config;
#[cfg(feature = "dev")]
mod dev;
pub mod http;
mod leaked_passwords;
mod logging;
mod no_payments;
pub mod node;
mod ops;
mod reconcile;
pub mod system;
mod wiring;
mod worker;
