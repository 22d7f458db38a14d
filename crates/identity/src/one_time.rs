//! Mailed tokens that work once: what each is for, and for how long. Makes no token and sends none.

use std::time::Duration;

/// What a mailed token lets its holder do. One is never good for another's purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Prove that the address is theirs.
    Verify,
    /// Set a new password without the old one.
    Reset,
}

impl Purpose {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Reset => "reset",
        }
    }

    /// How long it works from the moment it was asked for. A reset is short because whoever has the
    /// link has the person's sign-in (ASVS 5.0, 6.5.5).
    #[must_use]
    pub const fn life(self) -> Duration {
        match self {
            Self::Verify => Duration::from_hours(24),
            Self::Reset => Duration::from_hours(1),
        }
    }
}
