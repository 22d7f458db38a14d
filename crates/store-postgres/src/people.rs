//! Who somebody is: to the person, to sign-in, and to whoever writes a mail.

use sea_orm::{ConnectionTrait, EntityTrait, IntoActiveModel, TryInsertResult};
use serde::Deserialize;
use tollgate_identity::Role;
use tollgate_primitives::{AccountId, EmailAddress, SessionId, Timestamp, UserId};
use tollgate_use_cases::ports::{
    AccountRow, Credentials, Membership, NewUser, PasswordHash, PasswordOwner, StoreError, User,
};
use uuid::Uuid;

use crate::{
    columns::{Columns, Table, all, execute, one, statement, unavailable},
    rows::{account, membership, user},
};

const MEMBERSHIPS: Table = Table("memberships");

const USER: &str = "SELECT u.id, u.email, u.name, u.timezone, m.role, u.is_super_admin, u.email_verified_at, \
     u.onboarding_step_completed, u.onboarding_dismissed, u.pending_kept_banner, u.created_at, \
     (SELECT json_agg(json_build_object('account', o.account_id, 'account_name', c.name, \
       'role', o.role) ORDER BY o.created_at, o.account_id) \
       FROM memberships o JOIN accounts c ON c.id = o.account_id WHERE o.user_id = u.id)::text \
     FROM auth_sessions a \
     JOIN users u ON u.id = a.user_id \
     JOIN memberships m ON m.account_id = $2 AND m.user_id = a.user_id \
     WHERE a.id = $1 AND a.revoked_at IS NULL";

#[derive(Debug, Deserialize)]
struct MembershipEntry {
    account: AccountId,
    account_name: String,
    role: Role,
}

pub(crate) async fn user(
    connection: &impl ConnectionTrait,
    session: SessionId,
    account: AccountId,
) -> Result<Option<User>, StoreError> {
    let values = [session.as_uuid().into(), account.as_uuid().into()];
    let Some(row) = one(connection, "find the user", statement(USER, values)).await? else {
        return Ok(None);
    };
    let columns = &mut Columns::new(&row);
    let user = User {
        id: UserId::from_uuid(columns.take(user::TABLE, "id")?),
        email: columns.parse::<String, _>(user::TABLE, "email")?,
        name: columns.take(user::TABLE, "name")?,
        timezone: columns.take(user::TABLE, "timezone")?,
        account,
        account_role: Role::parse(&columns.take::<String>(MEMBERSHIPS, "role")?)
            .map_err(|error| MEMBERSHIPS.corrupt("role", error))?,
        memberships: Vec::new(),
        is_super_admin: columns.take(user::TABLE, "is_super_admin")?,
        email_verified_at: columns.optional_timestamp(user::TABLE, "email_verified_at")?,
        onboarding_step_completed: columns
            .parse::<i16, _>(user::TABLE, "onboarding_step_completed")?,
        onboarding_dismissed: columns.take(user::TABLE, "onboarding_dismissed")?,
        pending_kept_banner: columns.take(user::TABLE, "pending_kept_banner")?,
        created_at: columns.timestamp(user::TABLE, "created_at")?,
    };
    let memberships: Vec<MembershipEntry> = columns.json(MEMBERSHIPS, "role")?;
    let memberships = memberships
        .into_iter()
        .map(|entry| Membership {
            account: entry.account,
            account_name: entry.account_name,
            role: entry.role,
        })
        .collect();
    Ok(Some(User {
        memberships,
        ..user
    }))
}

/// A new session starts in the account the person joined first, of those that are not suspended.
const CREDENTIALS: &str = "SELECT u.id, u.password_hash, m.account_id, coalesce(m.is_suspended, false), \
     (SELECT json_agg(DISTINCT o.provider) FROM oauth_identities o WHERE o.user_id = u.id)::text \
     FROM users u \
     LEFT JOIN LATERAL (\
       SELECT o.account_id, c.suspended_at IS NOT NULL AS is_suspended \
       FROM memberships o JOIN accounts c ON c.id = o.account_id WHERE o.user_id = u.id \
       ORDER BY is_suspended, o.created_at, o.account_id LIMIT 1) m ON true \
     WHERE u.email = $1";

pub(crate) async fn credentials(
    connection: &impl ConnectionTrait,
    email: &EmailAddress,
) -> Result<Option<Credentials>, StoreError> {
    let asked = statement(CREDENTIALS, [email.as_str().into()]);
    let Some(row) = one(connection, "find the credentials", asked).await? else {
        return Ok(None);
    };
    let columns = &mut Columns::new(&row);
    Ok(Some(Credentials {
        user: UserId::from_uuid(columns.take(user::TABLE, "id")?),
        password: columns
            .take::<Option<String>>(user::TABLE, "password_hash")?
            .map(PasswordHash),
        account: columns
            .take::<Option<Uuid>>(MEMBERSHIPS, "account_id")?
            .map(AccountId::from_uuid),
        is_suspended: columns.take(Table("accounts"), "suspended_at")?,
        providers: columns.json(Table("oauth_identities"), "provider")?,
    }))
}

pub(crate) async fn mailbox(
    connection: &impl ConnectionTrait,
    user: UserId,
) -> Result<Option<(EmailAddress, String, Option<Timestamp>)>, StoreError> {
    user::Entity::find_by_id(user.as_uuid())
        .one(connection)
        .await
        .map_err(unavailable("find the mailbox"))?
        .map(user::from_row)
        .transpose()
}

const OPERATOR: &str = "SELECT id FROM users WHERE email = $1 AND is_super_admin";

pub(crate) async fn operator(
    connection: &impl ConnectionTrait,
    email: &EmailAddress,
) -> Result<Option<UserId>, StoreError> {
    let asked = statement(OPERATOR, [email.as_str().into()]);
    let row = one(connection, "find the operator", asked).await?;
    row.map(|row| Columns::new(&row).take(user::TABLE, "id"))
        .transpose()
        .map(|id| id.map(UserId::from_uuid))
}

const BILLING_CONTACTS: &str = "SELECT m.user_id FROM memberships m \
     JOIN accounts c ON c.id = m.account_id AND NOT c.is_test_cohort \
     WHERE m.account_id = $1 AND m.role IN ('owner', 'admin') ORDER BY m.user_id";

pub(crate) async fn billing_contacts(
    connection: &impl ConnectionTrait,
    account: AccountId,
) -> Result<Vec<UserId>, StoreError> {
    let asked = statement(BILLING_CONTACTS, [account.as_uuid().into()]);
    let rows = all(connection, "find the billing contacts", asked).await?;
    rows.iter()
        .map(|row| Columns::new(row).take(Table("memberships"), "user_id"))
        .map(|id| id.map(UserId::from_uuid))
        .collect()
}

const BILLING_CONTACT: &str = "SELECT c.name, u.email FROM memberships m \
     JOIN accounts c ON c.id = m.account_id AND NOT c.is_test_cohort \
     JOIN users u ON u.id = m.user_id \
     WHERE m.account_id = $1 AND m.user_id = $2 AND m.role IN ('owner', 'admin')";

pub(crate) async fn billing_contact(
    connection: &impl ConnectionTrait,
    account: AccountId,
    to: UserId,
) -> Result<Option<(String, EmailAddress)>, StoreError> {
    let asked = statement(
        BILLING_CONTACT,
        [account.as_uuid().into(), to.as_uuid().into()],
    );
    let Some(row) = one(connection, "find the billing contact", asked).await? else {
        return Ok(None);
    };
    let columns = &mut Columns::new(&row);
    let name = columns.take(Table("accounts"), "name")?;
    let address: String = columns.take(user::TABLE, "email")?;
    Ok(Some((name, user::TABLE.parse("email", address)?)))
}

/// Of any number of transactions with the same address, the first to commit has it; the others wait.
pub(crate) async fn insert_user(
    connection: &impl ConnectionTrait,
    user: &NewUser,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let inserted = user::Entity::insert(user::to_row(user, now).into_active_model())
        .on_conflict_do_nothing_on([user::Column::Email])
        .exec_without_returning(connection)
        .await
        .map_err(unavailable("insert the user"))?;
    Ok(matches!(inserted, TryInsertResult::Inserted(1)))
}

pub(crate) async fn insert_account(
    connection: &impl ConnectionTrait,
    account: &AccountRow,
    owner: UserId,
    now: Timestamp,
) -> Result<(), StoreError> {
    account::Entity::insert(account::to_row(account, now).into_active_model())
        .exec_without_returning(connection)
        .await
        .map_err(unavailable("insert the account"))?;
    let membership = membership::to_row(account.id, owner, Role::Owner, now);
    membership::Entity::insert(membership.into_active_model())
        .exec_without_returning(connection)
        .await
        .map_err(unavailable("insert the owner"))?;
    Ok(())
}

const CLAIM_TRIAL: &str = "INSERT INTO trial_keys (mailbox_hash, first_used_at) VALUES ($1, $2) \
     ON CONFLICT (mailbox_hash) DO NOTHING";

pub(crate) async fn claim_trial(
    connection: &impl ConnectionTrait,
    mailbox: &[u8; 32],
    now: Timestamp,
) -> Result<bool, StoreError> {
    let values = [mailbox.to_vec().into(), now.as_datetime().into()];
    let claim = statement(CLAIM_TRIAL, values);
    Ok(execute(connection, "claim the trial", claim).await? == 1)
}

const REPLACE_PASSWORD: &str =
    "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2";

pub(crate) async fn replace_password(
    connection: &impl ConnectionTrait,
    user: UserId,
    old: &PasswordHash,
    new: &PasswordHash,
) -> Result<bool, StoreError> {
    let values = [
        user.as_uuid().into(),
        old.0.as_str().into(),
        new.0.as_str().into(),
    ];
    let replace = statement(REPLACE_PASSWORD, values);
    Ok(execute(connection, "replace the password", replace).await? == 1)
}

const HOLD_PASSWORD: &str = "SELECT FROM users WHERE id = $1 AND password_hash = $2 FOR SHARE";

pub(crate) async fn hold_password(
    connection: &impl ConnectionTrait,
    user: UserId,
    old: &PasswordHash,
) -> Result<bool, StoreError> {
    let hold = statement(
        HOLD_PASSWORD,
        [user.as_uuid().into(), old.0.as_str().into()],
    );
    let row = one(connection, "hold the password", hold).await?;
    Ok(row.is_some())
}

/// Whoever linked a provider before the address was proven has proven nothing.
const RESET_PASSWORD: &str = "WITH links AS (\
       DELETE FROM oauth_identities o USING users u \
       WHERE u.id = $1 AND o.user_id = u.id AND u.email_verified_at IS NULL) \
     UPDATE users SET password_hash = $2, \
       email_verified_at = coalesce(email_verified_at, $3) WHERE id = $1";

pub(crate) async fn reset_password(
    connection: &impl ConnectionTrait,
    user: UserId,
    new: &PasswordHash,
    now: Timestamp,
) -> Result<(), StoreError> {
    let values = [
        user.as_uuid().into(),
        new.0.as_str().into(),
        now.as_datetime().into(),
    ];
    let reset = statement(RESET_PASSWORD, values);
    execute(connection, "reset the password", reset).await?;
    Ok(())
}

const PASSWORD_OWNER: &str = "SELECT u.email, u.name, u.password_hash, \
     (SELECT c.name FROM memberships m JOIN accounts c ON c.id = m.account_id \
       WHERE m.user_id = u.id ORDER BY m.created_at, m.account_id LIMIT 1), \
     (SELECT json_agg(DISTINCT o.provider) FROM oauth_identities o WHERE o.user_id = u.id)::text \
     FROM users u WHERE u.id = $1";

pub(crate) async fn password_owner(
    connection: &impl ConnectionTrait,
    user: UserId,
) -> Result<Option<PasswordOwner>, StoreError> {
    let asked = statement(PASSWORD_OWNER, [user.as_uuid().into()]);
    let Some(row) = one(connection, "find whose password it is", asked).await? else {
        return Ok(None);
    };
    let columns = &mut Columns::new(&row);
    Ok(Some(PasswordOwner {
        user,
        email: columns.parse::<String, _>(user::TABLE, "email")?,
        name: columns.take(user::TABLE, "name")?,
        password: columns
            .take::<Option<String>>(user::TABLE, "password_hash")?
            .map(PasswordHash),
        company: columns.take(Table("accounts"), "name")?,
        providers: columns.json(Table("oauth_identities"), "provider")?,
    }))
}
