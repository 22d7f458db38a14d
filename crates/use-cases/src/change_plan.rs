//! A person moves what they bought up: to a higher plan, to more seats, or to a year. What that costs
//! is the provider's to say, before and when it is done.

use tollgate_billing::{
    SubscriptionId,
    change::{self, Catalog, Change, ChangeRefused, Terms, Wish},
    purchase::Offer,
};
use tollgate_primitives::{PlanKey, Timestamp};

use crate::{
    App, BillingState, ChangeError,
    change_subscription::change_subscription,
    ports::{Caller, ChangePreview, LockedAccount, StoreError},
    reservation::buyer,
};

/// What the catalog has to say of a wish.
struct Sold {
    offer: Option<Offer>,
    tiers: Vec<(PlanKey, i32)>,
}

/// Answers what the account has then. A charge that is declined leaves everything as it was.
pub async fn change_plan(
    app: &App,
    caller: &Caller,
    wish: &Wish,
) -> Result<BillingState, ChangeError> {
    let sold = sold(app, wish).await?;
    change_subscription(app, caller, |account, now| {
        let (subscription, terms) = decide(app, wish, &sold, account, now)?;
        Ok((subscription, Change::Move(terms)))
    })
    .await
}

/// What [`change_plan`] would charge, and the proration date with which it charges exactly that.
pub async fn preview_change(
    app: &App,
    caller: &Caller,
    wish: &Wish,
) -> Result<(ChangePreview, Timestamp), ChangeError> {
    let sold = sold(app, wish).await?;
    let now = app.clock.now();
    let mut tx = app.store.begin().await?;
    let account = tx
        .lock_account(caller.account)
        .await?
        .ok_or(ChangeError::AccountGone)?;
    drop(tx);
    let (subscription, terms) = decide(app, wish, &sold, &account, now)?;
    let date = terms.proration_date.unwrap_or_else(|| now.whole_second());
    let terms = Terms {
        proration_date: Some(date),
        ..terms
    };
    let preview = app.payments.preview_change(&subscription, &terms).await;
    Ok((preview.map_err(ChangeError::Payments)?, date))
}

async fn sold(app: &App, wish: &Wish) -> Result<Sold, StoreError> {
    Ok(Sold {
        offer: app.store.offer(&wish.plan).await?,
        tiers: app.store.tiers().await?,
    })
}

fn decide(
    app: &App,
    wish: &Wish,
    sold: &Sold,
    account: &LockedAccount,
    now: Timestamp,
) -> Result<(SubscriptionId, Terms), ChangeRefused> {
    let catalog = Catalog {
        offer: sold.offer.as_ref(),
        tiers: &sold.tiers,
    };
    let buyer = buyer(account);
    let (bought, terms) = change::decide(wish, catalog, app.settings.provider, &buyer, now)?;
    Ok((bought.subscription.clone(), terms))
}
