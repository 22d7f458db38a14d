//! Two nodes take in what a provider tells, by the real use cases, in every way that a seed can think
//! of: statements of all tasks interleaved, deliveries doubled and in any order, statements and calls
//! that fail, commits whose answer is lost, nodes that crash. When the faults stop and the queues are
//! empty, what is stored is what the provider's last objects imply, without any reconciliation.
//!
//! Its limits: one account, which begins with nothing and subscribes once at a time; the store is in
//! memory and keeps the locks and the atomicity that the use cases rely on, not PostgreSQL's whole
//! behaviour; no event is lost for good, and no purchase is begun on our side.

#![cfg(test)]

mod database;
mod oracle;
mod provider;
mod schedule;
mod sign_ins;
mod store;
mod teams;
mod unused;
mod world;

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use tollgate_primitives::JobKey;
use tollgate_use_cases::{
    App,
    ports::{EventState, Job},
    receive_webhook, run_job,
};

use crate::{
    oracle::{implied, settled},
    world::Shared,
};

const SEEDS: u64 = 2_000;
/// Steps of one life after which the faults stop, and after which something is stuck.
const FAULTY: u64 = 400;
const STUCK: u64 = 200_000;

#[test]
fn i29_whatever_fails_what_is_stored_ends_where_the_provider_does() {
    let seeds = match chosen() {
        Some(seed) => seed..seed + 1,
        None => 0..SEEDS,
    };
    let (mut steps, mut crashes) = (0, 0);
    for seed in seeds.clone() {
        let run = Simulation::run(seed);
        steps += run.shared.world().trace.steps;
        crashes += run.crashes;
    }
    println!("{} seeds, {steps} steps, {crashes} crashes", seeds.count());
}

#[test]
fn the_same_seed_is_the_same_history() {
    let hash = |seed| Simulation::run(seed).shared.world().trace.hash();
    for seed in 0..20 {
        assert_eq!(hash(seed), hash(seed), "seed {seed}");
        assert_ne!(hash(seed), hash(seed + 1), "seed {seed}");
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one choice of who runs the test"
)]
fn chosen() -> Option<u64> {
    let seed = std::env::var("TOLLGATE_SIM_SEED").ok()?;
    Some(seed.parse().expect("TOLLGATE_SIM_SEED is a number"))
}

/// What a node is at. The future answers whether it succeeded.
struct Task {
    node: usize,
    what: What,
    future: Pin<Box<dyn Future<Output = bool>>>,
}

enum What {
    Delivery(usize),
    Job(Job),
}

struct Simulation {
    seed: u64,
    shared: Shared,
    app: App,
    tasks: Vec<Task>,
    /// Of each event that was told, whether its delivery was answered with success.
    is_delivered: Vec<bool>,
    /// How much the provider is still to live through.
    ahead: usize,
    /// How many steps of ours there are for one of the provider's.
    leisure: usize,
    crashes: u64,
    /// How often a job was begun again.
    repeats: BTreeMap<JobKey, u32>,
}

impl Simulation {
    fn run(seed: u64) -> Self {
        let shared = Shared::new(seed);
        let ahead = 2 + shared.world().random.below(9);
        let leisure = [1, 4, 16, 64][shared.world().random.below(4)];
        let app = shared.app();
        let mut simulation = Self {
            seed,
            shared,
            app,
            tasks: Vec::new(),
            is_delivered: Vec::new(),
            ahead,
            leisure,
            crashes: 0,
            repeats: BTreeMap::new(),
        };
        let mut steps = 0;
        while !simulation.is_quiet() {
            steps += 1;
            simulation.shared.world().are_faults_on = steps < FAULTY;
            assert!(steps < STUCK, "i29: stuck");
            simulation.step();
        }
        simulation.check();
        simulation
    }

    fn is_quiet(&self) -> bool {
        let world = self.shared.world();
        self.ahead == 0
            && self.tasks.is_empty()
            && world.database.jobs.is_empty()
            && self.is_delivered.iter().all(|delivered| *delivered)
    }

    fn step(&mut self) {
        if self.ahead > 0 && self.pick(self.leisure) == 0 {
            return self.live_on();
        }
        match self.pick(100) {
            0..6 => self.deliver(),
            6..12 => self.start_job(),
            12 if self.shared.world().are_faults_on => self.crash(),
            13 => self.shared.world().database.knows_customer = true,
            _ => self.go_on(),
        }
    }

    fn pick(&self, end: usize) -> usize {
        self.shared.world().random.below(end)
    }

    fn live_on(&mut self) {
        self.ahead -= 1;
        let world = &mut *self.shared.world();
        world.provider.live_on(&mut world.random);
        self.is_delivered.resize(world.provider.told.len(), false);
    }

    /// One that was not answered, or for once another that was.
    fn deliver(&mut self) {
        let again = self.pick(8) == 0;
        let waiting: Vec<_> = (0..self.is_delivered.len())
            .filter(|event| again || !self.is_delivered[*event])
            .collect();
        if waiting.is_empty() || self.tasks.len() > 6 {
            return;
        }
        let is_newest = self.pick(2) == 0;
        let event = match waiting.last() {
            Some(newest) if is_newest => *newest,
            _ => waiting[self.pick(waiting.len())],
        };
        let app = self.app.clone();
        let future = async move {
            let body = event.to_string();
            receive_webhook(&app, None, body.as_bytes()).await.is_ok()
        };
        self.start(What::Delivery(event), Box::pin(future));
    }

    fn start_job(&mut self) {
        let waiting = self.shared.world().database.jobs.len();
        if waiting == 0 || self.tasks.len() > 6 {
            return;
        }
        let number = self.pick(waiting);
        let job = self.shared.world().database.jobs.swap_remove(number);
        let (app, run) = (self.app.clone(), job.clone());
        let future = async move { run_job(&app, &run.key, run.kind).await.is_ok() };
        self.start(What::Job(job), Box::pin(future));
    }

    fn start(&mut self, what: What, future: Pin<Box<dyn Future<Output = bool>>>) {
        let node = self.pick(2);
        self.tasks.push(Task { node, what, future });
    }

    /// A node forgets what it was at; its transactions are rolled back, and its jobs wait again.
    fn crash(&mut self) {
        let node = self.pick(2);
        let (lost, kept) = std::mem::take(&mut self.tasks)
            .into_iter()
            .partition(|task| task.node == node);
        self.tasks = kept;
        self.crashes += 1;
        let lost: Vec<Task> = lost;
        for task in lost {
            drop(task.future);
            self.end(task.what, false);
        }
    }

    fn go_on(&mut self) {
        if self.tasks.is_empty() {
            return;
        }
        let number = self.pick(self.tasks.len());
        self.shared.world().trace.note(&number.to_string());
        let mut context = Context::from_waker(Waker::noop());
        let polled = self.tasks[number].future.as_mut().poll(&mut context);
        if let Poll::Ready(succeeded) = polled {
            let task = self.tasks.swap_remove(number);
            let is_heard = {
                let world = &mut *self.shared.world();
                !world.are_faults_on || !world.random.one_in(20)
            };
            self.end(task.what, succeeded && is_heard);
        }
    }

    /// Whoever did not hear of a success has it done again.
    fn end(&mut self, what: What, is_heard: bool) {
        match what {
            What::Delivery(event) => self.is_delivered[event] |= is_heard,
            What::Job(job) if !is_heard => {
                *self.repeats.entry(job.key.clone()).or_default() += 1;
                self.shared.world().database.jobs.push(job);
            }
            What::Job(_) => {}
        }
    }

    fn check(&self) {
        let world = self.shared.world();
        let stored = world.database.subscription.clone();
        assert_eq!(settled(stored), implied(&world), "i05");
        assert_eq!(world.database.audits, world.database.changes, "i19");
        for record in world.database.events.values() {
            let is_done = matches!(record.state, EventState::Applied);
            assert!(is_done, "i29: {} is {:?}", record.id, record.state);
        }
        for (key, sent) in &world.mails {
            let repeats = self.repeats.get(key).copied().unwrap_or_default();
            assert!(*sent <= 1 + repeats, "i17: {key} was sent {sent} times");
        }
        assert_eq!(world.database.events.len(), self.is_delivered.len());
        assert!(world.database.locks.is_empty());
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let seed = self.seed;
            eprintln!(
                "TOLLGATE_SIM_SEED={seed} cargo test -p tollgate-use-cases --test simulation i29"
            );
        }
    }
}
