//! Access tokens: who is calling, never what they may do.

use std::fmt::Debug;

use thiserror::Error;
use tollgate_primitives::{AccountId, SessionId, Timestamp, UserId};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessClaims {
    pub user: UserId,
    pub session: SessionId,
    pub account: AccountId,
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AccessTokenInvalid {
    #[error("the access token has expired")]
    Expired,
    #[error("not an access token of ours")]
    Forged,
}

pub trait AccessTokens: Debug + Send + Sync {
    fn issue(&self, claims: &AccessClaims) -> String;

    /// Checks signature, algorithm, key id, type, issuer, audience and times. May remember tokens it
    /// has checked, by digest, for as long as they live.
    fn verify(&self, token: &str, now: Timestamp) -> Result<AccessClaims, AccessTokenInvalid>;
}
