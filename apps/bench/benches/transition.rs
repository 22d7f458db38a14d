//! What one step and one answer cost. The aim is 50 ns for a step that moves.

use std::{hint::black_box, time::Duration};

use criterion::{BatchSize, Criterion};
use tollgate_billing::{
    AfterEnd, Bought, Event, Interval, Period, Policy, PriceId, ProviderStatus, Snapshot, Stamp,
    Standing, Subscription, SubscriptionId, access, transition,
};
use tollgate_primitives::{PlanKey, Timestamp};

const SECOND: i64 = 1_767_225_600;

/// Outcomes are dropped unmeasured, and soon enough to stay in the cache.
const KEPT: BatchSize = BatchSize::NumIterations(64);

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let state = active(SECOND);
    let now = at(SECOND);
    for (name, event) in events() {
        criterion.bench_function(&format!("transition/{name}"), |bench| {
            bench.iter_batched(
                || (),
                |()| transition(black_box(Some(&state)), black_box(&event), black_box(now)),
                KEPT,
            );
        });
    }
    let standing = Standing {
        subscription: Some(state),
        grant: None,
    };
    let policy = Policy {
        after_end: AfterEnd::Lock,
        read_only_days: 30,
    };
    criterion.bench_function("access", |bench| {
        bench.iter(|| {
            let access = access(black_box(&standing), black_box(now), black_box(policy));
            black_box(access);
        });
    });
    criterion.final_summary();
}

fn events() -> [(&'static str, Event); 3] {
    [
        (
            "newer_period",
            Event::Observed(snapshot(SECOND + 30 * 24 * 60 * 60)),
        ),
        ("stale_snapshot", Event::Observed(snapshot(SECOND - 1))),
        (
            "payment_failed",
            Event::PaymentFailed {
                subscription: SubscriptionId::new("sub_1QABCDEFGHIJKLMNOPQRSTUV"),
                attempt: 1,
                next_attempt: Some(at(SECOND + 3 * 24 * 60 * 60)),
                stamp: Stamp::from_unix_seconds(SECOND + 1),
            },
        ),
    ]
}

fn snapshot(second: i64) -> Snapshot {
    Snapshot {
        subscription: SubscriptionId::new("sub_1QABCDEFGHIJKLMNOPQRSTUV"),
        status: ProviderStatus::Active,
        plan: PlanKey::free(),
        interval: Interval::Monthly,
        price: PriceId::new("price_1QABCDEFGHIJKLMNOPQRSTUV"),
        seats: 3,
        period: Period::of_days(at(second), 30),
        cancel_at: None,
        ended_at: None,
        stamp: Stamp::from_unix_seconds(second),
    }
}

fn active(second: i64) -> Subscription {
    let Snapshot {
        subscription,
        plan,
        interval,
        price,
        seats,
        period,
        stamp,
        ..
    } = snapshot(second);
    Subscription::Active(Bought {
        subscription,
        stamp,
        plan,
        interval,
        price,
        seats,
        period,
        cancellation: None,
    })
}

fn at(second: i64) -> Timestamp {
    Timestamp::MIN.saturating_add(Duration::from_secs(second.unsigned_abs()))
}
