//! Products and prices. Prices are recurring, per unit and licensed; anything else is refused.

use serde::{Deserialize, Serialize};

use super::{Metadata, State, table::rows};
use crate::{calendar::Cadence, errors::StripeError};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Product {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) updated: i64,
    pub(crate) active: bool,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) metadata: Metadata,
    pub(crate) default_price: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Price {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) active: bool,
    pub(crate) product: String,
    pub(crate) currency: String,
    /// Cents for one unit and period.
    pub(crate) unit_amount: i64,
    /// None for a one-time price, which can be made and listed but not subscribed to.
    pub(crate) cadence: Option<Cadence>,
    pub(crate) nickname: Option<String>,
    pub(crate) lookup_key: Option<String>,
    pub(crate) metadata: Metadata,
}

rows!(Product, Price);

impl State {
    pub(crate) fn product(&self, id: &str) -> Result<&Product, StripeError> {
        self.products
            .get(id)
            .ok_or_else(|| StripeError::no_such("product", id))
    }

    pub(crate) fn price(&self, id: &str) -> Result<&Price, StripeError> {
        self.prices
            .get(id)
            .ok_or_else(|| StripeError::no_such("price", id))
    }

    /// A price that can be subscribed to, with its cadence.
    pub(crate) fn sellable_price(
        &self,
        id: &str,
        param: &str,
    ) -> Result<(&Price, Cadence), StripeError> {
        let price = self
            .prices
            .get(id)
            .ok_or_else(|| StripeError::no_such_in("price", id, param))?;
        if !price.active {
            return Err(StripeError::invalid(
                "The price specified is inactive. This field only accepts active prices.",
            )
            .with_param(param));
        }
        match price.cadence {
            Some(cadence) => Ok((price, cadence)),
            None => Err(StripeError::invalid(format!(
                "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`: {id}"
            ))
            .with_param(param)),
        }
    }

    pub(crate) fn new_product(&mut self, name: &str, fill: impl FnOnce(&mut Product)) -> String {
        let mut product = Product {
            id: self.new_id("prod_", 14),
            created: self.now,
            updated: self.now,
            active: true,
            name: name.to_owned(),
            description: None,
            metadata: Metadata::new(),
            default_price: None,
        };
        fill(&mut product);
        let id = product.id.clone();
        let snapshot = product.to_json();
        self.products.insert(product);
        self.emit("product.created", snapshot);
        id
    }

    pub(crate) fn new_price(&mut self, product: &str, fill: impl FnOnce(&mut Price)) -> String {
        let mut price = Price {
            id: self.new_id("price_1", 23),
            created: self.now,
            active: true,
            product: product.to_owned(),
            currency: "usd".to_owned(),
            unit_amount: 0,
            cadence: None,
            nickname: None,
            lookup_key: None,
            metadata: Metadata::new(),
        };
        fill(&mut price);
        let id = price.id.clone();
        let snapshot = price.to_json();
        self.prices.insert(price);
        self.emit("price.created", snapshot);
        id
    }

    pub(crate) fn edit_product(&mut self, id: &str, edit: impl FnOnce(&mut Product)) {
        let now = self.now;
        let Some(product) = self.products.get_mut(id) else {
            return;
        };
        let before = product.to_json();
        edit(product);
        if product.to_json() != before {
            product.updated = now;
        }
        let after = product.to_json();
        self.emit_change("product.updated", &before, after);
    }

    pub(crate) fn edit_price(&mut self, id: &str, edit: impl FnOnce(&mut Price)) {
        let Some(price) = self.prices.get_mut(id) else {
            return;
        };
        let before = price.to_json();
        edit(price);
        let after = price.to_json();
        self.emit_change("price.updated", &before, after);
    }

    /// The product's name as a page or an invoice shows it.
    pub(crate) fn product_name(&self, price: &Price) -> String {
        self.products
            .get(&price.product)
            .map_or_else(|| price.product.clone(), |product| product.name.clone())
    }
}
