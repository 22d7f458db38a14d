//! The end of a checkout page. What was bought there is told by the subscription's own events.

use tollgate_use_cases::ports::NoticeContent;

use crate::objects::{CheckoutSession, Unreadable};

pub(super) fn completed(session: &CheckoutSession) -> Result<NoticeContent, Unreadable> {
    if !session.sells_subscription()? {
        return Ok(NoticeContent::Irrelevant);
    }
    Ok(NoticeContent::CheckoutCompleted {
        session: session.id(),
        customer: session.customer(),
        subscription: session.subscription(),
    })
}

pub(super) fn expired(session: &CheckoutSession) -> Result<NoticeContent, Unreadable> {
    if !session.sells_subscription()? {
        return Ok(NoticeContent::Irrelevant);
    }
    Ok(NoticeContent::CheckoutExpired {
        session: session.id(),
    })
}
