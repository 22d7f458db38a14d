//! [`Providers`] over HTTP.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::time::Instant;
use tollgate_identity::{attestation::Attestation, provider::ProviderName};
use tollgate_primitives::Timestamp;
use tollgate_use_cases::ports::{FlowSecrets, Providers, ProvidersError, Returned};

use crate::{
    addresses::Reach,
    provider::{Provider, ProviderSettings},
    transport::{TlsUnusable, Transport},
};

/// For all that one question needs to ask.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Every sign-in provider that is configured.
#[derive(Debug)]
pub struct OidcProviders(Vec<Provider>);

impl OidcProviders {
    /// Asks none of them anything yet: one that does not answer keeps nobody from starting.
    pub fn new(providers: Vec<ProviderSettings>, reach: Reach) -> Result<Self, TlsUnusable> {
        let transport = Arc::new(Transport::new(reach)?);
        let providers = providers
            .into_iter()
            .map(|settings| Provider::new(settings, transport.clone()));
        Ok(Self(providers.collect()))
    }

    fn find(&self, name: &ProviderName) -> Result<&Provider, ProvidersError> {
        self.0
            .iter()
            .find(|provider| provider.name() == name)
            .ok_or(ProvidersError::NotConfigured)
    }
}

#[async_trait]
impl Providers for OidcProviders {
    fn names(&self) -> Vec<ProviderName> {
        self.0.iter().map(Provider::name).cloned().collect()
    }

    async fn authorize_url(
        &self,
        provider: &ProviderName,
        state: &SecretString,
        secrets: &FlowSecrets,
        now: Timestamp,
    ) -> Result<String, ProvidersError> {
        let until = Instant::now() + TIMEOUT;
        let provider = self.find(provider)?;
        provider.authorize_url(state, secrets, now, until).await
    }

    async fn attestation(
        &self,
        provider: &ProviderName,
        returned: &Returned,
        secrets: &FlowSecrets,
        now: Timestamp,
    ) -> Result<Attestation, ProvidersError> {
        let until = Instant::now() + TIMEOUT;
        let provider = self.find(provider)?;
        provider.attestation(returned, secrets, now, until).await
    }
}
