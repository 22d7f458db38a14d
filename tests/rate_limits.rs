//! How often people may try. The count is by the database's clock; what a test lets pass, it lets pass
//! there.

use std::time::Instant;

use serde_json::{Value, json};
use tollgate_testkit::burst;

use crate::world::{Answer, PASSWORD, Setup, World, raw_post, registration};

/// One proxy on loopback, two nodes behind it.
async fn strict() -> World {
    Setup::default()
        .set("RATE_LIMITS", "strict")
        .set("TRUSTED_PROXIES", "127.0.0.0/8")
        .two_nodes()
        .start()
        .await
}

async fn post(world: &World, path: &str, client: &str, body: &Value) -> Answer {
    let call = world.post(path).header("x-forwarded-for", client);
    call.json(body).send().await
}

async fn sign_in(world: &World, client: &str, email: &str, password: &str) -> Answer {
    let body = json!({ "email": email, "password": password });
    post(world, "/auth/login/json", client, &body).await
}

impl World {
    /// Lets `seconds` pass for everything that is counted.
    async fn wait(&self, seconds: i32) {
        sqlx::query("UPDATE rate_limits SET full_at = full_at - make_interval(secs => $1)")
            .bind(f64::from(seconds))
            .execute(self.database.pool())
            .await
            .unwrap();
    }
}

fn is_limited(answer: &Answer) {
    assert_eq!(answer.refusal(), (429, "rate_limited".to_owned()));
}

#[tokio::test]
async fn a_network_signs_up_three_at_once_and_then_one_in_twenty_seconds() {
    let world = strict().await;
    for name in ["Ada", "Bob", "Cleo"] {
        post(&world, "/auth/register", "203.0.113.1", &registration(name))
            .await
            .ok(201);
    }
    let fourth = registration("Dan");
    let refused = post(&world, "/auth/register", "203.0.113.1", &fourth).await;
    insta::assert_snapshot!(refused, @r#"
    429
    retry-after: 20
    {
      "detail": {
        "error": "rate_limited",
        "message": "That was tried too often; wait 20 seconds and try again."
      }
    }
    "#);
    post(
        &world,
        "/auth/register",
        "203.0.113.2",
        &registration("Eve"),
    )
    .await
    .ok(201);
    world.wait(20).await;
    post(&world, "/auth/register", "203.0.113.1", &fourth)
        .await
        .ok(201);
    let fifth = registration("Fay");
    is_limited(&post(&world, "/auth/register", "203.0.113.1", &fifth).await);
}

/// From as many networks as there are guesses.
#[tokio::test]
async fn t01_t02_of_a_hundred_guesses_at_once_five_are_looked_at_and_the_owner_is_back_in_a_minute()
{
    let world = strict().await;
    let ada = registration("Ada");
    post(&world, "/auth/register", "203.0.113.1", &ada)
        .await
        .ok(201);
    let body = json!({ "email": "Ada@Example.com", "password": "wrong-password-1" }).to_string();
    let request = |nth: usize| {
        let node = world.address(nth % 2);
        let client = format!("198.51.100.{nth}");
        let headers = [("x-forwarded-for", client.as_str())];
        (
            node,
            raw_post(node, "/api/v1/auth/login/json", &headers, &body),
        )
    };
    let replies = burst((0..100).map(request).collect()).await.unwrap();
    let of = |status: u16| replies.iter().filter(|r| r.status == status).count();
    assert_eq!((of(401), of(429)), (5, 95), "{replies:?}");
    is_limited(&sign_in(&world, "203.0.113.9", "ada@example.com", PASSWORD).await);
    world.wait(60).await;
    sign_in(&world, "203.0.113.9", "ada@example.com", PASSWORD)
        .await
        .ok(200);
}

#[tokio::test]
async fn being_right_begins_anew() {
    let world = strict().await;
    post(
        &world,
        "/auth/register",
        "203.0.113.1",
        &registration("Ada"),
    )
    .await
    .ok(201);
    for nth in 0..4 {
        let client = format!("198.51.100.{nth}");
        for _ in 0..4 {
            let wrong = sign_in(&world, &client, "ada@example.com", "wrong-password-1").await;
            assert_eq!(wrong.status, 401);
        }
        sign_in(&world, &client, "ada@example.com", PASSWORD)
            .await
            .ok(200);
    }
}

#[tokio::test]
async fn t03_a_network_is_counted_once_whatever_it_writes_into_its_headers() {
    let world = strict().await;
    let nobody = |nth: usize| format!("nobody-{nth}@example.com");
    for (kind, clients) in [
        (
            "invented hops",
            (0..20)
                .map(|n| format!("1.2.3.{n}, 203.0.113.5"))
                .collect::<Vec<_>>(),
        ),
        (
            "one /64",
            (0..20).map(|n| format!("2001:db8:0:1::{n:x}")).collect(),
        ),
        (
            "spellings",
            [
                "192.0.2.1",
                "::ffff:192.0.2.1",
                "::FFFF:c000:201",
                " 192.0.2.1 ",
            ]
            .repeat(5)
            .into_iter()
            .map(str::to_owned)
            .collect(),
        ),
    ] {
        let mut limited = 0;
        for (nth, client) in clients.iter().enumerate() {
            let answer = sign_in(&world, client, &nobody(nth), PASSWORD).await;
            limited += usize::from(answer.status == 429);
        }
        assert_eq!(limited, 10, "{kind}");
    }
}

#[tokio::test]
async fn t03_without_a_trusted_proxy_the_header_counts_for_nothing() {
    let world = Setup::default().set("RATE_LIMITS", "strict").start().await;
    let mut limited = 0;
    for nth in 0..20 {
        let email = format!("nobody-{nth}@example.com");
        let answer = sign_in(&world, &format!("198.51.100.{nth}"), &email, PASSWORD).await;
        limited += usize::from(answer.status == 429);
    }
    assert_eq!(limited, 10);
}

/// At sign-up, for a reset, for another proof of the address, from any network.
#[tokio::test]
async fn t55_a_mailbox_gets_three_mails_an_hour_and_ten_a_day_that_anybody_can_ask_for() {
    let world = strict().await;
    let user = post(
        &world,
        "/auth/register",
        "203.0.113.1",
        &registration("Ada"),
    )
    .await;
    let user = user.ok(201);
    let access = user["access_token"].as_str().unwrap();
    let ask = |nth: usize| {
        let world = &world;
        async move {
            let body = json!({ "email": "ada@example.com" });
            let client = format!("198.51.100.{nth}");
            post(world, "/auth/password/forgot", &client, &body).await
        }
    };
    ask(1).await.ok(200);
    let resend = world.post("/auth/email/send-verification");
    resend.bearer(access).send().await.ok(202);
    for nth in 0..100 {
        is_limited(&ask(nth).await);
    }
    // Whether the address is known makes no difference.
    let body = json!({ "email": "nobody@example.com" });
    for nth in 0..4 {
        let client = format!("203.0.113.{nth}");
        let answer = post(&world, "/auth/password/forgot", &client, &body).await;
        assert_eq!(answer.status, if nth < 3 { 200 } else { 429 });
    }
    world.drain().await;
    assert_eq!(world.mails_to("ada@example.com").len(), 3);
}

#[tokio::test]
async fn what_is_counted_names_nobody_and_is_swept_out() {
    let world = strict().await;
    post(
        &world,
        "/auth/register",
        "203.0.113.1",
        &registration("Ada"),
    )
    .await
    .ok(201);
    for nth in 0..40 {
        sign_in(
            &world,
            &format!("198.51.100.{nth}"),
            "ada@example.com",
            "wrong-password-1",
        )
        .await;
    }
    let counted = "SELECT count(*) FROM rate_limits";
    assert!(world.count(counted).await > 40);
    let names: String =
        sqlx::query_scalar("SELECT string_agg(encode(bucket, 'escape'), '') FROM rate_limits")
            .fetch_one(world.database.pool())
            .await
            .unwrap();
    assert!(!names.contains("example") && !names.contains("198.51"));
    world.wait(3 * 24 * 3600).await;
    for nth in 0..10 {
        let email = format!("nobody-{nth}@example.com");
        sign_in(&world, "203.0.113.9", &email, PASSWORD).await;
    }
    assert!(world.count(counted).await <= 11);
}

/// And nothing that costs money is asked for them.
#[tokio::test]
async fn t58_two_hundred_sign_ups_from_twenty_networks_leave_what_their_budget_is() {
    let world = strict().await;
    let asked = world.ask_sandbox("requests").await;
    let began = Instant::now();
    let mut signed_up = 0;
    for nth in 0..200 {
        let client = format!("203.0.113.{}", nth % 20);
        let body = registration(&format!("Bot {nth}"));
        let answer = post(&world, "/auth/register", &client, &body).await;
        assert!([201, 429].contains(&answer.status), "{answer}");
        signed_up += i64::from(answer.status == 201);
    }
    // Three at once from each, and one in twenty seconds.
    let budget = 20 * (3 + began.elapsed().as_secs() / 20);
    assert!(
        signed_up >= 60 && signed_up.unsigned_abs() <= budget,
        "{signed_up} of {budget}"
    );
    assert_eq!(world.count("SELECT count(*) FROM users").await, signed_up);
    world.drain().await;
    assert_eq!(world.ask_sandbox("requests").await, asked);
}
