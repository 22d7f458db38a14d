//! /users

mod erase;
mod export;
mod me;
mod onboarding;
