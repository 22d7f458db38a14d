//! Mailed tokens. One works once because one statement says so; one of a purpose works at a time
//! because an index does.

use sea_orm::ConnectionTrait;
use tollgate_identity::Purpose;
use tollgate_primitives::{EmailAddress, Timestamp, TokenId, UserId};
use tollgate_use_cases::ports::{AddressProof, OneTimeToken, StoreError};

use crate::{
    columns::{Columns, Table, execute, one, statement},
    rows::user,
};

const TOKENS: Table = Table("one_time_tokens");

/// Two at once for one person wait for each other here, and the second then sees the first one's.
const LOCK_OWNER: &str = "SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE";

/// The aggregate makes the insert wait until those before it have ended.
const INSERT: &str = "WITH fresh AS (\
       SELECT WHERE NOT EXISTS (SELECT FROM one_time_tokens WHERE id = $1)), \
     ended AS (\
       UPDATE one_time_tokens SET consumed_at = $6 FROM fresh \
       WHERE user_id = $3 AND purpose = $2 AND consumed_at IS NULL RETURNING id) \
     INSERT INTO one_time_tokens (id, purpose, user_id, hash, expires_at, created_at) \
     SELECT $1, $2, $3, $4, $5, $6 FROM fresh, (SELECT count(*) FROM ended) before";

pub(crate) async fn insert(
    connection: &impl ConnectionTrait,
    token: &OneTimeToken,
    now: Timestamp,
) -> Result<(), StoreError> {
    let lock = statement(LOCK_OWNER, [token.user.as_uuid().into()]);
    execute(connection, "lock the token's owner", lock).await?;
    let values = [
        token.id.as_uuid().into(),
        token.purpose.as_str().into(),
        token.user.as_uuid().into(),
        token.hash.to_vec().into(),
        token.expires_at.as_datetime().into(),
        now.as_datetime().into(),
    ];
    execute(
        connection,
        "insert the mailed token",
        statement(INSERT, values),
    )
    .await?;
    Ok(())
}

const CONSUME: &str = "UPDATE one_time_tokens SET consumed_at = $3 \
     WHERE hash = $1 AND purpose = $2 AND consumed_at IS NULL AND expires_at > $3 RETURNING user_id";

pub(crate) async fn consume(
    connection: &impl ConnectionTrait,
    hash: &[u8; 32],
    purpose: Purpose,
    now: Timestamp,
) -> Result<Option<UserId>, StoreError> {
    whose(
        connection,
        "use up the mailed token",
        CONSUME,
        (hash, purpose, now),
    )
    .await
}

const WHOSE: &str = "SELECT user_id FROM one_time_tokens \
     WHERE hash = $1 AND purpose = $2 AND consumed_at IS NULL AND expires_at > $3";

pub(crate) async fn user(
    connection: &impl ConnectionTrait,
    hash: &[u8; 32],
    purpose: Purpose,
    now: Timestamp,
) -> Result<Option<UserId>, StoreError> {
    whose(
        connection,
        "find the token's owner",
        WHOSE,
        (hash, purpose, now),
    )
    .await
}

async fn whose(
    connection: &impl ConnectionTrait,
    step: &'static str,
    sql: &str,
    (hash, purpose, now): (&[u8; 32], Purpose, Timestamp),
) -> Result<Option<UserId>, StoreError> {
    let values = [
        hash.to_vec().into(),
        purpose.as_str().into(),
        now.as_datetime().into(),
    ];
    let row = one(connection, step, statement(sql, values)).await?;
    row.map(|row| Columns::new(&row).take(TOKENS, "user_id"))
        .map(|user| user.map(UserId::from_uuid))
        .transpose()
}

const END: &str = "UPDATE one_time_tokens SET consumed_at = $2 \
     WHERE user_id = $1 AND consumed_at IS NULL";

pub(crate) async fn end_all(
    connection: &impl ConnectionTrait,
    user: UserId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let end = statement(END, [user.as_uuid().into(), now.as_datetime().into()]);
    execute(connection, "end the mailed tokens", end).await?;
    Ok(())
}

const PROVE: &str = "WITH token AS (\
       UPDATE one_time_tokens SET consumed_at = $2 \
       WHERE hash = $1 AND purpose = 'verify' AND consumed_at IS NULL AND expires_at > $2 \
       RETURNING user_id), \
     proven AS (\
       UPDATE users u SET email_verified_at = $2 FROM token \
       WHERE u.id = token.user_id AND u.email_verified_at IS NULL RETURNING u.id), \
     audit AS (\
       INSERT INTO audit_log (at, actor_id, action, detail) \
       SELECT $2, id, 'email_verified', '{}' FROM proven) \
     SELECT EXISTS (SELECT FROM proven) FROM token";

/// A used link of somebody whose address is proven is no failure: mail programs and impatient people
/// follow links twice. Asked in a statement of its own, which sees what the one before waited for.
const PROVEN_BEFORE: &str = "SELECT FROM one_time_tokens t \
     JOIN users u ON u.id = t.user_id AND u.email_verified_at IS NOT NULL \
     WHERE t.hash = $1 AND t.purpose = 'verify' AND t.expires_at > $2";

pub(crate) async fn prove_address(
    connection: &impl ConnectionTrait,
    hash: &[u8; 32],
    now: Timestamp,
) -> Result<Option<AddressProof>, StoreError> {
    const STEP: &str = "prove the address";
    let values = || [hash.to_vec().into(), now.as_datetime().into()];
    if let Some(row) = one(connection, STEP, statement(PROVE, values())).await? {
        let is_new: bool = Columns::new(&row).take(user::TABLE, "email_verified_at")?;
        return Ok(Some(if is_new {
            AddressProof::Now
        } else {
            AddressProof::Before
        }));
    }
    let before = one(connection, STEP, statement(PROVEN_BEFORE, values())).await?;
    Ok(before.map(|_| AddressProof::Before))
}

const MAILBOX: &str = "SELECT u.email, u.name FROM one_time_tokens t JOIN users u ON u.id = t.user_id \
     WHERE t.id = $1 AND t.consumed_at IS NULL AND t.expires_at > $2 \
       AND (t.purpose <> 'verify' OR u.email_verified_at IS NULL)";

pub(crate) async fn mailbox(
    connection: &impl ConnectionTrait,
    token: TokenId,
    now: Timestamp,
) -> Result<Option<(EmailAddress, String)>, StoreError> {
    let values = [token.as_uuid().into(), now.as_datetime().into()];
    let row = one(connection, "find the mailbox", statement(MAILBOX, values)).await?;
    let Some(row) = row else { return Ok(None) };
    let columns = &mut Columns::new(&row);
    let email: String = columns.take(user::TABLE, "email")?;
    Ok(Some((
        user::TABLE.parse("email", email)?,
        columns.take(user::TABLE, "name")?,
    )))
}
