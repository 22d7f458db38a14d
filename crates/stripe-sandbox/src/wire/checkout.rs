use serde_json::{Map, Value, json};

use super::{list, with_nulls};
use crate::state::{
    State,
    checkout::{Mode, Session, SessionStatus, Ui},
    portal::Portal,
};

impl State {
    pub(crate) fn session_json(&self, session: &Session) -> Value {
        let mut fields = Map::new();
        for part in [self.purchase(session), self.where_shown(session)] {
            if let Value::Object(part) = part {
                fields.extend(part);
            }
        }
        let nulls = [
            "after_expiration",
            "allow_promotion_codes",
            "billing_address_collection",
            "consent",
            "consent_collection",
            "currency_conversion",
            "customer_account",
            "customer_creation",
            "integration_identifier",
            "invoice_creation",
            "locale",
            "origin_context",
            "payment_intent",
            "payment_link",
            "payment_method_configuration_details",
            "permissions",
            "recovered_from",
            "saved_payment_method_options",
            "shipping_address_collection",
            "shipping_cost",
            "submit_type",
            "wallet_options",
        ];
        with_nulls(Value::Object(fields), &nulls)
    }

    fn purchase(&self, session: &Session) -> Value {
        let buying = session.mode == Mode::Subscription;
        let amount = buying.then(|| self.session_amount_now(session));
        let email = session
            .customer
            .as_ref()
            .and_then(|id| self.customers.get(id))
            .and_then(|customer| customer.email.clone())
            .or_else(|| session.customer_email.clone());
        let payment_status = match (session.mode, session.status) {
            (Mode::Setup, _) => "no_payment_required",
            (Mode::Subscription, SessionStatus::Complete) if self.was_free(session) => {
                "no_payment_required"
            }
            (Mode::Subscription, SessionStatus::Complete) => "paid",
            (Mode::Subscription, SessionStatus::Open | SessionStatus::Expired) => "unpaid",
        };
        json!({
            "id": session.id,
            "object": "checkout.session",
            "adaptive_pricing": { "enabled": false },
            "amount_subtotal": amount,
            "amount_total": amount,
            "automatic_tax": { "enabled": false, "liability": null, "provider": null, "status": null },
            "client_reference_id": session.client_reference_id,
            "created": session.created,
            "currency": session.currency,
            "customer": session.customer,
            "customer_details": email.map(|email| with_nulls(
                json!({ "email": email, "tax_exempt": buying.then_some("none") }),
                &["address", "business_name", "individual_name", "name", "phone", "tax_ids"],
            )),
            "customer_email": session.customer_email,
            "discounts": buying.then(Vec::<Value>::new),
            "expires_at": session.expires_at,
            "invoice": session.invoice,
            "livemode": false,
            "metadata": session.metadata,
            "mode": if buying { "subscription" } else { "setup" },
            "payment_method_collection": "always",
            "payment_method_options": { "card": { "request_three_d_secure": "automatic" } },
            "payment_method_types": ["card"],
            "payment_status": payment_status,
            "setup_intent": session.setup_intent,
            "status": session.status.as_str(),
            "subscription": session.subscription,
            "total_details": buying.then(|| json!({
                "amount_discount": 0,
                "amount_shipping": 0,
                "amount_tax": 0,
            })),
        })
    }

    /// Whether completing the session took no money.
    fn was_free(&self, session: &Session) -> bool {
        let invoice = session
            .invoice
            .as_ref()
            .and_then(|id| self.invoices.get(id));
        invoice.is_some_and(|invoice| invoice.total() == 0)
    }

    fn where_shown(&self, session: &Session) -> Value {
        let open = session.is_open();
        let page = format!("{}/checkout/{}", self.base_url, session.id);
        let mut shown = match &session.ui {
            Ui::Hosted {
                success_url,
                cancel_url,
            } => json!({
                "cancel_url": cancel_url,
                "client_secret": null,
                "success_url": success_url,
                "ui_mode": "hosted_page",
                "url": open.then_some(page),
            }),
            Ui::Embedded {
                client_secret,
                return_url,
            } => json!({
                "cancel_url": null,
                "client_secret": open.then_some(client_secret),
                "redirect_on_completion": if return_url.is_some() { "always" } else { "never" },
                "return_url": return_url,
                "success_url": null,
                "ui_mode": "embedded_page",
                "url": null,
            }),
        };
        if let Some(fields) = shown.as_object_mut() {
            fields.insert("custom_fields".into(), json!([]));
            fields.insert(
                "custom_text".into(),
                with_nulls(
                    json!({}),
                    &[
                        "after_submit",
                        "shipping_address",
                        "submit",
                        "terms_of_service_acceptance",
                    ],
                ),
            );
            fields.insert(
                "collected_information".into(),
                with_nulls(
                    json!({}),
                    &["business_name", "individual_name", "shipping_details"],
                ),
            );
            fields.insert(
                "phone_number_collection".into(),
                json!({ "enabled": false }),
            );
            fields.insert("shipping_options".into(), json!([]));
        }
        shown
    }

    /// `line_items`, which only an expanded answer or its own list shows.
    pub(crate) fn session_line_items(&self, session: &Session) -> Value {
        let items = session.line_items.iter().filter_map(|item| {
            let price = self.prices.get(&item.price)?;
            let amount = price.unit_amount * item.quantity;
            Some(json!({
                "id": item.id,
                "object": "item",
                "adjustable_quantity": null,
                "amount_discount": 0,
                "amount_subtotal": amount,
                "amount_tax": 0,
                "amount_total": amount,
                "currency": price.currency,
                "description": self.product_name(price),
                "metadata": {},
                "price": price.to_json(),
                "quantity": item.quantity,
            }))
        });
        list(
            &format!("/v1/checkout/sessions/{}/line_items", session.id),
            items.collect(),
            false,
        )
    }

    pub(crate) fn portal_json(&self, portal: &Portal) -> Value {
        json!({
            "id": portal.id,
            "object": "billing_portal.session",
            "configuration": "bpc_1sandbox",
            "created": portal.created,
            "customer": portal.customer,
            "customer_account": null,
            "flow": null,
            "livemode": false,
            "locale": null,
            "on_behalf_of": null,
            "return_url": portal.return_url,
            "url": format!("{}/portal/{}", self.base_url, portal.id),
        })
    }
}
