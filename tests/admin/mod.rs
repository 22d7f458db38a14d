//! The operator's part of the API.

mod accounts;
mod audit_log;
mod complimentary;
mod deletion;
mod invites;
mod jobs;
mod sales_leads;
mod suspend;
mod webhook_events;

use reqwest::Method;

use crate::world::{Answer, Person, World};

impl World {
    async fn ask(&self, operator: &Person, path: &str) -> Answer {
        self.admin(operator, Method::GET, path).send().await
    }

    async fn order(&self, operator: &Person, path: &str) -> Answer {
        self.admin(operator, Method::POST, path).send().await
    }

    /// The rows of the trail with this action: actor, then detail.
    pub(crate) async fn trail(&self, action: &str) -> Vec<(Option<String>, serde_json::Value)> {
        sqlx::query_as("SELECT actor_id::text, detail FROM audit_log WHERE action = $1 ORDER BY id")
            .bind(action)
            .fetch_all(self.database.pool())
            .await
            .unwrap()
    }
}
