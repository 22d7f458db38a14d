//! The sandbox over real HTTP.

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
