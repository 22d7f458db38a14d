//! Who may change what they bought: every refusal, which of them wins, what is up, and what ends or
//! goes on.

use std::time::Duration;

use tollgate_billing::change::{Catalog, Change, ChangeRefused, Terms, Wish, cancel, decide, keep};
use tollgate_billing::purchase::{Buyer, Offer, Provider, PurchaseRefused};
use tollgate_billing::{
    Interval, PriceId, ProviderStatus, ScheduledCancellation, Snapshot, Standing, Subscription,
    SubscriptionId,
};
use tollgate_primitives::Timestamp;

use crate::given::{Content, DAY, SHAPES, at, plan, snapshot, state};

const NOW: i64 = 5 * DAY;

/// A wish of an account that has three seats of `pro` by the month, at a former price.
#[derive(Clone)]
struct Case {
    wish: Wish,
    offer: Option<Offer>,
    provider: Provider,
    standing: Standing,
    is_test_cohort: bool,
    members: u32,
}

impl Case {
    /// The next higher plan.
    fn sound() -> Self {
        Self {
            wish: Wish {
                plan: plan("team"),
                seats: None,
                interval: None,
                proration_date: None,
            },
            offer: Some(Offer {
                self_serve: true,
                monthly: Some(PriceId::new("price_monthly")),
                annual: Some(PriceId::new("price_annual")),
            }),
            provider: Provider::Ready,
            standing: standing("active"),
            is_test_cohort: false,
            members: 3,
        }
    }

    fn wishing(key: &str, seats: u32, interval: Interval) -> Self {
        let wish = Wish {
            plan: plan(key),
            seats: Some(seats),
            interval: Some(interval),
            proration_date: None,
        };
        let members = 1;
        Self {
            wish,
            members,
            ..Self::sound()
        }
    }

    fn confirming(date: Timestamp) -> Self {
        let mut case = Self::sound();
        case.wish.proration_date = Some(date);
        case
    }

    fn decide(&self) -> Result<Terms, ChangeRefused> {
        let tiers = [
            ("free", 10),
            ("starter", 20),
            ("basic", 30),
            ("pro", 30),
            ("team", 40),
        ];
        let tiers = tiers.map(|(key, tier)| (plan(key), tier));
        let catalog = Catalog {
            offer: self.offer.as_ref(),
            tiers: &tiers,
        };
        let buyer = Buyer {
            standing: &self.standing,
            is_test_cohort: self.is_test_cohort,
            members: self.members,
            has_just_paid: false,
        };
        let decided = decide(&self.wish, catalog, self.provider, &buyer, at(NOW));
        decided.map(|(bought, terms)| {
            assert_eq!(bought.subscription, SubscriptionId::new("a"));
            terms
        })
    }
}

fn standing(shape: &str) -> Standing {
    Standing {
        subscription: state(shape, Content::as_of(100)),
        grant: None,
    }
}

/// The same, with its end scheduled.
fn ending(shape: &str, end: i64) -> Standing {
    let mut content = Content::as_of(100);
    content.bought.cancellation = Some(ScheduledCancellation {
        at: at(end),
        is_auto: true,
    });
    Standing {
        subscription: state(shape, content),
        grant: None,
    }
}

/// A rank, the refusal, and how a case gets there. The lower rank wins; two of one rank exclude each
/// other.
type Fault = (u8, ChangeRefused, fn(&mut Case));

fn faults() -> Vec<Fault> {
    [faults_of_the_operator(), faults_of_the_account()].concat()
}

fn faults_of_the_operator() -> Vec<Fault> {
    let as_purchase = ChangeRefused::AsPurchase;
    vec![
        (1, as_purchase(PurchaseRefused::InvalidPlan), |case| {
            case.offer = None;
            case.wish.plan = plan("unknown");
        }),
        (
            2,
            as_purchase(PurchaseRefused::TierNotYetAvailable),
            |case| {
                case.offer = case.offer.take().map(|offer| Offer {
                    self_serve: false,
                    ..offer
                });
            },
        ),
        (
            3,
            as_purchase(PurchaseRefused::ProviderNotConfigured),
            |case| {
                case.provider = Provider::NotConfigured;
            },
        ),
        (
            7,
            as_purchase(PurchaseRefused::BillingNotConfigured),
            |case| {
                case.offer = case.offer.take().map(|offer| Offer {
                    monthly: None,
                    ..offer
                });
            },
        ),
    ]
}

fn faults_of_the_account() -> Vec<Fault> {
    let as_purchase = ChangeRefused::AsPurchase;
    vec![
        (
            4,
            as_purchase(PurchaseRefused::SyntheticTestCohort),
            |case| {
                case.is_test_cohort = true;
            },
        ),
        (5, ChangeRefused::NothingToChange, |case| {
            case.standing = standing("trial");
        }),
        (
            5,
            ChangeRefused::PaymentPending(SubscriptionId::new("a")),
            |case| {
                case.standing = standing("pending");
            },
        ),
        (5, as_purchase(PurchaseRefused::FixPaymentFirst), |case| {
            case.standing = standing("past_due");
        }),
        (6, ChangeRefused::SamePlan, |case| {
            case.wish.plan = plan("pro");
        }),
        (6, ChangeRefused::DowngradeNotSelfServe, |case| {
            case.wish.plan = plan("starter");
        }),
        (
            8,
            as_purchase(PurchaseRefused::SeatsBelowMembers { members: 4 }),
            |case| case.members = 4,
        ),
        (9, ChangeRefused::PreviewExpired, |case| {
            case.wish.proration_date = Some(at(NOW - 3601));
        }),
        (9, ChangeRefused::PreviewOfTheFuture, |case| {
            case.wish.proration_date = Some(at(NOW + 301));
        }),
    ]
}

#[test]
fn each_fault_alone_is_refused_by_its_name() {
    assert!(Case::sound().decide().is_ok());
    for (_, refusal, spoil) in faults() {
        let mut case = Case::sound();
        spoil(&mut case);
        assert_eq!(case.decide(), Err(refusal));
    }
}

#[test]
fn of_two_faults_the_one_of_lower_rank_is_told() {
    for (rank, refusal, spoil) in faults() {
        for (other_rank, _, spoil_too) in faults() {
            if rank < other_rank {
                let mut case = Case::sound();
                spoil_too(&mut case);
                spoil(&mut case);
                assert_eq!(
                    case.decide(),
                    Err(refusal.clone()),
                    "{rank} before {other_rank}"
                );
            }
        }
    }
}

#[test]
fn only_what_runs_and_owes_nothing_can_be_moved() {
    for shape in SHAPES {
        let mut case = Case::sound();
        case.standing = standing(shape);
        let decided = case.decide().map(|_| "moved");
        let expected = match shape {
            "trialing" | "active" => Ok("moved"),
            "pending" | "pending/trial" | "pending/free" | "pending/over" => {
                Err(ChangeRefused::PaymentPending(SubscriptionId::new("a")))
            }
            "past_due" | "unpaid" | "paused" => Err(PurchaseRefused::FixPaymentFirst.into()),
            _ => Err(ChangeRefused::NothingToChange),
        };
        assert_eq!(decided, expected, "{shape}");
    }
}

#[test]
fn up_is_a_higher_tier_or_more_of_the_same_plan() {
    use Interval::{Annual, Monthly};
    let down = || Err(ChangeRefused::DowngradeNotSelfServe);
    for (key, seats, interval, expected) in [
        ("team", 3, Monthly, Ok("price_monthly")),
        ("team", 1, Monthly, Ok("price_monthly")),
        ("team", 9, Annual, Ok("price_annual")),
        ("pro", 3, Monthly, Err(ChangeRefused::SamePlan)),
        ("pro", 4, Monthly, Ok("price_pro")),
        ("pro", 3, Annual, Ok("price_annual")),
        ("pro", 4, Annual, Ok("price_annual")),
        ("pro", 2, Monthly, down()),
        ("pro", 2, Annual, down()),
        ("basic", 9, Annual, down()),
        ("starter", 9, Annual, down()),
        ("free", 3, Monthly, down()),
        ("unheard-of", 9, Annual, down()),
    ] {
        let decided = Case::wishing(key, seats, interval).decide();
        let priced = decided.map(|terms| terms.price);
        let expected = expected.map(PriceId::new);
        assert_eq!(priced, expected, "{seats} of {key} {interval:?}");
    }
}

#[test]
fn by_the_year_nobody_goes_back_to_the_month_on_the_same_plan() {
    let mut case = Case::wishing("pro", 4, Interval::Monthly);
    let mut content = Content::as_of(100);
    content.bought.interval = Interval::Annual;
    case.standing.subscription = state("active", content);
    assert_eq!(case.decide(), Err(ChangeRefused::DowngradeNotSelfServe));
    case.wish.plan = plan("team");
    assert!(case.decide().is_ok());
}

#[test]
fn the_free_plan_is_down_though_nobody_sells_it() {
    let mut case = Case::wishing("free", 3, Interval::Monthly);
    case.offer = Some(Offer {
        self_serve: false,
        monthly: None,
        annual: None,
    });
    assert_eq!(case.decide(), Err(ChangeRefused::DowngradeNotSelfServe));
}

#[test]
fn what_is_not_wished_for_stays() {
    let terms = Case::sound().decide().unwrap();
    let expected = Terms {
        plan: plan("team"),
        interval: Interval::Monthly,
        price: PriceId::new("price_monthly"),
        seats: 3,
        proration_date: None,
    };
    assert_eq!(terms, expected);
}

#[test]
fn a_preview_is_confirmed_within_an_hour_by_the_second() {
    let of = |second: i64| {
        Case::confirming(at(second))
            .decide()
            .map(|terms| terms.proration_date)
    };
    assert_eq!(of(NOW - 3600), Ok(Some(at(NOW - 3600))));
    assert_eq!(of(NOW - 3601), Err(ChangeRefused::PreviewExpired));
    assert_eq!(of(NOW + 300), Ok(Some(at(NOW + 300))));
    assert_eq!(of(NOW + 301), Err(ChangeRefused::PreviewOfTheFuture));
    let within = at(NOW).saturating_add(Duration::from_millis(700));
    let confirmed = Case::confirming(within).decide().unwrap();
    assert_eq!(confirmed.proration_date, Some(at(NOW)));
}

#[test]
fn a_preview_of_the_period_before_is_not_confirmed() {
    let decided = |start: i64| {
        let mut case = Case::confirming(at(NOW - 60));
        let mut content = Content::as_of(100);
        content.bought.period = tollgate_billing::Period::of_days(at(start), 30);
        case.standing.subscription = state("active", content);
        case.decide().map(|_| ())
    };
    assert_eq!(decided(NOW - 60), Ok(()));
    assert_eq!(decided(NOW - 59), Err(ChangeRefused::PreviewExpired));
}

#[test]
fn whatever_runs_can_be_cancelled_once_and_kept_until_its_end() {
    for shape in SHAPES {
        let runs = ["trialing", "active", "past_due", "unpaid", "paused"].contains(&shape);
        let (going_on, about_to_end) = (standing(shape), ending(shape, NOW));
        let cancelled = |standing| cancel(Provider::Ready, standing).is_ok();
        let kept = |standing, second| keep(Provider::Ready, standing, at(second)).is_ok();
        assert_eq!(cancelled(&going_on), runs, "{shape}");
        assert!(!cancelled(&about_to_end), "{shape}");
        assert!(!kept(&going_on, NOW - 1), "{shape}");
        assert_eq!(kept(&about_to_end, NOW - 1), runs, "{shape}");
        assert!(!kept(&about_to_end, NOW), "i11 {shape}");
    }
}

#[test]
fn without_a_provider_nothing_is_cancelled_or_kept() {
    let refused = Some(ChangeRefused::AsPurchase(
        PurchaseRefused::ProviderNotConfigured,
    ));
    let (going_on, about_to_end) = (standing("active"), ending("active", NOW));
    assert_eq!(cancel(Provider::NotConfigured, &going_on).err(), refused);
    assert_eq!(
        keep(Provider::NotConfigured, &about_to_end, at(0)).err(),
        refused
    );
}

#[test]
fn a_change_shows_in_the_subscription_or_was_not_carried_out() {
    let active = snapshot("a", ProviderStatus::Active, 100);
    let ends = Snapshot {
        cancel_at: Some(at(30 * DAY)),
        ..active.clone()
    };
    let over = snapshot("a", ProviderStatus::Canceled, 100);
    let to = |seats, price| {
        Change::Move(Terms {
            plan: plan("pro"),
            interval: Interval::Monthly,
            price: PriceId::new(price),
            seats,
            proration_date: None,
        })
    };
    for (change, met) in [
        (Change::Cancel, [false, true, true]),
        (Change::Keep, [true, false, false]),
        (to(3, "price_pro"), [true, true, false]),
        (to(4, "price_pro"), [false; 3]),
        (to(3, "price_team"), [false; 3]),
    ] {
        let shown = [&active, &ends, &over].map(|snapshot| change.is_met_by(snapshot));
        assert_eq!(shown, met, "{change:?}");
    }
}

#[test]
fn a_decision_names_what_the_account_bought() {
    let standing = standing("past_due");
    let bought = cancel(Provider::Ready, &standing).unwrap();
    assert_eq!(
        Some(bought),
        standing
            .subscription
            .as_ref()
            .and_then(Subscription::bought)
    );
}

#[test]
fn whoever_has_a_plan_that_is_not_sold_any_more_adds_seats_at_its_price_and_nothing_else() {
    let unsold = |key, seats, interval| Case {
        offer: None,
        ..Case::wishing(key, seats, interval)
    };
    let terms = unsold("pro", 4, Interval::Monthly).decide().unwrap();
    assert_eq!((terms.seats, terms.price), (4, PriceId::new("price_pro")));
    let invalid = || Err(ChangeRefused::AsPurchase(PurchaseRefused::InvalidPlan));
    assert_eq!(unsold("pro", 4, Interval::Annual).decide(), invalid());
    assert_eq!(unsold("team", 4, Interval::Monthly).decide(), invalid());
    let fewer = unsold("pro", 2, Interval::Monthly).decide();
    assert_eq!(fewer, Err(ChangeRefused::DowngradeNotSelfServe));
    let owing = Case {
        standing: standing("past_due"),
        ..unsold("pro", 4, Interval::Monthly)
    };
    let fix = Err(ChangeRefused::AsPurchase(PurchaseRefused::FixPaymentFirst));
    assert_eq!(owing.decide(), fix);
}
