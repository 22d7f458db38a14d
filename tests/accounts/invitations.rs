//! GET /accounts/invites/{code}/lookup · POST …/accept · POST /auth/register with a code

use reqwest::Method;
use serde_json::{Value, json};
use tollgate_testkit::burst;

use crate::world::{Answer, DAY, PASSWORD, Person, Setup, World, raw_post, registration};

const DEAD: &str = "invite_invalid_or_expired_or_revoked";

async fn look_up(world: &World, code: &str) -> Answer {
    world
        .get(&format!("/accounts/invites/{code}/lookup"))
        .send()
        .await
}

/// Whether nobody gets anywhere with `code`, all answers being alike.
async fn is_dead(world: &World, by: &Person, code: &str) {
    let looked = look_up(world, code).await;
    let accepted = world.accept(by, code).await;
    insta::allow_duplicates! {
        insta::assert_snapshot!(looked, @r#"
        404
        {
          "detail": {
            "error": "invite_invalid_or_expired_or_revoked",
            "message": "This invitation is not valid any more; ask for a new one."
          }
        }
        "#);
    }
    assert_eq!(accepted.to_string(), looked.to_string(), "{code}");
    assert_eq!(
        world.join("Nobody", code).await.refusal(),
        (400, DEAD.to_owned())
    );
}

#[tokio::test]
async fn somebody_new_joins_and_has_nothing_to_set_up() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let code = world.invited(&ada, "Bob", "engineer").await;
    let looked = look_up(&world, &code).await;
    insta::assert_snapshot!(looked, @r#"
    200
    {
      "account_name": "Ada",
      "invited_email": "bob@example.com",
      "inviter_name": "Ada",
      "role": "engineer"
    }
    "#);
    let before = world.rows().await;
    let joined = world.join("Bob", &code).await;
    insta::assert_snapshot!(joined);
    assert_eq!(joined.ok(201)["account_id"], json!(ada.account));
    let after = world.rows().await;
    for table in ["accounts", "subscriptions", "trial_keys", "one_time_tokens"] {
        let table = format!("public.{table}");
        assert_eq!(after[&table], before[&table], "{table}");
    }
    let bob = Person::of(&joined.ok(201));
    world.get("/gate").by(&bob).send().await.ok(204);
    world.drain().await;
    assert_eq!(
        world.mails_to("bob@example.com").len(),
        1,
        "the invitation alone"
    );
    is_dead(&world, &ada, &code).await;
}

#[tokio::test]
async fn an_invitation_suffices_where_nobody_signs_up_by_themselves() {
    let world = Setup::default()
        .set("SELF_SERVE_ENABLED", "false")
        .set_second("SELF_SERVE_ENABLED", "true")
        .start()
        .await;
    let body = registration("Ada");
    let call = world.call(1, Method::POST, "/api/v1/auth/register");
    let ada = Person::of(&call.json(&body).send().await.ok(201));
    let code = world.invited(&ada, "Bob", "viewer").await;
    assert_eq!(
        world.join("Bob", &code).await.ok(201)["account_role"],
        "viewer"
    );
}

#[tokio::test]
async fn whoever_has_an_account_signs_in_and_accepts_and_has_two() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let bob = world.person("Bob").await;
    world.verify(&bob).await;
    let code = world.invited(&ada, "Bob", "admin").await;
    let taken = world.join("Bob", &code).await;
    assert_eq!(taken.refusal(), (409, "email_taken".to_owned()));
    let accepted = world.accept(&bob, &code).await;
    insta::assert_snapshot!(accepted, @r#"
    200
    {
      "account_id": "[id]",
      "account_name": "Ada",
      "role": "admin"
    }
    "#);
    let me = world.get("/auth/me").by(&bob).send().await.ok(200);
    assert_eq!(
        me["account_id"],
        json!(bob.account),
        "the session stays where it was"
    );
    assert_eq!(me["memberships"].as_array().unwrap().len(), 2);
    is_dead(&world, &bob, &code).await;
}

#[tokio::test]
async fn t60_an_invitation_is_for_the_address_it_was_sent_to() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let mallory = world.person("Mallory").await;
    world.verify(&mallory).await;
    let code = world.invited(&ada, "Bob", "viewer").await;
    let before = world.rows().await;
    for answer in [
        world.accept(&mallory, &code).await,
        world.join("Eve", &code).await,
        world.join("Bob.", &code).await,
    ] {
        assert!(
            matches!(answer.refusal(), (400, code) if code == "invite_email_mismatch")
                || answer.status == 422,
            "{answer}"
        );
    }
    assert_eq!(world.rows().await, before);
    // Spelled otherwise it is the same address.
    let mut body = registration("Bob");
    body["email"] = json!(" BOB@Example.com ");
    body["account_invite_code"] = json!(code);
    world
        .post("/auth/register")
        .json(&body)
        .send()
        .await
        .ok(201);
}

#[tokio::test]
async fn t61_an_invitation_does_not_let_in_who_only_claims_the_address() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    // Somebody else signs up with the address of Bob, and stays signed in.
    let attacker = world.person("Bob").await;
    let code = world.invited(&ada, "Bob", "viewer").await;
    let refused = world.accept(&attacker, &code).await;
    insta::assert_snapshot!(refused, @r#"
    403
    {
      "detail": {
        "error": "email_not_verified",
        "grace_ended_at": "2027-01-11T09:00:00Z",
        "message": "Prove the e-mail address to go on; a new link can be sent.",
        "resend_url": "/api/v1/auth/email/send-verification"
      }
    }
    "#);
    // Bob has the mailbox, and so gets in: a new password by mail ends what the other knows.
    let forgot = json!({ "email": attacker.email });
    world
        .post("/auth/password/forgot")
        .json(&forgot)
        .send()
        .await
        .ok(200);
    world.drain().await;
    let token = world.mailed_token(&attacker, "reset-password");
    let reset = json!({ "token": token, "new_password": "quiet-harbour-92-moss" });
    world
        .post("/auth/password/reset")
        .json(&reset)
        .send()
        .await
        .ok(204);
    let login = json!({ "email": attacker.email, "password": "quiet-harbour-92-moss" });
    let tokens = world
        .post("/auth/login/json")
        .json(&login)
        .send()
        .await
        .ok(200);
    let bob = Person {
        access: tokens["access_token"].as_str().unwrap().to_owned(),
        ..attacker.clone()
    };
    world.accept(&bob, &code).await.ok(200);
    let members = world.get("/accounts/me/members");
    assert_eq!(members.by(&attacker).send().await.status, 401);
    let old = json!({ "email": attacker.email, "password": PASSWORD });
    assert_eq!(
        world
            .post("/auth/login/json")
            .json(&old)
            .send()
            .await
            .status,
        401
    );
    let refreshed = world
        .post("/auth/refresh")
        .bearer(&attacker.refresh)
        .send()
        .await;
    assert_eq!(refreshed.status, 401);
}

#[tokio::test]
async fn t59_nothing_but_the_code_itself_opens_an_invitation() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.verify(&ada).await;
    let code = world.invited(&ada, "Bob", "viewer").await;
    let before = world.rows().await;
    for at in 0..code.len() {
        let mut altered = code.clone().into_bytes();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(altered).unwrap();
        assert_eq!(
            look_up(&world, &altered).await.refusal(),
            (404, DEAD.to_owned())
        );
    }
    let jwt = "eyJhbGciOiJub25lIn0.eyJhY2NvdW50IjoiMSJ9.";
    let long = "A".repeat(4_000);
    for other in [
        &code[..42],
        jwt,
        "%00",
        "none",
        &ada.refresh,
        &ada.access,
        &long,
    ] {
        is_dead_at_the_door(&world, &ada, other).await;
    }
    assert_eq!(world.rows().await, before);
    world.join("Bob", &code).await.ok(201);
}

/// As [`is_dead`], of a code that may be too long for a body.
async fn is_dead_at_the_door(world: &World, by: &Person, code: &str) {
    assert_eq!(
        look_up(world, code).await.refusal(),
        (404, DEAD.to_owned()),
        "{code:.20}"
    );
    assert_eq!(
        world.accept(by, code).await.refusal(),
        (404, DEAD.to_owned()),
        "{code:.20}"
    );
}

#[tokio::test]
async fn t18_an_invitation_proves_and_resets_nothing_and_is_nowhere_in_the_database() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.verify(&ada).await;
    let code = world.invited(&ada, "Bob", "viewer").await;
    let bob = world.person("Bob").await;
    world.drain().await;
    let verify = world.mailed_token(&bob, "verify-email");
    is_dead_at_the_door(&world, &ada, &verify).await;
    for (path, body) in [
        ("/auth/email/verify", json!({ "token": code })),
        (
            "/auth/password/reset",
            json!({ "token": code, "new_password": "quiet-harbour-92-moss" }),
        ),
    ] {
        let answer = world.post(path).json(&body).send().await;
        assert_eq!(
            answer.refusal(),
            (400, "token_invalid_or_expired".to_owned()),
            "{path}"
        );
    }
    assert!(!world.dump().await.contains(&code));
}

#[tokio::test]
async fn t20_looking_at_the_link_changes_nothing() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let code = world.invited(&ada, "Bob", "viewer").await;
    let before = world.rows().await;
    for _ in 0..10 {
        look_up(&world, &code).await.ok(200);
    }
    for method in [Method::GET, Method::HEAD] {
        let path = format!("/api/v1/accounts/invites/{code}/accept");
        assert_eq!(world.call(0, method, &path).send().await.status, 405);
    }
    assert_eq!(world.rows().await, before);
    world.join("Bob", &code).await.ok(201);
}

#[tokio::test]
async fn t64_an_invitation_dies_with_its_time_its_account_and_its_inviter() {
    let world = World::start().await;
    let mut ada = world.owner("Ada", 9).await;
    let olga = world.operator().await;
    let admin = world.member(&ada, "Cleo", "admin").await;
    let code = world.invited(&admin, "Bob", "viewer").await;
    let path = format!("/api/v1/accounts/me/members/{}", admin.id);
    world
        .call(0, Method::DELETE, &path)
        .by(&ada)
        .send()
        .await
        .ok(204);
    is_dead(&world, &ada, &code).await;

    let code = world.invited(&ada, "Dan", "viewer").await;
    let suspend = format!("/accounts/{}/suspend", ada.account);
    let reason = json!({ "reason": "a chargeback" });
    world
        .admin(&olga, Method::POST, &suspend)
        .json(&reason)
        .send()
        .await
        .ok(204);
    is_dead(&world, &olga, &code).await;
    world
        .admin(&olga, Method::DELETE, &suspend)
        .json(&reason)
        .send()
        .await
        .ok(204);
    world.sign_in(&mut ada).await;
    look_up(&world, &code).await.ok(200);

    world.clock.advance(DAY * 14);
    world.sign_in(&mut ada).await;
    is_dead(&world, &ada, &code).await;
}

/// Whoever comes after the answer of a revocation does not get in.
#[tokio::test]
async fn t64_coming_and_being_uninvited_at_once_end_one_way_or_the_other() {
    let world = Setup::default().two_nodes().start().await;
    let ada = world.owner("Ada", 60).await;
    for nth in 0..25 {
        let name = format!("Guest{nth}");
        let invite = world.invite(&ada, &name, "viewer").await.ok(201);
        let id = invite["id"].as_str().unwrap();
        world.drain().await;
        let code = world.mailed_code(&name);
        let mut body = registration(&name);
        body["account_invite_code"] = json!(code);
        let comes = world
            .call(nth % 2, Method::POST, "/api/v1/auth/register")
            .json(&body)
            .send();
        let path = format!("/api/v1/accounts/me/invites/{id}");
        let goes = world
            .call((nth + 1) % 2, Method::DELETE, &path)
            .by(&ada)
            .send();
        let (came, gone) = tokio::join!(comes, goes);
        let ends = (came.status, gone.status);
        assert!(
            ends == (201, 400) || ends == (400, 204),
            "{ends:?} {came} {gone}"
        );
        let after = world.join(&name, &code).await;
        assert_eq!(after.refusal(), (400, DEAD.to_owned()));
    }
}

#[tokio::test]
async fn t63_of_fifty_who_use_an_invitation_at_once_one_comes_in() {
    let world = Setup::default().two_nodes().start().await;
    let ada = world.person("Ada").await;
    let bob = world.person("Bob").await;
    world.verify(&bob).await;
    let code = world.invited(&ada, "Bob", "viewer").await;
    let bearer = format!("Bearer {}", bob.access);
    let path = format!("/api/v1/accounts/invites/{code}/accept");
    let request = |nth: usize| {
        let node = world.address(nth % 2);
        let headers = [("authorization", bearer.as_str())];
        (node, raw_post(node, &path, &headers, ""))
    };
    let replies = burst((0..50).map(request).collect()).await.unwrap();
    let of = |status: u16| {
        replies
            .iter()
            .filter(|reply| reply.status == status)
            .count()
    };
    assert_eq!((of(200), of(404)), (1, 49), "{replies:?}");
    let memberships = "SELECT count(*) FROM memberships WHERE role = 'viewer'";
    assert_eq!(world.count(memberships).await, 1);
    let audited = "SELECT count(*) FROM audit_log WHERE action = 'invite_accepted'";
    assert_eq!(world.count(audited).await, 1);
}

#[tokio::test]
async fn t66_names_in_an_invitation_are_one_line_that_leads_nowhere() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    for (chosen, shown) in [
        ("Win at https://evil.example/x", "Win at"),
        ("<a href=\"x\">Click</a>", "<a href=\"x\">Click</a>"),
        ("Ada\r\nBcc: eve@example.com", "Ada Bcc: eve@example com"),
        ("Ada\u{202e}moc.live", "Adamoc live"),
        (&"x".repeat(300), &"x".repeat(80)),
    ] {
        sqlx::query("UPDATE users SET name = $1")
            .bind(chosen)
            .execute(world.database.pool())
            .await
            .unwrap();
        let guest = format!("guest{}", chosen.len());
        world.invited(&ada, &guest, "viewer").await;
        let mails = world.mailbox.messages_to(&format!("{guest}@example.com"));
        assert_eq!(mails[0].to.len(), 1, "{chosen:?}");
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let text = words(&mails[0].text);
        assert!(
            text.contains(&format!("{} invites you", words(shown))),
            "{text}"
        );
        assert!(!mails[0].html.contains("<a href=\"x\""), "{chosen:?}");
    }
}

#[tokio::test]
async fn looking_codes_up_is_limited() {
    let world = Setup::default().set("RATE_LIMITS", "strict").start().await;
    let request = |_| {
        let node = world.address(0);
        let path = "/api/v1/accounts/invites/none/lookup";
        let text = String::from_utf8(raw_post(node, path, &[], "")).unwrap();
        (node, text.replacen("POST", "GET", 1).into_bytes())
    };
    let replies = burst((0..60).map(request).collect()).await.unwrap();
    let of = |status: u16| {
        replies
            .iter()
            .filter(|reply| reply.status == status)
            .count()
    };
    assert_eq!(of(404) + of(429), 60, "{replies:?}");
    // Thirty, and one more for each two seconds that a loaded machine takes.
    assert!((30..45).contains(&of(404)), "{}", of(404));
}

#[tokio::test]
async fn t55_a_mailbox_is_not_flooded_with_invitations() {
    let world = Setup::default().set("RATE_LIMITS", "strict").start().await;
    let ada = world.person("Ada").await;
    let list = |names: &[&str]| -> Value {
        let one = |name: &&str| json!({ "email": format!("{name}@example.com"), "role": "viewer" });
        json!({ "invites": names.iter().map(one).collect::<Vec<_>>() })
    };
    let mut said = Vec::new();
    for names in [&["v", "v+1", "v+2"][..], &["v+3"], &["v+4"], &["v+5"]] {
        let call = world.post("/accounts/me/invites/bulk").by(&ada);
        let answer = call.json(&list(names)).send().await.ok(201);
        let failed = answer["failed"].as_array().unwrap();
        assert!(
            failed.iter().all(|one| one["error"] == "rate_limited"),
            "{answer}"
        );
        said.push((answer["created"].as_array().unwrap().len(), failed.len()));
    }
    assert_eq!(said, [(1, 2), (1, 0), (1, 0), (0, 1)]);
    assert_eq!(world.invite(&ada, "V+6", "viewer").await.refusal().0, 429);
    // Whoever was turned away was not counted.
    world.invite(&ada, "W", "viewer").await.ok(201);
}
