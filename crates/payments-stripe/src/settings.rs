//! What the operator says about Stripe, checked.

use std::{num::NonZeroU32, time::Duration};

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

    /// Four fifths of what Stripe allows a live account, and all that it allows a test account.
    /// <https://docs.stripe.com/rate-limits>
    #[must_use]
    pub const fn calls_per_second(self) -> NonZeroU32 {
        match self {
            Self::Live => NonZeroU32::MIN.saturating_add(79),
            Self::Test => NonZeroU32::MIN.saturating_add(24),
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
    /// Calls that go out within any second at most, tries counted each.
    pub calls_per_second: NonZeroU32,
    /// For one try; a job waits twice as long.
    pub timeout: Duration,
    /// For one call with all its tries and pauses; a job waits twice as long.
    pub deadline: Duration,
    /// How often one call is tried at most.
    pub tries: u32,
    /// The longest pause after the first try; it doubles with every further one.
    pub backoff: Duration,
}

impl Settings {
    /// Waits that suit a person, whose request may take two calls.
    #[must_use]
    pub fn new(secret_key: SecretString, mode: Mode) -> Self {
        Self {
            secret_key,
            api_base: None,
            calls_per_second: mode.calls_per_second(),
            timeout: Duration::from_secs(4),
            deadline: Duration::from_secs(5),
            tries: 4,
            backoff: Duration::from_millis(500),
        }
    }

    /// Tries of `timeout`, with a quarter of it for everything else of a call.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self {
            timeout,
            deadline: timeout + timeout / 4,
            ..self
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
