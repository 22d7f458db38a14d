//! What a person may do by themselves to a subscription that runs: move it up at once, have it end with
//! its period, and take that end back. Decided before any provider is asked. Moving down, and ending at
//! once, are not for anybody to do alone.

use std::{cmp::Ordering, time::Duration};

use thiserror::Error;
use tollgate_primitives::{PlanKey, Timestamp};

use crate::{
    Bought, Interval, PriceId, Snapshot, Standing, Subscription, SubscriptionId, Trialing,
    purchase::{Buyer, Offer, Provider, PurchaseRefused},
};

/// How long the numbers of a preview can be confirmed.
const PREVIEW_LIFE: Duration = Duration::from_hours(1);

/// How far the clocks of two nodes may be apart: a preview of one is confirmed at the other.
pub(crate) const CLOCKS_APART: Duration = Duration::from_mins(5);

/// How a person wants to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    pub plan: PlanKey,
    /// As many as now when `None`.
    pub seats: Option<u32>,
    /// As now when `None`.
    pub interval: Option<Interval>,
    /// The moment whose preview is confirmed.
    pub proration_date: Option<Timestamp>,
}

/// What the catalog says of a wish.
#[derive(Debug, Clone, Copy)]
pub struct Catalog<'a> {
    /// Of the plan that is wished for; `None` for one that is unknown, or not sold any more.
    pub offer: Option<&'a Offer>,
    /// Where each plan stands: the greater, the higher.
    pub tiers: &'a [(PlanKey, i32)],
}

/// A change that may be taken to the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It ends with its period.
    Cancel,
    /// It goes on after its period.
    Keep,
    /// It moves to other terms at once, and the difference is charged at once.
    Move(Terms),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    pub plan: PlanKey,
    pub interval: Interval,
    pub price: PriceId,
    pub seats: u32,
    /// The moment from which the difference is charged, a whole second; that of the change when `None`.
    pub proration_date: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ChangeRefused {
    #[error(transparent)]
    AsPurchase(#[from] PurchaseRefused),
    #[error("nothing is bought that could be changed")]
    NothingToChange,
    #[error("the first payment of {0} has not arrived")]
    PaymentPending(SubscriptionId),
    #[error("the subscription has these terms already")]
    SamePlan,
    #[error("the wish is not above what is bought")]
    DowngradeNotSelfServe,
    #[error("the preview is too old to be confirmed")]
    PreviewExpired,
    #[error("the preview is of a moment to come")]
    PreviewOfTheFuture,
    #[error("nothing goes on that could be cancelled")]
    NothingToCancel,
    #[error("nothing is about to end that could be kept")]
    NothingToKeep,
}

impl Change {
    /// Whether a subscription that stands like this shows that it was carried out.
    #[must_use]
    pub fn is_met_by(&self, snapshot: &Snapshot) -> bool {
        let is_over = snapshot.status.is_terminal();
        match self {
            Self::Cancel => is_over || snapshot.cancel_at.is_some(),
            Self::Keep => !is_over && snapshot.cancel_at.is_none(),
            Self::Move(terms) => {
                !is_over && snapshot.price == terms.price && snapshot.seats == terms.seats
            }
        }
    }
}

/// Decides a move, and of which subscription. A higher tier is up whatever its seats and interval; on the same plan more seats are,
/// or the annual interval, when the other does not shrink. A scheduled cancellation stands: moving up
/// does not take it back.
pub fn decide<'a>(
    wish: &Wish,
    catalog: Catalog<'_>,
    provider: Provider,
    buyer: &Buyer<'a>,
    now: Timestamp,
) -> Result<(&'a Bought, Terms), ChangeRefused> {
    match catalog.offer {
        None if keeps_its_price(wish, buyer.standing) => {}
        None => return Err(PurchaseRefused::InvalidPlan.into()),
        // The free plan is not sold either, but wishing for it is wishing to go down.
        Some(offer) if !offer.self_serve && !wish.plan.is_free() => {
            return Err(PurchaseRefused::TierNotYetAvailable.into());
        }
        Some(_) => {}
    }
    ready(provider)?;
    if buyer.is_test_cohort {
        return Err(PurchaseRefused::SyntheticTestCohort.into());
    }
    let bought = in_good_standing(buyer.standing)?;
    let seats = wish.seats.unwrap_or(bought.seats);
    let interval = wish.interval.unwrap_or(bought.interval);
    is_up(bought, &wish.plan, (seats, interval), catalog.tiers)?;
    let price = price(bought, catalog.offer, &wish.plan, interval)?;
    if seats < buyer.members {
        let members = buyer.members;
        return Err(PurchaseRefused::SeatsBelowMembers { members }.into());
    }
    let terms = Terms {
        plan: wish.plan.clone(),
        interval,
        price,
        seats,
        proration_date: confirmed(wish.proration_date, bought, now)?,
    };
    Ok((bought, terms))
}

/// Decides whether the subscription may be told to end with its period; answers which.
pub fn cancel(provider: Provider, standing: &Standing) -> Result<&Bought, ChangeRefused> {
    ready(provider)?;
    running(standing)
        .filter(|bought| bought.cancellation.is_none())
        .ok_or(ChangeRefused::NothingToCancel)
}

/// Decides whether a scheduled end may be taken back, by whomever it was scheduled; answers of which
/// subscription. What is over is not revived.
pub fn keep(
    provider: Provider,
    standing: &Standing,
    now: Timestamp,
) -> Result<&Bought, ChangeRefused> {
    ready(provider)?;
    running(standing)
        .filter(|bought| bought.cancellation.is_some_and(|end| now < end.at))
        .ok_or(ChangeRefused::NothingToKeep)
}

const fn ready(provider: Provider) -> Result<(), PurchaseRefused> {
    match provider {
        Provider::Ready => Ok(()),
        Provider::NotConfigured => Err(PurchaseRefused::ProviderNotConfigured),
    }
}

/// What can end or go on. A purchase whose first payment never arrives ends by itself.
fn running(standing: &Standing) -> Option<&Bought> {
    match standing.subscription.as_ref()? {
        Subscription::Trialing(Trialing::Purchased(bought))
        | Subscription::Active(bought)
        | Subscription::Paused(bought) => Some(bought),
        Subscription::PastDue(debt) => Some(&debt.bought),
        Subscription::Unpaid(debt) => Some(&debt.bought),
        Subscription::Free { .. }
        | Subscription::Trialing(Trialing::Reverse { .. })
        | Subscription::PendingPayment(_)
        | Subscription::Canceled(_)
        | Subscription::Expired(_) => None,
    }
}

/// What can be moved. One that is paused waits for a card, like one that owes.
fn in_good_standing(standing: &Standing) -> Result<&Bought, ChangeRefused> {
    match &standing.subscription {
        Some(
            Subscription::Trialing(Trialing::Purchased(bought)) | Subscription::Active(bought),
        ) => Ok(bought),
        Some(Subscription::PendingPayment(pending)) => Err(ChangeRefused::PaymentPending(
            pending.bought.subscription.clone(),
        )),
        Some(Subscription::PastDue(_) | Subscription::Unpaid(_) | Subscription::Paused(_)) => {
            Err(PurchaseRefused::FixPaymentFirst.into())
        }
        None
        | Some(
            Subscription::Free { .. }
            | Subscription::Trialing(Trialing::Reverse { .. })
            | Subscription::Canceled(_)
            | Subscription::Expired(_),
        ) => Err(ChangeRefused::NothingToChange),
    }
}

fn is_up(
    bought: &Bought,
    plan: &PlanKey,
    (seats, interval): (u32, Interval),
    tiers: &[(PlanKey, i32)],
) -> Result<(), ChangeRefused> {
    if *plan != bought.plan {
        let tier = |plan: &PlanKey| tiers.iter().find(|(key, _)| key == plan).map(|(_, at)| *at);
        return match (tier(plan), tier(&bought.plan)) {
            (Some(wanted), Some(current)) if wanted > current => Ok(()),
            _ => Err(ChangeRefused::DowngradeNotSelfServe),
        };
    }
    match (seats.cmp(&bought.seats), interval.cmp(&bought.interval)) {
        (Ordering::Equal, Ordering::Equal) => Err(ChangeRefused::SamePlan),
        (Ordering::Less, _) | (_, Ordering::Less) => Err(ChangeRefused::DowngradeNotSelfServe),
        (Ordering::Equal | Ordering::Greater, Ordering::Equal | Ordering::Greater) => Ok(()),
    }
}

/// Whether the plan that is bought is wished for at the interval that it is paid at: seats alone are to
/// change, and the catalog need not sell it any more.
fn keeps_its_price(wish: &Wish, standing: &Standing) -> bool {
    let subscription = standing.subscription.as_ref();
    subscription
        .and_then(Subscription::bought)
        .is_some_and(|bought| {
            bought.plan == wish.plan
                && wish
                    .interval
                    .is_none_or(|interval| interval == bought.interval)
        })
}

/// Whoever only adds seats keeps the price they bought at, also when it is not sold any more.
fn price(
    bought: &Bought,
    offer: Option<&Offer>,
    plan: &PlanKey,
    interval: Interval,
) -> Result<PriceId, PurchaseRefused> {
    if *plan == bought.plan && interval == bought.interval {
        return Ok(bought.price.clone());
    }
    offer
        .and_then(|offer| offer.price(interval))
        .cloned()
        .ok_or(PurchaseRefused::BillingNotConfigured)
}

/// A later moment would be cheaper, and one of a former period is no part of this one.
fn confirmed(
    date: Option<Timestamp>,
    bought: &Bought,
    now: Timestamp,
) -> Result<Option<Timestamp>, ChangeRefused> {
    let Some(date) = date else { return Ok(None) };
    if date > now.saturating_add(CLOCKS_APART) {
        return Err(ChangeRefused::PreviewOfTheFuture);
    }
    if date < now.saturating_sub(PREVIEW_LIFE) || date < bought.period.start() {
        return Err(ChangeRefused::PreviewExpired);
    }
    Ok(Some(date.whole_second()))
}
