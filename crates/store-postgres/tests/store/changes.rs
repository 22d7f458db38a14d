//! Changes of what was bought: one open at a time, and an outcome that stays.

use futures_util::future::join_all;
use tollgate_billing::{
    Interval, PriceId, SubscriptionId,
    change::{Change, Terms},
};
use tollgate_primitives::ChangeId;
use tollgate_use_cases::ports::{Store, SubscriptionChange};
use uuid::Uuid;

use crate::support::{account, at, bench, now, plan, user};

fn change(n: u8, change: Change) -> SubscriptionChange {
    SubscriptionChange {
        id: ChangeId::from_uuid(Uuid::from_u128(n.into())),
        subscription: SubscriptionId::new("sub_1"),
        change,
        requested_by: user(1),
        requested_at: now(),
    }
}

fn terms() -> Terms {
    Terms {
        plan: plan("pro"),
        interval: Interval::Annual,
        price: PriceId::new("price_pro_annual"),
        seats: 4,
        proration_date: Some(at(-60)),
    }
}

#[tokio::test]
async fn a_change_is_found_as_it_was_written_until_it_is_closed() {
    let bench = bench("changes").await;
    bench.sign_up(1).await;
    let undated = Terms {
        proration_date: None,
        ..terms()
    };
    let kinds = [
        Change::Cancel,
        Change::Keep,
        Change::Move(terms()),
        Change::Move(undated),
    ];
    for (n, kind) in (1..).zip(kinds) {
        let written = change(n, kind);
        let mut tx = bench.begin().await;
        assert_eq!(tx.open_change(account(1)).await.unwrap(), None);
        tx.insert_change(account(1), &written).await.unwrap();
        tx.commit().await.unwrap();

        let mut tx = bench.begin().await;
        let open = tx.open_change(account(1)).await.unwrap();
        assert_eq!(open.as_ref(), Some(&written));
        tx.close_change(written.id, true, at(1)).await.unwrap();
        tx.close_change(written.id, false, at(2)).await.unwrap();
        assert_eq!(tx.open_change(account(1)).await.unwrap(), None);
        tx.commit().await.unwrap();
    }
    assert_eq!(bench.count("subscription_changes WHERE is_done").await, 4);
}

#[tokio::test]
async fn i14_of_fifty_changes_of_one_account_at_once_one_is_open() {
    let bench = bench("changes_burst").await;
    bench.sign_up(1).await;
    bench.sign_up(2).await;
    let insert = |n: u8| {
        let store = &bench.store;
        async move {
            let mut tx = store.begin().await.unwrap();
            tx.insert_change(account(1), &change(n, Change::Cancel))
                .await
                .is_ok()
                && tx.commit().await.is_ok()
        }
    };
    let inserted = join_all((1..=50).map(insert)).await;
    assert_eq!(inserted.iter().filter(|inserted| **inserted).count(), 1);
    let mut tx = bench.begin().await;
    tx.insert_change(account(2), &change(51, Change::Keep))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(bench.count("subscription_changes").await, 2);
}

#[tokio::test]
async fn what_no_change_can_be_is_refused() {
    let bench = bench("changes_refused").await;
    bench.sign_up(1).await;
    let insert = |columns: &str, values: &str| {
        format!(
            "INSERT INTO subscription_changes
               (id, account_id, stripe_subscription_id, requested_by, requested_at, {columns})
             SELECT id, id, 'sub_1', id, now(), {values} FROM accounts"
        )
    };
    for (columns, values, rule) in [
        ("kind", "'pause'", "kind"),
        ("kind", "'move'", "terms"),
        ("kind, seats", "'cancel', 4", "terms"),
        ("kind, proration_date", "'keep', now()", "terms"),
        ("kind, closed_at", "'keep', now()", "closed"),
        (
            "kind, plan, billing_interval, stripe_price_id, seats",
            "'move', 'pro', 'weekly', 'price_1', 4",
            "billing_interval",
        ),
        (
            "kind, plan, billing_interval, stripe_price_id, seats",
            "'move', 'pro', 'annual', 'price_1', -1",
            "seats",
        ),
    ] {
        let refused = bench.refused_by(&insert(columns, values)).await;
        assert_eq!(refused, format!("subscription_changes_{rule}"), "{values}");
    }
}
