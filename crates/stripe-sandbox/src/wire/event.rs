use serde_json::{Value, json};

use super::API_VERSION;
use crate::state::event::{DeliveryState, Event};

impl Event {
    pub(crate) fn to_json(&self) -> Value {
        let mut data = json!({ "object": self.object });
        if let (Some(data), Some(previous)) = (data.as_object_mut(), &self.previous_attributes) {
            data.insert("previous_attributes".into(), previous.clone());
        }
        let pending =
            self.delivery == DeliveryState::Pending || self.delivery == DeliveryState::Dropped;
        json!({
            "id": self.id,
            "object": "event",
            "api_version": API_VERSION,
            "created": self.created,
            "data": data,
            "livemode": false,
            "pending_webhooks": i32::from(pending),
            "request": { "id": self.request_id, "idempotency_key": self.idempotency_key },
            "type": self.kind,
        })
    }
}
