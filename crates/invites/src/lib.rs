//! Rules about who belongs to an account: what becomes of an invitation, how many people fit, and who
//! may let whom in, raise, lower or put out.
//!
//! Makes no code, sends no mail and counts nobody: what is stored comes in, and a decision comes out.
//! That an account keeps an owner is the store's guard. Pure: `now` is an argument.

mod admit;
mod lifecycle;
mod members;
mod seats;

pub use admit::{InviteRefused, Team, Wanted, admit};
pub use lifecycle::{
    AcceptRefused, Days, DaysInvalid, Invite, MOST_RESENDS, ResendRefused, Revoked, State, accept,
    ready_to_remind, resend, revoke,
};
pub use members::{MemberRefused, may_change, may_remove, may_transfer};
pub use seats::{Full, Seats};
