//! POST /auth/password/change · POST /auth/password/forgot · POST /auth/password/reset

use reqwest::Method;
use serde_json::{Value, json};
use tollgate_testkit::burst;

use crate::world::{Answer, HOUR, PASSWORD, Person, SECOND, Setup, World, just_under, raw_post};

const NEW: &str = "quiet-harbour-92-moss";
const PAGE: &str = "reset-password";

async fn sign_in(world: &World, email: &str, password: &str) -> Answer {
    let body = json!({ "email": email, "password": password });
    world.post("/auth/login/json").json(&body).send().await
}

async fn change(world: &World, person: &Person, current: &str, new: &str) -> Answer {
    let body = json!({ "current_password": current, "new_password": new });
    let call = world.post("/auth/password/change").by(person);
    call.json(&body).send().await
}

async fn forgot(world: &World, email: &str) -> Answer {
    let body = json!({ "email": email });
    world.post("/auth/password/forgot").json(&body).send().await
}

async fn reset(world: &World, token: &str, new: &str) -> Answer {
    let body = json!({ "token": token, "new_password": new });
    world.post("/auth/password/reset").json(&body).send().await
}

/// The token of a reset that `person` asked for.
async fn asked(world: &World, person: &Person) -> String {
    forgot(world, &person.email).await.ok(200);
    world.drain().await;
    world.mailed_token(person, PAGE)
}

fn is_dead(answer: &Answer) {
    assert_eq!(
        answer.refusal(),
        (400, "token_invalid_or_expired".to_owned())
    );
}

async fn is_over(world: &World, person: &Person) {
    for node in [0, 1] {
        let me = world.call(node, Method::GET, "/api/v1/auth/me");
        let me = me.by(person).send().await;
        assert_eq!(me.refusal(), (401, "token_revoked".to_owned()));
        let refresh = world.call(node, Method::POST, "/api/v1/auth/refresh");
        let refresh = refresh.bearer(&person.refresh).send().await;
        assert_eq!(refresh.refusal(), (401, "token_revoked".to_owned()));
    }
}

#[tokio::test]
async fn t12_a_changed_password_ends_the_other_sessions_and_is_told_of() {
    let world = Setup::default().two_nodes().start().await;
    let ada = world.person("Ada").await;
    let mut elsewhere = ada.clone();
    world.sign_in(&mut elsewhere).await;
    world.drain().await;
    let answer = change(&world, &ada, PASSWORD, NEW).await;
    insta::assert_snapshot!(answer, @"204");
    is_over(&world, &elsewhere).await;
    world.get("/auth/me").by(&ada).send().await.ok(200);
    sign_in(&world, &ada.email, NEW).await.ok(200);
    assert_eq!(sign_in(&world, &ada.email, PASSWORD).await.status, 401);
    world.drain().await;
    insta::assert_snapshot!(world.mails_to(&ada.email)[1], @r#"
    Your password for Tollgate was changed

    Hello Ada,

    The password with which you sign in to Tollgate was changed just now.

    If it was not you, set a new one at once: that signs everybody else out.

    Set another password:
    http://app.test/forgot-password

    If it was you, you need not do anything.

    -- 
    Tollgate
    "#);
    assert_eq!(world.mails_to(&ada.email).len(), 2);
}

#[tokio::test]
async fn t12_without_the_current_password_nothing_changes() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.drain().await;
    let before = world.rows().await;
    for wrong in [
        "",
        "wrong-password-1",
        &PASSWORD.to_uppercase(),
        &"x".repeat(300),
    ] {
        let refused = change(&world, &ada, wrong, NEW).await;
        assert_eq!(refused.refusal(), (401, "invalid_credentials".to_owned()));
    }
    for weak in ["short", "password1234", "ada@example.com"] {
        let refused = change(&world, &ada, PASSWORD, weak).await.ok(422);
        assert_eq!(refused["detail"]["fields"][0]["field"], "new_password");
    }
    assert_eq!(world.rows().await, before);
    sign_in(&world, &ada.email, PASSWORD).await.ok(200);
}

#[tokio::test]
async fn a_person_without_a_password_is_sent_to_the_provider() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.drain().await;
    world
        .execute(
            "UPDATE users SET password_hash = NULL;
             INSERT INTO oauth_identities (user_id, provider, issuer, provider_subject, created_at)
             SELECT id, 'google', 'https://accounts.google.com', '1', now() FROM users",
        )
        .await;
    insta::assert_snapshot!(change(&world, &ada, PASSWORD, NEW).await, @r#"
    400
    {
      "detail": {
        "error": "use_oauth_provider",
        "message": "This person has no password; sign in with one of the providers.",
        "providers": [
          "google"
        ]
      }
    }
    "#);
    // Nobody learns it by asking, and no mail comes.
    let before = world.rows().await;
    forgot(&world, &ada.email).await.ok(200);
    world.drain().await;
    assert_eq!(world.rows().await, before);
    assert_eq!(world.mails_to(&ada.email).len(), 1);
}

#[tokio::test]
async fn t22_a_forgotten_password_is_set_anew_by_the_mailed_link_and_every_session_ends() {
    let world = Setup::default().two_nodes().start().await;
    let ada = world.person("Ada").await;
    let mut elsewhere = ada.clone();
    world.sign_in(&mut elsewhere).await;
    world.drain().await;
    insta::assert_snapshot!(forgot(&world, &ada.email).await, @r#"
    200
    {
      "message": "If somebody signs in here with this address and a password, a mail is on its way."
    }
    "#);
    world.drain().await;
    insta::assert_snapshot!(world.mails_to(&ada.email)[1], @r#"
    Set a new password for Tollgate

    Hello Ada,

    Somebody, we hope you, asked to set a new password for Tollgate. The link works once, for an hour.

    Set a new password:
    http://app.test/reset-password?token=[token]

    If it was not you, you need not do anything: the old password stays.

    -- 
    Tollgate
    "#);
    let token = world.mailed_token(&ada, PAGE);
    insta::assert_snapshot!(reset(&world, &token, NEW).await, @"204");
    is_over(&world, &ada).await;
    is_over(&world, &elsewhere).await;
    assert_eq!(sign_in(&world, &ada.email, PASSWORD).await.status, 401);
    let tokens = sign_in(&world, &ada.email, NEW).await.ok(200);
    let access = tokens["access_token"].as_str().unwrap();
    let me = world.get("/auth/me").bearer(access).send().await.ok(200);
    assert!(me["email_verified_at"].is_string(), "{me}");
    world.drain().await;
    assert_eq!(world.mails_to(&ada.email).len(), 3);
}

/// With as many different passwords.
#[tokio::test]
async fn t17_a_link_used_fifty_times_at_once_sets_one_password() {
    let world = Setup::default().two_nodes().start().await;
    let ada = world.person("Ada").await;
    let token = asked(&world, &ada).await;
    let password = |nth: usize| format!("{NEW}-{nth}");
    let request = |nth: usize| {
        let body = json!({ "token": token, "new_password": password(nth) }).to_string();
        let node = world.address(nth % 2);
        (
            node,
            raw_post(node, "/api/v1/auth/password/reset", &[], &body),
        )
    };
    let replies = burst((0..50).map(request).collect()).await.unwrap();
    let won: Vec<_> = (0..50).filter(|nth| replies[*nth].status == 204).collect();
    assert_eq!(won.len(), 1, "{replies:?}");
    // What found every place taken was told to come back, which is no failure.
    assert!(replies.iter().all(|r| [204, 400, 503].contains(&r.status)));
    for nth in [won[0], (won[0] + 1) % 50, (won[0] + 7) % 50] {
        let status = if nth == won[0] { 200 } else { 401 };
        let answer = sign_in(&world, &ada.email, &password(nth)).await;
        assert_eq!(answer.status, status, "{nth}");
    }
}

#[tokio::test]
async fn t18_a_reset_link_works_for_an_hour_until_a_newer_one_or_a_change() {
    let world = World::start().await;
    let mut ada = world.person("Ada").await;
    let first = asked(&world, &ada).await;
    let second = asked(&world, &ada).await;
    assert_ne!(first, second);
    is_dead(&reset(&world, &first, NEW).await);
    world.advance(just_under(HOUR)).await;
    let refused = reset(&world, &second, "short").await;
    assert_eq!(refused.refusal(), (422, "validation_failed".to_owned()));
    world.advance(SECOND).await;
    is_dead(&reset(&world, &second, NEW).await);
    let third = asked(&world, &ada).await;
    world.sign_in(&mut ada).await;
    change(&world, &ada, PASSWORD, NEW).await.ok(204);
    is_dead(&reset(&world, &third, PASSWORD).await);
    sign_in(&world, &ada.email, NEW).await.ok(200);
}

#[tokio::test]
async fn t18_no_mailed_token_is_kept() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let token = asked(&world, &ada).await;
    let proof = world.mailed_token(&ada, "verify-email");
    let dump = world.dump().await;
    assert!(dump.contains(&ada.email));
    for secret in [token, proof] {
        assert!(!dump.contains(&secret));
    }
}

#[tokio::test]
async fn t04_asking_for_a_reset_says_the_same_of_everybody_and_does_the_same_work() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.drain().await;
    let known = forgot(&world, &ada.email).await;
    let unknown = forgot(&world, "nobody@example.com").await;
    assert_eq!(known.to_string(), unknown.to_string());
    let names = |answer: &Answer| -> Vec<String> {
        answer.headers.keys().map(ToString::to_string).collect()
    };
    assert_eq!(names(&known), names(&unknown));
    world.drain().await;
    assert_eq!(world.mails_to("nobody@example.com"), Vec::<String>::new());
    assert_eq!(world.mails_to(&ada.email).len(), 2);
}

#[tokio::test]
async fn t15_a_reset_is_asked_for_one_address_at_a_time() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.drain().await;
    let before = world.rows().await;
    for email in [
        json!([ada.email]),
        json!([ada.email, "eve@example.com"]),
        json!({ "$ne": "" }),
        json!(format!("{},eve@example.com", ada.email)),
        json!(format!("{}\neve@example.com", ada.email)),
        json!(format!("{}\r\nBcc: eve@example.com", ada.email)),
        Value::Null,
    ] {
        let body = json!({ "email": email });
        let answer = world.post("/auth/password/forgot").json(&body).send().await;
        assert_eq!(answer.refusal(), (422, "validation_failed".to_owned()));
    }
    let twice = format!(
        r#"{{"email": "{}", "email": "eve@example.com"}}"#,
        ada.email
    );
    let call = world.post("/auth/password/forgot");
    let answer = call.body("application/json", twice).send().await;
    assert_eq!(answer.refusal(), (400, "malformed_json".to_owned()));
    world.drain().await;
    assert_eq!(world.rows().await, before);
}

#[tokio::test]
async fn t14_mailed_links_lead_where_the_configuration_says_whatever_the_request_claims() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.drain().await;
    for (name, value) in [
        ("x-forwarded-host", "evil.test"),
        ("x-forwarded-proto", "gopher"),
        ("forwarded", "host=evil.test"),
        ("host", "evil.test"),
        ("origin", "http://evil.test"),
        ("referer", "http://evil.test/"),
    ] {
        let call = world.post("/auth/password/forgot").header(name, value);
        let answer = call.json(&json!({ "email": ada.email })).send().await;
        answer.ok(200);
        world.drain().await;
    }
    let mails = world.mailbox.messages_to(&ada.email);
    assert_eq!(mails.len(), 7);
    for mail in mails {
        assert!(!format!("{}{}", mail.text, mail.html).contains("evil"));
        assert!(mail.text.contains("http://app.test/"));
    }
}

#[tokio::test]
async fn t06_a_mail_server_that_is_down_tells_nobody_who_is_known() {
    let world = Setup::default()
        .set("SMTP_URL", "smtp://127.0.0.1:1")
        .start()
        .await;
    let ada = world.person("Ada").await;
    let known = forgot(&world, &ada.email).await;
    let unknown = forgot(&world, "nobody@example.com").await;
    assert_eq!(known.to_string(), unknown.to_string());
    known.ok(200);
}
