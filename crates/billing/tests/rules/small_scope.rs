//! Every order of every small life, with one event delivered twice: whatever was heard, one
//! reconciliation ends where the provider does, and what everything was heard of needs none for its
//! terms.

use std::collections::BTreeSet;

use tollgate_billing::{Subscription, SubscriptionId};

use crate::{
    given::shape,
    lives::{Life, settled},
};

/// See [`Life::parse`]; after the arrow, the state in which it ends.
const LIVES: &str = "
trial:    a1 incomplete, a2 active, a2 paid                                    => active
trial:    a1 incomplete, a3 incomplete_expired                                 => trial/failed
trial:    a1 trialing, a2 trial_will_end, a4 active, a4 paid                   => active
trial:    a1 incomplete, a2 incomplete_expired, b3 incomplete, b4 paid, b4 active => active
trial:    a1 incomplete, a2 incomplete_expired, b2 active, b5 canceled         => canceled
none:     a1 incomplete, a1 paid, a1 lost active                               => active
none:     a1 incomplete, a3 incomplete_expired, b3 incomplete, b9 incomplete_expired => expired
none:     a1 active, a5 failed 1, a5 past_due, a7 paid, a7 active              => active
none:     a1 active, a3 past_due, a3 failed 1, a5 failed 2, a6 unpaid          => unpaid
none:     a1 active, a3 failed 1, a3 past_due, a5 failed 2, a8 canceled        => canceled
none:     a1 active, a3 failed 1, a3 lost past_due                             => past_due
none:     a1 active, a2 active 4, a2 active 5, a3 active 2                     => active
none:     a1 active, a4 active 5, a5 paid                                      => active
none:     a1 active, a4 active 5, a5 paid, a6 active 2                         => active
none:     a1 active, a4 active 5, a5 failed 1, a6 past_due 5, a7 paid, a7 active 5 => active
none:     a1 active, a4 active 5, a5 failed 1, a6 past_due 5                   => past_due
none:     a1 incomplete, a4 active 5, a5 paid                                  => active
none:     a1 active, a3 canceled, b3 active, b4 active 5                       => active
none:     a1 active, a3 canceled, b5 active, b7 lost canceled                  => canceled
none:     a1 active, a2 paused, a2 active, a5 paused                           => paused
free:     a1 incomplete, a3 incomplete_expired                                  => free/failed
free:     a1 incomplete, a2 incomplete_expired, b3 incomplete, b4 paid, b4 active => active
free:     a1 trialing, a4 past_due, a4 failed 1, a9 canceled                   => canceled
canceled: b1 active, b2 canceled, c2 incomplete, c2 active, c2 paid            => active
";

#[test]
fn any_order_with_a_duplicate_ends_where_the_provider_does() {
    let mut total = Count::default();
    for line in LIVES.trim().lines() {
        let (script, end) = line.split_once("=>").unwrap();
        let life = Life::parse(script);
        let in_order = life.end();
        assert_eq!(shape(in_order.as_ref()), end.trim(), "{line}");
        let mut explored = Exploration {
            line,
            end: settled(in_order),
            life: &life,
            count: Count::default(),
        };
        explored.every_duplicate();
        total.add(explored.count);
    }
    println!(
        "{} lives, {} histories, {} steps; {} histories ended right before the reconciliation",
        LIVES.trim().lines().count(),
        total.histories,
        total.steps,
        total.right_at_once
    );
    assert!(total.histories > 10_000);
}

#[derive(Clone, Copy, Default)]
struct Count {
    histories: u64,
    steps: u64,
    right_at_once: u64,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.histories += other.histories;
        self.steps += other.steps;
        self.right_at_once += other.right_at_once;
    }
}

struct Exploration<'l> {
    line: &'l str,
    life: &'l Life,
    end: Option<Subscription>,
    count: Count,
}

impl Exploration<'_> {
    fn every_duplicate(&mut self) {
        for twice in 0..self.life.events.len() {
            let mut left = vec![1; self.life.events.len()];
            left[twice] = 2;
            self.every_order(&mut left, self.life.start.clone(), &BTreeSet::new());
        }
    }

    /// Goes on from `state` with each event of which some deliveries are `left`.
    fn every_order(
        &mut self,
        left: &mut [u8],
        state: Option<Subscription>,
        ended: &BTreeSet<SubscriptionId>,
    ) {
        if left.iter().all(|count| *count == 0) {
            return self.reconcile(state);
        }
        for next in 0..left.len() {
            if left[next] == 0 {
                continue;
            }
            left[next] -= 1;
            let after = self.life.step(state.clone(), &self.life.events[next]);
            self.count.steps += 1;
            let ended = self.ended_by(after.as_ref(), ended);
            self.every_order(left, after, &ended);
            left[next] += 1;
        }
    }

    fn ended_by(
        &self,
        state: Option<&Subscription>,
        ended: &BTreeSet<SubscriptionId>,
    ) -> BTreeSet<SubscriptionId> {
        let mut ended = ended.clone();
        if let Some((state, bought)) = state.and_then(|state| Some((state, state.bought()?))) {
            if state.is_live_at_provider() {
                assert!(
                    !ended.contains(&bought.subscription),
                    "reopened: {}",
                    self.line
                );
            } else {
                ended.insert(bought.subscription.clone());
            }
        }
        ended
    }

    fn reconcile(&mut self, state: Option<Subscription>) {
        let heard = settled(state.clone());
        if !self.line.contains("lost") {
            assert_eq!(
                seats(heard.as_ref()),
                seats(self.end.as_ref()),
                "{}",
                self.line
            );
        }
        let read = self.life.reconciled(state);
        assert_eq!(settled(read.clone()), self.end, "{}", self.line);
        assert_eq!(self.life.reconciled(read.clone()), read, "{}", self.line);
        self.count.histories += 1;
        self.count.right_at_once += u64::from(heard == self.end);
    }
}

/// The terms that the lives change.
fn seats(state: Option<&Subscription>) -> Option<u32> {
    state?.bought().map(|bought| bought.seats)
}
