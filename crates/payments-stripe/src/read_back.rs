//! Whether an act came about although Stripe keeps a failure of it: told by the ids of ours in the
//! object's metadata, never by an address. Only when it did not may another key be tried.

use std::{collections::HashMap, time::Duration};

use serde::Deserialize;
use stripe_billing::subscription::{ListSubscription, ListSubscriptionStatus};
use stripe_checkout::checkout_session::ListCheckoutSession;
use stripe_client_core::{RequestBuilder, StripeRequest};
use stripe_core::customer::ListCustomer;
use tollgate_billing::{Customer, SubscriptionId};
use tollgate_primitives::AccountId;
use tollgate_use_cases::ports::{
    CheckoutRequest, CheckoutSession, Payments as _, PaymentsError, StartedSubscription,
    SubscriptionRequest,
};

use crate::{
    StripePayments,
    answer::read,
    metadata::{ACCOUNT, RESERVATION},
    objects::{self, Id, List, SessionStatus, Unreadable},
    payments::{MOST_PAGES, PAGE},
};

/// How long Stripe keeps an answer for its key. <https://docs.stripe.com/api/idempotent_requests>
const KEY_LIFE: Duration = Duration::from_hours(24);

#[derive(Debug, Deserialize)]
struct Made {
    id: Id,
    created: i64,
    #[serde(default)]
    metadata: HashMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct Opened {
    #[serde(flatten)]
    session: objects::CheckoutSession,
    #[serde(default)]
    metadata: HashMap<String, String>,
}

impl StripePayments {
    /// Among all customers that can have been made under a key that Stripe still knows.
    pub(crate) async fn customer_made(
        &self,
        account: AccountId,
    ) -> Result<Option<Customer>, PaymentsError> {
        let account = account.to_string();
        let mut last: Option<Id> = None;
        for _ in 0..MOST_PAGES {
            let request = customers_after(last.as_ref());
            let answer = self.call(request, None).await?;
            let page: List<Made> = read(&answer)?;
            let is_ours = |made: &&Made| made.metadata.get(ACCOUNT) == Some(&account);
            if let Some(made) = page.data.iter().find(is_ours) {
                return Ok(Some(Customer::new(made.id.as_str())));
            }
            let stamp = answer.stamp();
            let stamp = stamp.ok_or_else(|| Unreadable::missing("the header Date"))?;
            let first = stamp
                .unix_seconds()
                .saturating_sub_unsigned(KEY_LIFE.as_secs());
            match page.data.into_iter().last() {
                Some(oldest) if page.has_more && oldest.created >= first => last = Some(oldest.id),
                Some(_) | None => return Ok(None),
            }
        }
        Err(Unreadable::new("a list has no end").into())
    }

    /// Among the customer's newest pages.
    pub(crate) async fn page_opened(
        &self,
        request: &CheckoutRequest,
    ) -> Result<Option<CheckoutSession>, PaymentsError> {
        let reservation = request.reservation.to_string();
        let pages = ListCheckoutSession::new()
            .customer(request.customer.as_str())
            .limit(PAGE);
        let pages: List<Opened> = self.ask(pages.build(), None).await?;
        for Opened { session, metadata } in pages.data {
            if metadata.get(RESERVATION) == Some(&reservation)
                && session.status()? == SessionStatus::Open
            {
                return Ok(Some(session.into_open()?));
            }
        }
        Ok(None)
    }

    /// Among the customer's newest subscriptions, whatever became of it meanwhile.
    pub(crate) async fn subscription_made(
        &self,
        request: &SubscriptionRequest,
    ) -> Result<Option<StartedSubscription>, PaymentsError> {
        let reservation = request.reservation.to_string();
        let subscriptions = ListSubscription::new()
            .customer(request.customer.as_str())
            .status(ListSubscriptionStatus::All)
            .limit(PAGE);
        let newest: List<Made> = self.ask(subscriptions.build(), None).await?;
        let is_ours = |made: &&Made| made.metadata.get(RESERVATION) == Some(&reservation);
        match newest.data.iter().find(is_ours) {
            Some(made) => {
                let id = SubscriptionId::new(made.id.as_str());
                self.read_first_payment(&id).await
            }
            None => Ok(None),
        }
    }
}

fn customers_after(last: Option<&Id>) -> RequestBuilder {
    let request = ListCustomer::new().limit(PAGE);
    match last {
        Some(last) => request.starting_after(last.as_str()).build(),
        None => request.build(),
    }
}
