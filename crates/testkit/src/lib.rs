//! What tests stand on: a database each on a real `PostgreSQL`, a clock that can be moved, requests
//! released at one moment, and a connection to the database that can be watched and cut. It knows no
//! server of ours: what is tested is put together by the tests.

mod burst;
mod clock;
mod container;
mod database;
mod proxy;
mod source;

pub use burst::{Reply, burst};
pub use clock::TestClock;
pub use database::Database;
pub use proxy::{Point, Proxy};
