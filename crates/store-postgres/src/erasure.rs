//! What is held about a person, and its end. Rows that hang on a person or an account go with it; what
//! stays of an account is what the provider may still speak of.

use async_trait::async_trait;
use tollgate_primitives::{AccountId, Timestamp, UserId};
use tollgate_use_cases::ports::{Erasure, ErasureWrites, LeftAccount, StoreError};

use crate::{
    PostgresStore,
    columns::{Columns, Table, all, execute, one, statement},
    rows::user,
    transaction::PostgresTransaction,
};

const MEMBERSHIPS: Table = Table("memberships");

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
     'sessions', (SELECT coalesce(json_agg(json_build_object('id', a.id, \
       'account_id', a.account_id, 'created_at', a.created_at, 'last_active', a.last_active, \
       'revoked_at', a.revoked_at, 'user_agent', a.user_agent, 'ip', a.ip) \
       ORDER BY a.created_at, a.id), '[]') FROM auth_sessions a WHERE a.user_id = u.id), \
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

#[async_trait]
impl Erasure for PostgresStore {
    async fn held_about(&self, user: UserId) -> Result<Option<serde_json::Value>, StoreError> {
        let asked = statement(HELD, [user.as_uuid().into()]);
        let row = one(self.database(), "collect what is held", asked).await?;
        row.map(|row| Columns::new(&row).json(user::TABLE, "id"))
            .transpose()
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

const EMPTY: [(&str, &str); 8] = [
    (
        "end the account's sessions",
        "DELETE FROM auth_sessions WHERE account_id = $1",
    ),
    (
        "empty the account",
        "UPDATE accounts SET name = '(deleted)', team_size_bucket = NULL, primary_psa = NULL, \
         deleted_at = coalesce(deleted_at, $2), suspended_at = coalesce(suspended_at, $2), \
         updated_at = $2 WHERE id = $1",
    ),
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

    async fn empty_account(
        &mut self,
        account: AccountId,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut sessions = None;
        for (step, sql) in EMPTY {
            let id = account.as_uuid().into();
            let emptied = if sql.contains("$2") {
                statement(sql, [id, now.as_datetime().into()])
            } else {
                statement(sql, [id])
            };
            let rows = execute(&self.0, step, emptied).await?;
            sessions.get_or_insert(rows);
        }
        Ok(sessions.unwrap_or_default())
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
