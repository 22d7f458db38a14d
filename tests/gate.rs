//! GET /gate

use serde_json::json;

use crate::world::{DAY, SECOND, World, just_under, monthly, taken};

#[tokio::test]
async fn whoever_is_on_trial_passes() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let answer = world.get("/gate").by(&ada).send().await;
    insta::assert_snapshot!(answer, @r"
    204
    x-tollgate-user: [id]
    x-tollgate-account: [id]
    x-tollgate-role: owner
    x-tollgate-plan: pro
    x-tollgate-basis: trial
    ");
    assert_eq!(answer.header("x-tollgate-user"), Some(ada.id.as_str()));
    assert_eq!(
        answer.header("x-tollgate-account"),
        Some(ada.account.as_str())
    );
}

#[tokio::test]
async fn a_feature_and_a_limit_are_asked_of_the_plan() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let mut answers = Vec::new();
    for question in [
        "feature=api_access",
        "feature=sso",
        "feature=no_such_feature",
        "limit=max_users",
        "limit=no_such_limit",
        "feature=api_access&limit=max_users&access=write",
    ] {
        let answer = world
            .get(&format!("/gate?{question}"))
            .by(&ada)
            .send()
            .await;
        answers.push(format!("{question}\n{answer}"));
    }
    insta::assert_snapshot!(answers.join("\n\n"), @r#"
    feature=api_access
    204
    x-tollgate-user: [id]
    x-tollgate-account: [id]
    x-tollgate-role: owner
    x-tollgate-plan: pro
    x-tollgate-basis: trial

    feature=sso
    402
    {
      "detail": {
        "current_plan": "pro",
        "error": "feature_not_in_plan",
        "feature": "sso",
        "message": "The plan does not have this; pick one that does.",
        "upgrade_url": "/account/billing/select-plan"
      }
    }

    feature=no_such_feature
    402
    {
      "detail": {
        "current_plan": "pro",
        "error": "feature_not_in_plan",
        "feature": "no_such_feature",
        "message": "The plan does not have this; pick one that does.",
        "upgrade_url": "/account/billing/select-plan"
      }
    }

    limit=max_users
    204
    x-tollgate-user: [id]
    x-tollgate-account: [id]
    x-tollgate-role: owner
    x-tollgate-plan: pro
    x-tollgate-basis: trial

    limit=no_such_limit
    402
    {
      "detail": {
        "current_plan": "pro",
        "error": "limit_reached",
        "limit": 0,
        "message": "The plan's limit is reached; pick a larger plan.",
        "upgrade_url": "/account/billing/select-plan",
        "used": 0
      }
    }

    feature=api_access&limit=max_users&access=write
    204
    x-tollgate-user: [id]
    x-tollgate-account: [id]
    x-tollgate-role: owner
    x-tollgate-plan: pro
    x-tollgate-basis: trial
    "#);
}

#[tokio::test]
async fn an_override_of_the_account_beats_its_plan_until_it_ends() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world
        .execute(
            "INSERT INTO account_feature_overrides
             SELECT account_id, 'sso', true, created_at + interval '10 minutes' FROM memberships;
             INSERT INTO account_limit_overrides SELECT account_id, 'max_users', 1 FROM memberships",
        )
        .await;
    assert_eq!(
        world.get("/gate?feature=sso").by(&ada).send().await.status,
        204
    );
    let full = world.get("/gate?limit=max_users").by(&ada).send().await;
    insta::assert_snapshot!(full, @r#"
    402
    {
      "detail": {
        "current_plan": "pro",
        "error": "limit_reached",
        "limit": 1,
        "message": "The plan's limit is reached; pick a larger plan.",
        "upgrade_url": "/account/billing/select-plan",
        "used": 1
      }
    }
    "#);
    world.clock.advance(SECOND * 600);
    assert_eq!(
        world.get("/gate?feature=sso").by(&ada).send().await.status,
        402
    );
}

#[tokio::test]
async fn after_the_end_reading_passes_for_thirty_days() {
    let world = World::start().await;
    let mut ada = world.person("Ada").await;
    world.verify(&ada).await;
    world.clock.advance(DAY * 14);
    world.sign_in(&mut ada).await;
    let write = world.get("/gate").by(&ada).send().await;
    insta::assert_snapshot!(write, @r#"
    402
    {
      "detail": {
        "current_period_end": "2027-01-18T09:00:00Z",
        "error": "subscription_inactive",
        "message": "The subscription is over; pick a plan to go on.",
        "plan": "pro",
        "status": "trialing",
        "upgrade_url": "/account/billing/select-plan"
      }
    }
    "#);
    let read = world.get("/gate?access=read").by(&ada).send().await;
    insta::assert_snapshot!(read, @r"
    204
    x-tollgate-user: [id]
    x-tollgate-account: [id]
    x-tollgate-role: owner
    x-tollgate-plan: pro
    x-tollgate-basis: read_only
    ");
    world.clock.advance(DAY * 30);
    world.sign_in(&mut ada).await;
    assert_eq!(
        world.get("/gate?access=read").by(&ada).send().await.status,
        402
    );
}

#[tokio::test]
async fn an_address_must_be_proven_within_seven_days() {
    let world = World::start().await;
    let mut ada = world.person("Ada").await;
    world.clock.advance(just_under(DAY * 7));
    world.sign_in(&mut ada).await;
    assert_eq!(world.get("/gate").by(&ada).send().await.status, 204);
    world.clock.advance(SECOND);
    let answer = world.get("/gate").by(&ada).send().await;
    insta::assert_snapshot!(answer, @r#"
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
    world.verify(&ada).await;
    assert_eq!(world.get("/gate").by(&ada).send().await.status, 204);
}

#[tokio::test]
async fn a_question_must_be_understood() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let mut answers = Vec::new();
    for question in [
        "feature=No%20Such",
        "limit=",
        "access=delete",
        "feature=a&feature=b",
        "plan=pro",
    ] {
        let answer = world
            .get(&format!("/gate?{question}"))
            .by(&ada)
            .send()
            .await;
        let (status, code) = answer.refusal();
        answers.push(format!("{question}: {status} {code}"));
    }
    insta::assert_snapshot!(answers.join("\n"), @r"
    feature=No%20Such: 422 validation_failed
    limit=: 422 validation_failed
    access=delete: 422 validation_failed
    feature=a&feature=b: 400 malformed_query
    plan=pro: 400 unknown_field
    ");
}

#[tokio::test]
async fn a_purchase_that_waits_for_its_payment_opens_nothing() {
    let world = World::start().await;
    world.hold_events().await;
    let mut ada = world.person("Ada").await;
    world.verify(&ada).await;
    world.buy(&ada, "pro").await;
    let mut event = world.event("customer.subscription.created").await;
    event["data"]["object"]["status"] = json!("incomplete");
    assert_eq!(world.deliver(&event).await.ok(200), taken(true));
    // The trial runs on meanwhile.
    assert_eq!(world.get("/gate").by(&ada).send().await.status, 204);
    world.clock.advance(DAY * 14);
    world.sign_in(&mut ada).await;
    let answer = world.get("/gate").by(&ada).send().await;
    insta::assert_snapshot!(answer, @r#"
    402
    {
      "detail": {
        "complete_url": "/api/v1/subscriptions/complete/[subscription]",
        "error": "payment_pending",
        "message": "The first payment has not arrived; complete it to go on.",
        "subscription_id": "[subscription]"
      }
    }
    "#);
    let checkout = world.open_checkout(&ada, &monthly("pro", 1)).await;
    assert_eq!(checkout.refusal(), (402, "payment_pending".to_owned()));
}

#[tokio::test]
async fn a_catalog_that_cannot_be_read_lets_nobody_pass_by_the_one_before() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let gate = async || {
        let gate = world.get("/gate?feature=sso").by(&ada).send().await;
        gate.refusal()
    };
    assert_eq!(gate().await, (402, "feature_not_in_plan".to_owned()));
    world
        .execute(
            "INSERT INTO plan_feature_defaults VALUES ('pro', 'sso', true);
             ALTER TABLE plan_limits RENAME TO away",
        )
        .await;
    assert_eq!(gate().await, (503, "unavailable".to_owned()));
    world
        .execute("ALTER TABLE away RENAME TO plan_limits")
        .await;
    let answer = world.get("/gate?feature=sso").by(&ada).send().await;
    assert_eq!(answer.status, 204);
}
