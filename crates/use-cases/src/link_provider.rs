//! Somebody who is signed in adds one more way to sign in: a provider vouches for them, and what it says
//! is theirs from then on. The way there belongs to their session, as the way in belongs to a browser.

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use tollgate_identity::{
    OwnPath,
    attestation::Attestation,
    provider::ProviderName,
    provider_sign_in::{LinkRefused, Linker, may_begin_link, may_link},
    verification,
};
use tollgate_primitives::{IdentityId, JobKey, Timestamp, UserId};

use crate::{
    App, BeginProviderSignInError, FinishProviderSignInError, ProviderSignInBegun, Session,
    begin_provider_sign_in::{Flowing, begin_flow},
    finish_provider_sign_in::{Taken, take},
    ports::{
        AuditEntry, Caller, Job, JobKind, Linking, NewIdentity, Returned, SecurityNotice,
        StoreError, Transaction,
    },
};

#[derive(Debug, Error)]
pub enum LinkError {
    #[error("the address was not proven")]
    EmailNotVerified { grace_ended_at: Timestamp },
    #[error("the sign-in is too long ago")]
    NotFresh,
    #[error("the identity is another person's")]
    AnotherPersons,
    #[error("the session has ended")]
    SessionEnded,
    #[error(transparent)]
    Begin(#[from] BeginProviderSignInError),
    #[error(transparent)]
    Finish(#[from] FinishProviderSignInError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub async fn begin_link(
    app: &App,
    caller: &Caller,
    provider: ProviderName,
    next: Option<OwnPath>,
    origin: &Session,
) -> Result<ProviderSignInBegun, LinkError> {
    app.knows_provider(&provider)
        .map_err(BeginProviderSignInError::from)?;
    let linker = Linker {
        user: caller.user,
        is_verified: caller.email_verified_at.is_some(),
        signed_in_at: app.teams.signed_in_at(caller.session).await?,
    };
    may_begin_link(&linker, app.clock.now()).map_err(|refused| told(refused, caller))?;
    let flow = Flowing {
        provider,
        invite: None,
        next,
        linking: Some(linking(caller)),
    };
    Ok(begin_flow(app, flow, origin).await?)
}

/// What a browser brought back, in the session that it left from.
#[derive(Debug)]
pub struct FinishLink {
    pub provider: ProviderName,
    pub state: SecretString,
    pub flow_token: SecretString,
    pub returned: Returned,
    pub origin: Session,
}

/// What is theirs already stays so. Answers where the person was going.
pub async fn finish_link(
    app: &App,
    caller: &Caller,
    command: FinishLink,
) -> Result<Option<OwnPath>, LinkError> {
    let taken = Taken {
        provider: &command.provider,
        state: command.state.expose_secret(),
        flow_token: command.flow_token.expose_secret(),
        returned: &command.returned,
        linking: Some(linking(caller)),
    };
    let (flow, attestation) = take(app, taken, &command.origin).await?;
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    let linker = tx.lock_linker(caller.user, caller.session).await?;
    let linker = linker.ok_or(LinkError::SessionEnded)?;
    let provider = &command.provider;
    let known = tx.identity_owner(provider, &attestation.identity).await?;
    if may_link(&linker, known).map_err(|refused| told(refused, caller))? {
        if insert_link(app, tx.as_mut(), caller.user, (provider, &attestation), now).await? {
            note_link(app, tx.as_mut(), caller.user, provider, now).await?;
        } else {
            // Somebody was faster; it may have been the same person.
            let known = tx.identity_owner(provider, &attestation.identity).await?;
            may_link(&linker, known).map_err(|refused| told(refused, caller))?;
        }
    }
    tx.commit().await?;
    Ok(flow.next)
}

const fn linking(caller: &Caller) -> Linking {
    Linking {
        user: caller.user,
        session: caller.session,
    }
}

fn told(refused: LinkRefused, caller: &Caller) -> LinkError {
    match refused {
        LinkRefused::Unverified => LinkError::EmailNotVerified {
            grace_ended_at: verification::grace_ends(caller.user_created_at),
        },
        LinkRefused::Stale => LinkError::NotFresh,
        LinkRefused::SessionEnded => LinkError::SessionEnded,
        LinkRefused::AnotherPersons => LinkError::AnotherPersons,
    }
}

/// False when the identity is somebody's already.
pub(crate) async fn insert_link(
    app: &App,
    tx: &mut dyn Transaction,
    user: UserId,
    (provider, attestation): (&ProviderName, &Attestation),
    now: Timestamp,
) -> Result<bool, StoreError> {
    let identity = NewIdentity {
        id: IdentityId::from_uuid(app.entropy.uuid(now)),
        user,
        provider: provider.clone(),
        identity: attestation.identity.clone(),
        email: attestation.email.clone(),
    };
    tx.insert_identity(&identity, now).await
}

/// On record, and told to the person by mail.
pub(crate) async fn note_link(
    app: &App,
    tx: &mut dyn Transaction,
    user: UserId,
    provider: &ProviderName,
    now: Timestamp,
) -> Result<(), StoreError> {
    let entry = AuditEntry {
        actor: Some(user),
        account: None,
        action: "provider_linked",
        detail: serde_json::json!({ "provider": provider.as_str() }),
    };
    tx.audit(&entry, now).await?;
    let link = app.entropy.uuid(now);
    let kind = JobKind::MailSecurityNotice {
        user,
        notice: SecurityNotice::ProviderLinked {
            provider: provider.as_str().to_owned(),
        },
    };
    tx.enqueue(&Job::now(JobKey::new("mail-provider-linked", link), kind))
        .await
}
