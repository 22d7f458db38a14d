//! Events of the payment provider, delivered by the test itself.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Answer, WEBHOOK_SECRET, World};

impl World {
    /// From now on Stripe tells nothing; the test does.
    pub(crate) async fn hold_events(&self) {
        self.tell_sandbox("webhooks", Value::Null).await;
    }

    /// What Stripe remembers to have happened, oldest first.
    pub(crate) async fn events(&self) -> Vec<Value> {
        let url = format!("{}/v1/events?limit=100", self.sandbox_url());
        let call = self
            .fetch(Method::GET, &url)
            .bearer("sk_test_0123456789abcdef");
        let list = call.send().await.ok(200);
        let newest_first = list["data"].as_array().unwrap().clone();
        newest_first.into_iter().rev().collect()
    }

    /// The newest event of a type.
    pub(crate) async fn event(&self, kind: &str) -> Value {
        let events = self.events().await;
        let newest = events.into_iter().rfind(|event| event["type"] == kind);
        newest.unwrap_or_else(|| panic!("no {kind}"))
    }

    /// Delivers `event` as Stripe would now.
    pub(crate) async fn deliver(&self, event: &Value) -> Answer {
        self.deliver_text(&event.to_string()).await
    }

    pub(crate) async fn deliver_text(&self, body: &str) -> Answer {
        let signature = self.signature(body);
        let call = self
            .post("/webhooks/stripe")
            .header("stripe-signature", &signature);
        call.body("application/json", body.to_owned()).send().await
    }

    /// The header over `body`, signed now.
    pub(crate) fn signature(&self, body: &str) -> String {
        let now = self.now().unix_seconds();
        tollgate_stripe_sandbox::signature_header(WEBHOOK_SECRET, now, body.as_bytes())
    }

    /// What became of an event: its status in the inbox.
    pub(crate) async fn inbox(&self, event: &Value) -> String {
        sqlx::query_scalar("SELECT status FROM webhook_events WHERE id = $1")
            .bind(event["id"].as_str().unwrap())
            .fetch_optional(self.database.pool())
            .await
            .unwrap()
            .unwrap_or_else(|| "absent".to_owned())
    }
}

/// What an event that was taken is answered.
pub(crate) fn taken(applied: bool) -> Value {
    json!({ "status": "ok", "applied": applied })
}
