//! The only source of the present.

use std::fmt::Debug;

use tollgate_primitives::Timestamp;

pub trait Clock: Debug + Send + Sync {
    fn now(&self) -> Timestamp;
}
