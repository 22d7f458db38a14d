//! What the person should be told about their trial or subscription.
//! Independent of access: an operator may let an ended account fall to the free plan, the trial is over.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tollgate_billing::{Period, Standing, Subscription, Trialing};
use tollgate_primitives::Timestamp;

const DAY: Duration = Duration::from_hours(24);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Banner {
    pub stage: BannerStage,
    /// Days left of a running trial, begun ones counted whole; `None` in every other stage.
    pub days_remaining: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BannerStage {
    /// More than 3 days of trial left.
    Pristine,
    /// From 3 days down to 24 hours, both included.
    Warning,
    /// Less than 24 hours.
    Urgent,
    /// The trial is over, or a purchase was never paid.
    Expired,
    Complimentary,
    Paid,
    /// A renewal is not paid: the provider is retrying, or has given up.
    PastDue,
    Canceled,
}

impl BannerStage {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pristine => "pristine",
            Self::Warning => "warning",
            Self::Urgent => "urgent",
            Self::Expired => "expired",
            Self::Complimentary => "complimentary",
            Self::Paid => "paid",
            Self::PastDue => "past_due",
            Self::Canceled => "canceled",
        }
    }
}

/// The banner to show at `now`, or none.
///
/// None without a subscription, on the free plan, where nothing was bought or is on trial, and while
/// a first purchase waits for its payment, which the 402 `payment_pending` tells. A paused
/// subscription shows as an expired trial: it is paused because its trial ended without a way to pay
/// (<https://docs.stripe.com/billing/subscriptions/overview#subscription-statuses>).
#[must_use]
pub fn trial_banner(standing: &Standing, now: Timestamp) -> Option<Banner> {
    if standing.grant.as_ref().is_some_and(|g| g.holds_at(now)) {
        return Some(lasting(BannerStage::Complimentary));
    }
    match standing.subscription.as_ref()? {
        Subscription::Free { .. } => None,
        Subscription::Trialing(Trialing::Reverse { trial, .. }) => Some(during(trial.period, now)),
        Subscription::Trialing(Trialing::Purchased(bought)) => Some(during(bought.period, now)),
        Subscription::PendingPayment(pending) => pending
            .meanwhile
            .trial()
            .map(|trial| during(trial.period, now)),
        Subscription::Active(_) => Some(lasting(BannerStage::Paid)),
        Subscription::PastDue(_) | Subscription::Unpaid(_) => Some(lasting(BannerStage::PastDue)),
        Subscription::Canceled(_) => Some(lasting(BannerStage::Canceled)),
        Subscription::Paused(_) | Subscription::Expired(_) => Some(lasting(BannerStage::Expired)),
    }
}

const fn lasting(stage: BannerStage) -> Banner {
    Banner {
        stage,
        days_remaining: None,
    }
}

fn during(trial: Period, now: Timestamp) -> Banner {
    if !trial.runs_at(now) {
        return lasting(BannerStage::Expired);
    }
    let left = trial.end().since(now);
    let stage = if left > 3 * DAY {
        BannerStage::Pristine
    } else if left >= DAY {
        BannerStage::Warning
    } else {
        BannerStage::Urgent
    };
    let days = left.as_micros().div_ceil(DAY.as_micros());
    Banner {
        stage,
        days_remaining: Some(u32::try_from(days).unwrap_or(u32::MAX)),
    }
}
