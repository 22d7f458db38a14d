//! The only source of ids and secrets.

use std::fmt::Debug;

use tollgate_primitives::Timestamp;
use uuid::Uuid;

pub trait Entropy: Debug + Send + Sync {
    /// A fresh `UUIDv7` of the instant `now`.
    fn uuid(&self, now: Timestamp) -> Uuid;

    /// 256 bits that nobody can guess.
    fn secret(&self) -> [u8; 32];
}
