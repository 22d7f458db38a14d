//! What a decision orders, as jobs in the transaction that decided.

use serde_json::json;
use tollgate_billing::{Effect, SubscriptionId};
use tollgate_primitives::{AccountId, JobKey, Timestamp, UserId};

use crate::ports::{AuditEntry, Job, JobKind, StoreError, Transaction};

/// Orders `effect`; asked for again by the same `cause`, it is the same order.
pub(crate) async fn order(
    tx: &mut dyn Transaction,
    account: AccountId,
    cause: &str,
    effect: &Effect,
    now: Timestamp,
) -> Result<(), StoreError> {
    match effect {
        Effect::WarnPaymentFailed(failure) => {
            mail(tx, account, cause, |to| JobKind::MailPaymentFailed {
                account,
                to,
                failure: failure.clone(),
            })
            .await
        }
        Effect::WarnTrialEnding { ends_at } => {
            let ends_at = *ends_at;
            mail(tx, account, cause, |to| JobKind::MailTrialEnding {
                account,
                to,
                ends_at,
            })
            .await
        }
        Effect::EndSecond { subscription } => end_second(tx, account, subscription, now).await,
    }
}

/// One mail is one job: a mailbox that refuses keeps no other from being told, or told once.
pub(crate) async fn mail(
    tx: &mut dyn Transaction,
    account: AccountId,
    cause: &str,
    kind: impl Fn(UserId) -> JobKind + Send,
) -> Result<(), StoreError> {
    for to in tx.billing_contacts(account).await? {
        let kind = kind(to);
        let key = JobKey::new(kind.name(), format_args!("{cause}:{to}"));
        tx.enqueue(&Job::now(key, kind)).await?;
    }
    Ok(())
}

async fn end_second(
    tx: &mut dyn Transaction,
    account: AccountId,
    subscription: &SubscriptionId,
    now: Timestamp,
) -> Result<(), StoreError> {
    if !tx.note_second(account, subscription, now).await? {
        return Ok(());
    }
    tracing::error!(%account, %subscription, "an account has two live subscriptions: one is ended and refunded");
    let entry = AuditEntry {
        actor: None,
        account: Some(account),
        action: "second_subscription_found",
        detail: json!({ "subscription": subscription }),
    };
    tx.audit(&entry, now).await?;
    let kind = JobKind::EndSecondSubscription {
        account,
        subscription: subscription.clone(),
    };
    let key = JobKey::new("end-second-subscription", subscription);
    tx.enqueue(&Job::now(key, kind)).await
}
