//! A person ends what they bought with the period that is paid.

use tollgate_billing::change::{self, Change};

use crate::{
    App, BillingState, ChangeError, change_subscription::change_subscription, ports::Caller,
};

/// Answers what the account has then: the same as before, until its period ends.
pub async fn cancel_subscription(app: &App, caller: &Caller) -> Result<BillingState, ChangeError> {
    change_subscription(app, caller, |account, _| {
        let bought = change::cancel(app.settings.provider, &account.standing)?;
        Ok((bought.subscription.clone(), Change::Cancel))
    })
    .await
}
