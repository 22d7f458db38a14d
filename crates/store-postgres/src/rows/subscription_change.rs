use sea_orm::entity::prelude::*;
use tollgate_billing::{
    Interval, PriceId, SubscriptionId,
    change::{Change, Terms},
};
use tollgate_primitives::{AccountId, ChangeId, Timestamp, UserId};
use tollgate_use_cases::ports::{StoreError, SubscriptionChange};

use crate::columns::Table;

#[sea_orm::model]
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "subscription_changes")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account_id: Uuid,
    pub stripe_subscription_id: String,
    pub kind: String,
    pub plan: Option<String>,
    pub billing_interval: Option<String>,
    pub stripe_price_id: Option<String>,
    pub seats: Option<i64>,
    pub proration_date: Option<DateTimeUtc>,
    pub requested_by: Uuid,
    pub requested_at: DateTimeUtc,
    pub closed_at: Option<DateTimeUtc>,
    pub is_done: Option<bool>,
}

impl ActiveModelBehavior for ActiveModel {}

const TABLE: Table = Table("subscription_changes");

pub(crate) fn from_row(row: Model) -> Result<SubscriptionChange, StoreError> {
    Ok(SubscriptionChange {
        id: ChangeId::from_uuid(row.id),
        subscription: SubscriptionId::new(&row.stripe_subscription_id),
        requested_by: UserId::from_uuid(row.requested_by),
        requested_at: TABLE.parse("requested_at", row.requested_at)?,
        change: match row.kind.as_str() {
            "cancel" => Change::Cancel,
            "keep" => Change::Keep,
            "move" => Change::Move(terms(row)?),
            other => return Err(TABLE.corrupt("kind", format_args!("is {other}"))),
        },
    })
}

fn terms(row: Model) -> Result<Terms, StoreError> {
    let interval = TABLE.present("billing_interval", row.billing_interval)?;
    Ok(Terms {
        plan: TABLE.parse("plan", TABLE.present("plan", row.plan)?)?,
        interval: Interval::parse(&interval)
            .map_err(|error| TABLE.corrupt("billing_interval", error))?,
        price: PriceId::from(TABLE.present("stripe_price_id", row.stripe_price_id)?),
        seats: TABLE.parse("seats", TABLE.present("seats", row.seats)?)?,
        proration_date: TABLE.timestamp("proration_date", row.proration_date)?,
    })
}

pub(crate) fn to_row(account: AccountId, change: &SubscriptionChange) -> Model {
    let (kind, terms) = match &change.change {
        Change::Cancel => ("cancel", None),
        Change::Keep => ("keep", None),
        Change::Move(terms) => ("move", Some(terms)),
    };
    Model {
        id: change.id.as_uuid(),
        account_id: account.as_uuid(),
        stripe_subscription_id: change.subscription.as_str().to_owned(),
        kind: kind.to_owned(),
        plan: terms.map(|terms| terms.plan.as_str().to_owned()),
        billing_interval: terms.map(|terms| terms.interval.as_str().to_owned()),
        stripe_price_id: terms.map(|terms| terms.price.as_str().to_owned()),
        seats: terms.map(|terms| terms.seats.into()),
        proration_date: terms.and_then(|terms| terms.proration_date.map(Timestamp::as_datetime)),
        requested_by: change.requested_by.as_uuid(),
        requested_at: change.requested_at.as_datetime(),
        closed_at: None,
        is_done: None,
    }
}
