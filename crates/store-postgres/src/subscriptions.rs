//! The row of a subscription: which columns each variant has, in both directions. The same is said
//! once more by a CHECK for each status, so that a row which is read here was allowed there.

use sea_orm::{ConnectionTrait, Value, prelude::DateTimeUtc};
use serde::Serialize;
use tollgate_billing::{
    Bought, Ended, Interval, Meanwhile, PastDue, PendingPayment, Period, PriceId,
    ScheduledCancellation, Stamp, Subscription, SubscriptionId, Trial, Trialing, Unpaid,
};
use tollgate_primitives::{AccountId, PlanKey, Timestamp};
use tollgate_use_cases::ports::StoreError;

use crate::columns::{Columns, Table, execute, statement};

pub(crate) const TABLE: Table = Table("subscriptions");

/// The state in the order of [`SubscriptionRow`], of a table called `s`.
macro_rules! state_columns {
    () => {
        "s.status, s.plan, s.billing_interval, s.seat_limit, s.stripe_subscription_id, \
         s.stripe_price_id, s.provider_stamp, s.current_period_start, s.current_period_end, \
         s.cancel_at, s.cancel_is_auto, s.trial_plan, s.trial_start, s.trial_end, s.since, \
         s.failed_attempt, s.ended_at"
    };
}

/// Inserts the state: `$1` the account, `$2` the moment, `$3` to `$19` the state.
macro_rules! insert {
    () => {
        "INSERT INTO subscriptions AS s (account_id, created_at, updated_at, status, plan, \
         billing_interval, seat_limit, stripe_subscription_id, stripe_price_id, provider_stamp, \
         current_period_start, current_period_end, cancel_at, cancel_is_auto, trial_plan, \
         trial_start, trial_end, since, failed_attempt, ended_at) \
         VALUES ($1, $2, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, \
         $18, $19)"
    };
}

/// Replaces the state, with the parameters of [`insert`].
macro_rules! replace {
    () => {
        "(updated_at, status, plan, billing_interval, seat_limit, stripe_subscription_id, \
         stripe_price_id, provider_stamp, current_period_start, current_period_end, cancel_at, \
         cancel_is_auto, trial_plan, trial_start, trial_end, since, failed_attempt, ended_at, \
         version) = ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, \
         $19, s.version + 1)"
    };
}

/// Replaces the state by a row's columns.
macro_rules! replace_by {
    ($at:literal, $row:literal) => {
        concat!(
            "(updated_at, status, plan, billing_interval, seat_limit, stripe_subscription_id, \
             stripe_price_id, provider_stamp, current_period_start, current_period_end, cancel_at, \
             cancel_is_auto, trial_plan, trial_start, trial_end, since, failed_attempt, ended_at, \
             version) = (", $at, ", ", $row, "status, ", $row, "plan, ", $row, "billing_interval, ",
            $row, "seat_limit, ", $row, "stripe_subscription_id, ", $row, "stripe_price_id, ",
            $row, "provider_stamp, ", $row, "current_period_start, ", $row, "current_period_end, ",
            $row, "cancel_at, ", $row, "cancel_is_auto, ", $row, "trial_plan, ", $row, "trial_start, ",
            $row, "trial_end, ", $row, "since, ", $row, "failed_attempt, ", $row, "ended_at, \
             s.version + 1)"
        )
    };
}

pub(crate) use {insert, replace, replace_by, state_columns};

const UPSERT: &str = concat!(
    insert!(),
    " ON CONFLICT (account_id) DO UPDATE SET ",
    replace!()
);

/// The state as it is stored: what a variant does not have is null.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(crate) struct SubscriptionRow {
    pub(crate) status: String,
    plan: Option<String>,
    billing_interval: Option<String>,
    seat_limit: Option<i64>,
    stripe_subscription_id: Option<String>,
    stripe_price_id: Option<String>,
    provider_stamp: Option<i64>,
    current_period_start: Option<DateTimeUtc>,
    current_period_end: Option<DateTimeUtc>,
    cancel_at: Option<DateTimeUtc>,
    cancel_is_auto: Option<bool>,
    trial_plan: Option<String>,
    trial_start: Option<DateTimeUtc>,
    trial_end: Option<DateTimeUtc>,
    since: Option<DateTimeUtc>,
    failed_attempt: Option<i64>,
    ended_at: Option<DateTimeUtc>,
}

impl SubscriptionRow {
    /// Reads the columns of [`state_columns`]; `None` where an outer join found no row.
    pub(crate) fn read(columns: &mut Columns<'_>) -> Result<Option<Self>, StoreError> {
        let status: Option<String> = columns.take(TABLE, "status")?;
        let row = Self {
            status: String::new(),
            plan: columns.take(TABLE, "plan")?,
            billing_interval: columns.take(TABLE, "billing_interval")?,
            seat_limit: columns.take(TABLE, "seat_limit")?,
            stripe_subscription_id: columns.take(TABLE, "stripe_subscription_id")?,
            stripe_price_id: columns.take(TABLE, "stripe_price_id")?,
            provider_stamp: columns.take(TABLE, "provider_stamp")?,
            current_period_start: columns.take(TABLE, "current_period_start")?,
            current_period_end: columns.take(TABLE, "current_period_end")?,
            cancel_at: columns.take(TABLE, "cancel_at")?,
            cancel_is_auto: columns.take(TABLE, "cancel_is_auto")?,
            trial_plan: columns.take(TABLE, "trial_plan")?,
            trial_start: columns.take(TABLE, "trial_start")?,
            trial_end: columns.take(TABLE, "trial_end")?,
            since: columns.take(TABLE, "since")?,
            failed_attempt: columns.take(TABLE, "failed_attempt")?,
            ended_at: columns.take(TABLE, "ended_at")?,
        };
        Ok(status.map(|status| Self { status, ..row }))
    }

    /// What `$3` to `$19` of [`insert`] stand for.
    pub(crate) fn into_values(self) -> [Value; 17] {
        [
            self.status.into(),
            self.plan.into(),
            self.billing_interval.into(),
            self.seat_limit.into(),
            self.stripe_subscription_id.into(),
            self.stripe_price_id.into(),
            self.provider_stamp.into(),
            self.current_period_start.into(),
            self.current_period_end.into(),
            self.cancel_at.into(),
            self.cancel_is_auto.into(),
            self.trial_plan.into(),
            self.trial_start.into(),
            self.trial_end.into(),
            self.since.into(),
            self.failed_attempt.into(),
            self.ended_at.into(),
        ]
    }
}

/// The subscription in the columns that come next; `None` where an outer join found no row.
pub(crate) fn read(columns: &mut Columns<'_>) -> Result<Option<Subscription>, StoreError> {
    SubscriptionRow::read(columns)?
        .as_ref()
        .map(from_row)
        .transpose()
}

pub(crate) async fn put(
    connection: &impl ConnectionTrait,
    account: AccountId,
    subscription: &Subscription,
    now: Timestamp,
) -> Result<(), StoreError> {
    let put = statement(UPSERT, values(account, subscription, now));
    execute(connection, "store the subscription", put).await?;
    Ok(())
}

/// What the parameters of [`insert`] and [`replace`] stand for.
pub(crate) fn values(
    account: AccountId,
    subscription: &Subscription,
    now: Timestamp,
) -> impl Iterator<Item = Value> {
    [account.as_uuid().into(), now.as_datetime().into()]
        .into_iter()
        .chain(to_row(subscription).into_values())
}

pub(crate) fn from_row(row: &SubscriptionRow) -> Result<Subscription, StoreError> {
    let bought = || TABLE.present("plan", bought_from_row(row)?);
    let since = || TABLE.present("since", TABLE.timestamp("since", row.since)?);
    let ended = || ended_from_row(row)?.ok_or_else(|| TABLE.corrupt("ended_at", "is null"));
    match row.status.as_str() {
        "free" => Ok(Subscription::Free {
            since: since()?,
            failed: ended_from_row(row)?,
        }),
        "trialing" => Ok(Subscription::Trialing(match trial_from_row(row)? {
            Some(trial) => Trialing::Reverse {
                trial,
                failed: ended_from_row(row)?,
            },
            None => Trialing::Purchased(bought()?),
        })),
        "pending_payment" => Ok(Subscription::PendingPayment(PendingPayment {
            bought: bought()?,
            meanwhile: meanwhile_from_row(row)?,
        })),
        "active" => Ok(Subscription::Active(bought()?)),
        "past_due" => Ok(Subscription::PastDue(PastDue {
            bought: bought()?,
            since: since()?,
            attempt: TABLE.parse(
                "failed_attempt",
                TABLE.present("failed_attempt", row.failed_attempt)?,
            )?,
        })),
        "unpaid" => Ok(Subscription::Unpaid(Unpaid {
            bought: bought()?,
            since: since()?,
        })),
        "paused" => Ok(Subscription::Paused(bought()?)),
        "canceled" => Ok(Subscription::Canceled(ended()?)),
        "expired" => Ok(Subscription::Expired(Ended {
            over_since: TABLE.timestamp("since", row.since)?,
            ..ended()?
        })),
        other => Err(TABLE.corrupt("status", format_args!("is {other}"))),
    }
}

fn bought_from_row(row: &SubscriptionRow) -> Result<Option<Bought>, StoreError> {
    let Some(plan) = &row.plan else {
        return Ok(None);
    };
    let text = |column, value: &Option<String>| TABLE.present(column, value.clone());
    let interval = text("billing_interval", &row.billing_interval)?;
    let subscription = text("stripe_subscription_id", &row.stripe_subscription_id)?;
    let seats = TABLE.present("seat_limit", row.seat_limit)?;
    let stamp = TABLE.present("provider_stamp", row.provider_stamp)?;
    Ok(Some(Bought {
        subscription: SubscriptionId::from(subscription),
        stamp: Stamp::from_unix_seconds(stamp),
        plan: TABLE.parse("plan", plan.clone())?,
        interval: Interval::parse(&interval)
            .map_err(|error| TABLE.corrupt("billing_interval", error))?,
        price: PriceId::from(text("stripe_price_id", &row.stripe_price_id)?),
        seats: TABLE.parse("seat_limit", seats)?,
        period: period(
            "current_period_end",
            row.current_period_start,
            row.current_period_end,
        )?,
        cancellation: cancellation_from_row(row)?,
    }))
}

fn cancellation_from_row(
    row: &SubscriptionRow,
) -> Result<Option<ScheduledCancellation>, StoreError> {
    let Some(at) = TABLE.timestamp("cancel_at", row.cancel_at)? else {
        return Ok(None);
    };
    let is_auto = TABLE.present("cancel_is_auto", row.cancel_is_auto)?;
    Ok(Some(ScheduledCancellation { at, is_auto }))
}

fn trial_from_row(row: &SubscriptionRow) -> Result<Option<Trial>, StoreError> {
    let Some(plan) = &row.trial_plan else {
        return Ok(None);
    };
    Ok(Some(Trial {
        plan: TABLE.parse("trial_plan", plan.clone())?,
        period: period("trial_end", row.trial_start, row.trial_end)?,
    }))
}

fn meanwhile_from_row(row: &SubscriptionRow) -> Result<Meanwhile, StoreError> {
    if let Some(since) = TABLE.timestamp("since", row.since)? {
        return Ok(Meanwhile::Free { since });
    }
    if let Some(since) = TABLE.timestamp("ended_at", row.ended_at)? {
        return Ok(Meanwhile::Over { since });
    }
    Ok(trial_from_row(row)?.map_or(Meanwhile::Nothing, Meanwhile::Trial))
}

fn ended_from_row(row: &SubscriptionRow) -> Result<Option<Ended>, StoreError> {
    let Some(ended_at) = TABLE.timestamp("ended_at", row.ended_at)? else {
        return Ok(None);
    };
    let bought = TABLE.present("plan", bought_from_row(row)?)?;
    Ok(Some(Ended {
        bought,
        ended_at,
        over_since: None,
    }))
}

/// `column` is the one that is told when the two do not make a period.
fn period(
    column: &'static str,
    start: Option<DateTimeUtc>,
    end: Option<DateTimeUtc>,
) -> Result<Period, StoreError> {
    let start = TABLE.present(column, TABLE.timestamp(column, start)?)?;
    let end = TABLE.present(column, TABLE.timestamp(column, end)?)?;
    Period::new(start, end).map_err(|error| TABLE.corrupt(column, error))
}

pub(crate) fn to_row(subscription: &Subscription) -> SubscriptionRow {
    let row = SubscriptionRow {
        status: status(subscription).to_owned(),
        ..subscription.bought().map(bought_to_row).unwrap_or_default()
    };
    let at = |instant: Timestamp| Some(instant.as_datetime());
    match subscription {
        Subscription::Free { since, failed } => SubscriptionRow {
            since: at(*since),
            ended_at: failed.as_ref().map(|failed| failed.ended_at.as_datetime()),
            ..row
        },
        Subscription::Trialing(Trialing::Reverse { trial, failed }) => SubscriptionRow {
            ended_at: failed.as_ref().map(|failed| failed.ended_at.as_datetime()),
            ..with_trial(row, trial)
        },
        Subscription::PendingPayment(pending) => match &pending.meanwhile {
            Meanwhile::Nothing => row,
            Meanwhile::Trial(trial) => with_trial(row, trial),
            Meanwhile::Free { since } => SubscriptionRow {
                since: at(*since),
                ..row
            },
            // Of what ran before; this one has no end yet.
            Meanwhile::Over { since } => SubscriptionRow {
                ended_at: at(*since),
                ..row
            },
        },
        Subscription::PastDue(debt) => SubscriptionRow {
            since: at(debt.since),
            failed_attempt: Some(debt.attempt.into()),
            ..row
        },
        Subscription::Unpaid(debt) => SubscriptionRow {
            since: at(debt.since),
            ..row
        },
        Subscription::Canceled(ended) => SubscriptionRow {
            ended_at: at(ended.ended_at),
            ..row
        },
        Subscription::Expired(ended) => SubscriptionRow {
            since: ended.over_since.and_then(at),
            ended_at: at(ended.ended_at),
            ..row
        },
        Subscription::Trialing(Trialing::Purchased(_))
        | Subscription::Active(_)
        | Subscription::Paused(_) => row,
    }
}

const fn status(subscription: &Subscription) -> &'static str {
    match subscription {
        Subscription::Free { .. } => "free",
        Subscription::Trialing(_) => "trialing",
        Subscription::PendingPayment(_) => "pending_payment",
        Subscription::Active(_) => "active",
        Subscription::PastDue(_) => "past_due",
        Subscription::Unpaid(_) => "unpaid",
        Subscription::Paused(_) => "paused",
        Subscription::Canceled(_) => "canceled",
        Subscription::Expired(_) => "expired",
    }
}

fn bought_to_row(bought: &Bought) -> SubscriptionRow {
    SubscriptionRow {
        plan: Some(plan(&bought.plan)),
        billing_interval: Some(bought.interval.as_str().to_owned()),
        seat_limit: Some(bought.seats.into()),
        stripe_subscription_id: Some(bought.subscription.as_str().to_owned()),
        stripe_price_id: Some(bought.price.as_str().to_owned()),
        provider_stamp: Some(bought.stamp.unix_seconds()),
        current_period_start: Some(bought.period.start().as_datetime()),
        current_period_end: Some(bought.period.end().as_datetime()),
        cancel_at: bought
            .cancellation
            .map(|scheduled| scheduled.at.as_datetime()),
        cancel_is_auto: bought.cancellation.map(|scheduled| scheduled.is_auto),
        ..SubscriptionRow::default()
    }
}

fn with_trial(row: SubscriptionRow, trial: &Trial) -> SubscriptionRow {
    SubscriptionRow {
        trial_plan: Some(plan(&trial.plan)),
        trial_start: Some(trial.period.start().as_datetime()),
        trial_end: Some(trial.period.end().as_datetime()),
        ..row
    }
}

fn plan(key: &PlanKey) -> String {
    key.as_str().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::{option, prelude::*};

    use super::*;

    fn instants() -> impl Strategy<Value = Timestamp> {
        (0..7_000_000_000_000_000_i64)
            .prop_map(|micros| DateTimeUtc::from_timestamp_micros(micros).unwrap())
            .prop_map(|at| Timestamp::from_datetime(at).unwrap())
    }

    fn periods() -> impl Strategy<Value = Period> {
        (instants(), instants()).prop_map(|(a, b)| Period::new(a.min(b), a.max(b)).unwrap())
    }

    fn trials() -> impl Strategy<Value = Trial> {
        (plans(), periods()).prop_map(|(plan, period)| Trial { plan, period })
    }

    fn meanwhiles() -> impl Strategy<Value = Meanwhile> {
        prop_oneof![
            Just(Meanwhile::Nothing),
            trials().prop_map(Meanwhile::Trial),
            instants().prop_map(|since| Meanwhile::Free { since }),
            instants().prop_map(|since| Meanwhile::Over { since }),
        ]
    }

    fn plans() -> impl Strategy<Value = PlanKey> {
        "[a-z][a-z0-9_-]{0,39}".prop_map(|key| PlanKey::parse(&key).unwrap())
    }

    fn cancellations() -> impl Strategy<Value = ScheduledCancellation> {
        (instants(), any::<bool>()).prop_map(|(at, is_auto)| ScheduledCancellation { at, is_auto })
    }

    fn purchases() -> impl Strategy<Value = Bought> {
        let ids = ("[ -~]{1,40}", "[ -~]{1,40}");
        let interval = prop_oneof![Just(Interval::Monthly), Just(Interval::Annual)];
        let rest = (any::<u32>(), periods(), option::of(cancellations()));
        (ids, any::<i64>(), plans(), interval, rest).prop_map(
            |((subscription, price), stamp, plan, interval, (seats, period, cancellation))| {
                Bought {
                    subscription: SubscriptionId::from(subscription),
                    stamp: Stamp::from_unix_seconds(stamp),
                    plan,
                    interval,
                    price: PriceId::from(price),
                    seats,
                    period,
                    cancellation,
                }
            },
        )
    }

    fn ends() -> impl Strategy<Value = Ended> {
        (purchases(), instants()).prop_map(|(bought, ended_at)| Ended {
            bought,
            ended_at,
            over_since: None,
        })
    }

    fn subscriptions() -> impl Strategy<Value = Subscription> {
        prop_oneof![
            (instants(), option::of(ends()))
                .prop_map(|(since, failed)| Subscription::Free { since, failed }),
            (trials(), option::of(ends())).prop_map(|(trial, failed)| {
                Subscription::Trialing(Trialing::Reverse { trial, failed })
            }),
            purchases().prop_map(|bought| Subscription::Trialing(Trialing::Purchased(bought))),
            (purchases(), meanwhiles()).prop_map(|(bought, meanwhile)| {
                Subscription::PendingPayment(PendingPayment { bought, meanwhile })
            }),
            purchases().prop_map(Subscription::Active),
            (purchases(), instants(), any::<u32>()).prop_map(|(bought, since, attempt)| {
                Subscription::PastDue(PastDue {
                    bought,
                    since,
                    attempt,
                })
            }),
            (purchases(), instants())
                .prop_map(|(bought, since)| Subscription::Unpaid(Unpaid { bought, since })),
            purchases().prop_map(Subscription::Paused),
            ends().prop_map(Subscription::Canceled),
            (ends(), option::of(instants())).prop_map(|(ended, over_since)| {
                Subscription::Expired(Ended {
                    over_since,
                    ..ended
                })
            }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_is_read(subscription in subscriptions()) {
            let row = to_row(&subscription);
            prop_assert_eq!(from_row(&row).unwrap(), subscription);
        }
    }

    #[test]
    fn a_row_that_no_variant_has_names_its_column() {
        let row = |status: &str| SubscriptionRow {
            status: status.to_owned(),
            ..SubscriptionRow::default()
        };
        for (status, column) in [
            ("free", "since"),
            ("active", "plan"),
            ("canceled", "ended_at"),
            ("frozen", "status"),
        ] {
            let StoreError::Corrupt {
                table,
                column: told,
                ..
            } = from_row(&row(status)).unwrap_err()
            else {
                panic!("{status} is read as unavailable");
            };
            assert_eq!((table, told), ("subscriptions", column), "{status}");
        }
    }
}
