use futures_util::future::join_all;
use tollgate_billing::{Customer, Interval, PriceId, Subscription};
use tollgate_primitives::ReservationId;
use tollgate_use_cases::ports::{
    CheckoutSessionId, PurchaseKind, Reservation, ReservationState, Store,
};
use uuid::Uuid;

use crate::support::{account, at, bench, customer, later, now, plan};

fn reservation(n: u8) -> Reservation {
    Reservation {
        id: ReservationId::from_uuid(Uuid::from_u128(n.into())),
        kind: PurchaseKind::Hosted,
        plan: plan("pro"),
        seats: 4,
        interval: Interval::Annual,
        price: PriceId::new("price_pro_annual"),
        trial_end: Some(later(14)),
        attempt: 1,
        expires_at: later(1),
        state: ReservationState::Asking,
    }
}

#[tokio::test]
async fn a_locked_account_shows_all_that_buying_depends_on() {
    let bench = bench("lock").await;
    bench.sign_up(1).await;
    let trial = Subscription::reverse_trial(plan("pro"), now(), 14);
    bench.put(1, &trial).await;
    bench
        .store
        .put_customer(account(1), &customer(1))
        .await
        .unwrap();
    let mut tx = bench.begin().await;
    assert!(tx.lock_account(account(2)).await.unwrap().is_none());
    let before = tx.lock_account(account(1)).await.unwrap().unwrap();
    assert_eq!(
        (before.id, before.name.as_str(), before.members),
        (account(1), "Account 1", 1)
    );
    assert_eq!(
        (before.customer, before.is_test_cohort),
        (Some(customer(1)), false)
    );
    assert_eq!(
        (before.standing.subscription, before.standing.grant),
        (Some(trial), None)
    );
    assert_eq!(before.reservation, None);
    tx.insert_reservation(account(1), &reservation(1), now())
        .await
        .unwrap();
    tx.commit().await.unwrap();

    let mut tx = bench.begin().await;
    let with = tx.lock_account(account(1)).await.unwrap().unwrap();
    assert_eq!(with.reservation, Some(reservation(1)));
    tx.close_reservation(reservation(1).id, at(1))
        .await
        .unwrap();
    assert_eq!(
        tx.lock_account(account(1))
            .await
            .unwrap()
            .unwrap()
            .reservation,
        None
    );
    tx.insert_reservation(account(1), &reservation(2), at(1))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        bench
            .count("purchase_reservations WHERE closed_at IS NULL")
            .await,
        1
    );
}

#[tokio::test]
async fn a_checkout_page_is_noted_once_and_never_on_a_closed_purchase() {
    let bench = bench("checkout").await;
    bench.sign_up(1).await;
    let mut tx = bench.begin().await;
    tx.insert_reservation(account(1), &reservation(1), now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let note = async |session: &str| {
        let session = CheckoutSessionId(session.to_owned());
        let noted =
            bench
                .store
                .put_checkout(reservation(1).id, &session, "https://pay.example", later(2));
        noted.await.unwrap()
    };
    assert!(note("cs_1").await);
    assert!(note("cs_1").await);
    assert!(!note("cs_2").await);
    let mut tx = bench.begin().await;
    let open = tx
        .lock_account(account(1))
        .await
        .unwrap()
        .unwrap()
        .reservation
        .unwrap();
    let state = ReservationState::Open {
        session: CheckoutSessionId("cs_1".to_owned()),
        url: "https://pay.example".to_owned(),
    };
    assert_eq!((open.state, open.expires_at), (state, later(2)));
    tx.close_reservation(open.id, at(1)).await.unwrap();
    tx.commit().await.unwrap();
    assert!(!note("cs_1").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_customers_made_at_once_are_remembered_as_one() {
    let bench = bench("customer_race").await;
    bench.sign_up(1).await;
    assert_eq!(bench.store.customer(account(1)).await.unwrap(), None);
    let tries = (0..50).map(|n| {
        let store = bench.store.clone();
        tokio::spawn(async move { store.put_customer(account(1), &customer(n)).await.unwrap() })
    });
    let told: Vec<Customer> = join_all(tries)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let remembered = bench.store.customer(account(1)).await.unwrap().unwrap();
    assert!(told.iter().all(|customer| *customer == remembered));
    assert!(
        bench
            .store
            .put_customer(account(9), &customer(99))
            .await
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_purchases_begun_at_once_leave_one_open() {
    let bench = bench("reserve_race").await;
    bench.sign_up(1).await;
    let tries = (0..50).map(|n| {
        let store = bench.store.clone();
        tokio::spawn(async move {
            let mut tx = store.begin().await.unwrap();
            let locked = tx.lock_account(account(1)).await.unwrap().unwrap();
            if locked.reservation.is_some() {
                return false;
            }
            tx.insert_reservation(account(1), &reservation(n), now())
                .await
                .unwrap();
            tx.commit().await.unwrap();
            true
        })
    });
    let won = join_all(tries)
        .await
        .into_iter()
        .filter(|won| *won.as_ref().unwrap())
        .count();
    assert_eq!(won, 1);
}

#[tokio::test]
async fn a_second_open_purchase_is_refused_even_without_the_lock() {
    let bench = bench("reserve_twice").await;
    bench.sign_up(1).await;
    let mut tx = bench.begin().await;
    tx.insert_reservation(account(1), &reservation(1), now())
        .await
        .unwrap();
    let second = tx
        .insert_reservation(account(1), &reservation(2), now())
        .await;
    let source = std::error::Error::source(&second.unwrap_err())
        .unwrap()
        .to_string();
    assert!(
        source.contains("purchase_reservations_open_key"),
        "{source}"
    );
}
