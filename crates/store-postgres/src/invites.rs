//! Invitations. One lives for an address because an index says so, and lets one person in because one
//! statement does.

use sea_orm::{ConnectionTrait, QueryResult, Value};
use serde_json::json;
use tollgate_identity::Role;
use tollgate_invites::Invite;
use tollgate_primitives::{AccountId, EmailAddress, InviteId, Timestamp, TokenId, UserId};
use tollgate_use_cases::ports::{
    AccountInvite, ClaimedInvite, Invitation, InviteLetter, KnownToTeam, NewCode, NewInvite, PAGE,
    Page, StoreError,
};
use uuid::Uuid;

use crate::{
    columns::{Columns, Table, all, execute, hex, one, statement},
    members::role,
    rows::user,
};

const INVITES: Table = Table("account_invites");
const ACCOUNTS: Table = Table("accounts");

/// Neither used nor taken back; perhaps expired.
macro_rules! is_open {
    () => {
        "accepted_at IS NULL AND revoked_at IS NULL"
    };
}

macro_rules! invite_columns {
    () => {
        "id, email, role, invited_by, created_at, email_sent_at, \
         expires_at, accepted_at, revoked_at, resend_count"
    };
}

const BY_ID: &str = concat!(
    "SELECT ",
    invite_columns!(),
    " FROM account_invites WHERE account_id = $1 AND id = $2"
);

pub(crate) async fn by_id(
    connection: &impl ConnectionTrait,
    account: AccountId,
    invite: InviteId,
) -> Result<Option<AccountInvite>, StoreError> {
    let asked = statement(BY_ID, keys(account, invite));
    let row = one(connection, "find the invitation", asked).await?;
    row.as_ref().map(from_row).transpose()
}

/// By id, which is by the time of the first invitation.
const LIST: &str = concat!(
    "SELECT ",
    invite_columns!(),
    " FROM account_invites WHERE account_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3"
);

pub(crate) async fn list(
    connection: &impl ConnectionTrait,
    account: AccountId,
    after: Option<InviteId>,
) -> Result<Page<AccountInvite>, StoreError> {
    let rows = i64::try_from(PAGE + 1).unwrap_or(i64::MAX);
    let after = after.map_or(Uuid::max(), InviteId::as_uuid);
    let values = [account.as_uuid().into(), after.into(), rows.into()];
    let rows = all(connection, "list the invitations", statement(LIST, values)).await?;
    let invites: Result<_, _> = rows.iter().map(from_row).collect();
    Ok(Page::of(invites?))
}

/// The columns of [`invitation_from_row`].
macro_rules! invitation_columns {
    () => {
        "i.account_id, c.name, c.suspended_at IS NOT NULL, u.name, i.email, i.role, i.code_hash, \
         i.expires_at, i.accepted_at, i.revoked_at, i.resend_count"
    };
}

const BY_CODE: &str = concat!(
    "SELECT ",
    invitation_columns!(),
    " FROM account_invites i JOIN accounts c ON c.id = i.account_id \
     LEFT JOIN users u ON u.id = i.invited_by WHERE i.code_hash = $1"
);

pub(crate) async fn by_code(
    connection: &impl ConnectionTrait,
    code: &[u8; 32],
) -> Result<Option<Invitation>, StoreError> {
    let asked = statement(BY_CODE, [code.to_vec().into()]);
    let row = one(connection, "find the invitation", asked).await?;
    row.map(|row| invitation_from_row(&mut Columns::new(&row)))
        .transpose()
}

const LETTER: &str = concat!(
    "SELECT ",
    invitation_columns!(),
    ", CASE WHEN m.role IN ('owner', 'admin') THEN u.email END \
     FROM account_invites i JOIN accounts c ON c.id = i.account_id AND NOT c.is_test_cohort \
     LEFT JOIN users u ON u.id = i.invited_by \
     LEFT JOIN memberships m ON m.account_id = i.account_id AND m.user_id = i.invited_by \
     WHERE i.account_id = $1 AND i.id = $2 AND i.code_id = $3"
);

pub(crate) async fn letter(
    connection: &impl ConnectionTrait,
    (account, invite): (AccountId, InviteId),
    code: TokenId,
) -> Result<Option<InviteLetter>, StoreError> {
    let values = keys(account, invite)
        .into_iter()
        .chain([code.as_uuid().into()]);
    let asked = statement(LETTER, values);
    let Some(row) = one(connection, "find what to write", asked).await? else {
        return Ok(None);
    };
    let columns = &mut Columns::new(&row);
    let invitation = invitation_from_row(columns)?;
    let inviter: Option<String> = columns.take(user::TABLE, "email")?;
    Ok(Some(InviteLetter {
        invitation,
        inviter: inviter
            .map(|email| user::TABLE.parse("email", email))
            .transpose()?,
    }))
}

const NOTE_SENT: &str = "UPDATE account_invites SET email_sent_at = $4 \
     WHERE account_id = $1 AND id = $2 AND code_id = $3 AND email_sent_at IS NULL";

pub(crate) async fn note_sent(
    connection: &impl ConnectionTrait,
    (account, invite): (AccountId, InviteId),
    code: TokenId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let rest = [code.as_uuid().into(), now.as_datetime().into()];
    let values = keys(account, invite).into_iter().chain(rest);
    let note = statement(NOTE_SENT, values);
    execute(connection, "note that the invitation left", note).await?;
    Ok(())
}

const KNOWN: &str = concat!(
    "WITH asked AS (SELECT jsonb_array_elements_text($2) AS email) \
     SELECT a.email, true FROM asked a JOIN users u ON u.email = a.email \
       JOIN memberships m ON m.account_id = $1 AND m.user_id = u.id \
     UNION ALL \
     SELECT a.email, false FROM asked a JOIN account_invites i \
       ON i.account_id = $1 AND i.email = a.email AND i.expires_at > $3 AND ",
    is_open!()
);

pub(crate) async fn known(
    connection: &impl ConnectionTrait,
    account: AccountId,
    emails: &[EmailAddress],
    now: Timestamp,
) -> Result<KnownToTeam, StoreError> {
    let values = [
        account.as_uuid().into(),
        json!(emails).into(),
        now.as_datetime().into(),
    ];
    let mut known = KnownToTeam::default();
    for row in all(connection, "find who is known", statement(KNOWN, values)).await? {
        let columns = &mut Columns::new(&row);
        let email = columns.parse::<String, _>(user::TABLE, "email")?;
        if columns.take(INVITES, "is_member")? {
            known.members.insert(email);
        } else {
            known.invited.insert(email);
        }
    }
    Ok(known)
}

/// Two at once for one address wait for each other at the index, and the second finds a living one.
const INSERT: &str = concat!(
    "INSERT INTO account_invites AS i \
       (account_id, id, invited_by, email, role, code_id, code_hash, created_at, expires_at) \
     SELECT $1, (n->>'id')::uuid, $2, n->>'email', n->>'role', (n->>'code')::uuid, \
       decode(n->>'hash', 'hex'), $3, (n->>'expires_at')::timestamptz \
     FROM jsonb_array_elements($4) n \
     ON CONFLICT (account_id, email) WHERE ",
    is_open!(),
    " DO UPDATE SET invited_by = excluded.invited_by, role = excluded.role, \
         code_id = excluded.code_id, code_hash = excluded.code_hash, \
         created_at = excluded.created_at, expires_at = excluded.expires_at, \
         email_sent_at = NULL, resend_count = 0 \
       WHERE i.expires_at <= $3 \
     RETURNING ",
    invite_columns!()
);

pub(crate) async fn insert(
    connection: &impl ConnectionTrait,
    (account, by): (AccountId, UserId),
    invites: &[NewInvite],
    now: Timestamp,
) -> Result<Vec<AccountInvite>, StoreError> {
    let rows: Vec<_> = invites.iter().map(to_json).collect();
    let values = [
        account.as_uuid().into(),
        by.as_uuid().into(),
        now.as_datetime().into(),
        json!(rows).into(),
    ];
    let insert = statement(INSERT, values);
    let rows = all(connection, "insert the invitations", insert).await?;
    rows.iter().map(from_row).collect()
}

fn to_json(new: &NewInvite) -> serde_json::Value {
    json!({
        "id": new.id,
        "email": new.email,
        "role": new.role,
        "code": new.code.id,
        "hash": hex(&new.code.hash),
        "expires_at": new.code.expires_at,
    })
}

const REVOKE: &str = concat!(
    "UPDATE account_invites SET revoked_at = $3 WHERE account_id = $1 AND id = $2 AND ",
    is_open!()
);

pub(crate) async fn revoke(
    connection: &impl ConnectionTrait,
    account: AccountId,
    invite: InviteId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let values = keys(account, invite)
        .into_iter()
        .chain([now.as_datetime().into()]);
    let revoke = statement(REVOKE, values);
    Ok(execute(connection, "revoke the invitation", revoke).await? == 1)
}

const REVOKE_OF: &str = concat!(
    "UPDATE account_invites SET revoked_at = $3 WHERE account_id = $1 AND invited_by = $2 \
       AND NOT role = ANY(ARRAY(SELECT jsonb_array_elements_text($4))) AND ",
    is_open!()
);

pub(crate) async fn revoke_of(
    connection: &impl ConnectionTrait,
    (account, by): (AccountId, UserId),
    kept: &[Role],
    now: Timestamp,
) -> Result<u64, StoreError> {
    let values = [
        account.as_uuid().into(),
        by.as_uuid().into(),
        now.as_datetime().into(),
        json!(kept).into(),
    ];
    let revoke = statement(REVOKE_OF, values);
    execute(connection, "revoke the member's invitations", revoke).await
}

const RENEW: &str = concat!(
    "UPDATE account_invites SET code_id = $3, code_hash = $4, expires_at = $5, \
       email_sent_at = NULL, resend_count = resend_count + 1 \
     WHERE account_id = $1 AND id = $2 AND ",
    is_open!(),
    " RETURNING ",
    invite_columns!()
);

pub(crate) async fn renew(
    connection: &impl ConnectionTrait,
    account: AccountId,
    invite: InviteId,
    code: &NewCode,
) -> Result<Option<AccountInvite>, StoreError> {
    let rest = [
        code.id.as_uuid().into(),
        code.hash.to_vec().into(),
        code.expires_at.as_datetime().into(),
    ];
    let values = keys(account, invite).into_iter().chain(rest);
    let row = one(connection, "renew the invitation", statement(RENEW, values)).await?;
    row.as_ref().map(from_row).transpose()
}

/// Who is a member already keeps the role they have.
const CLAIM: &str = concat!(
    "WITH claimed AS (\
       UPDATE account_invites SET accepted_at = $4, accepted_by = $3 \
       WHERE account_id = $1 AND code_hash = $2 AND expires_at > $4 AND ",
    is_open!(),
    " RETURNING id, role), \
     joined AS (\
       INSERT INTO memberships (account_id, user_id, role, created_at) \
       SELECT $1, $3, role, $4 FROM claimed ON CONFLICT DO NOTHING RETURNING role) \
     SELECT c.id, coalesce(j.role, m.role) FROM claimed c LEFT JOIN joined j ON true \
     LEFT JOIN memberships m ON m.account_id = $1 AND m.user_id = $3"
);

pub(crate) async fn claim(
    connection: &impl ConnectionTrait,
    (account, code): (AccountId, &[u8; 32]),
    user: UserId,
    now: Timestamp,
) -> Result<Option<ClaimedInvite>, StoreError> {
    let values = [
        account.as_uuid().into(),
        code.to_vec().into(),
        user.as_uuid().into(),
        now.as_datetime().into(),
    ];
    let row = one(connection, "use the invitation", statement(CLAIM, values)).await?;
    let Some(row) = row else { return Ok(None) };
    let columns = &mut Columns::new(&row);
    Ok(Some(ClaimedInvite {
        id: InviteId::from_uuid(columns.take(INVITES, "id")?),
        role: role(columns)?,
    }))
}

fn keys(account: AccountId, invite: InviteId) -> [Value; 2] {
    [account.as_uuid().into(), invite.as_uuid().into()]
}

fn from_row(row: &QueryResult) -> Result<AccountInvite, StoreError> {
    let columns = &mut Columns::new(row);
    Ok(AccountInvite {
        id: InviteId::from_uuid(columns.take(INVITES, "id")?),
        email: columns.parse::<String, _>(INVITES, "email")?,
        role: role(columns)?,
        invited_by: UserId::from_uuid(columns.take(INVITES, "invited_by")?),
        created_at: columns.timestamp(INVITES, "created_at")?,
        email_sent_at: columns.optional_timestamp(INVITES, "email_sent_at")?,
        invite: lifecycle(columns)?,
    })
}

fn invitation_from_row(columns: &mut Columns<'_>) -> Result<Invitation, StoreError> {
    Ok(Invitation {
        account: AccountId::from_uuid(columns.take(INVITES, "account_id")?),
        account_name: columns.take(ACCOUNTS, "name")?,
        is_suspended: columns.take(ACCOUNTS, "suspended_at")?,
        inviter_name: columns.take(user::TABLE, "name")?,
        email: columns.parse::<String, _>(INVITES, "email")?,
        role: role(columns)?,
        code_hash: code_hash(columns)?,
        invite: lifecycle(columns)?,
    })
}

fn code_hash(columns: &mut Columns<'_>) -> Result<[u8; 32], StoreError> {
    let bytes: Vec<u8> = columns.take(INVITES, "code_hash")?;
    let hash = bytes.try_into();
    hash.map_err(|_| INVITES.corrupt("code_hash", "is not of 32 bytes"))
}

fn lifecycle(columns: &mut Columns<'_>) -> Result<Invite, StoreError> {
    Ok(Invite {
        expires_at: columns.timestamp(INVITES, "expires_at")?,
        accepted_at: columns.optional_timestamp(INVITES, "accepted_at")?,
        revoked_at: columns.optional_timestamp(INVITES, "revoked_at")?,
        resends: columns.parse::<i16, _>(INVITES, "resend_count")?,
    })
}
