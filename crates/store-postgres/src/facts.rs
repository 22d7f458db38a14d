//! What is read on every request: who is calling, and what the caller's account may do depends on.
//! One statement each, by primary keys and partial unique indexes alone; `tests/store/plans.rs` holds that.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, QueryResult, Value};
use serde::Deserialize;
use tollgate_billing::{Grant, Standing};
use tollgate_entitlements::{
    FeatureKey, FeatureOverride, LimitKey, LimitOverride, Overrides, Plan,
};
use tollgate_identity::Role;
use tollgate_primitives::{AccountId, Currency, PlanKey, SessionId, Timestamp, UserId};
use tollgate_use_cases::ports::{AccountFacts, Caller, PlanBilling, StoreError};
use uuid::Uuid;

use crate::{
    columns::{Columns, Table, one, statement},
    rows::user,
    subscriptions,
};

const MEMBERSHIPS: Table = Table("memberships");
const GRANTS: Table = Table("complimentary_grants");
const CATALOG: Table = Table("plan_limits");
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
            " LEFT JOIN complimentary_grants g ON g.account_id = ",
            $account,
            " AND g.ended_at IS NULL"
        )
    };
}

pub(crate) use {standing_columns, standing_source};

const CALLER: &str = concat!(
    "SELECT ",
    caller_columns!(),
    caller_source!(),
    caller_lives!()
);

/// Touches no catalog: what the account stands on is enough to let a caller pass.
const GATE: &str = concat!(
    "SELECT ",
    caller_columns!(),
    ", u.pending_kept_banner, ",
    standing_columns!(),
    caller_source!(),
    standing_source!("$2"),
    caller_lives!()
);

/// As [`GATE`], with what the catalog and the account's exceptions say of the feature `$3` and the
/// limit `$4`; either may be null.
const GATE_ASKED: &str = concat!(
    "SELECT ",
    caller_columns!(),
    ", u.pending_kept_banner, ",
    standing_columns!(),
    ", (SELECT json_agg(json_build_array(p.plan, \
         CASE WHEN p.limits ? $4 THEN jsonb_build_object($4::text, p.limits -> $4) ELSE '{}' END, \
         (SELECT coalesce(json_agg(json_build_array(f.key, d.enabled)), '[]') FROM feature_flags f \
            LEFT JOIN plan_feature_defaults d ON d.plan = p.plan AND d.feature = f.key \
            WHERE f.key = $3), \
         null)) \
       FROM plan_limits p WHERE p.plan IN ('free', s.plan, s.trial_plan, g.plan))::text, \
     (SELECT json_agg(json_build_array(o.feature, o.enabled, o.expires_at)) \
       FROM account_feature_overrides o WHERE o.account_id = $2 AND o.feature = $3)::text, \
     (SELECT json_agg(json_build_array(o.limit_key, o.value, o.expires_at)) \
       FROM account_limit_overrides o WHERE o.account_id = $2 AND o.limit_key = $4)::text, \
     CASE WHEN $4 IS NULL THEN 0 \
       ELSE (SELECT count(*) FROM memberships c WHERE c.account_id = $2) END",
    caller_source!(),
    standing_source!("$2"),
    caller_lives!()
);

/// As [`GATE`], with everything that the catalog and the account's exceptions say.
const ACCOUNT: &str = concat!(
    "SELECT ",
    caller_columns!(),
    ", u.pending_kept_banner, ",
    standing_columns!(),
    ", (SELECT json_agg(json_build_array(p.plan, p.limits, \
         (SELECT coalesce(json_agg(json_build_array(f.key, d.enabled)), '[]') FROM feature_flags f \
            LEFT JOIN plan_feature_defaults d ON d.plan = p.plan AND d.feature = f.key), \
         (SELECT to_json(b) FROM plan_billing b WHERE b.plan = p.plan))) \
       FROM plan_limits p WHERE p.plan IN ('free', s.plan, s.trial_plan, g.plan))::text, \
     (SELECT json_agg(json_build_array(o.feature, o.enabled, o.expires_at)) \
       FROM account_feature_overrides o WHERE o.account_id = $2)::text, \
     (SELECT json_agg(json_build_array(o.limit_key, o.value, o.expires_at)) \
       FROM account_limit_overrides o WHERE o.account_id = $2)::text, \
     (SELECT count(*) FROM memberships c WHERE c.account_id = $2)",
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

pub(crate) async fn account(
    connection: &impl ConnectionTrait,
    session: SessionId,
    account: AccountId,
) -> Result<Option<AccountFacts>, StoreError> {
    let asked = statement(ACCOUNT, keys(session, account));
    let row = one(connection, "find the account's facts", asked).await?;
    row.map(|row| whole_from_row(&row, session, account))
        .transpose()
}

pub(crate) async fn gate(
    connection: &impl ConnectionTrait,
    session: SessionId,
    account: AccountId,
    feature: Option<&FeatureKey>,
    limit: Option<&LimitKey>,
) -> Result<Option<AccountFacts>, StoreError> {
    const STEP: &str = "find the gate's facts";
    if feature.is_none() && limit.is_none() {
        let row = one(connection, STEP, statement(GATE, keys(session, account))).await?;
        return row
            .map(|row| bare_from_row(&mut Columns::new(&row), session, account))
            .transpose();
    }
    let asked: [Value; 2] = [
        feature.map(FeatureKey::as_str).into(),
        limit.map(LimitKey::as_str).into(),
    ];
    let values = keys(session, account).into_iter().chain(asked);
    let row = one(connection, STEP, statement(GATE_ASKED, values)).await?;
    row.map(|row| whole_from_row(&row, session, account))
        .transpose()
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

fn role(columns: &mut Columns<'_>) -> Result<Role, StoreError> {
    let role: String = columns.take(MEMBERSHIPS, "role")?;
    Role::parse(&role).map_err(|error| MEMBERSHIPS.corrupt("role", error))
}

pub(crate) fn standing_from_row(columns: &mut Columns<'_>) -> Result<Standing, StoreError> {
    let subscription = subscriptions::read(columns)?;
    let plan: Option<String> = columns.take(GRANTS, "plan")?;
    let granted_by: Option<Uuid> = columns.take(GRANTS, "granted_by")?;
    let ends_at = columns.optional_timestamp(GRANTS, "ends_at")?;
    let grant = match plan {
        None => None,
        Some(plan) => Some(Grant {
            plan: GRANTS.parse("plan", plan)?,
            granted_by: UserId::from_uuid(GRANTS.present("granted_by", granted_by)?),
            ends_at,
        }),
    };
    Ok(Standing {
        subscription,
        grant,
    })
}

/// The facts of [`GATE`]: of each plan no more than its key.
fn bare_from_row(
    columns: &mut Columns<'_>,
    session: SessionId,
    account: AccountId,
) -> Result<AccountFacts, StoreError> {
    let caller = caller_from_row(columns, session, account)?;
    let pending_kept_banner = columns.take(user::TABLE, "pending_kept_banner")?;
    let standing = standing_from_row(columns)?;
    let plans = plans_in(&standing)
        .into_iter()
        .map(|plan| Plan::new(plan, Vec::new(), Vec::new()))
        .collect();
    Ok(AccountFacts {
        caller,
        standing,
        plans,
        plan_billing: Vec::new(),
        overrides: Overrides::default(),
        seats_used: 0,
        pending_kept_banner,
    })
}

/// The plans that a standing can lead to.
fn plans_in(standing: &Standing) -> Vec<PlanKey> {
    let subscription = standing.subscription.as_ref();
    let mut plans = vec![PlanKey::free()];
    plans.extend(subscription.and_then(|s| Some(s.bought()?.plan.clone())));
    plans.extend(subscription.and_then(|s| Some(s.reverse()?.plan.clone())));
    plans.extend(standing.grant.as_ref().map(|grant| grant.plan.clone()));
    plans.sort_unstable();
    plans.dedup();
    plans
}

/// A plan, its limits, its features, and how it is sold where that was asked for.
type CatalogEntry = (
    PlanKey,
    BTreeMap<LimitKey, Option<u64>>,
    Vec<(FeatureKey, Option<bool>)>,
    Option<BillingEntry>,
);

#[derive(Debug, Deserialize)]
struct BillingEntry {
    display_name: String,
    description: Option<String>,
    monthly_price_cents: Option<i64>,
    annual_price_cents: Option<i64>,
    currency: Option<Currency>,
    sort_order: i32,
}

/// The facts of [`GATE_ASKED`] and [`ACCOUNT`].
fn whole_from_row(
    row: &QueryResult,
    session: SessionId,
    account: AccountId,
) -> Result<AccountFacts, StoreError> {
    let mut columns = Columns::new(row);
    let bare = bare_from_row(&mut columns, session, account)?;
    let entries: Vec<CatalogEntry> = columns.json(CATALOG, "limits")?;
    let mut plans = Vec::with_capacity(entries.len());
    let mut plan_billing = Vec::new();
    for (key, limits, features, billing) in entries {
        plan_billing.extend(billing.map(|billing| sold(key.clone(), billing)));
        plans.push(Plan::new(key, limits.into_iter().collect(), features));
    }
    Ok(AccountFacts {
        plans,
        plan_billing,
        overrides: overrides_from_row(&mut columns)?,
        seats_used: columns.parse::<i64, _>(MEMBERSHIPS, "count")?,
        ..bare
    })
}

fn sold(plan: PlanKey, entry: BillingEntry) -> PlanBilling {
    PlanBilling {
        plan,
        display_name: entry.display_name,
        description: entry.description,
        monthly_price_cents: entry.monthly_price_cents,
        annual_price_cents: entry.annual_price_cents,
        currency: entry.currency,
        sort_order: entry.sort_order,
    }
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
