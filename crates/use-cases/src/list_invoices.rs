//! A person looks at what they were billed.

use thiserror::Error;
use tollgate_billing::purchase::Provider;

use crate::{
    App,
    ports::{Caller, Invoice, PaymentsError, StoreError},
};

/// What a cursor of this list is good for.
const LIST: &str = "invoice";

#[derive(Debug, Error)]
pub enum InvoicesError {
    #[error("no payment provider is configured")]
    NotConfigured,
    #[error("the cursor is none of this list")]
    CursorInvalid,
    #[error(transparent)]
    Payments(#[from] PaymentsError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One page, newest first, and the cursor of the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoices {
    pub items: Vec<Invoice>,
    pub next_cursor: Option<String>,
}

/// The cursor is opaque, and good for this account alone.
pub async fn list_invoices(
    app: &App,
    caller: &Caller,
    cursor: Option<&str>,
) -> Result<Invoices, InvoicesError> {
    let after = cursor
        .map(|cursor| app.key.read_cursor(LIST, caller.account, cursor))
        .map(|after| after.ok_or(InvoicesError::CursorInvalid))
        .transpose()?;
    match app.settings.provider {
        Provider::Ready => {}
        Provider::NotConfigured => return Err(InvoicesError::NotConfigured),
    }
    let Some(customer) = app.store.customer(caller.account).await? else {
        return Ok(Invoices {
            items: Vec::new(),
            next_cursor: None,
        });
    };
    let page = app
        .payments
        .list_invoices(&customer, after.as_deref())
        .await?;
    let last = page.items.last().filter(|_| page.has_more);
    Ok(Invoices {
        next_cursor: last.map(|last| app.key.cursor(LIST, caller.account, &last.id)),
        items: page.items,
    })
}
