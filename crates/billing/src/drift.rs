//! Whether what is stored still says what the provider says, and if not, in what.

use std::mem::discriminant;

use crate::{Effect, Outcome, Snapshot, Subscription, transition};

/// In what the stored subscription differs from the provider's, the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Drift {
    /// The provider charges for two subscriptions of one account.
    SecondLive,
    /// What is stored is not that subscription at all.
    Purchase,
    Status,
    Seats,
    /// Plan, price, period or scheduled end.
    Terms,
}

/// Compares what is stored with `read`, which is how the subscription stood at the provider. What was
/// stored later than that is no drift.
#[must_use]
pub fn drift(current: Option<&Subscription>, read: &Snapshot) -> Option<Drift> {
    match transition::read(current, read) {
        Outcome::Moved {
            effect: Some(Effect::EndSecond { .. }),
            ..
        }
        | Outcome::Noticed(Effect::EndSecond { .. }) => Some(Drift::SecondLive),
        Outcome::Moved { next, .. } => Some(difference(current, &next)),
        Outcome::Noticed(_) | Outcome::AlreadyApplied | Outcome::NeedsRead => None,
    }
}

fn difference(current: Option<&Subscription>, next: &Subscription) -> Drift {
    let stored = current.and_then(|state| Some((state, state.bought()?)));
    let (Some((state, old)), Some(new)) = (stored, next.bought()) else {
        return Drift::Purchase;
    };
    if old.subscription != new.subscription {
        Drift::Purchase
    } else if discriminant(state) != discriminant(next) {
        Drift::Status
    } else if old.seats != new.seats {
        Drift::Seats
    } else {
        Drift::Terms
    }
}
