use serde_json::{Value, json};

use super::with_nulls;
use crate::state::{
    card::PaymentMethod,
    payment::{Charge, Decline, Intent, IntentStatus, Refund, SetupIntent},
};

impl PaymentMethod {
    pub(crate) fn to_json(&self) -> Value {
        let brand = self.card.brand();
        json!({
            "id": self.id,
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": billing_details(),
            "card": {
                "brand": brand,
                "checks": {
                    "address_line1_check": null,
                    "address_postal_code_check": null,
                    "cvc_check": "pass",
                },
                "country": "US",
                "display_brand": brand,
                "exp_month": 12,
                "exp_year": 2040,
                "fingerprint": format!("sandbox{:04}", self.card.last4),
                "funding": "credit",
                "generated_from": null,
                "last4": format!("{:04}", self.card.last4),
                "networks": { "available": [brand], "preferred": null },
                "regulated_status": "unregulated",
                "three_d_secure_usage": { "supported": true },
                "wallet": null,
            },
            "created": self.created,
            "customer": self.customer,
            "customer_account": null,
            "livemode": false,
            "metadata": self.metadata,
            "type": "card",
        })
    }
}

fn billing_details() -> Value {
    let address = with_nulls(
        json!({}),
        &["city", "country", "line1", "line2", "postal_code", "state"],
    );
    with_nulls(
        json!({ "address": address }),
        &["email", "name", "phone", "tax_id"],
    )
}

impl Decline {
    fn to_json(&self) -> Value {
        json!({
            "code": self.code,
            "decline_code": self.reason,
            "message": self.message,
            "type": "card_error",
        })
    }
}

impl Intent {
    pub(crate) fn to_json(&self) -> Value {
        let received = if self.status == IntentStatus::Succeeded {
            self.amount
        } else {
            0
        };
        let fields = json!({
            "id": self.id,
            "object": "payment_intent",
            "amount": self.amount,
            "amount_capturable": 0,
            "amount_details": { "tip": {} },
            "amount_received": received,
            "canceled_at": self.canceled_at,
            "cancellation_reason": self.cancellation_reason,
            "capture_method": "automatic",
            "client_secret": self.client_secret,
            "confirmation_method": "automatic",
            "created": self.created,
            "currency": self.currency,
            "customer": self.customer,
            "description": self.description,
            "last_payment_error": self.last_error.as_ref().map(Decline::to_json),
            "latest_charge": self.latest_charge,
            "livemode": false,
            "metadata": {},
            "payment_details": { "customer_reference": null, "order_reference": self.invoice },
            "payment_method": self.payment_method,
            "payment_method_options": { "card": { "request_three_d_secure": "automatic" } },
            "payment_method_types": ["card"],
            "setup_future_usage": "off_session",
            "status": self.status.as_str(),
        });
        let nulls = [
            "application",
            "application_fee_amount",
            "automatic_payment_methods",
            "customer_account",
            "excluded_payment_method_types",
            "next_action",
            "on_behalf_of",
            "payment_method_configuration_details",
            "processing",
            "receipt_email",
            "review",
            "shipping",
            "source",
            "statement_descriptor",
            "statement_descriptor_suffix",
            "transfer_data",
            "transfer_group",
        ];
        with_nulls(fields, &nulls)
    }
}

impl SetupIntent {
    pub(crate) fn to_json(&self) -> Value {
        let fields = json!({
            "id": self.id,
            "object": "setup_intent",
            "client_secret": self.client_secret,
            "created": self.created,
            "customer": self.customer,
            "livemode": false,
            "metadata": self.metadata,
            "payment_method": self.payment_method,
            "payment_method_options": { "card": { "request_three_d_secure": "automatic" } },
            "payment_method_types": ["card"],
            "status": self.status.as_str(),
            "usage": "off_session",
        });
        let nulls = [
            "application",
            "automatic_payment_methods",
            "cancellation_reason",
            "customer_account",
            "description",
            "excluded_payment_method_types",
            "flow_directions",
            "last_setup_error",
            "latest_attempt",
            "mandate",
            "next_action",
            "on_behalf_of",
            "payment_method_configuration_details",
            "single_use_mandate",
        ];
        with_nulls(fields, &nulls)
    }
}

impl Charge {
    pub(crate) fn to_json(&self) -> Value {
        let paid = self.failure.is_none();
        let fields = json!({
            "id": self.id,
            "object": "charge",
            "amount": self.amount,
            "amount_captured": if paid { self.amount } else { 0 },
            "amount_refunded": self.amount_refunded,
            "billing_details": billing_details(),
            "captured": paid,
            "created": self.created,
            "currency": self.currency,
            "customer": self.customer,
            "disputed": false,
            "failure_code": self.failure.as_ref().map(|failure| &failure.code),
            "failure_message": self.failure.as_ref().map(|failure| &failure.message),
            "fraud_details": {},
            "livemode": false,
            "metadata": {},
            "paid": paid,
            "payment_intent": self.intent,
            "payment_method": self.payment_method,
            "refunded": self.amount_refunded == self.amount,
            "status": if paid { "succeeded" } else { "failed" },
        });
        let nulls = [
            "application",
            "application_fee",
            "application_fee_amount",
            "balance_transaction",
            "calculated_statement_descriptor",
            "description",
            "failure_balance_transaction",
            "on_behalf_of",
            "outcome",
            "payment_method_details",
            "receipt_email",
            "receipt_number",
            "receipt_url",
            "review",
            "shipping",
            "source",
            "source_transfer",
            "statement_descriptor",
            "statement_descriptor_suffix",
            "transfer_data",
            "transfer_group",
        ];
        with_nulls(fields, &nulls)
    }
}

impl Refund {
    pub(crate) fn to_json(&self) -> Value {
        let fields = json!({
            "id": self.id,
            "object": "refund",
            "amount": self.amount,
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "destination_details": { "card": { "type": "refund" }, "type": "card" },
            "metadata": self.metadata,
            "payment_intent": self.intent,
            "reason": self.reason,
            "status": "succeeded",
        });
        let nulls = [
            "balance_transaction",
            "customer",
            "customer_account",
            "payment_method",
            "receipt_number",
            "source_transfer_reversal",
            "transfer_reversal",
        ];
        with_nulls(fields, &nulls)
    }
}
