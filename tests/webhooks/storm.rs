//! POST /webhooks/stripe, when everything happens at once.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, stream};
use reqwest::Method;
use serde_json::Value;

use super::stripe::{open_events, world_cares};
use crate::world::{SECOND, Setup, World};

const SUBSCRIPTIONS: usize = 75;
const CONNECTIONS: usize = 32;

/// Accounts whose customers are known, and nothing else of them.
const ACCOUNTS: &str = "
    WITH made AS (
        INSERT INTO accounts (id, name, stripe_customer_id, created_at)
        SELECT gen_random_uuid(), 'Acme', customer, now() FROM unnest($1::text[]) customer RETURNING id),
    people AS (
        INSERT INTO users (id, email, name, created_at)
        SELECT id, id || '@example.com', 'Ada', now() FROM made)
    INSERT INTO memberships (account_id, user_id, role, created_at)
    SELECT id, id, 'owner', now() FROM made";

/// What each account has bought, changed twice within one second and twice later on.
async fn live(world: &World) {
    let price: String =
        sqlx::query_scalar("SELECT stripe_monthly_price_id FROM plan_billing WHERE plan = 'pro'")
            .fetch_one(world.database.pool())
            .await
            .unwrap();
    let (mut customers, mut items) = (Vec::new(), Vec::new());
    for _ in 0..SUBSCRIPTIONS {
        let customer = world.stripe(Method::POST, "customers", &[]).await;
        let customer = customer["id"].as_str().unwrap().to_owned();
        let attach = "payment_methods/pm_card_visa/attach";
        let card = [("customer", customer.as_str())];
        let card = world.stripe(Method::POST, attach, &card).await;
        let form = [
            ("customer", customer.as_str()),
            ("default_payment_method", card["id"].as_str().unwrap()),
            ("items[0][price]", &price),
        ];
        let bought = world.stripe(Method::POST, "subscriptions", &form).await;
        let item = bought["items"]["data"][0]["id"].as_str().unwrap();
        items.push((bought["id"].as_str().unwrap().to_owned(), item.to_owned()));
        customers.push(customer);
    }
    sqlx::query(ACCOUNTS)
        .bind(customers)
        .execute(world.database.pool())
        .await
        .unwrap();
    for seats in ["2", "3", "4", "5"] {
        for (subscription, item) in &items {
            let form = [
                ("items[0][id]", item.as_str()),
                ("items[0][quantity]", seats),
                ("proration_behavior", "none"),
            ];
            let path = format!("subscriptions/{subscription}");
            world.stripe(Method::POST, &path, &form).await;
        }
        if seats != "2" {
            world.advance(SECOND).await;
        }
    }
}

/// Runs what failed once more without waiting for its turn: events that came before their subscription,
/// and reads whose answer was overtaken.
async fn settle(world: &World) {
    for _ in 0..10 {
        world.drain().await;
        if open_events(world).await == 0 {
            return;
        }
        world
            .execute("UPDATE graphile_worker._private_jobs SET run_at = now()")
            .await;
    }
    panic!("{} events are left", open_events(world).await);
}

/// The same every time, and no order that a provider would keep.
fn shuffled(events: Vec<Value>) -> Vec<Value> {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut keyed: Vec<_> = events
        .into_iter()
        .map(|event| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (random >> 33, event)
        })
        .collect();
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, event)| event).collect()
}

#[tokio::test]
async fn l05_a_storm_of_shuffled_and_doubled_events_ends_in_what_stripe_says() {
    let world = Setup::default().two_nodes().start().await;
    world.hold_events().await;
    live(&world).await;
    let mut events = world.events().await;
    events.retain(world_cares);
    let doubles: Vec<_> = events.iter().step_by(5).cloned().collect();
    events.extend(doubles);
    assert!(events.len() >= 600, "{}", events.len());
    let delivered = stream::iter(shuffled(events))
        .map(|event| {
            let world = &world;
            async move { world.deliver(&event).await.status }
        })
        .buffer_unordered(CONNECTIONS);
    let refused = delivered.filter(|status| std::future::ready(*status != 200));
    assert_eq!(refused.count().await, 0);
    settle(&world).await;
    let expected: BTreeMap<_, _> = world
        .stripe_list("subscriptions")
        .await
        .iter()
        .map(|subscription| {
            let seats = subscription["items"]["data"][0]["quantity"].as_i64();
            let told = |key: &str| subscription[key].as_str().unwrap().to_owned();
            (told("id"), (told("status"), seats.unwrap()))
        })
        .collect();
    assert_eq!(expected.len(), SUBSCRIPTIONS);
    let stored: Vec<(String, String, i64)> =
        sqlx::query_as("SELECT stripe_subscription_id, status, seat_limit FROM subscriptions")
            .fetch_all(world.database.pool())
            .await
            .unwrap();
    let stored: BTreeMap<_, _> = stored
        .into_iter()
        .map(|(id, status, seats)| (id, (status, seats)))
        .collect();
    assert_eq!(stored, expected);
    let reads = world.reads().await;
    assert!(reads <= SUBSCRIPTIONS * 6 / 5, "{reads} reads");
}
