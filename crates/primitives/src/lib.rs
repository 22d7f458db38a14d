//! The vocabulary every other crate shares: ids, e-mail addresses, money, instants, plan names.
//! Decides only whether outside text is one of these. No clock, no randomness, no I/O.

mod email;
mod id;
mod money;
mod plan;
mod timestamp;

pub use email::{EmailAddress, EmailInvalid};
pub use id::{
    AccountId, ChangeId, IdInvalid, IdentityId, InviteCodeId, InviteId, JobKey, LeadId,
    ReservationId, SessionId, TokenId, UserId,
};
pub use money::{Currency, CurrencyInvalid, Money, MoneyOverflow};
pub use plan::{PlanKey, PlanKeyInvalid};
pub use timestamp::{Timestamp, TimestampOutOfRange};
