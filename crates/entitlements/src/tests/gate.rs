use super::*;
use crate::{
    Decision::{Pass, Refuse},
    Refusal::{
        FeatureNotInPlan, LimitReached, NoSubscription, PaymentPending, SubscriptionInactive,
    },
};

const ANY: Question<'static> = Question {
    feature: None,
    limit: None,
    read_only: false,
};
const READ: Question<'static> = Question {
    read_only: true,
    ..ANY
};

#[test]
fn the_subscription_is_asked_first() {
    let plan = pro();
    let key = plan.key();
    let pass = |basis| Pass { plan: key, basis };
    for (access, write, read) in [
        (paid(&plan), pass(Basis::Paid), pass(Basis::Paid)),
        (Access::Free, pass(Basis::Free), pass(Basis::Free)),
        (
            Access::ReadOnly { plan: key },
            Refuse(SubscriptionInactive),
            pass(Basis::ReadOnly),
        ),
        (
            Access::Locked(Locked::Inactive),
            Refuse(SubscriptionInactive),
            Refuse(SubscriptionInactive),
        ),
        (
            Access::Locked(Locked::NoSubscription),
            Refuse(NoSubscription),
            Refuse(NoSubscription),
        ),
        (
            Access::Locked(Locked::PaymentPending),
            Refuse(PaymentPending),
            Refuse(PaymentPending),
        ),
    ] {
        let overrides = Overrides::default();
        assert_eq!(
            decide(&access, &plan, &overrides, &ANY, at(0)),
            write,
            "{access:?}"
        );
        assert_eq!(
            decide(&access, &plan, &overrides, &READ, at(0)),
            read,
            "{access:?}"
        );
    }
}

#[test]
fn a_feature_must_be_in_the_plan_or_given_to_the_account() {
    let plan = pro();
    let overrides = Overrides::new(
        vec![
            feature_override("branding", true, Some(at(9))),
            feature_override("secret", true, None),
        ],
        vec![],
    );
    for (key, now, passes) in [
        ("export", at(0), true),
        ("branding", at(8), true),
        ("branding", at(9), false),
        ("secret", at(9), true),
        ("beta", at(0), false),
        ("unheard_of", at(0), false),
    ] {
        let key = feature(key);
        let question = Question {
            feature: Some(&key),
            ..ANY
        };
        let refused = Refuse(FeatureNotInPlan);
        let found = decide(&paid(&plan), &plan, &overrides, &question, now);
        assert_eq!(found != refused, passes, "{key} at {now}");
    }
}

#[test]
fn the_last_unit_may_be_taken_and_no_more() {
    let plan = pro();
    let overrides = Overrides::new(
        vec![],
        vec![limit_override("storage_gb", Some(7), Some(at(9)))],
    );
    for (key, used, amount, refusal) in [
        ("max_users", 4, 1, None),
        ("max_users", 5, 0, None),
        ("max_users", 5, 1, Some((5, 5))),
        ("max_users", 6, 0, Some((5, 6))),
        ("max_users", 1, u64::MAX, Some((5, 1))),
        ("projects", u64::MAX, u64::MAX, None),
        ("storage_gb", 0, 7, None),
        ("storage_gb", 0, 8, Some((7, 0))),
        ("unheard_of", 0, 1, Some((0, 0))),
    ] {
        let key = limit(key);
        let question = Question {
            limit: Some(Use {
                key: &key,
                used,
                amount,
            }),
            ..ANY
        };
        let expected = match refusal {
            Some((limit, used)) => Refuse(LimitReached { limit, used }),
            None => Pass {
                plan: plan.key(),
                basis: Basis::Paid,
            },
        };
        let found = decide(&paid(&plan), &plan, &overrides, &question, at(0));
        assert_eq!(found, expected, "{key}: {amount} more than {used}");
    }
}

#[test]
fn reading_takes_nothing_of_a_limit_but_needs_the_feature() {
    let plan = pro();
    let overrides = Overrides::default();
    let (export, branding, users) = (feature("export"), feature("branding"), limit("max_users"));
    let read = |feature| Question {
        feature: Some(feature),
        limit: Some(Use {
            key: &users,
            used: 9,
            amount: 1,
        }),
        read_only: true,
    };
    for access in [paid(&plan), Access::ReadOnly { plan: plan.key() }] {
        let decide = |feature| decide(&access, &plan, &overrides, &read(feature), at(0));
        assert!(matches!(decide(&export), Pass { .. }), "{access:?}");
        assert_eq!(decide(&branding), Refuse(FeatureNotInPlan), "{access:?}");
    }
}

#[test]
fn the_feature_is_asked_before_the_limit() {
    let plan = pro();
    let (branding, users) = (feature("branding"), limit("max_users"));
    let question = Question {
        feature: Some(&branding),
        limit: Some(Use {
            key: &users,
            used: 5,
            amount: 1,
        }),
        read_only: false,
    };
    let found = decide(&paid(&plan), &plan, &Overrides::default(), &question, at(0));
    assert_eq!(found, Refuse(FeatureNotInPlan));
}

#[test]
fn refusals_are_written_as_the_contract_says() {
    let reached = LimitReached { limit: 1, used: 1 };
    assert_eq!(
        [
            NoSubscription,
            SubscriptionInactive,
            PaymentPending,
            FeatureNotInPlan,
            reached
        ]
        .map(Refusal::code),
        [
            "no_subscription",
            "subscription_inactive",
            "payment_pending",
            "feature_not_in_plan",
            "limit_reached",
        ]
    );
}

/// Whether a row that gives this basis stands in the account's standing and holds at `now`.
fn holds(basis: Basis, standing: &Standing, now: Timestamp, policy: Policy) -> bool {
    match (basis, &standing.subscription) {
        (Basis::Complimentary, _) => standing.grant.as_ref().is_some_and(|g| g.holds_at(now)),
        (Basis::Paid, Some(Subscription::Active(_)))
        | (Basis::Grace, Some(Subscription::PastDue(_))) => true,
        (Basis::Trial, Some(Subscription::Trialing(Trialing::Purchased(bought)))) => {
            now < bought.period.end()
        }
        (Basis::Trial, Some(subscription)) => subscription
            .reverse()
            .is_some_and(|trial| now < trial.period.end()),
        (Basis::Free, Some(subscription)) => {
            subscription.is_free() || policy.after_end == AfterEnd::Free
        }
        (Basis::ReadOnly, Some(_)) => policy.after_end == AfterEnd::Lock,
        _ => false,
    }
}

proptest! {
    #[test]
    fn the_gate_agrees_with_what_is_resolved(
        standing in standings(), policy in policies(), plan in plans(), overrides in overrides(),
        key in keys(), used in 0..9_u64, amount in 0..3_u64, now in 0..3 * HORIZON,
    ) {
        let now = at(now);
        let access = access(&standing, now, policy);
        let resolved = resolve(&access, &plan, &overrides, now);
        let (feature, limit) = (feature(&key), limit(&key));
        let enabled = resolved.feature(&feature).is_some_and(|f| f.enabled);
        let fits = resolved
            .limit(&limit)
            .is_some_and(|l| l.value.is_none_or(|value| used + amount <= value));
        let by_feature = Question { feature: Some(&feature), ..ANY };
        let by_limit = Question { limit: Some(Use { key: &limit, used, amount }), ..ANY };
        let passes = |question| matches!(decide(&access, &plan, &overrides, &question, now), Pass { .. });
        prop_assert_eq!(passes(by_feature), enabled);
        let entitled = passes(ANY);
        let unknown_and_nothing_asked = resolved.limit(&limit).is_none() && used + amount == 0;
        prop_assert_eq!(passes(by_limit), entitled && (fits || unknown_and_nothing_asked));
    }

    #[test]
    fn whoever_passes_has_a_basis_that_holds_at_that_moment(
        standing in standings(), policy in policies(), plan in plans(), overrides in overrides(),
        key in keys(), read_only in any::<bool>(), now in 0..3 * HORIZON,
    ) {
        let now = at(now);
        let access = access(&standing, now, policy);
        let feature = feature(&key);
        for question in [Question { read_only, ..ANY }, Question { feature: Some(&feature), read_only, ..ANY }] {
            if let Pass { basis, .. } = decide(&access, &plan, &overrides, &question, now) {
                prop_assert!(holds(basis, &standing, now, policy), "{:?}", basis);
                prop_assert!(read_only || basis != Basis::ReadOnly);
            }
        }
    }
}
