//! The catalog a development server starts with: two plans, each by the month and by the year.

use super::State;
use crate::calendar::{Cadence, Interval};

/// Plan key, name, cents a month, cents a year.
const PLANS: [(&str, &str, i64, i64); 2] = [
    ("starter", "Starter", 1_900, 19_000),
    ("pro", "Pro", 4_900, 49_000),
];

impl State {
    /// Adds the plans that are not there yet. Twice is once.
    pub(crate) fn seed_catalog(&mut self) {
        for (plan, name, monthly, yearly) in PLANS {
            let there = self.products.iter().any(|product| {
                product.active
                    && product
                        .metadata
                        .get("tollgate_plan")
                        .is_some_and(|key| key == plan)
            });
            if there {
                continue;
            }
            let product = self.new_product(name, |product| {
                product
                    .metadata
                    .insert("tollgate_plan".to_owned(), plan.to_owned());
            });
            for (interval, cents) in [(Interval::Month, monthly), (Interval::Year, yearly)] {
                let lookup_key = format!("{plan}_{}", interval.as_str());
                self.new_price(&product, |price| {
                    price.unit_amount = cents;
                    price.cadence = Some(Cadence { interval, count: 1 });
                    price.lookup_key = Some(lookup_key);
                });
            }
        }
    }
}
