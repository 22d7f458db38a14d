//! Objects as the API of version 2026-09-30.endive shows them: periods on the subscription item,
//! the subscription of an invoice under `parent`, `ui_mode: hosted_page`. Decides nothing.

mod catalog;
mod checkout;
mod customer;
mod event;
mod invoice;
mod payment;
mod subscription;

use serde_json::{Value, json};

pub(crate) const API_VERSION: &str = "2026-09-30.endive";

/// A list object.
pub(crate) fn list(url: &str, data: Vec<Value>, has_more: bool) -> Value {
    json!({ "object": "list", "data": Value::Array(data), "has_more": has_more, "url": url })
}

/// `fields` with the named ones added as null: what Stripe always shows and the sandbox never has.
fn with_nulls(mut fields: Value, names: &[&str]) -> Value {
    if let Some(map) = fields.as_object_mut() {
        for name in names {
            map.insert((*name).to_owned(), Value::Null);
        }
    }
    fields
}
