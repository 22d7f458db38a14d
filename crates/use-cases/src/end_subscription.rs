//! What a suspended account has bought is ended at the provider, at once, and what it paid while it was
//! suspended is given back. Safe to run again: ending what is over is fine, and a payment is given back
//! once. That it ended is the provider's to tell.

use serde_json::json;
use tollgate_billing::{Subscription, SubscriptionId};
use tollgate_primitives::{AccountId, JobKey, Timestamp};

use crate::{
    App, JobFailed,
    ports::{AuditEntry, Job, JobKind, StoreError, Transaction},
};

/// With `gives_back`, what was paid for the present period is.
pub(crate) fn order(account: AccountId, subscription: &SubscriptionId, gives_back: bool) -> Job {
    let kind = JobKind::EndSubscription {
        account,
        subscription: subscription.clone(),
        gives_back,
    };
    // Under a name of its own, so that an order without takes the place of none that has it.
    let name = if gives_back {
        "return-subscription"
    } else {
        "end-subscription"
    };
    Job::now(JobKey::new(name, subscription), kind)
}

/// Orders the end of `next`, should it live although its account is suspended: a page that was open was
/// paid, or the provider was told by somebody else. What did not run `before` was paid for in vain.
pub(crate) async fn order_if_suspended(
    tx: &mut dyn Transaction,
    account: AccountId,
    (before, next): (Option<&Subscription>, &Subscription),
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(bought) = next.bought().filter(|_| next.is_live_at_provider()) else {
        return Ok(());
    };
    if !tx.is_suspended(account).await? {
        return Ok(());
    }
    let subscription = &bought.subscription;
    tracing::error!(%account, %subscription, "a suspended account has a live subscription: it is ended");
    let gives_back = !before.is_some_and(Subscription::is_running);
    tx.enqueue(&order(account, subscription, gives_back))
        .await?;
    if gives_back {
        let entry = AuditEntry {
            actor: None,
            account: Some(account),
            action: "suspended_purchase_returned",
            detail: json!({ "subscription": subscription }),
        };
        tx.audit(&entry, now).await?;
    }
    Ok(())
}

pub(crate) async fn end_subscription(
    app: &App,
    subscription: &SubscriptionId,
    gives_back: bool,
) -> Result<(), JobFailed> {
    let ended = app.payments.cancel_subscription(subscription).await?;
    if let Some(ended) = ended.filter(|_| gives_back) {
        let key = JobKey::new("refund", subscription);
        let since = ended.period.start();
        app.payments.refund_since(&key, subscription, since).await?;
    }
    Ok(())
}
