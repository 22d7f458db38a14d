//! Password hashing, on a bounded pool of its own.

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;
use thiserror::Error;
use tollgate_identity::Password;

/// A stored hash with the version of its scheme; opaque.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub String);

impl Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Right,
    /// Right, but stored under older parameters: store this instead.
    RightRehashed(PasswordHash),
    Wrong,
}

#[derive(Debug, Error)]
pub enum PasswordsError {
    /// Every place in the pool and in its queue is taken.
    #[error("too many sign-ins at once")]
    Busy { retry_after: Duration },
    #[error("hashing a password failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

#[async_trait]
pub trait Passwords: Debug + Send + Sync {
    /// A retry makes another, equally good hash.
    async fn hash(&self, password: &Password) -> Result<PasswordHash, PasswordsError>;

    /// `None` stands for a person who is not there or has no password: costs the same, always wrong.
    async fn verify(
        &self,
        password: &Password,
        stored: Option<&PasswordHash>,
    ) -> Result<Verdict, PasswordsError>;
}
