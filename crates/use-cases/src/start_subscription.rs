//! A person buys in the product's own page: the free plan and a first trial begin at once, anything
//! else waits for a payment that the browser confirms with the client secret. Access comes when the
//! payment is told of.

use serde_json::json;
use thiserror::Error;
use tollgate_billing::{
    Event, Outcome, Standing, Status, Subscription, SubscriptionId,
    purchase::{Beginning, Choice, PurchaseRefused, begin},
    transition, wire_status,
};
use tollgate_primitives::{AccountId, JobKey, Timestamp};

use crate::{
    App, PurchaseError, announce_trial_end,
    apply_read::{self, Answer, NotApplied, apply_read},
    ports::{
        AuditEntry, Caller, FirstPayment, LockedAccount, PaymentsError, PurchaseKind, Reservation,
        ReservationState, StartedSubscription, StoreError, SubscriptionRequest, Transaction,
        Version,
    },
    reservation::{
        self, Intent, buyer, close_old, close_unanswered, customer_of, give_up_pending, is_choice,
        with_what_is_pending,
    },
};

/// A purchase that has begun.
#[derive(Debug)]
pub struct Begun {
    /// The provider's id; the account's where no provider stands behind it.
    pub subscription: String,
    pub status: Status,
    /// What the browser needs in order to pay, while a payment is waited for.
    pub payment: Option<FirstPayment>,
}

#[derive(Debug, Error)]
pub enum CompleteError {
    /// Unknown, or another account's: nobody is told which.
    #[error("the account has no such subscription")]
    Unknown,
    #[error("the subscription does not wait for a payment")]
    NothingPending,
    #[error(transparent)]
    Purchase(#[from] PurchaseError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Begins what `choice` asks for. The same choice again, from any number of tabs, is the same purchase;
/// another one takes the place of a purchase that waits for its first payment.
pub async fn start_subscription(
    app: &App,
    caller: &Caller,
    choice: &Choice,
) -> Result<Begun, PurchaseError> {
    let begun = begin_once(app, caller, choice).await;
    if let Err(PurchaseError::PaymentPending(waits)) = &begun
        && give_up_pending(app, caller.account, waits).await?
    {
        return begin_once(app, caller, choice).await;
    }
    begun
}

async fn begin_once(app: &App, caller: &Caller, choice: &Choice) -> Result<Begun, PurchaseError> {
    let (account, reservation) = match reserve(app, caller, choice).await? {
        Reserved::Settled(begun) => return Ok(begun),
        Reserved::Open(open) => *open,
    };
    if let ReservationState::Pending { subscription } = &reservation.state {
        return tell_again(app, (account.id, account.version), subscription).await;
    }
    let asked = ask_provider(app, caller, &account, &reservation).await;
    if asked.as_ref().is_err_and(PurchaseError::is_for_good) {
        close_unanswered(app, &account, &reservation).await?;
    }
    let started = asked?;
    let subscription = &started.described.subscription;
    if !note(app, account.id, &reservation, &started).await? {
        app.payments.cancel_subscription(subscription).await?;
        return Err(PurchaseError::Superseded);
    }
    Ok(begun(started))
}

/// Tells again what the payment of `subscription` needs, so that a person who stalled can finish.
pub async fn complete_subscription(
    app: &App,
    account: AccountId,
    subscription: &str,
) -> Result<Begun, CompleteError> {
    let mut tx = app.store.begin().await?;
    let locked = tx.lock_account(account).await?;
    drop(tx);
    let (standing, seen) = locked
        .map(|account| (account.standing, account.version))
        .unwrap_or_default();
    let state = standing.subscription.ok_or(CompleteError::Unknown)?;
    let bought = state.bought().map(|bought| &bought.subscription);
    let is_named = bought.is_some_and(|bought| bought.as_str() == subscription);
    if !is_named && account.to_string() != subscription {
        return Err(CompleteError::Unknown);
    }
    match &state {
        Subscription::PendingPayment(pending) => {
            let pending = &pending.bought.subscription;
            Ok(tell_again(app, (account, seen), pending).await?)
        }
        Subscription::Free { .. }
        | Subscription::Trialing(_)
        | Subscription::Active(_)
        | Subscription::PastDue(_)
        | Subscription::Unpaid(_)
        | Subscription::Paused(_)
        | Subscription::Canceled(_)
        | Subscription::Expired(_) => Err(CompleteError::NothingPending),
    }
}

/// Asks the provider what the first payment of `subscription` needs, or how it went.
async fn tell_again(
    app: &App,
    (account, seen): (AccountId, Option<Version>),
    subscription: &SubscriptionId,
) -> Result<Begun, PurchaseError> {
    let read = app.payments.read_first_payment(subscription).await?;
    let started = read.ok_or_else(|| PaymentsError::Unreadable {
        what: "a subscription that waits for its payment is not known".to_owned(),
    })?;
    if Status::from(started.described.status) != Status::PendingPayment {
        // The news of it are on their way; the page need not wait for them.
        let answer = Answer {
            seen,
            customer: started.customer.clone(),
            described: started.described.clone(),
        };
        apply_read(app, account, answer).await?;
    }
    Ok(begun(started))
}

fn begun(started: StartedSubscription) -> Begun {
    let status = Status::from(started.described.status);
    Begun {
        subscription: started.described.subscription.to_string(),
        status,
        payment: started.payment.filter(|_| status == Status::PendingPayment),
    }
}

enum Reserved {
    /// Without the provider.
    Settled(Begun),
    Open(Box<(LockedAccount, Reservation)>),
}

/// Decides, and settles what needs no provider or writes the intent down.
async fn reserve(app: &App, caller: &Caller, choice: &Choice) -> Result<Reserved, PurchaseError> {
    let offer = app.store.offer(&choice.plan).await?;
    let mailbox = app.store.mailbox(caller.user).await?;
    let (email, ..) = mailbox.ok_or(PurchaseError::AccountGone)?;
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    let account = tx
        .lock_account(caller.account)
        .await?
        .filter(|account| account.suspended_at.is_none())
        .ok_or(PurchaseError::AccountGone)?;
    let buyer = buyer(&account);
    let purchase = match begin(choice, offer.as_ref(), app.settings.provider, &buyer, now) {
        Ok(Beginning::Free(free)) => return settle(tx, caller, &account, free, now).await,
        Ok(Beginning::TrialOrPayment(purchase)) => {
            if tx.claim_trial(&app.key.trial_key(&email), now).await? {
                let days = app.settings.trial_days;
                let trial = Subscription::reverse_trial(choice.plan.clone(), now, days);
                return settle(tx, caller, &account, trial, now).await;
            }
            purchase
        }
        Ok(Beginning::Payment(purchase)) => purchase,
        Err(refused) => return same_again(refused, account, choice),
    };
    let intent = Intent {
        caller,
        choice,
        kind: PurchaseKind::Embedded,
        purchase,
    };
    let reservation = reservation::reserve(app, tx, &account, intent, now).await?;
    Ok(Reserved::Open(Box::new((account, reservation))))
}

/// The purchase that waits already, when it is the one that was asked for.
fn same_again(
    refused: PurchaseRefused,
    account: LockedAccount,
    choice: &Choice,
) -> Result<Reserved, PurchaseError> {
    let waits = account
        .reservation
        .clone()
        .filter(|open| open.kind == PurchaseKind::Embedded && is_choice(open, choice));
    match waits {
        Some(open) if refused == PurchaseRefused::PaymentPending => {
            Ok(Reserved::Open(Box::new((account, open))))
        }
        Some(_) | None => Err(with_what_is_pending(refused, &account)),
    }
}

/// Stores what begins at once.
async fn settle(
    mut tx: Box<dyn Transaction>,
    caller: &Caller,
    account: &LockedAccount,
    next: Subscription,
    now: Timestamp,
) -> Result<Reserved, PurchaseError> {
    tx.put_subscription(account.id, &next, now).await?;
    if let Some(trial) = next.reverse() {
        announce_trial_end::order(tx.as_mut(), account.id, trial).await?;
    }
    tx.leave_complimentary_on_purchase(account.id).await?;
    tx.end_left_complimentary(account.id, now).await?;
    close_old(tx.as_mut(), account, now).await?;
    let standing = Standing {
        subscription: Some(next),
        grant: None,
    };
    let status = wire_status(&standing, now).unwrap_or(Status::Active);
    let entry = AuditEntry {
        actor: Some(caller.user),
        account: Some(account.id),
        action: "subscription_started",
        detail: json!({ "status": status }),
    };
    tx.audit(&entry, now).await?;
    tx.commit().await?;
    Ok(Reserved::Settled(Begun {
        subscription: account.id.to_string(),
        status,
        payment: None,
    }))
}

async fn ask_provider(
    app: &App,
    caller: &Caller,
    account: &LockedAccount,
    reservation: &Reservation,
) -> Result<StartedSubscription, PurchaseError> {
    let request = SubscriptionRequest {
        account: account.id,
        reservation: reservation.id,
        customer: customer_of(app, caller, account, reservation).await?,
        price: reservation.price.clone(),
        seats: reservation.seats,
    };
    let key = JobKey::new(
        "subscription",
        format_args!("{}:{}", reservation.id, reservation.attempt),
    );
    Ok(app.payments.start_subscription(&key, &request).await?)
}

/// Notes what the provider made for `reservation`, unless its news were faster. False when another
/// purchase has taken its place.
async fn note(
    app: &App,
    account: AccountId,
    reservation: &Reservation,
    started: &StartedSubscription,
) -> Result<bool, PurchaseError> {
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    let Some(locked) = tx.lock_account(account).await? else {
        return Err(PurchaseError::AccountGone);
    };
    let current = locked.standing.subscription.as_ref();
    let subscription = &started.described.subscription;
    let is_told = current
        .and_then(Subscription::bought)
        .is_some_and(|bought| bought.subscription == *subscription);
    let stands = tx.put_pending(reservation.id, subscription).await?;
    if !stands && !is_told {
        return Ok(false);
    }
    let described = started.described.clone();
    let snapshot = described.in_catalog(reservation.plan.clone(), reservation.interval);
    // Against what is over at the provider, even in this very second, it is the present truth.
    let event = if current.is_some_and(Subscription::is_live_at_provider) {
        Event::Observed(snapshot)
    } else {
        Event::Read(snapshot)
    };
    let outcome = transition(current, &event, now).map_err(NotApplied::from)?;
    if let Outcome::Moved { next, .. } = outcome {
        apply_read::put(tx.as_mut(), &locked, &next, now).await?;
        let entry = pending_entry(account, subscription);
        tx.audit(&entry, now).await?;
    }
    tx.commit().await?;
    Ok(true)
}

fn pending_entry(account: AccountId, subscription: &SubscriptionId) -> AuditEntry {
    AuditEntry {
        actor: None,
        account: Some(account),
        action: "subscription_pending",
        detail: json!({ "subscription": subscription }),
    }
}
