//! Purchases that have waited long: subscriptions whose first payment is due, and checkout pages that
//! somebody may have paid or left. Each is asked about at the provider, and closed when it is over.

use std::time::Duration;

use tollgate_primitives::AccountId;

use super::{
    Run, Stop,
    settle::{close_purchase, close_reservation, go_on_after, read_and_settle},
};
use crate::ports::{CheckoutEnd, OpenReservation};

/// Until then a webhook is on its way, or the person still at it.
const PATIENCE: Duration = Duration::from_mins(30);

const PAGE: u16 = 100;

/// Up to where a round has come.
enum Place {
    Purchases(Option<AccountId>),
    Reservations(Option<AccountId>),
}

impl Place {
    fn parse(position: Option<&str>) -> Self {
        let (what, account) = position.and_then(|p| p.split_once(':')).unwrap_or_default();
        let account = account.parse().ok();
        match what {
            "reservations" => Self::Reservations(account),
            _ => Self::Purchases(account),
        }
    }

    fn text(&self) -> String {
        let (what, account) = match self {
            Self::Purchases(account) => ("purchases", account),
            Self::Reservations(account) => ("reservations", account),
        };
        let account = account.map(|account| account.to_string());
        format!("{what}:{}", account.unwrap_or_default())
    }
}

pub(super) async fn look(run: &mut Run<'_>) -> Result<(), Stop> {
    if let Place::Purchases(after) = Place::parse(run.position.as_deref()) {
        purchases(run, after).await?;
        run.advance(Place::Reservations(None).text()).await?;
    }
    if let Place::Reservations(after) = Place::parse(run.position.as_deref()) {
        reservations(run, after).await?;
    }
    run.position = None;
    Ok(())
}

async fn purchases(run: &mut Run<'_>, mut after: Option<AccountId>) -> Result<(), Stop> {
    let untouched_since = run.now().saturating_sub(PATIENCE);
    loop {
        let store = &run.app.reconciliation;
        let page = store
            .pending_purchases(untouched_since, after, PAGE)
            .await?;
        for (account, subscription) in &page {
            read_and_settle(run, *account, subscription).await?;
            after = Some(*account);
            run.advance(Place::Purchases(after).text()).await?;
        }
        if page.len() < usize::from(PAGE) {
            return Ok(());
        }
    }
}

async fn reservations(run: &mut Run<'_>, mut after: Option<AccountId>) -> Result<(), Stop> {
    let made_by = run.now().saturating_sub(PATIENCE);
    loop {
        let page = run
            .app
            .reconciliation
            .open_reservations(made_by, after, PAGE)
            .await?;
        for reservation in &page {
            look_at(run, reservation).await?;
            after = Some(reservation.account);
            run.advance(Place::Reservations(after).text()).await?;
        }
        if page.len() < usize::from(PAGE) {
            return Ok(());
        }
    }
}

async fn look_at(run: &mut Run<'_>, open: &OpenReservation) -> Result<(), Stop> {
    let Some(session) = &open.session else {
        run.report.checked += 1;
        // Nobody was ever shown its page.
        return close_reservation(run, open, "the provider's answer never came").await;
    };
    run.claim_call().await?;
    run.report.checked += 1;
    match run.app.payments.read_checkout(session).await {
        Ok(Some(CheckoutEnd::Open)) if run.is_dry => Ok(()),
        Ok(Some(CheckoutEnd::Open)) => Ok(close_purchase(run, open.account).await?),
        Ok(Some(CheckoutEnd::Expired)) => close_reservation(run, open, "its page expired").await,
        Ok(Some(CheckoutEnd::Complete { subscription })) => {
            read_and_settle(run, open.account, &subscription).await?;
            close_reservation(run, open, "its page was paid").await
        }
        Ok(None) => close_reservation(run, open, "the provider knows no such page").await,
        Err(error) => go_on_after(run, &format!("checkout page {session}"), error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_from_its_own_text_and_anything_else_is_the_beginning() {
        let account = "0198c0de-0000-7000-8000-000000000001";
        for text in [
            "purchases:".to_owned(),
            "reservations:".to_owned(),
            format!("purchases:{account}"),
            format!("reservations:{account}"),
        ] {
            assert_eq!(Place::parse(Some(&text)).text(), text);
        }
        for none in [None, Some(""), Some("nonsense"), Some("listed:sub_1")] {
            assert_eq!(Place::parse(none).text(), "purchases:");
        }
    }
}
