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
        let mut newest_first = self.stripe_list("events").await;
        newest_first.reverse();
        newest_first
    }

    /// Every object of a list of Stripe's.
    pub(crate) async fn stripe_list(&self, path: &str) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        loop {
            let after = all.last().map(|last| last["id"].as_str().unwrap());
            let after = after.map_or_else(String::new, |id| format!("&starting_after={id}"));
            let query = if path.contains('?') { '&' } else { '?' };
            let page = format!("{path}{query}limit=100{after}");
            let page = self.stripe(Method::GET, &page, &[]).await;
            all.extend(page["data"].as_array().unwrap().iter().cloned());
            if page["has_more"] == false {
                return all;
            }
        }
    }

    /// A call of Stripe's API, as its dashboard or another program makes it.
    pub(crate) async fn stripe(&self, method: Method, path: &str, form: &[(&str, &str)]) -> Value {
        let url = format!("{}/v1/{path}", self.sandbox_url());
        let call = self
            .fetch(method.clone(), &url)
            .bearer("sk_test_0123456789abcdef");
        let call = if method == Method::GET {
            call
        } else {
            call.form(form)
        };
        call.send().await.ok(200)
    }

    /// How often Stripe was asked how one subscription stands.
    pub(crate) async fn reads(&self) -> usize {
        let requests = self.ask_sandbox("requests").await;
        let is_read = |request: &&Value| {
            let path = request["path"].as_str().unwrap();
            request["method"] == "GET" && path.starts_with("/v1/subscriptions/")
        };
        requests.as_array().unwrap().iter().filter(is_read).count()
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
