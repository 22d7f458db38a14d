//! What a suspended account has bought is ended at the provider, at once. Safe to run again: ending what
//! is over is fine. That it ended is the provider's to tell.

use tollgate_billing::{Subscription, SubscriptionId};
use tollgate_primitives::{AccountId, JobKey};

use crate::{
    App, JobFailed,
    ports::{Job, JobKind, StoreError, Transaction},
};

pub(crate) fn order(account: AccountId, subscription: &SubscriptionId) -> Job {
    let kind = JobKind::EndSubscription {
        account,
        subscription: subscription.clone(),
    };
    Job::now(JobKey::new("end-subscription", subscription), kind)
}

/// Orders the end of `next`, should it live although its account is suspended: a page that was open was
/// paid, or the provider was told by somebody else.
pub(crate) async fn order_if_suspended(
    tx: &mut dyn Transaction,
    account: AccountId,
    next: &Subscription,
) -> Result<(), StoreError> {
    let Some(bought) = next.bought().filter(|_| next.is_live_at_provider()) else {
        return Ok(());
    };
    if tx.is_suspended(account).await? {
        tracing::error!(%account, subscription = %bought.subscription, "a suspended account has a live subscription: it is ended");
        tx.enqueue(&order(account, &bought.subscription)).await?;
    }
    Ok(())
}

pub(crate) async fn end_subscription(
    app: &App,
    subscription: &SubscriptionId,
) -> Result<(), JobFailed> {
    app.payments.cancel_subscription(subscription).await?;
    Ok(())
}
