//! Every subscription. The provider's whole list is compared page by page, the newest first; then those
//! of ours are asked about one by one that should have been renewed and were not, because a provider
//! that has forgotten a subscription does not list it.

use std::time::Duration;

use tollgate_billing::SubscriptionId;
use tollgate_primitives::AccountId;

use super::{
    Run, Stop,
    settle::{read_and_settle, settle},
};
use crate::ports::{PaymentsError, SubscriptionsPage};

/// A renewal is charged about an hour after the period's end, and may be late.
const RENEWAL_PATIENCE: Duration = Duration::from_hours(24);

/// Accounts that one question to the database looks at.
const STRETCH: u16 = 1_000;

/// Up to where a round has come.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Listed(Option<SubscriptionId>),
    Overdue(Option<AccountId>),
}

impl Place {
    fn parse(position: Option<&str>) -> Self {
        let (what, id) = position.and_then(|p| p.split_once(':')).unwrap_or_default();
        match what {
            "listed" if !id.is_empty() => Self::Listed(Some(SubscriptionId::new(id))),
            "overdue" => Self::Overdue(id.parse().ok()),
            _ => Self::Listed(None),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Listed(None) => "listed:".to_owned(),
            Self::Listed(Some(id)) => format!("listed:{id}"),
            Self::Overdue(None) => "overdue:".to_owned(),
            Self::Overdue(Some(account)) => format!("overdue:{account}"),
        }
    }
}

pub(super) async fn look(run: &mut Run<'_>) -> Result<(), Stop> {
    if let Place::Listed(after) = Place::parse(run.position.as_deref()) {
        listed(run, after).await?;
        run.advance(Place::Overdue(None).text()).await?;
    }
    if let Place::Overdue(after) = Place::parse(run.position.as_deref()) {
        overdue(run, after).await?;
    }
    run.position = None;
    Ok(())
}

async fn listed(run: &mut Run<'_>, mut after: Option<SubscriptionId>) -> Result<(), Stop> {
    loop {
        let page = page_after(run, &mut after).await?;
        let last = page.subscriptions.last().map(|last| last.id.clone());
        settle(run, page.subscriptions).await?;
        let (true, Some(last)) = (page.has_more, last) else {
            return Ok(());
        };
        after = Some(last);
        run.advance(Place::Listed(after.clone()).text()).await?;
    }
}

/// Begins anew when the provider has forgotten where the last page ended.
async fn page_after(
    run: &mut Run<'_>,
    after: &mut Option<SubscriptionId>,
) -> Result<SubscriptionsPage, Stop> {
    run.claim_call().await?;
    match run.app.payments.list_subscriptions(after.as_ref()).await {
        Err(PaymentsError::Refused { code, .. })
            if code == "resource_missing" && after.take().is_some() =>
        {
            run.claim_call().await?;
            Ok(run.app.payments.list_subscriptions(None).await?)
        }
        answer => Ok(answer?),
    }
}

async fn overdue(run: &mut Run<'_>, mut after: Option<AccountId>) -> Result<(), Stop> {
    let due_by = run.now().saturating_sub(RENEWAL_PATIENCE);
    loop {
        let page = run
            .app
            .reconciliation
            .overdue(due_by, after, STRETCH)
            .await?;
        for (account, subscription) in &page.overdue {
            read_and_settle(run, *account, subscription).await?;
            run.advance(Place::Overdue(Some(*account)).text()).await?;
        }
        let Some(last) = page.last else {
            return Ok(());
        };
        after = Some(last);
        run.advance(Place::Overdue(after).text()).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_from_its_own_text_and_anything_else_is_the_beginning() {
        let account = "0198c0de-0000-7000-8000-000000000001".parse().unwrap();
        for place in [
            Place::Listed(None),
            Place::Listed(Some(SubscriptionId::new("sub_1"))),
            Place::Overdue(None),
            Place::Overdue(Some(account)),
        ] {
            assert_eq!(Place::parse(Some(&place.text())), place);
        }
        for none in [None, Some(""), Some("nonsense"), Some("purchases:1")] {
            assert_eq!(Place::parse(none), Place::Listed(None));
        }
    }
}
