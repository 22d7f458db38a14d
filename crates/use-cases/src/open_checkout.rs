//! A person starts to buy on a page of the provider's. Access comes when the payment is told of, never
//! from the way back.

use tollgate_billing::purchase::{Choice, decide};
use tollgate_primitives::JobKey;

use crate::{
    App, PurchaseError,
    ports::{
        Caller, CheckoutRequest, CheckoutSession, LockedAccount, PurchaseKind, Reservation,
        ReservationState,
    },
    reservation::{
        self, Intent, buyer, close_unanswered, customer_of, give_up_pending, with_what_is_pending,
    },
};

/// Answers the address of the page on which `choice` can be paid.
pub async fn open_checkout(
    app: &App,
    caller: &Caller,
    choice: &Choice,
) -> Result<String, PurchaseError> {
    let mut reserved = reserve(app, caller, choice).await;
    if let Err(PurchaseError::PaymentPending(waits)) = &reserved
        && give_up_pending(app, caller.account, waits).await?
    {
        reserved = reserve(app, caller, choice).await;
    }
    let (account, reservation) = reserved?;
    if let ReservationState::Open { url, .. } = reservation.state {
        return Ok(url);
    }
    let asked = open_page(app, caller, &account, &reservation).await;
    if asked.as_ref().is_err_and(PurchaseError::is_for_good) {
        close_unanswered(app, &account, &reservation).await?;
    }
    let page = asked?;
    let stands = app
        .store
        .put_checkout(reservation.id, &page.id, &page.url, page.expires_at)
        .await?;
    if !stands {
        app.payments.expire_checkout(&page.id).await?;
        return Err(PurchaseError::Superseded);
    }
    Ok(page.url)
}

/// Decides and writes the intent down, or finds the one that stands.
async fn reserve(
    app: &App,
    caller: &Caller,
    choice: &Choice,
) -> Result<(LockedAccount, Reservation), PurchaseError> {
    let offer = app.store.offer(&choice.plan).await?;
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    let account = tx
        .lock_account(caller.account)
        .await?
        .filter(|account| account.suspended_at.is_none())
        .ok_or(PurchaseError::AccountGone)?;
    let buyer = buyer(&account);
    let purchase = decide(choice, offer.as_ref(), app.settings.provider, &buyer, now)
        .map_err(|refused| with_what_is_pending(refused, &account))?;
    let intent = Intent {
        caller,
        choice,
        kind: PurchaseKind::Hosted,
        purchase,
    };
    let reservation = reservation::reserve(app, tx, &account, intent, now).await?;
    Ok((account, reservation))
}

/// Asks the provider for the page of `reservation`.
async fn open_page(
    app: &App,
    caller: &Caller,
    account: &LockedAccount,
    reservation: &Reservation,
) -> Result<CheckoutSession, PurchaseError> {
    let frontend = &app.settings.frontend_url;
    let request = CheckoutRequest {
        account: account.id,
        reservation: reservation.id,
        customer: customer_of(app, caller, account, reservation).await?,
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
    Ok(app.payments.open_checkout(&key, &request).await?)
}
