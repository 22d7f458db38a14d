//! POST /auth/register

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tollgate_mailbox::Behaviour;
use tollgate_testkit::burst;

use crate::world::{PASSWORD, Setup, World, monthly, raw_post, redacted, registration};

#[tokio::test]
async fn a_person_signs_up_and_is_signed_in() {
    let world = World::start().await;
    let answer = world
        .post("/auth/register")
        .json(&registration("Ada"))
        .send()
        .await;
    insta::assert_snapshot!(answer, @r#"
    201
    {
      "access_token": "[access token]",
      "account_id": "[id]",
      "account_role": "owner",
      "created_at": "2027-01-04T09:00:00Z",
      "email": "ada@example.com",
      "email_verified_at": null,
      "expires_in": 900,
      "id": "[id]",
      "is_super_admin": false,
      "memberships": [
        {
          "account_id": "[id]",
          "account_name": "Ada",
          "role": "owner"
        }
      ],
      "name": "Ada",
      "onboarding_dismissed": false,
      "onboarding_step_completed": 0,
      "pending_kept_banner": false,
      "refresh_token": "[refresh token]",
      "timezone": null,
      "token_type": "bearer"
    }
    "#);
    world.drain().await;
    insta::assert_snapshot!(world.mails_to("ada@example.com").join("\n\n"), @r"
    Confirm your e-mail address for Tollgate

    Hello Ada,

    Please confirm that this address is yours, so that nobody else can use it with Tollgate. The link works once, for 24 hours.

    Confirm the address:
    http://app.test/verify-email?token=[token]

    If you did not sign up, you need not do anything.

    -- 
    Tollgate
    ");
}

#[tokio::test]
async fn what_the_person_says_of_the_company_names_the_account() {
    let world = World::start().await;
    let mut body = registration("Ada");
    body["company_name"] = json!("  Analytical Engines ");
    body["plan"] = json!("starter");
    let user = world
        .post("/auth/register")
        .json(&body)
        .send()
        .await
        .ok(201);
    assert_eq!(user["memberships"][0]["account_name"], "Analytical Engines");
}

#[tokio::test]
async fn an_address_is_taken_in_every_spelling() {
    let world = World::start().await;
    world.person("Ada").await;
    world.drain().await;
    let before = world.rows().await;
    for spelling in ["ada@example.com", "ADA@Example.COM", " ada@example.com "] {
        let mut body = registration("Eve");
        body["email"] = json!(spelling);
        let answer = world.post("/auth/register").json(&body).send().await;
        assert_eq!(
            answer.refusal(),
            (409, "email_taken".to_owned()),
            "{spelling:?}"
        );
    }
    assert_eq!(world.rows().await, before);
}

#[tokio::test]
async fn of_fifty_at_once_one_gets_the_address() {
    let world = Setup::default().two_nodes().start().await;
    world.person("Bob").await;
    world.drain().await;
    let (before, one) = (world.rows().await, 1);
    let request = |nth: usize| {
        let node = world.address(nth % 2);
        (
            node,
            raw_post(
                node,
                "/api/v1/auth/register",
                &[],
                &registration("Ada").to_string(),
            ),
        )
    };
    let replies = burst((0..50).map(request).collect()).await.unwrap();
    let signed_up = replies.iter().filter(|reply| reply.status == 201).count();
    assert_eq!(signed_up, 1, "{replies:?}");
    // What found every place taken was told to come back, which is no failure.
    let is_refused = |body: &str| body.contains("email_taken") || body.contains("\"busy\"");
    let refused = replies.iter().filter(|reply| is_refused(&reply.body));
    assert_eq!(refused.count(), 49, "{replies:?}");
    world.drain().await;
    let after = world.rows().await;
    for table in [
        "users",
        "accounts",
        "memberships",
        "subscriptions",
        "auth_sessions",
    ] {
        let table = format!("public.{table}");
        assert_eq!(after[&table], before[&table] + one, "{table}");
    }
    assert_eq!(world.mails_to("ada@example.com").len(), 1);
}

#[tokio::test]
async fn a_mailbox_gets_one_trial() {
    let world = World::start().await;
    world.person("Ada").await;
    let again = world.person("Ada+again").await;
    let state = world.get("/billing/state").by(&again).send().await;
    insta::assert_snapshot!(state, @r#"
    404
    {
      "detail": {
        "error": "no_subscription",
        "message": "This account has no subscription; pick a plan.",
        "upgrade_url": "/account/billing/select-plan"
      }
    }
    "#);
    let gate = world.get("/gate").by(&again).send().await;
    insta::assert_snapshot!(gate, @r#"
    402
    {
      "detail": {
        "error": "no_subscription",
        "message": "This account has no subscription; pick a plan.",
        "upgrade_url": "/account/billing/select-plan"
      }
    }
    "#);
}

#[tokio::test]
async fn of_twenty_spellings_of_one_mailbox_at_once_one_gets_the_trial() {
    let world = Setup::default().two_nodes().start().await;
    let request = |nth: usize| {
        let node = world.address(nth % 2);
        let body = registration(&format!("Ada+{nth}")).to_string();
        (node, raw_post(node, "/api/v1/auth/register", &[], &body))
    };
    let replies = burst((0..20).map(request).collect()).await.unwrap();
    assert!(
        replies.iter().all(|reply| reply.status == 201),
        "{replies:?}"
    );
    assert_eq!(world.count("SELECT count(*) FROM accounts").await, 20);
    assert_eq!(world.count("SELECT count(*) FROM subscriptions").await, 1);
}

/// Without a code, and with one that is none; see the table in docs/running.md.
#[tokio::test]
async fn who_may_sign_up_is_the_operators_choice() {
    const OPEN: [&str; 2] = ["201", "400 invite_code_invalid"];
    for (self_serve, needs_code, anybody) in [
        ("true", "true", OPEN),
        ("true", "false", OPEN),
        (
            "false",
            "true",
            ["400 invite_code_required", "400 invite_code_invalid"],
        ),
        ("false", "false", OPEN),
    ] {
        let world = Setup::default()
            .set("SELF_SERVE_ENABLED", self_serve)
            .set("REQUIRE_INVITE_CODE", needs_code)
            .set("INTERNAL_TESTER_EMAILS", "tess@example.com,TOM@EXAMPLE.COM")
            .start()
            .await;
        let outcome = async |name: &str, code: Option<&str>| {
            let mut body = registration(name);
            if let Some(code) = code {
                body["invite_code"] = json!(code);
            }
            let answer = world.post("/auth/register").json(&body).send().await;
            if answer.status == 201 {
                return "201".to_owned();
            }
            let (status, code) = answer.refusal();
            format!("{status} {code}")
        };
        let before = world.rows().await;
        for (name, expected) in [("Ada", anybody), ("Tess", OPEN), ("Tom", OPEN)] {
            assert_eq!(outcome(name, Some("TRY-ME")).await, expected[1]);
            assert_eq!(
                world.rows().await,
                before,
                "{self_serve} {needs_code} {name}"
            );
        }
        for (name, expected) in [("Ada", anybody), ("Tess", OPEN), ("Tom", OPEN)] {
            assert_eq!(
                outcome(name, None).await,
                expected[0],
                "{self_serve} {needs_code} {name}"
            );
        }
    }
}

/// Where a code is needed, nobody learns without one whose address is known.
#[tokio::test]
async fn t04_a_missing_code_is_told_before_an_address_that_is_taken() {
    let world = Setup::default()
        .set("SELF_SERVE_ENABLED", "false")
        .set_second("SELF_SERVE_ENABLED", "true")
        .start()
        .await;
    let open = world.call(1, Method::POST, "/api/v1/auth/register");
    open.json(&registration("Ada")).send().await.ok(201);
    let face = async |name: &str| {
        let body = registration(name);
        let answer = world.post("/auth/register").json(&body).send().await;
        let mut names: Vec<_> = answer.headers.keys().map(ToString::to_string).collect();
        names.sort();
        (answer.status, names, answer.text)
    };
    assert_eq!(face("Ada").await, face("Eve").await);
    assert_eq!(face("Ada").await.0, 400);
}

#[tokio::test]
async fn an_invitation_that_is_none_is_refused() {
    let world = World::start().await;
    let mut body = registration("Ada");
    body["account_invite_code"] = json!("0123456789abcdef");
    let answer = world.post("/auth/register").json(&body).send().await;
    let refusal = (400, "invite_invalid_or_expired_or_revoked".to_owned());
    assert_eq!(answer.refusal(), refusal);
}

#[tokio::test]
async fn every_field_that_is_wrong_is_named_at_once() {
    let world = World::start().await;
    let body =
        json!({ "email": "ada", "password": "password12", "name": " ", "company_name": "\u{7}" });
    let answer = world.post("/auth/register").json(&body).send().await;
    insta::assert_snapshot!(answer, @r#"
    422
    {
      "detail": {
        "error": "validation_failed",
        "fields": [
          {
            "code": "invalid_email",
            "field": "email",
            "message": "not a valid e-mail address"
          },
          {
            "code": "empty",
            "field": "name",
            "message": "enter a name"
          },
          {
            "code": "control_character",
            "field": "company_name",
            "message": "a name is one line without control characters"
          }
        ],
        "message": "Correct the fields that are named and send the request again."
      }
    }
    "#);
    let mut weak = registration("Ada");
    weak["password"] = json!("ada@example.com");
    let answer = world.post("/auth/register").json(&weak).send().await;
    insta::assert_snapshot!(answer, @r#"
    422
    {
      "detail": {
        "error": "validation_failed",
        "fields": [
          {
            "code": "contains_personal",
            "field": "password",
            "message": "this is easy to guess from your name, e-mail address or company"
          }
        ],
        "message": "Correct the fields that are named and send the request again."
      }
    }
    "#);
}

#[tokio::test]
async fn t15_an_address_is_one_string_and_one_mailbox() {
    let world = World::start().await;
    let before = world.rows().await;
    for email in [
        json!(["ada@example.com", "eve@example.com"]),
        json!({ "$ne": "" }),
        json!("ada@example.com,eve@example.com"),
        json!("ada@example.com\neve@example.com"),
        json!("Ada <ada@example.com>"),
        json!(null),
        json!(7),
    ] {
        let mut body = registration("Ada");
        body["email"] = email.clone();
        let answer = world.post("/auth/register").json(&body).send().await;
        assert_eq!(
            answer.refusal(),
            (422, "validation_failed".to_owned()),
            "{email}"
        );
    }
    let twice = format!(
        r#"{{"email":"ada@example.com","email":"eve@example.com","password":"{PASSWORD}","name":"A"}}"#
    );
    let answer = world
        .post("/auth/register")
        .body("application/json", twice)
        .send()
        .await;
    assert_eq!(answer.refusal(), (400, "malformed_json".to_owned()));
    assert_eq!(world.rows().await, before);
    assert!(world.mailbox.messages().is_empty());
}

#[tokio::test]
async fn a_plan_must_be_one_of_the_catalog() {
    let world = World::start().await;
    let before = world.rows().await;
    for plan in ["platinum", "", "PRO", "pro'--"] {
        let mut body = registration("Ada");
        body["plan"] = json!(plan);
        let answer = world.post("/auth/register").json(&body).send().await;
        assert_eq!(
            answer.refusal(),
            (400, "invalid_plan".to_owned()),
            "{plan:?}"
        );
    }
    assert_eq!(world.rows().await, before);
}

#[tokio::test]
async fn a_mail_server_that_is_down_delays_the_mail_and_nothing_else() {
    let world = World::start().await;
    world.mailbox.script(Behaviour::Down);
    world.person("Ada").await;
    world.drain().await;
    assert!(world.mailbox.messages().is_empty());
    world.mailbox.script(Behaviour::Accept);
    let mails = world
        .mailbox
        .wait_for("ada@example.com", 1, Duration::from_secs(20))
        .await;
    assert_eq!(mails.len(), 1);
}

#[tokio::test]
async fn t18_the_database_holds_no_token_that_was_handed_out() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.drain().await;
    let mail = world.mailbox.messages_to(&ada.email).remove(0);
    let mailed = mail
        .text
        .split("token=")
        .nth(1)
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap();
    assert_eq!(redacted(mailed), "[token]");
    let dump: String = sqlx::query_scalar(
        "SELECT concat(
             (SELECT json_agg(u) FROM users u), (SELECT json_agg(s) FROM auth_sessions s),
             (SELECT json_agg(r) FROM refresh_tokens r), (SELECT json_agg(o) FROM one_time_tokens o),
             (SELECT json_agg(a) FROM audit_log a), (SELECT json_agg(j) FROM graphile_worker._private_jobs j))",
    )
    .fetch_one(world.database.pool())
    .await
    .unwrap();
    assert!(dump.contains("ada@example.com"));
    for secret in [mailed, PASSWORD, &ada.access, &ada.refresh] {
        assert!(!dump.contains(secret), "{secret}");
    }
}

/// Whichever spelling they come with, whichever way they ask, and also after everything of theirs is gone.
#[tokio::test]
async fn t53_thirty_spellings_of_one_person_are_one_trial_and_ten_neighbours_have_ten() {
    let world = World::start().await;
    let sign_up = async |email: &str| {
        let mut body = registration("Ada");
        body["email"] = json!(email);
        let user = world.post("/auth/register").json(&body).send().await;
        user.ok(201)["access_token"].as_str().unwrap().to_owned()
    };
    let trials = async || {
        let trials = "SELECT count(*) FROM subscriptions WHERE status = 'trialing'";
        world.count(trials).await
    };
    let mut spellings = Vec::new();
    for local in [
        "ada.lovelace",
        "adalovelace",
        "a.d.a.lovelace",
        "ADA.LOVE.LACE",
        "Adal.ovelace",
    ] {
        for tag in ["", "+a", "+B.c"] {
            for domain in ["gmail.com", "GoogleMail.com"] {
                spellings.push(format!("{local}{tag}@{domain}"));
            }
        }
    }
    let mut last = String::new();
    for spelling in &spellings {
        last = sign_up(spelling).await;
    }
    assert_eq!((spellings.len(), trials().await), (30, 1));
    let call = world.post("/subscriptions").bearer(&last);
    let begun = call.json(&monthly("starter", 1)).send().await.ok(200);
    assert_eq!(begun["status"], "pending_payment");
    for nth in 0..10 {
        sign_up(&format!("neighbour{nth}@gmail.com")).await;
    }
    assert_eq!(trials().await, 11);
    world
        .execute("DELETE FROM accounts; DELETE FROM users")
        .await;
    sign_up("adal.ovelace+back@gmail.com").await;
    assert_eq!(trials().await, 0);
}

/// What is not ASCII is no address here, so it has no second form.
#[tokio::test]
async fn t54_a_throwaway_address_is_told_apart_waits_for_its_like_and_is_let_in() {
    let list = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(list.path(), "# minutes\ngone.example\n").unwrap();
    let world = Setup::default()
        .set("THROWAWAY_DOMAINS_FILE", list.path().to_str().unwrap())
        .set("RATE_LIMITS", "strict")
        .set("TRUSTED_PROXIES", "127.0.0.0/8")
        .start()
        .await;
    let sign_up = async |nth: u8, domain: &str| {
        let mut body = registration(&format!("P{nth}"));
        body["email"] = json!(format!("p{nth}@{domain}"));
        let call = world.post("/auth/register");
        let call = call.header("x-forwarded-for", &format!("203.0.113.{nth}"));
        call.json(&body).send().await
    };
    for nth in 0..5 {
        sign_up(
            nth,
            ["gone.example", "x.gone.example"][usize::from(nth % 2)],
        )
        .await
        .ok(201);
    }
    let sixth = sign_up(5, "gone.example").await;
    assert_eq!(sixth.refusal(), (429, "rate_limited".to_owned()));
    assert_eq!(sixth.header("retry-after"), Some("720"));
    for nth in 6..12 {
        sign_up(nth, "kept.example").await.ok(201);
    }
    let told = "SELECT count(*) FROM audit_log WHERE action = 'registered'
                AND detail ->> 'throwaway_domain' = 'gone.example'";
    assert_eq!(world.count(told).await, 5);
    let others = "SELECT count(*) FROM audit_log WHERE action = 'registered'
                  AND detail ->> 'throwaway_domain' IS NULL";
    assert_eq!(world.count(others).await, 6);
}

#[tokio::test]
async fn t08_a_password_that_has_leaked_is_refused_wherever_one_is_set() {
    // What is neither short nor easy to guess: "kettle orbit mango 77".
    let list = tempfile::NamedTempFile::new().unwrap();
    let digest = "A9499D29984ABACC2BFEDCE2E45CE47D85F5A829:4\r\n";
    std::fs::write(list.path(), digest).unwrap();
    let world = Setup::default()
        .set("LEAKED_PASSWORDS_FILE", list.path().to_str().unwrap())
        .start()
        .await;
    let leaked = "kettle orbit mango 77";
    let mut body = registration("Ada");
    body["password"] = json!(leaked);
    let answer = world.post("/auth/register").json(&body).send().await;
    insta::assert_snapshot!(answer, @r#"
    422
    {
      "detail": {
        "error": "validation_failed",
        "fields": [
          {
            "code": "leaked",
            "field": "password",
            "message": "this password has leaked from somewhere; use another one"
          }
        ],
        "message": "Correct the fields that are named and send the request again."
      }
    }
    "#);
    let ada = world.person("Ada").await;
    let change = json!({ "current_password": PASSWORD, "new_password": leaked });
    let call = world.post("/auth/password/change").by(&ada);
    let refused = call.json(&change).send().await;
    assert_eq!(refused.refusal(), (422, "validation_failed".to_owned()));
    // A file that cannot be read any more shuts nobody out.
    std::fs::write(list.path(), "").unwrap();
    body["email"] = json!("bob@example.com");
    let answer = world.post("/auth/register").json(&body).send().await;
    assert_eq!(answer.status, 201, "{answer}");
}

#[tokio::test]
async fn t52_fifty_spellings_of_one_address_at_once_make_one_person() {
    const ADDRESS: &str = "zoe.lovelace@example.com";
    let world = Setup::default().two_nodes().start().await;
    let spelling = |nth: usize| -> String {
        let upper = |(at, letter): (usize, char)| match nth >> (at % 6) & 1 {
            0 => letter,
            _ => letter.to_ascii_uppercase(),
        };
        ADDRESS.chars().enumerate().map(upper).collect()
    };
    let asked = world.ask_sandbox("requests").await;
    let request = |nth: usize| {
        let mut body = registration("Zoe");
        body["email"] = json!(spelling(nth));
        let node = world.address(nth % 2);
        let body = body.to_string();
        (node, raw_post(node, "/api/v1/auth/register", &[], &body))
    };
    let replies = burst((0..50).map(request).collect()).await.unwrap();
    let signed_up = replies.iter().filter(|reply| reply.status == 201).count();
    assert_eq!(signed_up, 1, "{replies:?}");
    // What found every place taken was told to come back, which is no failure.
    let is_refused = |body: &str| body.contains("email_taken") || body.contains("\"busy\"");
    let refused = replies.iter().filter(|reply| is_refused(&reply.body));
    assert_eq!(refused.count(), 49, "{replies:?}");
    for form in ["zoe\u{308}@example.com", "zo\u{eb}@example.com"] {
        let mut body = registration("Zoe");
        body["email"] = json!(form);
        let answer = world.post("/auth/register").json(&body).send().await;
        assert_eq!(answer.refusal(), (422, "validation_failed".to_owned()));
    }
    world.drain().await;
    assert_eq!(world.count("SELECT count(*) FROM users").await, 1);
    assert_eq!(world.count("SELECT count(*) FROM subscriptions").await, 1);
    assert_eq!(world.mails_to(ADDRESS).len(), 1);
    assert_eq!(world.ask_sandbox("requests").await, asked);
}
