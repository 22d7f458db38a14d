//! Whether an invoice of a subscription was paid. Invoices of anything else are nothing to us.

use tollgate_use_cases::ports::NoticeContent;

use crate::objects::{Invoice, Unreadable};

pub(super) fn payment_failed(invoice: &Invoice) -> Result<NoticeContent, Unreadable> {
    let Some(subscription) = invoice.subscription() else {
        return Ok(NoticeContent::Irrelevant);
    };
    Ok(NoticeContent::PaymentFailed {
        customer: invoice.customer()?,
        subscription,
        attempt: invoice.attempt()?,
        next_attempt: invoice.next_attempt()?,
    })
}

pub(super) fn payment_succeeded(invoice: &Invoice) -> Result<NoticeContent, Unreadable> {
    let Some(subscription) = invoice.subscription() else {
        return Ok(NoticeContent::Irrelevant);
    };
    Ok(NoticeContent::PaymentSucceeded {
        customer: invoice.customer()?,
        subscription,
    })
}
