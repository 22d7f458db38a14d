use tollgate_billing::{
    Bought, Ended, Meanwhile, PastDue, PendingPayment, Period, ScheduledCancellation, Subscription,
    Trial, Trialing, Unpaid,
};

use crate::support::{at, bench, bought, later, now, plan};

fn trial() -> Trial {
    Trial {
        plan: plan("pro"),
        period: Period::of_days(now(), 14),
    }
}

fn ended() -> Ended {
    Ended {
        bought: bought(1, 7),
        ended_at: at(9),
        over_since: None,
    }
}

fn every_variant() -> Vec<Subscription> {
    let leaving = Bought {
        cancellation: Some(ScheduledCancellation {
            at: later(30),
            is_auto: true,
        }),
        ..bought(1, 7)
    };
    let bought = bought(1, 7);
    let pending = |meanwhile| {
        Subscription::PendingPayment(PendingPayment {
            bought: bought.clone(),
            meanwhile,
        })
    };
    vec![
        Subscription::Free {
            since: now(),
            failed: None,
        },
        Subscription::Free {
            since: now(),
            failed: Some(ended()),
        },
        Subscription::Trialing(Trialing::Reverse {
            trial: trial(),
            failed: None,
        }),
        Subscription::Trialing(Trialing::Reverse {
            trial: trial(),
            failed: Some(ended()),
        }),
        Subscription::Trialing(Trialing::Purchased(bought.clone())),
        pending(Meanwhile::Nothing),
        pending(Meanwhile::Trial(trial())),
        pending(Meanwhile::Free { since: at(3) }),
        pending(Meanwhile::Over { since: at(3) }),
        Subscription::Active(bought.clone()),
        Subscription::Active(leaving),
        Subscription::PastDue(PastDue {
            bought: bought.clone(),
            since: at(3),
            attempt: 0,
        }),
        Subscription::Unpaid(Unpaid {
            bought: bought.clone(),
            since: at(3),
        }),
        Subscription::Paused(bought),
        Subscription::Canceled(ended()),
        Subscription::Expired(ended()),
        Subscription::Expired(Ended {
            over_since: Some(at(2)),
            ..ended()
        }),
    ]
}

#[tokio::test]
async fn every_variant_is_stored_over_every_other_and_reads_back_equal() {
    let bench = bench("variants").await;
    bench.sign_up(1).await;
    for before in every_variant() {
        for subscription in every_variant() {
            bench.put(1, &before).await;
            bench.put(1, &subscription).await;
            assert_eq!(bench.subscription(1).await, Some(subscription));
        }
    }
}

#[tokio::test]
async fn a_row_that_is_no_variant_is_refused() {
    let bench = bench("broken_rows").await;
    bench.sign_up(1).await;
    let set = async |variant: &Subscription, change: &str| {
        bench.put(1, variant).await;
        bench
            .refused_by(&format!("UPDATE subscriptions SET {change}"))
            .await
    };
    // What one variant lacks or has too much, told by the CHECK of its status.
    for variant in every_variant() {
        bench.put(1, &variant).await;
        let status = bench.text("SELECT status FROM subscriptions").await;
        let check = format!("subscriptions_{status}");
        let refused = set(
            &variant,
            "failed_attempt = 1, ended_at = now(), since = now()",
        )
        .await;
        assert_eq!(refused, check, "{variant:?}");
    }
    let active = Subscription::Active(bought(1, 7));
    for (change, check) in [
        ("status = 'frozen'", "subscriptions_status"),
        ("status = 'canceled'", "subscriptions_canceled"),
        ("status = 'past_due'", "subscriptions_past_due"),
        ("stripe_price_id = NULL", "subscriptions_bought_whole"),
        ("seat_limit = -1", "subscriptions_seat_limit"),
        (
            "billing_interval = 'weekly'",
            "subscriptions_billing_interval",
        ),
        ("cancel_at = now()", "subscriptions_cancellation_whole"),
        ("trial_start = now()", "subscriptions_trial_whole"),
        (
            "current_period_end = '1999-01-01Z'",
            "subscriptions_periods",
        ),
        ("plan = 'gold'", "subscriptions_plan_fkey"),
    ] {
        assert_eq!(set(&active, change).await, check, "{change}");
    }
}

#[tokio::test]
async fn one_subscription_of_the_provider_belongs_to_one_account() {
    let bench = bench("one_owner").await;
    bench.sign_up(1).await;
    bench.sign_up(2).await;
    bench.put(1, &Subscription::Active(bought(1, 7))).await;
    let mut tx = bench.begin().await;
    let stolen = tx
        .put_subscription(
            crate::support::account(2),
            &Subscription::Active(bought(1, 7)),
            now(),
        )
        .await;
    let source = std::error::Error::source(&stolen.unwrap_err())
        .unwrap()
        .to_string();
    assert!(
        source.contains("subscriptions_stripe_subscription_id_key"),
        "{source}"
    );
}
