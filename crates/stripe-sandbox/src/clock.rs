//! The sandbox's one clock: the wall clock with an offset, or a moment that stands still until it
//! is moved. The only file that reads the wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Where the sandbox's time comes from. Unix seconds throughout.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Clock {
    /// The wall clock, moved by this many seconds.
    Wall { offset: i64 },
    /// This moment, until somebody moves it.
    Frozen { at: i64 },
}

impl Clock {
    pub(crate) fn new(frozen_at: Option<i64>) -> Self {
        frozen_at.map_or(Self::Wall { offset: 0 }, |at| Self::Frozen { at })
    }

    pub(crate) fn now(self, wall: i64) -> i64 {
        match self {
            Self::Wall { offset } => wall + offset,
            Self::Frozen { at } => at,
        }
    }

    /// The same clock, showing `moment` at the wall time `wall`.
    pub(crate) fn moved_to(self, moment: i64, wall: i64) -> Self {
        match self {
            Self::Wall { .. } => Self::Wall {
                offset: moment - wall,
            },
            Self::Frozen { .. } => Self::Frozen { at: moment },
        }
    }
}

/// Unix seconds by the machine's clock.
#[expect(
    clippy::disallowed_methods,
    reason = "the sandbox's one reading of the wall clock"
)]
pub(crate) fn wall_now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
