//! What is read on every request: who is calling, and what the caller's account may do depends on.
//! One statement each, by primary keys and partial unique indexes alone; `tests/store/plans.rs` holds that.

use std::sync::Arc;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, QueryResult, Value,
    sqlx::{self, Row},
};
use tollgate_billing::{Grant, Standing};
use tollgate_entitlements::{FeatureKey, FeatureOverride, LimitKey, LimitOverride, Overrides};
use tollgate_primitives::{AccountId, SessionId, Timestamp, UserId};
use tollgate_use_cases::ports::{AccountFacts, Caller, StoreError};
use uuid::Uuid;

use crate::{
    columns::{Columns, Table, all_failed, one, statement},
    kept::{self, Keeper, Kept, revision_column},
    members::{live_invites, role},
    rows::user,
    subscriptions,
    together::Together,
};

const MEMBERSHIPS: Table = Table("memberships");
const GRANTS: Table = Table("complimentary_grants");
const FEATURE_OVERRIDES: Table = Table("account_feature_overrides");
const LIMIT_OVERRIDES: Table = Table("account_limit_overrides");

/// The columns of [`caller_from_row`]. `$1` is the session, `$2` the account.
macro_rules! caller_columns {
    () => {
        "u.id, m.role, u.is_super_admin, u.email_verified_at, u.created_at"
    };
}

macro_rules! caller_source {
    () => {
        " FROM auth_sessions a \
         JOIN users u ON u.id = a.user_id \
         JOIN memberships m ON m.account_id = $2 AND m.user_id = a.user_id"
    };
}

macro_rules! caller_lives {
    () => {
        " WHERE a.id = $1 AND a.revoked_at IS NULL"
    };
}

/// The columns of [`standing_from_row`], of the subscription `s` and the open grant `g`.
macro_rules! standing_columns {
    () => {
        concat!(
            $crate::subscriptions::state_columns!(),
            ", g.plan, g.granted_by, g.ends_at"
        )
    };
}

/// Joins them, given the parameter that names the account.
macro_rules! standing_source {
    ($account:literal) => {
        concat!(
            " LEFT JOIN subscriptions s ON s.account_id = ",
            $account,
            $crate::facts::grant_source!($account)
        )
    };
}

macro_rules! grant_source {
    ($account:literal) => {
        concat!(
            " LEFT JOIN complimentary_grants g ON g.account_id = ",
            $account,
            " AND g.ended_at IS NULL"
        )
    };
}

pub(crate) use {grant_source, standing_columns, standing_source};

const CALLER: &str = concat!(
    "SELECT ",
    caller_columns!(),
    caller_source!(),
    caller_lives!()
);

/// All there is to know of accounts that are not excepted; the rest is in the catalog. `$1` the sessions,
/// `$2` their accounts, answered with the number of each that was found. Each is found by its key,
/// however few rows a table has.
const PLAIN: &str = concat!(
    "SELECT ",
    revision_column!(),
    ", ",
    caller_columns!(),
    ", u.pending_kept_banner, ",
    subscriptions::state_columns!(),
    ", t.n \
     FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS t (session, account, n) \
     CROSS JOIN LATERAL (\
         SELECT x.user_id FROM auth_sessions x \
         WHERE x.id = t.session AND x.revoked_at IS NULL LIMIT 1) a \
     CROSS JOIN LATERAL (SELECT x.* FROM users x WHERE x.id = a.user_id LIMIT 1) u \
     CROSS JOIN LATERAL (\
         SELECT x.role FROM memberships x \
         WHERE x.account_id = t.account AND x.user_id = a.user_id LIMIT 1) m \
     LEFT JOIN LATERAL (\
         SELECT x.* FROM subscriptions x WHERE x.account_id = t.account LIMIT 1) s ON true"
);

/// What [`PLAIN`] tells, of one, with the grant, the exceptions, and the seats taken at `$3` unless that is null.
const WHOLE: &str = concat!(
    "SELECT ",
    revision_column!(),
    ", ",
    caller_columns!(),
    ", u.pending_kept_banner, ",
    standing_columns!(),
    ", (SELECT json_agg(json_build_array(o.feature, o.enabled, o.expires_at)) \
       FROM account_feature_overrides o WHERE o.account_id = $2)::text, \
     (SELECT json_agg(json_build_array(o.limit_key, o.value, o.expires_at)) \
       FROM account_limit_overrides o WHERE o.account_id = $2)::text, \
     CASE WHEN $3::timestamptz IS NULL THEN 0 \
       ELSE (SELECT count(*) FROM memberships c WHERE c.account_id = $2) + ",
    live_invites!("$2", "$3"),
    " END",
    caller_source!(),
    standing_source!("$2"),
    caller_lives!()
);

pub(crate) async fn caller(
    connection: &impl ConnectionTrait,
    session: SessionId,
    account: AccountId,
) -> Result<Option<Caller>, StoreError> {
    let asked = statement(CALLER, keys(session, account));
    let row = one(connection, "find the caller", asked).await?;
    row.map(|row| caller_from_row(&mut Columns::new(&row), session, account))
        .transpose()
}

/// Whose facts are asked for.
pub(crate) type Whose = (SessionId, AccountId);

/// The row of [`PLAIN`] of each, in their order.
pub(crate) async fn plain(
    database: DatabaseConnection,
    whose: Vec<Whose>,
) -> Vec<Result<Option<QueryResult>, StoreError>> {
    let column = |of: fn(&Whose) -> Uuid| whose.iter().map(of).collect::<Vec<_>>();
    let found = sqlx::query(PLAIN)
        .bind(column(|(session, _)| session.as_uuid()))
        .bind(column(|(_, account)| account.as_uuid()))
        .fetch_all(database.get_postgres_connection_pool());
    let placed = found.await.and_then(|rows| {
        let mut placed: Vec<_> = whose.iter().map(|_| None).collect();
        for row in rows {
            let number: i64 = row.try_get("n")?;
            let place = usize::try_from(number - 1)
                .ok()
                .and_then(|n| placed.get_mut(n));
            *place.ok_or(sqlx::Error::RowNotFound)? = Some(QueryResult::from(row));
        }
        Ok(placed)
    });
    match placed {
        Ok(placed) => placed.into_iter().map(Ok).collect(),
        Err(error) => all_failed(STEP, error, whose.len()),
    }
}

const STEP: &str = "find the account's facts";

/// One round trip, unless the catalog has changed since the last question; shared by those who ask at
/// once, each of whom is told what held after it asked.
pub(crate) async fn account(
    connection: &impl ConnectionTrait,
    keeper: &Keeper,
    plain: &Together<Whose, Result<Option<QueryResult>, StoreError>>,
    (session, account): Whose,
    count_seats: Option<Timestamp>,
) -> Result<Option<AccountFacts>, StoreError> {
    let newest = keeper.newest().filter(|kept| !kept.excepts(account));
    if let Some(kept) = newest.filter(|_| count_seats.is_none()) {
        let Some(row) = plain.ask((session, account)).await?? else {
            return Ok(None);
        };
        let columns = &mut Columns::new(&row);
        if kept::revision(columns)? == kept.revision {
            return plain_from_row(columns, (session, account), &kept).map(Some);
        }
    }
    let values = keys(session, account)
        .into_iter()
        .chain([count_seats.map(Timestamp::as_datetime).into()]);
    let Some(row) = one(connection, STEP, statement(WHOLE, values)).await? else {
        return Ok(None);
    };
    let columns = &mut Columns::new(&row);
    let revision = kept::revision(columns)?;
    let kept = keeper.as_of(revision, kept::read(connection)).await?;
    whole_from_row(columns, (session, account), &kept).map(Some)
}

fn keys(session: SessionId, account: AccountId) -> [Value; 2] {
    [session.as_uuid().into(), account.as_uuid().into()]
}

fn caller_from_row(
    columns: &mut Columns<'_>,
    session: SessionId,
    account: AccountId,
) -> Result<Caller, StoreError> {
    Ok(Caller {
        user: UserId::from_uuid(columns.take(user::TABLE, "id")?),
        session,
        account,
        role: role(columns)?,
        is_super_admin: columns.take(user::TABLE, "is_super_admin")?,
        email_verified_at: columns.optional_timestamp(user::TABLE, "email_verified_at")?,
        user_created_at: columns.timestamp(user::TABLE, "created_at")?,
    })
}

pub(crate) fn standing_from_row(columns: &mut Columns<'_>) -> Result<Standing, StoreError> {
    Ok(Standing {
        subscription: subscriptions::read(columns)?,
        grant: grant_from_row(columns)?,
    })
}

fn grant_from_row(columns: &mut Columns<'_>) -> Result<Option<Grant>, StoreError> {
    let plan: Option<String> = columns.take(GRANTS, "plan")?;
    let granted_by: Option<Uuid> = columns.take(GRANTS, "granted_by")?;
    let ends_at = columns.optional_timestamp(GRANTS, "ends_at")?;
    let Some(plan) = plan else {
        return Ok(None);
    };
    Ok(Some(Grant {
        plan: GRANTS.parse("plan", plan)?,
        granted_by: UserId::from_uuid(GRANTS.present("granted_by", granted_by)?),
        ends_at,
    }))
}

/// The facts of [`PLAIN`].
fn plain_from_row(
    columns: &mut Columns<'_>,
    (session, account): (SessionId, AccountId),
    kept: &Kept,
) -> Result<AccountFacts, StoreError> {
    Ok(AccountFacts {
        caller: caller_from_row(columns, session, account)?,
        pending_kept_banner: columns.take(user::TABLE, "pending_kept_banner")?,
        standing: Standing {
            subscription: subscriptions::read(columns)?,
            grant: None,
        },
        catalog: Arc::clone(&kept.catalog),
        overrides: Overrides::default(),
        seats_used: 0,
    })
}

/// The facts of [`WHOLE`].
fn whole_from_row(
    columns: &mut Columns<'_>,
    (session, account): (SessionId, AccountId),
    kept: &Kept,
) -> Result<AccountFacts, StoreError> {
    let plain = plain_from_row(columns, (session, account), kept)?;
    Ok(AccountFacts {
        standing: Standing {
            grant: grant_from_row(columns)?,
            ..plain.standing
        },
        overrides: overrides_from_row(columns)?,
        seats_used: columns.parse::<i64, _>(MEMBERSHIPS, "count")?,
        ..plain
    })
}

fn overrides_from_row(columns: &mut Columns<'_>) -> Result<Overrides, StoreError> {
    let features: Vec<(FeatureKey, bool, Option<Timestamp>)> =
        columns.json(FEATURE_OVERRIDES, "feature")?;
    let limits: Vec<(LimitKey, Option<u64>, Option<Timestamp>)> =
        columns.json(LIMIT_OVERRIDES, "limit_key")?;
    let feature = |(key, enabled, expires_at)| FeatureOverride {
        key,
        enabled,
        expires_at,
    };
    let limit = |(key, value, expires_at)| LimitOverride {
        key,
        value,
        expires_at,
    };
    Ok(Overrides::new(
        features.into_iter().map(feature).collect(),
        limits.into_iter().map(limit).collect(),
    ))
}
