//! A person starts to buy. The intent is written before the provider is asked, and its id is the
//! provider's idempotency key: tabs, retries and crashes in between end at one open page.

use std::time::Duration;

use serde_json::json;
use thiserror::Error;
use tollgate_billing::{
    Customer, SubscriptionId,
    purchase::{Buyer, Choice, Purchase, PurchaseRefused, decide},
};
use tollgate_primitives::{JobKey, ReservationId, Timestamp};

use crate::{
    App,
    ports::{
        AuditEntry, Caller, CheckoutRequest, CheckoutSession, Job, JobKind, LockedAccount,
        NewCustomer, PaymentsError, Reservation, ReservationState, StoreError, Transaction,
    },
};

/// How long an intent lives whose page was never opened: as long as the provider remembers its key
/// (<https://docs.stripe.com/api/idempotent_requests>).
const UNOPENED_LIFE: Duration = Duration::from_hours(23);

/// A page this close to its end is not handed out again.
const LAST_MINUTES: Duration = Duration::from_mins(5);

#[derive(Debug, Error)]
pub enum CheckoutError {
    #[error(transparent)]
    Refused(#[from] PurchaseRefused),
    #[error("a purchase already waits for its first payment")]
    PaymentPending(SubscriptionId),
    #[error("the account is gone")]
    AccountGone,
    /// Another tab made another choice meanwhile.
    #[error("another purchase was started meanwhile")]
    Superseded,
    #[error(transparent)]
    Payments(#[from] PaymentsError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Answers the address of the page on which `choice` can be paid.
pub async fn open_checkout(
    app: &App,
    caller: &Caller,
    choice: &Choice,
) -> Result<String, CheckoutError> {
    let (account, reservation) = reserve(app, caller, choice).await?;
    if let ReservationState::Open { url, .. } = reservation.state {
        return Ok(url);
    }
    let asked = open_page(app, caller, &account, &reservation).await;
    if matches!(&asked, Err(CheckoutError::Payments(error)) if is_for_good(error)) {
        close_unanswered(app, &account, &reservation).await?;
    }
    let page = asked?;
    let stands = app
        .store
        .put_checkout(reservation.id, &page.id, &page.url, page.expires_at)
        .await?;
    if !stands {
        app.payments.expire_checkout(&page.id).await?;
        return Err(CheckoutError::Superseded);
    }
    Ok(page.url)
}

/// Whether the same question under the same key would be answered alike for ever.
const fn is_for_good(error: &PaymentsError) -> bool {
    matches!(
        error,
        PaymentsError::Refused { .. } | PaymentsError::KeySpent(_)
    )
}

/// Decides and writes the intent down, or finds the one that stands.
async fn reserve(
    app: &App,
    caller: &Caller,
    choice: &Choice,
) -> Result<(LockedAccount, Reservation), CheckoutError> {
    let offer = app.store.offer(&choice.plan).await?;
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    let account = tx
        .lock_account(caller.account)
        .await?
        .filter(|account| account.suspended_at.is_none())
        .ok_or(CheckoutError::AccountGone)?;
    let buyer = Buyer {
        standing: &account.standing,
        is_test_cohort: account.is_test_cohort,
        members: account.members,
    };
    let purchase = decide(choice, offer.as_ref(), app.settings.provider, &buyer, now)
        .map_err(|refused| with_what_is_pending(refused, &account))?;
    if let Some(open) = account
        .reservation
        .as_ref()
        .filter(|open| serves(open, choice, &purchase, now))
    {
        let open = open.clone();
        return Ok((account, open));
    }
    replace_reservation(tx.as_mut(), &account, now).await?;
    let reservation = new_reservation(app, choice, purchase, now);
    tx.insert_reservation(account.id, &reservation, now).await?;
    tx.audit(&purchase_started(caller, choice), now).await?;
    tx.commit().await?;
    Ok((account, reservation))
}

fn with_what_is_pending(refused: PurchaseRefused, account: &LockedAccount) -> CheckoutError {
    let subscription = account.standing.subscription.as_ref();
    match subscription.and_then(|subscription| subscription.bought()) {
        Some(bought) if refused == PurchaseRefused::PaymentPending => {
            CheckoutError::PaymentPending(bought.subscription.clone())
        }
        Some(_) | None => CheckoutError::Refused(refused),
    }
}

fn purchase_started(caller: &Caller, choice: &Choice) -> AuditEntry {
    AuditEntry {
        actor: Some(caller.user),
        account: Some(caller.account),
        action: "purchase_started",
        detail: json!({ "plan": choice.plan, "seats": choice.seats, "interval": choice.interval }),
    }
}

/// Whether the page of `open` is the one that `choice` asks for.
fn serves(open: &Reservation, choice: &Choice, purchase: &Purchase, now: Timestamp) -> bool {
    open.plan == choice.plan
        && open.seats == choice.seats
        && open.interval == choice.interval
        && open.price == purchase.price
        && now < open.expires_at.saturating_sub(LAST_MINUTES)
}

async fn replace_reservation(
    tx: &mut dyn Transaction,
    account: &LockedAccount,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(old) = &account.reservation else {
        return Ok(());
    };
    tx.close_reservation(old.id, now).await?;
    if let ReservationState::Open { session, .. } = &old.state {
        let kind = JobKind::ExpireCheckout {
            session: session.clone(),
        };
        tx.enqueue(&Job::now(JobKey::new("expire-checkout", session), kind))
            .await?;
    }
    Ok(())
}

fn new_reservation(app: &App, choice: &Choice, purchase: Purchase, now: Timestamp) -> Reservation {
    Reservation {
        id: ReservationId::from_uuid(app.entropy.uuid(now)),
        plan: choice.plan.clone(),
        seats: choice.seats,
        interval: choice.interval,
        price: purchase.price,
        trial_end: purchase.trial_end,
        attempt: 1,
        expires_at: now.saturating_add(UNOPENED_LIFE),
        state: ReservationState::Asking,
    }
}

/// Asks the provider for the page of `reservation`.
async fn open_page(
    app: &App,
    caller: &Caller,
    account: &LockedAccount,
    reservation: &Reservation,
) -> Result<CheckoutSession, CheckoutError> {
    let customer = customer_of(app, caller, account, reservation).await?;
    Ok(ask_provider(app, account, reservation, customer).await?)
}

/// The provider's customer of the account, made if it has none; never looked for by address.
async fn customer_of(
    app: &App,
    caller: &Caller,
    account: &LockedAccount,
    reservation: &Reservation,
) -> Result<Customer, CheckoutError> {
    if let Some(customer) = &account.customer {
        return Ok(customer.clone());
    }
    let (email, ..) = app
        .store
        .mailbox(caller.user)
        .await?
        .ok_or(CheckoutError::AccountGone)?;
    let new = NewCustomer {
        account: account.id,
        name: account.name.clone(),
        email,
    };
    // Of this attempt by this person: a key stands for one content, and the address is theirs.
    let key = JobKey::new(
        "customer",
        format_args!("{}:{}", reservation.id, caller.user),
    );
    let customer = app.payments.create_customer(&key, &new).await?;
    Ok(app.store.put_customer(account.id, &customer).await?)
}

async fn ask_provider(
    app: &App,
    account: &LockedAccount,
    reservation: &Reservation,
    customer: Customer,
) -> Result<CheckoutSession, PaymentsError> {
    let frontend = &app.settings.frontend_url;
    let request = CheckoutRequest {
        account: account.id,
        reservation: reservation.id,
        customer,
        price: reservation.price.clone(),
        seats: reservation.seats,
        trial_end: reservation.trial_end,
        success_url: format!("{frontend}/account/billing?success=1"),
        cancel_url: format!("{frontend}/account/billing/select-plan"),
    };
    let key = JobKey::new(
        "checkout",
        format_args!("{}:{}", reservation.id, reservation.attempt),
    );
    app.payments.open_checkout(&key, &request).await
}

/// Under the same keys the provider would only repeat itself: the next attempt starts afresh.
async fn close_unanswered(
    app: &App,
    account: &LockedAccount,
    reservation: &Reservation,
) -> Result<(), StoreError> {
    let mut tx = app.store.begin().await?;
    let Some(account) = tx.lock_account(account.id).await? else {
        return Ok(());
    };
    if is_still_asking(account.reservation.as_ref(), reservation.id) {
        tx.close_reservation(reservation.id, app.clock.now())
            .await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Whether `refused` is the reservation that stands, and no other tab has got a page for it meanwhile.
fn is_still_asking(standing: Option<&Reservation>, refused: ReservationId) -> bool {
    standing.is_some_and(|standing| {
        standing.id == refused && standing.state == ReservationState::Asking
    })
}

#[cfg(test)]
mod tests {
    use tollgate_billing::{Interval, PriceId};
    use tollgate_primitives::PlanKey;
    use uuid::Uuid;

    use super::*;
    use crate::ports::CheckoutSessionId;

    #[test]
    fn a_refusal_closes_the_reservation_it_is_about_while_that_has_no_page() {
        let (one, another) = (id(1), id(2));
        assert!(is_still_asking(Some(&asking(one)), one));
        assert!(!is_still_asking(Some(&asking(another)), one));
        assert!(!is_still_asking(None, one));
        let opened = Reservation {
            state: ReservationState::Open {
                session: CheckoutSessionId("cs_1".to_owned()),
                url: "https://pay.example.com/cs_1".to_owned(),
            },
            ..asking(one)
        };
        assert!(!is_still_asking(Some(&opened), one));
    }

    #[test]
    fn a_reservation_serves_the_same_choice_until_its_last_minutes() {
        let open = asking(id(1));
        let choice = Choice {
            plan: open.plan.clone(),
            seats: open.seats,
            interval: open.interval,
            confirm_leave_complimentary: false,
        };
        let last = open.expires_at.saturating_sub(LAST_MINUTES);
        let just_before = last.saturating_sub(Duration::from_micros(1));
        assert!(serves(&open, &choice, &offered("price_pro"), just_before));
        assert!(!serves(&open, &choice, &offered("price_pro"), last));
        let dearer = offered("price_pro_2");
        assert!(!serves(&open, &choice, &dearer, just_before));
        let more_seats = Choice {
            seats: 4,
            ..choice.clone()
        };
        let yearly = Choice {
            interval: Interval::Annual,
            ..choice.clone()
        };
        let another_plan = Choice {
            plan: PlanKey::parse("team").unwrap(),
            ..choice
        };
        for other in [more_seats, yearly, another_plan] {
            assert!(
                !serves(&open, &other, &offered("price_pro"), just_before),
                "{other:?}"
            );
        }
    }

    fn offered(price: &str) -> Purchase {
        Purchase {
            price: PriceId::new(price),
            trial_end: None,
        }
    }

    fn id(byte: u8) -> ReservationId {
        ReservationId::from_uuid(Uuid::from_bytes([byte; 16]))
    }

    fn asking(id: ReservationId) -> Reservation {
        Reservation {
            id,
            plan: PlanKey::parse("pro").unwrap(),
            seats: 3,
            interval: Interval::Monthly,
            price: PriceId::new("price_pro"),
            trial_end: None,
            attempt: 1,
            expires_at: Timestamp::MIN.saturating_add(UNOPENED_LIFE),
            state: ReservationState::Asking,
        }
    }
}
