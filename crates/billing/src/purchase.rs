//! Who may start to buy what, decided before any provider is asked.

use std::time::Duration;

use thiserror::Error;
use tollgate_primitives::{PlanKey, Timestamp};

use crate::{Ended, Interval, PriceId, Standing, Subscription, Trialing};

/// A provider refuses a trial that ends sooner than this after the checkout opens
/// (<https://docs.stripe.com/api/checkout/sessions/create>, `subscription_data.trial_end`).
const SHORTEST_TRIAL: Duration = Duration::from_hours(48);

/// Time for the request to arrive, and for the person to pay, before `SHORTEST_TRIAL` is undercut.
const MARGIN: Duration = Duration::from_hours(1);

/// What a person wants to buy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub plan: PlanKey,
    pub seats: u32,
    pub interval: Interval,
    /// The person knows that buying ends their complimentary access.
    pub confirm_leave_complimentary: bool,
}

/// What the catalog says of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Whether a person can buy it without talking to anybody.
    pub self_serve: bool,
    pub monthly: Option<PriceId>,
    pub annual: Option<PriceId>,
}

impl Offer {
    #[must_use]
    pub const fn price(&self, interval: Interval) -> Option<&PriceId> {
        match interval {
            Interval::Monthly => self.monthly.as_ref(),
            Interval::Annual => self.annual.as_ref(),
        }
    }
}

/// Whether a provider can be asked at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    Ready,
    NotConfigured,
}

/// The buyer, as far as buying is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buyer<'a> {
    pub standing: &'a Standing,
    pub is_test_cohort: bool,
    pub members: u32,
    /// A page was paid, and what was bought there is not known yet.
    pub has_just_paid: bool,
}

/// A purchase that may be taken to the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    pub price: PriceId,
    /// The first charge waits until then, a whole second: what is left of the reverse trial, never
    /// less.
    pub trial_end: Option<Timestamp>,
}

/// How a purchase in the product's own page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beginning {
    /// The free plan: store this.
    Free(Subscription),
    /// A trial for somebody who never had one, else a payment.
    TrialOrPayment(Purchase),
    Payment(Purchase),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PurchaseRefused {
    #[error("there is no such plan")]
    InvalidPlan,
    #[error("this plan is not sold by itself")]
    TierNotYetAvailable,
    #[error("the plan has no price for this interval")]
    BillingNotConfigured,
    #[error("no payment provider is configured")]
    ProviderNotConfigured,
    #[error("the account belongs to the test cohort")]
    SyntheticTestCohort,
    #[error("the account is complimentary")]
    ComplimentaryAccount,
    #[error("the account has a live subscription")]
    AlreadySubscribed,
    #[error("a purchase already waits for its first payment")]
    PaymentPending,
    #[error("the account owes a payment")]
    FixPaymentFirst,
    #[error("fewer seats than members")]
    SeatsBelowMembers { members: u32 },
}

/// Decides about a page of the provider's, in the order in which the refusals are listed. `offer` is
/// `None` for an unknown plan.
pub fn decide(
    choice: &Choice,
    offer: Option<&Offer>,
    provider: Provider,
    buyer: &Buyer<'_>,
    now: Timestamp,
) -> Result<Purchase, PurchaseRefused> {
    let price = price_to_ask(choice, offer, provider)?;
    let trial_end = may_begin(choice, buyer, now)?;
    Ok(Purchase {
        price: price.clone(),
        trial_end,
    })
}

/// Decides about a purchase in the product's own page, as [`decide`] does. Nothing is passed on of a
/// reverse trial: its first payment is made at once, and the trial runs on until it has arrived.
pub fn begin(
    choice: &Choice,
    offer: Option<&Offer>,
    provider: Provider,
    buyer: &Buyer<'_>,
    now: Timestamp,
) -> Result<Beginning, PurchaseRefused> {
    if choice.plan.is_free() {
        offer.ok_or(PurchaseRefused::InvalidPlan)?;
        may_begin(choice, buyer, now)?;
        return Ok(Beginning::Free(free_plan(buyer.standing, now)));
    }
    let price = price_to_ask(choice, offer, provider)?.clone();
    may_begin(choice, buyer, now)?;
    let purchase = Purchase {
        price,
        trial_end: None,
    };
    let never_had_anything = *buyer.standing == Standing::default();
    Ok(if never_had_anything {
        Beginning::TrialOrPayment(purchase)
    } else {
        Beginning::Payment(purchase)
    })
}

/// What was over at the provider stays known, so that it cannot come back.
fn free_plan(standing: &Standing, now: Timestamp) -> Subscription {
    match &standing.subscription {
        Some(free @ Subscription::Free { .. }) => free.clone(),
        before => Subscription::Free {
            since: now,
            failed: before
                .as_ref()
                .and_then(Subscription::ended)
                .map(|ended| Ended {
                    over_since: None,
                    ..ended.clone()
                }),
        },
    }
}

fn price_to_ask<'o>(
    choice: &Choice,
    offer: Option<&'o Offer>,
    provider: Provider,
) -> Result<&'o PriceId, PurchaseRefused> {
    let offer = offer.ok_or(PurchaseRefused::InvalidPlan)?;
    if !offer.self_serve {
        return Err(PurchaseRefused::TierNotYetAvailable);
    }
    let price = offer
        .price(choice.interval)
        .ok_or(PurchaseRefused::BillingNotConfigured)?;
    match provider {
        Provider::Ready => Ok(price),
        Provider::NotConfigured => Err(PurchaseRefused::ProviderNotConfigured),
    }
}

/// Whether this buyer may, and the trial that a purchase would pass on.
fn may_begin(
    choice: &Choice,
    buyer: &Buyer<'_>,
    now: Timestamp,
) -> Result<Option<Timestamp>, PurchaseRefused> {
    if buyer.is_test_cohort {
        return Err(PurchaseRefused::SyntheticTestCohort);
    }
    if buyer.standing.is_complimentary(now) && !choice.confirm_leave_complimentary {
        return Err(PurchaseRefused::ComplimentaryAccount);
    }
    if buyer.has_just_paid {
        return Err(PurchaseRefused::AlreadySubscribed);
    }
    let trial_end = trial_to_pass_on(buyer.standing, now)?;
    if choice.seats < buyer.members {
        return Err(PurchaseRefused::SeatsBelowMembers {
            members: buyer.members,
        });
    }
    Ok(trial_end)
}

fn trial_to_pass_on(
    standing: &Standing,
    now: Timestamp,
) -> Result<Option<Timestamp>, PurchaseRefused> {
    match &standing.subscription {
        None
        | Some(Subscription::Free { .. } | Subscription::Canceled(_) | Subscription::Expired(_)) => {
            Ok(None)
        }
        Some(Subscription::Trialing(Trialing::Reverse { trial, .. })) => {
            let end = trial.period.end();
            let shortest = now.saturating_add(SHORTEST_TRIAL + MARGIN);
            Ok((now < end).then(|| whole_second(end.max(shortest))))
        }
        Some(
            Subscription::Trialing(Trialing::Purchased(_))
            | Subscription::Active(_)
            | Subscription::Paused(_),
        ) => Err(PurchaseRefused::AlreadySubscribed),
        Some(Subscription::PendingPayment(_)) => Err(PurchaseRefused::PaymentPending),
        Some(Subscription::PastDue(_) | Subscription::Unpaid(_)) => {
            Err(PurchaseRefused::FixPaymentFirst)
        }
    }
}

/// A provider counts in whole seconds: rounded up, so that nobody loses the rest of one.
fn whole_second(instant: Timestamp) -> Timestamp {
    let within = instant.saturating_add(Duration::from_micros(999_999));
    Timestamp::from_unix_seconds(within.unix_seconds()).unwrap_or(Timestamp::MAX)
}
