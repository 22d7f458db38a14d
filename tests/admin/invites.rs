//! GET and POST /admin/invites · DELETE /admin/invites/{id}

use reqwest::Method;
use serde_json::{Value, json};
use tollgate_testkit::burst;

use crate::world::{DAY, Person, SECOND, Setup, World, just_under, raw_post, registration};

impl World {
    /// A code that `operator` hands out: the answer that shows it.
    async fn hand_out(&self, operator: &Person, body: Value) -> Value {
        let call = self.admin(operator, Method::POST, "/invites");
        call.json(&body).send().await.ok(201)
    }

    async fn sign_up(&self, name: &str, code: &Value) -> String {
        let mut body = registration(name);
        body["invite_code"] = code.clone();
        let answer = self.post("/auth/register").json(&body).send().await;
        if answer.status == 201 {
            return "201".to_owned();
        }
        let (status, code) = answer.refusal();
        format!("{status} {code}")
    }

    async fn revoke(&self, operator: &Person, id: &Value) -> String {
        let path = format!("/invites/{}", id.as_str().unwrap());
        let answer = self.admin(operator, Method::DELETE, &path).send().await;
        if answer.status == 204 {
            return "204".to_owned();
        }
        let (status, code) = answer.refusal();
        format!("{status} {code}")
    }
}

#[tokio::test]
async fn a_code_is_shown_once_and_kept_as_a_hash() {
    let world = World::start().await;
    let olga = world.operator().await;
    let wanted = json!({
        "assigned_plan": "starter", "trial_duration_days": 30, "email": "Ada@Example.com",
        "expires_at": "2027-02-01T00:00:00Z", "note": "from the fair",
    });
    let call = world.admin(&olga, Method::POST, "/invites");
    let answer = call.json(&wanted).send().await;
    let handed_out = answer.ok(201);
    let code = handed_out["code"].as_str().unwrap();
    let shown = answer.to_string().replace(code, "[code]");
    insta::assert_snapshot!(shown, @r#"
    201
    {
      "assigned_plan": "starter",
      "code": "[code]",
      "created_at": "2027-01-04T09:00:00Z",
      "created_by": "[id]",
      "email": "ada@example.com",
      "expires_at": "2027-02-01T00:00:00Z",
      "id": "[id]",
      "note": "from the fair",
      "revoked_at": null,
      "status": "live",
      "trial_duration_days": 30,
      "used_at": null,
      "used_by": null
    }
    "#);
    // A prefix, and 256 bits.
    assert!(code.starts_with("tgi_") && code.len() == 47, "{code}");
    let list = world.ask(&olga, "/invites").await;
    let mut listed = handed_out.clone();
    listed.as_object_mut().unwrap().remove("code");
    assert_eq!(
        list.ok(200),
        json!({ "items": [listed], "next_cursor": null })
    );
    assert!(!world.dump().await.contains(code));
    let trail = world.trail("invite_code_created").await;
    assert_eq!(trail.len(), 1);
    assert_eq!(trail[0].0.as_ref(), Some(&olga.id));
    assert_eq!(
        trail[0].1,
        json!({
            "invite": handed_out["id"], "plan": "starter", "trial_days": 30, "is_bound": true,
            "expires_at": "2027-02-01T00:00:00Z",
        })
    );
}

#[tokio::test]
async fn a_code_gives_its_plan_for_its_time_with_self_serve_or_without() {
    for self_serve in ["true", "false"] {
        let world = Setup::default().set("REQUIRE_INVITE_CODE", "false");
        let world = world.set("SELF_SERVE_ENABLED", self_serve).start().await;
        let olga = world.operator().await;
        for (name, wanted, state, days) in [
            (
                "Ada",
                json!({ "assigned_plan": "starter", "trial_duration_days": 90 }),
                "trialing starter by trial",
                90,
            ),
            (
                "Bob",
                json!({ "assigned_plan": "enterprise" }),
                "trialing enterprise by trial",
                14,
            ),
        ] {
            let code = world.hand_out(&olga, wanted).await["code"].clone();
            // As it comes out of a mail or a chat.
            let typed = format!(" {}\n", code.as_str().unwrap());
            let mut body = registration(name);
            body["invite_code"] = json!(typed);
            let user = world
                .post("/auth/register")
                .json(&body)
                .send()
                .await
                .ok(201);
            let access = user["access_token"].as_str().unwrap();
            let shown = world
                .get("/billing/state")
                .bearer(access)
                .send()
                .await
                .ok(200);
            let shown = &shown["subscription"];
            let text = |key: &str| shown[key].as_str().unwrap().to_owned();
            assert_eq!(
                format!("{} {} by {}", text("status"), text("plan"), text("basis")),
                state
            );
            let end = world.now().saturating_add(DAY * days).as_datetime();
            assert_eq!(shown["current_period_end"], json!(end));
            assert_eq!(world.sign_up("Eve", &code).await, "400 invite_code_invalid");
        }
    }
}

#[tokio::test]
async fn a_code_for_the_free_plan_begins_it_and_uses_up_no_trial() {
    let world = World::start().await;
    let olga = world.operator().await;
    let handed_out = world
        .hand_out(&olga, json!({ "assigned_plan": "free" }))
        .await;
    assert_eq!(world.sign_up("Ada", &handed_out["code"]).await, "201");
    let free = "SELECT count(*) FROM subscriptions WHERE status = 'free'";
    assert_eq!(world.count(free).await, 1);
    // Olga's.
    assert_eq!(world.count("SELECT count(*) FROM trial_keys").await, 1);
}

#[tokio::test]
async fn i08_a_code_lets_a_returning_person_in_and_gives_no_second_trial() {
    let world = Setup::default().set("SELF_SERVE_ENABLED", "false");
    let world = world
        .set("INTERNAL_TESTER_EMAILS", "olga@example.com")
        .start()
        .await;
    let olga = world.operator().await;
    let wanted = json!({ "assigned_plan": "pro", "trial_duration_days": 90 });
    let codes = [
        world.hand_out(&olga, wanted.clone()).await,
        world.hand_out(&olga, wanted).await,
    ];
    assert_eq!(world.sign_up("Ada", &codes[0]["code"]).await, "201");
    assert_eq!(world.sign_up("Ada+again", &codes[1]["code"]).await, "201");
    assert_eq!(world.count("SELECT count(*) FROM subscriptions").await, 2);
    assert_eq!(
        world
            .count("SELECT count(*) FROM invite_codes WHERE used_at IS NULL")
            .await,
        0
    );
}

#[tokio::test]
async fn of_fifty_at_once_on_two_nodes_one_signs_up_with_a_code() {
    let world = Setup::default().two_nodes().start().await;
    let olga = world.operator().await;
    let code = world
        .hand_out(&olga, json!({ "assigned_plan": "pro" }))
        .await["code"]
        .clone();
    world.drain().await;
    let before = world.rows().await;
    let request = |nth: usize| {
        let mut body = registration(&format!("Ada {nth}"));
        body["invite_code"] = code.clone();
        let node = world.address(nth % 2);
        (
            node,
            raw_post(node, "/api/v1/auth/register", &[], &body.to_string()),
        )
    };
    let replies = burst((0..50).map(request).collect()).await.unwrap();
    let signed_up = replies.iter().filter(|reply| reply.status == 201).count();
    assert_eq!(signed_up, 1, "{replies:?}");
    // What found every place taken was told to come back, which is no failure.
    let is_refused = |body: &str| body.contains("invite_code_invalid") || body.contains("\"busy\"");
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
        assert_eq!(after[&table], before[&table] + 1, "{table}");
    }
    let used = "SELECT count(*) FROM invite_codes c JOIN users u ON u.id = c.used_by AND u.name LIKE 'Ada%'";
    assert_eq!(world.count(used).await, 1);
}

#[tokio::test]
async fn of_revoking_and_using_a_code_at_once_one_holds() {
    let world = Setup::default().two_nodes().start().await;
    let olga = world.operator().await;
    let authorization = format!("Bearer {}", olga.access);
    for round in 0..10 {
        let handed_out = world
            .hand_out(&olga, json!({ "assigned_plan": "pro" }))
            .await;
        let id = handed_out["id"].as_str().unwrap();
        let mut body = registration(&format!("Ada {round}"));
        body["invite_code"] = handed_out["code"].clone();
        let node = world.address(0);
        let sign_up = raw_post(node, "/api/v1/auth/register", &[], &body.to_string());
        let ops = world.ops_address(1);
        let revoke = format!(
            "DELETE /api/v1/admin/invites/{id} HTTP/1.1\r\nhost: {ops}\r\nconnection: close\r\nauthorization: {authorization}\r\n\r\n"
        );
        let replies = burst(vec![(node, sign_up), (ops, revoke.into_bytes())])
            .await
            .unwrap();
        let outcome = (replies[0].status, replies[1].status);
        assert!([(201, 400), (400, 204)].contains(&outcome), "{replies:?}");
        let listed = world.ask(&olga, "/invites").await.ok(200);
        let mut listed = listed["items"].as_array().unwrap().iter();
        let code = listed.find(|code| code["id"] == id).unwrap();
        let expected = if outcome.0 == 201 { "used" } else { "revoked" };
        assert_eq!(code["status"], expected);
    }
}

#[tokio::test]
async fn a_code_is_for_its_address_until_its_end() {
    let world = Setup::default().set("SELF_SERVE_ENABLED", "false");
    let world = world
        .set("INTERNAL_TESTER_EMAILS", "olga@example.com")
        .start()
        .await;
    let olga = world.operator().await;
    let end = world.now().saturating_add(DAY).as_datetime();
    let bound = json!({ "assigned_plan": "pro", "email": "ada@example.com", "expires_at": end });
    let bound = world.hand_out(&olga, bound).await["code"].clone();
    let brief = json!({ "assigned_plan": "pro", "expires_at": end });
    let brief = world.hand_out(&olga, brief).await["code"].clone();
    world.drain().await;
    world.advance(just_under(DAY)).await;
    let before = world.rows().await;
    assert_eq!(
        world.sign_up("Eve", &bound).await,
        "400 invite_email_mismatch"
    );
    assert_eq!(
        world.sign_up("Eve", &json!("tgi_nonsense")).await,
        "400 invite_code_invalid"
    );
    assert_eq!(
        world.sign_up("Eve", &json!("\u{0}")).await,
        "400 invite_code_invalid"
    );
    assert_eq!(
        world.sign_up("Eve", &json!("  ")).await,
        "400 invite_code_required"
    );
    assert_eq!(world.rows().await, before);
    assert_eq!(world.sign_up("Ada", &bound).await, "201");
    world.clock.advance(SECOND);
    assert_eq!(
        world.sign_up("Eve", &brief).await,
        "400 invite_code_invalid"
    );
}

#[tokio::test]
async fn a_code_that_was_revoked_is_good_for_nothing_and_one_that_was_used_stays_used() {
    let world = World::start().await;
    let olga = world.operator().await;
    let code = world
        .hand_out(&olga, json!({ "assigned_plan": "pro" }))
        .await;
    assert_eq!(world.revoke(&olga, &code["id"]).await, "204");
    assert_eq!(world.revoke(&olga, &code["id"]).await, "204");
    assert_eq!(
        world.sign_up("Ada", &code["code"]).await,
        "400 invite_code_invalid"
    );
    let trail = world.trail("invite_code_revoked").await;
    assert_eq!(
        trail,
        [(Some(olga.id.clone()), json!({ "invite": code["id"] }))]
    );
    world.clock.advance(SECOND);
    let used = world
        .hand_out(&olga, json!({ "assigned_plan": "pro" }))
        .await;
    assert_eq!(world.sign_up("Ada", &used["code"]).await, "201");
    assert_eq!(
        world.revoke(&olga, &used["id"]).await,
        "400 invite_already_accepted"
    );
    for nobody in ["00000000-0000-0000-0000-000000000000", "nonsense"] {
        assert_eq!(
            world.revoke(&olga, &json!(nobody)).await,
            "404 invite_not_found"
        );
    }
    let shown = world.ask(&olga, "/invites").await.ok(200);
    let statuses: Vec<_> = shown["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|code| &code["status"])
        .collect();
    assert_eq!(statuses, ["used", "revoked"]);
    assert_eq!(shown["items"][0]["used_at"], "2027-01-04T09:00:01Z");
    assert!(shown["items"][0]["used_by"].is_string());
}

/// Who is gone is named nowhere, and their code lets in nobody else.
#[tokio::test]
async fn a_code_outlives_whoever_used_it() {
    let world = World::start().await;
    let olga = world.operator().await;
    let code = world
        .hand_out(&olga, json!({ "assigned_plan": "pro" }))
        .await;
    assert_eq!(world.sign_up("Ada", &code["code"]).await, "201");
    world
        .execute("DELETE FROM accounts WHERE name = 'Ada'; DELETE FROM users WHERE name = 'Ada'")
        .await;
    let shown = world.ask(&olga, "/invites").await.ok(200)["items"][0].clone();
    assert_eq!(
        (&shown["status"], &shown["used_by"]),
        (&json!("used"), &Value::Null)
    );
    assert_eq!(
        world.sign_up("Eve", &code["code"]).await,
        "400 invite_code_invalid"
    );
}

#[tokio::test]
async fn the_list_is_paged_newest_first() {
    let world = World::start().await;
    let olga = world.operator().await;
    world
        .execute(
            "INSERT INTO invite_codes (id, code_hash, assigned_plan, note, created_at)
             SELECT lpad(to_hex(n), 32, '0')::uuid, sha256(n::text::bytea), 'pro', n, now()
             FROM generate_series(1, 120) n",
        )
        .await;
    let mut seen = Vec::new();
    let mut path = "/invites".to_owned();
    loop {
        let page = world.ask(&olga, &path).await.ok(200);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 50);
        seen.extend(
            items
                .iter()
                .map(|code| code["note"].as_str().unwrap().parse::<u32>().unwrap()),
        );
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/invites?cursor={next}");
    }
    assert_eq!(seen, (1..=120).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_not_asked_right_is_not_handed_out() {
    let world = World::start().await;
    let olga = world.operator().await;
    world
        .execute("UPDATE plan_billing SET is_archived = true WHERE plan = 'starter'")
        .await;
    world.drain().await;
    let before = world.rows().await;
    for (body, refusal) in [
        (
            json!({ "assigned_plan": "platinum" }),
            (400, "invalid_plan"),
        ),
        (json!({ "assigned_plan": "Pro!" }), (400, "invalid_plan")),
        (json!({ "assigned_plan": "starter" }), (400, "invalid_plan")),
        (
            json!({ "assigned_plan": "pro", "code": "MINE" }),
            (400, "unknown_field"),
        ),
        (
            json!({ "assigned_plan": "pro", "trial_duration_days": 0 }),
            (422, "validation_failed"),
        ),
        (
            json!({ "assigned_plan": "pro", "trial_duration_days": 91 }),
            (422, "validation_failed"),
        ),
        (
            json!({ "assigned_plan": "pro", "trial_duration_days": -1 }),
            (422, "validation_failed"),
        ),
        (
            json!({ "assigned_plan": "pro", "email": "ada" }),
            (422, "validation_failed"),
        ),
        (
            json!({ "assigned_plan": "pro", "expires_at": world.now().as_datetime() }),
            (422, "validation_failed"),
        ),
        (
            json!({ "assigned_plan": "pro", "expires_at": "9999-01-01T00:00:00Z" }),
            (422, "validation_failed"),
        ),
        (
            json!({ "assigned_plan": "pro", "note": "x".repeat(1001) }),
            (422, "validation_failed"),
        ),
        (
            json!({ "assigned_plan": "pro", "note": "\u{0}" }),
            (422, "validation_failed"),
        ),
    ] {
        let call = world.admin(&olga, Method::POST, "/invites");
        let (status, code) = call.json(&body).send().await.refusal();
        assert_eq!((status, code.as_str()), refusal, "{body}");
    }
    assert_eq!(world.rows().await, before);
}
