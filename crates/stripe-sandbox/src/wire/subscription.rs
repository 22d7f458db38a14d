use serde_json::{Value, json};

use super::with_nulls;
use crate::state::{
    State,
    subscription::{Item, Pause, Subscription},
};

impl State {
    pub(crate) fn subscription_json(&self, subscription: &Subscription) -> Value {
        let mut fields = self.terms(subscription);
        if let (Some(fields), Value::Object(course)) =
            (fields.as_object_mut(), course(subscription))
        {
            fields.extend(course);
        }
        let nulls = [
            "application",
            "application_fee_percent",
            "billing_cycle_anchor_config",
            "billing_thresholds",
            "customer_account",
            "days_until_due",
            "default_source",
            "next_pending_invoice_item_invoice",
            "on_behalf_of",
            "pending_invoice_item_interval",
            "pending_update",
            "schedule",
            "test_clock",
            "transfer_data",
        ];
        with_nulls(fields, &nulls)
    }

    fn terms(&self, subscription: &Subscription) -> Value {
        let items: Vec<Value> = subscription
            .items
            .iter()
            .map(|item| self.subscription_item_json(subscription, item))
            .collect();
        let save = if subscription.save_default_payment_method {
            "on_subscription"
        } else {
            "off"
        };
        json!({
            "id": subscription.id,
            "object": "subscription",
            "automatic_tax": { "disabled_reason": null, "enabled": false, "liability": null },
            "billing_mode": {
                "flexible": { "proration_discounts": "included" },
                "type": "flexible",
                "updated_at": subscription.created,
            },
            "billing_schedules": [],
            "collection_method": "charge_automatically",
            "created": subscription.created,
            "currency": subscription.currency,
            "customer": subscription.customer,
            "default_payment_method": subscription.default_payment_method,
            "default_tax_rates": [],
            "description": subscription.description,
            "discounts": [],
            "invoice_settings": { "account_tax_ids": null, "issuer": { "type": "self" } },
            "items": {
                "object": "list",
                "data": items,
                "has_more": false,
                "total_count": items.len(),
                "url": format!("/v1/subscription_items?subscription={}", subscription.id),
            },
            "livemode": false,
            "metadata": subscription.metadata,
            "payment_settings": {
                "payment_method_options": null,
                "payment_method_types": null,
                "save_default_payment_method": save,
            },
        })
    }

    pub(crate) fn subscription_item_json(&self, subscription: &Subscription, item: &Item) -> Value {
        let price = self.prices.get(&item.price);
        json!({
            "id": item.id,
            "object": "subscription_item",
            "billing_thresholds": null,
            "created": item.created,
            "current_period_end": subscription.period.end,
            "current_period_start": subscription.period.start,
            "discounts": [],
            "metadata": item.metadata,
            "plan": price.map(crate::state::catalog::Price::to_plan_json),
            "price": price.map(crate::state::catalog::Price::to_json),
            "quantity": item.quantity,
            "subscription": subscription.id,
            "tax_rates": [],
        })
    }
}

fn course(subscription: &Subscription) -> Value {
    let cancellation = &subscription.cancellation;
    json!({
        "billing_cycle_anchor": subscription.anchor,
        "cancel_at": subscription.cancel_at,
        "cancel_at_period_end": subscription.cancel_at_period_end,
        "canceled_at": subscription.canceled_at,
        "cancellation_details": {
            "comment": cancellation.comment,
            "feedback": cancellation.feedback,
            "reason": cancellation.reason,
        },
        "ended_at": subscription.ended_at,
        "latest_invoice": subscription.latest_invoice,
        "pause_collection": subscription.pause.map(Pause::to_json),
        "pending_setup_intent": subscription.pending_setup_intent,
        "start_date": subscription.created,
        "status": subscription.status.as_str(),
        "trial_end": subscription.trial.map(|trial| trial.end),
        "trial_settings": {
            "end_behavior": {
                "missing_payment_method": subscription.trial_end_without_card.as_str(),
            },
        },
        "trial_start": subscription.trial.map(|trial| trial.start),
    })
}

impl Pause {
    fn to_json(self) -> Value {
        json!({ "behavior": self.behaviour.as_str(), "resumes_at": self.resumes_at })
    }
}
