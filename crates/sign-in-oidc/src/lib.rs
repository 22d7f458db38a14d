//! Proof of who somebody is: passwords, kept as hashes, and access tokens, signed with Ed25519.
//! Decides neither who may sign in nor how long a session lasts.

mod passwords;
mod pool;
mod tokens;

pub use passwords::{BcryptPasswords, HashingSettings, HashingSettingsInvalid};
pub use tokens::{
    AccessTokenSettings, Ed25519AccessTokens, KeySeed, KeySeedInvalid, SigningKeyUnusable,
};
