//! Nothing that can be sent makes the reader panic, and nothing unsigned gets in.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tollgate_use_cases::ports::Webhooks;

use crate::given::{SECRET, at, event, subscription, webhooks};

const KINDS: [&str; 9] = [
    "checkout.session.completed",
    "checkout.session.expired",
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.trial_will_end",
    "invoice.payment_failed",
    "invoice.payment_succeeded",
    "invoice.paid",
];

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((field(), inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Mostly names that mean something.
fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "id",
            "customer",
            "status",
            "items",
            "data",
            "price",
            "quantity",
            "recurring",
            "usage_type",
            "current_period_start",
            "current_period_end",
            "cancel_at",
            "ended_at",
            "trial_end",
            "mode",
            "subscription",
            "parent",
            "subscription_details",
            "attempt_count",
        ])
        .prop_map(str::to_owned),
        ".{0,4}",
    ]
}

proptest! {
    #[test]
    fn any_object_in_any_event_is_read_or_parked(
        kind in prop::sample::select(KINDS.to_vec()),
        object in any_json(),
    ) {
        let body = event(kind, &object).to_string();
        prop_assert!(webhooks().read_stored(&body).is_ok());
    }

    #[test]
    fn a_subscription_with_one_field_replaced_is_read_or_parked(
        field in field(),
        value in any_json(),
    ) {
        let mut object = subscription();
        object[&field] = value;
        let body = event("customer.subscription.updated", &object).to_string();
        prop_assert!(webhooks().read_stored(&body).is_ok());
    }

    #[test]
    fn no_bytes_and_no_header_get_in_unsigned(
        header in prop_oneof![".*", "t=[0-9]{1,12}(,v[01]=[0-9a-f]{64}){0,4}"],
        body in prop::collection::vec(any::<u8>(), 0..256),
        now in 0..4_000_000_000_i64,
    ) {
        prop_assert!(webhooks().verify(Some(&header), &body, at(now)).is_err());
    }

    #[test]
    fn one_changed_bit_of_the_body_is_noticed(
        bit in 0_usize..8,
        place in any::<prop::sample::Index>(),
        now in 0..4_000_000_000_i64,
    ) {
        let body = event("invoice.paid", &json!({})).to_string().into_bytes();
        let header = tollgate_stripe_sandbox::signature_header(SECRET, now, &body);
        prop_assert!(webhooks().verify(Some(&header), &body, at(now)).is_ok());
        let mut changed = body;
        let place = place.index(changed.len());
        changed[place] ^= 1 << bit;
        prop_assert!(webhooks().verify(Some(&header), &changed, at(now)).is_err());
    }
}
