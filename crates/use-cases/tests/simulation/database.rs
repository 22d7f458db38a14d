//! The database, as far as the protocol relies on it: rows that are locked until their transaction
//! ends, writes that become visible with the commit and all at once, and a commit whose answer may be
//! lost. What waits for a lock sees the newest row, as PostgreSQL's read committed does.

use std::collections::{BTreeMap, BTreeSet};

use tollgate_billing::{Stamp, Subscription, SubscriptionId};
use tollgate_primitives::Timestamp;
use tollgate_use_cases::ports::{EventRecord, EventState, Job, Notice, NoticeId, Version};

/// A row that can be locked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Row {
    Event(NoticeId),
    /// The one account.
    Account,
    /// Its subscription.
    Subscription,
}

#[derive(Debug)]
pub(crate) enum Write {
    Event {
        notice: Notice,
        state: EventState,
        now: Timestamp,
    },
    Subscription(Subscription),
    Read(SubscriptionId, Stamp),
    Audit,
    Job(Job),
}

#[derive(Debug, Default)]
pub(crate) struct Database {
    pub(crate) knows_customer: bool,
    pub(crate) subscription: Option<Subscription>,
    /// Also the version of the subscription.
    pub(crate) changes: u32,
    pub(crate) audits: u32,
    pub(crate) events: BTreeMap<NoticeId, EventRecord>,
    pub(crate) awaiting: BTreeMap<NoticeId, SubscriptionId>,
    pub(crate) reads: BTreeMap<SubscriptionId, Stamp>,
    pub(crate) jobs: Vec<Job>,
    pub(crate) locks: BTreeMap<Row, u64>,
    transactions: u64,
    ended: BTreeSet<SubscriptionId>,
}

impl Database {
    pub(crate) fn begin(&mut self) -> u64 {
        self.transactions += 1;
        self.transactions
    }

    /// Whether the row is the transaction's now.
    pub(crate) fn lock(&mut self, row: &Row, transaction: u64) -> bool {
        *self.locks.entry(row.clone()).or_insert(transaction) == transaction
    }

    pub(crate) fn release(&mut self, transaction: u64) {
        self.locks.retain(|_, holder| *holder != transaction);
    }

    pub(crate) fn version(&self) -> Option<Version> {
        let is_there = self.subscription.is_some();
        is_there.then(|| Version(self.changes.into()))
    }

    pub(crate) fn is_done(&self, event: &NoticeId) -> bool {
        let state = self.events.get(event).map(|record| &record.state);
        matches!(state, Some(EventState::Applied | EventState::Ignored))
    }

    pub(crate) fn commit(&mut self, writes: Vec<Write>) {
        for write in writes {
            match write {
                Write::Event { notice, state, now } => self.put_event(notice, state, now),
                Write::Subscription(next) => self.put_subscription(next),
                Write::Read(subscription, stamp) => {
                    let known = self.reads.entry(subscription).or_insert(stamp);
                    *known = stamp.max(*known);
                }
                Write::Audit => self.audits += 1,
                Write::Job(job) => self.enqueue(job),
            }
        }
    }

    fn put_event(&mut self, notice: Notice, state: EventState, now: Timestamp) {
        assert!(!self.is_done(&notice.id), "t78: it was applied before");
        if let EventState::Awaits(subscription) = &state {
            self.awaiting
                .insert(notice.id.clone(), subscription.clone());
        } else {
            self.awaiting.remove(&notice.id);
        }
        let record = self
            .events
            .entry(notice.id.clone())
            .or_insert_with(|| EventRecord {
                id: notice.id,
                body: notice.body,
                received_at: now,
                attempts: 0,
                state: state.clone(),
            });
        record.attempts += 1;
        record.state = state;
    }

    fn put_subscription(&mut self, next: Subscription) {
        if let Some(bought) = next.bought() {
            if next.is_live_at_provider() {
                assert!(
                    !self.ended.contains(&bought.subscription),
                    "i07: it reopened"
                );
            } else {
                self.ended.insert(bought.subscription.clone());
            }
        }
        self.subscription = Some(next);
        self.changes += 1;
    }

    /// A job that waits under the same key is replaced.
    fn enqueue(&mut self, job: Job) {
        self.jobs.retain(|waiting| waiting.key != job.key);
        self.jobs.push(job);
    }
}
