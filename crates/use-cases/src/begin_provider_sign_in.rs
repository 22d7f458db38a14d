//! A browser is sent to a sign-in provider. What it must bring back is kept as hashes, for ten minutes.

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use tollgate_identity::{OwnPath, limit, provider::ProviderName, provider_sign_in::FLOW_LIFE};

use crate::{
    App, Session, TooOften,
    keyed::{random_text, token_hash},
    ports::{FlowSecrets, Linking, NewFlow, ProvidersError, StoreError},
};

#[derive(Debug)]
pub struct BeginProviderSignIn {
    pub provider: ProviderName,
    pub account_invite_code: Option<SecretString>,
    /// Where the person was going.
    pub next: Option<OwnPath>,
    pub origin: Session,
}

/// The browser goes to the address, and gives both texts back with what it brings from there.
#[derive(Debug)]
pub struct ProviderSignInBegun {
    pub authorize_url: String,
    pub state: SecretString,
    /// Never leaves the browser that it was given to.
    pub flow_token: SecretString,
}

#[derive(Debug, Error)]
pub enum BeginProviderSignInError {
    #[error(transparent)]
    TooOften(#[from] TooOften),
    #[error(transparent)]
    Providers(#[from] ProvidersError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub async fn begin_provider_sign_in(
    app: &App,
    command: BeginProviderSignIn,
) -> Result<ProviderSignInBegun, BeginProviderSignInError> {
    let flow = Flowing {
        provider: command.provider,
        invite: command.account_invite_code,
        next: command.next,
        linking: None,
    };
    begin_flow(app, flow, &command.origin).await
}

/// Who goes where, and what for.
pub(crate) struct Flowing {
    pub(crate) provider: ProviderName,
    pub(crate) invite: Option<SecretString>,
    pub(crate) next: Option<OwnPath>,
    pub(crate) linking: Option<Linking>,
}

pub(crate) async fn begin_flow(
    app: &App,
    flowing: Flowing,
    origin: &Session,
) -> Result<ProviderSignInBegun, BeginProviderSignInError> {
    let provider = flowing.provider;
    app.knows_provider(&provider)?;
    app.try_from_network(limit::AUTHORIZE, origin).await?;
    let now = app.clock.now();
    let [state, flow_token, nonce, verifier] = [(); 4].map(|()| random_text(&app.entropy.secret()));
    let secrets = FlowSecrets { nonce, verifier };
    let authorize_url = app
        .providers
        .authorize_url(&provider, &state, &secrets, now)
        .await?;
    let invite = flowing.invite;
    let flow = NewFlow {
        state: token_hash(state.expose_secret()),
        flow_token: token_hash(flow_token.expose_secret()),
        provider,
        secrets,
        invite: invite.map(|code| token_hash(code.expose_secret())),
        next: flowing.next,
        linking: flowing.linking,
        expires_at: now.saturating_add(FLOW_LIFE),
    };
    app.store.insert_flow(&flow, now).await?;
    Ok(ProviderSignInBegun {
        authorize_url,
        state,
        flow_token,
    })
}

impl App {
    pub(crate) fn knows_provider(&self, provider: &ProviderName) -> Result<(), ProvidersError> {
        if self.providers.names().contains(provider) {
            Ok(())
        } else {
            Err(ProvidersError::NotConfigured)
        }
    }
}
