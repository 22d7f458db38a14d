//! Mails that a transaction promised. Whom and what is looked up when the mail leaves, so a mail that
//! became pointless is not sent.

use secrecy::ExposeSecret;
use tollgate_primitives::{AccountId, JobKey, Timestamp, TokenId, UserId};

use crate::{App, JobFailed, ports::Mail};

pub(crate) async fn verification(
    app: &App,
    key: &JobKey,
    user: UserId,
    token: TokenId,
) -> Result<(), JobFailed> {
    let Some((address, name, None)) = app.store.mailbox(user).await? else {
        return Ok(());
    };
    let secret = app.key.verification_token(token);
    let frontend = &app.settings.frontend_url;
    let link = format!("{frontend}/verify-email?token={}", secret.expose_secret()).into();
    app.mailer
        .send(key, &address, &Mail::Verification { name, link })
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
