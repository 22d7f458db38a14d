use serde_json::{Value, json};

use super::with_nulls;
use crate::state::customer::Customer;

impl Customer {
    pub(crate) fn to_json(&self) -> Value {
        if self.deleted {
            return json!({ "id": self.id, "object": "customer", "deleted": true });
        }
        let fields = json!({
            "id": self.id,
            "object": "customer",
            "balance": self.balance,
            "created": self.created,
            "currency": self.currency,
            "delinquent": self.delinquent,
            "description": self.description,
            "email": self.email,
            "invoice_prefix": self.invoice_prefix,
            "invoice_settings": {
                "custom_fields": null,
                "default_payment_method": self.default_payment_method,
                "footer": null,
                "rendering_options": null,
            },
            "livemode": false,
            "metadata": self.metadata,
            "name": self.name,
            "next_invoice_sequence": self.next_invoice_sequence,
            "phone": self.phone,
            "preferred_locales": [],
            "tax_exempt": "none",
        });
        with_nulls(
            fields,
            &[
                "address",
                "customer_account",
                "default_source",
                "discount",
                "shipping",
                "test_clock",
            ],
        )
    }
}
