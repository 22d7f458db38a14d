//! A job of the queue becomes its use case. At least once: each is safe to run again.

use std::time::Duration;

use thiserror::Error;
use tollgate_billing::{Notice, SubscriptionId};
use tollgate_primitives::{AccountId, JobKey};

use crate::{
    App,
    announce_trial_end::announce_trial_end,
    apply_event::{ApplyError, apply_event},
    change_subscription::{ChangeError, finish_change},
    delete_account::forget_customer,
    end_second::end_second_subscription,
    end_subscription::end_subscription,
    ports::{EventState, JobKind, MailError, NoticeId, PaymentsError, StoreError},
    prune::prune,
    read_subscription::{ReadError, read_subscription},
    reconcile::reconcile_what_is_due,
    reset_password::mail_password_reset,
    sales_leads::mail_sales_lead,
    send_mail, team_mail,
};

/// How long an event is tried before it waits for a person.
const EVENT_PATIENCE: Duration = Duration::from_hours(3 * 24);

#[derive(Debug, Error)]
pub enum JobFailed {
    #[error(transparent)]
    Apply(#[from] ApplyError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Mail(#[from] MailError),
    #[error(transparent)]
    Change(#[from] ChangeError),
    #[error(transparent)]
    Payments(#[from] PaymentsError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("events cannot be read without a payment provider")]
    NoProvider,
}

impl JobFailed {
    /// Whether trying again cannot help.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Mail(MailError::Permanent(_)))
    }
}

#[expect(clippy::too_many_lines, reason = "one arm for each kind of job")]
pub async fn run_job(app: &App, key: &JobKey, kind: JobKind) -> Result<(), JobFailed> {
    match kind {
        JobKind::MailVerification { token, .. } => send_mail::verification(app, key, token).await,
        JobKind::MailPasswordReset {
            user,
            token,
            asked_at,
        } => mail_password_reset(app, key, user, token, asked_at).await,
        JobKind::MailPasswordChanged { user } => send_mail::password_changed(app, key, user).await,
        JobKind::MailSecurityNotice { user, notice } => {
            send_mail::security_notice(app, key, user, notice).await
        }
        JobKind::MailPaymentFailed {
            account,
            to,
            failure,
        } => send_mail::notice(app, key, (account, to), &Notice::PaymentFailed(failure)).await,
        JobKind::MailTrialEnding {
            account,
            to,
            ends_at,
        } => send_mail::notice(app, key, (account, to), &Notice::FirstCharge { ends_at }).await,
        JobKind::AnnounceTrialEnd {
            account,
            notice,
            ends_at,
        } => Ok(announce_trial_end(app, account, notice, ends_at).await?),
        JobKind::MailTrialNotice {
            account,
            to,
            notice,
            ends_at,
        } => {
            let end = Notice::ReverseTrial { notice, ends_at };
            send_mail::notice(app, key, (account, to), &end).await
        }
        JobKind::MailInvite {
            account,
            invite,
            code,
        } => team_mail::invite(app, key, (account, invite), code).await,
        JobKind::MailInviteExpiring {
            account,
            invite,
            code,
        } => team_mail::expiring(app, key, (account, invite), code).await,
        JobKind::MailTeamNotice {
            account,
            to,
            notice,
        } => team_mail::notice(app, key, (account, to), notice).await,
        JobKind::MailSalesLead { lead } => mail_sales_lead(app, key, lead).await,
        JobKind::RetryEvent { event } => retry_event(app, &event).await,
        JobKind::ReadSubscription {
            account,
            subscription,
        } => read_or_put_off(app, account, &subscription).await,
        JobKind::EndSubscription {
            subscription,
            gives_back,
            ..
        } => end_subscription(app, &subscription, gives_back).await,
        JobKind::FinishChange { account, change } => Ok(finish_change(app, account, change).await?),
        JobKind::ExpireCheckout { session } => Ok(app.payments.expire_checkout(&session).await?),
        JobKind::EndSecondSubscription {
            account,
            subscription,
        } => end_second_subscription(app, account, &subscription).await,
        JobKind::ForgetCustomer { customer } => Ok(forget_customer(app, &customer).await?),
        // What fails is gone on with in the next turn, not tried again.
        JobKind::Reconcile {} => {
            reconcile_what_is_due(app).await;
            Ok(())
        }
        JobKind::Prune {} => Ok(prune(app).await?),
    }
}

async fn read_or_put_off(
    app: &App,
    account: AccountId,
    subscription: &SubscriptionId,
) -> Result<(), JobFailed> {
    match read_subscription(app, account, subscription).await {
        Ok(()) => Ok(()),
        Err(error) => put_off(app, subscription, error).await,
    }
}

/// Notes with the events that wait for a read why they still do; after three days they become dead
/// letters, and once none is left the job is over.
async fn put_off(
    app: &App,
    subscription: &SubscriptionId,
    error: ReadError,
) -> Result<(), JobFailed> {
    let given_up = app.clock.now().saturating_sub(EVENT_PATIENCE);
    let error_text = error.to_string();
    let put_off = app.store.put_off(subscription, &error_text, given_up);
    let (dead, others_wait) = put_off.await?;
    for event in dead {
        tracing::error!(%event, error = error_text, "an event became a dead letter");
    }
    if others_wait {
        Err(error.into())
    } else {
        Ok(())
    }
}

async fn retry_event(app: &App, event: &NoticeId) -> Result<(), JobFailed> {
    let Some(record) = app.store.event(event).await? else {
        return Ok(());
    };
    let webhooks = app.webhooks.as_ref().ok_or(JobFailed::NoProvider)?;
    let Ok(notice) = webhooks.read_stored(&record.body) else {
        return Ok(());
    };
    match apply_event(app, &notice, app.clock.now()).await {
        Ok(_) => Ok(()),
        Err(error) => give_up_or_fail(app, event, error.into()).await,
    }
}

/// Notes why an event failed; after three days it becomes a dead letter and the job is over.
async fn give_up_or_fail(app: &App, event: &NoticeId, error: JobFailed) -> Result<(), JobFailed> {
    let (Some(record), Some(webhooks)) = (app.store.event(event).await?, &app.webhooks) else {
        return Err(error);
    };
    let Ok(notice) = webhooks.read_stored(&record.body) else {
        return Err(error);
    };
    let now = app.clock.now();
    let is_over = now.since(record.received_at) >= EVENT_PATIENCE;
    let error_text = error.to_string();
    let state = if is_over {
        tracing::error!(%event, error = error_text, "an event became a dead letter");
        EventState::Dead { error: error_text }
    } else {
        EventState::Failed { error: error_text }
    };
    app.store.keep_event(&notice, &state, None, now).await?;
    if is_over { Ok(()) } else { Err(error) }
}
