use sea_orm::entity::prelude::*;
use tollgate_billing::{Interval, PriceId, SubscriptionId};
use tollgate_primitives::{AccountId, ReservationId, Timestamp};
use tollgate_use_cases::ports::{
    CheckoutSessionId, PurchaseKind, Reservation, ReservationState, StoreError,
};

use crate::columns::Table;

#[sea_orm::model]
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "purchase_reservations")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account_id: Uuid,
    pub kind: String,
    pub plan: String,
    pub seats: i64,
    pub billing_interval: String,
    pub stripe_price_id: String,
    pub trial_end: Option<DateTimeUtc>,
    pub attempt: i64,
    pub expires_at: DateTimeUtc,
    pub stripe_checkout_session_id: Option<String>,
    pub checkout_url: Option<String>,
    pub stripe_subscription_id: Option<String>,
    pub completed_at: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
    pub closed_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}

const TABLE: Table = Table("purchase_reservations");

const HOSTED: &str = "hosted";
const EMBEDDED: &str = "embedded";

pub(crate) fn from_row(row: Model) -> Result<Reservation, StoreError> {
    Ok(Reservation {
        id: ReservationId::from_uuid(row.id),
        kind: match row.kind.as_str() {
            HOSTED => PurchaseKind::Hosted,
            EMBEDDED => PurchaseKind::Embedded,
            other => return Err(TABLE.corrupt("kind", format_args!("is {other}"))),
        },
        plan: TABLE.parse("plan", row.plan)?,
        seats: TABLE.parse("seats", row.seats)?,
        interval: Interval::parse(&row.billing_interval)
            .map_err(|error| TABLE.corrupt("billing_interval", error))?,
        price: PriceId::from(row.stripe_price_id),
        trial_end: TABLE.timestamp("trial_end", row.trial_end)?,
        attempt: TABLE.parse("attempt", row.attempt)?,
        expires_at: TABLE.parse("expires_at", row.expires_at)?,
        state: match (row.stripe_checkout_session_id, row.stripe_subscription_id) {
            (None, None) => ReservationState::Asking,
            (Some(session), _) if row.completed_at.is_some() => ReservationState::Paid {
                session: CheckoutSessionId(session),
            },
            (Some(session), _) => ReservationState::Open {
                session: CheckoutSessionId(session),
                url: TABLE.present("checkout_url", row.checkout_url)?,
            },
            (None, Some(subscription)) => ReservationState::Pending {
                subscription: SubscriptionId::from(subscription),
            },
        },
    })
}

pub(crate) fn to_row(account: AccountId, reservation: &Reservation, now: Timestamp) -> Model {
    let row = Model {
        id: reservation.id.as_uuid(),
        account_id: account.as_uuid(),
        kind: match reservation.kind {
            PurchaseKind::Hosted => HOSTED,
            PurchaseKind::Embedded => EMBEDDED,
        }
        .to_owned(),
        plan: reservation.plan.as_str().to_owned(),
        seats: reservation.seats.into(),
        billing_interval: reservation.interval.as_str().to_owned(),
        stripe_price_id: reservation.price.as_str().to_owned(),
        trial_end: reservation.trial_end.map(Timestamp::as_datetime),
        attempt: reservation.attempt.into(),
        expires_at: reservation.expires_at.as_datetime(),
        stripe_checkout_session_id: None,
        checkout_url: None,
        stripe_subscription_id: None,
        completed_at: None,
        created_at: now.as_datetime(),
        closed_at: None,
    };
    match &reservation.state {
        ReservationState::Asking => row,
        ReservationState::Open { session, url } => Model {
            stripe_checkout_session_id: Some(session.0.clone()),
            checkout_url: Some(url.clone()),
            ..row
        },
        // Only what happens to a page that was noted before.
        ReservationState::Paid { session } => Model {
            stripe_checkout_session_id: Some(session.0.clone()),
            completed_at: Some(now.as_datetime()),
            ..row
        },
        ReservationState::Pending { subscription } => Model {
            stripe_subscription_id: Some(subscription.as_str().to_owned()),
            ..row
        },
    }
}
