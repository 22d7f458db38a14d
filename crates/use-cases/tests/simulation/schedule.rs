//! What happens next is a seed's choice: every step of a task ends in a pause, after which any other
//! may go on.

use std::{
    future::poll_fn,
    hash::{DefaultHasher, Hash, Hasher},
    mem,
    task::Poll,
};

/// `SplitMix64`: small, and the same everywhere.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((word ^ (word >> 31)) % end as u64).unwrap()
    }

    pub(crate) fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }
}

/// The order in which everything happened, as one number.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    hasher: DefaultHasher,
    pub(crate) steps: u64,
}

impl Trace {
    pub(crate) fn note(&mut self, what: &str) {
        what.hash(&mut self.hasher);
        self.steps += 1;
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hasher.finish()
    }
}

/// Lets any other task go first.
pub(crate) async fn pause() {
    let mut is_first = true;
    poll_fn(move |_| {
        if mem::take(&mut is_first) {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
}
