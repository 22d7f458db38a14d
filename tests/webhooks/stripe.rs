//! POST /webhooks/stripe

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tollgate_stripe_sandbox::signature_header;
use tollgate_testkit::burst;

use crate::world::{
    DAY, JOBS, Person, SECOND, Setup, WEBHOOK_SECRET, World, monthly, raw_post, taken,
};

const PATH: &str = "/api/v1/webhooks/stripe";
const OLD_SECRET: &str = "whsec_vutsrqponmlkjihgfedcba9876543210";

/// Somebody who has just paid, with the news of it still to be told.
async fn buyer(world: &World) -> Person {
    world.hold_events().await;
    let ada = world.person("Ada").await;
    world.verify(&ada).await;
    world.buy(&ada, "pro").await;
    ada
}

/// Somebody whose first month is paid, with the news of what follows still to be told.
async fn customer(world: &World) -> Person {
    let mut ada = world.person("Ada").await;
    world.verify(&ada).await;
    world.buy(&ada, "pro").await;
    world.advance(DAY * 15).await;
    world.sign_in(&mut ada).await;
    assert_eq!(world.standing(&ada).await, "active pro by paid");
    world.hold_events().await;
    ada
}

#[tokio::test]
async fn an_event_is_applied_once_and_answered_alike_for_ever() {
    let world = World::start().await;
    let ada = buyer(&world).await;
    let event = world.event("customer.subscription.created").await;
    assert_eq!(world.deliver(&event).await.ok(200), taken(true));
    assert_eq!(world.standing(&ada).await, "trialing pro by trial");
    world.drain().await;
    let before = world.rows().await;
    for _ in 0..3 {
        assert_eq!(world.deliver(&event).await.ok(200), taken(false));
    }
    world.clock.advance(DAY * 3);
    assert_eq!(world.deliver(&event).await.ok(200), taken(false));
    world.drain().await;
    assert_eq!(world.rows().await, before);
    assert_eq!(world.inbox(&event).await, "applied");
}

#[tokio::test]
async fn f19_t78_of_twenty_four_deliveries_at_once_one_is_applied() {
    let world = Setup::default().two_nodes().start().await;
    let ada = customer(&world).await;
    let subscription = world.subscription(&ada).await;
    let url = format!("{}/v1/subscriptions/{subscription}", world.sandbox_url());
    let call = world
        .fetch(reqwest::Method::POST, &url)
        .bearer("sk_test_0123456789abcdef");
    call.form(&[("cancel_at_period_end", "true")])
        .send()
        .await
        .ok(200);
    let event = world.event("customer.subscription.updated").await;
    let body = event.to_string();
    let signature = world.signature(&body);
    let audit = "SELECT count(*) FROM audit_log";
    let before = world.count(audit).await;
    let request = |nth: usize| {
        let node = world.address(nth % 2);
        (
            node,
            raw_post(node, PATH, &[("stripe-signature", &signature)], &body),
        )
    };
    let replies = burst((0..24).map(request).collect()).await.unwrap();
    assert!(
        replies.iter().all(|reply| reply.status == 200),
        "{replies:?}"
    );
    let said: Vec<Value> = replies
        .iter()
        .map(|reply| serde_json::from_str(&reply.body).unwrap())
        .collect();
    assert_eq!(
        said.iter().filter(|said| **said == taken(true)).count(),
        1,
        "{said:?}"
    );
    assert_eq!(
        said.iter().filter(|said| **said == taken(false)).count(),
        23,
        "{said:?}"
    );
    world.drain().await;
    assert_eq!(world.inbox(&event).await, "applied");
    assert_eq!(world.count(audit).await, before + 1);
    let state = world.get("/billing/state").by(&ada).send().await.ok(200);
    assert_eq!(state["subscription"]["cancel_at_period_end"], true);
}

#[tokio::test]
async fn t77_what_is_not_signed_right_is_refused_and_not_stored() {
    let secrets = format!("{WEBHOOK_SECRET},{OLD_SECRET}");
    let world = Setup::default()
        .set("STRIPE_WEBHOOK_SECRET", secrets)
        .start()
        .await;
    let body = json!({
        "id": "evt_1", "object": "event", "type": "product.created", "created": 1, "livemode": false,
        "data": { "object": {} },
    });
    let body = body.to_string();
    let now = world.now().unix_seconds();
    let sign = |secret: &str, at: i64, body: &str| signature_header(secret, at, body.as_bytes());
    let right = sign(WEBHOOK_SECRET, now, &body);
    let digest = right.split("v1=").nth(1).unwrap().to_owned();
    let reordered =
        body.replacen("\"id\":\"evt_1\",", "", 1)
            .replacen('{', "{\"id\":\"evt_1\",", 1);
    let nothing = "0".repeat(64);
    let refused: Vec<(&str, Option<String>, String)> = vec![
        ("no header", None, body.clone()),
        ("an empty header", Some(String::new()), body.clone()),
        (
            "a header that is none",
            Some("nonsense".to_owned()),
            body.clone(),
        ),
        (
            "another secret",
            Some(sign("whsec_another_secret_of_ours", now, &body)),
            body.clone(),
        ),
        ("an empty key", Some(sign("", now, &body)), body.clone()),
        (
            "the prefix alone",
            Some(sign("whsec_", now, &body)),
            body.clone(),
        ),
        ("v0 only", Some(right.replace("v1=", "v0=")), body.clone()),
        ("no time", Some(format!("v1={digest}")), body.clone()),
        ("two times", Some(format!("t={now},{right}")), body.clone()),
        (
            "a time that is none",
            Some(format!("t=now,v1={digest}")),
            body.clone(),
        ),
        (
            "301 s old",
            Some(sign(WEBHOOK_SECRET, now - 301, &body)),
            body.clone(),
        ),
        (
            "301 s ahead",
            Some(sign(WEBHOOK_SECRET, now + 301, &body)),
            body.clone(),
        ),
        (
            "another time than signed",
            Some(format!("t={},v1={digest}", now - 1)),
            body.clone(),
        ),
        (
            "capital letters",
            Some(format!("t={now},v1={}", digest.to_uppercase())),
            body.clone(),
        ),
        (
            "half a digest",
            Some(format!("t={now},v1={}", &digest[..32])),
            body.clone(),
        ),
        ("zeros", Some(format!("t={now},v1={nothing}")), body.clone()),
        ("an added byte", Some(right.clone()), format!("{body} ")),
        (
            "a changed byte",
            Some(right.clone()),
            body.replace("product", "Product"),
        ),
        ("another order", Some(right.clone()), reordered),
        ("an empty body", Some(right.clone()), String::new()),
        (
            "no JSON",
            Some(sign(WEBHOOK_SECRET, now, "nonsense")),
            "nonsense".to_owned(),
        ),
        (
            "no id",
            Some(sign(WEBHOOK_SECRET, now, "{\"type\":\"x\"}")),
            "{\"type\":\"x\"}".to_owned(),
        ),
    ];
    let before = world.rows().await;
    for (what, signature, body) in refused {
        let mut call = world
            .post("/webhooks/stripe")
            .body("application/json", body);
        if let Some(signature) = &signature {
            call = call.header("stripe-signature", signature);
        }
        let answer = call.send().await;
        assert_eq!(
            answer.refusal(),
            (400, "invalid_signature".to_owned()),
            "{what}"
        );
    }
    assert_eq!(world.rows().await, before);

    let accepted = [
        sign(WEBHOOK_SECRET, now - 299, &body),
        sign(WEBHOOK_SECRET, now + 299, &body),
        sign(WEBHOOK_SECRET, now - 300, &body),
        sign(OLD_SECRET, now, &body),
        format!("t={now},v1={nothing},v1={digest}"),
        format!("t={now},v0={nothing},v1={digest}"),
    ];
    for signature in accepted {
        let call = world
            .post("/webhooks/stripe")
            .body("text/plain", body.clone());
        let answer = call.header("stripe-signature", &signature).send().await;
        assert_eq!(answer.ok(200), taken(false), "{signature}");
    }
    assert_eq!(world.count("SELECT count(*) FROM webhook_events").await, 1);
}

/// All of them from one address, as behind a proxy that nobody told us of.
#[tokio::test]
async fn t83_a_flood_of_forged_events_is_told_to_wait_and_no_real_one_is_lost() {
    let world = Setup::default().set("RATE_LIMITS", "strict").start().await;
    let like = json!({
        "object": "event", "type": "product.created", "created": 1, "livemode": false,
        "data": { "object": {} },
    });
    let request = |nth: usize| {
        let mut event = like.clone();
        event["id"] = json!(format!("evt_{nth}"));
        let mut body = event.to_string();
        let signature = world.signature(&body);
        if !nth.is_multiple_of(10) {
            body.push(' ');
        }
        let node = world.address(0);
        let headers = [("stripe-signature", signature.as_str())];
        (node, raw_post(node, PATH, &headers, &body))
    };
    let replies = burst((0..200).map(request).collect()).await.unwrap();
    let mut forged = BTreeMap::<u16, usize>::new();
    for (nth, reply) in replies.iter().enumerate() {
        if nth.is_multiple_of(10) {
            assert_eq!(reply.status, 200, "{reply:?}");
        } else {
            *forged.entry(reply.status).or_default() += 1;
        }
    }
    assert_eq!(forged, BTreeMap::from([(400, 60), (429, 120)]));
    assert_eq!(world.count("SELECT count(*) FROM webhook_events").await, 20);

    let forge = async || {
        let call = world.post("/webhooks/stripe");
        call.body("application/json", "{}".to_owned()).send().await
    };
    world.clock.advance(SECOND * 20);
    let refused = forge().await;
    assert_eq!(refused.refusal(), (429, "rate_limited".to_owned()));
    assert_eq!(refused.header("retry-after"), Some("40"));
    world.clock.advance(SECOND * 40);
    assert_eq!(
        forge().await.refusal(),
        (400, "invalid_signature".to_owned())
    );
}

#[tokio::test]
async fn a_header_of_two_megabytes_is_no_reason_to_fail() {
    let world = World::start().await;
    let body = "{}";
    let long = format!("{},v1={}", world.signature(body), "0".repeat(2 << 20));
    let node = world.address(0);
    let request = raw_post(node, PATH, &[("stripe-signature", &long)], body);
    let reply = burst(vec![(node, request)]).await;
    assert!(reply.is_err() || (400..500).contains(&reply.unwrap()[0].status));
    world.get("/config/public").send().await.ok(200);
}

#[tokio::test]
async fn an_event_of_one_mebibyte_is_read_and_a_larger_one_is_not() {
    let world = World::start().await;
    let event = |length: usize| {
        let head =
            r#"{"id":"evt_large","type":"product.created","created":1,"livemode":false,"x":""#;
        format!("{head}{}\"}}", "x".repeat(length - head.len() - 2))
    };
    let largest = world.deliver_text(&event(1 << 20)).await;
    assert_eq!(largest.ok(200), taken(false));
    let larger = world.deliver_text(&event((1 << 20) + 1)).await;
    assert_eq!(larger.refusal(), (413, "body_too_large".to_owned()));
}

#[tokio::test]
async fn without_a_provider_every_event_is_taken_and_none_applied() {
    let world = Setup::default().without_stripe().start().await;
    let before = world.rows().await;
    let answer = world
        .post("/webhooks/stripe")
        .raw("anything at all")
        .send()
        .await;
    assert_eq!(answer.ok(200), taken(false));
    assert_eq!(world.rows().await, before);
}

#[tokio::test]
async fn an_event_of_a_customer_that_nobody_has_yet_waits_and_is_applied_later() {
    let world = World::start().await;
    let ada = buyer(&world).await;
    let event = world.event("customer.subscription.created").await;
    let customer: String = sqlx::query_scalar(
        "WITH before AS (SELECT stripe_customer_id FROM accounts)
         UPDATE accounts SET stripe_customer_id = NULL RETURNING (SELECT stripe_customer_id FROM before)",
    )
    .fetch_one(world.database.pool())
    .await
    .unwrap();
    assert_eq!(world.deliver(&event).await.ok(200), taken(false));
    assert_eq!(world.inbox(&event).await, "failed");
    world.drain().await;
    assert_eq!(world.count(JOBS).await, 1);
    sqlx::query("UPDATE accounts SET stripe_customer_id = $1")
        .bind(customer)
        .execute(world.database.pool())
        .await
        .unwrap();
    world
        .execute("UPDATE graphile_worker._private_jobs SET run_at = now()")
        .await;
    world.drain().await;
    assert_eq!(world.inbox(&event).await, "applied");
    assert!(!world.subscription(&ada).await.is_empty());
}

#[tokio::test]
async fn an_event_that_failed_is_applied_when_it_is_delivered_again() {
    let world = World::start().await;
    buyer(&world).await;
    let event = world.event("customer.subscription.created").await;
    world.execute("DELETE FROM plan_prices").await;
    assert_eq!(world.deliver(&event).await.ok(200), taken(false));
    assert_eq!(world.inbox(&event).await, "failed");
    // The job that would try again waits.
    world.drain().await;
    world
        .execute("UPDATE graphile_worker._private_jobs SET run_at = now() + interval '1 day'")
        .await;
    let price = event["data"]["object"]["items"]["data"][0]["price"]["id"]
        .as_str()
        .unwrap();
    sqlx::query("INSERT INTO plan_prices VALUES ($1, 'pro', 'monthly')")
        .bind(price)
        .execute(world.database.pool())
        .await
        .unwrap();
    assert_eq!(world.deliver(&event).await.ok(200), taken(true));
    assert_eq!(world.deliver(&event).await.ok(200), taken(false));
}

#[tokio::test]
async fn a_purchase_that_stripe_does_not_know_is_tried_again_and_not_dropped() {
    let world = World::start().await;
    let ada = buyer(&world).await;
    let standing = world.standing(&ada).await;
    let mut event = world.event("checkout.session.completed").await;
    event["data"]["object"]["subscription"] = json!("sub_of_nobody");
    assert_eq!(world.deliver(&event).await.ok(200), taken(false));
    world.drain().await;
    assert_eq!(world.inbox(&event).await, "failed");
    assert_eq!(world.standing(&ada).await, standing);
    let open = "SELECT count(*) FROM purchase_reservations WHERE closed_at IS NULL";
    assert_eq!(world.count(open).await, 1);
    world.clock.advance(DAY * 3);
    world
        .execute("UPDATE graphile_worker._private_jobs SET run_at = now()")
        .await;
    world.drain().await;
    assert_eq!(world.inbox(&event).await, "dead");
    assert_eq!(world.count(JOBS).await, 0);
}

#[tokio::test]
async fn what_we_do_not_know_is_stored_and_changes_nothing() {
    let world = World::start().await;
    let ada = customer(&world).await;
    let standing = world.standing(&ada).await;
    let like = world.event("customer.subscription.updated").await;
    for (nth, (at, value, becomes)) in [
        ("/type", json!("customer.tax_id.created"), "ignored"),
        ("/type", json!("a.type.of.the.future"), "ignored"),
        ("/object", json!("v2.core.event"), "ignored"),
        ("/livemode", json!(true), "dead"),
        ("/data/object/status", json!("frozen"), "dead"),
        ("/data", json!({}), "dead"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut event = like.clone();
        event["id"] = json!(format!("evt_{nth}"));
        *event.pointer_mut(at).unwrap() = value;
        let answer = world.deliver(&event).await;
        assert_eq!(answer.ok(200), taken(false), "{}", event["id"]);
        assert_eq!(world.inbox(&event).await, becomes, "{}", event["id"]);
    }
    let mut of_another = like;
    of_another["id"] = json!("evt_of_another");
    of_another["account"] = json!("acct_of_another");
    world.deliver(&of_another).await.ok(200);
    assert_eq!(world.inbox(&of_another).await, "dead");
    world.drain().await;
    assert_eq!(world.standing(&ada).await, standing);
}

#[tokio::test]
async fn t81_only_the_customer_says_whose_event_it_is() {
    let world = World::start().await;
    let bob = world.person("Bob").await;
    let ada = buyer(&world).await;
    let mut event = world.event("customer.subscription.created").await;
    let subscription = &mut event["data"]["object"];
    subscription["metadata"] = json!({ "account": bob.account, "account_id": bob.account });
    subscription["client_reference_id"] = json!(bob.account);
    assert_eq!(world.deliver(&event).await.ok(200), taken(true));
    let owners: Vec<String> = sqlx::query_scalar(
        "SELECT account_id::text FROM subscriptions WHERE stripe_subscription_id IS NOT NULL",
    )
    .fetch_all(world.database.pool())
    .await
    .unwrap();
    assert_eq!(owners, [ada.account]);
}

#[tokio::test]
async fn f20_t79_every_order_of_the_events_of_a_purchase_ends_alike() {
    let world = World::start().await;
    let mut ada = buyer(&world).await;
    world.advance(DAY * 15).await;
    let mut events = world.events().await;
    events.retain(world_cares);
    assert!(events.len() >= 4, "{events:?}");
    let half = events.len() / 2;
    let mut shuffled: Vec<_> = events[half..].iter().rev().cloned().collect();
    shuffled.extend(events[..half].iter().cloned());
    shuffled.extend(events);
    for event in shuffled {
        world.deliver(&event).await.ok(200);
        world.drain().await;
    }
    world.sign_in(&mut ada).await;
    assert_eq!(world.standing(&ada).await, "active pro by paid");
    assert_eq!(open_events(&world).await, 0);
}

/// Whether an event is of a type that can change anything here.
pub(super) fn world_cares(event: &Value) -> bool {
    let kind = event["type"].as_str().unwrap();
    kind.starts_with("customer.subscription.")
        || kind.starts_with("checkout.session.")
        || matches!(
            kind,
            "invoice.paid" | "invoice.payment_succeeded" | "invoice.payment_failed"
        )
}

pub(super) async fn open_events(world: &World) -> i64 {
    world
        .count("SELECT count(*) FROM webhook_events WHERE status NOT IN ('applied', 'ignored')")
        .await
}

#[tokio::test]
async fn t79_an_older_snapshot_changes_nothing() {
    let world = World::start().await;
    let ada = customer(&world).await;
    let mut old = world.event("customer.subscription.updated").await;
    old["id"] = json!("evt_old");
    old["created"] = json!(old["created"].as_i64().unwrap() - 3600);
    old["data"]["object"]["status"] = json!("past_due");
    world.deliver(&old).await.ok(200);
    world.drain().await;
    assert_eq!(world.standing(&ada).await, "active pro by paid");
    assert_eq!(open_events(&world).await, 0);
}

#[tokio::test]
async fn t79_two_snapshots_of_one_second_are_settled_by_asking_stripe() {
    let world = World::start().await;
    let ada = customer(&world).await;
    let mut twin = world.event("customer.subscription.updated").await;
    twin["id"] = json!("evt_twin");
    twin["data"]["object"]["cancel_at_period_end"] = json!(true);
    twin["data"]["object"]["cancel_at"] =
        twin["data"]["object"]["items"]["data"][0]["current_period_end"].clone();
    assert_eq!(world.deliver(&twin).await.ok(200), taken(false));
    world.drain().await;
    assert_eq!(world.inbox(&twin).await, "applied");
    let state = world.get("/billing/state").by(&ada).send().await.ok(200);
    assert_eq!(
        state["subscription"]["cancel_at_period_end"], false,
        "{state}"
    );
}

/// The news `of` a subscription, told anew with `seats` and another id.
fn with_seats(of: &Value, seats: u64) -> Value {
    let mut event = of.clone();
    event["id"] = json!(format!("evt_{}_{seats}", of["created"]));
    event["data"]["object"]["items"]["data"][0]["quantity"] = json!(seats);
    event
}

#[tokio::test]
async fn one_read_answers_every_doubt_about_what_was_said_before_it() {
    let world = World::start().await;
    let ada = customer(&world).await;
    let mut said = world.event("customer.subscription.updated").await;
    assert!(said["created"].as_i64() < Some(world.now().unix_seconds()));
    for seats in 7..10 {
        world.deliver(&with_seats(&said, seats)).await.ok(200);
        world.drain().await;
        assert_eq!(world.inbox(&with_seats(&said, seats)).await, "applied");
    }
    assert_eq!(world.reads().await, 1);
    said["created"] = json!(world.now().unix_seconds());
    for seats in 10..12 {
        world.deliver(&with_seats(&said, seats)).await.ok(200);
    }
    world.drain().await;
    assert_eq!(open_events(&world).await, 0);
    assert_eq!(world.reads().await, 2);
    assert_eq!(world.standing(&ada).await, "active pro by paid");
    let seats = "SELECT seat_limit FROM subscriptions";
    assert_eq!(world.count(seats).await, 1);
}

#[tokio::test]
async fn t79_of_fifty_changes_told_at_once_to_two_nodes_the_newest_stands() {
    let world = Setup::default().two_nodes().start().await;
    let ada = customer(&world).await;
    let subscription = format!("subscriptions/{}", world.subscription(&ada).await);
    let now = world.stripe(reqwest::Method::GET, &subscription, &[]).await;
    let item = now["items"]["data"][0]["id"].as_str().unwrap();
    for seats in 2..=51 {
        world.advance(SECOND).await;
        let seats = seats.to_string();
        let form = [
            ("items[0][id]", item),
            ("items[0][quantity]", &seats),
            ("proration_behavior", "none"),
        ];
        world
            .stripe(reqwest::Method::POST, &subscription, &form)
            .await;
    }
    let events = world.events().await;
    let requests = events[events.len() - 50..]
        .iter()
        .enumerate()
        .map(|(nth, event)| {
            assert_eq!(event["type"], "customer.subscription.updated");
            let body = event.to_string();
            let signature = world.signature(&body);
            let node = world.address(nth % 2);
            (
                node,
                raw_post(node, PATH, &[("stripe-signature", &signature)], &body),
            )
        });
    let replies = burst(requests.collect()).await.unwrap();
    assert!(
        replies.iter().all(|reply| reply.status == 200),
        "{replies:?}"
    );
    world.drain().await;
    assert_eq!(open_events(&world).await, 0);
    let seats = "SELECT seat_limit FROM subscriptions";
    assert_eq!(world.count(seats).await, 51);
}

#[tokio::test]
async fn f23_t80_news_that_arrive_before_the_answer_to_our_own_call_are_fine() {
    let world = World::start().await;
    let settings = json!({ "sign_with_sandbox_clock": true, "webhook_before_answer": true });
    world.tell_sandbox("settings", settings).await;
    for round in 0..100 {
        let person = world.person(&format!("Ada{round}")).await;
        world.buy(&person, "pro").await;
        assert!(!world.subscription(&person).await.is_empty());
    }
    let deliveries = world.ask_sandbox("deliveries").await;
    let is_told = |delivery: &&Value| delivery["state"] != "unaddressed";
    for delivery in deliveries.as_array().unwrap().iter().filter(is_told) {
        assert_eq!(delivery["last_status"], 200, "{delivery}");
        assert_eq!(delivery["attempts"], 1, "{delivery}");
    }
    assert_eq!(open_events(&world).await, 0);
}

#[tokio::test]
async fn t86_coming_back_from_the_page_without_paying_grants_nothing() {
    let world = World::start().await;
    let mut ada = world.person("Ada").await;
    world.advance(DAY * 15).await;
    world.sign_in(&mut ada).await;
    world.verify(&ada).await;
    world.open_checkout(&ada, &monthly("pro", 1)).await.ok(200);
    world.drain().await;
    assert_eq!(world.standing(&ada).await, "trialing pro by read_only");
    assert_eq!(world.get("/gate").by(&ada).send().await.status, 402);
}

#[tokio::test]
async fn an_event_that_fails_for_three_days_waits_for_a_person() {
    let world = World::start().await;
    buyer(&world).await;
    let event = world.event("customer.subscription.created").await;
    world.execute("DELETE FROM plan_prices").await;
    world.deliver(&event).await.ok(200);
    world.drain().await;
    assert_eq!(world.inbox(&event).await, "failed");
    world.clock.advance(DAY * 3);
    let now = "UPDATE graphile_worker._private_jobs SET run_at = now()";
    world.execute(now).await;
    world.drain().await;
    assert_eq!(world.inbox(&event).await, "dead");
    assert_eq!(world.count(JOBS).await, 0);
}
