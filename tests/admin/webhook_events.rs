//! GET /admin/webhook-events, GET /admin/webhook-events/{id}, POST /admin/webhook-events/{id}/replay

use serde_json::{Value, json};
use tollgate_testkit::burst;
use tollgate_use_cases::sync_plans;

use crate::world::{DAY, Person, Setup, World, raw_post};

/// Somebody who has just paid, for a plan whose price the catalog has lost: the event of it has failed.
async fn failed_event(world: &World) -> (Person, Value) {
    world.hold_events().await;
    let ada = world.person("Ada").await;
    world.buy(&ada, "pro").await;
    let event = world.event("customer.subscription.created").await;
    world.execute("DELETE FROM plan_prices").await;
    world.deliver(&event).await.ok(200);
    assert_eq!(world.inbox(&event).await, "failed");
    world.drain().await;
    (ada, event)
}

/// The same, three days later.
async fn dead_letter(world: &World) -> (Person, Value) {
    let (mut ada, event) = failed_event(world).await;
    world.clock.advance(DAY * 3);
    world
        .execute("UPDATE graphile_worker._private_jobs SET run_at = now()")
        .await;
    world.drain().await;
    assert_eq!(world.inbox(&event).await, "dead");
    world.sign_in(&mut ada).await;
    (ada, event)
}

fn replay_of(event: &Value) -> String {
    format!("/webhook-events/{}/replay", event["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_dead_letter_is_shown_with_its_cause_and_replayed_when_that_is_mended() {
    let world = World::start().await;
    let (ada, event) = dead_letter(&world).await;
    let olga = world.operator().await;
    let list = world
        .ask(&olga, "/webhook-events?status=dead")
        .await
        .ok(200);
    assert_eq!(
        list["counts"],
        json!({ "received": 0, "failed": 0, "dead": 1 })
    );
    assert_eq!(list["next_cursor"], Value::Null);
    let listed = &list["items"][0];
    assert_eq!(listed["id"], event["id"]);
    assert_eq!(listed["type"], "customer.subscription.created");
    assert_eq!(listed.get("body"), None);
    let error = listed["last_error"].as_str().unwrap();
    assert!(error.contains("the catalog has no such price"), "{error}");
    let path = format!("/webhook-events/{}", event["id"].as_str().unwrap());
    let shown = world.ask(&olga, &path).await.ok(200);
    assert_eq!(shown["last_error"], listed["last_error"]);
    assert_eq!(shown["body"], event.to_string());

    let still = world.order(&olga, &replay_of(&event)).await.ok(200);
    assert_eq!(still["status"], "dead");
    assert_eq!(
        still["attempts"],
        json!(shown["attempts"].as_u64().unwrap() + 1)
    );

    sync_plans(world.app(), false).await.unwrap();
    let replayed = world.order(&olga, &replay_of(&event)).await.ok(200);
    assert_eq!(replayed["status"], "applied");
    assert_eq!(replayed["last_error"], Value::Null);
    assert_eq!(world.standing(&ada).await, "trialing pro by trial");
    let again = world.order(&olga, &replay_of(&event)).await;
    insta::assert_snapshot!(again, @r#"
    409
    {
      "detail": {
        "error": "already_applied",
        "message": "This event has done its work; there is nothing to try again."
      }
    }
    "#);
    let trail = world.trail("event_replayed").await;
    let outcomes: Vec<_> = trail
        .iter()
        .map(|(actor, detail)| {
            assert_eq!(actor.as_deref(), Some(olga.id.as_str()));
            assert_eq!(detail["event"], event["id"]);
            detail["outcome"].as_str().unwrap()
        })
        .collect();
    assert_eq!(outcomes.len(), 2, "{outcomes:?}");
    assert!(outcomes[0].starts_with("the catalog has no such price"));
    assert_eq!(outcomes[1], "applied");
}

#[tokio::test]
async fn of_fifty_replays_at_once_on_two_nodes_one_applies_the_event() {
    let world = Setup::default().two_nodes().start().await;
    let (_, event) = failed_event(&world).await;
    let olga = world.operator().await;
    sync_plans(world.app(), false).await.unwrap();
    let changes = "SELECT count(*) FROM audit_log WHERE action = 'subscription_changed'";
    let before = world.count(changes).await;
    let authorization = format!("Bearer {}", olga.access);
    let path = format!("/api/v1/admin{}", replay_of(&event));
    let request = |nth: usize| {
        let node = world.ops_address(nth % 2);
        (
            node,
            raw_post(node, &path, &[("authorization", &authorization)], ""),
        )
    };
    let replies = burst((0..50).map(request).collect()).await.unwrap();
    let applied = replies.iter().filter(|reply| reply.status == 200).count();
    let refused = |reply: &&tollgate_testkit::Reply| {
        reply.status == 409 && reply.body.contains("already_applied")
    };
    assert_eq!(applied, 1, "{replies:?}");
    assert_eq!(replies.iter().filter(refused).count(), 49, "{replies:?}");
    world.drain().await;
    assert_eq!(world.count(changes).await, before + 1);
    assert_eq!(world.trail("event_replayed").await.len(), 1);
}

#[tokio::test]
async fn an_event_that_needs_a_read_waits_for_it_after_its_replay() {
    let world = World::start().await;
    let (ada, event) = failed_event(&world).await;
    let olga = world.operator().await;
    sync_plans(world.app(), false).await.unwrap();
    world.order(&olga, &replay_of(&event)).await.ok(200);
    let mut twin = event.clone();
    twin["id"] = json!("evt_twin");
    twin["data"]["object"]["cancel_at_period_end"] = json!(true);
    twin["data"]["object"]["cancel_at"] = json!(world.now().unix_seconds() + 1000);
    world.deliver(&twin).await.ok(200);
    world.drain().await;
    world
        .execute(
            "UPDATE webhook_events SET status = 'dead', last_error = 'x' WHERE id = 'evt_twin'",
        )
        .await;
    world
        .order(&olga, "/webhook-events/evt_twin/replay")
        .await
        .ok(200);
    world.drain().await;
    assert_eq!(world.inbox(&twin).await, "applied");
    let state = world.get("/billing/state").by(&ada).send().await.ok(200);
    assert_eq!(state["subscription"]["cancel_at_period_end"], false);
}

#[tokio::test]
async fn the_list_goes_on_where_the_page_before_ended() {
    let world = World::start().await;
    let olga = world.operator().await;
    world
        .execute(
            "INSERT INTO webhook_events (id, type, created, body, status, attempts, last_error,
                awaits_read_of, received_at)
             SELECT 'evt_' || n, 't', 0, '{}', s.status, 1, CASE s.status WHEN 'failed' THEN 'e' END,
                CASE s.status WHEN 'received' THEN 'sub_1' END, timestamptz '2027-01-01Z' + n / 4 * interval '1 s'
             FROM generate_series(0, 119) n,
                LATERAL (SELECT (array['applied', 'ignored', 'failed', 'received'])[n % 4 + 1]) s (status)",
        )
        .await;
    for (filter, total) in [
        ("", 120),
        ("&status=failed", 30),
        ("&status=dead", 0),
        ("&status=ignored", 30),
    ] {
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!(
                "/webhook-events?{}",
                format!("{cursor}{filter}").trim_start_matches('&')
            );
            let page = world.ask(&olga, &path).await.ok(200);
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= 50);
            seen.extend(items.iter().map(|item| {
                let text = |key: &str| item[key].as_str().unwrap().to_owned();
                (text("received_at"), text("id"))
            }));
            assert_eq!(page["counts"]["failed"], 30);
            let Some(next) = page["next_cursor"].as_str() else {
                break;
            };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen.len(), total, "{filter}");
        let mut newest_first = seen.clone();
        newest_first.sort();
        newest_first.reverse();
        newest_first.dedup();
        assert_eq!(seen, newest_first, "{filter}");
    }
}

#[tokio::test]
async fn what_is_not_there_or_not_asked_right_is_refused() {
    let world = World::start().await;
    let olga = world.operator().await;
    for (path, status, code) in [
        ("/webhook-events?status=broken", 422, "validation_failed"),
        (
            "/webhook-events?status=dead&status=dead",
            400,
            "malformed_query",
        ),
        ("/webhook-events?limit=1000000", 400, "unknown_field"),
        ("/webhook-events?cursor=nonsense", 400, "invalid_cursor"),
        ("/webhook-events?cursor=", 400, "invalid_cursor"),
        ("/webhook-events?cursor=e30", 400, "invalid_cursor"),
        ("/webhook-events/evt_of_nobody", 404, "event_not_found"),
        ("/webhook-events/%00", 404, "event_not_found"),
        ("/webhook-events/evt_1/body", 404, "not_found"),
    ] {
        let answer = world.ask(&olga, path).await;
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{path}");
    }
    let answer = world
        .order(&olga, "/webhook-events/evt_of_nobody/replay")
        .await;
    assert_eq!(answer.refusal(), (404, "event_not_found".to_owned()));
}

#[tokio::test]
async fn without_a_provider_nothing_can_be_replayed() {
    let world = Setup::default().without_stripe().start().await;
    let olga = world.operator().await;
    world
        .execute(
            "INSERT INTO webhook_events (id, type, created, body, status, attempts, last_error, received_at)
             VALUES ('evt_1', 't', 0, '{}', 'dead', 1, 'e', '2027-01-01Z')",
        )
        .await;
    let answer = world.order(&olga, "/webhook-events/evt_1/replay").await;
    assert_eq!(
        answer.refusal(),
        (503, "payment_provider_not_configured".to_owned())
    );
}
