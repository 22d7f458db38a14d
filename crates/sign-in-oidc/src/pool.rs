//! Bounds how many hashes run and how many callers wait, so that a storm of sign-ins costs those who
//! cause it and no other route. Knows nothing of passwords.

use std::{sync::Arc, time::Duration};

use metrics::gauge;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
    time::timeout,
};
use tollgate_use_cases::ports::PasswordsError;

/// How long a caller waits for a worker; by then the queue ahead of it should be gone.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(crate) struct Pool {
    /// One for each caller that runs or waits.
    places: Arc<Semaphore>,
    /// One for each caller that runs.
    workers: Arc<Semaphore>,
}

impl Pool {
    pub(crate) fn new(workers: usize, queue: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(workers.saturating_add(queue))),
            workers: Arc::new(Semaphore::new(workers)),
        }
    }

    /// Runs `work` on a thread that may block. `Busy` at once when the queue is full, and after two
    /// seconds in it. Once started it runs to its end, and holds its place until then, even if the
    /// caller goes away.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordsError> {
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| busy())?;
        let worker = timeout(LONGEST_WAIT, Arc::clone(&self.workers).acquire_owned())
            .await
            .map_err(|_| busy())?
            .map_err(|closed| PasswordsError::Failed(Box::new(closed)))?;
        let running = Running::start(place, worker);
        spawn_blocking(move || {
            let _until_done = running;
            work()
        })
        .await
        .map_err(|panicked| PasswordsError::Failed(Box::new(panicked)))
    }
}

fn busy() -> PasswordsError {
    PasswordsError::Busy {
        retry_after: LONGEST_WAIT,
    }
}

/// The permits of one running hash, and its share of the gauge.
struct Running {
    _permits: [OwnedSemaphorePermit; 2],
}

impl Running {
    fn start(place: OwnedSemaphorePermit, worker: OwnedSemaphorePermit) -> Self {
        gauge!("password_hashes_running").increment(1);
        Self {
            _permits: [place, worker],
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        gauge!("password_hashes_running").decrement(1);
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, pin::Pin, sync::mpsc, task::Poll, time::Instant};

    use tokio::sync::oneshot;

    use super::*;

    /// Starts work on `pool` that runs until told to stop.
    async fn occupy(pool: &Arc<Pool>) -> (tokio::task::JoinHandle<()>, mpsc::Sender<()>) {
        let (started, has_started) = oneshot::channel();
        let (stop, stopped) = mpsc::channel::<()>();
        let pool = Arc::clone(pool);
        let caller = tokio::spawn(async move {
            let work = move || {
                started.send(()).unwrap();
                stopped.recv().unwrap_err();
            };
            pool.run(work).await.unwrap();
        });
        has_started.await.unwrap();
        (caller, stop)
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_does_not_free_its_worker_early() {
        let pool = Arc::new(Pool::new(1, 1));
        let (caller, stop) = occupy(&pool).await;
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());

        let mut next = Box::pin(pool.run(|| "ran"));
        assert!(poll_once(&mut next).await.is_none());
        drop(stop);
        assert_eq!(next.await.unwrap(), "ran");
    }

    #[tokio::test]
    async fn a_full_queue_answers_at_once_and_drains() {
        let pool = Arc::new(Pool::new(2, 1));
        let (_first, stop_first) = occupy(&pool).await;
        let (_second, stop_second) = occupy(&pool).await;
        let mut waiting = Box::pin(pool.run(|| ()));
        assert!(poll_once(&mut waiting).await.is_none());

        let asked = Instant::now();
        let refused = pool.run(|| ()).await.unwrap_err();
        assert!(matches!(refused, PasswordsError::Busy { .. }));
        assert!(asked.elapsed() < Duration::from_millis(50));

        drop((stop_first, stop_second));
        waiting.await.unwrap();
        pool.run(|| ()).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_longer_than_two_seconds() {
        let pool = Arc::new(Pool::new(1, 1));
        let (_caller, _stop) = occupy(&pool).await;
        let mut waiting = Box::pin(pool.run(|| ()));
        assert!(poll_once(&mut waiting).await.is_none());
        tokio::time::advance(LONGEST_WAIT).await;
        assert!(matches!(
            waiting.await.unwrap_err(),
            PasswordsError::Busy { .. }
        ));
    }

    #[tokio::test]
    async fn a_panic_frees_its_worker() {
        let pool = Pool::new(1, 0);
        let failed = pool.run(|| panic!("out of order")).await;
        assert!(matches!(failed, Err::<(), _>(PasswordsError::Failed(_))));
        pool.run(|| ()).await.unwrap();
    }

    /// What the future has to say now, if anything.
    async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        poll_fn(|context| match Pin::new(&mut *future).poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }
}
