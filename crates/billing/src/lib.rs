//! What an account has bought, is trying or has lost, and what that lets it do at a given moment.
//!
//! The whole rule is three functions: [`transition`] (what an event makes of a subscription),
//! [`access`] (what a standing lets an account do at `now`) and [`next_deadline`] (when time alone
//! changes that answer). [`purchase`] decides who may start to buy, [`change`] who may change what was
//! bought, [`Notice`] whether a mail about it is still true when it leaves. Pure: no clock, no I/O, and no knowledge of any payment provider; its words are translated
//! at the adapter.

mod access;
pub mod change;
mod complimentary;
mod drift;
mod notice;
mod provider;
pub mod purchase;
mod subscription;
mod transition;

pub use access::{
    Access, AfterEnd, Basis, Locked, Policy, Standing, Status, StatusInvalid, access, bought_seats,
    is_paid, next_deadline, wire_status,
};
pub use complimentary::{Complimentary, GrantRefused};
pub use drift::{Drift, drift};
pub use notice::{Notice, PaymentFailure, TrialNotice};
pub use provider::{
    Customer, Interval, IntervalInvalid, PriceId, ProviderStatus, Snapshot, Stamp, SubscriptionId,
};
pub use subscription::{
    Bought, Ended, Grant, Meanwhile, PastDue, PendingPayment, Period, PeriodInvalid,
    ScheduledCancellation, Start, Subscription, Trial, Trialing, Unpaid,
};
pub use transition::{Effect, Event, Outcome, Refused, transition};
