//! Ports that no webhook and no job of one leads to.

use async_trait::async_trait;
use tollgate_identity::Password;
use tollgate_primitives::Timestamp;
use tollgate_use_cases::ports::{
    AccessClaims, AccessTokenInvalid, AccessTokens, Entropy, PasswordHash, Passwords,
    PasswordsError, Verdict,
};
use uuid::Uuid;

#[derive(Debug)]
pub(crate) struct Unused;

pub(crate) fn unused() -> ! {
    unreachable!("the simulation leads here by no way")
}

impl Entropy for Unused {
    fn uuid(&self, _: Timestamp) -> Uuid {
        unused()
    }

    fn secret(&self) -> [u8; 32] {
        unused()
    }
}

impl AccessTokens for Unused {
    fn issue(&self, _: &AccessClaims) -> String {
        unused()
    }

    fn verify(&self, _: &str, _: Timestamp) -> Result<AccessClaims, AccessTokenInvalid> {
        unused()
    }
}

#[async_trait]
impl Passwords for Unused {
    async fn hash(&self, _: &Password) -> Result<PasswordHash, PasswordsError> {
        unused()
    }

    async fn verify(
        &self,
        _: &Password,
        _: Option<&PasswordHash>,
    ) -> Result<Verdict, PasswordsError> {
        unused()
    }
}
