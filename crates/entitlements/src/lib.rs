//! What an account may use, and why: features, limits, the gate's answer and the trial banner.
//!
//! [`resolve`] answers for every feature and limit at once, [`decide`] for one question,
//! [`trial_banner`] says what the person should be told. All three take what [`tollgate_billing`]
//! says of the subscription, and `now`. Pure: no clock, no I/O, no async; loading the catalog and
//! counting usage is the caller's part.
//!
//! Usable on its own by any service that has the rows: see `examples/guard_an_export.rs`.

mod banner;
mod catalog;
mod gate;
mod resolve;
#[cfg(test)]
mod tests;

pub use banner::{Banner, BannerStage, trial_banner};
pub use catalog::{
    FeatureKey, FeatureOverride, KeyInvalid, LimitKey, LimitOverride, Overrides, Plan,
};
pub use gate::{Decision, Question, Refusal, Use, decide};
pub use resolve::{Entitlements, Feature, Limit, Source, resolve};
