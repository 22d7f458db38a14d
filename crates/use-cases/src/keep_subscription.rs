//! A person takes back the end of what they bought, whether they scheduled it or we did.

use tollgate_billing::change::{self, Change};

use crate::{
    App, BillingState, ChangeError, change_subscription::change_subscription, ports::Caller,
};

pub async fn keep_subscription(app: &App, caller: &Caller) -> Result<BillingState, ChangeError> {
    change_subscription(app, caller, |account, now| {
        let bought = change::keep(app.settings.provider, &account.standing, now)?;
        Ok((bought.subscription.clone(), Change::Keep))
    })
    .await
}
