//! The intent to buy, written before the provider is asked: one open per account, whichever way it is
//! to be paid. Its id is the provider's idempotency key, so that tabs, retries and crashes in between
//! end at one page or one subscription.

use std::time::Duration;

use serde_json::json;
use thiserror::Error;
use tollgate_billing::{
    Customer, Subscription, SubscriptionId,
    purchase::{Buyer, Choice, Purchase, PurchaseRefused},
};
use tollgate_primitives::{AccountId, JobKey, ReservationId, Timestamp};

use crate::{
    App,
    apply_read::{Answer, NotApplied, apply_read},
    ports::{
        AuditEntry, Caller, Job, JobKind, LockedAccount, NewCustomer, PaymentsError, PurchaseKind,
        Reservation, ReservationState, StoreError, Transaction,
    },
};

/// How long an intent lives that the provider has not answered: as long as it remembers the key
/// (<https://docs.stripe.com/api/idempotent_requests>).
const UNANSWERED_LIFE: Duration = Duration::from_hours(23);

/// A page this close to its end is not handed out again.
const LAST_MINUTES: Duration = Duration::from_mins(5);

#[derive(Debug, Error)]
pub enum PurchaseError {
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
    NotApplied(#[from] NotApplied),
    #[error(transparent)]
    Payments(#[from] PaymentsError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PurchaseError {
    /// Whether the same question under the same key would be answered alike for ever.
    pub(crate) const fn is_for_good(&self) -> bool {
        matches!(
            self,
            Self::Payments(PaymentsError::Refused { .. } | PaymentsError::KeySpent(_))
        )
    }
}

/// The account as a buyer.
pub(crate) fn buyer(account: &LockedAccount) -> Buyer<'_> {
    let state = account.reservation.as_ref().map(|open| &open.state);
    Buyer {
        standing: &account.standing,
        is_test_cohort: account.is_test_cohort,
        members: account.members,
        has_just_paid: matches!(state, Some(ReservationState::Paid { .. })),
    }
}

/// What is to be bought, by whom, which way.
pub(crate) struct Intent<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) choice: &'a Choice,
    pub(crate) kind: PurchaseKind,
    pub(crate) purchase: Purchase,
}

/// Finds the reservation that stands for `intent`, or makes one in the place of any other. Commits.
pub(crate) async fn reserve(
    app: &App,
    mut tx: Box<dyn Transaction>,
    account: &LockedAccount,
    intent: Intent<'_>,
    now: Timestamp,
) -> Result<Reservation, StoreError> {
    let standing = account.reservation.as_ref();
    if let Some(open) = standing.filter(|open| serves(open, &intent, now)) {
        return Ok(open.clone());
    }
    close_old(tx.as_mut(), account, now).await?;
    let reservation = new_reservation(app, &intent, now);
    tx.insert_reservation(account.id, &reservation, now).await?;
    if intent.choice.confirm_leave_complimentary {
        tx.leave_complimentary_on_purchase(account.id).await?;
    }
    let started = purchase_started(intent.caller, intent.choice);
    tx.audit(&started, now).await?;
    tx.commit().await?;
    Ok(reservation)
}

/// Whether `open` is what `intent` asks for.
fn serves(open: &Reservation, intent: &Intent<'_>, now: Timestamp) -> bool {
    open.kind == intent.kind
        && is_choice(open, intent.choice)
        && open.price == intent.purchase.price
        && now < open.expires_at.saturating_sub(LAST_MINUTES)
}

/// Whether `open` was made for `choice`.
pub(crate) fn is_choice(open: &Reservation, choice: &Choice) -> bool {
    open.plan == choice.plan && open.seats == choice.seats && open.interval == choice.interval
}

/// Closes the reservation that stands, and its page: paid as well, that would be a second purchase.
pub(crate) async fn close_old(
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

/// Whether the purchase of `open` is over with `next`: it went through, or can never be paid.
pub(crate) fn is_over(open: &Reservation, next: &Subscription) -> bool {
    let is_dead = match &open.state {
        ReservationState::Pending { subscription } => next
            .ended()
            .is_some_and(|ended| ended.bought.subscription == *subscription),
        ReservationState::Asking
        | ReservationState::Open { .. }
        | ReservationState::Paid { .. } => false,
    };
    next.is_running() || is_dead
}

fn new_reservation(app: &App, intent: &Intent<'_>, now: Timestamp) -> Reservation {
    let Intent {
        choice, purchase, ..
    } = intent;
    Reservation {
        id: ReservationId::from_uuid(app.entropy.uuid(now)),
        kind: intent.kind,
        plan: choice.plan.clone(),
        seats: choice.seats,
        interval: choice.interval,
        price: purchase.price.clone(),
        trial_end: purchase.trial_end,
        attempt: 1,
        expires_at: now.saturating_add(UNANSWERED_LIFE),
        state: ReservationState::Asking,
    }
}

pub(crate) fn purchase_started(caller: &Caller, choice: &Choice) -> AuditEntry {
    AuditEntry {
        actor: Some(caller.user),
        account: Some(caller.account),
        action: "purchase_started",
        detail: json!({ "plan": choice.plan, "seats": choice.seats, "interval": choice.interval }),
    }
}

/// The refusal, with the purchase that waits if there is one.
pub(crate) fn with_what_is_pending(
    refused: PurchaseRefused,
    account: &LockedAccount,
) -> PurchaseError {
    match pending(account) {
        Some(subscription) if refused == PurchaseRefused::PaymentPending => {
            PurchaseError::PaymentPending(subscription.clone())
        }
        Some(_) | None => PurchaseError::Refused(refused),
    }
}

fn pending(account: &LockedAccount) -> Option<&SubscriptionId> {
    let subscription = account.standing.subscription.as_ref()?;
    Some(&subscription.bought()?.subscription)
}

/// Gives up `subscription`, a purchase in the product that waits for its first payment, in favour of
/// another choice; false where no such purchase waits. Whatever has taken its place meanwhile, or that it
/// was paid, is for the next look to find.
pub(crate) async fn give_up_pending(
    app: &App,
    account: AccountId,
    subscription: &SubscriptionId,
) -> Result<bool, PurchaseError> {
    let mut tx = app.store.begin().await?;
    let locked = tx.lock_account(account).await?;
    drop(tx);
    let Some((seen, reservation)) = locked.and_then(|locked| {
        let waits = |open: &Reservation| open.kind == PurchaseKind::Embedded;
        Some((locked.version, locked.reservation.filter(waits)?))
    }) else {
        return Ok(false);
    };
    match &reservation.state {
        ReservationState::Pending {
            subscription: waits,
        } if waits == subscription => {}
        // Another tab was faster, perhaps with the same choice.
        ReservationState::Asking | ReservationState::Pending { .. } => return Ok(true),
        ReservationState::Open { .. } | ReservationState::Paid { .. } => return Ok(false),
    }
    let read = app.payments.give_up_subscription(subscription).await?;
    let Some((customer, described)) = read else {
        return Ok(false);
    };
    let answer = Answer {
        seen,
        customer,
        described,
    };
    match apply_read(app, account, answer).await {
        // What is newer is what the next look finds.
        Ok(()) | Err(NotApplied::Overtaken) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// The provider's customer of the account, made if it has none; never looked for by address.
pub(crate) async fn customer_of(
    app: &App,
    caller: &Caller,
    account: &LockedAccount,
    reservation: &Reservation,
) -> Result<Customer, PurchaseError> {
    if let Some(customer) = &account.customer {
        return Ok(customer.clone());
    }
    let (email, ..) = app
        .store
        .mailbox(caller.user)
        .await?
        .ok_or(PurchaseError::AccountGone)?;
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

/// Under the same keys the provider would only repeat itself: the next attempt starts afresh.
pub(crate) async fn close_unanswered(
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

/// Whether `asked` is the reservation that stands, and no other tab has got an answer for it meanwhile.
pub(crate) fn is_still_asking(standing: Option<&Reservation>, asked: ReservationId) -> bool {
    standing
        .is_some_and(|standing| standing.id == asked && standing.state == ReservationState::Asking)
}

#[cfg(test)]
mod tests {
    use tollgate_billing::{Interval, PriceId};
    use tollgate_identity::Role;
    use tollgate_primitives::{PlanKey, SessionId, UserId};
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
        let asked = |choice: &Choice, kind, price: &str, now| {
            let intent = Intent {
                caller: &caller(),
                choice,
                kind,
                purchase: offered(price),
            };
            serves(&open, &intent, now)
        };
        let hosted = PurchaseKind::Hosted;
        assert!(asked(&choice, hosted, "price_pro", just_before));
        assert!(!asked(&choice, hosted, "price_pro", last));
        assert!(!asked(&choice, hosted, "price_pro_2", just_before));
        let embedded = PurchaseKind::Embedded;
        assert!(!asked(&choice, embedded, "price_pro", just_before));
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
                !asked(&other, hosted, "price_pro", just_before),
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

    fn caller() -> Caller {
        Caller {
            user: UserId::from_uuid(Uuid::nil()),
            session: SessionId::from_uuid(Uuid::nil()),
            account: AccountId::from_uuid(Uuid::nil()),
            role: Role::Owner,
            is_super_admin: false,
            email_verified_at: None,
            user_created_at: Timestamp::MIN,
        }
    }

    fn asking(id: ReservationId) -> Reservation {
        Reservation {
            id,
            kind: PurchaseKind::Hosted,
            plan: PlanKey::parse("pro").unwrap(),
            seats: 3,
            interval: Interval::Monthly,
            price: PriceId::new("price_pro"),
            trial_end: None,
            attempt: 1,
            expires_at: Timestamp::MIN.saturating_add(UNANSWERED_LIFE),
            state: ReservationState::Asking,
        }
    }
}
