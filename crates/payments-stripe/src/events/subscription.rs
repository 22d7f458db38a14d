//! A subscription as it stands, and the notice that its trial will end.

use tollgate_billing::Stamp;
use tollgate_use_cases::ports::NoticeContent;

use crate::objects::{Subscription, Unreadable};

pub(super) fn changed(
    subscription: &Subscription,
    stamp: Stamp,
) -> Result<NoticeContent, Unreadable> {
    Ok(NoticeContent::Subscription {
        customer: subscription.customer(),
        described: subscription.describe(stamp)?,
    })
}

/// A deleted subscription is described like any other; that it lives on would contradict the event.
pub(super) fn deleted(
    subscription: &Subscription,
    stamp: Stamp,
) -> Result<NoticeContent, Unreadable> {
    let described = subscription.describe(stamp)?;
    if !described.status.is_terminal() {
        return Err(Unreadable::new(format!(
            "deleted, yet its status is {:?}",
            described.status
        )));
    }
    Ok(NoticeContent::Subscription {
        customer: subscription.customer(),
        described,
    })
}

pub(super) fn trial_will_end(subscription: &Subscription) -> Result<NoticeContent, Unreadable> {
    Ok(NoticeContent::TrialWillEnd {
        customer: subscription.customer(),
        subscription: subscription.id(),
        ends_at: subscription
            .trial_end()?
            .ok_or_else(|| Unreadable::missing("trial_end"))?,
    })
}
