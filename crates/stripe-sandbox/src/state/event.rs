//! What happened, as Stripe would tell it, and how far telling it has come.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{State, table::rows};
use crate::calendar::DAY;

/// Stripe keeps events for thirty days.
const KEPT: i64 = 30 * DAY;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeliveryState {
    Pending,
    Delivered,
    /// Lost on the way by an injected fault.
    Dropped,
    /// There was no endpoint to tell.
    Unaddressed,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) created: i64,
    pub(crate) object: Value,
    pub(crate) previous_attributes: Option<Value>,
    pub(crate) request_id: Option<String>,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) delivery: DeliveryState,
    pub(crate) attempts: u32,
    pub(crate) last_status: Option<u16>,
}

rows!(Event);

impl State {
    pub(crate) fn emit(&mut self, kind: &str, object: Value) {
        self.record_event(kind, object, None);
    }

    /// Tells of a change, unless nothing changed.
    pub(crate) fn emit_change(&mut self, kind: &str, before: &Value, after: Value) {
        if let Some(previous) = difference(before, &after) {
            self.record_event(kind, after, Some(previous));
        }
    }

    fn record_event(&mut self, kind: &str, object: Value, previous_attributes: Option<Value>) {
        let id = self.new_id("evt_1", 23);
        let delivery = if self.webhook.is_some() {
            DeliveryState::Pending
        } else {
            DeliveryState::Unaddressed
        };
        if delivery == DeliveryState::Pending {
            self.undelivered.push(id.clone());
        }
        self.events.insert(Event {
            id,
            kind: kind.to_owned(),
            created: self.now,
            object,
            previous_attributes,
            request_id: self.cause.as_ref().map(|cause| cause.request_id.clone()),
            idempotency_key: self
                .cause
                .as_ref()
                .and_then(|cause| cause.idempotency_key.clone()),
            delivery,
            attempts: 0,
            last_status: None,
        });
    }

    /// Forgets what is too old to be shown, unless it is still to be delivered.
    pub(crate) fn forget_old_events(&mut self) {
        let oldest = self.oldest_event_shown();
        let pending = DeliveryState::Pending;
        self.events
            .retain(|event| event.created >= oldest || event.delivery == pending);
    }

    pub(crate) fn oldest_event_shown(&self) -> i64 {
        self.now - KEPT
    }

    pub(crate) fn pending_events(&self) -> impl Iterator<Item = &Event> {
        self.events
            .iter()
            .filter(|event| event.delivery == DeliveryState::Pending)
    }
}

/// The old values of what differs, nested objects only where they differ; lists as a whole.
fn difference(before: &Value, after: &Value) -> Option<Value> {
    if before == after {
        return None;
    }
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        return Some(before.clone());
    };
    let mut changed = Map::new();
    for (key, value) in new {
        let previous = old.get(key).unwrap_or(&Value::Null);
        if let Some(part) = difference(previous, value) {
            changed.insert(key.clone(), part);
        }
    }
    for (key, value) in old {
        if !new.contains_key(key) {
            changed.insert(key.clone(), value.clone());
        }
    }
    Some(Value::Object(changed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn previous_attributes_hold_the_old_values_of_what_changed() {
        let before = json!({"status": "trialing", "items": [1], "details": {"reason": null, "text": "x"}, "same": 1});
        let after = json!({"status": "active", "items": [2], "details": {"reason": "asked", "text": "x"}, "same": 1});
        assert_eq!(
            difference(&before, &after),
            Some(json!({"status": "trialing", "items": [1], "details": {"reason": null}}))
        );
        assert_eq!(difference(&after, &after), None);
    }
}
