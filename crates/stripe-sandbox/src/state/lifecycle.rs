//! What time does: trials end, periods renew, payments are tried again, the unfinished expires.
//! [`State::settle`] plays everything that falls due, in order, each at its own moment.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::{
    State,
    invoice::{Attempt, Reason},
    subscription::{Bill, Status, Subscription, TrialEndWithoutCard},
};
use crate::calendar::{DAY, HOUR};

/// An unpaid first invoice ends its subscription after 23 hours
/// (<https://docs.stripe.com/billing/subscriptions/overview>).
const INCOMPLETE_LIVES: i64 = 23 * HOUR;
const TRIAL_END_NOTICE: i64 = 3 * DAY;
const RENEWAL_NOTICE: i64 = 7 * DAY;

/// What falls due next for one subscription or checkout session.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Due {
    ExpireIncomplete,
    AnnounceTrialEnd,
    AnnounceRenewal,
    Cancel,
    ResumeCollection,
    RetryPayment { invoice: String },
    EndPeriod,
    ExpireSession,
}

impl State {
    /// Plays everything due up to `moment` and arrives there. Answers whether anything happened.
    pub(crate) fn settle(&mut self, moment: i64) -> bool {
        let mut agenda: BinaryHeap<Reverse<(i64, String)>> = self
            .subscriptions
            .iter()
            .map(|subscription| &subscription.id)
            .chain(self.sessions.iter().map(|session| &session.id))
            .filter_map(|id| self.next_due(id).map(|(at, _)| Reverse((at, id.clone()))))
            .filter(|Reverse((at, _))| *at <= moment)
            .collect();
        let anything = !agenda.is_empty();
        while let Some(Reverse((planned, id))) = agenda.pop() {
            let Some((at, due)) = self.next_due(&id) else {
                continue;
            };
            if at <= planned.max(self.now) {
                self.now = self.now.max(at);
                self.fall_due(&id, due);
            }
            if let Some((next, _)) = self.next_due(&id).filter(|(next, _)| *next <= moment) {
                agenda.push(Reverse((next, id)));
            }
        }
        self.now = self.now.max(moment);
        self.forget_old_events();
        anything
    }

    /// The next moment at which a running subscription is billed.
    pub(crate) fn next_renewal(&self) -> Option<i64> {
        self.subscriptions
            .iter()
            .filter(|subscription| match subscription.status {
                Status::Active | Status::Trialing | Status::PastDue | Status::Unpaid => true,
                Status::Incomplete
                | Status::IncompleteExpired
                | Status::Paused
                | Status::Canceled => false,
            })
            .map(|subscription| subscription.period.end)
            .min()
    }

    fn next_due(&self, id: &str) -> Option<(i64, Due)> {
        if let Some(session) = self.sessions.get(id) {
            return session
                .is_open()
                .then_some((session.expires_at, Due::ExpireSession));
        }
        self.next_due_of(self.subscriptions.get(id)?)
    }

    fn next_due_of(&self, subscription: &Subscription) -> Option<(i64, Due)> {
        let mut due = Vec::new();
        match subscription.status {
            Status::Canceled | Status::IncompleteExpired => return None,
            Status::Incomplete => due.push((
                subscription.created + INCOMPLETE_LIVES,
                Due::ExpireIncomplete,
            )),
            Status::Paused => {}
            Status::Trialing => {
                let end = subscription.period.end;
                if subscription.announced_trial_end != Some(end) {
                    due.push((end - TRIAL_END_NOTICE, Due::AnnounceTrialEnd));
                }
                due.push((end, Due::EndPeriod));
            }
            Status::Active | Status::PastDue | Status::Unpaid => {
                let end = subscription.period.end;
                let announced = subscription.announced_renewal == Some(end);
                if !announced && !subscription.ends_with_period() {
                    due.push((end - RENEWAL_NOTICE, Due::AnnounceRenewal));
                }
                due.push((end, Due::EndPeriod));
                due.extend(self.next_retry(subscription));
            }
        }
        due.extend(subscription.cancel_at.map(|at| (at, Due::Cancel)));
        due.extend(
            subscription
                .pause
                .and_then(|pause| pause.resumes_at)
                .map(|at| (at, Due::ResumeCollection)),
        );
        due.into_iter().min_by_key(|(at, due)| (*at, due.rank()))
    }

    fn next_retry(&self, subscription: &Subscription) -> Option<(i64, Due)> {
        if subscription.status != Status::PastDue {
            return None;
        }
        self.invoices_of(&subscription.id)
            .filter_map(|invoice| {
                invoice
                    .next_payment_attempt
                    .map(|at| (at, invoice.id.clone()))
            })
            .min()
            .map(|(at, invoice)| (at, Due::RetryPayment { invoice }))
    }

    fn fall_due(&mut self, id: &str, due: Due) {
        match due {
            Due::ExpireIncomplete => self.expire_incomplete(id),
            Due::AnnounceTrialEnd => self.announce_trial_end(id),
            Due::AnnounceRenewal => self.announce_renewal(id),
            Due::Cancel => self.end_subscription(id),
            Due::ResumeCollection => {
                self.edit_subscription(id, |subscription| subscription.pause = None);
            }
            Due::RetryPayment { invoice } => {
                // The outcome is told by events and the next attempt.
                let _declined = self.collect(&invoice, None, Attempt::Scheduled);
            }
            Due::EndPeriod => self.end_period(id),
            Due::ExpireSession => self.expire_session(id),
        }
    }

    pub(super) fn expire_incomplete(&mut self, id: &str) {
        let open: Vec<String> = self
            .invoices_of(id)
            .map(|invoice| invoice.id.clone())
            .collect();
        for invoice in open {
            // Only the open one can be voided.
            let _not_open = self.void_invoice(&invoice);
        }
        let now = self.now;
        self.edit_subscription(id, |subscription| {
            subscription.status = Status::IncompleteExpired;
            subscription.ended_at = Some(now);
        });
    }

    fn announce_trial_end(&mut self, id: &str) {
        self.edit_subscription_quietly(id, |subscription| {
            subscription.announced_trial_end = Some(subscription.period.end);
        });
        if let Some(subscription) = self.subscriptions.get(id) {
            let snapshot = self.subscription_json(subscription);
            self.emit("customer.subscription.trial_will_end", snapshot);
        }
    }

    fn announce_renewal(&mut self, id: &str) {
        self.edit_subscription_quietly(id, |subscription| {
            subscription.announced_renewal = Some(subscription.period.end);
        });
        if let Ok(upcoming) = self.upcoming_invoice(id) {
            let mut snapshot = self.invoice_json(&upcoming);
            if let Some(fields) = snapshot.as_object_mut() {
                fields.remove("id");
            }
            self.emit("invoice.upcoming", snapshot);
        }
    }

    /// The invoice the next period would bring.
    pub(crate) fn upcoming_invoice(
        &mut self,
        id: &str,
    ) -> Result<super::invoice::Invoice, crate::errors::StripeError> {
        let subscription = self.subscription(id)?.clone();
        let next = subscription
            .cadence
            .period_at(subscription.anchor, subscription.period.end);
        let mut lines = subscription.pending_lines;
        lines.extend(self.period_lines(&subscription.items, next, false)?);
        let mut invoice = self.invoice_of(id, Reason::Upcoming, lines, subscription.period)?;
        invoice.next_payment_attempt = Some(subscription.period.end);
        Ok(invoice)
    }

    fn end_period(&mut self, id: &str) {
        let Ok(subscription) = self.subscription(id).cloned() else {
            return;
        };
        if subscription.ends_with_period() {
            return self.end_subscription(id);
        }
        if subscription.status == Status::Trialing && !self.has_card(&subscription) {
            match subscription.trial_end_without_card {
                TrialEndWithoutCard::CreateInvoice => {}
                TrialEndWithoutCard::Pause => return self.pause_for_missing_card(id),
                TrialEndWithoutCard::Cancel => return self.end_subscription(id),
            }
        }
        let ended = subscription.period;
        let period = subscription
            .cadence
            .period_at(subscription.anchor, ended.end);
        let Ok(lines) = self.period_lines(&subscription.items, period, false) else {
            return;
        };
        let bill = Bill {
            reason: Reason::SubscriptionCycle,
            lines,
            period: ended,
        };
        // Fails only for a subscription that does not exist.
        let _billed = self.bill(id, bill, |subscription| {
            subscription.period = period;
            if subscription.status == Status::Trialing {
                subscription.status = Status::Active;
            }
        });
    }

    fn has_card(&self, subscription: &Subscription) -> bool {
        let own = subscription.default_payment_method.is_some();
        let customer = self.customers.get(&subscription.customer);
        own || customer.is_some_and(|customer| customer.default_payment_method.is_some())
    }
}

impl Due {
    /// Order of things due in the same second: what ends comes before what renews.
    fn rank(&self) -> u8 {
        match self {
            Self::ExpireSession | Self::ExpireIncomplete => 0,
            Self::AnnounceTrialEnd | Self::AnnounceRenewal => 1,
            Self::ResumeCollection => 2,
            Self::Cancel => 3,
            Self::RetryPayment { .. } => 4,
            Self::EndPeriod => 5,
        }
    }
}
