//! The one state behind one lock, its clock, its file, and the queue of events to deliver.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::Serialize;
use tokio::sync::{Notify, mpsc::UnboundedSender};

use crate::{
    Config,
    clock::{Clock, wall_now},
    faults::Faults,
    state::State,
};

/// A call as the log shows it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LoggedCall {
    pub(crate) at: i64,
    pub(crate) request_id: String,
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) params: String,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) replayed: bool,
    /// None where the connection was dropped.
    pub(crate) status: Option<u16>,
}

/// What the lock protects.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) state: State,
    pub(crate) faults: Faults,
    pub(crate) log: Vec<LoggedCall>,
    /// The wall second that is counted for the rate limit, and the calls in it.
    pub(crate) rate: (i64, u32),
}

#[derive(Debug)]
pub(crate) struct Core {
    inner: Mutex<Inner>,
    queue: UnboundedSender<String>,
    /// Rung whenever a delivery ends.
    pub(crate) delivered: Notify,
    pub(crate) config: Config,
}

impl Core {
    /// Reads the state file, if there is one, and queues what was not delivered.
    pub(crate) fn open(
        config: Config,
        base_url: String,
        queue: UnboundedSender<String>,
    ) -> io::Result<Self> {
        let wall = wall_now();
        let clock = Clock::new(config.clock);
        let mut state = match &config.state_file {
            Some(file) if file.exists() => read(file)?,
            Some(_) | None => State::new(clock, clock.now(wall), random_seed()),
        };
        state.base_url = base_url;
        state.answers.forget_unfinished();
        if config.webhook.is_some() {
            state.webhook.clone_from(&config.webhook);
        }
        state.undelivered = state
            .pending_events()
            .map(|event| event.id.clone())
            .collect();
        let core = Self {
            inner: Mutex::new(Inner {
                state,
                faults: Faults::default(),
                log: Vec::new(),
                rate: (wall, 0),
            }),
            queue,
            delivered: Notify::new(),
            config,
        };
        core.write(|_| ());
        Ok(core)
    }

    /// Looks at the state at the clock's present moment.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Inner) -> T) -> T {
        let mut inner = self.lock();
        self.arrive(&mut inner);
        look(&inner)
    }

    /// Changes the state at the clock's present moment, keeps it, and queues the events it made.
    pub(crate) fn write<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        let mut inner = self.lock();
        let now = inner.state.clock.now(wall_now());
        inner.state.settle(now);
        let outcome = change(&mut inner);
        self.keep(&mut inner);
        outcome
    }

    /// Changes what is not kept across a restart: the log, the faults, the counters.
    pub(crate) fn aside<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        change(&mut self.lock())
    }

    /// Lets time do what has fallen due.
    pub(crate) fn tick(&self) {
        let mut inner = self.lock();
        self.arrive(&mut inner);
    }

    /// Moves the clock. Refuses to go back.
    pub(crate) fn move_clock(&self, moment: i64) -> Result<i64, &'static str> {
        let mut inner = self.lock();
        self.arrive(&mut inner);
        if moment < inner.state.now {
            return Err("the clock only moves forward");
        }
        inner.state.clock = inner.state.clock.moved_to(moment, wall_now());
        inner.state.settle(moment);
        self.keep(&mut inner);
        Ok(moment)
    }

    /// An empty account with a new seed. Endpoint, settings and the clock's setting stay.
    pub(crate) fn reset(&self) {
        let mut inner = self.lock();
        let clock = inner.state.clock;
        let mut state = State::new(clock, clock.now(wall_now()), random_seed());
        state.base_url.clone_from(&inner.state.base_url);
        state.webhook.clone_from(&inner.state.webhook);
        state.settings.clone_from(&inner.state.settings);
        inner.state = state;
        inner.faults.clear();
        inner.log.clear();
        self.keep(&mut inner);
        self.delivered.notify_waiters();
    }

    fn arrive(&self, inner: &mut Inner) {
        let now = inner.state.clock.now(wall_now());
        if now != inner.state.now && inner.state.settle(now) {
            self.keep(inner);
        }
    }

    fn keep(&self, inner: &mut Inner) {
        if let Some(file) = &self.config.state_file
            && let Err(error) = write(file, &inner.state)
        {
            tracing::error!(%error, file = %file.display(), "cannot keep the sandbox's state");
        }
        for event in inner.state.undelivered.drain(..) {
            // The receiver is gone only while the server stops.
            let _stopping = self.queue.send(event);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(file: &Path) -> io::Result<State> {
    serde_json::from_slice(&fs::read(file)?).map_err(|error| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{}: {error}", file.display()),
        )
    })
}

/// Writes beside the file and renames, so that the file is whole at every moment.
fn write(file: &Path, state: &State) -> io::Result<()> {
    let mut beside: PathBuf = file.to_owned();
    beside.as_mut_os_string().push(".new");
    fs::write(&beside, serde_json::to_vec(state)?)?;
    fs::rename(&beside, file)
}

/// A number no other start has, from the standard library's own hashing keys.
fn random_seed() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}
