//! An operator hands out a code to sign up with, and takes it back while nobody has.

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use thiserror::Error;
use tollgate_identity::{InviteCode, Terms};
use tollgate_primitives::{EmailAddress, InviteCodeId, Timestamp, UserId};

use crate::{
    App,
    keyed::{invite_code, token_hash},
    ports::{AuditEntry, InviteCodeRecord, NewInviteCode, Page, Revoked, StoreError},
};

/// What a code is to be good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandOut {
    pub terms: Terms,
    pub email: Option<EmailAddress>,
    pub expires_at: Option<Timestamp>,
    pub note: Option<String>,
}

/// A code that was just made: nobody is told it a second time.
#[derive(Debug)]
pub struct HandedOut {
    pub code: SecretString,
    pub record: InviteCodeRecord,
}

#[derive(Debug, Error)]
pub enum HandOutError {
    #[error("there is no such plan")]
    InvalidPlan,
    #[error("the code would have expired already")]
    EndIsPast,
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Debug, Error)]
pub enum RevokeCodeError {
    #[error("there is no such code")]
    UnknownCode,
    #[error("somebody has signed up with it")]
    AlreadyUsed,
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub async fn hand_out_code(
    app: &App,
    actor: UserId,
    wanted: HandOut,
) -> Result<HandedOut, HandOutError> {
    let now = app.clock.now();
    if wanted.expires_at.is_some_and(|end| end <= now) {
        return Err(HandOutError::EndIsPast);
    }
    let code = invite_code(&app.entropy.secret());
    let new = NewInviteCode {
        id: InviteCodeId::from_uuid(app.entropy.uuid(now)),
        hash: token_hash(code.expose_secret()),
        code: InviteCode {
            terms: wanted.terms,
            email: wanted.email,
            expires_at: wanted.expires_at,
            end: None,
        },
        note: wanted.note,
        created_by: actor,
    };
    let mut tx = app.store.begin().await?;
    if !tx.insert_invite_code(&new, now).await? {
        return Err(HandOutError::InvalidPlan);
    }
    tx.audit(&handed_out(&new), now).await?;
    tx.commit().await?;
    Ok(HandedOut {
        code,
        record: InviteCodeRecord {
            id: new.id,
            code: new.code,
            note: new.note,
            created_by: Some(actor),
            created_at: now,
        },
    })
}

/// A code that was taken back before stays so.
pub async fn revoke_code(
    app: &App,
    actor: UserId,
    id: InviteCodeId,
) -> Result<(), RevokeCodeError> {
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    match tx.revoke_invite_code(id, now).await? {
        None => return Err(RevokeCodeError::UnknownCode),
        Some(Revoked::Used) => return Err(RevokeCodeError::AlreadyUsed),
        Some(Revoked::Before) => return Ok(()),
        Some(Revoked::Now) => {}
    }
    let entry = AuditEntry {
        actor: Some(actor),
        account: None,
        action: "invite_code_revoked",
        detail: json!({ "invite": id }),
    };
    tx.audit(&entry, now).await?;
    tx.commit().await?;
    Ok(())
}

pub async fn list_codes(
    app: &App,
    after: Option<InviteCodeId>,
) -> Result<Page<InviteCodeRecord>, StoreError> {
    app.invite_codes.invite_codes(after).await
}

fn handed_out(new: &NewInviteCode) -> AuditEntry {
    AuditEntry {
        actor: Some(new.created_by),
        account: None,
        action: "invite_code_created",
        detail: json!({
            "invite": new.id,
            "plan": new.code.terms.plan,
            "trial_days": new.code.terms.trial_days,
            "is_bound": new.code.email.is_some(),
            "expires_at": new.code.expires_at,
        }),
    }
}
