//! One sign-in provider: what it says of itself, kept for a while, and the code flow of OpenID Connect
//! Core 1.0 with a confidential client, PKCE and a nonce. Whom its word lets in is not decided here.

use std::{error::Error, pin::Pin, sync::Arc, time::Duration};

use openidconnect::{
    AdditionalProviderMetadata, AsyncHttpClient, AuthType, AuthorizationCode,
    ClaimsVerificationError, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet, EndpointNotSet,
    EndpointSet, HttpRequest, HttpResponse, IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier,
    ProviderMetadata, RedirectUrl, RequestTokenError, Scope, SignatureVerificationError,
    core::{
        CoreAuthDisplay, CoreAuthenticationFlow, CoreClaimName, CoreClaimType, CoreClient,
        CoreClientAuthMethod, CoreGrantType, CoreIdToken, CoreIdTokenVerifier, CoreJsonWebKey,
        CoreJsonWebKeySet, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm,
        CoreJwsSigningAlgorithm, CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType,
    },
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::{
    sync::{Mutex, MutexGuard},
    time::{Instant, timeout_at},
};
use tollgate_identity::{
    attestation::{Attestation, attest},
    provider::{Issuer, ProviderName},
};
use tollgate_primitives::Timestamp;
use tollgate_use_cases::ports::{FlowSecrets, ProvidersError, Returned};
use url::Url;

use crate::{
    id_token,
    transport::{ExchangeError, Transport},
};

/// How long what a provider says of itself counts as news.
const FRESH: Duration = Duration::from_hours(1);

/// For how long it will do when the provider does not answer.
const USABLE: Duration = Duration::from_hours(24);

/// What a token that is signed with an unknown key may cost the provider, however many there are.
const BETWEEN_REFETCHES: Duration = Duration::from_mins(1);

/// For asking anew what is known well enough.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(2);

/// Signed with a key that the provider alone has. Whoever holds the client's secret could sign with
/// HS256, and `none` is no signature.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// One provider as the operator has registered with it.
#[derive(Debug, Clone)]
pub struct ProviderSettings {
    pub name: ProviderName,
    /// Below which the discovery document is found.
    pub address: String,
    pub issuer: Issuer,
    pub client_id: String,
    pub client_secret: SecretString,
    /// Where its answers go: no two providers share one, so that none answers for another.
    pub redirect_uri: String,
}

/// RFC 9207, section 3.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ResponseIssuer {
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for ResponseIssuer {}

type Metadata = ProviderMetadata<
    ResponseIssuer,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// What may be left out to see what it is there for. Outside of tests everything is checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checks {
    /// That an answer names its issuer where the provider promises to.
    pub(crate) response_issuer: bool,
    /// That whoever brings a code asked for it.
    pub(crate) proof_key: bool,
    /// That a token was made for this very sign-in.
    pub(crate) nonce: bool,
}

impl Checks {
    pub(crate) const ALL: Self = Self {
        response_issuer: true,
        proof_key: true,
        nonce: true,
    };
}

#[derive(Debug)]
pub(crate) struct Provider {
    settings: ProviderSettings,
    transport: Arc<Transport>,
    checks: Checks,
    known: Mutex<Known>,
}

/// What the provider has said of itself.
#[derive(Debug, Default)]
struct Known {
    document: Option<Kept<Arc<Document>>>,
    keys: Option<Kept<Arc<CoreJsonWebKeySet>>>,
    /// When keys were last fetched because one was not known.
    refetched_at: Option<Timestamp>,
}

#[derive(Debug)]
struct Kept<T> {
    content: T,
    fetched_at: Timestamp,
}

#[derive(Debug)]
struct Document {
    client: Client,
    issuer: IssuerUrl,
    keys_address: Url,
    algorithms: Vec<CoreJwsSigningAlgorithm>,
    names_itself: bool,
}

/// What a token is checked against.
struct Exchange<'a> {
    document: &'a Document,
    secrets: &'a FlowSecrets,
    now: Timestamp,
    until: Instant,
}

#[derive(Debug, Error)]
enum DocumentInvalid {
    #[error("it cannot be read")]
    Unreadable(#[source] serde_json::Error),
    #[error("it calls itself {0}")]
    AnotherIssuer(String),
    #[error("it names an address that may not be used")]
    Address,
    #[error("it names no token endpoint")]
    NoTokenEndpoint,
    #[error("the redirect address is none")]
    Redirect(#[source] url::ParseError),
}

impl Provider {
    pub(crate) fn new(settings: ProviderSettings, transport: Arc<Transport>) -> Self {
        Self {
            settings,
            transport,
            checks: Checks::ALL,
            known: Mutex::default(),
        }
    }

    pub(crate) const fn name(&self) -> &ProviderName {
        &self.settings.name
    }

    pub(crate) async fn authorize_url(
        &self,
        state: &SecretString,
        secrets: &FlowSecrets,
        now: Timestamp,
        until: Instant,
    ) -> Result<String, ProvidersError> {
        let document = self.document(now, until).await?;
        let state = CsrfToken::new(state.expose_secret().to_owned());
        let nonce = Nonce::new(secrets.nonce.expose_secret().to_owned());
        let verifier = PkceCodeVerifier::new(secrets.verifier.expose_secret().to_owned());
        let request = document.client.authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            move || state,
            move || nonce,
        );
        let (address, ..) = request
            .add_scopes(["email", "profile"].map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .url();
        Ok(address.into())
    }

    pub(crate) async fn attestation(
        &self,
        returned: &Returned,
        secrets: &FlowSecrets,
        now: Timestamp,
        until: Instant,
    ) -> Result<Attestation, ProvidersError> {
        let document = self.document(now, until).await?;
        if self.checks.response_issuer {
            self.check_response_issuer(&document, returned)?;
        }
        let token = self.exchange(&document, returned, secrets, until).await?;
        let exchange = Exchange {
            document: &document,
            secrets,
            now,
            until,
        };
        self.verify(&exchange, &token).await?;
        let claims = id_token::claims(&token.to_string()).map_err(refused)?;
        attest(&self.settings.issuer, &self.settings.client_id, claims, now).map_err(refused)
    }

    /// RFC 9207, section 2.4.
    fn check_response_issuer(
        &self,
        document: &Document,
        returned: &Returned,
    ) -> Result<(), ProvidersError> {
        let is_right = match returned.issuer.as_deref() {
            Some(issuer) => self.settings.issuer.may_answer_as(issuer),
            None => !document.names_itself,
        };
        is_right
            .then_some(())
            .ok_or(ProvidersError::AnotherProvider)
    }

    async fn exchange(
        &self,
        document: &Document,
        returned: &Returned,
        secrets: &FlowSecrets,
        until: Instant,
    ) -> Result<CoreIdToken, ProvidersError> {
        let code = AuthorizationCode::new(returned.code.expose_secret().to_owned());
        let mut request = document.client.exchange_code(code).map_err(unavailable)?;
        if self.checks.proof_key {
            let verifier = secrets.verifier.expose_secret().to_owned();
            request = request.set_pkce_verifier(PkceCodeVerifier::new(verifier));
        }
        let transport = Until(self.transport.clone(), until);
        let answer = request.request_async(&transport).await;
        let answer = answer.map_err(|error| match error {
            RequestTokenError::Request(error) => failed(error),
            error @ (RequestTokenError::ServerResponse(_)
            | RequestTokenError::Parse(..)
            | RequestTokenError::Other(_)) => refused(error.to_string()),
        })?;
        let token = answer.extra_fields().id_token().cloned();
        token.ok_or_else(|| refused("the answer has no id token"))
    }

    /// Signature, algorithm, audience, nonce and end; the rest is the rule's to judge. An unknown key
    /// may be a new one.
    async fn verify(
        &self,
        exchange: &Exchange<'_>,
        token: &CoreIdToken,
    ) -> Result<(), ProvidersError> {
        let (document, now, until) = (exchange.document, exchange.now, exchange.until);
        let keys = self.keys(document, now, until).await?;
        let checked = self.check(exchange, token, &keys);
        let is_unknown = matches!(
            checked,
            Err(ClaimsVerificationError::SignatureVerification(
                SignatureVerificationError::NoMatchingKey
            ))
        );
        if !is_unknown {
            return checked.map_err(refused);
        }
        match self.refetch_keys(document, now, until).await? {
            Some(keys) => self.check(exchange, token, &keys).map_err(refused),
            None => checked.map_err(refused),
        }
    }

    fn check(
        &self,
        exchange: &Exchange<'_>,
        token: &CoreIdToken,
        keys: &CoreJsonWebKeySet,
    ) -> Result<(), ClaimsVerificationError> {
        let (document, now) = (exchange.document, exchange.now);
        let client_id = ClientId::new(self.settings.client_id.clone());
        let issuer = document.issuer.clone();
        let verifier = CoreIdTokenVerifier::new_public_client(client_id, issuer, keys.clone())
            // One that answers for many tenants signs as none of them by itself: `attest` compares.
            .require_issuer_match(false)
            .set_allowed_algs(document.algorithms.clone())
            .set_time_fn(move || now.as_datetime());
        let nonce = Nonce::new(exchange.secrets.nonce.expose_secret().to_owned());
        if self.checks.nonce {
            token.claims(&verifier, &nonce)?;
        } else {
            token.claims(&verifier, |_: Option<&Nonce>| Ok(()))?;
        }
        Ok(())
    }

    async fn document(
        &self,
        now: Timestamp,
        until: Instant,
    ) -> Result<Arc<Document>, ProvidersError> {
        let mut known = self.known(until).await?;
        let kept = known.document.as_ref();
        if let Some(kept) = kept.filter(|kept| kept.is_from_within(FRESH, now)) {
            return Ok(kept.content.clone());
        }
        let usable = kept.filter(|kept| kept.is_from_within(USABLE, now));
        let usable = usable.map(|kept| kept.content.clone());
        match self.fetch_document(patience(usable.is_some(), until)).await {
            Ok(document) => {
                let document = Arc::new(document);
                known.document = Some(Kept::new(document.clone(), now));
                Ok(document)
            }
            Err(error) => self.make_do(usable, error),
        }
    }

    async fn keys(
        &self,
        document: &Document,
        now: Timestamp,
        until: Instant,
    ) -> Result<Arc<CoreJsonWebKeySet>, ProvidersError> {
        let mut known = self.known(until).await?;
        let kept = known.keys.as_ref();
        if let Some(kept) = kept.filter(|kept| kept.is_from_within(FRESH, now)) {
            return Ok(kept.content.clone());
        }
        let usable = kept.filter(|kept| kept.is_from_within(USABLE, now));
        let usable = usable.map(|kept| kept.content.clone());
        let until = patience(usable.is_some(), until);
        match self.fetch_keys(document, until).await {
            Ok(keys) => {
                known.keys = Some(Kept::new(keys.clone(), now));
                Ok(keys)
            }
            Err(error) => self.make_do(usable, error),
        }
    }

    /// `None` when they were fetched a moment ago.
    async fn refetch_keys(
        &self,
        document: &Document,
        now: Timestamp,
        until: Instant,
    ) -> Result<Option<Arc<CoreJsonWebKeySet>>, ProvidersError> {
        let mut known = self.known(until).await?;
        let is_recent = |at: Timestamp| at <= now && now < at.saturating_add(BETWEEN_REFETCHES);
        if known.refetched_at.is_some_and(is_recent) {
            return Ok(None);
        }
        known.refetched_at = Some(now);
        let keys = self.fetch_keys(document, until).await?;
        known.keys = Some(Kept::new(keys.clone(), now));
        Ok(Some(keys))
    }

    /// Held while the provider is asked, so that many who need the same ask once.
    async fn known(&self, until: Instant) -> Result<MutexGuard<'_, Known>, ProvidersError> {
        timeout_at(until, self.known.lock())
            .await
            .map_err(|_| ProvidersError::Timeout)
    }

    fn make_do<T>(&self, usable: Option<T>, error: ProvidersError) -> Result<T, ProvidersError> {
        let usable = usable.ok_or(error)?;
        tracing::warn!(provider = %self.settings.name, "a sign-in provider does not say how it is; what it said before is used");
        Ok(usable)
    }

    async fn fetch_document(&self, until: Instant) -> Result<Document, ProvidersError> {
        let base = self.settings.address.trim_end_matches('/');
        let address = format!("{base}/.well-known/openid-configuration");
        let body = self.fetch(&address, until).await?;
        let document = self.read_document(&body).map_err(unavailable)?;
        Ok(document)
    }

    fn read_document(&self, body: &[u8]) -> Result<Document, DocumentInvalid> {
        let metadata: Metadata =
            serde_json::from_slice(body).map_err(DocumentInvalid::Unreadable)?;
        if metadata.issuer().as_str() != self.settings.issuer.document() {
            let other = metadata.issuer().as_str().to_owned();
            return Err(DocumentInvalid::AnotherIssuer(other));
        }
        let token_endpoint = metadata.token_endpoint();
        let addresses = [
            metadata.authorization_endpoint().url(),
            token_endpoint
                .ok_or(DocumentInvalid::NoTokenEndpoint)?
                .url(),
            metadata.jwks_uri().url(),
        ];
        if !addresses
            .iter()
            .all(|address| self.transport.allows(address))
        {
            return Err(DocumentInvalid::Address);
        }
        let offered = metadata.id_token_signing_alg_values_supported();
        let algorithms = ALGORITHMS.into_iter().filter(|one| offered.contains(one));
        Ok(Document {
            algorithms: algorithms.collect(),
            issuer: metadata.issuer().clone(),
            keys_address: metadata.jwks_uri().url().clone(),
            names_itself: metadata
                .additional_metadata()
                .authorization_response_iss_parameter_supported,
            client: self.client(metadata)?,
        })
    }

    fn client(&self, metadata: Metadata) -> Result<Client, DocumentInvalid> {
        let methods = metadata.token_endpoint_auth_methods_supported();
        let offers = |method| methods.is_none_or(|methods| methods.contains(&method));
        let auth_type = if offers(CoreClientAuthMethod::ClientSecretBasic)
            || !offers(CoreClientAuthMethod::ClientSecretPost)
        {
            AuthType::BasicAuth
        } else {
            AuthType::RequestBody
        };
        let redirect = RedirectUrl::new(self.settings.redirect_uri.clone());
        let client = CoreClient::from_provider_metadata(
            metadata,
            ClientId::new(self.settings.client_id.clone()),
            Some(ClientSecret::new(
                self.settings.client_secret.expose_secret().to_owned(),
            )),
        );
        Ok(client
            .set_redirect_uri(redirect.map_err(DocumentInvalid::Redirect)?)
            .set_auth_type(auth_type))
    }

    async fn fetch_keys(
        &self,
        document: &Document,
        until: Instant,
    ) -> Result<Arc<CoreJsonWebKeySet>, ProvidersError> {
        let body = self.fetch(document.keys_address.as_str(), until).await?;
        let keys = serde_json::from_slice(&body).map_err(unavailable)?;
        Ok(Arc::new(keys))
    }

    async fn fetch(&self, address: &str, until: Instant) -> Result<Vec<u8>, ProvidersError> {
        let mut request = HttpRequest::new(Vec::new());
        *request.uri_mut() = address.parse().map_err(unavailable)?;
        let answer = self.transport.exchange(request, until).await;
        let answer = answer.map_err(failed)?;
        if !answer.status().is_success() {
            return Err(unavailable(ExchangeError::Status(answer.status())));
        }
        Ok(answer.into_body())
    }
}

/// A transport for one question.
struct Until(Arc<Transport>, Instant);

impl<'c> AsyncHttpClient<'c> for Until {
    type Error = ExchangeError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, ExchangeError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.0.exchange(request, self.1))
    }
}

impl<T> Kept<T> {
    const fn new(content: T, fetched_at: Timestamp) -> Self {
        Self {
            content,
            fetched_at,
        }
    }

    /// What comes from the future was fetched before the clock was set.
    fn is_from_within(&self, span: Duration, now: Timestamp) -> bool {
        self.fetched_at <= now && now < self.fetched_at.saturating_add(span)
    }
}

/// Nobody waits long for news of what is known.
fn patience(is_known: bool, until: Instant) -> Instant {
    if is_known {
        until.min(Instant::now() + REFRESH_TIMEOUT)
    } else {
        until
    }
}

fn refused(error: impl Into<Box<dyn Error + Send + Sync>>) -> ProvidersError {
    ProvidersError::Refused(error.into())
}

fn unavailable(error: impl Into<Box<dyn Error + Send + Sync>>) -> ProvidersError {
    ProvidersError::Unavailable(error.into())
}

fn failed(error: ExchangeError) -> ProvidersError {
    match error {
        ExchangeError::Timeout => ProvidersError::Timeout,
        error @ (ExchangeError::Forbidden
        | ExchangeError::Connection(_)
        | ExchangeError::TooLarge
        | ExchangeError::Status(_)) => unavailable(error),
    }
}

#[cfg(test)]
mod tests;
