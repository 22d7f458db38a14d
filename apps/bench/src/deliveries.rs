//! Events as Stripe delivers them: each changes the subscription of another account than the fifteen
//! beside it, and is newer than the account's last.

use tollgate_primitives::Timestamp;

use crate::database::{ACCOUNTS, PRICE};

/// A `customer.subscription.updated` in Stripe's own layout.
pub(crate) const TEMPLATE: &str = include_str!("subscription_updated.json");

const DAY: i64 = 24 * 60 * 60;

#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) event: String,
    pub(crate) customer: String,
    pub(crate) body: String,
}

/// Never ends, never repeats.
#[derive(Debug)]
pub(crate) struct Deliveries {
    number: u64,
    template: String,
}

impl Deliveries {
    /// Of subscriptions that run at `now`.
    pub(crate) fn new(now: Timestamp) -> Self {
        let start = now.unix_seconds() - 10 * DAY;
        let template = TEMPLATE
            .replace("{price}", PRICE)
            .replace("{start}", &start.to_string())
            .replace("{end}", &(start + 30 * DAY).to_string());
        Self {
            number: 0,
            template,
        }
    }
}

impl Iterator for Deliveries {
    type Item = Delivery;

    fn next(&mut self) -> Option<Delivery> {
        let (account, turn) = (self.number % ACCOUNTS, self.number / ACCOUNTS);
        let event = format!("evt_1SRzqaBench{:010}", self.number);
        let body = self
            .template
            .replace("{event}", &event)
            .replace("{account}", &account.to_string())
            // The seed's stamp is 0, and a new second is a new word.
            .replace("{created}", &(turn + 1).to_string())
            .replace("{seats}", &(5 + turn % 7).to_string());
        self.number += 1;
        let customer = format!("cus_bench_{account}");
        Some(Delivery {
            event,
            customer,
            body,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn an_account_hears_of_itself_once_in_a_thousand_events_and_in_order() {
        let now = Timestamp::from_unix_seconds(1_800_000_000).unwrap();
        let deliveries: Vec<_> = Deliveries::new(now).take(2_001).collect();
        let events: BTreeSet<_> = deliveries.iter().map(|d| &d.event).collect();
        assert_eq!(events.len(), 2_001);
        let created = [0, 1_000, 2_000].map(|number| {
            assert_eq!(deliveries[number].customer, "cus_bench_0");
            let body: Value = serde_json::from_str(&deliveries[number].body).unwrap();
            assert_eq!(body["data"]["object"]["customer"], "cus_bench_0");
            body["created"].as_i64().unwrap()
        });
        assert_eq!(created, [1, 2, 3]);
    }
}
