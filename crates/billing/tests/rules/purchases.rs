//! Who may start to buy: every refusal, which of them wins, and the trial that is passed on.

use std::time::Duration;

use proptest::prelude::*;
use tollgate_billing::purchase::{
    Beginning, Buyer, Choice, Offer, Provider, Purchase, PurchaseRefused, begin, decide,
};
use tollgate_billing::{
    Complimentary, GrantRefused, Interval, Period, PriceId, Standing, Subscription, Trial,
};
use tollgate_primitives::Timestamp;

use crate::given::{Content, DAY, SHAPES, at, grant, plan, state};

const NOW: i64 = 5 * DAY;
const HOUR: i64 = 60 * 60;

#[derive(Clone)]
struct Case {
    choice: Choice,
    offer: Option<Offer>,
    provider: Provider,
    standing: Standing,
    is_test_cohort: bool,
    members: u32,
    has_just_paid: bool,
}

impl Case {
    /// A new account that may buy.
    fn sound() -> Self {
        Self {
            choice: Choice {
                plan: plan("pro"),
                seats: 3,
                interval: Interval::Monthly,
                confirm_leave_complimentary: false,
            },
            offer: Some(Offer {
                self_serve: true,
                monthly: Some(PriceId::new("price_monthly")),
                annual: Some(PriceId::new("price_annual")),
            }),
            provider: Provider::Ready,
            standing: Standing::default(),
            is_test_cohort: false,
            members: 3,
            has_just_paid: false,
        }
    }

    fn in_state(shape: &str) -> Self {
        let mut case = Self::sound();
        case.standing.subscription = state(shape, Content::as_of(100));
        case
    }

    fn in_trial_until(end: Timestamp) -> Self {
        let mut case = Self::sound();
        let trial = Trial {
            plan: plan("pro"),
            period: Period::new(at(0), end).unwrap(),
        };
        let content = Content {
            trial,
            ..Content::as_of(100)
        };
        case.standing.subscription = state("trial", content);
        case
    }

    fn buyer(&self) -> Buyer<'_> {
        Buyer {
            standing: &self.standing,
            is_test_cohort: self.is_test_cohort,
            members: self.members,
            has_just_paid: self.has_just_paid,
        }
    }

    fn decide(&self, now: Timestamp) -> Result<Purchase, PurchaseRefused> {
        let (offer, buyer) = (self.offer.as_ref(), self.buyer());
        decide(&self.choice, offer, self.provider, &buyer, now)
    }

    fn begin(&self, now: Timestamp) -> Result<Beginning, PurchaseRefused> {
        let (offer, buyer) = (self.offer.as_ref(), self.buyer());
        begin(&self.choice, offer, self.provider, &buyer, now)
    }

    fn trial_end(&self, now: Timestamp) -> Option<Timestamp> {
        self.decide(now).unwrap().trial_end
    }
}

/// A rank, the refusal, and how a case gets there. The lower rank wins; two of one rank exclude
/// each other.
type Fault = (u8, PurchaseRefused, fn(&mut Case));

const FAULTS: [Fault; 11] = [
    (1, PurchaseRefused::InvalidPlan, |case| case.offer = None),
    (2, PurchaseRefused::TierNotYetAvailable, |case| {
        case.offer = case.offer.take().map(|offer| Offer {
            self_serve: false,
            ..offer
        });
    }),
    (3, PurchaseRefused::BillingNotConfigured, |case| {
        case.offer = case.offer.take().map(|offer| Offer {
            monthly: None,
            ..offer
        });
    }),
    (4, PurchaseRefused::ProviderNotConfigured, |case| {
        case.provider = Provider::NotConfigured;
    }),
    (5, PurchaseRefused::SyntheticTestCohort, |case| {
        case.is_test_cohort = true;
    }),
    (6, PurchaseRefused::ComplimentaryAccount, |case| {
        case.standing.grant = Some(grant(None));
    }),
    (7, PurchaseRefused::AlreadySubscribed, |case| {
        case.standing.subscription = state("active", Content::as_of(100));
    }),
    (7, PurchaseRefused::AlreadySubscribed, |case| {
        case.has_just_paid = true;
    }),
    (7, PurchaseRefused::PaymentPending, |case| {
        case.standing.subscription = state("pending", Content::as_of(100));
    }),
    (7, PurchaseRefused::FixPaymentFirst, |case| {
        case.standing.subscription = state("past_due", Content::as_of(100));
    }),
    (
        8,
        PurchaseRefused::SeatsBelowMembers { members: 4 },
        |case| {
            case.members = 4;
        },
    ),
];

#[test]
fn each_fault_alone_is_refused_by_its_name() {
    for (_, refusal, spoil) in FAULTS {
        let mut case = Case::sound();
        spoil(&mut case);
        assert_eq!(case.decide(at(NOW)), Err(refusal));
        assert_eq!(case.begin(at(NOW)), Err(refusal));
    }
}

#[test]
fn of_two_faults_the_earlier_is_named() {
    for (rank, refusal, spoil) in FAULTS {
        for (later_rank, _, spoil_too) in FAULTS {
            if later_rank > rank {
                let mut case = Case::sound();
                spoil_too(&mut case);
                spoil(&mut case);
                assert_eq!(case.decide(at(NOW)), Err(refusal));
                assert_eq!(case.begin(at(NOW)), Err(refusal));
            }
        }
    }
}

#[test]
fn each_state_buys_or_is_refused_as_written() {
    let kept = Some(at(14 * DAY));
    let written = [
        ("none", Ok(None)),
        ("free", Ok(None)),
        ("free/failed", Ok(None)),
        ("trial", Ok(kept)),
        ("trial/failed", Ok(kept)),
        ("trialing", Err(PurchaseRefused::AlreadySubscribed)),
        ("pending", Err(PurchaseRefused::PaymentPending)),
        ("pending/trial", Err(PurchaseRefused::PaymentPending)),
        ("pending/free", Err(PurchaseRefused::PaymentPending)),
        ("pending/over", Err(PurchaseRefused::PaymentPending)),
        ("active", Err(PurchaseRefused::AlreadySubscribed)),
        ("past_due", Err(PurchaseRefused::FixPaymentFirst)),
        ("unpaid", Err(PurchaseRefused::FixPaymentFirst)),
        ("paused", Err(PurchaseRefused::AlreadySubscribed)),
        ("canceled", Ok(None)),
        ("expired", Ok(None)),
        ("expired/over", Ok(None)),
    ];
    assert_eq!(written.map(|(shape, _)| shape), SHAPES);
    for (shape, answer) in written {
        let decided = Case::in_state(shape).decide(at(NOW));
        assert_eq!(decided.map(|bought| bought.trial_end), answer, "{shape}");
    }
}

#[test]
fn each_state_begins_in_the_product_as_written() {
    for shape in SHAPES {
        let case = Case::in_state(shape);
        let begun = case.begin(at(NOW));
        assert_eq!(begun.is_ok(), case.decide(at(NOW)).is_ok(), "{shape}");
        match begun {
            Ok(Beginning::TrialOrPayment(bought)) => {
                assert_eq!((shape, bought.trial_end), ("none", None));
            }
            Ok(Beginning::Payment(bought)) => {
                assert_ne!(shape, "none");
                assert_eq!(bought.trial_end, None, "{shape}");
            }
            Ok(Beginning::Free(_)) => panic!("{shape} asks for a paid plan"),
            Err(refused) => assert_eq!(case.decide(at(NOW)), Err(refused)),
        }
    }
}

#[test]
fn the_free_plan_is_to_be_had_where_the_catalog_has_it() {
    let mut case = Case::sound();
    case.choice.plan = plan("free");
    case.offer = None;
    assert_eq!(case.begin(at(NOW)), Err(PurchaseRefused::InvalidPlan));
}

#[test]
fn the_free_plan_needs_no_price_and_no_provider_and_keeps_what_was_over() {
    for shape in SHAPES {
        let mut case = Case::in_state(shape);
        case.choice.plan = plan("free");
        case.provider = Provider::NotConfigured;
        case.offer = Some(Offer {
            self_serve: false,
            monthly: None,
            annual: None,
        });
        let before = case.standing.subscription.as_ref();
        match case.begin(at(NOW)) {
            Ok(Beginning::Free(free)) => {
                assert!(free.is_free(), "{shape}");
                let kept = |ended: &Subscription| Some(ended.ended()?.bought.clone());
                assert_eq!(kept(&free), before.and_then(kept), "{shape}");
                // It is the free plan that one has now, not what was over.
                assert_eq!(free.ended().and_then(|ended| ended.over_since), None);
            }
            Ok(other) => panic!("{shape}: {other:?}"),
            Err(_) => assert!(
                before.is_some_and(Subscription::is_live_at_provider),
                "{shape}"
            ),
        }
    }
}

#[test]
fn an_operator_gives_what_is_known_for_a_reason_until_a_time_to_come_and_once() {
    let by = grant(None).granted_by;
    let sound = Complimentary {
        plan: plan("team"),
        reason: "a friend".to_owned(),
        ends_at: Some(at(NOW + 1)),
    };
    let given = |given: &Complimentary, is_known: bool, standing: &Standing| {
        given.grant(by, is_known, standing, at(NOW))
    };
    let nobody = Standing::default();
    assert_eq!(given(&sound, true, &nobody), Ok(grant(Some(at(NOW + 1)))));
    assert_eq!(
        given(&sound, false, &nobody),
        Err(GrantRefused::InvalidPlan)
    );
    let free = Complimentary {
        plan: plan("free"),
        ..sound.clone()
    };
    assert_eq!(given(&free, true, &nobody), Err(GrantRefused::InvalidPlan));
    let groundless = Complimentary {
        reason: " \n".to_owned(),
        ..sound.clone()
    };
    assert_eq!(
        given(&groundless, true, &nobody),
        Err(GrantRefused::ReasonMissing)
    );
    let over = Complimentary {
        ends_at: Some(at(NOW)),
        ..sound.clone()
    };
    assert_eq!(given(&over, true, &nobody), Err(GrantRefused::EndIsPast));
    let holds = Standing {
        subscription: None,
        grant: Some(grant(Some(at(NOW + 1)))),
    };
    assert_eq!(
        given(&sound, true, &holds),
        Err(GrantRefused::AlreadyComplimentary)
    );
    let held = Standing {
        subscription: None,
        grant: Some(grant(Some(at(NOW)))),
    };
    assert!(given(&sound, true, &held).is_ok());
}

#[test]
fn a_complimentary_account_that_buys_is_offered_no_trial() {
    let mut case = Case::sound();
    case.standing.grant = Some(grant(None));
    case.choice.confirm_leave_complimentary = true;
    assert!(matches!(case.begin(at(NOW)), Ok(Beginning::Payment(_))));
}

#[test]
fn the_price_is_that_of_the_chosen_interval() {
    let mut case = Case::sound();
    assert_eq!(
        case.decide(at(NOW)).unwrap().price,
        PriceId::new("price_monthly")
    );
    case.choice.interval = Interval::Annual;
    assert_eq!(
        case.decide(at(NOW)).unwrap().price,
        PriceId::new("price_annual")
    );
}

#[test]
fn a_complimentary_account_buys_once_it_confirms_or_the_grant_is_over() {
    let mut case = Case::sound();
    case.standing.grant = Some(grant(Some(at(NOW + 1))));
    assert_eq!(
        case.decide(at(NOW)),
        Err(PurchaseRefused::ComplimentaryAccount)
    );
    assert!(case.decide(at(NOW + 1)).is_ok());
    case.choice.confirm_leave_complimentary = true;
    assert!(case.decide(at(NOW)).is_ok());
}

#[test]
fn as_many_seats_as_members_are_enough() {
    let mut case = Case::sound();
    case.choice.seats = 2;
    let refused = PurchaseRefused::SeatsBelowMembers { members: 3 };
    assert_eq!(case.decide(at(NOW)), Err(refused));
    case.members = 2;
    assert!(case.decide(at(NOW)).is_ok());
}

/// What is left of the trial, and how far off the first charge then is; in microseconds.
#[test]
fn a_trial_of_less_than_49_hours_is_rounded_up_and_a_longer_one_passed_on_to_the_second() {
    const SECOND: i64 = 1_000_000;
    let hours = |count: i64| count * HOUR * SECOND;
    let written = [
        (-1, None),
        (0, None),
        (1, Some(hours(49))),
        (hours(24), Some(hours(49))),
        (hours(48) - 1, Some(hours(49))),
        (hours(48), Some(hours(49))),
        (hours(48) + 1, Some(hours(49))),
        (hours(49) - 1, Some(hours(49))),
        (hours(49), Some(hours(49))),
        (hours(49) + 1, Some(hours(49) + SECOND)),
        (hours(50) - 1, Some(hours(50))),
        (hours(240), Some(hours(240))),
    ];
    for (left, charged_in) in written {
        let case = Case::in_trial_until(off(at(NOW), left));
        let expected = charged_in.map(|span| off(at(NOW), span));
        assert_eq!(case.trial_end(at(NOW)), expected, "{left} µs are left");
    }
}

proptest! {
    #[test]
    fn buying_never_shortens_a_trial_and_asks_for_a_whole_second(
        end in 1..30 * DAY,
        micros in 0..1_000_000_i64,
        into in 0.0..1.0_f64,
    ) {
        let end = off(at(end), micros);
        let span = end.since(at(0)).mul_f64(into);
        let now = at(0).saturating_add(span);
        prop_assume!(now < end);
        let trial_end = Case::in_trial_until(end).trial_end(now).unwrap();
        prop_assert!(trial_end >= end);
        prop_assert!(trial_end.since(now) >= Duration::from_hours(48));
        prop_assert!(trial_end.since(end.max(off(now, 49 * HOUR * 1_000_000))) < Duration::from_secs(1));
        prop_assert_eq!(Timestamp::from_unix_seconds(trial_end.unix_seconds()), Ok(trial_end));
    }
}

fn off(from: Timestamp, micros: i64) -> Timestamp {
    let span = Duration::from_micros(micros.unsigned_abs());
    if micros < 0 {
        from.saturating_sub(span)
    } else {
        from.saturating_add(span)
    }
}
