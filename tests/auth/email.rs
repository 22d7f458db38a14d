//! POST /auth/email/send-verification · POST /auth/email/verify

use reqwest::Method;
use serde_json::json;
use tollgate_testkit::burst;

use crate::world::{Answer, DAY, HOUR, Person, SECOND, Setup, World, just_under, raw_post};

const PAGE: &str = "verify-email";

async fn verify(world: &World, token: &str) -> Answer {
    let body = json!({ "token": token });
    world.post("/auth/email/verify").json(&body).send().await
}

async fn send(world: &World, person: &Person) -> Answer {
    let call = world.post("/auth/email/send-verification");
    call.by(person).send().await
}

async fn is_verified(world: &World, person: &Person) -> bool {
    let me = world.get("/auth/me").by(person).send().await.ok(200);
    !me["email_verified_at"].is_null()
}

fn is_dead(answer: &Answer) {
    assert_eq!(
        answer.refusal(),
        (400, "token_invalid_or_expired".to_owned())
    );
}

#[tokio::test]
async fn the_mailed_link_proves_the_address_and_the_product_opens_again() {
    let world = World::start().await;
    let mut ada = world.person("Ada").await;
    world.drain().await;
    world.advance(DAY * 8).await;
    world.sign_in(&mut ada).await;
    let gate = world.get("/gate").by(&ada).send().await;
    assert_eq!(gate.refusal(), (403, "email_not_verified".to_owned()));
    let sent = send(&world, &ada).await;
    insta::assert_snapshot!(sent, @"202");
    world.drain().await;
    let proven = verify(&world, &world.mailed_token(&ada, PAGE)).await;
    insta::assert_snapshot!(proven, @r#"
    200
    {
      "already_verified": false
    }
    "#);
    world.get("/gate").by(&ada).send().await.ok(204);
    assert!(is_verified(&world, &ada).await);
    let again = send(&world, &ada).await;
    assert_eq!(again.refusal(), (409, "already_verified".to_owned()));
}

#[tokio::test]
async fn following_the_link_twice_is_fine_and_opens_no_session() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.drain().await;
    let token = world.mailed_token(&ada, PAGE);
    verify(&world, &token).await.ok(200);
    let before = world.rows().await;
    let again = verify(&world, &token).await;
    insta::assert_snapshot!(again, @r#"
    200
    {
      "already_verified": true
    }
    "#);
    assert_eq!(world.rows().await, before);
}

#[tokio::test]
async fn fifty_at_once_prove_the_address_once() {
    let world = Setup::default().two_nodes().start().await;
    let ada = world.person("Ada").await;
    world.drain().await;
    let body = json!({ "token": world.mailed_token(&ada, PAGE) }).to_string();
    let request = |nth: usize| {
        let node = world.address(nth % 2);
        (
            node,
            raw_post(node, "/api/v1/auth/email/verify", &[], &body),
        )
    };
    let replies = burst((0..50).map(request).collect()).await.unwrap();
    assert!(
        replies.iter().all(|reply| reply.status == 200),
        "{replies:?}"
    );
    let first = replies
        .iter()
        .filter(|reply| reply.body.contains("false"))
        .count();
    assert_eq!(first, 1);
    let audited = "SELECT count(*) FROM audit_log WHERE action = 'email_verified'";
    assert_eq!(world.count(audited).await, 1);
}

#[tokio::test]
async fn t18_a_new_link_ends_the_one_before_it_and_each_ends_after_a_day() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.drain().await;
    let first = world.mailed_token(&ada, PAGE);
    send(&world, &ada).await.ok(202);
    world.drain().await;
    let second = world.mailed_token(&ada, PAGE);
    assert_ne!(first, second);
    is_dead(&verify(&world, &first).await);
    world.advance(just_under(DAY)).await;
    assert!(!is_verified_in_database(&world).await);
    world.advance(SECOND).await;
    is_dead(&verify(&world, &second).await);
    assert!(!is_verified_in_database(&world).await);
}

async fn is_verified_in_database(world: &World) -> bool {
    let verified = "SELECT count(*) FROM users WHERE email_verified_at IS NOT NULL";
    world.count(verified).await > 0
}

#[tokio::test]
async fn t18_nothing_but_the_token_itself_proves_an_address() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.drain().await;
    let token = world.mailed_token(&ada, PAGE);
    let mut altered = token.clone().into_bytes();
    altered[20] = if altered[20] == b'A' { b'B' } else { b'A' };
    let altered = String::from_utf8(altered).unwrap();
    for other in [
        "",
        " ",
        "none",
        &altered,
        &token[..42],
        &ada.refresh,
        &ada.access,
    ] {
        is_dead(&verify(&world, other).await);
    }
    // A link that resets a password proves no address, and the other way round.
    let forgot = json!({ "email": ada.email });
    let asked = world.post("/auth/password/forgot").json(&forgot);
    asked.send().await.ok(200);
    world.drain().await;
    is_dead(&verify(&world, &world.mailed_token(&ada, "reset-password")).await);
    let reset = json!({ "token": token, "new_password": "quiet-harbour-92-moss" });
    let reset = world.post("/auth/password/reset").json(&reset).send().await;
    is_dead(&reset);
    verify(&world, &token).await.ok(200);
}

#[tokio::test]
async fn t20_looking_at_the_link_changes_nothing() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.drain().await;
    let token = world.mailed_token(&ada, PAGE);
    let path = format!("/api/v1/auth/email/verify?token={token}");
    for method in [Method::GET, Method::HEAD] {
        let answer = world.call(0, method, &path).send().await;
        assert_eq!(answer.status, 405);
    }
    assert!(!is_verified(&world, &ada).await);
    verify(&world, &token).await.ok(200);
}

#[tokio::test]
async fn f25_a_link_that_would_be_dead_on_arrival_is_not_sent() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.drain().await;
    assert_eq!(world.mails_to(&ada.email).len(), 1);
    // The mail waits in the queue while a newer link is asked for, and for longer than it works.
    world
        .execute(
            "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN NEW.run_at := now() + interval '1 hour'; RETURN NEW; END $$;
             CREATE TRIGGER hold BEFORE INSERT ON graphile_worker._private_jobs
             FOR EACH ROW EXECUTE FUNCTION hold();",
        )
        .await;
    send(&world, &ada).await.ok(202);
    send(&world, &ada).await.ok(202);
    world.clock.advance(DAY + HOUR);
    world
        .execute(
            "DROP TRIGGER hold ON graphile_worker._private_jobs;
             SELECT graphile_worker.reschedule_jobs(
                 (SELECT array_agg(id) FROM graphile_worker._private_jobs), run_at => now());",
        )
        .await;
    world.drain().await;
    assert_eq!(world.mails_to(&ada.email).len(), 1);
}

/// Whoever opens it: it is the link's person whose address is proven, and nobody is signed in by it.
#[tokio::test]
async fn t23_a_link_opened_by_somebody_else_proves_its_own_persons_address() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let bob = world.person("Bob").await;
    world.drain().await;
    let token = world.mailed_token(&ada, PAGE);
    let sessions = "SELECT count(*) FROM auth_sessions";
    let before = world.count(sessions).await;
    let call = world.post("/auth/email/verify").by(&bob);
    let answer = call.json(&json!({ "token": token })).send().await;
    assert_eq!(answer.ok(200), json!({ "already_verified": false }));
    assert!(is_verified(&world, &ada).await);
    assert!(!is_verified(&world, &bob).await);
    assert_eq!(world.count(sessions).await, before);
}
