//! Lives of an account at its provider: what the provider says in order, and where it ends.

use tollgate_billing::{
    Effect, Event, Interval, Outcome, Period, PriceId, ProviderStatus, Refused, Snapshot, Stamp,
    Subscription, SubscriptionId, transition,
};

use tollgate_primitives::Timestamp;

use crate::given::{Content, DAY, at, bought, plan, snapshot, stamp, state, status};

/// Events are heard and reads happen then, and it is always that late: after every event of every life.
pub(crate) const EVENING: i64 = 1_000;

#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) start: Option<Subscription>,
    /// In the order in which they came to be.
    pub(crate) events: Vec<Event>,
    /// How each subscription stands when all is over, in the order in which they began.
    pub(crate) finally: Vec<Snapshot>,
}

/// What hearing one event led to.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) state: Option<Subscription>,
    /// What the customer is told.
    pub(crate) effect: Option<Effect>,
    /// Nothing was known that it could be about: it is to be heard again.
    pub(crate) is_refused: bool,
    /// How often the provider was asked.
    pub(crate) reads: u64,
}

impl Life {
    /// Reads `<start>: <event>, <event>, …`. An event is the subscription, the second, and
    /// - a status with its terms, told by a snapshot: the number of seats if it is not 3, `team`,
    ///   `annual`, `stops` if it is to end with the first period, `+1` for the period after the first;
    /// - `lost` and a status with its terms, which nobody was told;
    /// - `failed` and the attempt, `paid`, or `trial_will_end`.
    pub(crate) fn parse(script: &str) -> Self {
        let (start, events) = script.split_once(':').unwrap();
        let mut life = Self::new(state(start.trim(), Content::as_of(0)));
        match start.trim() {
            "canceled" => life.become_untold(snapshot("a", ProviderStatus::Canceled, 0)),
            "expired" => life.become_untold(snapshot("a", ProviderStatus::IncompleteExpired, 0)),
            _ => {}
        }
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
        match words[1] {
            "failed" => self.fail(id, second, words[2].parse().unwrap()),
            "paid" => self.pay(id, second),
            "trial_will_end" => self.events.push(Event::TrialWillEnd {
                subscription: SubscriptionId::new(id),
                ends_at: at(EVENING + 1),
            }),
            "lost" => self.become_untold(described(id, second, &words[2..])),
            _ => self.become_told(described(id, second, &words[1..])),
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

    /// What an account makes of `event`, to which the provider answers with the end of this life: what
    /// cannot be ordered is read, the stored subscription first, and then heard again.
    pub(crate) fn hear(&self, before: Option<Subscription>, event: &Event) -> Heard {
        let mut heard = Heard {
            state: before,
            effect: None,
            is_refused: false,
            reads: 0,
        };
        if heard.step(event) {
            let told = subject(event);
            let stored = heard.state.as_ref().and_then(Subscription::bought);
            let stored = stored.map(|bought| bought.subscription.clone());
            for id in stored.iter().filter(|stored| *stored != told).chain([told]) {
                let known = self.finally.iter().find(|last| last.subscription == *id);
                heard.read(known.unwrap());
            }
            heard.step(event);
        }
        heard
    }

    /// Reads every subscription, the stored one first.
    pub(crate) fn reconciled(&self, state: Option<Subscription>) -> Option<Subscription> {
        let stored = state.as_ref().and_then(Subscription::bought);
        let stored = stored.map(|bought| bought.subscription.clone());
        let is_stored = |last: &&Snapshot| Some(&last.subscription) == stored.as_ref();
        let mut heard = Heard {
            state,
            effect: None,
            is_refused: false,
            reads: 0,
        };
        let first = self.finally.iter().filter(is_stored);
        for last in first.chain(self.finally.iter().filter(|last| !is_stored(last))) {
            heard.read(last);
        }
        heard.state
    }

    /// The state of which the provider's last word implies `shape`, for the subscription `id`.
    pub(crate) fn implied(&self, shape: &str, id: &str) -> Option<Subscription> {
        let of = |last: &&Snapshot| last.subscription.as_str() == id;
        let last = self.finally.iter().find(of).unwrap();
        let content = Content {
            bought: bought(last),
            since: last.ended_at.unwrap_or(at(0)),
            over: self.last_end_of_another(id).unwrap_or(at(0)),
            ..Content::as_of(0)
        };
        let mut implied = state(shape, content);
        if let Some(Subscription::Free { since, .. }) = &mut implied {
            *since = at(0);
        }
        implied
    }
}

impl Life {
    /// Of one that ran.
    fn last_end_of_another(&self, id: &str) -> Option<Timestamp> {
        let ran = |last: &&Snapshot| {
            last.subscription.as_str() != id && last.status == ProviderStatus::Canceled
        };
        let ends = self.finally.iter().filter(ran);
        ends.filter_map(|last| last.ended_at).max()
    }
}

impl Heard {
    /// Whether the provider has to be asked.
    fn step(&mut self, event: &Event) -> bool {
        match transition(self.state.as_ref(), event, at(EVENING)) {
            Ok(Outcome::Moved { next, effect }) => {
                self.state = Some(next);
                self.effect = effect;
            }
            Ok(Outcome::Noticed(effect)) => self.effect = Some(effect),
            Ok(Outcome::AlreadyApplied) => {}
            Ok(Outcome::NeedsRead) => return true,
            Err(Refused::UnknownSubscription) => self.is_refused = true,
        }
        false
    }

    fn read(&mut self, last: &Snapshot) {
        let read = Event::Read(Snapshot {
            stamp: stamp(EVENING),
            ..last.clone()
        });
        self.reads += 1;
        match transition(self.state.as_ref(), &read, at(EVENING)) {
            Ok(Outcome::Moved { next, .. }) => self.state = Some(next),
            Ok(Outcome::AlreadyApplied) => {}
            unheard => panic!("a read is believed or known already: {unheard:?}"),
        }
    }
}

pub(crate) fn subject(event: &Event) -> &SubscriptionId {
    match event {
        Event::Observed(told) | Event::Read(told) => &told.subscription,
        Event::PaymentFailed { subscription, .. }
        | Event::PaymentSucceeded { subscription, .. }
        | Event::TrialWillEnd { subscription, .. } => subscription,
    }
}

fn described(id: &str, second: i64, words: &[&str]) -> Snapshot {
    let mut told = snapshot(id, status(words[0]), second);
    for term in &words[1..] {
        match *term {
            "team" => {
                told.plan = plan("team");
                told.price = PriceId::new("price_team");
            }
            "annual" => {
                told.interval = Interval::Annual;
                told.price = PriceId::new("price_annual");
            }
            "stops" => told.cancel_at = Some(at(30 * DAY)),
            later if later.starts_with('+') => {
                let periods: i64 = later[1..].parse().unwrap();
                told.period = Period::of_days(at(periods * 30 * DAY), 30);
            }
            seats => told.seats = seats.parse().unwrap(),
        }
    }
    told
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
