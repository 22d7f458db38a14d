//! Compares what is stored with what the provider says, and mends what differs. Decides whose turn it
//! is, when a round is due, and what a failure in the middle means: what was done stays, and the next
//! turn goes on from there.
//!
//! Three jobs, each in its own file: [`pending`] looks at purchases that have waited long, [`events`]
//! at events that never arrived, [`sweep`] at every subscription. Each needs the others: an event says
//! why something changed and is what mails come from, the sweep finds what no event tells any more.

mod events;
mod pending;
mod report;
mod settle;
mod slice;
mod sweep;

use std::time::Duration;

use thiserror::Error;
use tollgate_primitives::Timestamp;

use crate::{
    App,
    ports::{
        CallClaim, PaymentsError, ReconcileJob, StoreError, Turn, TurnEnd, TurnStart, TurnTaken,
    },
};

pub use report::{DriftKind, Finding, Outcome, Report};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// If a round is under way, or it is time for the next.
    Due,
    /// In any case: a round under way is gone on with, else one begins.
    Now,
    /// If a round is under way.
    UnderWay,
}

/// How a run is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReconcileOrder {
    pub job: ReconcileJob,
    pub when: When,
    /// Say what differs, and change nothing but the count of calls.
    pub dry_run: bool,
    /// Where a dry run goes on whose minute was spent.
    pub from: Option<String>,
}

/// Goes on with whatever is due, until that is done or this minute's calls are spent.
pub(crate) async fn reconcile_what_is_due(app: &App) {
    for job in ReconcileJob::ALL {
        let order = ReconcileOrder {
            job,
            when: When::Due,
            dry_run: false,
            from: None,
        };
        reconcile(app, &order).await;
    }
}

/// Runs one job to its end, or to that of the minute's calls. Never two at once: who finds the turn
/// taken leaves it.
pub async fn reconcile(app: &App, order: &ReconcileOrder) -> Report {
    let now = app.clock.now();
    let start = match order.when {
        _ if order.dry_run => TurnStart::OnlyLook,
        When::Due => TurnStart::IfBegunBy(now.saturating_sub(pause(order.job))),
        When::Now => TurnStart::Anyway,
        When::UnderWay => TurnStart::IfBegunBy(Timestamp::MIN),
    };
    let taken = app.reconciliation.take_turn(order.job, start, now).await;
    let report = match taken {
        Ok(TurnTaken::Taken(turn)) => run(app, order, turn).await,
        Ok(TurnTaken::Held) => Report::without_a_turn(order.job, Outcome::Held),
        Ok(TurnTaken::NotDue) => Report::without_a_turn(order.job, Outcome::NotDue),
        Err(error) => Report::without_a_turn(order.job, Outcome::failed(&error)),
    };
    report.publish(order.dry_run);
    report
}

/// From the beginning of one round to that of the next. Together with their own patience, the first two
/// find what was lost within an hour.
const fn pause(job: ReconcileJob) -> Duration {
    match job {
        ReconcileJob::Pending => Duration::from_mins(20),
        ReconcileJob::Events => Duration::from_mins(5),
        ReconcileJob::Sweep => Duration::from_hours(24),
    }
}

async fn run(app: &App, order: &ReconcileOrder, turn: Turn) -> Report {
    let mut run = Run::new(app, order, turn);
    let stopped = match order.job {
        ReconcileJob::Pending => pending::look(&mut run).await,
        ReconcileJob::Events => events::look(&mut run).await,
        ReconcileJob::Sweep => sweep::look(&mut run).await,
    };
    run.end(stopped).await
}

/// Why a run ends before its round is over.
#[derive(Debug, Error)]
enum Stop {
    #[error("the provider was asked as often as it may be in a minute")]
    Spent,
    #[error("somebody else has the turn")]
    Overtaken,
    #[error(transparent)]
    Payments(#[from] PaymentsError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One turn at one job.
struct Run<'a> {
    app: &'a App,
    turn: Turn,
    is_dry: bool,
    /// Everything before it is done. `None`: the round begins.
    position: Option<String>,
    report: Report,
}

impl<'a> Run<'a> {
    fn new(app: &'a App, order: &ReconcileOrder, turn: Turn) -> Self {
        Self {
            app,
            is_dry: order.dry_run,
            position: match order.job {
                // Where a dry run begins is nothing that a round under way has to say.
                ReconcileJob::Pending | ReconcileJob::Sweep if order.dry_run => order.from.clone(),
                ReconcileJob::Pending | ReconcileJob::Events | ReconcileJob::Sweep => {
                    order.from.clone().or_else(|| turn.position.clone())
                }
            },
            report: Report::new(order.job),
            turn,
        }
    }

    fn now(&self) -> Timestamp {
        self.app.clock.now()
    }

    /// Must be asked before each question to the provider.
    async fn claim_call(&mut self) -> Result<(), Stop> {
        let budget = self.app.settings.reconcile_calls_per_minute;
        let store = &self.app.reconciliation;
        match store.claim_call(&self.turn, budget, self.now()).await? {
            CallClaim::Granted => {
                self.report.calls += 1;
                Ok(())
            }
            CallClaim::Spent => Err(Stop::Spent),
            CallClaim::Overtaken => Err(Stop::Overtaken),
        }
    }

    /// Everything before `position` is done.
    async fn advance(&mut self, position: String) -> Result<(), Stop> {
        let kept = Some(position.as_str()).filter(|_| !self.is_dry);
        self.prolong(kept).await?;
        self.position = Some(position);
        Ok(())
    }

    async fn prolong(&self, position: Option<&str>) -> Result<(), Stop> {
        if self
            .app
            .reconciliation
            .advance(&self.turn, position)
            .await?
        {
            Ok(())
        } else {
            Err(Stop::Overtaken)
        }
    }

    async fn end(mut self, stopped: Result<(), Stop>) -> Report {
        self.report.outcome = match &stopped {
            Ok(()) => Outcome::Whole,
            Err(Stop::Spent) => Outcome::Spent,
            Err(Stop::Overtaken) => Outcome::Overtaken,
            Err(error @ (Stop::Payments(_) | Stop::Store(_))) => Outcome::failed(error),
        };
        self.report.position.clone_from(&self.position);
        let given_back = if self.is_dry {
            let store = &self.app.reconciliation;
            store.drop_turn(&self.turn).await.map(|()| true)
        } else {
            let end = TurnEnd {
                is_round_over: stopped.is_ok(),
                report: serde_json::to_value(&self.report).unwrap_or_default(),
                position: self.position,
            };
            let store = &self.app.reconciliation;
            store.end_turn(&self.turn, &end, self.app.clock.now()).await
        };
        match given_back {
            Ok(false) => self.report.outcome = Outcome::Overtaken,
            Err(error) if stopped.is_ok() => self.report.outcome = Outcome::failed(&error),
            // An earlier failure says more than that of giving the turn back.
            Ok(true) | Err(_) => {}
        }
        self.report
    }
}
