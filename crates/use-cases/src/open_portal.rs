//! A person opens the provider's page for card, invoices and cancellation.

use thiserror::Error;
use tollgate_billing::purchase::Provider;

use crate::{
    App,
    ports::{Caller, PaymentsError, StoreError},
};

#[derive(Debug, Error)]
pub enum PortalError {
    #[error("no payment provider is configured")]
    NotConfigured,
    #[error("the account never opened a checkout")]
    NoCustomer,
    #[error(transparent)]
    Payments(#[from] PaymentsError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Answers the page's address. The account's own customer is asked for, never one that was sent.
pub async fn open_portal(app: &App, caller: &Caller) -> Result<String, PortalError> {
    match app.settings.provider {
        Provider::Ready => {}
        Provider::NotConfigured => return Err(PortalError::NotConfigured),
    }
    let customer = app
        .store
        .customer(caller.account)
        .await?
        .ok_or(PortalError::NoCustomer)?;
    let return_url = format!("{}/account/billing", app.settings.frontend_url);
    Ok(app.payments.open_portal(&customer, &return_url).await?)
}
