//! Seats: decided where a member or an invitation is added, whichever way they come.

use serde_json::json;
use tollgate_testkit::burst;
use uuid::Uuid;

use crate::world::{DAY, Setup, World, raw_post};

/// Two hundred people with accounts of their own, each invited into the one there is: that had more
/// seats when they were.
const TOO_MANY: &str = "
    BEGIN;
    CREATE TEMPORARY TABLE guest ON COMMIT DROP AS
        SELECT n, gen_random_uuid() AS u, gen_random_uuid() AS a, gen_random_uuid() AS s,
            timestamptz '2027-01-01Z' AS at FROM generate_series(0, 199) n;
    INSERT INTO account_invites
            (account_id, id, invited_by, email, role, code_id, code_hash, created_at, expires_at)
        SELECT m.account_id, gen_random_uuid(), m.user_id, 'guest-' || n || '@example.com', 'viewer',
            gen_random_uuid(), sha256(('code-' || n)::bytea), at, at + interval '1 month'
        FROM memberships m, guest;
    INSERT INTO users (id, email, name, email_verified_at, created_at)
        SELECT u, 'guest-' || n || '@example.com', 'Guest', at, at FROM guest;
    INSERT INTO accounts (id, name, created_at) SELECT a, 'Guest', at FROM guest;
    INSERT INTO memberships SELECT a, u, 'owner', at FROM guest;
    INSERT INTO auth_sessions (id, user_id, account_id, created_at, last_active)
        SELECT s, u, a, at, at FROM guest;
    COMMIT;
";

#[tokio::test]
async fn l09_t62_of_two_hundred_who_come_at_once_a_hundred_find_a_seat() {
    let world = Setup::default().two_nodes().start().await;
    let ada = world.owner("Ada", 101).await;
    world
        .execute("INSERT INTO account_limit_overrides SELECT id, 'max_users', 101 FROM accounts")
        .await;
    world.execute(TOO_MANY).await;
    let guests: Vec<(Uuid, Uuid, Uuid)> = sqlx::query_as(
        "SELECT s.user_id, s.id, s.account_id FROM auth_sessions s
         JOIN users u ON u.id = s.user_id AND u.name = 'Guest'
         ORDER BY substr(u.email, 7, position('@' IN u.email) - 7)::int",
    )
    .fetch_all(world.database.pool())
    .await
    .unwrap();
    let bearers: Vec<_> = guests
        .into_iter()
        .map(|guest| world.bearer(guest))
        .collect();
    let request = |nth: usize| {
        let node = world.address(nth % 2);
        let path = format!("/api/v1/accounts/invites/code-{nth}/accept");
        let headers = [("authorization", bearers[nth].as_str())];
        (node, raw_post(node, &path, &headers, ""))
    };
    let started = std::time::Instant::now();
    let replies = burst((0..200).map(request).collect()).await.unwrap();
    let took = started.elapsed();
    let of = |status: u16| {
        replies
            .iter()
            .filter(|reply| reply.status == status)
            .count()
    };
    assert_eq!((of(200), of(402)), (100, 100), "{replies:?}");
    println!("two hundred at once took {took:?}");
    let members = "SELECT count(*) FROM memberships WHERE role = 'viewer'";
    assert_eq!(world.count(members).await, 100);
    let quantity = "SELECT seat_limit FROM subscriptions";
    world.drain().await;
    assert_eq!(world.count(quantity).await, 101);
    let stripe = world.subscription(&ada).await;
    let path = format!("subscriptions/{stripe}");
    let held = world.stripe(reqwest::Method::GET, &path, &[]).await;
    assert_eq!(held["items"]["data"][0]["quantity"], 101);
}

#[tokio::test]
async fn t62_of_forty_who_are_invited_at_once_as_many_are_as_there_are_seats() {
    let world = Setup::default().two_nodes().start().await;
    let ada = world.owner("Ada", 21).await;
    let bearer = format!("Bearer {}", ada.access);
    let request = |nth: usize| {
        let node = world.address(nth % 2);
        let headers = [("authorization", bearer.as_str())];
        let body = json!({ "email": format!("guest-{nth}@example.com"), "role": "viewer" });
        (
            node,
            raw_post(
                node,
                "/api/v1/accounts/me/invites",
                &headers,
                &body.to_string(),
            ),
        )
    };
    let replies = burst((0..40).map(request).collect()).await.unwrap();
    let of = |status: u16| {
        replies
            .iter()
            .filter(|reply| reply.status == status)
            .count()
    };
    assert_eq!((of(201), of(402)), (20, 20), "{replies:?}");
}

#[tokio::test]
async fn a_full_account_says_so_and_a_free_seat_is_free_again() {
    let world = World::start().await;
    let ada = world.owner("Ada", 2).await;
    world.invite(&ada, "Bob", "viewer").await.ok(201);
    let full = world.invite(&ada, "Cleo", "viewer").await;
    insta::assert_snapshot!(full, @r#"
    402
    {
      "detail": {
        "current_plan": "pro",
        "error": "limit_reached",
        "limit": 2,
        "message": "The plan's limit is reached; pick a larger plan.",
        "upgrade_url": "/account/billing/select-plan",
        "used": 2
      }
    }
    "#);
    world.drain().await;
    let bob = world.join("Bob", &world.mailed_code("Bob")).await.ok(201);
    assert_eq!(world.invite(&ada, "Cleo", "viewer").await.status, 402);
    let path = format!(
        "/api/v1/accounts/me/members/{}",
        bob["id"].as_str().unwrap()
    );
    let out = world.call(0, reqwest::Method::DELETE, &path).by(&ada);
    out.send().await.ok(204);
    world.invite(&ada, "Cleo", "viewer").await.ok(201);
}

/// Seats are bought; who sits on them is nothing to the provider.
#[tokio::test]
async fn i12_members_come_and_go_on_the_seats_that_were_bought() {
    let world = World::start().await;
    let ada = world.owner("Ada", 3).await;
    let stripe = world.subscription(&ada).await;
    let quantity = async || {
        let path = format!("subscriptions/{stripe}");
        let held = world.stripe(reqwest::Method::GET, &path, &[]).await;
        held["items"]["data"][0]["quantity"].as_i64().unwrap()
    };
    let asked = world
        .ask_sandbox("requests")
        .await
        .as_array()
        .unwrap()
        .len();
    let bob = world.member(&ada, "Bob", "viewer").await;
    world.member(&ada, "Cleo", "viewer").await;
    let path = format!("/api/v1/accounts/me/members/{}", bob.id);
    let out = world.call(0, reqwest::Method::DELETE, &path).by(&ada);
    out.send().await.ok(204);
    world.drain().await;
    let asked_since = world
        .ask_sandbox("requests")
        .await
        .as_array()
        .unwrap()
        .len();
    assert_eq!(asked_since, asked, "no call is made for it");
    assert_eq!(quantity().await, 3);
    // More people than seats is more seats first, and the provider follows.
    let one_more = async || {
        let asked = world.get("/gate?limit=max_users").by(&ada).send().await;
        let detail: serde_json::Value = serde_json::from_str(&asked.text).unwrap_or_default();
        (asked.status, detail["detail"]["limit"].as_u64())
    };
    assert_eq!(one_more().await, (204, None));
    world.invite(&ada, "Dan", "viewer").await.ok(201);
    assert_eq!(one_more().await, (402, Some(3)));
    assert_eq!(world.invite(&ada, "Eve", "viewer").await.status, 402);
    let more = json!({ "plan": "pro", "seats": 5 });
    let moved = world.post("/billing/change-plan").by(&ada).json(&more);
    moved.send().await.ok(200);
    assert_eq!(one_more().await, (204, None));
    world.invite(&ada, "Eve", "viewer").await.ok(201);
    world.drain().await;
    assert_eq!(quantity().await, 5);
}

#[tokio::test]
async fn shrinking_is_never_refused_for_billing_reasons() {
    let world = World::start().await;
    let mut ada = world.person("Ada").await;
    world.verify(&ada).await;
    let bob = world.member(&ada, "Bob", "viewer").await;
    let invite = world.invite(&ada, "Cleo", "viewer").await.ok(201);
    world.drain().await;
    let code = world.mailed_code("Cleo");
    world.clock.advance(DAY * 13);
    world
        .execute("UPDATE subscriptions SET trial_end = '2027-01-10Z'")
        .await;
    world.sign_in(&mut ada).await;
    let locked = world.invite(&ada, "Dan", "viewer").await;
    assert_eq!(locked.refusal(), (402, "subscription_inactive".to_owned()));
    // Who is invited waits until there is something to come to.
    assert_eq!(
        world.join("Cleo", &code).await.refusal(),
        (402, "subscription_inactive".to_owned())
    );
    for path in [
        format!(
            "/api/v1/accounts/me/invites/{}",
            invite["id"].as_str().unwrap()
        ),
        format!("/api/v1/accounts/me/members/{}", bob.id),
    ] {
        let call = world.call(0, reqwest::Method::DELETE, &path).by(&ada);
        call.send().await.ok(204);
    }
}
