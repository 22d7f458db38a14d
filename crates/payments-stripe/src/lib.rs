//! Stripe behind the ports `Payments` and `Webhooks`: asks it, checks what it sends, and puts both into
//! our words. Decides nothing about subscriptions; a word it does not know is said to be unreadable.
//!
//! [`StripePayments`] makes the calls, [`StripeWebhooks`] verifies and reads events. Both read
//! Stripe's objects through the lenient types of `objects`: only the fields we rely on, at every place
//! where API versions since 2024-06-20 put them.

mod admission;
mod answer;
mod breaker;
mod changes;
mod events;
mod metadata;
mod objects;
mod observe;
mod pace;
mod payments;
mod read_back;
mod retry;
mod settings;
mod signature;
mod transport;
mod webhooks;

pub use payments::StripePayments;
pub use settings::{Mode, Settings, SettingsInvalid};
pub use signature::WebhookSecretsInvalid;
pub use webhooks::StripeWebhooks;

/// The API version that every call pins, so that an upgrade in Stripe's dashboard changes nothing here.
pub const API_VERSION: &str = "2026-09-30.endive";
