//! Sessions and their refresh tokens. A token is used once because one statement says so.

use sea_orm::{ConnectionTrait, EntityTrait, IntoActiveModel, QueryResult};
use tollgate_identity::session::{ABSOLUTE_LIFE, RefreshState};
use tollgate_primitives::{AccountId, SessionId, Timestamp, UserId};
use tollgate_use_cases::ports::{
    NewRefreshToken, NewSession, RefreshRow, SessionRow, Sessions, StoreError,
};

use crate::{
    columns::{Columns, Table, execute, one, statement, unavailable},
    rows::refresh_token,
};

const SESSIONS: Table = Table("auth_sessions");
const TOKENS: Table = Table("refresh_tokens");

/// The lock waits for a suspension that is under way, and is waited for by one that comes later.
const INSERT: &str = "INSERT INTO auth_sessions \
       (id, user_id, account_id, created_at, last_active, user_agent, ip) \
     SELECT $1, $2, c.id, $4, $4, $5, $6 FROM accounts c \
     WHERE c.id = $3 AND c.suspended_at IS NULL FOR SHARE OF c";

pub(crate) async fn insert(
    connection: &impl ConnectionTrait,
    session: &NewSession,
    refresh: &NewRefreshToken,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let values = [
        session.id.as_uuid().into(),
        session.user.as_uuid().into(),
        session.account.as_uuid().into(),
        now.as_datetime().into(),
        session.user_agent.clone().into(),
        session.ip.clone().into(),
    ];
    let insert = statement(INSERT, values);
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

/// Two at once meet at the row of the token: the second one sees it used and changes nothing. A
/// session that ends at the same moment leaves a successor that is as dead as its session.
const ROTATE: &str = "WITH used AS (\
       UPDATE refresh_tokens t SET used_at = $2, replaced_by = $3 FROM auth_sessions a \
       WHERE t.hash = $1 AND t.used_at IS NULL AND t.expires_at > $2 \
         AND a.id = t.session_id AND a.revoked_at IS NULL \
       RETURNING t.session_id, t.expires_at, a.user_id, a.account_id, a.created_at), \
     successor AS (\
       INSERT INTO refresh_tokens (id, session_id, hash, expires_at, created_at) \
       SELECT $3, session_id, $4, least($5, created_at + make_interval(secs => $6)), $2 FROM used), \
     active AS (UPDATE auth_sessions a SET last_active = $2 FROM used WHERE a.id = used.session_id) \
     SELECT user_id, session_id, account_id, expires_at, $2::timestamptz, false, created_at, false \
     FROM used";

pub(crate) async fn rotate(
    connection: &impl ConnectionTrait,
    presented: &[u8; 32],
    successor: &NewRefreshToken,
    now: Timestamp,
) -> Result<Option<RefreshRow>, StoreError> {
    let values = [
        presented.to_vec().into(),
        now.as_datetime().into(),
        successor.id.as_uuid().into(),
        successor.hash.to_vec().into(),
        successor.expires_at.as_datetime().into(),
        ABSOLUTE_LIFE.as_secs_f64().into(),
    ];
    let row = one(
        connection,
        "rotate the refresh token",
        statement(ROTATE, values),
    )
    .await?;
    row.map(|row| refresh_from_row(&row)).transpose()
}

const REFRESH: &str = "SELECT a.user_id, a.id, a.account_id, t.expires_at, t.used_at, \
     n.used_at IS NOT NULL, a.created_at, a.revoked_at IS NOT NULL \
     FROM refresh_tokens t \
     JOIN auth_sessions a ON a.id = t.session_id \
     LEFT JOIN refresh_tokens n ON n.id = t.replaced_by \
     WHERE t.hash = $1";

pub(crate) async fn refresh_row(
    connection: &impl ConnectionTrait,
    hash: &[u8; 32],
) -> Result<Option<RefreshRow>, StoreError> {
    let asked = statement(REFRESH, [hash.to_vec().into()]);
    let row = one(connection, "find the refresh token", asked).await?;
    row.map(|row| refresh_from_row(&row)).transpose()
}

fn refresh_from_row(row: &QueryResult) -> Result<RefreshRow, StoreError> {
    let columns = &mut Columns::new(row);
    Ok(RefreshRow {
        user: UserId::from_uuid(columns.take(SESSIONS, "user_id")?),
        session: SessionId::from_uuid(columns.take(SESSIONS, "id")?),
        account: AccountId::from_uuid(columns.take(SESSIONS, "account_id")?),
        state: RefreshState {
            expires_at: columns.timestamp(TOKENS, "expires_at")?,
            used_at: columns.optional_timestamp(TOKENS, "used_at")?,
            successor_used: columns.take(TOKENS, "used_at")?,
            session_started_at: columns.timestamp(SESSIONS, "created_at")?,
            session_revoked: columns.take(SESSIONS, "revoked_at")?,
        },
    })
}

/// `$4` the one to end, `$5` the one to spare; either may be null.
const END: &str = "WITH ended AS (\
       UPDATE auth_sessions SET revoked_at = $2 \
       WHERE user_id = $1 AND revoked_at IS NULL \
         AND ($4::uuid IS NULL OR id = $4) AND id IS DISTINCT FROM $5 \
       RETURNING id, user_id, account_id) \
     INSERT INTO audit_log (at, actor_id, account_id, action, detail) \
     SELECT $2, user_id, account_id, 'session_ended', \
       jsonb_build_object('session', id, 'cause', $3::text) FROM ended";

pub(crate) async fn end(
    connection: &impl ConnectionTrait,
    user: UserId,
    which: Sessions,
    cause: &'static str,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let (only, spared) = match which {
        Sessions::All => (None, None),
        Sessions::One(session) => (Some(session.as_uuid()), None),
        Sessions::AllBut(session) => (None, Some(session.as_uuid())),
    };
    let values = [
        user.as_uuid().into(),
        now.as_datetime().into(),
        cause.into(),
        only.into(),
        spared.into(),
    ];
    let end = statement(END, values);
    execute(connection, "end the sessions", end).await
}

/// A session whose last refresh token has expired is over, although nobody ended it.
const LIVING: &str = "SELECT a.id, a.created_at, a.last_active, a.user_agent, a.ip \
     FROM auth_sessions a WHERE a.user_id = $1 AND a.revoked_at IS NULL \
       AND EXISTS (SELECT FROM refresh_tokens t \
         WHERE t.session_id = a.id AND t.used_at IS NULL AND t.expires_at > $2) \
     ORDER BY a.last_active DESC, a.id LIMIT 100";

pub(crate) async fn living(
    connection: &impl ConnectionTrait,
    user: UserId,
    now: Timestamp,
) -> Result<Vec<SessionRow>, StoreError> {
    let values = [user.as_uuid().into(), now.as_datetime().into()];
    let rows = connection
        .query_all_raw(statement(LIVING, values))
        .await
        .map_err(unavailable("find the sessions"))?;
    rows.iter()
        .map(|row| {
            let columns = &mut Columns::new(row);
            Ok(SessionRow {
                id: SessionId::from_uuid(columns.take(SESSIONS, "id")?),
                created_at: columns.timestamp(SESSIONS, "created_at")?,
                last_active: columns.timestamp(SESSIONS, "last_active")?,
                user_agent: columns.take(SESSIONS, "user_agent")?,
                ip: columns.take(SESSIONS, "ip")?,
            })
        })
        .collect()
}
