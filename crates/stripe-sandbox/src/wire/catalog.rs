use serde_json::{Value, json};

use super::with_nulls;
use crate::state::catalog::{Price, Product};

impl Product {
    pub(crate) fn to_json(&self) -> Value {
        let fields = json!({
            "id": self.id,
            "object": "product",
            "active": self.active,
            "created": self.created,
            "default_price": self.default_price,
            "description": self.description,
            "images": [],
            "livemode": false,
            "marketing_features": [],
            "metadata": self.metadata,
            "name": self.name,
            "type": "service",
            "updated": self.updated,
        });
        with_nulls(
            fields,
            &[
                "package_dimensions",
                "shippable",
                "statement_descriptor",
                "tax_code",
                "unit_label",
                "url",
            ],
        )
    }
}

impl Price {
    pub(crate) fn to_json(&self) -> Value {
        let recurring = self.cadence.map(|cadence| {
            json!({
                "interval": cadence.interval.as_str(),
                "interval_count": cadence.count,
                "meter": null,
                "trial_period_days": null,
                "usage_type": "licensed",
            })
        });
        let fields = json!({
            "id": self.id,
            "object": "price",
            "active": self.active,
            "billing_scheme": "per_unit",
            "created": self.created,
            "currency": self.currency,
            "livemode": false,
            "lookup_key": self.lookup_key,
            "metadata": self.metadata,
            "nickname": self.nickname,
            "product": self.product,
            "recurring": recurring,
            "tax_behavior": "unspecified",
            "type": if self.cadence.is_some() { "recurring" } else { "one_time" },
            "unit_amount": self.unit_amount,
            "unit_amount_decimal": self.unit_amount.to_string(),
        });
        with_nulls(
            fields,
            &["custom_unit_amount", "tiers_mode", "transform_quantity"],
        )
    }

    /// The price in the older shape that subscription items still carry.
    pub(crate) fn to_plan_json(&self) -> Value {
        let fields = json!({
            "id": self.id,
            "object": "plan",
            "active": self.active,
            "amount": self.unit_amount,
            "amount_decimal": self.unit_amount.to_string(),
            "billing_scheme": "per_unit",
            "created": self.created,
            "currency": self.currency,
            "interval": self.cadence.map(|cadence| cadence.interval.as_str()),
            "interval_count": self.cadence.map(|cadence| cadence.count),
            "livemode": false,
            "metadata": self.metadata,
            "nickname": self.nickname,
            "product": self.product,
            "usage_type": "licensed",
        });
        with_nulls(
            fields,
            &[
                "meter",
                "tiers_mode",
                "transform_usage",
                "trial_period_days",
            ],
        )
    }
}
