use futures_util::future::join_all;
use tollgate_billing::{Bought, Interval, PriceId, Subscription};
use tollgate_primitives::{Currency, JobKey, ReservationId};
use tollgate_use_cases::ports::{
    CheckoutSessionId, EventState, InboxEntry, Job, JobKind, Notice, NoticeContent, OfferRow,
    Reservation, ReservationState, Store,
};
use uuid::Uuid;

use crate::support::{
    Bench, account, at, bench, bought, customer, described, later, notice, now, plan,
};

/// Account 1 is customer 1 and can buy the starter plan.
async fn buyer(name: &'static str) -> Bench {
    let bench = bench(name).await;
    bench.sign_up(1).await;
    bench
        .store
        .put_customer(account(1), &customer(1))
        .await
        .unwrap();
    sell_starter_at(&bench, "price_starter_monthly").await;
    bench
}

async fn sell_starter_at(bench: &Bench, price: &str) {
    let starter = OfferRow {
        plan: plan("starter"),
        product: "prod_starter".to_owned(),
        monthly: (PriceId::new(price), 1900),
        annual: None,
        currency: Currency::parse("usd").unwrap(),
    };
    bench.store.put_offers(&[starter]).await.unwrap();
}

/// Begins a purchase, with the page `cs_1` if it `has_page`.
async fn reserve(bench: &Bench, has_page: bool) {
    let state = if has_page {
        ReservationState::Open {
            session: page("cs_1"),
            url: "https://pay.example".to_owned(),
        }
    } else {
        ReservationState::Asking
    };
    let reservation = Reservation {
        id: ReservationId::from_uuid(Uuid::from_u128(1)),
        plan: plan("starter"),
        seats: 3,
        interval: Interval::Monthly,
        price: PriceId::new("price_starter_monthly"),
        trial_end: None,
        attempt: 1,
        expires_at: later(1),
        state,
    };
    let mut tx = bench.begin().await;
    tx.insert_reservation(account(1), &reservation, now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

fn page(id: &str) -> CheckoutSessionId {
    CheckoutSessionId(id.to_owned())
}

fn completed(session: &str) -> NoticeContent {
    NoticeContent::CheckoutCompleted {
        session: page(session),
        customer: Some(customer(1)),
        subscription: Some(bought(1, 7).subscription),
    }
}

async fn open_purchases(bench: &Bench) -> i64 {
    bench
        .count("purchase_reservations WHERE closed_at IS NULL")
        .await
}

/// Answers the page that is still open at the provider.
async fn conclude(
    bench: &Bench,
    notice: &Notice,
    change: Option<&Subscription>,
) -> Option<CheckoutSessionId> {
    conclude_as(bench, notice, &EventState::Applied, change).await
}

async fn conclude_as(
    bench: &Bench,
    notice: &Notice,
    state: &EventState,
    change: Option<&Subscription>,
) -> Option<CheckoutSessionId> {
    let mut tx = bench.begin().await;
    let received = tx.receive(notice, now()).await.unwrap();
    assert_eq!(received.entry, InboxEntry::Open);
    let change = change.map(|subscription| (account(1), subscription));
    let open_page = tx.conclude(notice, state, change, now()).await.unwrap();
    tx.commit().await.unwrap();
    open_page
}

#[tokio::test]
async fn an_event_is_applied_with_its_subscription_its_purchase_and_one_audit_row() {
    let bench = buyer("apply").await;
    reserve(&bench, true).await;
    let event = notice("evt_1", described(1));
    let mut tx = bench.begin().await;
    let received = tx.receive(&event, now()).await.unwrap();
    assert_eq!(received.entry, InboxEntry::Open);
    assert_eq!(received.account, Some((account(1), None)));
    assert_eq!(received.price, Some((plan("starter"), Interval::Monthly)));
    let active = Subscription::Active(bought(1, 7));
    let change = Some((account(1), &active));
    tx.conclude(&event, &EventState::Applied, change, now())
        .await
        .unwrap();
    tx.commit().await.unwrap();

    assert_eq!(bench.subscription(1).await, Some(active.clone()));
    assert_eq!(open_purchases(&bench).await, 0);
    let trail = "audit_log WHERE action = 'subscription_changed' AND detail ->> 'event' = 'evt_1' \
                 AND detail -> 'subscription' ->> 'status' = 'active'";
    assert_eq!(bench.count(trail).await, 1);
    let stored = bench.store.event(&event.id).await.unwrap().unwrap();
    assert_eq!(
        (stored.state, stored.attempts, stored.body),
        (EventState::Applied, 1, event.body.clone())
    );

    let mut tx = bench.begin().await;
    let again = tx.receive(&event, at(1)).await.unwrap();
    assert_eq!((again.entry, again.account), (InboxEntry::Done, None));
    let next = tx
        .receive(&notice("evt_2", described(1)), at(1))
        .await
        .unwrap();
    assert_eq!(next.account, Some((account(1), Some(active))));
}

#[tokio::test]
async fn an_event_about_nobody_we_know_locks_nothing() {
    let bench = buyer("nobody").await;
    let mut tx = bench.begin().await;
    let stranger = tx
        .receive(&notice("evt_1", described(9)), now())
        .await
        .unwrap();
    assert_eq!((stranger.entry, stranger.account), (InboxEntry::Open, None));
    let irrelevant = notice("evt_2", NoticeContent::Irrelevant);
    let received = tx.receive(&irrelevant, now()).await.unwrap();
    assert_eq!((received.account, received.price), (None, None));
    tx.conclude(&irrelevant, &EventState::Ignored, None, now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let stored = bench.store.event(&irrelevant.id).await.unwrap().unwrap();
    assert_eq!(stored.state, EventState::Ignored);
    assert_eq!(bench.count("audit_log").await, 0);
}

#[tokio::test]
async fn an_event_about_a_price_that_is_not_sold_any_more_finds_its_plan() {
    let bench = buyer("former_price_event").await;
    sell_starter_at(&bench, "price_starter_dearer").await;
    let mut tx = bench.begin().await;
    let received = tx
        .receive(&notice("evt_1", described(1)), now())
        .await
        .unwrap();
    assert_eq!(received.price, Some((plan("starter"), Interval::Monthly)));
}

#[tokio::test]
async fn a_checkout_page_that_is_over_closes_its_purchase() {
    let bench = buyer("page_over").await;
    reserve(&bench, true).await;
    let expired = |session: &str| NoticeContent::CheckoutExpired {
        session: page(session),
    };
    conclude(&bench, &notice("evt_1", expired("cs_other")), None).await;
    assert_eq!(open_purchases(&bench).await, 1);
    let open_page = conclude(&bench, &notice("evt_2", expired("cs_1")), None).await;
    assert_eq!((open_purchases(&bench).await, open_page), (0, None));
}

#[tokio::test]
async fn a_purchase_stays_open_until_the_event_of_its_page_is_applied() {
    let bench = buyer("page_waits").await;
    reserve(&bench, true).await;
    let event = notice("evt_1", completed("cs_1"));
    let error = "no such price".to_owned();
    for state in [
        EventState::Received,
        EventState::Dead { error },
        EventState::Received,
    ] {
        conclude_as(&bench, &event, &state, None).await;
        assert_eq!(open_purchases(&bench).await, 1, "{state:?}");
    }
    conclude(&bench, &event, None).await;
    assert_eq!(open_purchases(&bench).await, 0);
}

#[tokio::test]
async fn a_running_subscription_closes_the_purchase_and_tells_which_page_is_still_open() {
    let bench = buyer("page_left").await;
    let active = Subscription::Active(bought(1, 7));
    for (n, content, has_page, left) in [
        (1, described(1), true, Some(page("cs_1"))),
        (2, completed("cs_other"), true, Some(page("cs_1"))),
        (3, completed("cs_1"), true, None),
        (4, described(1), false, None),
        (5, completed("cs_other"), false, None),
    ] {
        bench.run("DELETE FROM purchase_reservations").await;
        reserve(&bench, has_page).await;
        let event = notice(&format!("evt_{n}"), content);
        assert_eq!(conclude(&bench, &event, Some(&active)).await, left, "{n}");
        assert_eq!(open_purchases(&bench).await, 0, "{n}");
        assert_eq!(bench.count("audit_log").await, n, "{n}");
    }
    let event = notice("evt_6", described(1));
    assert_eq!(conclude(&bench, &event, Some(&active)).await, None);
}

#[tokio::test]
async fn a_purchase_stays_open_while_its_first_payment_is_pending() {
    let bench = buyer("page_pending").await;
    reserve(&bench, true).await;
    let pending = Subscription::PendingPayment(tollgate_billing::PendingPayment {
        bought: bought(1, 7),
        meanwhile: tollgate_billing::Meanwhile::Nothing,
    });
    let open_page = conclude(&bench, &notice("evt_1", described(1)), Some(&pending)).await;
    assert_eq!((open_purchases(&bench).await, open_page), (1, None));
}

#[tokio::test]
async fn an_event_that_failed_is_kept_with_its_job_and_tried_again() {
    let bench = buyer("keep").await;
    let event = notice("evt_1", described(1));
    let kind = JobKind::RetryEvent {
        event: event.id.clone(),
    };
    let job = Job::now(JobKey::new("retry-event", &event.id), kind);
    let failed = EventState::Failed {
        error: "no such price".to_owned(),
    };
    bench
        .store
        .keep_event(&event, &failed, Some(&job), now())
        .await
        .unwrap();
    bench
        .store
        .keep_event(&event, &failed, Some(&job), at(1))
        .await
        .unwrap();
    let stored = bench.store.event(&event.id).await.unwrap().unwrap();
    assert_eq!(
        (stored.state, stored.attempts, stored.received_at),
        (failed.clone(), 2, now())
    );
    assert_eq!(bench.count("graphile_worker.jobs").await, 1);

    conclude(&bench, &event, None).await;
    let late = notice("evt_1", NoticeContent::Irrelevant);
    let job = Job {
        key: JobKey::new("other", 1),
        ..job
    };
    bench
        .store
        .keep_event(&late, &failed, Some(&job), at(2))
        .await
        .unwrap();
    let stored = bench.store.event(&event.id).await.unwrap().unwrap();
    assert_eq!((stored.state, stored.attempts), (EventState::Applied, 3));
    assert_eq!(bench.count("graphile_worker.jobs").await, 1);
}

#[tokio::test]
async fn a_dead_event_can_be_delivered_once_more() {
    let bench = buyer("dead").await;
    let event = notice("evt_1", described(1));
    let dead = EventState::Dead {
        error: "given up".to_owned(),
    };
    bench
        .store
        .keep_event(&event, &dead, None, now())
        .await
        .unwrap();
    assert_eq!(
        bench.store.event(&event.id).await.unwrap().unwrap().state,
        dead
    );
    conclude(&bench, &event, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_deliveries_of_one_event_apply_it_once() {
    let bench = buyer("same_event").await;
    let tries = (0..50).map(|_| {
        let store = bench.store.clone();
        tokio::spawn(async move {
            let event = notice("evt_1", described(1));
            let mut tx = store.begin().await.unwrap();
            let received = tx.receive(&event, now()).await.unwrap();
            if received.entry == InboxEntry::Done {
                return false;
            }
            let active = Subscription::Active(bought(1, 7));
            let change = Some((account(1), &active));
            tx.conclude(&event, &EventState::Applied, change, now())
                .await
                .unwrap();
            tx.commit().await.unwrap();
            true
        })
    });
    let applied = join_all(tries)
        .await
        .into_iter()
        .filter(|won| *won.as_ref().unwrap())
        .count();
    assert_eq!(applied, 1);
    assert_eq!(bench.count("audit_log").await, 1);
}

/// Each event adds a seat to what it found: a lost update would be a lost seat.
async fn add_seats_at_once(bench: &Bench, events: u32) {
    let tries = (0..events).map(|n| {
        let store = bench.store.clone();
        tokio::spawn(async move {
            let event = notice(&format!("evt_seat_{n}"), described(1));
            let mut tx = store.begin().await.unwrap();
            let received = tx.receive(&event, now()).await.unwrap();
            let (account, found) = received.account.unwrap();
            let seats = found
                .and_then(|found| Some(found.bought()?.seats))
                .unwrap_or(0)
                + 1;
            let next = Subscription::Active(Bought {
                seats,
                ..bought(1, 7)
            });
            tx.conclude(&event, &EventState::Applied, Some((account, &next)), now())
                .await
                .unwrap();
            tx.commit().await.unwrap();
        })
    });
    for done in join_all(tries).await {
        done.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_update_is_lost_among_events_of_one_account_at_once() {
    let bench = buyer("lost_update").await;
    add_seats_at_once(&bench, 24).await;
    let found = bench.subscription(1).await.unwrap();
    assert_eq!(found.bought().unwrap().seats, 24);
    bench.run("DELETE FROM webhook_events").await;
    add_seats_at_once(&bench, 50).await;
    let found = bench.subscription(1).await.unwrap();
    assert_eq!(found.bought().unwrap().seats, 74);
    assert_eq!(bench.count("audit_log").await, 74);
}
