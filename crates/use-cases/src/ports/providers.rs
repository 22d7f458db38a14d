//! Signing in through somebody who vouches for people: what the provider says, and what is kept of it.

use std::fmt::Debug;

use async_trait::async_trait;
use secrecy::SecretString;
use thiserror::Error;
use tollgate_identity::{attestation::Attestation, provider::ProviderName};
use tollgate_primitives::Timestamp;

/// What ties a provider's answer to the sign-in that it answers. The provider sees the nonce and a
/// digest of the verifier, the browser neither.
#[derive(Debug, Clone)]
pub struct FlowSecrets {
    pub nonce: SecretString,
    /// Proves that whoever brings the code is whoever asked for it (RFC 7636).
    pub verifier: SecretString,
}

/// What a browser brings back from a provider.
#[derive(Debug, Clone)]
pub struct Returned {
    pub code: SecretString,
    /// Who says to have answered (RFC 9207), if anybody does.
    pub issuer: Option<String>,
}

#[derive(Debug, Error)]
pub enum ProvidersError {
    #[error("no such sign-in provider is configured")]
    NotConfigured,
    /// The answer is another provider's; the code was sent nowhere.
    #[error("the answer is not of the provider that was asked")]
    AnotherProvider,
    /// The code was not taken, or what it was exchanged for proves nothing.
    #[error("the provider does not vouch for anybody")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the provider did not answer in time")]
    Timeout,
    #[error("the provider cannot be reached, or does not answer as it should")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Each method ends within five seconds, whatever the provider does.
#[async_trait]
pub trait Providers: Debug + Send + Sync {
    /// What is configured, in the operator's order.
    fn names(&self) -> Vec<ProviderName>;

    /// Where a browser is to go. May ask the provider where that is; a retry changes nothing.
    async fn authorize_url(
        &self,
        provider: &ProviderName,
        state: &SecretString,
        secrets: &FlowSecrets,
        now: Timestamp,
    ) -> Result<String, ProvidersError>;

    /// Exchanges a code for the provider's word on who somebody is. A code works once: a retry is
    /// refused.
    async fn attestation(
        &self,
        provider: &ProviderName,
        returned: &Returned,
        secrets: &FlowSecrets,
        now: Timestamp,
    ) -> Result<Attestation, ProvidersError>;
}
