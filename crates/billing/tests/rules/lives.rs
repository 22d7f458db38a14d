//! Lives of an account at its provider: what the provider says in order, and where it ends.

use tollgate_billing::{Event, Outcome, Snapshot, Stamp, Subscription, SubscriptionId, transition};

use crate::given::{Content, at, snapshot, stamp, state, status};

/// Reads happen then, and it is always that late: after every event of every life.
pub(crate) const EVENING: i64 = 1_000;

#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) start: Option<Subscription>,
    /// In the order in which they came to be.
    pub(crate) events: Vec<Event>,
    /// How each subscription stands when all is over, in the order in which they began.
    pub(crate) finally: Vec<Snapshot>,
}

impl Life {
    /// Reads `<start>: <event>, <event>, …`. An event is the subscription, the second, and
    /// - a status, told by a snapshot, with the number of seats if it is not 3;
    /// - `lost` and a status, which nobody was told;
    /// - `failed` and the attempt, `paid`, or `trial_will_end`.
    pub(crate) fn parse(script: &str) -> Self {
        let (start, events) = script.split_once(':').unwrap();
        let mut life = Self::new(state(start.trim(), Content::as_of(0)));
        for event in events.split(',') {
            life.live_through(&event.split_whitespace().collect::<Vec<_>>());
        }
        life
    }

    pub(crate) fn new(start: Option<Subscription>) -> Self {
        Self {
            start,
            events: Vec::new(),
            finally: Vec::new(),
        }
    }

    fn live_through(&mut self, words: &[&str]) {
        let (id, second) = words[0].split_at(1);
        let second: i64 = second.parse().unwrap();
        let number = || words.last().unwrap().parse::<u32>();
        match words[1] {
            "failed" => self.fail(id, second, number().unwrap()),
            "paid" => self.pay(id, second),
            "trial_will_end" => self.events.push(Event::TrialWillEnd {
                subscription: SubscriptionId::new(id),
                ends_at: at(EVENING),
            }),
            "lost" => self.become_untold(snapshot(id, status(words[2]), second)),
            told => self.become_told(Snapshot {
                seats: number().unwrap_or(3),
                ..snapshot(id, status(told), second)
            }),
        }
    }

    pub(crate) fn become_told(&mut self, snapshot: Snapshot) {
        self.events.push(Event::Observed(snapshot.clone()));
        self.become_untold(snapshot);
    }

    pub(crate) fn become_untold(&mut self, snapshot: Snapshot) {
        self.finally
            .retain(|known| known.subscription != snapshot.subscription);
        self.finally.push(snapshot);
    }

    pub(crate) fn fail(&mut self, id: &str, second: i64, attempt: u32) {
        self.events.push(Event::PaymentFailed {
            subscription: SubscriptionId::new(id),
            attempt,
            next_attempt: None,
            stamp: stamp(second),
        });
    }

    pub(crate) fn pay(&mut self, id: &str, second: i64) {
        self.events.push(Event::PaymentSucceeded {
            subscription: SubscriptionId::new(id),
            stamp: stamp(second),
        });
    }

    /// One step of an account to which the provider answers with the end of this life.
    pub(crate) fn step(&self, state: Option<Subscription>, event: &Event) -> Option<Subscription> {
        match transition(state.as_ref(), event, at(EVENING)) {
            Ok(Outcome::Moved { next, .. }) => Some(next),
            Ok(Outcome::NeedsRead) => self.reconciled(state),
            // A refused event is one that got lost: the reconciliation has to make up for it.
            Ok(Outcome::AlreadyApplied | Outcome::Noticed(_)) | Err(_) => state,
        }
    }

    /// Reads every subscription, the stored one first.
    pub(crate) fn reconciled(&self, state: Option<Subscription>) -> Option<Subscription> {
        let stored = state.as_ref().and_then(Subscription::bought);
        let stored = stored.map(|bought| bought.subscription.clone());
        let (first, rest): (Vec<_>, Vec<_>) = self
            .finally
            .iter()
            .partition(|snapshot| Some(&snapshot.subscription) == stored.as_ref());
        first
            .into_iter()
            .chain(rest)
            .fold(state, |state, snapshot| {
                let read = Event::Read(Snapshot {
                    stamp: stamp(EVENING),
                    ..snapshot.clone()
                });
                match transition(state.as_ref(), &read, at(EVENING)) {
                    Ok(Outcome::Moved { next, .. }) => Some(next),
                    Ok(Outcome::AlreadyApplied) => state,
                    unheard => panic!("a read is believed or known already: {unheard:?}"),
                }
            })
    }

    /// The state after everything was heard once, in order, and then read.
    pub(crate) fn end(&self) -> Option<Subscription> {
        let state = self
            .events
            .iter()
            .fold(self.start.clone(), |state, event| self.step(state, event));
        self.reconciled(state)
    }
}

/// The state without what depends on when we heard of it: the stamp, since when something is owed,
/// and how often the customer was warned.
pub(crate) fn settled(state: Option<Subscription>) -> Option<Subscription> {
    let mut state = state?;
    match &mut state {
        Subscription::PastDue(debt) => {
            debt.since = at(0);
            debt.attempt = 0;
        }
        Subscription::Unpaid(debt) => debt.since = at(0),
        Subscription::Free { .. }
        | Subscription::Trialing(_)
        | Subscription::PendingPayment(_)
        | Subscription::Active(_)
        | Subscription::Paused(_)
        | Subscription::Canceled(_)
        | Subscription::Expired(_) => {}
    }
    if let Some(stored) = stamp_of(&mut state) {
        *stored = stamp(0);
    }
    Some(state)
}

fn stamp_of(state: &mut Subscription) -> Option<&mut Stamp> {
    use tollgate_billing::Trialing;
    let bought = match state {
        Subscription::Free { failed: None, .. }
        | Subscription::Trialing(Trialing::Reverse { failed: None, .. }) => return None,
        Subscription::Free {
            failed: Some(ended),
            ..
        }
        | Subscription::Trialing(Trialing::Reverse {
            failed: Some(ended),
            ..
        })
        | Subscription::Canceled(ended)
        | Subscription::Expired(ended) => &mut ended.bought,
        Subscription::Trialing(Trialing::Purchased(bought))
        | Subscription::Active(bought)
        | Subscription::Paused(bought) => bought,
        Subscription::PendingPayment(pending) => &mut pending.bought,
        Subscription::PastDue(debt) => &mut debt.bought,
        Subscription::Unpaid(debt) => &mut debt.bought,
    };
    Some(&mut bought.stamp)
}
