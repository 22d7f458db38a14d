//! POST /auth/password/change · POST /auth/password/forgot · POST /auth/password/reset

use reqwest::Method;
use serde_json::{Value, json};
use tollgate_testkit::burst;

use crate::world::{
    Answer, HOUR, PASSWORD, Person, SECOND, Setup, World, just_under, raw_post, registration,
};

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

/// Whoever knew the old password and signs in while it is changed is out when it is.
#[tokio::test]
async fn t22_of_fifty_sign_ins_while_the_password_changes_none_outlives_the_change() {
    let world = Setup::default().two_nodes().start().await;
    let ada = world.person("Ada").await;
    let sign_in = json!({ "email": ada.email, "password": PASSWORD }).to_string();
    let bearer = format!("Bearer {}", ada.access);
    let change = json!({ "current_password": PASSWORD, "new_password": NEW }).to_string();
    let request = |nth: usize| {
        let node = world.address(nth % 2);
        let raw = if nth == 25 {
            let token = [("authorization", bearer.as_str())];
            raw_post(node, "/api/v1/auth/password/change", &token, &change)
        } else {
            raw_post(node, "/api/v1/auth/login/json", &[], &sign_in)
        };
        (node, raw)
    };
    let replies = burst((0..51).map(request).collect()).await.unwrap();
    for (nth, reply) in replies.iter().enumerate() {
        let expected: &[u16] = if nth == 25 { &[204] } else { &[200, 401, 503] };
        assert!(expected.contains(&reply.status), "{nth}: {reply:?}");
    }
    let live = "SELECT count(*) FROM auth_sessions WHERE revoked_at IS NULL";
    assert_eq!(world.count(live).await, 1);
    world.get("/auth/me").by(&ada).send().await.ok(200);
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
    // A request line may name a host as well.
    let node = world.address(0);
    let body = json!({ "email": ada.email }).to_string();
    let absolute = "http://evil.test/api/v1/auth/password/forgot";
    let request = raw_post(node, absolute, &[("x-original-url", absolute)], &body);
    let replies = burst(vec![(node, request)]).await.unwrap();
    assert_eq!(replies[0].status, 200, "{replies:?}");
    world.drain().await;
    let mails = world.mailbox.messages_to(&ada.email);
    assert_eq!(mails.len(), 8);
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

/// Each is compared as it was typed: none turns into the address that it looks like.
#[tokio::test]
async fn t16_a_look_alike_of_an_address_gets_no_mail() {
    let world = World::start().await;
    let mike = world.person("Mike Kessler").await;
    world.drain().await;
    let look_alikes = [
        ('k', "\u{212a}"),
        ('k', "\u{ff4b}"),
        ('k', "\u{43a}"),
        ('k', "\u{1d424}"),
        ('k', "\u{3ba}"),
        ('i', "\u{131}"),
        ('i', "\u{130}"),
        ('i', "\u{ff49}"),
        ('i', "\u{456}"),
        ('i', "\u{2170}"),
        ('m', "\u{ff4d}"),
        ('m', "\u{217f}"),
        ('m', "\u{43c}"),
        ('e', "\u{435}"),
        ('e', "\u{ff45}"),
        ('e', "\u{212f}"),
        ('e', "e\u{301}"),
        ('s', "\u{17f}"),
        ('s', "\u{ff53}"),
        ('s', "\u{455}"),
        ('l', "\u{217c}"),
        ('l', "\u{2113}"),
        ('@', "\u{ff20}"),
        ('.', "\u{3002}"),
        ('x', "\u{445}"),
    ];
    assert_eq!(look_alikes.len(), 25);
    for (letter, look_alike) in look_alikes {
        let typed = mike.email.replacen(letter, look_alike, 1);
        assert_ne!(typed, mike.email);
        let answer = forgot(&world, &typed).await;
        assert_eq!(
            answer.refusal(),
            (422, "validation_failed".to_owned()),
            "{typed}"
        );
    }
    world.drain().await;
    assert_eq!(world.mailbox.messages().len(), 1);
}

/// A scanner opens it first.
#[tokio::test]
async fn t20_looking_at_a_reset_link_changes_nothing() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let token = asked(&world, &ada).await;
    let before = world.rows().await;
    let path = format!("/api/v1/auth/password/reset?token={token}");
    for agent in [
        "Barracuda",
        "Safe Links",
        "Mimecast",
        "Slackbot-LinkExpanding",
        "curl",
    ] {
        for method in [Method::GET, Method::HEAD, Method::GET, Method::HEAD] {
            let call = world.call(0, method, &path).header("user-agent", agent);
            assert_eq!(call.send().await.status, 405);
        }
    }
    assert_eq!(world.rows().await, before);
    reset(&world, &token, NEW).await.ok(204);
    sign_in(&world, &ada.email, NEW).await.ok(200);
}

/// Every secret that is handed out, at every door but its own.
#[tokio::test]
async fn t18_no_secret_is_good_for_anothers_purpose() {
    let world = World::start().await;
    let olga = world.operator().await;
    let ada = world.person("Ada").await;
    let token = asked(&world, &ada).await;
    let proof = world.mailed_token(&ada, "verify-email");
    let call = world.admin(&olga, Method::POST, "/invites");
    let code = call.json(&json!({ "assigned_plan": "pro" })).send().await;
    let code = code.ok(201)["code"].as_str().unwrap().to_owned();
    let sessions = world.get("/auth/sessions").by(&ada).send().await.ok(200);
    let session = sessions[0]["id"].as_str().unwrap().to_owned();
    let secrets = [
        ("verify", proof),
        ("reset", token),
        ("refresh", ada.refresh.clone()),
        ("access", ada.access.clone()),
        ("code", code),
        ("none", session),
        ("none", ada.id.clone()),
    ];
    let doors = ["verify", "reset", "refresh", "access", "code"];
    let before = world.rows().await;
    let mut pairs = 0;
    for (purpose, secret) in &secrets {
        for door in doors.iter().filter(|door| *door != purpose) {
            let answer = match *door {
                "verify" => {
                    let body = json!({ "token": secret });
                    world.post("/auth/email/verify").json(&body).send().await
                }
                "reset" => reset(&world, secret, NEW).await,
                "refresh" => world.post("/auth/refresh").bearer(secret).send().await,
                "access" => world.get("/auth/me").bearer(secret).send().await,
                _ => {
                    let mut body = registration("Eve");
                    body["invite_code"] = json!(secret);
                    world.post("/auth/register").json(&body).send().await
                }
            };
            let expected = match *door {
                "verify" | "reset" => (400, "token_invalid_or_expired"),
                "refresh" => (401, "token_revoked"),
                "access" => (401, "token_invalid"),
                _ => (400, "invite_code_invalid"),
            };
            let (status, code) = answer.refusal();
            assert_eq!((status, code.as_str()), expected, "{purpose} as {door}");
            pairs += 1;
        }
    }
    assert_eq!(pairs, 30);
    assert_eq!(world.rows().await, before);
    world.get("/auth/me").by(&ada).send().await.ok(200);
}

/// Wrong passwords and resets, of whoever they are here or were.
#[tokio::test]
async fn t04_whatever_somebody_is_here_a_stranger_sees_nobody() {
    let world = World::start().await;
    let face = |answer: Answer| {
        let mut names: Vec<_> = answer.headers.keys().map(ToString::to_string).collect();
        names.sort();
        (answer.status, names, answer.text)
    };
    for name in [
        "Unverified",
        "Active",
        "Suspended",
        "Deleted",
        "Passwordless",
    ] {
        world.person(name).await;
    }
    world
        .execute(
            "UPDATE users SET email_verified_at = created_at WHERE name = 'Active';
             UPDATE accounts SET suspended_at = created_at WHERE name = 'Suspended';
             UPDATE users SET password_hash = NULL WHERE name = 'Passwordless';
             DELETE FROM accounts WHERE name = 'Deleted';
             DELETE FROM users WHERE name = 'Deleted'",
        )
        .await;
    let wrong = face(sign_in(&world, "nobody@example.com", "wrong-otter-47-lamp").await);
    let asked = face(forgot(&world, "nobody@example.com").await);
    assert_eq!((wrong.0, asked.0), (401, 200));
    for name in ["unverified", "active", "suspended", "deleted"] {
        let email = format!("{name}@example.com");
        let answer = sign_in(&world, &email, "wrong-otter-47-lamp").await;
        assert_eq!(face(answer), wrong, "{name}");
    }
    for name in [
        "unverified",
        "active",
        "suspended",
        "deleted",
        "passwordless",
    ] {
        let email = format!("{name}@example.com");
        assert_eq!(face(forgot(&world, &email).await), asked, "{name}");
    }
}

/// Nobody looks at it: the body is refused by what it says of its length.
#[tokio::test]
async fn t10_a_password_of_a_megabyte_is_refused_unread() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.drain().await;
    let before = world.rows().await;
    let long = "x".repeat(1 << 20);
    for (path, body) in [
        (
            "/auth/register",
            json!({ "email": "eve@example.com", "name": "Eve", "password": long }),
        ),
        (
            "/auth/login/json",
            json!({ "email": ada.email, "password": long }),
        ),
        (
            "/auth/password/reset",
            json!({ "token": "none", "new_password": long }),
        ),
        (
            "/auth/password/change",
            json!({ "current_password": long, "new_password": NEW }),
        ),
    ] {
        let answer = world.post(path).by(&ada).json(&body).send().await;
        assert_eq!(
            answer.refusal(),
            (413, "body_too_large".to_owned()),
            "{path}"
        );
    }
    let form = [
        ("username", ada.email.as_str()),
        ("password", long.as_str()),
    ];
    let answer = world.post("/auth/login").form(&form).send().await;
    assert_eq!(answer.refusal(), (413, "body_too_large".to_owned()));
    assert_eq!(world.rows().await, before);
}

/// It would take hours to compute.
#[tokio::test]
async fn t11_a_stored_hash_of_absurd_cost_is_wrong_at_once() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world
        .execute("UPDATE users SET password_hash = replace(password_hash, '$04$', '$31$')")
        .await;
    let answer = sign_in(&world, &ada.email, PASSWORD).await;
    assert_eq!(answer.refusal(), (401, "invalid_credentials".to_owned()));
}
