//! Mails that a transaction promised. Whom and what is looked up when the mail leaves, so a mail that
//! became pointless is not sent.

use secrecy::{ExposeSecret, SecretString};
use tollgate_identity::Purpose;
use tollgate_primitives::{AccountId, JobKey, Timestamp, TokenId, UserId};

use crate::{App, JobFailed, ports::Mail};

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

pub(crate) async fn payment_failed(
    app: &App,
    key: &JobKey,
    contact: (AccountId, UserId),
    next_attempt: Option<Timestamp>,
) -> Result<(), JobFailed> {
    tell(app, key, contact, |account_name, billing_url| {
        Mail::PaymentFailed {
            account_name,
            next_attempt,
            billing_url,
        }
    })
    .await
}

pub(crate) async fn trial_ending(
    app: &App,
    key: &JobKey,
    contact: (AccountId, UserId),
    ends_at: Timestamp,
) -> Result<(), JobFailed> {
    tell(app, key, contact, |account_name, billing_url| {
        Mail::TrialEnding {
            account_name,
            ends_at,
            billing_url,
        }
    })
    .await
}

async fn tell(
    app: &App,
    key: &JobKey,
    (account, to): (AccountId, UserId),
    mail: impl FnOnce(String, String) -> Mail + Send,
) -> Result<(), JobFailed> {
    let Some((name, address)) = app.store.billing_contact(account, to).await? else {
        return Ok(());
    };
    let billing_url = format!("{}/account/billing", app.settings.frontend_url);
    app.mailer
        .send(key, &address, &mail(name, billing_url))
        .await?;
    Ok(())
}
