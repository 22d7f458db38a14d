use std::time::Duration;

use futures_util::future::join_all;
use tollgate_billing::{Bought, Interval, PriceId, Stamp, Subscription, SubscriptionId};
use tollgate_primitives::{Currency, JobKey, ReservationId};
use tollgate_use_cases::ports::{
    Change, CheckoutSessionId, Conclusion, EventState, InboxEntry, Job, JobKind, Notice,
    NoticeContent, NoticeId, OfferRow, PurchaseKind, Received, Reservation, ReservationState,
    Store, StoreError, Transaction, Version,
};
use uuid::Uuid;

use crate::support::{
    Bench, account, at, bench, bought, customer, described, later, notice, now, plan,
};

/// Account 1 is customer 1 and can buy the starter plan.
async fn buyer(name: &'static str) -> Bench {
    let bench = bench(name).await;
    bench.has_customer(1).await;
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
        kind: PurchaseKind::Hosted,
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
    let received = tx.receive(notice).await.unwrap();
    assert_eq!(received.entry, InboxEntry::Open);
    let change = change.map(|next| change_to(next, received.version));
    let conclusion = tx.conclude(notice, state, change, now()).await.unwrap();
    tx.commit().await.unwrap();
    let Conclusion::Taken { open_page } = conclusion else {
        panic!("{conclusion:?}");
    };
    open_page
}

fn change_to(next: &Subscription, version: Option<Version>) -> Change<'_> {
    Change {
        account: account(1),
        version,
        next,
    }
}

fn seats(subscription: Option<&Subscription>) -> u32 {
    subscription.map_or(0, |found| found.bought().unwrap().seats)
}

/// With one seat more than `received` tells.
fn one_seat_more(received: &Received) -> Subscription {
    let found = received.account.as_ref().and_then(|(_, s)| s.as_ref());
    Subscription::Active(Bought {
        seats: seats(found) + 1,
        ..bought(1, 7)
    })
}

#[tokio::test]
async fn an_event_is_applied_with_its_subscription_its_purchase_and_one_audit_row() {
    let bench = buyer("apply").await;
    reserve(&bench, true).await;
    let event = notice("evt_1", described(1));
    let mut tx = bench.begin().await;
    let received = tx.receive(&event).await.unwrap();
    let unknown = Received {
        entry: InboxEntry::Open,
        account: Some((account(1), None)),
        version: None,
        is_buying: true,
        price: Some((plan("starter"), Interval::Monthly)),
    };
    assert_eq!(received, unknown);
    let active = Subscription::Active(bought(1, 7));
    let change = Some(change_to(&active, None));
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

    let known = Received {
        entry: InboxEntry::Done,
        account: Some((account(1), Some(active))),
        version: Some(Version(0)),
        is_buying: false,
        ..unknown
    };
    assert_eq!(bench.store.look_up(&event).await.unwrap(), known);
    assert_eq!(bench.begin().await.receive(&event).await.unwrap(), known);
    let next = Received {
        entry: InboxEntry::Open,
        ..known
    };
    let event = notice("evt_2", described(1));
    assert_eq!(bench.store.look_up(&event).await.unwrap(), next);
}

#[tokio::test]
async fn an_event_about_nobody_we_know_locks_nothing() {
    let bench = buyer("nobody").await;
    let mut tx = bench.begin().await;
    let stranger = tx.receive(&notice("evt_1", described(9))).await.unwrap();
    assert_eq!((stranger.entry, stranger.account), (InboxEntry::Open, None));
    let irrelevant = notice("evt_2", NoticeContent::Irrelevant);
    let received = tx.receive(&irrelevant).await.unwrap();
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
    let received = tx.receive(&notice("evt_1", described(1))).await.unwrap();
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
    let awaits = EventState::Awaits(bought(1, 7).subscription);
    for state in [awaits.clone(), EventState::Dead { error }, awaits] {
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

/// Runs `tries` of `run` at one moment, and answers in no order.
async fn at_once<R: Future<Output: Send + 'static> + Send + 'static>(
    tries: u32,
    run: impl Fn(u32) -> R,
) -> Vec<R::Output> {
    let tries: Vec<_> = (0..tries).map(|nth| tokio::spawn(run(nth))).collect();
    let done = join_all(tries).await.into_iter();
    done.map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_deliveries_of_one_event_apply_it_once() {
    let bench = buyer("same_event").await;
    let applied = at_once(50, |_| {
        let store = bench.store.clone();
        async move {
            let event = notice("evt_1", described(1));
            let mut tx = store.begin().await.unwrap();
            let received = tx.receive(&event).await.unwrap();
            let next = one_seat_more(&received);
            let change = Some(change_to(&next, received.version));
            let conclude = tx.conclude(&event, &EventState::Applied, change, now());
            // The trail refuses what the event was done for before.
            let is_taken = matches!(conclude.await, Ok(Conclusion::Taken { .. }));
            if is_taken {
                tx.commit().await.unwrap();
            }
            is_taken
        }
    });
    let applied = applied.await.into_iter().filter(|is_taken| *is_taken);
    assert_eq!(applied.count(), 1);
    assert_eq!(seats(bench.subscription(1).await.as_ref()), 1);
    assert_eq!(bench.count("audit_log").await, 1);
}

/// Adds a seat to what it finds, as often as it is overtaken: a lost update would be a lost seat.
async fn add_a_seat_unlocked(store: &impl Store, event: &Notice) -> Conclusion {
    loop {
        let received = store.look_up(event).await.unwrap();
        if received.entry == InboxEntry::Done {
            return Conclusion::Overtaken;
        }
        let next = one_seat_more(&received);
        let change = Some(change_to(&next, received.version));
        let conclude = store.conclude(event, &EventState::Applied, change, now());
        if let taken @ Conclusion::Taken { .. } = conclude.await.unwrap() {
            return taken;
        }
        // Whoever holds the lock is not waited for, and needs a moment.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn add_a_seat_locked(mut tx: Box<dyn Transaction>, event: &Notice) {
    let received = tx.receive(event).await.unwrap();
    let next = one_seat_more(&received);
    let change = Some(change_to(&next, received.version));
    let conclude = tx.conclude(event, &EventState::Applied, change, now());
    assert_ne!(conclude.await.unwrap(), Conclusion::Overtaken);
    tx.commit().await.unwrap();
}

/// As a decision that is no event's.
async fn add_a_seat_of_the_account(mut tx: Box<dyn Transaction>) {
    let locked = tx.lock_account(account(1)).await.unwrap().unwrap();
    let next = Subscription::Active(Bought {
        seats: seats(locked.standing.subscription.as_ref()) + 1,
        ..bought(1, 7)
    });
    tx.put_subscription(account(1), &next, now()).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_update_is_lost_among_events_of_one_account_at_once() {
    let bench = buyer("lost_update").await;
    at_once(50, |nth| {
        let store = bench.store.clone();
        let event = notice(&format!("evt_{nth}"), described(1));
        async move { add_a_seat_locked(store.begin().await.unwrap(), &event).await }
    })
    .await;
    assert_eq!(seats(bench.subscription(1).await.as_ref()), 50);
    assert_eq!(bench.count("audit_log").await, 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_update_is_lost_between_those_who_lock_and_those_who_do_not() {
    let bench = buyer("lost_unlocked").await;
    bench.put(1, &Subscription::Active(bought(1, 7))).await;
    at_once(60, |nth| {
        let store = bench.store.clone();
        let event = notice(&format!("evt_{nth}"), described(1));
        async move {
            match nth % 3 {
                0 => add_a_seat_locked(store.begin().await.unwrap(), &event).await,
                1 => add_a_seat_of_the_account(store.begin().await.unwrap()).await,
                _ => {
                    let taken = Conclusion::Taken { open_page: None };
                    assert_eq!(add_a_seat_unlocked(&store, &event).await, taken);
                }
            }
        }
    })
    .await;
    assert_eq!(seats(bench.subscription(1).await.as_ref()), 3 + 60);
    assert_eq!(bench.count("audit_log").await, 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_deliveries_of_one_event_without_a_lock_apply_it_once() {
    let bench = buyer("same_unlocked").await;
    bench.put(1, &Subscription::Active(bought(1, 7))).await;
    let conclusions = at_once(50, |_| {
        let store = bench.store.clone();
        async move { add_a_seat_unlocked(&store, &notice("evt_1", described(1))).await }
    });
    let taken = Conclusion::Taken { open_page: None };
    let conclusions = conclusions.await.into_iter();
    assert_eq!(conclusions.filter(|done| *done == taken).count(), 1);
    assert_eq!(seats(bench.subscription(1).await.as_ref()), 4);
    assert_eq!(bench.count("audit_log").await, 1);
}

#[tokio::test]
async fn what_changed_since_it_was_seen_is_not_written_over() {
    let bench = buyer("overtaken").await;
    let active = Subscription::Active(bought(1, 7));
    bench.put(1, &active).await;
    let event = notice("evt_1", described(1));
    let seen = bench.store.look_up(&event).await.unwrap();
    bench.put(1, &Subscription::Paused(bought(1, 7))).await;
    let change = Some(change_to(&active, seen.version));
    let conclude = bench
        .store
        .conclude(&event, &EventState::Applied, change, now());
    assert_eq!(conclude.await.unwrap(), Conclusion::Overtaken);
    assert_eq!(
        bench.subscription(1).await,
        Some(Subscription::Paused(bought(1, 7)))
    );
    assert_eq!(bench.store.event(&event.id).await.unwrap(), None);
    assert_eq!(bench.count("audit_log").await, 0);
}

#[tokio::test]
async fn an_event_that_was_done_changes_nothing_even_at_the_right_version() {
    let bench = buyer("done_before").await;
    let active = Subscription::Active(bought(1, 7));
    bench.put(1, &active).await;
    let event = notice("evt_1", described(1));
    conclude(&bench, &event, None).await;
    let seen = bench.store.look_up(&event).await.unwrap();
    assert_eq!(seen.entry, InboxEntry::Done);
    let paused = Subscription::Paused(bought(1, 7));
    let change = Some(change_to(&paused, seen.version));
    let again = bench
        .store
        .conclude(&event, &EventState::Applied, change, now());
    again.await.unwrap_err();
    assert_eq!(bench.subscription(1).await, Some(active));
    let without_change = bench
        .store
        .conclude(&event, &EventState::Ignored, None, now());
    assert_eq!(without_change.await.unwrap(), Conclusion::Overtaken);
    let stored = bench.store.event(&event.id).await.unwrap().unwrap();
    assert_eq!((stored.state, stored.attempts), (EventState::Applied, 1));
}

async fn wait_for_a_read(bench: &Bench, id: &str, received: i64) -> NoticeId {
    let event = notice(id, described(1));
    let awaits = EventState::Awaits(bought(1, 7).subscription);
    let conclude = bench.store.conclude(&event, &awaits, None, at(received));
    let taken = Conclusion::Taken { open_page: None };
    assert_eq!(conclude.await.unwrap(), taken);
    event.id
}

async fn awaiting(bench: &Bench, subscription: &SubscriptionId) -> (usize, Option<i64>) {
    let found = bench.store.awaiting(account(1), subscription).await;
    let found = found.unwrap();
    (found.bodies.len(), found.last_read.map(Stamp::unix_seconds))
}

#[tokio::test]
async fn events_wait_under_the_subscription_that_is_to_be_read() {
    let bench = buyer("awaiting").await;
    let subscription = bought(1, 7).subscription;
    assert_eq!(awaiting(&bench, &subscription).await, (0, None));
    wait_for_a_read(&bench, "evt_1", 0).await;
    wait_for_a_read(&bench, "evt_2", 0).await;
    assert_eq!(awaiting(&bench, &subscription).await, (2, None));
    assert_eq!(awaiting(&bench, &bought(2, 7).subscription).await.0, 0);
    bench.put(1, &Subscription::Active(bought(1, 7))).await;
    for (stamp, known) in [(7, 7), (9, 9), (8, 9)] {
        let mut tx = bench.begin().await;
        tx.note_read(account(1), &subscription, Stamp::from_unix_seconds(stamp))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(awaiting(&bench, &subscription).await, (2, Some(known)));
    }
    bench.put(1, &Subscription::Active(bought(2, 7))).await;
    assert_eq!(awaiting(&bench, &subscription).await, (2, None));
    conclude(&bench, &notice("evt_1", described(1)), None).await;
    assert_eq!(awaiting(&bench, &subscription).await.0, 1);
}

#[tokio::test]
async fn a_read_that_failed_is_told_with_the_events_until_they_are_given_up() {
    let bench = buyer("put_off").await;
    let subscription = bought(1, 7).subscription;
    let old = wait_for_a_read(&bench, "evt_old", 0).await;
    let young = wait_for_a_read(&bench, "evt_young", 60).await;
    let put_off = bench.store.put_off(&subscription, "no answer", at(30));
    assert_eq!(put_off.await.unwrap(), (vec![old.clone()], true));
    let error = "no answer".to_owned();
    for (id, state) in [
        (
            old,
            EventState::Dead {
                error: error.clone(),
            },
        ),
        (young.clone(), EventState::Failed { error }),
    ] {
        let stored = bench.store.event(&id).await.unwrap().unwrap();
        assert_eq!((stored.state, stored.attempts), (state, 2));
    }
    assert_eq!(awaiting(&bench, &subscription).await.0, 1);
    let put_off = bench.store.put_off(&subscription, "no answer", at(90));
    assert_eq!(put_off.await.unwrap(), (vec![young], false));
    let put_off = bench.store.put_off(&subscription, "no answer", at(90));
    assert_eq!(put_off.await.unwrap(), (Vec::new(), false));
}

#[tokio::test]
async fn an_event_that_is_in_no_state_is_refused() {
    let bench = buyer("broken_events").await;
    wait_for_a_read(&bench, "evt_1", 0).await;
    for (change, check) in [
        ("status = 'lost'", "webhook_events_status"),
        ("attempts = 0", "webhook_events_attempts"),
        ("last_error = 'why'", "webhook_events_error"),
        ("status = 'failed'", "webhook_events_error"),
        ("status = 'applied'", "webhook_events_awaits_read_of"),
        ("awaits_read_of = NULL", "webhook_events_awaits_read_of"),
    ] {
        let update = format!("UPDATE webhook_events SET {change}");
        assert_eq!(bench.refused_by(&update).await, check, "{change}");
    }
}

/// Accounts 1 to `last`, each with a subscription that runs.
async fn buyers(name: &'static str, last: u8) -> Bench {
    let bench = buyer(name).await;
    bench.put(1, &Subscription::Active(bought(1, 7))).await;
    for n in 2..=last {
        bench.sign_up(n).await;
        let customer = customer(n);
        let known = bench.store.put_customer(account(n), &customer);
        known.await.unwrap();
        bench.put(n, &Subscription::Active(bought(n, 7))).await;
    }
    bench
}

/// One more seat for account `n`, by an event of its own and the version it began with.
async fn add_a_seat_to(store: &impl Store, n: u8) -> Result<Conclusion, StoreError> {
    let event = notice(&format!("evt_{n}"), described(n));
    let next = Subscription::Active(Bought {
        seats: 4,
        ..bought(n, 7)
    });
    let change = Change {
        account: account(n),
        version: Some(Version(0)),
        next: &next,
    };
    let conclude = store.conclude(&event, &EventState::Applied, Some(change), now());
    conclude.await
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_many_accounts_at_once_are_each_concluded_whatever_becomes_of_the_others() {
    let bench = buyers("together", 40).await;
    // The one is done already, which the trail refuses; of the other, another version was seen.
    conclude(&bench, &notice("evt_1", described(1)), None).await;
    bench.put(2, &Subscription::Active(bought(2, 7))).await;
    let nodes = [bench.store.clone(), bench.another("together_too").await];
    let conclusions = at_once(80, |nth| {
        let node = nodes[nth as usize % 2].clone();
        let n = u8::try_from(nth / 2 + 1).unwrap();
        async move {
            let concluded = add_a_seat_to(&node, n).await;
            matches!(concluded, Ok(Conclusion::Taken { .. })).then_some(n)
        }
    });
    let mut taken: Vec<u8> = conclusions.await.into_iter().flatten().collect();
    taken.sort_unstable();
    assert_eq!(taken, (3..=40).collect::<Vec<_>>());
    for n in 1..=40 {
        let expected = if n > 2 { 4 } else { 3 };
        assert_eq!(seats(bench.subscription(n).await.as_ref()), expected, "{n}");
    }
    let trail = "audit_log WHERE action = 'subscription_changed'";
    assert_eq!(bench.count(trail).await, 38);
}

#[tokio::test]
async fn a_subscription_that_somebody_has_locked_holds_up_no_event_of_another() {
    let bench = buyers("held", 2).await;
    let mut holder = bench.begin().await;
    holder
        .receive(&notice("evt_held", described(1)))
        .await
        .unwrap();
    let overtaken = add_a_seat_to(&bench.store, 1).await.unwrap();
    assert_eq!(overtaken, Conclusion::Overtaken);
    let taken = Conclusion::Taken { open_page: None };
    assert_eq!(add_a_seat_to(&bench.store, 2).await.unwrap(), taken);
}

#[tokio::test]
async fn an_event_that_may_close_a_purchase_is_left_to_who_locks() {
    let bench = buyers("may_close", 1).await;
    reserve(&bench, true).await;
    let overtaken = add_a_seat_to(&bench.store, 1).await.unwrap();
    assert_eq!(overtaken, Conclusion::Overtaken);
    assert_eq!(open_purchases(&bench).await, 1);
}
