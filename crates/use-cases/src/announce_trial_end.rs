//! The end of a reverse trial is announced. Each notice is a job that waits for its moment and decides
//! only then: whoever bought, was given access or chose the free plan meanwhile needs none.

use tollgate_billing::{Notice, Trial, TrialNotice};
use tollgate_primitives::{AccountId, JobKey, Timestamp};

use crate::{
    App, effects,
    ports::{Job, JobKind, StoreError, Transaction},
    reservation::buyer,
};

/// Orders the notices of `trial`, in the transaction in which it begins.
pub(crate) async fn order(
    tx: &mut dyn Transaction,
    account: AccountId,
    trial: &Trial,
) -> Result<(), StoreError> {
    let ends_at = trial.period.end();
    for (notice, at) in trial.notices() {
        let kind = JobKind::AnnounceTrialEnd {
            account,
            notice,
            ends_at,
        };
        let key = JobKey::new(kind.name(), cause(account, notice));
        let job = Job {
            key,
            kind,
            run_at: Some(at),
        };
        tx.enqueue(&job).await?;
    }
    Ok(())
}

/// Orders a mail to each owner and admin, if the notice is due.
pub(crate) async fn announce_trial_end(
    app: &App,
    account: AccountId,
    notice: TrialNotice,
    ends_at: Timestamp,
) -> Result<(), StoreError> {
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    let Some(locked) = tx.lock_account(account).await? else {
        return Ok(());
    };
    let told = Notice::ReverseTrial { notice, ends_at };
    if !told.is_due(&buyer(&locked), now) {
        return Ok(());
    }
    let cause = cause(account, notice);
    effects::mail(tx.as_mut(), account, &cause, |to| {
        JobKind::MailTrialNotice {
            account,
            to,
            notice,
            ends_at,
        }
    })
    .await?;
    tx.commit().await
}

/// An account has one trial, so that this names the notice for ever.
fn cause(account: AccountId, notice: TrialNotice) -> String {
    format!("{account}:{}", notice.as_str())
}
