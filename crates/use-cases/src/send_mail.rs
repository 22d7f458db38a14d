//! Mails that a transaction promised. Whom and what is looked up when the mail leaves, so a mail that
//! became pointless is not sent.

use secrecy::{ExposeSecret, SecretString};
use tollgate_billing::{Access, Notice, Policy, Standing, TrialNotice, access, next_deadline};
use tollgate_identity::Purpose;
use tollgate_primitives::{AccountId, JobKey, Timestamp, TokenId, UserId};

use crate::{
    App, JobFailed,
    ports::{AfterTrial, Mail, SecurityNotice},
    reservation,
};

pub(crate) async fn verification(app: &App, key: &JobKey, token: TokenId) -> Result<(), JobFailed> {
    let Some((address, name)) = app.store.one_time_mailbox(token, app.clock.now()).await? else {
        return Ok(());
    };
    let link = link(app, "verify-email", Purpose::Verify, token);
    app.mailer
        .send(key, &address, &Mail::Verification { name, link })
        .await?;
    Ok(())
}

pub(crate) async fn password_reset(
    app: &App,
    key: &JobKey,
    token: TokenId,
) -> Result<(), JobFailed> {
    let Some((address, name)) = app.store.one_time_mailbox(token, app.clock.now()).await? else {
        return Ok(());
    };
    let link = link(app, "reset-password", Purpose::Reset, token);
    app.mailer
        .send(key, &address, &Mail::PasswordReset { name, link })
        .await?;
    Ok(())
}

/// The address of a page of the product, with a secret that only its mail has.
fn link(app: &App, page: &str, purpose: Purpose, token: TokenId) -> SecretString {
    let secret = app.key.one_time_token(purpose, token);
    let frontend = &app.settings.frontend_url;
    format!("{frontend}/{page}?token={}", secret.expose_secret()).into()
}

pub(crate) async fn password_changed(
    app: &App,
    key: &JobKey,
    user: UserId,
) -> Result<(), JobFailed> {
    let Some((address, name, _)) = app.store.mailbox(user).await? else {
        return Ok(());
    };
    let reset_url = format!("{}/forgot-password", app.settings.frontend_url);
    app.mailer
        .send(key, &address, &Mail::PasswordChanged { name, reset_url })
        .await?;
    Ok(())
}

pub(crate) async fn security_notice(
    app: &App,
    key: &JobKey,
    user: UserId,
    notice: SecurityNotice,
) -> Result<(), JobFailed> {
    let Some((address, name, _)) = app.store.mailbox(user).await? else {
        return Ok(());
    };
    let security_url = format!("{}/account/security", app.settings.frontend_url);
    let mail = Mail::SecurityNotice {
        name,
        notice,
        security_url,
    };
    app.mailer.send(key, &address, &mail).await?;
    Ok(())
}

/// Tells an owner or admin of an account what `notice` says, unless that is not so any more.
pub(crate) async fn notice(
    app: &App,
    key: &JobKey,
    (account, to): (AccountId, UserId),
    notice: &Notice,
) -> Result<(), JobFailed> {
    let mut tx = app.store.begin().await?;
    let locked = tx.lock_account(account).await?;
    drop(tx);
    let now = app.clock.now();
    let Some(locked) = locked.filter(|locked| {
        locked.suspended_at.is_none() && notice.is_due(&reservation::buyer(locked), now)
    }) else {
        return Ok(());
    };
    let Some((account_name, address)) = app.store.billing_contact(account, to).await? else {
        return Ok(());
    };
    let mail = put_into_words(app, notice, &locked.standing, account_name, now);
    app.mailer.send(key, &address, &mail).await?;
    Ok(())
}

fn put_into_words(
    app: &App,
    notice: &Notice,
    standing: &Standing,
    account_name: String,
    now: Timestamp,
) -> Mail {
    let billing_url = format!("{}/account/billing", app.settings.frontend_url);
    match notice {
        Notice::PaymentFailed(failure) => Mail::PaymentFailed {
            account_name,
            next_attempt: failure.next_attempt,
            billing_url,
        },
        Notice::FirstCharge { ends_at }
        | Notice::ReverseTrial {
            notice: TrialNotice::EndsSoon | TrialNotice::EndsTomorrow,
            ends_at,
        } => Mail::TrialEnding {
            account_name,
            ends_at: *ends_at,
            billing_url,
        },
        Notice::ReverseTrial {
            notice: TrialNotice::Ended,
            ends_at,
        } => Mail::TrialEnded {
            account_name,
            ended_at: *ends_at,
            then: after_trial(standing, now.max(*ends_at), app.settings.policy),
            billing_url,
        },
    }
}

fn after_trial(standing: &Standing, now: Timestamp, policy: Policy) -> AfterTrial {
    match access(standing, now, policy) {
        Access::Free => AfterTrial::FreePlan,
        Access::ReadOnly { .. } => AfterTrial::ReadOnly {
            until: next_deadline(standing, now, policy).unwrap_or(now),
        },
        Access::Full { .. } | Access::Locked(_) => AfterTrial::Nothing,
    }
}
