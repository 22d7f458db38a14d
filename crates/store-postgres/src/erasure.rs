//! What is held about a person, and its end. Rows that hang on a person or an account go with it; what
//! stays of an account is what the provider may still speak of.

use async_trait::async_trait;
use serde_json::{Map, Value};
use tollgate_billing::Customer;
use tollgate_primitives::{AccountId, SessionId, Timestamp, UserId};
use tollgate_use_cases::ports::{
    Erasure, ErasureWrites, EventPosition, LeftAccount, NoticeId, SessionPosition, StoreError,
};

use crate::{
    PostgresStore,
    columns::{Columns, Table, all, execute, one, statement},
    rows::user,
    transaction::PostgresTransaction,
};

const MEMBERSHIPS: Table = Table("memberships");
const SESSIONS: Table = Table("auth_sessions");
const EVENTS: Table = Table("webhook_events");

const HELD: &str = "SELECT json_build_object(\
     'user', json_build_object('id', u.id, 'email', u.email, 'name', u.name, \
       'timezone', u.timezone, 'role_at_signup', u.role_at_signup, \
       'has_password', u.password_hash IS NOT NULL, 'email_verified_at', u.email_verified_at, \
       'is_super_admin', u.is_super_admin, \
       'onboarding_step_completed', u.onboarding_step_completed, \
       'onboarding_dismissed', u.onboarding_dismissed, \
       'pending_kept_banner', u.pending_kept_banner, \
       'created_at', u.created_at, 'updated_at', u.updated_at), \
     'memberships', (SELECT coalesce(json_agg(json_build_object('account_id', m.account_id, \
       'account_name', c.name, 'role', m.role, 'created_at', m.created_at) \
       ORDER BY m.created_at, m.account_id), '[]') \
       FROM memberships m JOIN accounts c ON c.id = m.account_id WHERE m.user_id = u.id), \
     'sign_in_providers', (SELECT coalesce(json_agg(json_build_object('provider', o.provider, \
       'issuer', o.issuer, 'subject', o.provider_subject, 'email', o.provider_email_at_link, \
       'created_at', o.created_at) ORDER BY o.created_at), '[]') \
       FROM oauth_identities o WHERE o.user_id = u.id), \
     'mailed_links', (SELECT coalesce(json_agg(json_build_object('purpose', t.purpose, \
       'created_at', t.created_at, 'expires_at', t.expires_at, 'consumed_at', t.consumed_at) \
       ORDER BY t.created_at, t.id), '[]') FROM one_time_tokens t WHERE t.user_id = u.id), \
     'invite_codes', (SELECT coalesce(json_agg(json_build_object('id', i.id, \
       'assigned_plan', i.assigned_plan, 'used_at', i.used_at) ORDER BY i.id), '[]') \
       FROM invite_codes i WHERE i.used_by = u.id), \
     'sales_leads', (SELECT coalesce(json_agg(json_build_object('id', l.id, 'email', l.email, \
       'name', l.name, 'company', l.company, 'team_size', l.team_size, 'message', l.message, \
       'source', l.source, 'posthog_distinct_id', l.posthog_distinct_id, 'status', l.status, \
       'created_at', l.created_at) ORDER BY l.id), '[]') \
       FROM sales_leads l WHERE l.email = u.email AND u.email_verified_at IS NOT NULL))::text \
     FROM users u WHERE u.id = $1";

const HELD_SESSIONS: &str = "SELECT a.last_active, a.id, json_build_object('id', a.id, \
     'account_id', a.account_id, 'created_at', a.created_at, 'last_active', a.last_active, \
     'revoked_at', a.revoked_at, 'user_agent', a.user_agent, 'ip', a.ip)::text \
     FROM auth_sessions a WHERE a.user_id = $1 \
     AND ($2::timestamptz IS NULL OR (a.last_active, a.id) > ($2, $3::uuid)) \
     ORDER BY a.last_active, a.id LIMIT $4";

/// The page is walked by the index of what is done, and its bodies are read for the customer's id.
const FORGET_EVENTS: &str = "WITH page AS MATERIALIZED (\
       SELECT e.id, e.received_at, e.body FROM webhook_events e \
       WHERE e.status IN ('applied', 'ignored') \
       AND ($2::timestamptz IS NULL OR (e.received_at, e.id) > ($2, $3::text)) \
       ORDER BY e.received_at, e.id LIMIT $4), \
     forgotten AS (\
       UPDATE webhook_events e SET body = '{}' FROM page p \
       WHERE e.id = p.id AND strpos(p.body, to_json($1::text)::text) > 0 RETURNING e.id) \
     SELECT received_at, id, (SELECT count(*) FROM forgotten), (SELECT count(*) FROM page) \
     FROM page ORDER BY received_at DESC, id DESC LIMIT 1";

const UNPROVEN: &str = "SELECT u.id FROM users u \
     WHERE u.email_verified_at IS NULL AND u.created_at < $1 AND NOT u.is_super_admin \
     AND NOT EXISTS (SELECT FROM memberships m JOIN accounts c ON c.id = m.account_id \
       WHERE m.user_id = u.id AND (c.is_test_cohort OR c.stripe_customer_id IS NOT NULL \
         OR EXISTS (SELECT FROM complimentary_grants g \
           WHERE g.account_id = c.id AND g.ended_at IS NULL) \
         OR EXISTS (SELECT FROM memberships o \
           WHERE o.account_id = c.id AND o.user_id <> m.user_id))) \
     ORDER BY u.created_at, u.id LIMIT $2";

#[async_trait]
impl Erasure for PostgresStore {
    async fn held_about(&self, user: UserId) -> Result<Option<Map<String, Value>>, StoreError> {
        let asked = statement(HELD, [user.as_uuid().into()]);
        let row = one(self.database(), "collect what is held", asked).await?;
        row.map(|row| Columns::new(&row).json(user::TABLE, "id"))
            .transpose()
    }

    async fn held_sessions(
        &self,
        user: UserId,
        after: Option<SessionPosition>,
        limit: u16,
    ) -> Result<(Vec<Value>, Option<SessionPosition>), StoreError> {
        let values = [
            user.as_uuid().into(),
            after.map(|after| after.last_active.as_datetime()).into(),
            after.map(|after| after.id.as_uuid()).into(),
            i64::from(limit).into(),
        ];
        let asked = statement(HELD_SESSIONS, values);
        let rows = all(self.database(), "collect the sessions", asked).await?;
        let mut last = None;
        let mut sessions = Vec::with_capacity(rows.len());
        for row in &rows {
            let columns = &mut Columns::new(row);
            last = Some(SessionPosition {
                last_active: columns.timestamp(SESSIONS, "last_active")?,
                id: SessionId::from_uuid(columns.take(SESSIONS, "id")?),
            });
            sessions.push(columns.json(SESSIONS, "id")?);
        }
        let has_more = sessions.len() == usize::from(limit);
        Ok((sessions, last.filter(|_| has_more)))
    }

    async fn forget_events(
        &self,
        customer: &Customer,
        after: Option<EventPosition>,
        limit: u16,
    ) -> Result<(u64, Option<EventPosition>), StoreError> {
        let values = [
            customer.as_str().into(),
            after
                .as_ref()
                .map(|after| after.received_at.as_datetime())
                .into(),
            after.map(|after| after.id.0).into(),
            i64::from(limit).into(),
        ];
        let asked = statement(FORGET_EVENTS, values);
        let Some(row) = one(self.database(), "forget what was told", asked).await? else {
            return Ok((0, None));
        };
        let columns = &mut Columns::new(&row);
        let last = EventPosition {
            received_at: columns.timestamp(EVENTS, "received_at")?,
            id: NoticeId(columns.take(EVENTS, "id")?),
        };
        let forgotten: i64 = columns.take(EVENTS, "body")?;
        let seen: i64 = columns.take(EVENTS, "id")?;
        let has_more = seen == i64::from(limit);
        Ok((
            u64::try_from(forgotten).unwrap_or_default(),
            has_more.then_some(last),
        ))
    }

    async fn unproven(
        &self,
        signed_up_before: Timestamp,
        limit: u16,
    ) -> Result<Vec<UserId>, StoreError> {
        let values = [
            signed_up_before.as_datetime().into(),
            i64::from(limit).into(),
        ];
        let asked = statement(UNPROVEN, values);
        let rows = all(self.database(), "find who never proved an address", asked).await?;
        let ids = rows.iter().map(|row| {
            let id = Columns::new(row).take(user::TABLE, "id")?;
            Ok(UserId::from_uuid(id))
        });
        ids.collect()
    }
}

const LOCK_ACCOUNTS: &str = "SELECT c.id FROM accounts c \
     WHERE c.id IN (SELECT m.account_id FROM memberships m WHERE m.user_id = $1) \
     ORDER BY c.id FOR NO KEY UPDATE";

/// A statement of its own, so that it sees what whoever had the lock before has done.
const LEFT: &str = "SELECT m.account_id, \
     EXISTS (SELECT FROM memberships o WHERE o.account_id = m.account_id AND o.user_id <> $1), \
     EXISTS (SELECT FROM memberships o WHERE o.account_id = m.account_id AND o.user_id <> $1 \
       AND o.role = 'owner') \
     FROM memberships m WHERE m.user_id = $1 ORDER BY m.account_id";

const LOCK_UNPROVEN: &str =
    "SELECT FROM users WHERE id = $1 AND email_verified_at IS NULL FOR UPDATE";

const EMPTY: &str = "UPDATE accounts SET name = '(deleted)', team_size_bucket = NULL, \
     primary_psa = NULL, deleted_at = $2, suspended_at = coalesce(suspended_at, $2), \
     updated_at = $2 WHERE id = $1 AND deleted_at IS NULL";

const END_SESSIONS: &str = "DELETE FROM auth_sessions WHERE account_id = $1";

const REST: [(&str, &str); 6] = [
    (
        "delete the memberships",
        "DELETE FROM memberships WHERE account_id = $1",
    ),
    (
        "delete the invitations",
        "DELETE FROM account_invites WHERE account_id = $1",
    ),
    (
        "delete the grants",
        "DELETE FROM complimentary_grants WHERE account_id = $1",
    ),
    (
        "delete the features' exceptions",
        "DELETE FROM account_feature_overrides WHERE account_id = $1",
    ),
    (
        "delete the limits' exceptions",
        "DELETE FROM account_limit_overrides WHERE account_id = $1",
    ),
    (
        "delete the purchases",
        "DELETE FROM purchase_reservations WHERE account_id = $1",
    ),
];

const ERASE_LEADS: &str = "DELETE FROM sales_leads l USING users u \
     WHERE u.id = $1 AND u.email_verified_at IS NOT NULL AND l.email = u.email";

const ERASE_INVITES: &str = "DELETE FROM account_invites i USING users u \
     WHERE u.id = $1 AND u.email_verified_at IS NOT NULL AND i.email = u.email";

/// A code for the person alone, given away while they were here: nobody else may use it now.
const ERASE_CODES: &str = "UPDATE invite_codes c SET email = NULL, \
     revoked_at = CASE WHEN c.used_at IS NULL THEN coalesce(c.revoked_at, $2) END \
     FROM users u WHERE u.id = $1 AND c.email = u.email";

const ERASE: &str = "DELETE FROM users WHERE id = $1";

#[async_trait]
impl ErasureWrites for PostgresTransaction {
    async fn lock_accounts_of(&mut self, user: UserId) -> Result<Vec<LeftAccount>, StoreError> {
        let values = || [user.as_uuid().into()];
        all(
            &self.0,
            "lock the person's accounts",
            statement(LOCK_ACCOUNTS, values()),
        )
        .await?;
        let asked = statement(LEFT, values());
        let rows = all(&self.0, "look at the person's accounts", asked).await?;
        let left = rows.iter().map(|row| {
            let columns = &mut Columns::new(row);
            Ok(LeftAccount {
                id: AccountId::from_uuid(columns.take(MEMBERSHIPS, "account_id")?),
                has_others: columns.take(MEMBERSHIPS, "user_id")?,
                has_other_owner: columns.take(MEMBERSHIPS, "role")?,
            })
        });
        left.collect()
    }

    async fn lock_unproven(&mut self, user: UserId) -> Result<bool, StoreError> {
        let asked = statement(LOCK_UNPROVEN, [user.as_uuid().into()]);
        let row = one(&self.0, "hold the person", asked).await?;
        Ok(row.is_some())
    }

    async fn empty_account(
        &mut self,
        account: AccountId,
        now: Timestamp,
    ) -> Result<Option<u64>, StoreError> {
        let values = || [account.as_uuid().into()];
        let at = [account.as_uuid().into(), now.as_datetime().into()];
        if execute(&self.0, "empty the account", statement(EMPTY, at)).await? == 0 {
            return Ok(None);
        }
        let end = statement(END_SESSIONS, values());
        let sessions = execute(&self.0, "end the account's sessions", end).await?;
        for (step, sql) in REST {
            execute(&self.0, step, statement(sql, values())).await?;
        }
        Ok(Some(sessions))
    }

    async fn erase_user(&mut self, user: UserId, now: Timestamp) -> Result<bool, StoreError> {
        let codes = [user.as_uuid().into(), now.as_datetime().into()];
        execute(
            &self.0,
            "erase the person's codes",
            statement(ERASE_CODES, codes),
        )
        .await?;
        let values = || [user.as_uuid().into()];
        let invites = statement(ERASE_INVITES, values());
        execute(&self.0, "erase the person's invitations", invites).await?;
        let leads = statement(ERASE_LEADS, values());
        execute(&self.0, "erase the person's leads", leads).await?;
        let erase = statement(ERASE, values());
        Ok(execute(&self.0, "erase the person", erase).await? == 1)
    }
}
