//! Where a history has to end, said by the provider's last object alone.

use tollgate_billing::{
    Bought, Ended, Meanwhile, PastDue, PendingPayment, ProviderStatus, Snapshot, Stamp,
    Subscription, Trialing, Unpaid,
};
use tollgate_primitives::Timestamp;

use crate::{store::price, world::World};

/// The state that the provider's last word implies, without what depends on when it was heard.
pub(crate) fn implied(world: &World) -> Option<Subscription> {
    let last = world.provider.subscriptions.last()?.clone();
    let (plan, interval) = price();
    let (status, ended_at) = (last.status, last.ended_at);
    let told: Snapshot = last.in_catalog(plan, interval);
    let bought = Bought {
        subscription: told.subscription,
        stamp: Stamp::from_unix_seconds(0),
        plan: told.plan,
        interval: told.interval,
        price: told.price,
        seats: told.seats,
        period: told.period,
        cancellation: None,
    };
    let ended = |bought| Ended {
        bought,
        ended_at: ended_at.unwrap(),
        over_since: None,
    };
    let since = Timestamp::MIN;
    Some(match status {
        ProviderStatus::Incomplete => Subscription::PendingPayment(PendingPayment {
            bought,
            meanwhile: Meanwhile::Nothing,
        }),
        ProviderStatus::IncompleteExpired => Subscription::Expired(ended(bought)),
        ProviderStatus::Trialing => Subscription::Trialing(Trialing::Purchased(bought)),
        ProviderStatus::Active => Subscription::Active(bought),
        ProviderStatus::PastDue => Subscription::PastDue(PastDue {
            bought,
            since,
            attempt: 0,
        }),
        ProviderStatus::Unpaid => Subscription::Unpaid(Unpaid { bought, since }),
        ProviderStatus::Paused => Subscription::Paused(bought),
        ProviderStatus::Canceled => Subscription::Canceled(ended(bought)),
    })
}

/// The state without what depends on when it was heard of.
pub(crate) fn settled(state: Option<Subscription>) -> Option<Subscription> {
    let since = Timestamp::MIN;
    let undated = |bought: Bought| Bought {
        stamp: Stamp::from_unix_seconds(0),
        ..bought
    };
    let ended = |ended: Ended| Ended {
        bought: undated(ended.bought),
        // Whether an end before it was heard of.
        over_since: None,
        ..ended
    };
    Some(match state? {
        Subscription::PastDue(debt) => Subscription::PastDue(PastDue {
            bought: undated(debt.bought),
            since,
            attempt: 0,
        }),
        Subscription::Unpaid(debt) => Subscription::Unpaid(Unpaid {
            bought: undated(debt.bought),
            since,
        }),
        Subscription::PendingPayment(pending) => Subscription::PendingPayment(PendingPayment {
            bought: undated(pending.bought),
            meanwhile: match pending.meanwhile {
                Meanwhile::Nothing | Meanwhile::Over { .. } => Meanwhile::Nothing,
                meanwhile @ (Meanwhile::Trial(_) | Meanwhile::Free { .. }) => meanwhile,
            },
        }),
        Subscription::Trialing(Trialing::Purchased(bought)) => {
            Subscription::Trialing(Trialing::Purchased(undated(bought)))
        }
        Subscription::Active(bought) => Subscription::Active(undated(bought)),
        Subscription::Paused(bought) => Subscription::Paused(undated(bought)),
        Subscription::Canceled(over) => Subscription::Canceled(ended(over)),
        Subscription::Expired(over) => Subscription::Expired(ended(over)),
        other @ (Subscription::Free { .. } | Subscription::Trialing(Trialing::Reverse { .. })) => {
            other
        }
    })
}
