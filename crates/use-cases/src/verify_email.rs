//! A person proves that an address is theirs, by the link that was mailed to it.

use secrecy::ExposeSecret;
use thiserror::Error;
use tollgate_identity::Purpose;
use tollgate_primitives::{JobKey, Timestamp, TokenId, UserId};

use crate::{
    App, TooOften,
    keyed::token_hash,
    ports::{AddressProof, Caller, Job, JobKind, OneTimeToken, StoreError, Transaction},
};

#[derive(Debug, Error)]
pub enum VerifyEmailError {
    /// Says the same for a token that is unknown, used, replaced, expired or for another purpose.
    #[error("the link does not work any more")]
    TokenInvalid,
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Debug, Error)]
pub enum SendVerificationError {
    #[error("the address is proven already")]
    AlreadyVerified,
    #[error(transparent)]
    TooOften(#[from] TooOften),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Following the link twice is fine, and opens no session.
pub async fn verify_email(app: &App, token: &str) -> Result<AddressProof, VerifyEmailError> {
    app.store
        .prove_address(&token_hash(token), app.clock.now())
        .await?
        .ok_or(VerifyEmailError::TokenInvalid)
}

/// Mails a new link; the one before it stops working.
pub async fn send_verification(app: &App, caller: &Caller) -> Result<(), SendVerificationError> {
    if caller.email_verified_at.is_some() {
        return Err(SendVerificationError::AlreadyVerified);
    }
    if let Some((address, ..)) = app.store.mailbox(caller.user).await? {
        app.try_mail(&address).await?;
    }
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    queue_verification(app, tx.as_mut(), caller.user, now).await?;
    tx.commit().await?;
    Ok(())
}

pub(crate) async fn queue_verification(
    app: &App,
    tx: &mut dyn Transaction,
    user: UserId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let token = app.one_time_token(Purpose::Verify, user, now);
    tx.insert_one_time(&token, now).await?;
    let kind = JobKind::MailVerification {
        user,
        token: token.id,
    };
    tx.enqueue(&Job::now(JobKey::new("mail-verification", token.id), kind))
        .await
}

impl App {
    fn one_time_token(&self, purpose: Purpose, user: UserId, now: Timestamp) -> OneTimeToken {
        let id = TokenId::from_uuid(self.entropy.uuid(now));
        self.one_time_row(id, purpose, user, now)
    }

    /// The row of a mailed token that was asked for at `asked_at`.
    pub(crate) fn one_time_row(
        &self,
        id: TokenId,
        purpose: Purpose,
        user: UserId,
        asked_at: Timestamp,
    ) -> OneTimeToken {
        let token = self.key.one_time_token(purpose, id);
        OneTimeToken {
            id,
            purpose,
            user,
            hash: token_hash(token.expose_secret()),
            expires_at: asked_at.saturating_add(purpose.life()),
        }
    }
}
