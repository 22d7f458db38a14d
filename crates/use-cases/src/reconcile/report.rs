//! What a run found and did, for people, for the log and for metrics.

use std::{collections::BTreeMap, error::Error, iter};

use metrics::counter;
use serde::Serialize;
use tollgate_billing::Drift;

use crate::ports::ReconcileJob;

/// More are counted and not named, so that a report has an end.
const MOST_NAMED: usize = 100;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The round is over.
    Whole,
    /// This minute's calls are; the next turn goes on.
    Spent,
    /// Somebody else has the turn.
    Held,
    /// It is too early for the next round.
    NotDue,
    /// Somebody else took the turn meanwhile.
    Overtaken,
    /// With the error and its causes; the next turn goes on.
    Failed(String),
}

impl Outcome {
    pub(super) fn failed(error: &(dyn Error + 'static)) -> Self {
        let causes = iter::successors(Some(error), |&error| error.source());
        let causes: Vec<_> = causes.map(ToString::to_string).collect();
        Self::Failed(causes.join(": "))
    }

    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Spent => "spent",
            Self::Held => "held",
            Self::NotDue => "not_due",
            Self::Overtaken => "overtaken",
            Self::Failed(_) => "failed",
        }
    }
}

/// In what we differ from the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftKind {
    /// An event that is not in the inbox.
    LostEvent,
    /// A reservation whose checkout page is over, or never was.
    StaleReservation,
    /// A live subscription whose customer is no account's.
    NoAccount,
    /// A stored subscription that the provider does not know.
    Forgotten,
    SecondLive,
    Purchase,
    Status,
    Seats,
    Terms,
}

impl DriftKind {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LostEvent => "lost_event",
            Self::StaleReservation => "stale_reservation",
            Self::NoAccount => "no_account",
            Self::Forgotten => "forgotten",
            Self::SecondLive => "second_live",
            Self::Purchase => "purchase",
            Self::Status => "status",
            Self::Seats => "seats",
            Self::Terms => "terms",
        }
    }

    /// Whether somebody must look at it, however it ends: money may be taken for nothing, or access
    /// given for none.
    const fn is_alarming(self) -> bool {
        match self {
            Self::NoAccount | Self::Forgotten | Self::SecondLive | Self::Purchase => true,
            Self::LostEvent | Self::StaleReservation | Self::Status | Self::Seats | Self::Terms => {
                false
            }
        }
    }
}

impl From<Drift> for DriftKind {
    fn from(drift: Drift) -> Self {
        match drift {
            Drift::SecondLive => Self::SecondLive,
            Drift::Purchase => Self::Purchase,
            Drift::Status => Self::Status,
            Drift::Seats => Self::Seats,
            Drift::Terms => Self::Terms,
        }
    }
}

/// One difference, named by ids only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub kind: DriftKind,
    pub what: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    #[serde(skip)]
    pub job: ReconcileJob,
    pub outcome: Outcome,
    /// Subscriptions, reservations or events that were compared.
    pub checked: u64,
    pub drift: BTreeMap<DriftKind, u64>,
    pub mended: u64,
    /// What could not be read or mended. Each is in the log.
    pub failed: u64,
    /// Questions to the provider; the tries of one are not counted apart.
    pub calls: u64,
    /// The first hundred differences.
    #[serde(skip)]
    pub findings: Vec<Finding>,
    /// Where the next turn goes on.
    #[serde(skip)]
    pub position: Option<String>,
}

impl Report {
    pub(super) const fn new(job: ReconcileJob) -> Self {
        Self {
            job,
            outcome: Outcome::Whole,
            checked: 0,
            drift: BTreeMap::new(),
            mended: 0,
            failed: 0,
            calls: 0,
            findings: Vec::new(),
            position: None,
        }
    }

    pub(super) fn without_a_turn(job: ReconcileJob, outcome: Outcome) -> Self {
        Self {
            outcome,
            ..Self::new(job)
        }
    }

    #[must_use]
    pub fn drifted(&self) -> u64 {
        self.drift.values().sum()
    }

    /// Takes up a difference.
    pub(super) fn found(&mut self, kind: DriftKind, what: String) {
        let job = self.job.as_str();
        if kind.is_alarming() {
            tracing::error!(
                job,
                kind = kind.as_str(),
                what,
                "the provider says otherwise"
            );
        } else {
            tracing::info!(
                job,
                kind = kind.as_str(),
                what,
                "the provider says otherwise"
            );
        }
        counter!("reconcile_drift_total", "job" => job, "kind" => kind.as_str()).increment(1);
        *self.drift.entry(kind).or_default() += 1;
        if self.findings.len() < MOST_NAMED {
            self.findings.push(Finding { kind, what });
        }
    }

    /// Takes up what could not be read or mended; the run goes on.
    pub(super) fn failed(&mut self, what: &str, error: &(dyn Error + 'static)) {
        let job = self.job.as_str();
        tracing::error!(job, what, error, "could not be reconciled");
        self.failed += 1;
    }

    /// Tells the log and the metrics how the run ended.
    pub(super) fn publish(&self, dry_run: bool) {
        let (job, outcome) = (self.job.as_str(), self.outcome.as_str());
        counter!("reconcile_runs_total", "job" => job, "outcome" => outcome).increment(1);
        counter!("reconcile_calls_total", "job" => job).increment(self.calls);
        counter!("reconcile_checked_total", "job" => job).increment(self.checked);
        counter!("reconcile_mended_total", "job" => job).increment(self.mended);
        counter!("reconcile_failed_total", "job" => job).increment(self.failed);
        match &self.outcome {
            Outcome::Failed(error) => {
                tracing::error!(
                    job,
                    error,
                    "a reconciliation failed and is gone on with later"
                );
            }
            Outcome::Held | Outcome::NotDue => {}
            Outcome::Whole | Outcome::Spent | Outcome::Overtaken => {
                tracing::info!(
                    job,
                    outcome,
                    dry_run,
                    checked = self.checked,
                    drifted = self.drifted(),
                    mended = self.mended,
                    failed = self.failed,
                    calls = self.calls,
                    "reconciled"
                );
            }
        }
    }
}
