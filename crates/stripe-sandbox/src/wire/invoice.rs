use serde_json::{Map, Value, json};

use super::{list, with_nulls};
use crate::state::{
    State,
    invoice::{Invoice, InvoiceStatus, Line},
    payment::Intent,
};

impl State {
    pub(crate) fn invoice_json(&self, invoice: &Invoice) -> Value {
        let mut fields = Map::new();
        for part in [
            self.addressee(invoice),
            amounts(invoice),
            self.progress(invoice),
        ] {
            if let Value::Object(part) = part {
                fields.extend(part);
            }
        }
        let nulls = [
            "account_tax_ids",
            "application",
            "automatically_finalizes_at",
            "custom_fields",
            "customer_account",
            "customer_address",
            "customer_phone",
            "customer_shipping",
            "default_payment_method",
            "default_source",
            "description",
            "due_date",
            "footer",
            "from_invoice",
            "last_finalization_error",
            "latest_revision",
            "on_behalf_of",
            "receipt_number",
            "rendering",
            "shipping_cost",
            "shipping_details",
            "statement_descriptor",
            "test_clock",
        ];
        with_nulls(Value::Object(fields), &nulls)
    }

    fn addressee(&self, invoice: &Invoice) -> Value {
        let customer = self.customers.get(&invoice.customer);
        let parent = invoice.subscription.as_ref().map(|subscription| {
            json!({
                "quote_details": null,
                "subscription_details": {
                    "metadata": invoice.subscription_metadata,
                    "subscription": subscription,
                },
                "type": "subscription_details",
            })
        });
        json!({
            "id": invoice.id,
            "object": "invoice",
            "account_country": "US",
            "account_name": "Sandbox",
            "billing_reason": invoice.reason.as_str(),
            "collection_method": "charge_automatically",
            "created": invoice.created,
            "customer": invoice.customer,
            "customer_email": customer.and_then(|customer| customer.email.as_ref()),
            "customer_name": customer.and_then(|customer| customer.name.as_ref()),
            "customer_tax_exempt": "none",
            "customer_tax_ids": [],
            "default_tax_rates": [],
            "discounts": [],
            "issuer": { "type": "self" },
            "livemode": false,
            "metadata": {},
            "parent": parent,
            "payment_settings": {
                "default_mandate": null,
                "payment_method_options": null,
                "payment_method_types": null,
            },
        })
    }

    fn progress(&self, invoice: &Invoice) -> Value {
        let page = match invoice.status {
            InvoiceStatus::Draft => None,
            InvoiceStatus::Open
            | InvoiceStatus::Paid
            | InvoiceStatus::Void
            | InvoiceStatus::Uncollectible => {
                Some(format!("{}/invoice/{}", self.base_url, invoice.id))
            }
        };
        json!({
            "attempt_count": invoice.attempt_count,
            "attempted": invoice.attempted,
            "auto_advance": invoice.auto_advance,
            "effective_at": invoice.finalized_at,
            "hosted_invoice_url": page,
            "invoice_pdf": page,
            "next_payment_attempt": invoice.next_payment_attempt,
            "number": invoice.number,
            "period_end": invoice.period.end,
            "period_start": invoice.period.start,
            "status": invoice.status.as_str(),
            "status_transitions": {
                "finalized_at": invoice.finalized_at,
                "marked_uncollectible_at": invoice.marked_uncollectible_at,
                "paid_at": invoice.paid_at,
                "voided_at": invoice.voided_at,
            },
            "webhooks_delivered_at": invoice.finalized_at,
        })
    }

    /// `confirmation_secret`, which only an expanded answer shows.
    pub(crate) fn confirmation_secret(&self, invoice: &Invoice) -> Value {
        let intent = invoice.intent.as_ref().and_then(|id| self.intents.get(id));
        intent.map_or(
            Value::Null,
            |intent| json!({ "client_secret": intent.client_secret, "type": "payment_intent" }),
        )
    }

    /// The payments of an invoice: at most one, by its payment intent.
    pub(crate) fn invoice_payment(&self, invoice: &Invoice) -> Option<Value> {
        let intent: &Intent = invoice
            .intent
            .as_ref()
            .and_then(|id| self.intents.get(id))?;
        let paid = invoice.paid_at.filter(|_| !invoice.paid_out_of_band);
        let status = match invoice.status {
            InvoiceStatus::Paid if paid.is_some() => "paid",
            InvoiceStatus::Draft | InvoiceStatus::Open | InvoiceStatus::Uncollectible => "open",
            InvoiceStatus::Paid | InvoiceStatus::Void => "canceled",
        };
        Some(json!({
            "id": format!("inpay_{}", invoice.id.trim_start_matches("in_")),
            "object": "invoice_payment",
            "amount_paid": paid.map(|_| invoice.amount_paid),
            "amount_requested": intent.amount,
            "created": intent.created,
            "currency": invoice.currency,
            "invoice": invoice.id,
            "is_default": true,
            "livemode": false,
            "payment": { "payment_intent": intent.id, "type": "payment_intent" },
            "status": status,
            "status_transitions": { "canceled_at": invoice.voided_at, "paid_at": paid },
        }))
    }
}

fn amounts(invoice: &Invoice) -> Value {
    let (total, due) = (invoice.total(), invoice.amount_due());
    let lines = invoice
        .lines
        .iter()
        .map(|line| line.to_json(invoice))
        .collect::<Vec<_>>();
    json!({
        "amount_due": due,
        "amount_overpaid": 0,
        "amount_paid": invoice.amount_paid,
        "amount_paid_off_stripe": if invoice.paid_out_of_band { due } else { 0 },
        "amount_remaining": invoice.amount_remaining(),
        "amount_shipping": 0,
        "automatic_tax": {
            "disabled_reason": null,
            "enabled": false,
            "liability": null,
            "provider": null,
            "status": null,
        },
        "currency": invoice.currency,
        "ending_balance": invoice.ending_balance,
        "lines": list(&format!("/v1/invoices/{}/lines", invoice.id), lines, false),
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "starting_balance": invoice.starting_balance,
        "subtotal": total,
        "subtotal_excluding_tax": total,
        "total": total,
        "total_discount_amounts": [],
        "total_excluding_tax": total,
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
    })
}

impl Line {
    fn to_json(&self, invoice: &Invoice) -> Value {
        json!({
            "id": self.id,
            "object": "line_item",
            "amount": self.amount,
            "currency": invoice.currency,
            "description": self.description,
            "discount_amounts": [],
            "discountable": !self.proration,
            "discounts": [],
            "invoice": invoice.id,
            "livemode": false,
            "metadata": {},
            "parent": {
                "invoice_item_details": null,
                "subscription_item_details": {
                    "invoice_item": null,
                    "proration": self.proration,
                    "proration_details": { "credited_items": null },
                    "subscription": invoice.subscription,
                    "subscription_item": self.subscription_item,
                },
                "type": "subscription_item_details",
            },
            "period": { "end": self.period.end, "start": self.period.start },
            "pretax_credit_amounts": [],
            "pricing": {
                "price_details": { "price": self.price, "product": self.product },
                "type": "price_details",
                "unit_amount_decimal": (!self.proration).then(|| self.unit_amount.to_string()),
            },
            "quantity": self.quantity,
            "quantity_decimal": self.quantity.to_string(),
            "subscription": invoice.subscription,
            "subtotal": self.amount,
            "taxes": [],
        })
    }
}
