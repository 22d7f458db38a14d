//! Whose turn it is, and what it may ask.

use futures_util::future::join_all;
use serde_json::json;
use tollgate_billing::{Ended, Meanwhile, PendingPayment, PriceId, Subscription, SubscriptionId};
use tollgate_primitives::Timestamp;
use tollgate_use_cases::ports::{
    CallClaim, EventState, NoticeId, ReconcileJob, Reconciliation, Store, Turn, TurnEnd, TurnStart,
    TurnTaken,
};

use crate::support::{
    Bench, account, at, bench, bought, customer, described, later, notice, now, plan,
};

const JOB: ReconcileJob = ReconcileJob::Sweep;

async fn take(bench: &Bench, start: TurnStart, now: Timestamp) -> TurnTaken {
    bench.store.take_turn(JOB, start, now).await.unwrap()
}

async fn turn(bench: &Bench) -> Turn {
    let taken = take(bench, TurnStart::Anyway, now()).await;
    let TurnTaken::Taken(turn) = taken else {
        panic!("{taken:?}")
    };
    turn
}

async fn lapse(bench: &Bench) {
    bench
        .run("UPDATE reconcile_cursors SET lease_until = now() - interval '1 s'")
        .await;
}

fn end(position: Option<&str>, is_round_over: bool) -> TurnEnd {
    TurnEnd {
        position: position.map(str::to_owned),
        is_round_over,
        report: json!({ "checked": 1 }),
    }
}

#[tokio::test]
async fn f30_of_fifty_at_once_one_takes_the_turn() {
    let bench = bench("turns").await;
    for round in 0..3 {
        let asked = (0..50).map(|_| take(&bench, TurnStart::Anyway, at(round)));
        let answers = join_all(asked).await;
        let mut taken = answers.into_iter().filter_map(|answer| match answer {
            TurnTaken::Taken(turn) => Some(turn),
            TurnTaken::Held => None,
            TurnTaken::NotDue => panic!("a turn at any time is due"),
        });
        let turn = taken.next().unwrap();
        assert_eq!(taken.next(), None);
        assert!(
            bench
                .store
                .end_turn(&turn, &end(None, true), at(round))
                .await
                .unwrap()
        );
    }
}

#[tokio::test]
async fn a_round_that_has_begun_is_not_due_again_before_its_time() {
    let bench = bench("due_turns").await;
    let mut rounds = 0;
    for _ in 0..50 {
        if let TurnTaken::Taken(turn) = take(&bench, TurnStart::IfBegunBy(at(-60)), now()).await {
            bench
                .store
                .end_turn(&turn, &end(None, true), now())
                .await
                .unwrap();
            rounds += 1;
        }
    }
    assert_eq!(rounds, 1);
    let next = take(&bench, TurnStart::IfBegunBy(at(0)), at(60)).await;
    assert!(matches!(next, TurnTaken::Taken(_)), "{next:?}");
}

#[tokio::test]
async fn a_round_under_way_is_gone_on_with_from_where_it_came() {
    let bench = bench("rounds").await;
    let first = turn(&bench).await;
    assert!(bench.store.advance(&first, Some("listed:a")).await.unwrap());
    assert!(
        bench
            .store
            .end_turn(&first, &end(Some("listed:b"), false), now())
            .await
            .unwrap()
    );
    let TurnTaken::Taken(second) = take(&bench, TurnStart::IfBegunBy(Timestamp::MIN), at(1)).await
    else {
        panic!("a round under way is always due")
    };
    assert_eq!(second.position.as_deref(), Some("listed:b"));
    assert!(
        bench
            .store
            .end_turn(&second, &end(None, true), at(2))
            .await
            .unwrap()
    );
    let third = take(&bench, TurnStart::IfBegunBy(Timestamp::MIN), at(3)).await;
    assert_eq!(third, TurnTaken::NotDue);
    let look = take(&bench, TurnStart::OnlyLook, at(4)).await;
    let TurnTaken::Taken(look) = look else {
        panic!("{look:?}")
    };
    bench.store.drop_turn(&look).await.unwrap();
    assert_eq!(
        take(&bench, TurnStart::IfBegunBy(Timestamp::MIN), at(5)).await,
        TurnTaken::NotDue
    );
}

#[tokio::test]
async fn f31_of_a_turn_that_was_overtaken_no_write_takes_effect() {
    let bench = bench("overtaken").await;
    let zombie = turn(&bench).await;
    assert_eq!(
        take(&bench, TurnStart::Anyway, now()).await,
        TurnTaken::Held
    );
    lapse(&bench).await;
    let heir = turn(&bench).await;
    assert!(
        bench
            .store
            .advance(&heir, Some("listed:heir"))
            .await
            .unwrap()
    );
    assert!(
        !bench
            .store
            .advance(&zombie, Some("listed:zombie"))
            .await
            .unwrap()
    );
    let claim = bench.store.claim_call(&zombie, 9, now()).await.unwrap();
    assert_eq!(claim, CallClaim::Overtaken);
    assert!(
        !bench
            .store
            .end_turn(&zombie, &end(Some("zombie"), true), now())
            .await
            .unwrap()
    );
    bench.store.drop_turn(&zombie).await.unwrap();
    assert_eq!(
        take(&bench, TurnStart::Anyway, now()).await,
        TurnTaken::Held
    );
    let stands = "SELECT concat_ws(' ', position, round_ended_at) FROM reconcile_cursors WHERE job = 'sweep'";
    assert_eq!(bench.text(stands).await, "listed:heir");
    assert_eq!(bench.count("reconcile_budget WHERE calls > 0").await, 0);
}

#[tokio::test]
async fn of_fifty_calls_at_once_as_many_are_granted_as_the_minute_has() {
    let bench = bench("budget").await;
    let turn = turn(&bench).await;
    let granted = async |moment: Timestamp| {
        let asked = (0..50).map(|_| bench.store.claim_call(&turn, 7, moment));
        let answers = join_all(asked).await;
        let granted = |answer: &Result<CallClaim, _>| matches!(answer, Ok(CallClaim::Granted));
        answers.iter().filter(|answer| granted(answer)).count()
    };
    assert_eq!(granted(at(0)).await, 7);
    assert_eq!(granted(at(1)).await, 0);
    assert_eq!(granted(at(60)).await, 7);
    // A node whose clock is behind begins no minute anew.
    assert_eq!(granted(at(0)).await, 0);
}

#[tokio::test]
async fn what_has_waited_is_found_by_account() {
    let bench = bench("waiting").await;
    for n in 1..=4 {
        bench.sign_up(n).await;
        let customer = customer(n);
        bench
            .store
            .put_customer(account(n), &customer)
            .await
            .unwrap();
    }
    let pending = |n| {
        Subscription::PendingPayment(PendingPayment {
            bought: bought(n, 7),
            meanwhile: Meanwhile::Nothing,
        })
    };
    for n in [1, 2, 4] {
        bench.put(n, &pending(n)).await;
    }
    bench.put(3, &Subscription::Active(bought(3, 7))).await;
    bench
        .run("UPDATE accounts SET is_test_cohort = true WHERE stripe_customer_id = 'cus_4'")
        .await;
    let store = &bench.store;
    let waiting = |n| (account(n), SubscriptionId::new(&format!("sub_{n}")));
    let found = store.pending_purchases(now(), None, 9).await.unwrap();
    assert_eq!(found, [waiting(1), waiting(2)]);
    let found = store
        .pending_purchases(now(), Some(account(1)), 9)
        .await
        .unwrap();
    assert_eq!(found, [waiting(2)]);
    assert_eq!(store.pending_purchases(at(-1), None, 9).await.unwrap(), []);

    let overdue = store.overdue(later(31), None, 9).await.unwrap();
    assert_eq!(
        (overdue.overdue, overdue.last),
        (vec![waiting(3)], Some(account(4)))
    );
    let overdue = store.overdue(later(29), None, 3).await.unwrap();
    assert_eq!((overdue.overdue, overdue.last), (vec![], Some(account(3))));
    let beyond = store.overdue(later(31), Some(account(4)), 9).await.unwrap();
    assert_eq!(beyond.last, None);
}

#[tokio::test]
async fn customers_prices_and_events_are_looked_up_a_page_at_a_time() {
    let bench = bench("lookups").await;
    bench.sign_up(1).await;
    let store = &bench.store;
    store.put_customer(account(1), &customer(1)).await.unwrap();
    let ended = Subscription::Canceled(Ended {
        bought: bought(1, 7),
        ended_at: now(),
        over_since: None,
    });
    bench.put(1, &ended).await;
    let found = store
        .accounts_of(&[customer(1), customer(2)])
        .await
        .unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[&customer(1)].account, account(1));
    assert_eq!(found[&customer(1)].subscription, Some(ended));
    bench
        .run("INSERT INTO plan_prices VALUES ('price_1', 'pro', 'annual')")
        .await;
    let prices = [PriceId::new("price_1"), PriceId::new("price_2")];
    let prices = store.prices(&prices).await.unwrap();
    assert_eq!(prices.len(), 1);
    assert_eq!(prices[&PriceId::new("price_1")].0, plan("pro"));
    let event = notice("evt_1", described(1));
    let refused = EventState::Failed {
        error: "refused".to_owned(),
    };
    store
        .keep_event(&event, &refused, None, now())
        .await
        .unwrap();
    let ids = [event.id.clone(), NoticeId("evt_2".into())];
    let known = store.events_known(&ids).await.unwrap();
    assert_eq!(known.into_iter().collect::<Vec<_>>(), [event.id]);
    assert_eq!(store.events_known(&[]).await.unwrap().len(), 0);
}
