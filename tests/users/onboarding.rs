//! PATCH /users/me/onboarding-step · POST /users/me/onboarding-dismiss-rest ·
//! GET /users/onboarding-status · POST /users/onboarding-dismiss · POST /users/me/ack-kept-banner

use reqwest::Method;
use serde_json::{Value, json};
use tollgate_testkit::burst;

use crate::world::{Answer, DAY, Person, Setup, World, monthly, raw_request};

async fn step(world: &World, person: &Person, body: Value) -> Answer {
    let call = world.call(0, Method::PATCH, "/api/v1/users/me/onboarding-step");
    call.by(person).json(&body).send().await
}

async fn status(world: &World, person: &Person) -> Value {
    let call = world.get("/users/onboarding-status").by(person);
    call.send().await.ok(200)
}

#[tokio::test]
async fn the_wizard_goes_through_its_three_steps_and_keeps_what_was_answered() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let company = json!({ "company_name": "Engines Ltd", "team_size_bucket": "3-5", "role_at_signup": "lead_tech" });
    let answer = step(
        &world,
        &ada,
        json!({ "step": 1, "action": "complete", "data": company }),
    )
    .await;
    insta::assert_snapshot!(answer, @r#"
    200
    {
      "onboarding_dismissed": false,
      "onboarding_step_completed": 1
    }
    "#);
    let tool = json!({ "primary_psa": "autotask" });
    step(
        &world,
        &ada,
        json!({ "step": 2, "action": "complete", "data": tool }),
    )
    .await
    .ok(200);
    let again = json!({ "primary_psa": "halopsa" });
    step(
        &world,
        &ada,
        json!({ "step": 2, "action": "complete", "data": again }),
    )
    .await
    .ok(200);
    let last = step(&world, &ada, json!({ "step": 3, "action": "skip" }))
        .await
        .ok(200);
    assert_eq!(last["onboarding_step_completed"], 3);
    let stored = "SELECT count(*) FROM accounts a JOIN memberships m ON m.account_id = a.id \
                  JOIN users u ON u.id = m.user_id WHERE a.name = 'Engines Ltd' \
                  AND a.team_size_bucket = '3-5' AND a.primary_psa = 'halopsa' \
                  AND u.role_at_signup = 'lead_tech' AND u.onboarding_step_completed = 3";
    assert_eq!(world.count(stored).await, 1);
    assert_eq!(world.trail("onboarding_moved").await.len(), 4);
}

#[tokio::test]
async fn a_step_back_is_refused_and_loses_nothing() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    step(&world, &ada, json!({ "step": 2, "action": "skip" }))
        .await
        .ok(200);
    world.drain().await;
    let before = world.dump().await;
    let named = json!({ "company_name": "Elsewhere" });
    let answer = step(
        &world,
        &ada,
        json!({ "step": 1, "action": "complete", "data": named }),
    )
    .await;
    insta::assert_snapshot!(answer, @r#"
    400
    {
      "detail": {
        "current_step": 2,
        "error": "step_cannot_decrease",
        "message": "This step lies behind you; go on with the next one.",
        "requested_step": 1
      }
    }
    "#);
    assert_eq!(world.dump().await, before);
}

#[tokio::test]
async fn a_skipped_step_does_not_look_at_its_data() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    for data in [
        json!({ "company_name": "Elsewhere" }),
        json!({ "is_super_admin": true }),
        json!(7),
        Value::Null,
    ] {
        step(
            &world,
            &ada,
            json!({ "step": 1, "action": "skip", "data": data }),
        )
        .await
        .ok(200);
    }
    let elsewhere = "SELECT count(*) FROM accounts WHERE name = 'Elsewhere'";
    assert_eq!(world.count(elsewhere).await, 0);
}

#[tokio::test]
async fn what_is_no_step_and_no_answer_is_refused() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.drain().await;
    let before = world.dump().await;
    let done = |step: u8, data: Value| json!({ "step": step, "action": "complete", "data": data });
    for (body, status, code) in [
        (
            json!({ "step": 0, "action": "skip" }),
            422,
            "validation_failed",
        ),
        (
            json!({ "step": 4, "action": "skip" }),
            422,
            "validation_failed",
        ),
        (
            json!({ "step": 256, "action": "skip" }),
            422,
            "validation_failed",
        ),
        (
            json!({ "step": 1, "action": "undo" }),
            422,
            "validation_failed",
        ),
        (done(1, json!([])), 422, "validation_failed"),
        (
            done(1, json!({ "team_size_bucket": "7" })),
            422,
            "validation_failed",
        ),
        (
            done(1, json!({ "role_at_signup": "boss" })),
            422,
            "validation_failed",
        ),
        (
            done(1, json!({ "role_at_signup": 7 })),
            422,
            "validation_failed",
        ),
        (
            done(1, json!({ "company_name": "www.evil.example" })),
            422,
            "validation_failed",
        ),
        (
            done(1, json!({ "primary_psa": "none" })),
            400,
            "unknown_field",
        ),
        (done(1, json!({ "name": "x" })), 400, "unknown_field"),
        (
            done(2, json!({ "primary_psa": "jira" })),
            422,
            "validation_failed",
        ),
        (
            done(2, json!({ "company_name": "x" })),
            400,
            "unknown_field",
        ),
        (done(3, json!({ "invites": [] })), 400, "unknown_field"),
    ] {
        let answer = step(&world, &ada, body.clone()).await;
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{body}");
    }
    assert_eq!(world.dump().await, before);
}

#[tokio::test]
async fn t69_whoever_is_no_admin_says_what_they_do_and_not_what_the_account_is() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.demote(&ada, "viewer").await;
    let company = json!({ "step": 1, "action": "complete", "data": { "company_name": "Mine" } });
    let refused = step(&world, &ada, company).await;
    assert_eq!(refused.refusal(), (403, "role_required".to_owned()));
    let role = json!({ "step": 1, "action": "complete", "data": { "role_at_signup": "tech" } });
    step(&world, &ada, role).await.ok(200);
}

#[tokio::test]
async fn two_tabs_at_once_on_two_nodes_never_fall_back() {
    let world = Setup::default().two_nodes().start().await;
    let ada = world.person("Ada").await;
    let authorization = format!("Bearer {}", ada.access);
    let request = |nth: usize| {
        let node = world.address(nth % 2);
        let body = json!({ "step": nth % 3 + 1, "action": "skip" }).to_string();
        let headers = [("authorization", authorization.as_str())];
        (
            node,
            raw_request(
                "PATCH",
                node,
                "/api/v1/users/me/onboarding-step",
                &headers,
                &body,
            ),
        )
    };
    let replies = burst((0..50).map(request).collect()).await.unwrap();
    assert!(
        replies
            .iter()
            .all(|reply| [200, 400].contains(&reply.status)),
        "{replies:?}"
    );
    let reached = "SELECT onboarding_step_completed::bigint FROM users";
    assert_eq!(world.count(reached).await, 3);
    let trail = world.trail("onboarding_moved").await;
    let steps: Vec<_> = trail
        .iter()
        .map(|(_, detail)| detail["step_completed"].as_u64())
        .collect();
    assert!(steps.is_sorted(), "{steps:?}");
    let passed = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(passed, steps.len());
}

#[tokio::test]
async fn the_rest_can_be_waved_away_and_stays_away() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    step(&world, &ada, json!({ "step": 1, "action": "skip" }))
        .await
        .ok(200);
    for _ in 0..2 {
        let answer = world
            .post("/users/me/onboarding-dismiss-rest")
            .by(&ada)
            .send()
            .await;
        assert_eq!(
            answer.ok(200),
            json!({ "onboarding_step_completed": 1, "onboarding_dismissed": true })
        );
    }
    let status = status(&world, &ada).await;
    assert_eq!(
        (&status["dismissed"], &status["next_step"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(world.trail("onboarding_moved").await.len(), 2);
}

#[tokio::test]
async fn the_checklist_names_the_most_important_open_item() {
    let world = World::start().await;
    let mut ada = world.person("Ada").await;
    let fresh = status(&world, &ada).await;
    insta::assert_snapshot!(format!("{fresh:#}"), @r#"
    {
      "connected_integration": false,
      "dismissed": false,
      "email_verified": false,
      "first_use": false,
      "invited_teammate": false,
      "is_team_user": false,
      "next_step": "verify_email",
      "plan_picked": false,
      "shop_setup_done": false
    }
    "#);
    let mut seen = Vec::new();
    world.verify(&ada).await;
    seen.push(status(&world, &ada).await["next_step"].clone());
    step(&world, &ada, json!({ "step": 2, "action": "skip" }))
        .await
        .ok(200);
    seen.push(status(&world, &ada).await["next_step"].clone());
    world.clock.advance(crate::world::MINUTE);
    let refreshed = world
        .post("/auth/refresh")
        .bearer(&ada.refresh)
        .send()
        .await
        .ok(200);
    ada.access = refreshed["access_token"].as_str().unwrap().to_owned();
    seen.push(status(&world, &ada).await["next_step"].clone());
    let tool = json!({ "step": 2, "action": "complete", "data": { "primary_psa": "none" } });
    step(&world, &ada, tool).await.ok(200);
    seen.push(status(&world, &ada).await["next_step"].clone());
    world
        .execute(
            "INSERT INTO users (id, email, name, created_at)
             VALUES ('018f0000-0000-7000-8000-000000000001', 'bob@example.com', 'Bob', now());
             INSERT INTO memberships SELECT account_id, '018f0000-0000-7000-8000-000000000001',
                 'viewer', now() FROM memberships",
        )
        .await;
    seen.push(status(&world, &ada).await["next_step"].clone());
    world.advance(DAY * 12).await;
    world.sign_in(&mut ada).await;
    seen.push(status(&world, &ada).await["next_step"].clone());
    let page = world.open_checkout(&ada, &monthly("pro", 2)).await.ok(200);
    let page = world.fetch(Method::POST, page["url"].as_str().unwrap());
    let paid = page.form(&[("card", "4242424242424242")]).send().await;
    assert_eq!(paid.status, 303, "{paid}");
    world.drain().await;
    seen.push(status(&world, &ada).await["next_step"].clone());
    assert_eq!(
        Value::from(seen),
        json!([
            "set_up",
            "first_use",
            "connect",
            "invite",
            null,
            "pick_plan",
            "pick_plan"
        ])
    );
    world.advance(DAY * 3).await;
    world.sign_in(&mut ada).await;
    let paying = status(&world, &ada).await;
    assert_eq!(
        (&paying["plan_picked"], &paying["next_step"]),
        (&json!(true), &Value::Null)
    );

    let dismissed = world
        .post("/users/onboarding-dismiss")
        .by(&ada)
        .send()
        .await
        .ok(200);
    assert_eq!(dismissed["dismissed"], true);
}

#[tokio::test]
async fn a_banner_that_was_seen_is_shown_no_more() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world
        .execute("UPDATE users SET pending_kept_banner = true")
        .await;
    for _ in 0..2 {
        let answer = world
            .post("/users/me/ack-kept-banner")
            .by(&ada)
            .send()
            .await;
        assert_eq!(answer.status, 204);
    }
    let me = world.get("/auth/me").by(&ada).send().await.ok(200);
    assert_eq!(me["pending_kept_banner"], false);
    assert_eq!(world.trail("kept_banner_acknowledged").await.len(), 1);
}
