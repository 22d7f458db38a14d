//! The payment provider: it lives through the subscriptions of one customer, tells of each step, and
//! knows at every moment how each of them stands.

use tollgate_billing::{Customer, Period, PriceId, ProviderStatus, Stamp, SubscriptionId};
use tollgate_primitives::Timestamp;
use tollgate_use_cases::ports::{CheckoutSessionId, Described, Notice, NoticeContent, NoticeId};

use crate::schedule::Random;

pub(crate) const CUSTOMER: &str = "cus_1";
const MONTH: i64 = 30 * 24 * 60 * 60;

#[derive(Debug)]
pub(crate) struct Provider {
    /// What its clock shows, and ours.
    pub(crate) second: i64,
    /// How each subscription stands, in the order in which they began.
    pub(crate) subscriptions: Vec<Described>,
    pub(crate) told: Vec<Notice>,
    attempt: u32,
}

impl Provider {
    pub(crate) const fn new() -> Self {
        Self {
            second: 1_767_225_600,
            subscriptions: Vec::new(),
            told: Vec::new(),
            attempt: 0,
        }
    }

    pub(crate) fn subscription(&self, id: &SubscriptionId) -> Option<&Described> {
        self.subscriptions
            .iter()
            .find(|known| known.subscription == *id)
    }

    pub(crate) fn live_on(&mut self, random: &mut Random) {
        let before = self.subscriptions.last().map(|last| last.status);
        let before = before.filter(|status| !status.is_terminal());
        if before == Some(ProviderStatus::Active) && random.one_in(3) {
            return self.charge_for_a_change(random);
        }
        let choices = following(before);
        let status = choices[random.below(choices.len())];
        // What ends ends after it began, and before another begins.
        let gap = i64::try_from(random.below(3)).unwrap();
        self.second += gap.max(i64::from(status.is_terminal()));
        let second = self.second;
        if before.is_none() {
            let id = format!("sub_{}", self.subscriptions.len());
            self.subscriptions.push(begun(&id, second));
            self.attempt = 0;
        }
        let now = self.subscriptions.last_mut().unwrap();
        now.status = status;
        now.stamp = Stamp::from_unix_seconds(second);
        now.seats = u32::try_from(1 + random.below(3)).unwrap();
        if random.one_in(3) {
            let start = now.period.end().unix_seconds();
            now.period = period(start);
        }
        if status.is_terminal() {
            now.ended_at = Timestamp::from_unix_seconds(second).ok();
        }
        let now = now.clone();
        self.tell_of(now, before.is_none(), random);
    }

    /// A payment by itself, of which the subscription does not speak.
    fn charge_for_a_change(&mut self, random: &mut Random) {
        self.second += i64::try_from(random.below(3)).unwrap();
        let subscription = self.subscriptions.last().unwrap().subscription.clone();
        let paid = NoticeContent::PaymentSucceeded {
            customer: Customer::new(CUSTOMER),
            subscription,
        };
        self.tell(paid, Stamp::from_unix_seconds(self.second));
    }

    fn tell_of(&mut self, now: Described, is_new: bool, random: &mut Random) {
        let customer = Customer::new(CUSTOMER);
        let subscription = now.subscription.clone();
        let stamp = now.stamp;
        if is_new && random.one_in(2) {
            let completed = NoticeContent::CheckoutCompleted {
                session: CheckoutSessionId(format!("cs_{subscription}")),
                customer: Some(customer.clone()),
                subscription: Some(subscription.clone()),
            };
            self.tell(completed, stamp);
        }
        if now.status == ProviderStatus::PastDue {
            self.attempt += 1;
            let failed = NoticeContent::PaymentFailed {
                customer: customer.clone(),
                subscription: subscription.clone(),
                attempt: self.attempt,
                next_attempt: None,
            };
            self.tell(failed, stamp);
        }
        if now.status == ProviderStatus::Active {
            self.attempt = 0;
            let paid = NoticeContent::PaymentSucceeded {
                customer: customer.clone(),
                subscription: subscription.clone(),
            };
            self.tell(paid, stamp);
        }
        if now.status == ProviderStatus::Trialing {
            let will_end = NoticeContent::TrialWillEnd {
                customer: customer.clone(),
                subscription,
                ends_at: now.period.end(),
            };
            self.tell(will_end, stamp);
        }
        let described = NoticeContent::Subscription {
            customer,
            described: now,
        };
        self.tell(described, stamp);
    }

    fn tell(&mut self, content: NoticeContent, stamp: Stamp) {
        let number = self.told.len();
        self.told.push(Notice {
            id: NoticeId(format!("evt_{number}")),
            kind: "told".to_owned(),
            api_version: None,
            stamp,
            content,
            body: number.to_string(),
        });
    }
}

fn begun(id: &str, second: i64) -> Described {
    Described {
        subscription: SubscriptionId::new(id),
        status: ProviderStatus::Incomplete,
        price: PriceId::new("price_pro"),
        seats: 1,
        period: period(second),
        cancel_at: None,
        ended_at: None,
        stamp: Stamp::from_unix_seconds(second),
    }
}

fn period(start: i64) -> Period {
    let at = |second| Timestamp::from_unix_seconds(second).unwrap();
    Period::new(at(start), at(start + MONTH)).unwrap()
}

/// What can come next; `None` is before the subscription began.
fn following(status: Option<ProviderStatus>) -> &'static [ProviderStatus] {
    use ProviderStatus::{
        Active, Canceled, Incomplete, IncompleteExpired, PastDue, Paused, Trialing, Unpaid,
    };
    match status {
        None => &[Incomplete, Trialing, Active],
        Some(Incomplete) => &[Active, IncompleteExpired],
        Some(Trialing) => &[Trialing, Active, PastDue, Paused, Canceled],
        Some(Active) => &[Active, Active, PastDue, Paused, Canceled],
        Some(PastDue) => &[PastDue, Active, Unpaid, Canceled],
        Some(Unpaid | Paused) => &[Active, Canceled],
        Some(IncompleteExpired | Canceled) => &[],
    }
}
