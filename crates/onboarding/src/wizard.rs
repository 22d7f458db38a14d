//! How far somebody is in the wizard. Only ever further: two tabs, a late request or a step back in the
//! browser lose nothing.

use thiserror::Error;

/// The steps, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Which company, how large, and who is asking.
    Company,
    /// Which tool they work in.
    Tool,
    /// Whom to invite; the invites go their own way.
    Invites,
}

/// There is no step of this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a step is 1, 2 or 3")]
pub struct StepInvalid;

/// A step before the one that was done or skipped last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("step {requested} lies before step {current}, which is done")]
pub struct StepCannotDecrease {
    pub current: u8,
    pub requested: u8,
}

/// The highest step that was done or skipped, 0 before the first, and whether the rest was waved away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub step_completed: u8,
    pub is_dismissed: bool,
}

impl Step {
    pub const ALL: [Self; 3] = [Self::Company, Self::Tool, Self::Invites];

    pub const fn parse(number: u8) -> Result<Self, StepInvalid> {
        match number {
            1 => Ok(Self::Company),
            2 => Ok(Self::Tool),
            3 => Ok(Self::Invites),
            _ => Err(StepInvalid),
        }
    }

    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Company => 1,
            Self::Tool => 2,
            Self::Invites => 3,
        }
    }
}

impl Progress {
    /// After `step` was done or skipped: again is fine, further is fine, back is refused.
    pub const fn advance(self, step: Step) -> Result<Self, StepCannotDecrease> {
        let requested = step.number();
        if requested < self.step_completed {
            return Err(StepCannotDecrease {
                current: self.step_completed,
                requested,
            });
        }
        Ok(Self {
            step_completed: requested,
            ..self
        })
    }

    /// Whether the wizard has nothing more to ask.
    #[must_use]
    pub const fn is_done(self) -> bool {
        self.is_dismissed || self.step_completed >= Step::Invites.number()
    }

    /// Whether company and tool were answered, or passed over.
    #[must_use]
    pub const fn is_set_up(self) -> bool {
        self.step_completed >= Step::Tool.number()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Progress = Progress {
        step_completed: 0,
        is_dismissed: false,
    };

    #[test]
    fn a_step_reads_back_from_its_number_and_there_are_three() {
        for step in Step::ALL {
            assert_eq!(Step::parse(step.number()), Ok(step));
        }
        for number in [0, 4, 255] {
            assert_eq!(Step::parse(number), Err(StepInvalid));
        }
    }

    #[test]
    fn the_whole_table_of_steps() {
        for current in 0..=3 {
            for step in Step::ALL {
                let before = Progress {
                    step_completed: current,
                    is_dismissed: false,
                };
                let requested = step.number();
                let expected = if requested < current {
                    Err(StepCannotDecrease { current, requested })
                } else {
                    Ok(requested)
                };
                let after = before.advance(step).map(|after| after.step_completed);
                assert_eq!(after, expected, "{step:?} after {current}");
            }
        }
    }

    #[test]
    fn the_wizard_is_done_when_it_is_waved_away_or_over() {
        for step_completed in 0..=3 {
            for is_dismissed in [false, true] {
                let progress = Progress {
                    step_completed,
                    is_dismissed,
                };
                assert_eq!(progress.is_done(), is_dismissed || step_completed == 3);
                assert_eq!(progress.is_set_up(), step_completed >= 2);
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_is_asked_in_whatever_order_nobody_falls_back(
            asked in proptest::collection::vec(1_u8..=3, 0..20)
        ) {
            let mut progress = START;
            for number in &asked {
                let before = progress.step_completed;
                progress = progress.advance(Step::parse(*number).unwrap()).unwrap_or(progress);
                prop_assert!(progress.step_completed >= before);
            }
            prop_assert_eq!(progress.step_completed, asked.iter().copied().max().unwrap_or(0));
        }
    }
}
