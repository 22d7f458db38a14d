//! Every order of every canonical life, with deliveries doubled and lost: wherever it is broken off,
//! one reconciliation ends where the provider does, and who heard the provider's last word needs none.
//!
//! The end is written by hand beside the life and filled with the provider's final object; nothing of
//! it comes from `transition`.

use std::{collections::HashMap, env, time::Instant};

use tollgate_billing::{
    Access, AfterEnd, Basis, Effect, Event, Policy, ProviderStatus, Snapshot, Stamp, Standing,
    Subscription, SubscriptionId, Trialing, access,
};

use crate::{
    canon::LIVES,
    given::{at, grant},
    lives::{EVENING, Heard, Life, settled, subject},
};

/// How many lives there are, of seven events each.
const CANONICAL: u64 = 54;

/// What a failure prints: a life, and the order in which its events were heard, counted from 0.
const REPLAY: &str = "TOLLGATE_REPLAY";

#[test]
fn i05_any_order_with_two_duplicates_ends_where_the_provider_does() {
    let pairs: Vec<_> = (0..7)
        .flat_map(|second| (0..second).map(move |first| (first, second)))
        .collect();
    let total = every_life(|number| {
        let (first, second) = pairs[number % pairs.len()];
        let mut deliveries = [1; 7];
        deliveries[first] = 2;
        deliveries[second] = 2;
        (deliveries, None)
    });
    // 9! / (2! · 2!) orders of each.
    assert_eq!(total.sequences, CANONICAL * 90_720);
}

/// Two sequences that led to the same place, with the same still to come, go on alike: they are gone
/// on with once and counted both.
#[test]
fn i05_everything_heard_twice_or_once_or_not_at_all_ends_where_the_provider_does() {
    let total = every_life(|_| ([2; 7], Some(Met::default())));
    // 14! / 2!⁷ orders of each, each broken off after each event.
    assert_eq!(total.sequences, CANONICAL * 681_080_400);
}

#[test]
fn a_sequence_that_is_named_is_heard_again() {
    let named = replay().unwrap_or_else(|| {
        "none: a1 active, a3 failed 1, a5 paid => active a | 1 2 0 1 2".to_owned()
    });
    let (text, order) = named.rsplit_once('|').unwrap();
    let (life, end) = parse(text);
    let order: Vec<usize> = order
        .split_whitespace()
        .map(|event| event.parse().unwrap())
        .collect();
    let deliveries = [u8::MAX; 7];
    let mut walk = Walk::new(text.trim(), &life, end, (deliveries, None));
    let mut here = Here::at(&life);
    for event in order {
        walk.left[event] -= 1;
        walk.path.push(event);
        here = walk.hear(&here, event);
        println!(
            "{:?}\n  {:?}",
            life.events[event], here.standing.subscription
        );
        walk.reconcile(&here);
    }
    walk.arrive(&here);
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one choice of who runs the test"
)]
fn replay() -> Option<String> {
    env::var(REPLAY).ok()
}

/// The life and the state in which it ends.
fn parse(text: &str) -> (Life, Option<Subscription>) {
    let (events, end) = text.split_once("=>").unwrap();
    let life = Life::parse(events);
    let (shape, id) = end.trim().split_once(' ').unwrap();
    let end = settled(life.implied(shape, id));
    (life, end)
}

fn every_life(plan: impl Fn(usize) -> ([u8; 7], Option<Met>)) -> Count {
    let began = Instant::now();
    let mut total = Count::default();
    for (number, text) in LIVES.trim().lines().enumerate() {
        let (life, end) = parse(text);
        assert_eq!(life.events.len(), 7, "{text}");
        let mut walk = Walk::new(text, &life, end, plan(number));
        total.sequences += walk.go_on(&Here::at(&life));
        total.add(walk.count);
    }
    println!(
        "{} lives, {} sequences, {} applies, {} reads, {} reconciliations, {:.1} s",
        LIVES.trim().lines().count(),
        total.sequences,
        total.applies,
        total.reads,
        total.reconciliations,
        began.elapsed().as_secs_f64()
    );
    total
}

#[derive(Clone, Copy, Default)]
struct Count {
    sequences: u64,
    applies: u64,
    reads: u64,
    reconciliations: u64,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.applies += other.applies;
        self.reads += other.reads;
        self.reconciliations += other.reconciliations;
    }
}

/// Where a sequence has led, with what of its past the rules ask for. A set of events or
/// subscriptions is a number with their bits.
#[derive(Clone)]
struct Here {
    standing: Standing,
    /// Refused, and so to be heard again.
    waiting: u8,
    /// Failures of which the customer was told.
    warned: u8,
    /// Subscriptions that were over.
    ended: u8,
}

impl Here {
    fn at(life: &Life) -> Self {
        let standing = Standing {
            subscription: life.start.clone(),
            grant: Some(grant(Some(at(EVENING + 1)))),
        };
        Self {
            standing,
            waiting: 0,
            warned: 0,
            ended: 0,
        }
    }
}

/// How many sequences go on from the places that were met.
#[derive(Default)]
struct Met {
    states: Vec<Option<Subscription>>,
    sequences: HashMap<Place, u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Place {
    left: [u8; 7],
    state: usize,
    past: (u8, u8, u8),
}

impl Met {
    fn place(&mut self, left: [u8; 7], here: &Here) -> Place {
        let state = &here.standing.subscription;
        let known = self.states.iter().position(|known| known == state);
        let state = known.unwrap_or_else(|| {
            self.states.push(state.clone());
            self.states.len() - 1
        });
        Place {
            left,
            state,
            past: (here.waiting, here.warned, here.ended),
        }
    }
}

struct Walk<'l> {
    text: &'l str,
    life: &'l Life,
    end: Option<Subscription>,
    deliveries: [u8; 7],
    /// How often each event is still to be heard.
    left: [u8; 7],
    /// What was heard.
    path: Vec<usize>,
    met: Option<Met>,
    count: Count,
}

impl<'l> Walk<'l> {
    fn new(
        text: &'l str,
        life: &'l Life,
        end: Option<Subscription>,
        (deliveries, met): ([u8; 7], Option<Met>),
    ) -> Self {
        Self {
            text,
            life,
            end,
            deliveries,
            left: deliveries,
            path: Vec::new(),
            met,
            count: Count::default(),
        }
    }

    /// Hears, from `here`, all that is left in every order; answers how many orders there are.
    fn go_on(&mut self, here: &Here) -> u64 {
        let left = self.left;
        let place = self.met.as_mut().map(|met| met.place(left, here));
        let known = place.and_then(|place| self.met.as_ref()?.sequences.get(&place).copied());
        if let Some(sequences) = known {
            return sequences;
        }
        if (0..7).all(|event| self.is_heard(event)) {
            self.arrive(here);
        } else if self.met.is_some() {
            self.reconcile(here);
        }
        let mut sequences = u64::from(left == [0; 7]);
        for event in (0..7).filter(|event| left[*event] > 0) {
            self.left[event] -= 1;
            self.path.push(event);
            let after = self.hear(here, event);
            sequences += self.go_on(&after);
            self.path.pop();
            self.left[event] += 1;
        }
        if let (Some(met), Some(place)) = (&mut self.met, place) {
            met.sequences.insert(place, sequences);
        }
        sequences
    }

    fn is_heard(&self, event: usize) -> bool {
        self.left[event] < self.deliveries[event]
    }

    fn hear(&mut self, here: &Here, event: usize) -> Here {
        let heard = self.heard(here.standing.subscription.clone(), event);
        let mut after = here.clone();
        after.standing.subscription.clone_from(&heard.state);
        let bit = 1 << event;
        if heard.is_refused {
            after.waiting |= bit;
        } else {
            after.waiting &= !bit;
        }
        self.check_effect(&heard, event, &mut after);
        self.check_access(&heard, event, (here, &after));
        self.check_end(&mut after);
        let again = self.heard(heard.state.clone(), event);
        self.assert(again.state == heard.state, "i06: a second delivery moved");
        self.assert(
            again.is_refused == heard.is_refused,
            "i06: a second delivery was refused",
        );
        self.assert(!warns(&again), "i06: a second delivery warned");
        after
    }

    fn heard(&mut self, state: Option<Subscription>, event: usize) -> Heard {
        let heard = self.life.hear(state, &self.life.events[event]);
        self.count.applies += 1 + u64::from(heard.reads > 0);
        self.count.reads += heard.reads;
        heard
    }

    fn check_effect(&self, heard: &Heard, event: usize, after: &mut Here) {
        match heard.effect {
            None => {}
            Some(Effect::WarnPaymentFailed(_)) => {
                let (is_recovered, is_in_debt_again) = self.since(event, after.waiting);
                let is_told = after.warned & 1 << event != 0;
                self.assert(!is_told || is_in_debt_again, "i24: told twice");
                self.assert(
                    !is_recovered || is_in_debt_again,
                    "i24: told after the recovery",
                );
                after.warned |= 1 << event;
            }
            Some(Effect::WarnTrialEnding { .. }) => {
                let ends = matches!(
                    &heard.state,
                    Some(Subscription::Trialing(Trialing::Purchased(bought)))
                        if bought.cancellation.is_none()
                );
                self.assert(ends, "no trial ends in a charge");
            }
            Some(Effect::EndSecond { .. }) => self.assert(false, "no life has two at once"),
        }
    }

    /// Whether a recovery from this failure was heard of, and whether a failure after that one, from
    /// which an old one cannot be told apart but by its event's own id. A payment that is heard during a
    /// trial may be of nothing, for the trial itself, and is no recovery.
    fn since(&self, failure: usize, waiting: u8) -> (bool, bool) {
        let of = subject(&self.life.events[failure]);
        let known: Vec<_> = (0..7)
            .filter(|event| self.is_heard(*event) && waiting & 1 << event == 0)
            .map(|event| &self.life.events[event])
            .filter(|event| subject(event) == of)
            .collect();
        let is_trial = known
            .iter()
            .any(|event| is_told(event, ProviderStatus::Trialing));
        let is_recovery = |event: &Event| {
            is_told(event, ProviderStatus::Active)
                || !is_trial && matches!(event, Event::PaymentSucceeded { .. })
        };
        let is_failure = |event: &Event| {
            is_told(event, ProviderStatus::PastDue) || matches!(event, Event::PaymentFailed { .. })
        };
        let after = |second: Stamp, says: &dyn Fn(&Event) -> bool| {
            let said = known.iter().filter(|event| says(event));
            said.map(|event| stamp_of(event))
                .filter(|stamp| *stamp > second)
                .min()
        };
        let recovery = after(stamp_of(&self.life.events[failure]), &is_recovery);
        let again = recovery.and_then(|recovery| after(recovery, &is_failure));
        (recovery.is_some(), again.is_some())
    }

    fn check_access(&self, heard: &Heard, event: usize, (here, after): (&Here, &Here)) {
        self.assert(
            basis(&after.standing, EVENING) == Some(Basis::Complimentary),
            "i26: the grant is gone",
        );
        let trial = |here: &Here| {
            let state = here.standing.subscription.as_ref();
            state.and_then(Subscription::reverse).cloned()
        };
        self.assert(
            trial(after).is_none() || trial(after) == trial(here),
            "i09: the trial moved",
        );
        let is_paid = |here: &Here| basis(&here.standing, EVENING + 1) == Some(Basis::Paid);
        if is_paid(after) && !is_paid(here) {
            let active = |told: &Snapshot| told.status == ProviderStatus::Active;
            let said = match &self.life.events[event] {
                Event::PaymentSucceeded { .. } => true,
                Event::Observed(told) | Event::Read(told) => active(told),
                Event::PaymentFailed { .. } | Event::TrialWillEnd { .. } => false,
            };
            let read = heard.reads > 0 && self.life.finally.iter().any(active);
            self.assert(said || read, "i02: nobody said that it is paid");
        }
    }

    fn check_end(&self, after: &mut Here) {
        let state = after.standing.subscription.as_ref();
        let Some((state, bought)) = state.and_then(|state| Some((state, state.bought()?))) else {
            return;
        };
        let bit = bit(&bought.subscription);
        if state.is_live_at_provider() {
            self.assert(after.ended & bit == 0, "i07: it reopened");
        } else {
            after.ended |= bit;
        }
    }

    /// Everything was heard at least once: what was refused is heard again, and that must do.
    fn arrive(&mut self, here: &Here) {
        let mut after = here.clone();
        for event in (0..7).filter(|event| here.waiting & 1 << event != 0) {
            after = self.hear(&after, event);
        }
        let state = after.standing.subscription.clone();
        if !self.text.contains("lost") {
            self.assert(
                settled(state.clone()) == self.end,
                "the last word was heard and is not believed",
            );
        }
        self.reconcile(&after);
    }

    fn reconcile(&mut self, here: &Here) {
        let state = here.standing.subscription.clone();
        let read = self.life.reconciled(state);
        self.count.reconciliations += 1;
        self.assert(
            settled(read.clone()) == self.end,
            "i05: it ends elsewhere than the provider",
        );
        self.assert(
            self.life.reconciled(read.clone()) == read,
            "i21: a second reconciliation moved",
        );
    }

    fn replay(&self) -> String {
        let order: Vec<_> = self.path.iter().map(ToString::to_string).collect();
        let (text, order) = (self.text, order.join(" "));
        format!(
            "{REPLAY}='{text} | {order}' cargo test -p tollgate-billing --test rules named -- --nocapture"
        )
    }

    fn assert(&self, holds: bool, rule: &str) {
        assert!(holds, "{rule}\n{}", self.replay());
    }
}

fn warns(heard: &Heard) -> bool {
    matches!(heard.effect, Some(Effect::WarnPaymentFailed(_)))
}

fn is_told(event: &Event, status: ProviderStatus) -> bool {
    matches!(event, Event::Observed(told) if told.status == status)
}

fn stamp_of(event: &Event) -> Stamp {
    match event {
        Event::Observed(told) | Event::Read(told) => told.stamp,
        Event::PaymentFailed { stamp, .. } | Event::PaymentSucceeded { stamp, .. } => *stamp,
        Event::TrialWillEnd { .. } => Stamp::from_unix_seconds(0),
    }
}

fn basis(standing: &Standing, second: i64) -> Option<Basis> {
    let policy = Policy {
        after_end: AfterEnd::Lock,
        read_only_days: 0,
    };
    match access(standing, at(second), policy) {
        Access::Full { basis, .. } => Some(basis),
        Access::ReadOnly { .. } | Access::Free | Access::Locked(_) => None,
    }
}

fn bit(id: &SubscriptionId) -> u8 {
    1 << (id.as_str().as_bytes()[0] - b'a')
}
