//! GET /admin/jobs, POST /admin/jobs/{id}/retry

use reqwest::Method;
use serde_json::{Value, json};
use tollgate_testkit::burst;

use crate::world::{JOBS, Person, Setup, World, raw_post};

/// Orders at the queue that nobody carries out: of a kind that no worker knows.
const ORDERS: &str = "
    SELECT graphile_worker.add_job('of_the_future', json_build_object('kind', 'of_the_future', 'user', n),
        max_attempts => 2, job_key => 'job:' || n) FROM generate_series(1, 120) n;
    UPDATE graphile_worker._private_jobs SET attempts = 1, last_error = 'no route', run_at = now() + interval '1 day'
        WHERE key LIKE 'job:%' AND (payload ->> 'user')::int % 4 = 1;
    UPDATE graphile_worker._private_jobs SET attempts = 2, last_error = 'no route'
        WHERE key LIKE 'job:%' AND (payload ->> 'user')::int % 4 = 2;
    UPDATE graphile_worker._private_jobs SET attempts = 2, last_error = 'no route', locked_at = now(), locked_by = 'x'
        WHERE key LIKE 'job:%' AND (payload ->> 'user')::int % 4 = 3;";

/// The operator's own trial ends without a word.
const NO_TRIAL: &str = "DELETE FROM graphile_worker._private_jobs";

async fn job(world: &World, olga: &Person, state: &str) -> Value {
    let page = world
        .ask(olga, &format!("/jobs?state={state}"))
        .await
        .ok(200);
    page["items"][0].clone()
}

async fn retry(world: &World, olga: &Person, job: &Value) -> crate::world::Answer {
    let path = format!("/jobs/{}/retry", job["id"].as_str().unwrap());
    world.order(olga, &path).await
}

#[tokio::test]
async fn the_queue_is_shown_by_state_in_pages() {
    let world = World::start().await;
    let olga = world.operator().await;
    world.drain().await;
    world.execute(NO_TRIAL).await;
    world.execute(ORDERS).await;
    for (state, total) in [
        ("waiting", 30),
        ("failing", 30),
        ("dead", 30),
        ("running", 30),
    ] {
        let page = world
            .ask(&olga, &format!("/jobs?state={state}"))
            .await
            .ok(200);
        assert_eq!(page["items"].as_array().unwrap().len(), total, "{state}");
        assert_eq!(page["next_cursor"], Value::Null);
        for item in page["items"].as_array().unwrap() {
            assert_eq!(item["state"], state);
            assert_eq!(item["kind"], "of_the_future");
            assert!(item["about"]["user"].is_number(), "{item}");
        }
    }
    let mut keys = Vec::new();
    let mut path = "/jobs".to_owned();
    loop {
        let page = world.ask(&olga, &path).await.ok(200);
        let items = page["items"].as_array().unwrap();
        keys.extend(
            items
                .iter()
                .map(|item| item["key"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/jobs?cursor={next}");
    }
    let newest_first: Vec<_> = (1..=120).rev().map(|n| format!("job:{n}")).collect();
    assert_eq!(keys, newest_first);
}

#[tokio::test]
async fn a_job_that_was_given_up_is_done_after_a_retry() {
    let world = World::start().await;
    let olga = world.operator().await;
    world.drain().await;
    world.execute(NO_TRIAL).await;
    world
        .execute(
            "ALTER TABLE webhook_events RENAME TO away;
             SELECT graphile_worker.add_job('retry_event', max_attempts => 2, job_key => 'k:1',
                payload => '{\"kind\":\"retry_event\",\"key\":\"k:1\",\"event\":\"evt_1\"}')",
        )
        .await;
    world.drain().await;
    let failing = job(&world, &olga, "failing").await;
    assert_eq!(failing["attempts"], 1);
    world
        .execute("UPDATE graphile_worker._private_jobs SET attempts = max_attempts")
        .await;
    let dead = job(&world, &olga, "dead").await;
    assert_eq!(dead["about"], json!({ "event": "evt_1" }));
    assert!(
        dead["last_error"].as_str().unwrap().contains("database"),
        "{dead}"
    );
    world
        .execute("ALTER TABLE away RENAME TO webhook_events")
        .await;
    assert_eq!(retry(&world, &olga, &dead).await.status, 202);
    world.drain().await;
    assert_eq!(world.count(JOBS).await, 0);
    let trail = world.trail("job_retried").await;
    assert_eq!(trail.len(), 1);
    assert_eq!(trail[0].0.as_ref(), Some(&olga.id));
    assert_eq!(trail[0].1["key"], "k:1");
    let gone = retry(&world, &olga, &dead).await;
    assert_eq!(gone.refusal(), (404, "job_not_found".to_owned()));
}

#[tokio::test]
async fn of_fifty_retries_at_once_on_two_nodes_one_is_an_act() {
    let world = Setup::default().two_nodes().start().await;
    let olga = world.operator().await;
    world.drain().await;
    world.execute(ORDERS).await;
    let dead = job(&world, &olga, "dead").await;
    let authorization = format!("Bearer {}", olga.access);
    let path = format!("/api/v1/admin/jobs/{}/retry", dead["id"].as_str().unwrap());
    let request = |nth: usize| {
        let node = world.ops_address(nth % 2);
        (
            node,
            raw_post(node, &path, &[("authorization", &authorization)], ""),
        )
    };
    let replies = burst((0..50).map(request).collect()).await.unwrap();
    let accepted = replies.iter().filter(|reply| reply.status == 202).count();
    assert_eq!(accepted, 1, "{replies:?}");
    let others = replies.iter().filter(|reply| reply.status == 409).count();
    assert_eq!(others, 49, "{replies:?}");
    assert_eq!(world.trail("job_retried").await.len(), 1);
}

#[tokio::test]
async fn what_did_not_fail_runs_or_is_not_there_cannot_be_retried() {
    let world = World::start().await;
    let olga = world.operator().await;
    world.drain().await;
    world.execute(NO_TRIAL).await;
    world.execute(ORDERS).await;
    for (state, status, code) in [
        ("waiting", 409, "job_not_failed"),
        ("running", 409, "job_running"),
    ] {
        let job = job(&world, &olga, state).await;
        let answer = retry(&world, &olga, &job).await;
        assert_eq!(answer.refusal(), (status, code.to_owned()));
    }
    for id in [
        "0",
        "-1",
        "9223372036854775807",
        "9223372036854775808",
        "nonsense",
        "%00",
    ] {
        let answer = world.order(&olga, &format!("/jobs/{id}/retry")).await;
        assert_eq!(answer.refusal(), (404, "job_not_found".to_owned()), "{id}");
    }
    for (query, status, code) in [
        ("state=broken", 422, "validation_failed"),
        ("cursor=nonsense", 400, "invalid_cursor"),
        ("limit=7", 400, "unknown_field"),
    ] {
        let answer = world.admin(&olga, Method::GET, &format!("/jobs?{query}"));
        assert_eq!(
            answer.send().await.refusal(),
            (status, code.to_owned()),
            "{query}"
        );
    }
    assert_eq!(world.trail("job_retried").await.len(), 0);
}
