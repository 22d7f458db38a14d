//! One subscription too many is ended at the provider, and what it took for its present period is given
//! back. Safe to run again: ending what is over is fine, and a payment is given back once.

use serde_json::json;
use tollgate_billing::{Subscription, SubscriptionId};
use tollgate_primitives::{AccountId, JobKey};

use crate::{
    App, JobFailed,
    ports::{AuditEntry, StoreError},
};

pub(crate) async fn end_second_subscription(
    app: &App,
    account: AccountId,
    subscription: &SubscriptionId,
) -> Result<(), JobFailed> {
    if !lives_by_another(app, account, subscription).await? {
        tracing::error!(%account, %subscription, "the subscription to be ended may be the only one by now: it is kept");
        return Ok(());
    }
    let Some(ended) = app.payments.cancel_subscription(subscription).await? else {
        return Ok(());
    };
    let key = JobKey::new("refund", subscription);
    let since = ended.period.start();
    let refunds = app.payments.refund_since(&key, subscription, since).await?;
    let entry = AuditEntry {
        actor: None,
        account: Some(account),
        action: "second_subscription_ended",
        detail: json!({ "subscription": subscription, "refunds": refunds }),
    };
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    if tx.end_second(subscription, now).await? {
        tx.audit(&entry, now).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Whether the account still has what was kept instead: that may have ended meanwhile.
async fn lives_by_another(
    app: &App,
    account: AccountId,
    subscription: &SubscriptionId,
) -> Result<bool, StoreError> {
    let mut tx = app.store.begin().await?;
    let locked = tx.lock_account(account).await?;
    let standing = locked.and_then(|account| account.standing.subscription);
    let live = standing.filter(Subscription::is_live_at_provider);
    Ok(live
        .as_ref()
        .and_then(Subscription::bought)
        .is_some_and(|bought| bought.subscription != *subscription))
}
