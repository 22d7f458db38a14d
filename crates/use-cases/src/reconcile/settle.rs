//! What the provider says of subscriptions, held against what is stored; what differs is read once more
//! and stored by the same step as every other read.

use serde_json::json;
use thiserror::Error;
use tollgate_billing::{Customer, Interval, PriceId, Subscription, SubscriptionId, drift};
use tollgate_primitives::{AccountId, JobKey, PlanKey};

use super::{DriftKind, Run, Stop};
use crate::{
    apply_read::NotApplied,
    ports::{
        AuditEntry, CustomerAccount, Described, Job, JobKind, ListedSubscription, OpenReservation,
        PaymentsError, ReservationState, StoreError,
    },
    read_subscription::{ReadError, read_one},
};

/// How often a subscription is read whose events are arriving at the same time.
const TRIES: u32 = 3;

/// An answer that we cannot read, though it came.
#[derive(Debug, Error)]
#[error("the provider's answer cannot be read: {0}")]
struct Unreadable(String);

/// Reads one subscription of `account` and settles it.
pub(super) async fn read_and_settle(
    run: &mut Run<'_>,
    account: AccountId,
    subscription: &SubscriptionId,
) -> Result<(), Stop> {
    run.claim_call().await?;
    match run.app.payments.read_subscription(subscription).await {
        Ok(Some((customer, described))) => {
            let read = ListedSubscription {
                id: subscription.clone(),
                customer: Some(customer),
                described: Ok(described),
            };
            settle(run, vec![read]).await
        }
        Ok(None) => {
            run.report.checked += 1;
            let what = format!("account {account}, subscription {subscription}");
            run.report.found(DriftKind::Forgotten, what);
            Ok(())
        }
        Err(error) => {
            run.report.checked += 1;
            go_on_after(run, &format!("subscription {subscription}"), error)
        }
    }
}

/// Whether the run can go on: the answer says nothing about any other question.
pub(super) fn go_on_after(run: &mut Run<'_>, what: &str, error: PaymentsError) -> Result<(), Stop> {
    match &error {
        PaymentsError::Unreadable { .. } => {}
        PaymentsError::Refused { code, .. } if code != "secret_key_refused" => {}
        PaymentsError::Refused { .. }
        | PaymentsError::NotConfigured
        | PaymentsError::Unavailable { .. }
        | PaymentsError::KeySpent(_) => return Err(error.into()),
    }
    run.report.failed(what, &error);
    Ok(())
}

/// Settles each of `read`.
pub(super) async fn settle(run: &mut Run<'_>, read: Vec<ListedSubscription>) -> Result<(), Stop> {
    let customers: Vec<_> = read.iter().filter_map(|one| one.customer.clone()).collect();
    let described = read.iter().filter_map(|one| one.described.as_ref().ok());
    let prices: Vec<_> = described.map(|described| described.price.clone()).collect();
    let mut accounts = run.app.reconciliation.accounts_of(&customers).await?;
    let prices = run.app.reconciliation.prices(&prices).await?;
    for one in read {
        run.report.checked += 1;
        let account = one.customer.as_ref().and_then(|id| accounts.get_mut(id));
        let (Some(account), Some(customer)) = (account, &one.customer) else {
            without_account(run, &one, |price| prices.contains_key(price));
            continue;
        };
        if account.is_test_cohort {
            continue;
        }
        match one.described {
            Ok(described) => {
                let stands_for = prices.get(&described.price).cloned();
                let known = Known {
                    customer,
                    account,
                    stands_for,
                };
                settle_one(run, known, described).await?;
            }
            Err(reason) => {
                let what = format!("account {}, subscription {}", account.account, one.id);
                run.report.failed(&what, &Unreadable(reason));
            }
        }
    }
    Ok(())
}

/// Somebody pays and has nothing for it, if it is one of our prices that is paid; anything else is not
/// ours to judge.
fn without_account(
    run: &mut Run<'_>,
    one: &ListedSubscription,
    is_ours: impl FnOnce(&PriceId) -> bool,
) {
    if let (Some(customer), Ok(described)) = (&one.customer, &one.described)
        && !described.status.is_terminal()
        && is_ours(&described.price)
    {
        let what = format!("customer {customer}, subscription {}", one.id);
        run.report.found(DriftKind::NoAccount, what);
    }
}

/// Whom a subscription belongs to and what it is of.
struct Known<'a> {
    customer: &'a Customer,
    account: &'a mut CustomerAccount,
    /// `None` when the catalog has no such price.
    stands_for: Option<(PlanKey, Interval)>,
}

async fn settle_one(run: &mut Run<'_>, known: Known<'_>, described: Described) -> Result<(), Stop> {
    let id = described.subscription.clone();
    let account = known.account.account;
    let what = format!("account {account}, subscription {id}");
    let stored = known.account.subscription.as_ref();
    let Some((plan, interval)) = known.stands_for else {
        let bought = stored.and_then(Subscription::bought);
        if !described.status.is_terminal() || bought.is_some_and(|b| b.subscription == id) {
            let error = NotApplied::UnknownPrice(described.price.to_string());
            run.report.failed(&what, &error);
        }
        return Ok(());
    };
    let snapshot = described.in_catalog(plan, interval);
    let Some(drift) = drift(stored, &snapshot) else {
        return Ok(());
    };
    if !run.is_dry {
        mend(run, account, &id, &what).await?;
        let customers = std::slice::from_ref(known.customer);
        let accounts = run.app.reconciliation.accounts_of(customers).await?;
        if let Some(account) = accounts.into_values().next() {
            *known.account = account;
        }
    }
    run.report.found(drift.into(), what);
    Ok(())
}

/// Reads the subscription once more, by the step that stores what it read only if nothing was stored
/// meanwhile: a list of a hundred is too old to be believed by then.
async fn mend(
    run: &mut Run<'_>,
    account: AccountId,
    subscription: &SubscriptionId,
    what: &str,
) -> Result<(), Stop> {
    for _ in 0..TRIES {
        run.claim_call().await?;
        match read_one(run.app, account, subscription).await {
            Ok(true) => {
                close_purchase(run, account).await?;
                run.report.mended += 1;
                return Ok(());
            }
            // Events of it are arriving just now.
            Err(ReadError::NotApplied(NotApplied::Overtaken)) => {}
            Ok(false) => {
                run.report.failed(what, &ReadError::Unknown);
                return Ok(());
            }
            Err(ReadError::Store(error) | ReadError::NotApplied(NotApplied::Store(error))) => {
                return Err(error.into());
            }
            Err(ReadError::Payments(error)) => return go_on_after(run, what, error),
            Err(error) => {
                run.report.failed(what, &error);
                return Ok(());
            }
        }
    }
    run.report.failed(what, &NotApplied::Overtaken);
    Ok(())
}

/// Whatever an account with a running subscription was about to buy, it would be a second one.
pub(super) async fn close_purchase(run: &Run<'_>, account: AccountId) -> Result<(), StoreError> {
    let mut tx = run.app.store.begin().await?;
    let Some(locked) = tx.lock_account(account).await? else {
        return Ok(());
    };
    let subscription = locked.standing.subscription.as_ref();
    let is_running = subscription.is_some_and(Subscription::is_running);
    let Some(reservation) = locked.reservation.filter(|_| is_running) else {
        return Ok(());
    };
    tx.close_reservation(reservation.id, run.now()).await?;
    if let ReservationState::Open { session, .. } = reservation.state {
        let key = JobKey::new("expire-checkout", &session);
        tx.enqueue(&Job::now(key, JobKind::ExpireCheckout { session }))
            .await?;
    }
    tx.commit().await
}

/// Closes a reservation that stands for nothing any more, unless somebody else did.
pub(super) async fn close_reservation(
    run: &mut Run<'_>,
    stale: &OpenReservation,
    reason: &'static str,
) -> Result<(), Stop> {
    let what = format!(
        "account {}, reservation {}: {reason}",
        stale.account, stale.id
    );
    if run.is_dry {
        run.report.found(DriftKind::StaleReservation, what);
        return Ok(());
    }
    let now = run.now();
    let mut tx = run.app.store.begin().await?;
    let locked = tx.lock_account(stale.account).await?;
    let open = locked.and_then(|account| account.reservation);
    if open.is_none_or(|open| !is_unchanged(&open.state, stale) || open.id != stale.id) {
        return Ok(());
    }
    tx.close_reservation(stale.id, now).await?;
    let entry = AuditEntry {
        actor: None,
        account: Some(stale.account),
        action: "purchase_closed",
        detail: json!({ "reservation": stale.id, "reason": reason }),
    };
    tx.audit(&entry, now).await?;
    tx.commit().await?;
    run.report.found(DriftKind::StaleReservation, what);
    run.report.mended += 1;
    Ok(())
}

fn is_unchanged(state: &ReservationState, seen: &OpenReservation) -> bool {
    match state {
        ReservationState::Asking => seen.session.is_none(),
        ReservationState::Open { session, .. } | ReservationState::Paid { session } => {
            seen.session.as_ref() == Some(session)
        }
        ReservationState::Pending { .. } => false,
    }
}
