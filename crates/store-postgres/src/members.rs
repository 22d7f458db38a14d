//! Who belongs to an account, and the lock under which that changes.

use sea_orm::{ConnectionTrait, EntityTrait, IntoActiveModel, QueryResult, Value};
use tollgate_entitlements::{LimitKey, LimitOverride, Overrides, Plan};
use tollgate_identity::Role;
use tollgate_primitives::{AccountId, PlanKey, SessionId, Timestamp, UserId};
use tollgate_use_cases::ports::{
    AccountProfile, AccountRow, LockedTeam, Member, NewRefreshToken, NewSession, PAGE, Page,
    StoreError, TeamLetter,
};
use uuid::Uuid;

use crate::{
    columns::{Columns, Table, all, execute, one, statement, unavailable},
    facts::{standing_columns, standing_from_row, standing_source},
    people,
    rows::{refresh_token, user},
};

const MEMBERSHIPS: Table = Table("memberships");
const ACCOUNTS: Table = Table("accounts");
const SESSIONS: Table = Table("auth_sessions");

/// How many invitations of an account live at a moment.
macro_rules! live_invites {
    ($account:literal, $now:literal) => {
        concat!(
            "(SELECT count(*) FROM account_invites i WHERE i.account_id = ",
            $account,
            " AND i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.expires_at > ",
            $now,
            ")"
        )
    };
}

pub(crate) use live_invites;

/// Waits for whoever decides about this account; keys that point at it are not held up.
const LOCK: &str =
    "SELECT name, suspended_at IS NOT NULL FROM accounts WHERE id = $1 FOR NO KEY UPDATE";

/// A statement of its own: one that had waited for the lock would see the rest as it was before.
const TEAM: &str = concat!(
    "SELECT (SELECT m.role FROM memberships m WHERE m.account_id = $1 AND m.user_id = $2), \
       (SELECT count(*) FROM memberships m WHERE m.account_id = $1), \
       (SELECT count(*) FROM memberships m WHERE m.account_id = $1 AND m.role = 'owner'), ",
    live_invites!("$1", "$3"),
    ", (SELECT json_agg(json_build_array(p.plan, p.limits->'max_users')) \
         FROM plan_limits p WHERE jsonb_exists(p.limits, 'max_users'))::text, \
       (SELECT json_agg(json_build_array(o.limit_key, o.value, o.expires_at)) \
         FROM account_limit_overrides o WHERE o.account_id = $1)::text, ",
    standing_columns!(),
    " FROM (SELECT) nothing",
    standing_source!("$1")
);

pub(crate) async fn lock(
    connection: &impl ConnectionTrait,
    account: AccountId,
    user: UserId,
    now: Timestamp,
) -> Result<Option<LockedTeam>, StoreError> {
    let lock = statement(LOCK, [account.as_uuid().into()]);
    let Some(locked) = one(connection, "lock the account", lock).await? else {
        return Ok(None);
    };
    let columns = &mut Columns::new(&locked);
    let name = columns.take(ACCOUNTS, "name")?;
    let is_suspended = columns.take(ACCOUNTS, "suspended_at")?;
    let values = keys(account, user)
        .into_iter()
        .chain([now.as_datetime().into()]);
    let row = one(connection, "read the team", statement(TEAM, values))
        .await?
        .ok_or_else(|| ACCOUNTS.corrupt("id", "the account is locked and gone"))?;
    let columns = &mut Columns::new(&row);
    let own: Option<String> = columns.take(MEMBERSHIPS, "role")?;
    Ok(Some(LockedTeam {
        account,
        name,
        is_suspended,
        role: own
            .map(|role| Role::parse(&role).map_err(|error| MEMBERSHIPS.corrupt("role", error)))
            .transpose()?,
        members: columns.parse::<i64, _>(MEMBERSHIPS, "count")?,
        owners: columns.parse::<i64, _>(MEMBERSHIPS, "count")?,
        invited: columns.parse::<i64, _>(Table("account_invites"), "count")?,
        plans: plans(columns)?,
        overrides: overrides(columns)?,
        standing: standing_from_row(columns)?,
    }))
}

fn plans(columns: &mut Columns<'_>) -> Result<Vec<Plan>, StoreError> {
    let table = Table("plan_limits");
    let seats = LimitKey::parse("max_users").map_err(|error| table.corrupt("limits", error))?;
    let allowed: Vec<(PlanKey, Option<u64>)> = columns.json(table, "limits")?;
    let plan = |(key, limit)| Plan::new(key, vec![(seats.clone(), limit)], Vec::new());
    Ok(allowed.into_iter().map(plan).collect())
}

fn overrides(columns: &mut Columns<'_>) -> Result<Overrides, StoreError> {
    let own: Vec<(LimitKey, Option<u64>, Option<Timestamp>)> =
        columns.json(Table("account_limit_overrides"), "limit_key")?;
    let limit = |(key, value, expires_at)| LimitOverride {
        key,
        value,
        expires_at,
    };
    Ok(Overrides::new(
        Vec::new(),
        own.into_iter().map(limit).collect(),
    ))
}

macro_rules! member_columns {
    () => {
        "SELECT m.user_id, u.email, u.name, m.role, m.created_at \
         FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.account_id = $1 AND "
    };
}

const LIST: &str = concat!(
    member_columns!(),
    "m.user_id > $2 ORDER BY m.user_id LIMIT $3"
);

pub(crate) async fn list(
    connection: &impl ConnectionTrait,
    account: AccountId,
    after: Option<UserId>,
) -> Result<Page<Member>, StoreError> {
    let rows = i64::try_from(PAGE + 1).unwrap_or(i64::MAX);
    let after = after.map_or(Uuid::nil(), UserId::as_uuid);
    let values = [account.as_uuid().into(), after.into(), rows.into()];
    let rows = all(connection, "list the members", statement(LIST, values)).await?;
    let members: Result<_, _> = rows.iter().map(member_from_row).collect();
    Ok(Page::of(members?))
}

const MEMBER: &str = concat!(member_columns!(), "m.user_id = $2");

pub(crate) async fn member(
    connection: &impl ConnectionTrait,
    account: AccountId,
    user: UserId,
) -> Result<Option<Member>, StoreError> {
    let asked = statement(MEMBER, keys(account, user));
    let row = one(connection, "find the member", asked).await?;
    row.as_ref().map(member_from_row).transpose()
}

fn member_from_row(row: &QueryResult) -> Result<Member, StoreError> {
    let columns = &mut Columns::new(row);
    Ok(Member {
        user: UserId::from_uuid(columns.take(MEMBERSHIPS, "user_id")?),
        email: columns.parse::<String, _>(user::TABLE, "email")?,
        name: columns.take(user::TABLE, "name")?,
        role: role(columns)?,
        joined_at: columns.timestamp(MEMBERSHIPS, "created_at")?,
    })
}

const OWN: &str =
    "SELECT name, team_size_bucket, primary_psa, created_at FROM accounts WHERE id = $1";

pub(crate) async fn own(
    connection: &impl ConnectionTrait,
    account: AccountId,
) -> Result<Option<AccountProfile>, StoreError> {
    let asked = statement(OWN, [account.as_uuid().into()]);
    let Some(row) = one(connection, "find the account", asked).await? else {
        return Ok(None);
    };
    let columns = &mut Columns::new(&row);
    Ok(Some(AccountProfile {
        id: account,
        name: columns.take(ACCOUNTS, "name")?,
        team_size_bucket: columns.take(ACCOUNTS, "team_size_bucket")?,
        primary_psa: columns.take(ACCOUNTS, "primary_psa")?,
        created_at: columns.timestamp(ACCOUNTS, "created_at")?,
    }))
}

const LETTER: &str = "SELECT c.name, u.email, u.name, m.role FROM accounts c \
     JOIN users u ON u.id = $2 \
     LEFT JOIN memberships m ON m.account_id = c.id AND m.user_id = u.id \
     WHERE c.id = $1 AND c.deleted_at IS NULL AND NOT c.is_test_cohort";

pub(crate) async fn letter(
    connection: &impl ConnectionTrait,
    account: AccountId,
    user: UserId,
) -> Result<Option<TeamLetter>, StoreError> {
    let asked = statement(LETTER, keys(account, user));
    let Some(row) = one(connection, "find whom to write to", asked).await? else {
        return Ok(None);
    };
    let columns = &mut Columns::new(&row);
    Ok(Some(TeamLetter {
        account_name: columns.take(ACCOUNTS, "name")?,
        email: columns.parse::<String, _>(user::TABLE, "email")?,
        name: columns.take(user::TABLE, "name")?,
        role: role_if_any(columns)?,
    }))
}

const PUT_ROLE: &str = "UPDATE memberships SET role = $3 WHERE account_id = $1 AND user_id = $2";

pub(crate) async fn put_role(
    connection: &impl ConnectionTrait,
    account: AccountId,
    user: UserId,
    role: Role,
) -> Result<(), StoreError> {
    let values = keys(account, user)
        .into_iter()
        .chain([role.as_str().into()]);
    execute(connection, "put the role", statement(PUT_ROLE, values)).await?;
    Ok(())
}

const REMOVE: &str = "WITH gone AS (\
       DELETE FROM memberships WHERE account_id = $1 AND user_id = $2), \
     ended AS (\
       UPDATE auth_sessions SET revoked_at = $3 \
       WHERE user_id = $2 AND account_id = $1 AND revoked_at IS NULL RETURNING id) \
     INSERT INTO audit_log (at, actor_id, account_id, action, detail) \
     SELECT $3, $2, $1, 'session_ended', \
       jsonb_build_object('session', id, 'cause', 'member_removed') FROM ended";

pub(crate) async fn remove(
    connection: &impl ConnectionTrait,
    account: AccountId,
    user: UserId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let values = keys(account, user)
        .into_iter()
        .chain([now.as_datetime().into()]);
    execute(connection, "remove the member", statement(REMOVE, values)).await?;
    Ok(())
}

/// Two sign-ins at once of a person without an account wait for each other here.
const LOCK_PERSON: &str = "SELECT name FROM users WHERE id = $1 FOR NO KEY UPDATE";

const FIRST_JOINED: &str = "SELECT m.account_id FROM memberships m \
     JOIN accounts c ON c.id = m.account_id AND c.suspended_at IS NULL \
     WHERE m.user_id = $1 ORDER BY m.created_at, m.account_id LIMIT 1";

pub(crate) async fn home(
    connection: &impl ConnectionTrait,
    person: UserId,
    fresh: AccountId,
    now: Timestamp,
) -> Result<AccountId, StoreError> {
    let lock = statement(LOCK_PERSON, [person.as_uuid().into()]);
    let locked = one(connection, "lock the person", lock)
        .await?
        .ok_or_else(|| user::TABLE.corrupt("id", format_args!("{person} is missing")))?;
    let asked = statement(FIRST_JOINED, [person.as_uuid().into()]);
    if let Some(row) = one(connection, "find the person's account", asked).await? {
        let account = Columns::new(&row).take(MEMBERSHIPS, "account_id")?;
        return Ok(AccountId::from_uuid(account));
    }
    let account = AccountRow {
        id: fresh,
        name: Columns::new(&locked).take(user::TABLE, "name")?,
    };
    people::insert_account(connection, &account, person, now).await?;
    Ok(fresh)
}

const SIGNED_IN_AT: &str =
    "SELECT created_at FROM auth_sessions WHERE id = $1 AND revoked_at IS NULL";

pub(crate) async fn signed_in_at(
    connection: &impl ConnectionTrait,
    session: SessionId,
) -> Result<Option<Timestamp>, StoreError> {
    let asked = statement(SIGNED_IN_AT, [session.as_uuid().into()]);
    let row = one(connection, "find the session", asked).await?;
    row.map(|row| Columns::new(&row).timestamp(SESSIONS, "created_at"))
        .transpose()
}

/// The lock is that of every other session's beginning.
const BESIDE: &str = "INSERT INTO auth_sessions \
       (id, user_id, account_id, created_at, last_active, user_agent, ip) \
     SELECT $1, a.user_id, c.id, a.created_at, $4, a.user_agent, a.ip FROM auth_sessions a \
     JOIN memberships m ON m.user_id = a.user_id AND m.account_id = $3 \
     JOIN accounts c ON c.id = m.account_id AND c.suspended_at IS NULL \
     WHERE a.id = $2 AND a.revoked_at IS NULL FOR SHARE OF c";

pub(crate) async fn session_beside(
    connection: &impl ConnectionTrait,
    from: SessionId,
    session: &NewSession,
    refresh: &NewRefreshToken,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let values = [
        session.id.as_uuid().into(),
        from.as_uuid().into(),
        session.account.as_uuid().into(),
        now.as_datetime().into(),
    ];
    let insert = statement(BESIDE, values);
    if execute(connection, "insert the session", insert).await? == 0 {
        return Ok(false);
    }
    let refresh = refresh_token::to_row(session.id, refresh, now);
    refresh_token::Entity::insert(refresh.into_active_model())
        .exec_without_returning(connection)
        .await
        .map_err(unavailable("insert the refresh token"))?;
    Ok(true)
}

/// The next column, which is a role.
/// `None` where an outer join found no membership.
fn role_if_any(columns: &mut Columns<'_>) -> Result<Option<Role>, StoreError> {
    let role: Option<String> = columns.take(MEMBERSHIPS, "role")?;
    role.map(|role| Role::parse(&role).map_err(|error| MEMBERSHIPS.corrupt("role", error)))
        .transpose()
}

pub(crate) fn role(columns: &mut Columns<'_>) -> Result<Role, StoreError> {
    let role: String = columns.take(MEMBERSHIPS, "role")?;
    Role::parse(&role).map_err(|error| MEMBERSHIPS.corrupt("role", error))
}

fn keys(account: AccountId, user: UserId) -> [Value; 2] {
    [account.as_uuid().into(), user.as_uuid().into()]
}
