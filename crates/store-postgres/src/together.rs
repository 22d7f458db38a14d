//! Questions that many ask at once, asked together. Nobody waits for company: whoever comes while a
//! statement is under way is taken along by the next one.

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;
use tollgate_use_cases::ports::StoreError;

/// How many statements are under way at once, at most. The fewer, the more questions share one.
const LANES: usize = 4;

/// So many wait for each statement that is under way before there is one more.
const ENOUGH: usize = 32;

/// So many share one statement at most.
const MOST: usize = 64;

type Answers<R> = Pin<Box<dyn Future<Output = Vec<R>> + Send>>;

/// Cheap to clone; the clones ask together.
pub(crate) struct Together<Q, R>(Arc<Shared<Q, R>>);

struct Shared<Q, R> {
    state: Mutex<State<Q, R>>,
    /// Answers all questions, in their order.
    ask: Box<dyn Fn(Vec<Q>) -> Answers<R> + Send + Sync>,
}

struct State<Q, R> {
    waiting: Vec<(Q, oneshot::Sender<R>)>,
    /// Lanes that are taken.
    taken: usize,
}

impl<Q: Send + 'static, R: Send + 'static> Together<Q, R> {
    pub(crate) fn new<A>(ask: impl Fn(Vec<Q>) -> A + Send + Sync + 'static) -> Self
    where
        A: Future<Output = Vec<R>> + Send + 'static,
    {
        Self(Arc::new(Shared {
            state: Mutex::new(State {
                waiting: Vec::new(),
                taken: 0,
            }),
            ask: Box::new(move |questions| Box::pin(ask(questions))),
        }))
    }

    /// The answer to one question. It is asked even if this is dropped: others may be asking with it.
    pub(crate) async fn ask(&self, question: Q) -> Result<R, StoreError> {
        let (answer, answered) = oneshot::channel();
        let opens = {
            let mut state = self.0.lock();
            state.waiting.push((question, answer));
            let opens = state.taken < LANES && state.waiting.len() > state.taken * ENOUGH;
            state.taken += usize::from(opens);
            opens
        };
        if opens {
            let lane = Lane {
                shared: Arc::clone(&self.0),
                is_free: false,
            };
            tokio::spawn(lane.run());
        }
        answered.await.map_err(|gone| StoreError::Unavailable {
            step: "ask together",
            source: Box::new(gone),
        })
    }
}

impl<Q, R> Shared<Q, R> {
    fn lock(&self) -> MutexGuard<'_, State<Q, R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that is taken until nobody waits any more.
struct Lane<Q, R> {
    shared: Arc<Shared<Q, R>>,
    is_free: bool,
}

impl<Q: Send + 'static, R: Send + 'static> Lane<Q, R> {
    async fn run(mut self) {
        while let Some((questions, asking)) = self.next() {
            let answers = (self.shared.ask)(questions).await;
            for (answer, asking) in answers.into_iter().zip(asking) {
                // Whoever has gone away is not told.
                let _ = asking.send(answer);
            }
        }
    }

    /// Those who wait; when there are none the lane is free, before anybody else can come to wait.
    fn next(&mut self) -> Option<(Vec<Q>, Vec<oneshot::Sender<R>>)> {
        let mut state = self.shared.lock();
        let count = state.waiting.len().min(MOST);
        if count == 0 {
            state.taken -= 1;
            self.is_free = true;
            return None;
        }
        Some(state.waiting.drain(..count).unzip())
    }
}

impl<Q, R> Drop for Lane<Q, R> {
    /// Cut off, it leaves nobody waiting for it.
    fn drop(&mut self) {
        if !self.is_free {
            let mut state = self.shared.lock();
            state.taken -= 1;
            state.waiting.clear();
        }
    }
}

impl<Q, R> Clone for Together<Q, R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<Q, R> fmt::Debug for Together<Q, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Together").finish()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use futures_util::future::join_all;
    use tokio::sync::Semaphore;

    use super::*;

    /// Answers each question with itself and how many were asked along with it.
    fn echo(gate: Arc<Semaphore>) -> Together<u32, (u32, usize)> {
        Together::new(move |questions: Vec<u32>| {
            let gate = Arc::clone(&gate);
            async move {
                gate.acquire().await.unwrap().forget();
                let together = questions.len();
                questions.into_iter().map(|n| (n, together)).collect()
            }
        })
    }

    #[tokio::test]
    async fn whoever_comes_alone_is_asked_alone_and_at_once() {
        let echo = echo(Arc::new(Semaphore::new(9)));
        for n in 0..3 {
            assert_eq!(echo.ask(n).await.unwrap(), (n, 1));
        }
    }

    #[tokio::test]
    async fn those_who_find_a_statement_under_way_are_asked_together() {
        let gate = Arc::new(Semaphore::new(0));
        let echo = echo(Arc::clone(&gate));
        let asking = tokio::spawn({
            let echo = echo.clone();
            async move { join_all((0..100).map(|n| echo.ask(n))).await }
        });
        tokio::task::yield_now().await;
        gate.add_permits(9);
        let answers = asking.await.unwrap();
        for (n, answer) in (0..).zip(&answers) {
            assert_eq!(answer.as_ref().unwrap().0, n);
        }
        let together = answers.iter().map(|answer| answer.as_ref().unwrap().1);
        assert!(together.clone().all(|together| together <= MOST));
        assert!(together.clone().any(|together| together > 1));
    }

    /// One that does not come back holds up no more than [`ENOUGH`].
    #[tokio::test]
    async fn one_more_is_under_way_when_enough_wait() {
        let asked = Arc::new(AtomicUsize::new(0));
        let never = Together::new({
            let asked = Arc::clone(&asked);
            move |questions: Vec<u32>| {
                let count = asked.fetch_add(1, Ordering::Relaxed);
                async move {
                    if count == 0 {
                        std::future::pending::<()>().await;
                    }
                    questions
                }
            }
        });
        let ask = |n| {
            let never = never.clone();
            tokio::spawn(async move { never.ask(n).await })
        };
        let first = ask(0);
        tokio::task::yield_now().await;
        let others: Vec<_> = (1..=33).map(ask).collect();
        for other in others {
            other.await.unwrap().unwrap();
        }
        assert!(!first.is_finished());
    }

    #[tokio::test]
    async fn a_question_is_asked_though_its_asker_has_gone_away() {
        let gate = Arc::new(Semaphore::new(0));
        let echo = echo(Arc::clone(&gate));
        let gone = tokio::time::timeout(Duration::from_millis(1), echo.ask(1)).await;
        assert!(gone.is_err());
        gate.add_permits(9);
        assert_eq!(echo.ask(2).await.unwrap().0, 2);
    }

    #[tokio::test]
    async fn a_lane_that_is_cut_off_leaves_nobody_waiting_and_is_free_again() {
        let together = Together::new(|questions: Vec<bool>| async move {
            assert!(!questions.contains(&true), "cut off");
            questions
        });
        for _ in 0..2 * LANES {
            together.ask(true).await.unwrap_err();
        }
        assert!(!together.ask(false).await.unwrap());
    }
}
