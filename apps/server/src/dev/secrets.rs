//! The secrets of development mode: drawn once, then kept, so that sessions and passwords outlive a
//! restart.

use serde::{Deserialize, Serialize};
use tollgate_use_cases::ports::Entropy as _;

use crate::{config::Variables, system::SystemEntropy};

use super::place::Place;

const FILE: &str = "secrets.json";

#[derive(Serialize, Deserialize)]
pub(super) struct Secrets {
    token_secret: String,
    password_pepper: String,
    access_token_key: String,
    pub(super) stripe_secret_key: String,
    pub(super) stripe_publishable_key: String,
    pub(super) stripe_webhook_secret: String,
    pub(super) operator_password: String,
}

impl Secrets {
    pub(super) fn of(place: &Place) -> anyhow::Result<Self> {
        if let Some(secrets) = place.kept(FILE)? {
            return Ok(secrets);
        }
        let secrets = Self::draw();
        place.keep(FILE, &secrets)?;
        Ok(secrets)
    }

    fn draw() -> Self {
        let draw = || hex::encode(SystemEntropy.secret());
        let draw_short = || draw().split_off(40);
        Self {
            token_secret: draw(),
            password_pepper: draw(),
            access_token_key: draw(),
            stripe_secret_key: format!("sk_test_{}", draw_short()),
            stripe_publishable_key: format!("pk_test_{}", draw_short()),
            stripe_webhook_secret: format!("whsec_{}", draw()),
            operator_password: draw_short(),
        }
    }

    pub(super) fn set_defaults(&self, variables: &mut Variables) {
        variables.set_default("TOKEN_SECRET", &self.token_secret);
        variables.set_default("PASSWORD_PEPPER", &self.password_pepper);
        variables.set_default("ACCESS_TOKEN_KEYS", &self.access_token_key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_drawn_once() {
        let directory = tempfile::tempdir().unwrap();
        let place = Place::claim(directory.path()).unwrap();
        let first = Secrets::of(&place).unwrap();
        let second = Secrets::of(&place).unwrap();
        assert_eq!(first.token_secret, second.token_secret);
        assert_ne!(first.token_secret, Secrets::draw().token_secret);
    }
}
