//! Sign-ins through providers. One that has begun ends once because one statement says so; an identity is
//! one person's because an index does.

use std::time::Duration;

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, QueryResult};
use secrecy::ExposeSecret;
use tollgate_identity::{
    OwnPath,
    attestation::ProviderIdentity,
    provider::ProviderName,
    provider_sign_in::{Holder, Linker},
};
use tollgate_primitives::{AccountId, EmailAddress, IdentityId, SessionId, Timestamp, UserId};
use tollgate_use_cases::ports::{
    Entrance, Flow, FlowSecrets, IdentityRow, Linking, NewFlow, NewIdentity, ProviderArrivals,
    ProviderSignIns, StoreError,
};

use crate::{
    columns::{Columns, Table, all, execute, one, statement},
    members,
    store::PostgresStore,
    transaction::PostgresTransaction,
};

const FLOWS: Table = Table("oauth_flows");
const IDENTITIES: Table = Table("oauth_identities");
const USERS: Table = Table("users");

#[async_trait]
impl ProviderSignIns for PostgresStore {
    async fn insert_flow(&self, flow: &NewFlow, now: Timestamp) -> Result<(), StoreError> {
        insert_flow(self.database(), flow, now).await
    }

    async fn take_flow(
        &self,
        provider: &ProviderName,
        hashes: (&[u8; 32], &[u8; 32]),
        linking: Option<Linking>,
        now: Timestamp,
    ) -> Result<Option<Flow>, StoreError> {
        take_flow(self.database(), provider, hashes, linking, now).await
    }

    async fn identities(&self, user: UserId) -> Result<Vec<IdentityRow>, StoreError> {
        identities(self.database(), user).await
    }
}

#[async_trait]
impl ProviderArrivals for PostgresTransaction {
    async fn lock_holder(&mut self, email: &EmailAddress) -> Result<Option<Holder>, StoreError> {
        lock_holder(&self.0, email).await
    }

    async fn identity_owner(
        &mut self,
        provider: &ProviderName,
        identity: &ProviderIdentity,
    ) -> Result<Option<UserId>, StoreError> {
        identity_owner(&self.0, provider, identity).await
    }

    async fn entrance(&mut self, user: UserId) -> Result<Option<Entrance>, StoreError> {
        entrance(&self.0, user).await
    }

    async fn insert_identity(
        &mut self,
        identity: &NewIdentity,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        insert_identity(&self.0, identity, now).await
    }

    async fn end_ways_in(&mut self, user: UserId) -> Result<(), StoreError> {
        end_ways_in(&self.0, user).await
    }

    async fn mark_verified(&mut self, user: UserId, now: Timestamp) -> Result<(), StoreError> {
        mark_verified(&self.0, user, now).await
    }

    async fn lock_linker(
        &mut self,
        user: UserId,
        session: SessionId,
    ) -> Result<Option<Linker>, StoreError> {
        lock_linker(&self.0, user, session).await
    }

    async fn lock_ways_in(&mut self, user: UserId) -> Result<(bool, Vec<IdentityId>), StoreError> {
        lock_ways_in(&self.0, user).await
    }

    async fn delete_identity(
        &mut self,
        user: UserId,
        identity: IdentityId,
    ) -> Result<(), StoreError> {
        delete_identity(&self.0, user, identity).await
    }
}

/// Long enough that nobody who is still at it is told less than that it is over.
const KEPT: Duration = Duration::from_hours(1);

/// Each that begins takes two with it that are long over: the table cannot outgrow an hour of them.
const INSERT_FLOW: &str = "WITH over AS (\
       DELETE FROM oauth_flows WHERE state_hash IN (\
         SELECT state_hash FROM oauth_flows WHERE expires_at < $10 \
         ORDER BY expires_at LIMIT 2 FOR UPDATE SKIP LOCKED)) \
     INSERT INTO oauth_flows (state_hash, flow_token_hash, provider, nonce, verifier, invite_hash, \
       next, created_at, expires_at, user_id, session_id) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $11, $12)";

async fn insert_flow(
    connection: &impl ConnectionTrait,
    flow: &NewFlow,
    now: Timestamp,
) -> Result<(), StoreError> {
    let values = [
        flow.state.to_vec().into(),
        flow.flow_token.to_vec().into(),
        flow.provider.as_str().into(),
        flow.secrets.nonce.expose_secret().into(),
        flow.secrets.verifier.expose_secret().into(),
        flow.invite.map(Vec::from).into(),
        flow.next.as_ref().map(OwnPath::as_str).into(),
        now.as_datetime().into(),
        flow.expires_at.as_datetime().into(),
        now.saturating_sub(KEPT).as_datetime().into(),
        flow.linking.map(|linking| linking.user.as_uuid()).into(),
        flow.linking.map(|linking| linking.session.as_uuid()).into(),
    ];
    execute(
        connection,
        "keep the sign-in",
        statement(INSERT_FLOW, values),
    )
    .await?;
    Ok(())
}

const TAKE_FLOW: &str = "UPDATE oauth_flows SET consumed_at = $4 \
     WHERE state_hash = $1 AND flow_token_hash = $2 AND provider = $3 \
       AND consumed_at IS NULL AND expires_at > $4 \
       AND user_id IS NOT DISTINCT FROM $5 AND session_id IS NOT DISTINCT FROM $6 \
     RETURNING nonce, verifier, invite_hash, next";

async fn take_flow(
    connection: &impl ConnectionTrait,
    provider: &ProviderName,
    (state, flow_token): (&[u8; 32], &[u8; 32]),
    linking: Option<Linking>,
    now: Timestamp,
) -> Result<Option<Flow>, StoreError> {
    let values = [
        state.to_vec().into(),
        flow_token.to_vec().into(),
        provider.as_str().into(),
        now.as_datetime().into(),
        linking.map(|linking| linking.user.as_uuid()).into(),
        linking.map(|linking| linking.session.as_uuid()).into(),
    ];
    let row = one(connection, "take the sign-in", statement(TAKE_FLOW, values)).await?;
    row.map(|row| flow_from_row(&row)).transpose()
}

fn flow_from_row(row: &QueryResult) -> Result<Flow, StoreError> {
    let columns = &mut Columns::new(row);
    let secrets = FlowSecrets {
        nonce: columns.take::<String>(FLOWS, "nonce")?.into(),
        verifier: columns.take::<String>(FLOWS, "verifier")?.into(),
    };
    let invite: Option<Vec<u8>> = columns.take(FLOWS, "invite_hash")?;
    let invite = invite.map(<[u8; 32]>::try_from).transpose();
    let next: Option<String> = columns.take(FLOWS, "next")?;
    Ok(Flow {
        secrets,
        invite: invite.map_err(|_| FLOWS.corrupt("invite_hash", "is not 32 bytes long"))?,
        next: next.map(|next| FLOWS.parse("next", next)).transpose()?,
    })
}

const OF_USER: &str = "SELECT id, provider, provider_email_at_link, created_at \
     FROM oauth_identities WHERE user_id = $1 ORDER BY created_at, id LIMIT 100";

async fn identities(
    connection: &impl ConnectionTrait,
    user: UserId,
) -> Result<Vec<IdentityRow>, StoreError> {
    let asked = statement(OF_USER, [user.as_uuid().into()]);
    let rows = all(connection, "find the linked providers", asked).await?;
    rows.iter()
        .map(|row| {
            let columns = &mut Columns::new(row);
            Ok(IdentityRow {
                id: IdentityId::from_uuid(columns.take(IDENTITIES, "id")?),
                provider: columns.take(IDENTITIES, "provider")?,
                email: columns.take(IDENTITIES, "provider_email_at_link")?,
                created_at: columns.timestamp(IDENTITIES, "created_at")?,
            })
        })
        .collect()
}

const LOCK_HOLDER: &str = "SELECT id, email_verified_at IS NOT NULL FROM users \
     WHERE email = $1 FOR NO KEY UPDATE";

/// In a statement of its own, which sees what the lock waited for.
const IS_FEDERATED: &str = "SELECT EXISTS (SELECT FROM oauth_identities WHERE user_id = $1)";

async fn lock_holder(
    connection: &impl ConnectionTrait,
    email: &EmailAddress,
) -> Result<Option<Holder>, StoreError> {
    let lock = statement(LOCK_HOLDER, [email.as_str().into()]);
    let Some(row) = one(connection, "lock who has the address", lock).await? else {
        return Ok(None);
    };
    let columns = &mut Columns::new(&row);
    let user = UserId::from_uuid(columns.take(USERS, "id")?);
    let is_verified = columns.take(USERS, "email_verified_at")?;
    let asked = statement(IS_FEDERATED, [user.as_uuid().into()]);
    let row = one(connection, "look for linked providers", asked).await?;
    let is_federated = match row {
        Some(row) => Columns::new(&row).take(IDENTITIES, "user_id")?,
        None => false,
    };
    Ok(Some(Holder {
        user,
        is_verified,
        is_federated,
    }))
}

/// The lock is waited for by whoever takes the link away.
const OWNER: &str = "SELECT user_id FROM oauth_identities \
     WHERE provider = $1 AND issuer = $2 AND provider_subject = $3 FOR SHARE";

async fn identity_owner(
    connection: &impl ConnectionTrait,
    provider: &ProviderName,
    identity: &ProviderIdentity,
) -> Result<Option<UserId>, StoreError> {
    let values = [
        provider.as_str().into(),
        identity.issuer.as_str().into(),
        identity.subject.as_str().into(),
    ];
    let row = one(
        connection,
        "find whose identity it is",
        statement(OWNER, values),
    )
    .await?;
    row.map(|row| Columns::new(&row).take(IDENTITIES, "user_id"))
        .map(|user| user.map(UserId::from_uuid))
        .transpose()
}

const ENTRANCE: &str = "SELECT o.account_id, c.suspended_at IS NOT NULL AS is_suspended \
     FROM memberships o JOIN accounts c ON c.id = o.account_id WHERE o.user_id = $1 \
     ORDER BY is_suspended, o.created_at, o.account_id LIMIT 1";

async fn entrance(
    connection: &impl ConnectionTrait,
    user: UserId,
) -> Result<Option<Entrance>, StoreError> {
    let asked = statement(ENTRANCE, [user.as_uuid().into()]);
    let row = one(connection, "find where to begin", asked).await?;
    row.map(|row| {
        let columns = &mut Columns::new(&row);
        Ok(Entrance {
            account: AccountId::from_uuid(columns.take(Table("memberships"), "account_id")?),
            is_suspended: columns.take(Table("accounts"), "suspended_at")?,
        })
    })
    .transpose()
}

const INSERT_IDENTITY: &str = "INSERT INTO oauth_identities \
       (id, user_id, provider, issuer, provider_subject, provider_email_at_link, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";

async fn insert_identity(
    connection: &impl ConnectionTrait,
    new: &NewIdentity,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let values = [
        new.id.as_uuid().into(),
        new.user.as_uuid().into(),
        new.provider.as_str().into(),
        new.identity.issuer.as_str().into(),
        new.identity.subject.as_str().into(),
        new.email.as_str().into(),
        now.as_datetime().into(),
    ];
    let insert = statement(INSERT_IDENTITY, values);
    Ok(execute(connection, "link the provider", insert).await? == 1)
}

const END_LINKS: &str = "DELETE FROM oauth_identities WHERE user_id = $1";
const END_PASSWORD: &str = "UPDATE users SET password_hash = NULL WHERE id = $1";

async fn end_ways_in(connection: &impl ConnectionTrait, user: UserId) -> Result<(), StoreError> {
    let values = || [user.as_uuid().into()];
    execute(connection, "end the links", statement(END_LINKS, values())).await?;
    let end = statement(END_PASSWORD, values());
    execute(connection, "end the password", end).await?;
    Ok(())
}

const MARK_VERIFIED: &str =
    "UPDATE users SET email_verified_at = $2 WHERE id = $1 AND email_verified_at IS NULL";

async fn mark_verified(
    connection: &impl ConnectionTrait,
    user: UserId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let values = [user.as_uuid().into(), now.as_datetime().into()];
    let mark = statement(MARK_VERIFIED, values);
    execute(connection, "mark the address as proven", mark).await?;
    Ok(())
}

const LOCK_LINKER: &str =
    "SELECT email_verified_at IS NOT NULL FROM users WHERE id = $1 FOR NO KEY UPDATE";

/// The session in a statement of its own, which sees what the lock waited for.
async fn lock_linker(
    connection: &impl ConnectionTrait,
    user: UserId,
    session: SessionId,
) -> Result<Option<Linker>, StoreError> {
    let lock = statement(LOCK_LINKER, [user.as_uuid().into()]);
    let Some(row) = one(connection, "lock who is signed in", lock).await? else {
        return Ok(None);
    };
    Ok(Some(Linker {
        user,
        is_verified: Columns::new(&row).take(USERS, "email_verified_at")?,
        signed_in_at: members::signed_in_at(connection, session).await?,
    }))
}

const LOCK_PASSWORD: &str =
    "SELECT password_hash IS NOT NULL FROM users WHERE id = $1 FOR NO KEY UPDATE";

async fn lock_ways_in(
    connection: &impl ConnectionTrait,
    user: UserId,
) -> Result<(bool, Vec<IdentityId>), StoreError> {
    let lock = statement(LOCK_PASSWORD, [user.as_uuid().into()]);
    let row = one(connection, "lock how one signs in", lock).await?;
    let has_password = match row {
        Some(row) => Columns::new(&row).take(USERS, "password_hash")?,
        None => false,
    };
    let links = identities(connection, user).await?;
    Ok((
        has_password,
        links.into_iter().map(|link| link.id).collect(),
    ))
}

const DELETE: &str = "DELETE FROM oauth_identities WHERE user_id = $1 AND id = $2";

async fn delete_identity(
    connection: &impl ConnectionTrait,
    user: UserId,
    identity: IdentityId,
) -> Result<(), StoreError> {
    let values = [user.as_uuid().into(), identity.as_uuid().into()];
    execute(connection, "unlink the provider", statement(DELETE, values)).await?;
    Ok(())
}
