//! The codes with which an operator lets people sign up. Each ends once: it is used by one, or taken
//! back.

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, QueryResult};
use tollgate_identity::{CodeEnd, InviteCode, Terms};
use tollgate_primitives::{EmailAddress, InviteCodeId, Timestamp, UserId};
use tollgate_use_cases::ports::{
    InviteCodeRecord, InviteCodeWrites, InviteCodes, NewInviteCode, PAGE, Page, Revoked, StoreError,
};
use uuid::Uuid;

use crate::{
    PostgresStore,
    columns::{Columns, Table, all, execute, one, statement},
    transaction::PostgresTransaction,
};

const TABLE: Table = Table("invite_codes");

#[async_trait]
impl InviteCodes for PostgresStore {
    async fn invite_codes(
        &self,
        after: Option<InviteCodeId>,
    ) -> Result<Page<InviteCodeRecord>, StoreError> {
        let before = after.map_or(Uuid::max(), InviteCodeId::as_uuid);
        let rows = i64::try_from(PAGE + 1).unwrap_or(i64::MAX);
        let asked = statement(LIST, [before.into(), rows.into()]);
        let rows = all(self.database(), "list the invite codes", asked).await?;
        let codes: Result<_, _> = rows.iter().map(record).collect();
        Ok(Page::of(codes?))
    }

    async fn invite_code(&self, hash: &[u8; 32]) -> Result<Option<InviteCode>, StoreError> {
        let asked = statement(FIND, [hash.to_vec().into()]);
        let row = one(self.database(), "find the invite code", asked).await?;
        row.map(|row| code(&mut Columns::new(&row))).transpose()
    }
}

#[async_trait]
impl InviteCodeWrites for PostgresTransaction {
    async fn insert_invite_code(
        &mut self,
        code: &NewInviteCode,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        insert(&self.0, code, now).await
    }

    async fn claim_invite_code(
        &mut self,
        hash: &[u8; 32],
        email: &EmailAddress,
        user: UserId,
        now: Timestamp,
    ) -> Result<Option<Terms>, StoreError> {
        let values = [
            hash.to_vec().into(),
            email.as_str().into(),
            user.as_uuid().into(),
            now.as_datetime().into(),
        ];
        let claimed = one(&self.0, "claim the invite code", statement(CLAIM, values)).await?;
        let terms = claimed.map(|row| terms(&mut Columns::new(&row)));
        terms.transpose()
    }

    async fn revoke_invite_code(
        &mut self,
        id: InviteCodeId,
        now: Timestamp,
    ) -> Result<Option<Revoked>, StoreError> {
        revoke(&self.0, id, now).await
    }
}

/// By creation: an id begins with its moment.
const LIST: &str = "SELECT assigned_plan, trial_duration_days, email, expires_at, used_by, used_at, \
     revoked_at, id, note, created_by, created_at \
     FROM invite_codes WHERE id < $1 ORDER BY id DESC LIMIT $2";

const FIND: &str = "SELECT assigned_plan, trial_duration_days, email, expires_at, used_by, used_at, \
     revoked_at FROM invite_codes WHERE code_hash = $1";

const INSERT: &str = "INSERT INTO invite_codes (id, code_hash, assigned_plan, trial_duration_days, \
     email, expires_at, note, created_by, created_at) \
     SELECT $1, $2, l.plan, $4, $5, $6, $7, $8, $9 \
     FROM plan_limits l LEFT JOIN plan_billing b USING (plan) \
     WHERE l.plan = $3 AND b.is_archived IS NOT TRUE";

const CLAIM: &str = "UPDATE invite_codes SET used_by = $3, used_at = $4 \
     WHERE code_hash = $1 AND used_at IS NULL AND revoked_at IS NULL \
       AND (expires_at IS NULL OR expires_at > $4) AND (email IS NULL OR email = $2) \
     RETURNING assigned_plan, trial_duration_days";

const REVOKE: &str = "UPDATE invite_codes SET revoked_at = $2 \
     WHERE id = $1 AND used_at IS NULL AND revoked_at IS NULL";

const IS_USED: &str = "SELECT used_at IS NOT NULL FROM invite_codes WHERE id = $1";

async fn insert(
    connection: &impl ConnectionTrait,
    new: &NewInviteCode,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let code = &new.code;
    let days = code.terms.trial_days;
    let values = [
        new.id.as_uuid().into(),
        new.hash.to_vec().into(),
        code.terms.plan.as_str().into(),
        days.map(i32::from).into(),
        code.email.as_ref().map(EmailAddress::as_str).into(),
        code.expires_at.map(Timestamp::as_datetime).into(),
        new.note.as_deref().into(),
        new.created_by.as_uuid().into(),
        now.as_datetime().into(),
    ];
    let insert = statement(INSERT, values);
    Ok(execute(connection, "insert the invite code", insert).await? == 1)
}

/// What kept the guarded statement from it is read after it, and does not change any more.
async fn revoke(
    connection: &impl ConnectionTrait,
    id: InviteCodeId,
    now: Timestamp,
) -> Result<Option<Revoked>, StoreError> {
    let values = [id.as_uuid().into(), now.as_datetime().into()];
    let revoke = statement(REVOKE, values);
    if execute(connection, "revoke the invite code", revoke).await? == 1 {
        return Ok(Some(Revoked::Now));
    }
    let asked = statement(IS_USED, [id.as_uuid().into()]);
    let row = one(connection, "find the invite code", asked).await?;
    let is_used = row.map(|row| Columns::new(&row).take(TABLE, "used_at"));
    Ok(is_used.transpose()?.map(|is_used| {
        if is_used {
            Revoked::Used
        } else {
            Revoked::Before
        }
    }))
}

fn terms(columns: &mut Columns<'_>) -> Result<Terms, StoreError> {
    let plan: String = columns.take(TABLE, "assigned_plan")?;
    let days: Option<i16> = columns.take(TABLE, "trial_duration_days")?;
    Ok(Terms {
        plan: TABLE.parse("assigned_plan", plan)?,
        trial_days: days
            .map(|days| TABLE.parse("trial_duration_days", days))
            .transpose()?,
    })
}

fn code(columns: &mut Columns<'_>) -> Result<InviteCode, StoreError> {
    let terms = terms(columns)?;
    let email: Option<String> = columns.take(TABLE, "email")?;
    Ok(InviteCode {
        terms,
        email: email.map(|email| TABLE.parse("email", email)).transpose()?,
        expires_at: columns.optional_timestamp(TABLE, "expires_at")?,
        end: end(columns)?,
    })
}

fn end(columns: &mut Columns<'_>) -> Result<Option<CodeEnd>, StoreError> {
    let by = person(columns, "used_by")?;
    let used_at = columns.optional_timestamp(TABLE, "used_at")?;
    let revoked_at = columns.optional_timestamp(TABLE, "revoked_at")?;
    let used = used_at.map(|at| CodeEnd::Used { by, at });
    Ok(used.or(revoked_at.map(|at| CodeEnd::Revoked { at })))
}

fn record(row: &QueryResult) -> Result<InviteCodeRecord, StoreError> {
    let columns = &mut Columns::new(row);
    Ok(InviteCodeRecord {
        code: code(columns)?,
        id: InviteCodeId::from_uuid(columns.take(TABLE, "id")?),
        note: columns.take(TABLE, "note")?,
        created_by: person(columns, "created_by")?,
        created_at: columns.timestamp(TABLE, "created_at")?,
    })
}

fn person(columns: &mut Columns<'_>, column: &'static str) -> Result<Option<UserId>, StoreError> {
    let id: Option<Uuid> = columns.take(TABLE, column)?;
    Ok(id.map(UserId::from_uuid))
}
