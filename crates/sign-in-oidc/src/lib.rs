//! Proof of who somebody is: passwords, kept as hashes, access tokens, signed with Ed25519, and the word
//! of a provider that speaks OpenID Connect. Decides neither who may sign in nor how long a session lasts.

mod addresses;
mod id_token;
mod passwords;
mod pool;
mod provider;
mod providers;
mod tokens;
mod transport;

pub use addresses::Reach;
pub use passwords::{BcryptPasswords, HashingSettings, HashingSettingsInvalid};
pub use provider::ProviderSettings;
pub use providers::OidcProviders;
pub use tokens::{
    AccessTokenSettings, Ed25519AccessTokens, KeySeed, KeySeedInvalid, SigningKeyUnusable,
};
pub use transport::TlsUnusable;
