//! One file per use case. Each reads: clock, begin, lock, decide (in a pure crate), write state and
//! outbox, commit. Async, but no I/O of its own: that is behind the [`ports`].

pub mod ports;
