//! What single steps keep, change and order, beyond the state they lead to.

use tollgate_billing::{
    Effect, Event, Interval, Outcome, PastDue, PaymentFailure, Period, PriceId, ProviderStatus,
    ScheduledCancellation, Snapshot, Stamp, Subscription, SubscriptionId, transition,
};

use crate::given::{Content, STATUSES, at, bought, plan, shape, snapshot, stamp, state, status};

const STORED: i64 = 100;

#[test]
fn a_failed_payment_opens_a_grace_period() {
    let (next, effect) = moved("active", &failed(1, 105));
    let expected = PastDue {
        bought: bought(&snapshot("a", ProviderStatus::Active, 105)),
        since: at(105),
        attempt: 1,
    };
    assert_eq!(next, Subscription::PastDue(expected));
    assert_eq!(effect, Some(warning(1, 105)));
}

#[test]
fn a_further_failure_warns_again_and_keeps_the_start_of_the_grace_period() {
    let (next, effect) = moved("past_due", &failed(3, 105));
    let Subscription::PastDue(debt) = next else {
        panic!("still past due");
    };
    assert_eq!((debt.since, debt.attempt), (at(STORED), 3));
    assert_eq!(effect, Some(warning(3, 105)));
}

#[test]
fn a_snapshot_of_a_debt_keeps_its_start_and_its_warnings() {
    let told = snapshot("a", ProviderStatus::PastDue, 105);
    let (Subscription::PastDue(debt), _) = moved("past_due", &Event::Observed(told)) else {
        panic!("still past due");
    };
    assert_eq!((debt.since, debt.attempt), (at(STORED), 2));

    let told = snapshot("a", ProviderStatus::Unpaid, 105);
    let (Subscription::Unpaid(debt), _) = moved("unpaid", &Event::Observed(told)) else {
        panic!("still unpaid");
    };
    assert_eq!(debt.since, at(STORED));
}

#[test]
fn a_debt_first_heard_of_by_a_snapshot_has_warned_nobody_yet() {
    let told = snapshot("a", ProviderStatus::PastDue, 105);
    let (debt, effect) = moved("active", &Event::Observed(told));
    assert_eq!(effect, None);
    let outcome = transition(Some(&debt), &failed(1, 104), at(STORED)).unwrap();
    let Outcome::Moved { next, effect } = outcome else {
        panic!("the failure itself came second");
    };
    assert_eq!(effect, Some(warning(1, 104)));
    assert_eq!(next.bought().unwrap().stamp, stamp(105));
}

#[test]
fn a_failure_from_before_the_payment_warns_nobody_after_it() {
    let (recovered, effect) = moved("active", &paid(107));
    assert_eq!(effect, None);
    assert_eq!(recovered.bought().unwrap().stamp, stamp(107));
    let late = transition(Some(&recovered), &failed(1, 105), at(STORED));
    assert_eq!(late, Ok(Outcome::AlreadyApplied));
}

#[test]
fn terms_from_before_a_payment_are_asked_for_after_it() {
    let before = snapshot("a", ProviderStatus::Active, 105);
    let later = Period::of_days(at(1), 30);
    let told = [
        Snapshot {
            plan: plan("team"),
            ..before.clone()
        },
        Snapshot {
            interval: Interval::Annual,
            ..before.clone()
        },
        Snapshot {
            price: PriceId::new("price_team"),
            ..before.clone()
        },
        Snapshot {
            seats: 4,
            ..before.clone()
        },
        Snapshot {
            period: later,
            ..before.clone()
        },
        Snapshot {
            period: Period::of_days(at(0), 365),
            ..before.clone()
        },
        Snapshot {
            cancel_at: Some(at(500)),
            ..before.clone()
        },
    ];
    for (from, payment) in [
        ("active", paid(106)),
        ("active", failed(1, 106)),
        ("past_due", paid(106)),
        ("past_due", failed(3, 106)),
        ("pending", paid(106)),
    ] {
        let (dated, _) = moved(from, &payment);
        for told in told.clone() {
            let outcome = transition(Some(&dated), &Event::Observed(told), at(STORED));
            assert_eq!(outcome, Ok(Outcome::NeedsRead), "{from}");
        }
        let same = transition(Some(&dated), &Event::Observed(before.clone()), at(STORED));
        assert_eq!(same, Ok(Outcome::AlreadyApplied), "{from}");
    }
}

#[test]
fn terms_of_an_earlier_period_are_stale_whatever_was_paid_since() {
    let (dated, _) = moved("active", &paid(106));
    let told = Snapshot {
        seats: 4,
        period: Period::of_days(at(-1), 30),
        ..snapshot("a", ProviderStatus::Active, 105)
    };
    let outcome = transition(Some(&dated), &Event::Observed(told), at(STORED));
    assert_eq!(outcome, Ok(Outcome::AlreadyApplied));
}

#[test]
fn a_cancellation_of_ours_that_is_told_again_late_is_no_other_term() {
    let dated = state("active", scheduled(true)).unwrap();
    let told = Snapshot {
        cancel_at: Some(at(500)),
        ..snapshot("a", ProviderStatus::Active, STORED - 1)
    };
    let outcome = transition(Some(&dated), &Event::Observed(told), at(STORED));
    assert_eq!(outcome, Ok(Outcome::AlreadyApplied));
}

#[test]
fn the_coming_end_of_a_trial_is_told_unless_it_is_to_be_cancelled() {
    let will_end = Event::TrialWillEnd {
        subscription: SubscriptionId::new("a"),
        ends_at: at(STORED + 9),
    };
    let told = Effect::WarnTrialEnding {
        ends_at: at(STORED + 9),
    };
    let runs_on = state("trialing", Content::as_of(STORED));
    let outcome = transition(runs_on.as_ref(), &will_end, at(STORED));
    assert_eq!(outcome, Ok(Outcome::Noticed(told)));

    let stops = state("trialing", scheduled(false));
    let outcome = transition(stops.as_ref(), &will_end, at(STORED));
    assert_eq!(outcome, Ok(Outcome::AlreadyApplied));
}

#[test]
fn a_cancellation_of_ours_stays_ours_until_it_is_lifted() {
    let scheduled = state("active", scheduled(true)).unwrap();
    let told = Snapshot {
        cancel_at: Some(at(500)),
        ..snapshot("a", ProviderStatus::Active, 105)
    };
    let still = step(&scheduled, told.clone())
        .bought()
        .unwrap()
        .cancellation;
    assert!(still.unwrap().is_auto);

    let lifted = step(&scheduled, snapshot("a", ProviderStatus::Active, 105));
    assert_eq!(lifted.bought().unwrap().cancellation, None);

    let again = Snapshot {
        stamp: stamp(106),
        ..told
    };
    let by_a_person = step(&lifted, again).bought().unwrap().cancellation;
    assert!(!by_a_person.unwrap().is_auto);
}

#[test]
fn where_the_provider_is_silent_the_stamp_says_when_it_ended() {
    let told = Snapshot {
        ended_at: None,
        ..snapshot("a", ProviderStatus::Canceled, 105)
    };
    let (next, _) = moved("active", &Event::Observed(told));
    assert_eq!(next.ended().unwrap().ended_at, at(105));
}

#[test]
fn an_end_without_a_date_does_not_displace_another_when_read() {
    let told = Snapshot {
        ended_at: None,
        ..snapshot("b", ProviderStatus::Canceled, 105)
    };
    let before = state("canceled", Content::as_of(STORED));
    let outcome = transition(before.as_ref(), &Event::Read(told), at(STORED));
    assert_eq!(outcome, Ok(Outcome::AlreadyApplied));
}

/// Whichever of the two is stored when the other is read.
#[test]
fn t84_of_two_live_subscriptions_the_newest_that_is_paid_stays() {
    let told = |id: &str, name: &str, started: i64| Snapshot {
        period: Period::of_days(at(started), 30),
        ..snapshot(id, status(name), STORED)
    };
    for (stays, ends) in [
        (told("a", "active", 5), told("b", "active", 4)),
        (told("b", "active", 4), told("a", "active", 4)),
        (told("a", "active", 1), told("b", "incomplete", 9)),
        (told("a", "active", 1), told("b", "trialing", 9)),
        (told("a", "active", 1), told("b", "past_due", 9)),
        (told("a", "trialing", 2), told("b", "trialing", 1)),
        (told("a", "past_due", 1), told("b", "unpaid", 9)),
    ] {
        let end = Effect::EndSecond {
            subscription: ends.subscription.clone(),
        };
        let read = |stored: &Snapshot, read: &Snapshot| {
            let before = step_from(None, stored.clone());
            transition(Some(&before), &Event::Read(read.clone()), at(STORED)).unwrap()
        };
        assert_eq!(read(&stays, &ends), Outcome::Noticed(end.clone()));
        let Outcome::Moved { next, effect } = read(&ends, &stays) else {
            panic!("{stays:?} takes the place of {ends:?}");
        };
        assert_eq!(next.bought(), Some(&bought(&stays)));
        assert_eq!(effect, Some(end));
    }
}

#[test]
fn a_stamp_beyond_the_calendar_is_no_reason_to_panic() {
    for second in [i64::MIN, -1, i64::MAX] {
        for (name, status) in STATUSES {
            let told = Snapshot {
                ended_at: None,
                stamp: Stamp::from_unix_seconds(second),
                ..snapshot("a", status, 0)
            };
            let outcome = transition(None, &Event::Observed(told), at(0)).unwrap();
            let Outcome::Moved { next, .. } = outcome else {
                panic!("the first snapshot is always believed");
            };
            let named = shape(Some(&next)).replace("pending", "incomplete");
            assert_eq!(named, name.replace("incomplete_", ""));
        }
    }
}

fn failed(attempt: u32, second: i64) -> Event {
    Event::PaymentFailed {
        subscription: SubscriptionId::new("a"),
        attempt,
        next_attempt: Some(at(200)),
        stamp: stamp(second),
    }
}

fn paid(second: i64) -> Event {
    Event::PaymentSucceeded {
        subscription: SubscriptionId::new("a"),
        stamp: stamp(second),
    }
}

fn warning(attempt: u32, second: i64) -> Effect {
    Effect::WarnPaymentFailed(PaymentFailure {
        subscription: SubscriptionId::new("a"),
        attempt,
        failed_at: at(second),
        next_attempt: Some(at(200)),
    })
}

fn scheduled(is_auto: bool) -> Content {
    let mut content = Content::as_of(STORED);
    content.bought.cancellation = Some(ScheduledCancellation {
        at: at(500),
        is_auto,
    });
    content
}

fn moved(from: &str, event: &Event) -> (Subscription, Option<Effect>) {
    let before = state(from, Content::as_of(STORED));
    match transition(before.as_ref(), event, at(STORED)) {
        Ok(Outcome::Moved { next, effect }) => (next, effect),
        unheard => panic!("{from} was to move: {unheard:?}"),
    }
}

fn step(before: &Subscription, told: Snapshot) -> Subscription {
    step_from(Some(before), told)
}

fn step_from(before: Option<&Subscription>, told: Snapshot) -> Subscription {
    match transition(before, &Event::Observed(told), at(STORED)) {
        Ok(Outcome::Moved { next, .. }) => next,
        unheard => panic!("a newer snapshot is believed: {unheard:?}"),
    }
}
