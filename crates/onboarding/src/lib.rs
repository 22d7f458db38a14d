//! What a new person is asked and shown: the wizard of three steps, the answers it takes, and the
//! checklist with the most important thing to do next.
//!
//! Decides how far somebody is and what comes next. Stores nothing, sends no invites, and does not know
//! what the product's first use is: that is told to it. Pure.

mod answers;
mod checklist;
mod wizard;

pub use answers::{AnswerInvalid, RoleAtSignup, TeamSize, Tool, Tools, ToolsInvalid};
pub use checklist::{Checklist, NextStep};
pub use wizard::{Progress, Step, StepCannotDecrease, StepInvalid};
