//! What is compared with what, and how it must compare.

/// One kind of request, in the order of the turns: each next to what it is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    Bare,
    Read,
    Gate,
    State,
    Write,
    Webhook,
}

impl Case {
    pub(crate) const ALL: [Self; 6] = [
        Self::Bare,
        Self::Read,
        Self::Gate,
        Self::State,
        Self::Write,
        Self::Webhook,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare actix reply",
            Self::Read => "actix, one prepared read",
            Self::Gate => "GET /gate",
            Self::State => "GET /billing/state",
            Self::Write => "actix, one durable transaction",
            Self::Webhook => "POST /webhooks/stripe",
        }
    }

    /// The baseline, and the least share of its rate that is good enough.
    pub(crate) const fn target(self) -> Option<(Self, f64)> {
        match self {
            Self::Bare | Self::Read | Self::Write => None,
            Self::Gate | Self::State => Some((Self::Read, 0.6)),
            Self::Webhook => Some((Self::Write, 0.9)),
        }
    }

    /// Whether a request is good for one time only.
    pub(crate) const fn is_delivery(self) -> bool {
        matches!(self, Self::Write | Self::Webhook)
    }
}
