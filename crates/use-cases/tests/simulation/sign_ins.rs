//! Sign-in through providers, to which no webhook leads.

use async_trait::async_trait;
use secrecy::SecretString;
use tollgate_identity::{
    attestation::{Attestation, ProviderIdentity},
    provider::ProviderName,
    provider_sign_in::{Holder, Linker},
};
use tollgate_primitives::{EmailAddress, IdentityId, SessionId, Timestamp, UserId};
use tollgate_use_cases::ports::{
    Entrance, Flow, FlowSecrets, IdentityRow, Linking, NewFlow, NewIdentity, ProviderArrivals,
    ProviderSignIns, Providers, ProvidersError, Returned, StoreError,
};

use crate::{
    store::Open,
    unused::{Unused, unused},
    world::Shared,
};

#[async_trait]
impl Providers for Unused {
    fn names(&self) -> Vec<ProviderName> {
        unused()
    }

    async fn authorize_url(
        &self,
        _: &ProviderName,
        _: &SecretString,
        _: &FlowSecrets,
        _: Timestamp,
    ) -> Result<String, ProvidersError> {
        unused()
    }

    async fn attestation(
        &self,
        _: &ProviderName,
        _: &Returned,
        _: &FlowSecrets,
        _: Timestamp,
    ) -> Result<Attestation, ProvidersError> {
        unused()
    }
}

#[async_trait]
impl ProviderSignIns for Shared {
    async fn insert_flow(&self, _: &NewFlow, _: Timestamp) -> Result<(), StoreError> {
        unused()
    }

    async fn take_flow(
        &self,
        _: &ProviderName,
        _: (&[u8; 32], &[u8; 32]),
        _: Option<Linking>,
        _: Timestamp,
    ) -> Result<Option<Flow>, StoreError> {
        unused()
    }

    async fn identities(&self, _: UserId) -> Result<Vec<IdentityRow>, StoreError> {
        unused()
    }
}

#[async_trait]
impl ProviderArrivals for Open {
    async fn lock_holder(&mut self, _: &EmailAddress) -> Result<Option<Holder>, StoreError> {
        unused()
    }

    async fn identity_owner(
        &mut self,
        _: &ProviderName,
        _: &ProviderIdentity,
    ) -> Result<Option<UserId>, StoreError> {
        unused()
    }

    async fn entrance(&mut self, _: UserId) -> Result<Option<Entrance>, StoreError> {
        unused()
    }

    async fn insert_identity(&mut self, _: &NewIdentity, _: Timestamp) -> Result<bool, StoreError> {
        unused()
    }

    async fn end_ways_in(&mut self, _: UserId) -> Result<(), StoreError> {
        unused()
    }

    async fn mark_verified(&mut self, _: UserId, _: Timestamp) -> Result<(), StoreError> {
        unused()
    }

    async fn lock_linker(&mut self, _: UserId, _: SessionId) -> Result<Option<Linker>, StoreError> {
        unused()
    }

    async fn lock_ways_in(&mut self, _: UserId) -> Result<(bool, Vec<IdentityId>), StoreError> {
        unused()
    }

    async fn delete_identity(&mut self, _: UserId, _: IdentityId) -> Result<(), StoreError> {
        unused()
    }
}
