//! One list for everybody: what is done, and what of the rest matters most.

/// What is known of a person and their account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a checklist is as many yes or no"
)]
pub struct Checklist {
    pub email_verified: bool,
    pub shop_setup_done: bool,
    pub first_use: bool,
    pub connected_integration: bool,
    pub invited_teammate: bool,
    pub plan_picked: bool,
    /// Whether the trial is near its end, or over: nobody is asked to pick a plan before.
    pub is_plan_due: bool,
    pub is_dismissed: bool,
}

/// What to do next, in the order of what matters most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    VerifyEmail,
    SetUp,
    FirstUse,
    Connect,
    Invite,
    PickPlan,
}

impl NextStep {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::SetUp => "set_up",
            Self::FirstUse => "first_use",
            Self::Connect => "connect",
            Self::Invite => "invite",
            Self::PickPlan => "pick_plan",
        }
    }
}

impl Checklist {
    /// The first item that is open; `None` when there is none, or the list was waved away.
    #[must_use]
    pub fn next_step(&self) -> Option<NextStep> {
        if self.is_dismissed {
            return None;
        }
        let items = [
            (self.email_verified, NextStep::VerifyEmail),
            (self.shop_setup_done, NextStep::SetUp),
            (self.first_use, NextStep::FirstUse),
            (self.connected_integration, NextStep::Connect),
            (self.invited_teammate, NextStep::Invite),
            (self.plan_picked || !self.is_plan_due, NextStep::PickPlan),
        ];
        let open = items.into_iter().find(|(is_done, _)| !is_done);
        open.map(|(_, step)| step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bits: u8) -> Checklist {
        let is = |bit: u8| bits & (1 << bit) != 0;
        Checklist {
            email_verified: is(0),
            shop_setup_done: is(1),
            first_use: is(2),
            connected_integration: is(3),
            invited_teammate: is(4),
            plan_picked: is(5),
            is_plan_due: is(6),
            is_dismissed: is(7),
        }
    }

    /// Every one of the 256 lists.
    #[test]
    fn the_next_step_is_the_first_that_is_open() {
        for bits in 0..=u8::MAX {
            let list = of(bits);
            let mut expected = match bits.trailing_ones() {
                0 => Some("verify_email"),
                1 => Some("set_up"),
                2 => Some("first_use"),
                3 => Some("connect"),
                4 => Some("invite"),
                5 if list.is_plan_due => Some("pick_plan"),
                _ => None,
            };
            if list.is_dismissed {
                expected = None;
            }
            assert_eq!(list.next_step().map(NextStep::as_str), expected, "{list:?}");
        }
    }
}
