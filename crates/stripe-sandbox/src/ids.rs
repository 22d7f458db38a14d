//! Object ids that look like Stripe's and never repeat, also not after a reset.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A counter whose numbers are shown as the digest of seed and number.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ids {
    seed: u64,
    issued: u64,
}

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, issued: 0 }
    }

    /// `prefix` followed by `length` letters and digits, at most 32.
    pub(crate) fn next(&mut self, prefix: &str, length: usize) -> String {
        self.issued += 1;
        let mut digest = Sha256::new();
        digest.update(self.seed.to_be_bytes());
        digest.update(self.issued.to_be_bytes());
        let tail = digest.finalize().into_iter().take(length).map(letter);
        prefix.chars().chain(tail).collect()
    }
}

fn letter(byte: u8) -> char {
    ALPHABET
        .get(usize::from(byte) % ALPHABET.len())
        .map_or('0', |&letter| char::from(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_by_number_and_by_seed() {
        let (mut one, mut two) = (Ids::new(1), Ids::new(2));
        let first = one.next("cus_", 14);
        assert_eq!(first.len(), 18);
        assert_ne!(first, one.next("cus_", 14));
        assert_ne!(first, two.next("cus_", 14));
    }
}
