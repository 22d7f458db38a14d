//! `/v1/events`.

use super::{
    Method, Outcome, Routed,
    paging::{Created, Page},
};
use crate::{
    errors::StripeError,
    form::Params,
    state::{
        State,
        event::{DeliveryState, Event},
    },
};

pub(super) fn events(state: &mut State, method: Method, rest: &[&str], params: Params) -> Routed {
    Ok(Some(match (method, rest) {
        (Method::Get, []) => list(state, params)?,
        (Method::Get, [id]) => {
            params.finish()?;
            state
                .events
                .get(id)
                .ok_or_else(|| StripeError::no_such("event", id))?
                .to_json()
        }
        _ => return Ok(None),
    }))
}

fn list(state: &State, mut params: Params) -> Outcome {
    let page = Page::read(&mut params)?;
    let created = Created::read(&mut params)?;
    let kind = params.text("type")?;
    let kinds = params.texts("types")?;
    let delivered = params.boolean("delivery_success")?;
    params.finish()?;
    if kind.is_some() && !kinds.is_empty() {
        return Err(StripeError::parameter(
            None,
            "types",
            "You may pass either `type` or `types`, but not both.",
        ));
    }
    let patterns: Vec<String> = kind.into_iter().chain(kinds).collect();
    let oldest = state.oldest_event_shown();
    let rows = state.events.newest().filter(|event| {
        event.created >= oldest
            && created.holds(*event)
            && (patterns.is_empty() || patterns.iter().any(|pattern| is_like(&event.kind, pattern)))
            && delivered.is_none_or(|delivered| was_delivered(event) == delivered)
    });
    page.cut("/v1/events", rows, Event::to_json)
}

/// A name, or the beginning of one followed by `*`.
fn is_like(kind: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => kind.starts_with(start),
        None => kind == pattern,
    }
}

fn was_delivered(event: &Event) -> bool {
    match event.delivery {
        DeliveryState::Delivered | DeliveryState::Unaddressed => true,
        DeliveryState::Pending | DeliveryState::Dropped => false,
    }
}
