//! What the operator says about Stripe, checked.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

/// Whether a key moves real money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Live,
    Test,
}

impl Mode {
    /// Read off the key itself: `sk_live_…`, `rk_test_…`. <https://docs.stripe.com/keys>
    pub fn of(secret_key: &SecretString) -> Result<Self, SettingsInvalid> {
        let key = secret_key.expose_secret();
        let mode = key
            .strip_prefix("sk_")
            .or_else(|| key.strip_prefix("rk_"))
            .and_then(|rest| rest.split_once('_'));
        match mode {
            Some(("live", secret)) if !secret.is_empty() => Ok(Self::Live),
            Some(("test", secret)) if !secret.is_empty() => Ok(Self::Test),
            _ => Err(SettingsInvalid::SecretKey),
        }
    }

    pub(crate) const fn is_live(self) -> bool {
        matches!(self, Self::Live)
    }
}

/// How Stripe is asked.
#[derive(Debug, Clone)]
pub struct Settings {
    pub secret_key: SecretString,
    /// Where the API answers, without `/v1`; Stripe itself when `None`.
    pub api_base: Option<String>,
    /// For one try.
    pub timeout: Duration,
    /// For one call with all its tries and pauses.
    pub deadline: Duration,
    /// How often one call is tried at most.
    pub tries: u32,
    /// The longest pause after the first try; it doubles with every further one.
    pub backoff: Duration,
}

impl Settings {
    /// Waits that suit a person who waits for the answer.
    #[must_use]
    pub fn new(secret_key: SecretString) -> Self {
        Self {
            secret_key,
            api_base: None,
            timeout: Duration::from_secs(8),
            deadline: Duration::from_secs(10),
            tries: 4,
            backoff: Duration::from_millis(500),
        }
    }
}

/// A setting that Stripe cannot be asked with. Shows no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SettingsInvalid {
    #[error("the secret key must look like sk_test_… or sk_live_… (or rk_…)")]
    SecretKey,
    #[error("the API base must be an http or https address without path or query")]
    ApiBase,
    #[error("the TLS library refused its own defaults")]
    Tls,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_itself_whether_it_moves_money() {
        for (key, mode) in [
            ("sk_live_1", Ok(Mode::Live)),
            ("rk_live_1", Ok(Mode::Live)),
            ("sk_test_1", Ok(Mode::Test)),
            ("sk_test_", Err(SettingsInvalid::SecretKey)),
            ("pk_test_1", Err(SettingsInvalid::SecretKey)),
            ("live_1", Err(SettingsInvalid::SecretKey)),
            ("", Err(SettingsInvalid::SecretKey)),
        ] {
            assert_eq!(Mode::of(&key.into()), mode, "{key}");
        }
    }
}
