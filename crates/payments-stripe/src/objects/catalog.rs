//! Products and prices, joined into what can be sold by the seat.

use std::collections::HashMap;

use serde::Deserialize;
use tollgate_billing::{Interval, PriceId};
use tollgate_primitives::{Currency, Money};
use tollgate_use_cases::ports::{CatalogPrice, CatalogProduct};

use super::{Id, Unreadable};

/// <https://docs.stripe.com/api/products/object>
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Product {
    id: Id,
    name: String,
    #[serde(default)]
    metadata: HashMap<String, String>,
}

/// <https://docs.stripe.com/api/prices/object>
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Price {
    id: Id,
    product: Id,
    currency: String,
    unit_amount: Option<i64>,
    recurring: Option<Recurring>,
}

impl Product {
    pub(crate) fn id(&self) -> &Id {
        &self.id
    }
}

impl Price {
    pub(crate) fn id(&self) -> &Id {
        &self.id
    }
}

#[derive(Debug, Clone, Deserialize)]
struct Recurring {
    interval: String,
    interval_count: u32,
    usage_type: Option<String>,
}

impl Recurring {
    fn interval(&self) -> Option<Interval> {
        match (self.interval.as_str(), self.interval_count) {
            ("month", 1) => Some(Interval::Monthly),
            ("year", 1) => Some(Interval::Annual),
            _ => None,
        }
    }
}

/// Every product with its prices, in the order in which they were listed.
///
/// Prices of other products, metered, tiered or one-time prices are left out: no plan is sold by them.
pub(crate) fn catalog(
    products: Vec<Product>,
    prices: Vec<Price>,
) -> Result<Vec<CatalogProduct>, Unreadable> {
    let mut by_product: HashMap<Id, Vec<CatalogPrice>> = HashMap::new();
    for price in prices {
        if let Some(sold) = by_the_seat(&price)? {
            by_product.entry(price.product).or_default().push(sold);
        }
    }
    Ok(products
        .into_iter()
        .map(|mut product| CatalogProduct {
            prices: by_product.remove(&product.id).unwrap_or_default(),
            id: product.id.into_string(),
            name: product.name,
            plan: product.metadata.remove("tollgate_plan"),
        })
        .collect())
}

fn by_the_seat(price: &Price) -> Result<Option<CatalogPrice>, Unreadable> {
    let (Some(recurring), Some(amount)) = (&price.recurring, price.unit_amount) else {
        return Ok(None);
    };
    if recurring.usage_type.as_deref() == Some("metered") {
        return Ok(None);
    }
    let currency =
        Currency::parse(&price.currency).map_err(|error| Unreadable::new(error.to_string()))?;
    Ok(Some(CatalogPrice {
        id: PriceId::new(price.id.as_str()),
        interval: recurring.interval(),
        amount: Money::new(amount, currency),
    }))
}
