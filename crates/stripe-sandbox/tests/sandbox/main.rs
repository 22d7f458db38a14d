//! The sandbox over real HTTP.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking, as tests do"
)]

mod faults;
mod keys;
mod life;
mod lists;
mod pages;
mod recorded;
mod refusals;
mod restart;
mod support;
mod webhooks;
