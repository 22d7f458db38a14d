//! What holds for every state, every event and every moment.

use std::time::Duration;

use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::{Index, select},
};
use tollgate_billing::{
    Access, AfterEnd, Basis, Event, Outcome, Period, Policy, ProviderStatus, Snapshot, Standing,
    Subscription, SubscriptionId, Trial, access, is_paid, next_deadline, transition, wire_status,
};
use tollgate_primitives::Timestamp;

use crate::{
    given::{
        Content, DAY, SHAPES, STATUSES, at, bought, grant, plan, shape, snapshot, stamp, state,
    },
    lives::{Life, settled, subject},
    shifted::Shifted,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// But for a notice: no state remembers it, so its delivery is told apart by the event's own id.
    #[test]
    fn an_event_delivered_twice_acts_once(before in states(), event in events(), now in moments()) {
        let Ok(Outcome::Moved { next, .. }) = transition(before.as_ref(), &event, now) else {
            return Ok(());
        };
        match transition(Some(&next), &event, now) {
            Ok(Outcome::AlreadyApplied) => {}
            Ok(Outcome::Moved { next: again, effect }) => {
                prop_assert_eq!(again, next);
                prop_assert_eq!(effect, None);
            }
            unheard => prop_assert!(false, "the second delivery was {unheard:?}"),
        }
    }

    #[test]
    fn a_read_of_what_is_stored_changes_nothing(before in states(), told in snapshots()) {
        let Ok(Outcome::Moved { next, .. }) =
            transition(before.as_ref(), &Event::Read(told.clone()), at(0))
        else {
            return Ok(());
        };
        let later = Snapshot { stamp: stamp(1_000), ..told };
        let again = transition(Some(&next), &Event::Read(later), at(0));
        prop_assert_eq!(again, Ok(Outcome::AlreadyApplied));
    }

    #[test]
    fn a_payment_that_overtakes_new_terms_does_not_hide_them(
        before in states(),
        told in snapshots(),
        pays in any::<bool>(),
        days in 0..40_u16,
    ) {
        let live = before.as_ref().filter(|state| state.is_live_at_provider());
        let Some(stored) = live.and_then(Subscription::bought) else {
            return Ok(());
        };
        let told = Snapshot {
            subscription: stored.subscription.clone(),
            seats: stored.seats + 1,
            period: Period::of_days(Period::of_days(stored.period.start(), days).end(), 30),
            stamp: stamp(5),
            ..told
        };
        let (subscription, stamp) = (told.subscription.clone(), stamp(6));
        let payment = if pays {
            Event::PaymentSucceeded { subscription, stamp }
        } else {
            Event::PaymentFailed { subscription, attempt: 4, next_attempt: None, stamp }
        };
        let dated = match transition(before.as_ref(), &payment, at(0)) {
            Ok(Outcome::Moved { next, .. }) => Some(next),
            _ => before,
        };
        let outcome = transition(dated.as_ref(), &Event::Observed(told), at(0));
        prop_assert_ne!(outcome, Ok(Outcome::AlreadyApplied));
    }

    #[test]
    fn nothing_is_paid_before_the_provider_says_so(
        before in states(),
        event in events(),
        now in moments(),
    ) {
        let before = Standing { subscription: before, grant: None };
        let Ok(Outcome::Moved { next, .. }) = transition(before.subscription.as_ref(), &event, now)
        else {
            return Ok(());
        };
        let after = Standing { subscription: Some(next), grant: None };
        if basis(&after, now) == Some(Basis::Paid) && basis(&before, now) != Some(Basis::Paid) {
            let said = match event {
                Event::Observed(told) | Event::Read(told) => told.status == ProviderStatus::Active,
                Event::PaymentSucceeded { .. } => true,
                Event::PaymentFailed { .. } | Event::TrialWillEnd { .. } => false,
            };
            prop_assert!(said);
        }
    }

    #[test]
    fn what_has_ended_never_reopens(before in states(), event in events(), now in moments()) {
        let Some(ended) = before.as_ref().and_then(Subscription::ended) else {
            return Ok(());
        };
        if ended.bought.subscription == *subject(&event) {
            let outcome = transition(before.as_ref(), &event, now);
            prop_assert_eq!(outcome, Ok(Outcome::AlreadyApplied));
        }
    }

    #[test]
    fn the_end_of_a_trial_never_moves(
        before in states(),
        events in vec(events(), 1..8),
        now in moments(),
    ) {
        let trial = before.as_ref().and_then(Subscription::reverse).cloned();
        let mut current = before;
        for event in events {
            if let Ok(Outcome::Moved { next, .. }) = transition(current.as_ref(), &event, now) {
                current = Some(next);
            }
            if let Some(kept) = current.as_ref().and_then(Subscription::reverse) {
                prop_assert_eq!(Some(kept), trial.as_ref());
            }
        }
    }

    #[test]
    fn the_deadline_is_the_first_moment_at_which_time_moves_access(
        standing in standings(),
        now in moments(),
        policy in policies(),
        between in vec(0.0..1.0_f64, 8),
    ) {
        let today = access(&standing, now, policy);
        let deadline = next_deadline(&standing, now, policy);
        let end = deadline.unwrap_or(Timestamp::MAX);
        prop_assert!(end > now);
        for part in between {
            let moment = now.saturating_add(end.since(now).mul_f64(part));
            prop_assert_eq!(&access(&standing, moment.min(just_before(end)), policy), &today);
        }
        prop_assert_eq!(&access(&standing, just_before(end), policy), &today);
        if let Some(deadline) = deadline {
            prop_assert_ne!(access(&standing, deadline, policy), today);
        }
    }

    #[test]
    fn shifting_every_clock_shifts_every_outcome(
        before in states(),
        event in events(),
        now in moments(),
        by in any::<u32>(),
    ) {
        let outcome = transition(before.as_ref(), &event, now);
        let shifted = transition(before.shifted(by).as_ref(), &event.shifted(by), now.shifted(by));
        prop_assert_eq!(shifted, outcome.map(|outcome| outcome.shifted(by)));
    }

    #[test]
    fn shifting_every_clock_changes_no_answer(
        standing in standings(),
        now in moments(),
        policy in policies(),
        by in any::<u32>(),
    ) {
        let (later, then) = (standing.shifted(by), now.shifted(by));
        prop_assert_eq!(access(&later, then, policy), access(&standing, now, policy));
        prop_assert_eq!(wire_status(&later, then), wire_status(&standing, now));
        prop_assert_eq!(is_paid(&later, then), is_paid(&standing, now));
        prop_assert_eq!(
            next_deadline(&later, then, policy),
            next_deadline(&standing, now, policy).shifted(by)
        );
    }

    #[test]
    fn whatever_was_heard_of_a_life_one_reading_ends_it_alike(
        life in lives(),
        heard in vec(any::<Index>(), 0..24),
    ) {
        let state = heard.iter().fold(life.start.clone(), |state, event| {
            life.hear(state, event.get(&life.events)).state
        });
        let last = life.finally.last().unwrap();
        let implied = life.implied(end(&life, last.status), last.subscription.as_str());
        prop_assert_eq!(settled(life.reconciled(state)), settled(implied));
    }
}

fn basis(standing: &Standing, now: Timestamp) -> Option<Basis> {
    let policy = Policy {
        after_end: AfterEnd::Lock,
        read_only_days: 0,
    };
    match access(standing, now, policy) {
        Access::Full { basis, .. } => Some(basis),
        Access::ReadOnly { .. } | Access::Free | Access::Locked(_) => None,
    }
}

fn just_before(moment: Timestamp) -> Timestamp {
    moment.saturating_sub(Duration::from_micros(1))
}

/// Within a hundred days, often on a whole day, so that ends fall together.
fn moments() -> impl Strategy<Value = Timestamp> {
    let day = (0..100_i64).prop_map(|day| at(day * DAY));
    let any = (0..100 * DAY, 0..1_000_000_u64)
        .prop_map(|(second, micros)| at(second).saturating_add(Duration::from_micros(micros)));
    prop_oneof![day, any]
}

fn periods() -> impl Strategy<Value = Period> {
    (moments(), moments()).prop_map(|(one, other)| {
        Period::new(one.min(other), one.max(other)).expect("the earlier comes first")
    })
}

/// Few ids, seats and stamps, so that they meet.
fn snapshots() -> impl Strategy<Value = Snapshot> {
    let what = (select(vec!["a", "b"]), select(STATUSES.to_vec()), 0..5_i64);
    let terms = (1..=2_u32, select(vec!["pro", "team"]));
    let times = (periods(), option::of(moments()), option::of(moments()));
    (what, terms, times).prop_map(|((id, (_, status), second), (seats, key), times)| {
        let (period, cancel_at, ended_at) = times;
        Snapshot {
            seats,
            plan: plan(key),
            period,
            cancel_at,
            ended_at: ended_at.filter(|_| status.is_terminal()),
            ..snapshot(id, status, second)
        }
    })
}

fn states() -> impl Strategy<Value = Option<Subscription>> {
    let was_auto = any::<bool>();
    (
        select(SHAPES.to_vec()),
        snapshots(),
        was_auto,
        periods(),
        moments(),
        0..4_u32,
    )
        .prop_map(|(shape, told, is_auto, period, since, attempt)| {
            let mut bought = bought(&told);
            if let Some(cancellation) = &mut bought.cancellation {
                cancellation.is_auto = is_auto;
            }
            let trial = Trial {
                plan: plan("pro"),
                period,
            };
            state(
                shape,
                Content {
                    bought,
                    trial,
                    since,
                    attempt,
                    over: since,
                },
            )
        })
}

fn standings() -> impl Strategy<Value = Standing> {
    (states(), option::of(option::of(moments()))).prop_map(|(subscription, granted)| Standing {
        subscription,
        grant: granted.map(grant),
    })
}

fn policies() -> impl Strategy<Value = Policy> {
    (any::<bool>(), select(vec![0, 1, 30, u16::MAX])).prop_map(|(free, read_only_days)| Policy {
        after_end: if free { AfterEnd::Free } else { AfterEnd::Lock },
        read_only_days,
    })
}

fn events() -> impl Strategy<Value = Event> {
    let ids = || select(vec!["a", "b"]).prop_map(SubscriptionId::new);
    let stamps = || (0..5_i64).prop_map(stamp);
    prop_oneof![
        snapshots().prop_map(Event::Observed),
        snapshots().prop_map(Event::Read),
        (ids(), 1..4_u32, option::of(moments()), stamps()).prop_map(
            |(subscription, attempt, next_attempt, stamp)| Event::PaymentFailed {
                subscription,
                attempt,
                next_attempt,
                stamp,
            }
        ),
        (ids(), stamps()).prop_map(|(subscription, stamp)| Event::PaymentSucceeded {
            subscription,
            stamp,
        }),
        (ids(), moments()).prop_map(|(subscription, ends_at)| Event::TrialWillEnd {
            subscription,
            ends_at,
        }),
    ]
}

/// Up to twelve steps of one subscription after the other, some of them in one second.
///
/// A trial and the free plan are forgotten once a purchase comes through. Who hears of a later purchase
/// first still knows them, so a life that starts so ends with the first purchase that came through.
fn lives() -> impl Strategy<Value = Life> {
    let starts = select(vec!["none", "free", "trial"]);
    let steps = vec((any::<Index>(), 0..3_i64, 1..=3_u32), 1..12);
    (starts, steps).prop_map(|(start, steps)| {
        let mut life = Life::new(state(start, Content::as_of(0)));
        let (mut ids, mut second) = (["a", "b", "c"].into_iter(), 0);
        let mut living: Option<(&str, ProviderStatus)> = None;
        let mut attempt = 0;
        for (choice, gap, seats) in steps {
            let (id, before) = match living {
                Some((id, status)) => (id, Some(status)),
                None => match ids.next() {
                    Some(id) => (id, None),
                    None => break,
                },
            };
            let status = *choice.get(following(before));
            // What ends ends after it began, and before another begins.
            second += if status.is_terminal() {
                gap.max(1)
            } else {
                gap
            };
            life.become_told(Snapshot {
                seats,
                ..snapshot(id, status, second)
            });
            if status == ProviderStatus::PastDue {
                attempt += 1;
                life.fail(id, second, attempt);
            }
            if status == ProviderStatus::Active && before.is_some() {
                attempt = 0;
                life.pay(id, second);
            }
            living = (!status.is_terminal()).then_some((id, status));
            if start != "none" && status == ProviderStatus::Canceled {
                break;
            }
        }
        life
    })
}

/// The shape in which a life of [`lives`] ends with `status`.
fn end(life: &Life, status: ProviderStatus) -> &'static str {
    use ProviderStatus::{
        Active, Canceled, Incomplete, IncompleteExpired, PastDue, Paused, Trialing, Unpaid,
    };
    // What ran before took away what there was before it.
    let ran = life.finally.iter().any(|last| last.status == Canceled);
    match (status, shape(life.start.as_ref())) {
        (Incomplete, _) if ran => "pending/over",
        (IncompleteExpired, _) if ran => "expired/over",
        (Incomplete, "trial") => "pending/trial",
        (Incomplete, "free") => "pending/free",
        (Incomplete, _) => "pending",
        (IncompleteExpired, "trial") => "trial/failed",
        (IncompleteExpired, "free") => "free/failed",
        (IncompleteExpired, _) => "expired",
        (Trialing, _) => "trialing",
        (Active, _) => "active",
        (PastDue, _) => "past_due",
        (Unpaid, _) => "unpaid",
        (Paused, _) => "paused",
        (Canceled, _) => "canceled",
    }
}

/// What a provider can say next; `None` is before the subscription began.
fn following(status: Option<ProviderStatus>) -> &'static [ProviderStatus] {
    use ProviderStatus::{
        Active, Canceled, Incomplete, IncompleteExpired, PastDue, Paused, Trialing, Unpaid,
    };
    match status {
        None | Some(IncompleteExpired | Canceled) => &[Incomplete, Trialing, Active],
        Some(Incomplete) => &[Active, IncompleteExpired],
        Some(Trialing) => &[Trialing, Active, PastDue, Paused, Canceled],
        Some(Active) => &[Active, PastDue, Paused, Canceled],
        Some(PastDue) => &[PastDue, Active, Unpaid, Canceled],
        Some(Unpaid | Paused) => &[Active, Canceled],
    }
}
