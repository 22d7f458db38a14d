//! What a comparison with the provider calls drift, and what it leaves alone.

use tollgate_billing::{
    Drift, Ended, Event, Outcome, Period, PriceId, ProviderStatus, Snapshot, Subscription, Trial,
    Trialing, drift, transition,
};

use crate::given::{Content, SHAPES, at, bought, plan, snapshot, state};

/// Of the stored subscription `a`, as of second 10, read at second 20.
fn found(shape: &str, change: impl FnOnce(&mut Snapshot)) -> Option<Drift> {
    let mut read = snapshot("a", ProviderStatus::Active, 20);
    change(&mut read);
    drift(state(shape, Content::as_of(10)).as_ref(), &read)
}

#[test]
fn i21_what_says_the_same_is_no_drift() {
    assert_eq!(found("active", |_| {}), None);
    for (shape, status) in [
        ("trialing", ProviderStatus::Trialing),
        ("pending", ProviderStatus::Incomplete),
        ("pending/trial", ProviderStatus::Incomplete),
        ("past_due", ProviderStatus::PastDue),
        ("unpaid", ProviderStatus::Unpaid),
        ("paused", ProviderStatus::Paused),
        ("canceled", ProviderStatus::Canceled),
        ("pending/over", ProviderStatus::Incomplete),
        ("expired", ProviderStatus::IncompleteExpired),
        ("expired/over", ProviderStatus::IncompleteExpired),
        ("free/failed", ProviderStatus::IncompleteExpired),
        ("trial/failed", ProviderStatus::IncompleteExpired),
    ] {
        assert_eq!(found(shape, |read| read.status = status), None, "{shape}");
    }
}

#[test]
fn each_difference_has_its_name() {
    let paused = |read: &mut Snapshot| read.status = ProviderStatus::Paused;
    assert_eq!(found("active", paused), Some(Drift::Status));
    assert_eq!(found("active", |read| read.seats = 4), Some(Drift::Seats));
    let dearer = |read: &mut Snapshot| read.price = PriceId::new("price_pro_2");
    assert_eq!(found("active", dearer), Some(Drift::Terms));
    let renewed = |read: &mut Snapshot| read.period = Period::of_days(at(0), 60);
    assert_eq!(found("active", renewed), Some(Drift::Terms));
    let ending = |read: &mut Snapshot| read.cancel_at = Some(at(99));
    assert_eq!(found("active", ending), Some(Drift::Terms));
    for shape in ["none", "free", "trial"] {
        assert_eq!(found(shape, |_| {}), Some(Drift::Purchase), "{shape}");
    }
    let another = |read: &mut Snapshot| *read = snapshot("b", ProviderStatus::Active, 20);
    assert_eq!(found("canceled", another), Some(Drift::Purchase));
    assert_eq!(found("active", another), Some(Drift::SecondLive));
}

#[test]
fn what_was_read_before_the_stored_word_is_no_drift() {
    let older = |read: &mut Snapshot| *read = snapshot("a", ProviderStatus::PastDue, 9);
    assert_eq!(found("active", older), None);
}

#[test]
fn an_older_subscription_that_ended_is_no_drift_where_its_end_is_known() {
    for shape in SHAPES {
        let long_gone = |read: &mut Snapshot| {
            *read = snapshot("old", ProviderStatus::Canceled, 5);
        };
        let expected = match shape {
            "none" | "free" | "trial" => Some(Drift::Purchase),
            // What there was before it was over with it.
            "trial/failed" => Some(Drift::Status),
            "pending" | "pending/trial" | "expired" => Some(Drift::Terms),
            _ => None,
        };
        assert_eq!(found(shape, long_gone), expected, "{shape}");
    }
}

/// Of a free plan since second 50, a trial from second 50 and none, a purchase that failed at 100.
#[test]
fn what_there_was_before_ends_with_what_ran_and_what_came_after_it_goes_on() {
    let failed = Ended {
        bought: bought(&snapshot("a", ProviderStatus::Active, 10)),
        ended_at: at(100),
        over_since: None,
    };
    let free = Subscription::Free {
        since: at(50),
        failed: Some(failed.clone()),
    };
    let trial = Subscription::Trialing(Trialing::Reverse {
        trial: Trial {
            plan: plan("pro"),
            period: Period::of_days(at(50), 14),
        },
        failed: Some(failed.clone()),
    });
    let after = |state: &Subscription, end| {
        let gone = snapshot("old", ProviderStatus::Canceled, end);
        match transition(Some(state), &Event::Read(gone), at(200)) {
            Ok(Outcome::Moved { next, effect: None }) => next,
            Ok(Outcome::AlreadyApplied) => state.clone(),
            other => panic!("{other:?}"),
        }
    };
    for before in [free, trial] {
        assert_eq!(after(&before, 49), before);
        assert_eq!(after(&before, 50), before);
        let over = Subscription::Expired(Ended {
            over_since: Some(at(51)),
            ..failed.clone()
        });
        assert_eq!(after(&before, 51), over);
    }
}
