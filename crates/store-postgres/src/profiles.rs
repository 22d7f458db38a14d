//! What people and accounts say of themselves. Updates are the statements of their declarations.

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, QueryResult, Value};
use tollgate_field_mask::Changes;
use tollgate_onboarding::{Progress, RoleAtSignup};
use tollgate_primitives::{AccountId, Timestamp, UserId};
use tollgate_use_cases::ports::{
    AccountProfile, OnboardingFacts, ProfileWrites, Profiles, StoreError,
};
use uuid::Uuid;

use crate::{
    PostgresStore,
    columns::{Columns, Table, execute, one, statement},
    rows::user,
    transaction::PostgresTransaction,
};

const ACCOUNTS: Table = Table("accounts");

const ONBOARDING: &str = "SELECT u.onboarding_step_completed, u.onboarding_dismissed, \
     c.primary_psa, \
     EXISTS (SELECT FROM memberships o WHERE o.account_id = $2 AND o.user_id <> $1) \
       OR EXISTS (SELECT FROM account_invites i WHERE i.account_id = $2 \
         AND i.accepted_at IS NULL AND i.revoked_at IS NULL), \
     m.created_at > c.created_at, \
     EXISTS (SELECT FROM auth_sessions a WHERE a.account_id = $2 AND a.last_active > a.created_at) \
     FROM users u \
     JOIN memberships m ON m.user_id = u.id AND m.account_id = $2 \
     JOIN accounts c ON c.id = m.account_id \
     WHERE u.id = $1";

#[async_trait]
impl Profiles for PostgresStore {
    async fn onboarding(
        &self,
        user: UserId,
        account: AccountId,
    ) -> Result<Option<OnboardingFacts>, StoreError> {
        let values = [user.as_uuid().into(), account.as_uuid().into()];
        let asked = statement(ONBOARDING, values);
        let Some(row) = one(self.database(), "find the onboarding", asked).await? else {
            return Ok(None);
        };
        let columns = &mut Columns::new(&row);
        Ok(Some(OnboardingFacts {
            progress: progress(columns)?,
            primary_psa: columns.take(ACCOUNTS, "primary_psa")?,
            has_teammate: columns.take(Table("memberships"), "user_id")?,
            is_team_user: columns.take(Table("memberships"), "created_at")?,
            came_back: columns.take(Table("auth_sessions"), "last_active")?,
        }))
    }
}

const LOCK_PROGRESS: &str = "SELECT onboarding_step_completed, onboarding_dismissed FROM users \
     WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE";

const PUT_PROGRESS: &str = "UPDATE users SET onboarding_step_completed = $2, \
     onboarding_dismissed = $3, role_at_signup = coalesce($4, role_at_signup), updated_at = $5 \
     WHERE id = $1";

const CLEAR_KEPT_BANNER: &str = "UPDATE users SET pending_kept_banner = false, updated_at = $2 \
     WHERE id = $1 AND pending_kept_banner";

#[async_trait]
impl ProfileWrites for PostgresTransaction {
    async fn update_user(
        &mut self,
        user: UserId,
        changes: &Changes<String>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let updated = update(&self.0, user.as_uuid(), changes, now).await?;
        Ok(updated.is_some())
    }

    async fn update_account(
        &mut self,
        account: AccountId,
        changes: &Changes<String>,
        now: Timestamp,
    ) -> Result<Option<AccountProfile>, StoreError> {
        let updated = update(&self.0, account.as_uuid(), changes, now).await?;
        updated.as_ref().map(account_from_row).transpose()
    }

    async fn lock_progress(&mut self, user: UserId) -> Result<Option<Progress>, StoreError> {
        let lock = statement(LOCK_PROGRESS, [user.as_uuid().into()]);
        let row = one(&self.0, "lock the onboarding", lock).await?;
        row.map(|row| progress(&mut Columns::new(&row))).transpose()
    }

    async fn put_progress(
        &mut self,
        user: UserId,
        progress: Progress,
        role: Option<RoleAtSignup>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let values = [
            user.as_uuid().into(),
            i16::from(progress.step_completed).into(),
            progress.is_dismissed.into(),
            role.map(RoleAtSignup::as_str).into(),
            now.as_datetime().into(),
        ];
        let put = statement(PUT_PROGRESS, values);
        execute(&self.0, "store the onboarding", put).await?;
        Ok(())
    }

    async fn clear_kept_banner(
        &mut self,
        user: UserId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let values = [user.as_uuid().into(), now.as_datetime().into()];
        let clear = statement(CLEAR_KEPT_BANNER, values);
        Ok(execute(&self.0, "clear the banner", clear).await? == 1)
    }
}

/// The row with the declared columns, as it is then.
async fn update(
    connection: &impl ConnectionTrait,
    id: Uuid,
    changes: &Changes<String>,
    now: Timestamp,
) -> Result<Option<QueryResult>, StoreError> {
    let mut values: Vec<Value> = vec![id.into(), now.as_datetime().into()];
    values.extend(changes.iter().map(|(_, value)| value.cloned().into()));
    one(
        connection,
        "update the fields",
        statement(&changes.update(), values),
    )
    .await
}

/// Reads what [`tollgate_use_cases::ACCOUNT`] declares, in its order.
fn account_from_row(row: &QueryResult) -> Result<AccountProfile, StoreError> {
    let columns = &mut Columns::new(row);
    Ok(AccountProfile {
        id: AccountId::from_uuid(columns.take(ACCOUNTS, "id")?),
        name: columns.take(ACCOUNTS, "name")?,
        team_size_bucket: columns.take(ACCOUNTS, "team_size_bucket")?,
        primary_psa: columns.take(ACCOUNTS, "primary_psa")?,
        created_at: columns.timestamp(ACCOUNTS, "created_at")?,
    })
}

fn progress(columns: &mut Columns<'_>) -> Result<Progress, StoreError> {
    Ok(Progress {
        step_completed: columns.parse::<i16, _>(user::TABLE, "onboarding_step_completed")?,
        is_dismissed: columns.take(user::TABLE, "onboarding_dismissed")?,
    })
}
