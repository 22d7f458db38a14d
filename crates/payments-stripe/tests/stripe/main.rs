//! The adapter from outside: what it accepts and understands of what Stripe sends, and how it asks,
//! over real HTTP, against the sandbox and against servers that answer badly.

#![cfg(test)]

mod anything;
mod bad_servers;
mod calls;
mod events;
mod faults;
mod given;
mod lives;
mod recorded;
mod signatures;
mod tls;
