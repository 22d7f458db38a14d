//! A browser comes back from a sign-in provider. Its sign-in is used up before the provider is asked, and
//! the provider is asked before the transaction that decides who this is.

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use thiserror::Error;
use tollgate_identity::{
    AdmissionRefused, OwnPath, PersonName,
    attestation::Attestation,
    limit,
    provider::ProviderName,
    provider_sign_in::{Arrival, ProviderSignInRefused, SignIn, decide},
};
use tollgate_primitives::{EmailAddress, Timestamp, UserId};

use crate::{
    AdmitError, App, JoinError, Registered, Session, Tokens, TooOften,
    admit::admit,
    join_account::find_for_anybody,
    keyed::token_hash,
    link_provider::{insert_link, note_link},
    ports::{
        AuditEntry, Flow, Invitation, Linking, ProvidersError, Returned, Sessions, StoreError,
        Transaction,
    },
    sign_in::home,
    sign_up::{Invited, Newcomer, sign_up, sign_up_invited},
    verify_email::queue_verification,
};

/// Whoever signs in in the same moment as somebody else with the same address finds them on the second
/// try, and the third is for bad luck.
const TRIES: u8 = 3;

/// What a person is called of whom nothing else is known.
const NAMELESS: &str = "New member";

#[derive(Debug)]
pub struct FinishProviderSignIn {
    pub provider: ProviderName,
    pub state: SecretString,
    pub flow_token: SecretString,
    pub returned: Returned,
    pub account_invite_code: Option<SecretString>,
    /// Whom the invitation was sent to, as far as the browser knows.
    pub invited_email: Option<EmailAddress>,
    pub origin: Session,
}

#[derive(Debug)]
pub struct ProviderSignedIn {
    pub tokens: Tokens,
    pub is_new_user: bool,
    /// Where the person was going.
    pub next: Option<OwnPath>,
}

#[derive(Debug, Error)]
pub enum FinishProviderSignInError {
    /// Says the same for a sign-in that is unknown, used, over, another browser's or another provider's.
    #[error("no such sign-in has begun in this browser")]
    StateInvalid,
    #[error(transparent)]
    Refused(#[from] ProviderSignInRefused),
    #[error(transparent)]
    NotAdmitted(AdmissionRefused),
    #[error(transparent)]
    Join(#[from] JoinError),
    #[error("the account is suspended")]
    AccountSuspended,
    /// Others with the same address were faster, again and again.
    #[error("the same person signs in elsewhere")]
    Overtaken,
    #[error(transparent)]
    TooOften(#[from] TooOften),
    #[error(transparent)]
    Providers(#[from] ProvidersError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

type Error = FinishProviderSignInError;

/// Who arrives, from where.
struct Visitor {
    provider: ProviderName,
    attestation: Attestation,
    ticket: Ticket,
    origin: Session,
}

/// What somebody who was invited into an account shows for it.
enum Ticket {
    Nothing,
    /// A code that is good for nothing any more: the door is shut to somebody new, open to who belongs here.
    Dead,
    Good(Box<Invitation>),
}

pub async fn finish_provider_sign_in(
    app: &App,
    command: FinishProviderSignIn,
) -> Result<ProviderSignedIn, Error> {
    let provider = command.provider;
    let taken = Taken {
        provider: &provider,
        state: command.state.expose_secret(),
        flow_token: command.flow_token.expose_secret(),
        returned: &command.returned,
        linking: None,
    };
    let (flow, attestation) = take(app, taken, &command.origin).await?;
    let now = app.clock.now();
    let invited = command.invited_email;
    if invited.is_some_and(|invited| invited != attestation.email) {
        return Err(JoinError::EmailMismatch.into());
    }
    let code = command.account_invite_code;
    let code = code.map(|code| token_hash(code.expose_secret()));
    let ticket = ticket(app, flow.invite.or(code), now).await?;
    if !attestation.is_proven {
        app.try_mail(&attestation.email).await?;
    }
    let visitor = Visitor {
        provider,
        attestation,
        ticket,
        origin: command.origin,
    };
    for _ in 0..TRIES {
        if let Some((tokens, is_new_user)) = let_in(app, &visitor).await? {
            return Ok(signed_in(tokens, is_new_user, flow));
        }
    }
    Err(Error::Overtaken)
}

/// What a browser brought back from a provider, and as whom it left.
pub(crate) struct Taken<'a> {
    pub(crate) provider: &'a ProviderName,
    pub(crate) state: &'a str,
    pub(crate) flow_token: &'a str,
    pub(crate) returned: &'a Returned,
    pub(crate) linking: Option<Linking>,
}

/// Uses the flow up, then asks the provider who that is.
pub(crate) async fn take(
    app: &App,
    taken: Taken<'_>,
    origin: &Session,
) -> Result<(Flow, Attestation), Error> {
    let provider = taken.provider;
    app.knows_provider(provider)?;
    app.try_from_network(limit::SIGN_IN, origin).await?;
    let now = app.clock.now();
    let hashes = (&token_hash(taken.state), &token_hash(taken.flow_token));
    let flow = app
        .store
        .take_flow(provider, hashes, taken.linking, now)
        .await?
        .ok_or(Error::StateInvalid)?;
    let attestation = app
        .providers
        .attestation(provider, taken.returned, &flow.secrets, now)
        .await?;
    Ok((flow, attestation))
}

async fn ticket(app: &App, code: Option<[u8; 32]>, now: Timestamp) -> Result<Ticket, StoreError> {
    let Some(code) = code else {
        return Ok(Ticket::Nothing);
    };
    match find_for_anybody(app, &code, now).await {
        Ok(invitation) => Ok(Ticket::Good(Box::new(invitation))),
        Err(JoinError::Store(error)) => Err(error),
        Err(_) => Ok(Ticket::Dead),
    }
}

fn signed_in(tokens: Tokens, is_new_user: bool, flow: Flow) -> ProviderSignedIn {
    ProviderSignedIn {
        tokens,
        is_new_user,
        next: flow.next,
    }
}

/// One decision, with whether it made somebody new; `None` when somebody else was faster and it is to be
/// made anew.
async fn let_in(app: &App, visitor: &Visitor) -> Result<Option<(Tokens, bool)>, Error> {
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    let Visitor {
        provider,
        attestation,
        ..
    } = visitor;
    let holder = tx.lock_holder(&attestation.email).await?;
    let known = tx.identity_owner(provider, &attestation.identity).await?;
    let decided = decide(&Arrival {
        known,
        is_proven: attestation.is_proven,
        holder,
        has_invite: !matches!(visitor.ticket, Ticket::Nothing),
    })?;
    let tokens = match decided {
        SignIn::SignUp => come_in(app, tx.as_mut(), visitor, now).await?,
        SignIn::Enter(user) => Some(enter(app, tx.as_mut(), user, visitor, now).await?),
        SignIn::Link(user) => linked(app, tx.as_mut(), user, visitor, now).await?,
        SignIn::TakeOver(user) => {
            take_over(tx.as_mut(), user, now).await?;
            linked(app, tx.as_mut(), user, visitor, now).await?
        }
    };
    let Some(tokens) = tokens else {
        return Ok(None);
    };
    tx.commit().await?;
    Ok(Some((tokens, decided == SignIn::SignUp)))
}

/// Somebody nobody knew: by their invitation into its account, else into one of their own.
async fn come_in(
    app: &App,
    tx: &mut dyn Transaction,
    visitor: &Visitor,
    now: Timestamp,
) -> Result<Option<Tokens>, Error> {
    let registered = match &visitor.ticket {
        Ticket::Dead => return Err(JoinError::Invalid.into()),
        Ticket::Nothing => newcomer(app, tx, visitor, now).await?,
        Ticket::Good(invitation) => invited(app, tx, visitor, invitation, now).await?,
    };
    let Some(registered) = registered else {
        return Ok(None);
    };
    let user = &registered.user;
    let said = (&visitor.provider, &visitor.attestation);
    if !insert_link(app, tx, user.id, said, now).await? {
        return Ok(None);
    }
    if user.email_verified_at.is_none() {
        queue_verification(app, tx, user.id, now).await?;
    }
    let entry = AuditEntry {
        actor: Some(user.id),
        account: Some(user.account),
        action: "registered",
        detail: json!({ "provider": visitor.provider.as_str() }),
    };
    tx.audit(&entry, now).await?;
    Ok(Some(registered.tokens))
}

async fn newcomer(
    app: &App,
    tx: &mut dyn Transaction,
    visitor: &Visitor,
    now: Timestamp,
) -> Result<Option<Registered>, Error> {
    let attestation = &visitor.attestation;
    let admitted = admit(app, &attestation.email, None).await?;
    let name = name_of(attestation);
    let newcomer = Newcomer {
        email: attestation.email.clone(),
        account_name: name.clone(),
        name,
        password: None,
        email_verified_at: attestation.is_proven.then_some(now),
        admitted,
    };
    Ok(sign_up(app, tx, newcomer, visitor.origin.clone(), now).await?)
}

/// Whether the provider vouches for the address does not matter: the code came by mail.
async fn invited(
    app: &App,
    tx: &mut dyn Transaction,
    visitor: &Visitor,
    invitation: &Invitation,
    now: Timestamp,
) -> Result<Option<Registered>, Error> {
    if invitation.email != visitor.attestation.email {
        return Err(JoinError::EmailMismatch.into());
    }
    let newcomer = Invited {
        name: name_of(&visitor.attestation),
        password: None,
        invitation,
    };
    Ok(sign_up_invited(app, tx, newcomer, visitor.origin.clone(), now).await?)
}

async fn enter(
    app: &App,
    tx: &mut dyn Transaction,
    user: UserId,
    visitor: &Visitor,
    now: Timestamp,
) -> Result<Tokens, Error> {
    let account = match tx.entrance(user).await? {
        Some(entrance) if entrance.is_suspended => return Err(Error::AccountSuspended),
        Some(entrance) => entrance.account,
        None => home(app, tx, user, now).await?,
    };
    let origin = visitor.origin.clone();
    let (session, refresh, tokens) = app.start_session(user, account, origin, now);
    if !tx.insert_session(&session, &refresh, now).await? {
        return Err(Error::AccountSuspended);
    }
    Ok(tokens)
}

/// The provider's word counts as the mailed link's: only a proven address comes here.
async fn linked(
    app: &App,
    tx: &mut dyn Transaction,
    user: UserId,
    visitor: &Visitor,
    now: Timestamp,
) -> Result<Option<Tokens>, Error> {
    let tokens = enter(app, tx, user, visitor, now).await?;
    let said = (&visitor.provider, &visitor.attestation);
    if !insert_link(app, tx, user, said, now).await? {
        return Ok(None);
    }
    tx.mark_verified(user, now).await?;
    note_link(app, tx, user, &visitor.provider, now).await?;
    Ok(Some(tokens))
}

/// Every way in that was there before the address was proven is gone, and everybody who came by one.
async fn take_over(
    tx: &mut dyn Transaction,
    user: UserId,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.end_ways_in(user).await?;
    tx.end_one_time(user, now).await?;
    tx.end_sessions(user, Sessions::All, "address_proven_by_another", now)
        .await?;
    Ok(())
}

impl From<AdmitError> for FinishProviderSignInError {
    fn from(error: AdmitError) -> Self {
        match error {
            AdmitError::Refused(refused) => Self::NotAdmitted(refused),
            AdmitError::Store(error) => Self::Store(error),
        }
    }
}

/// What the provider calls them, or what stands before the @, as far as either is a name.
fn name_of(attestation: &Attestation) -> String {
    let candidates = [
        attestation.name.as_deref(),
        Some(attestation.email.local_part()),
    ];
    let names = candidates.into_iter().flatten().map(PersonName::parse);
    let name = names.flatten().next();
    name.map_or_else(|| NAMELESS.to_owned(), String::from)
}
