//! PATCH /accounts/me

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Answer, Person, World};

async fn patch(world: &World, person: &Person, mask: &str, account: Value) -> Answer {
    let body = json!({ "update_mask": mask, "account": account });
    let call = world.call(0, Method::PATCH, "/api/v1/accounts/me");
    call.by(person).json(&body).send().await
}

#[tokio::test]
async fn an_account_is_called_what_its_admin_calls_it() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let said = json!({ "name": " Analytical  Engines ", "team_size_bucket": "6-10", "primary_psa": "halopsa" });
    let answer = patch(&world, &ada, "team_size_bucket,name,primary_psa", said).await;
    insta::assert_snapshot!(answer, @r#"
    200
    {
      "created_at": "2027-01-04T09:00:00Z",
      "id": "[id]",
      "name": "Analytical  Engines",
      "primary_psa": "halopsa",
      "team_size_bucket": "6-10"
    }
    "#);
    let trail = world.trail("account_updated").await;
    assert_eq!(trail.len(), 1);
    assert_eq!(trail[0].0.as_ref(), Some(&ada.id));
    assert_eq!(
        trail[0].1,
        json!({ "fields": ["name", "team_size_bucket", "primary_psa"] })
    );
    let me = world.get("/auth/me").by(&ada).send().await.ok(200);
    assert_eq!(me["memberships"][0]["account_name"], "Analytical  Engines");

    let cleared = patch(&world, &ada, "primary_psa", json!({ "name": "Elsewhere" })).await;
    let cleared = cleared.ok(200);
    assert_eq!(cleared["primary_psa"], Value::Null);
    assert_eq!(cleared["name"], "Analytical  Engines");
}

#[tokio::test]
async fn t69_only_owners_and_admins_speak_for_the_account() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.demote(&ada, "admin").await;
    let name = || json!({ "name": "Mine" });
    patch(&world, &ada, "name", name()).await.ok(200);
    for role in ["engineer", "viewer"] {
        sqlx::query("UPDATE memberships SET role = $1 WHERE user_id = $2::uuid")
            .bind(role)
            .bind(&ada.id)
            .execute(world.database.pool())
            .await
            .unwrap();
        let refused = patch(&world, &ada, "name", json!({ "name": "Theirs" })).await;
        assert_eq!(
            refused.refusal(),
            (403, "role_required".to_owned()),
            "{role}"
        );
    }
    let theirs = "SELECT count(*) FROM accounts WHERE name = 'Theirs'";
    assert_eq!(world.count(theirs).await, 0);
}

#[tokio::test]
async fn what_no_account_can_have_is_refused_with_its_reason() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.drain().await;
    let before = world.dump().await;
    for (mask, account, status, code) in [
        ("", json!({}), 400, "empty_mask"),
        ("name", json!({}), 422, "validation_failed"),
        (
            "*",
            json!({ "team_size_bucket": "1-2" }),
            422,
            "validation_failed",
        ),
        (
            "name",
            json!({ "name": "see https://evil.example" }),
            422,
            "validation_failed",
        ),
        (
            "name",
            json!({ "name": "A\r\nBcc: eve@example.com" }),
            422,
            "validation_failed",
        ),
        (
            "team_size_bucket",
            json!({ "team_size_bucket": "27" }),
            422,
            "validation_failed",
        ),
        (
            "primary_psa",
            json!({ "primary_psa": "jira" }),
            422,
            "validation_failed",
        ),
        ("id", json!({ "id": ada.account }), 400, "immutable_field"),
        ("created_at", json!({}), 400, "immutable_field"),
        (
            "plan",
            json!({ "plan": "enterprise" }),
            400,
            "unknown_field",
        ),
        (
            "is_test_cohort",
            json!({ "is_test_cohort": true }),
            400,
            "unknown_field",
        ),
        (
            "stripe_customer_id",
            json!({ "stripe_customer_id": "cus_1" }),
            400,
            "unknown_field",
        ),
        (
            "suspended_at",
            json!({ "suspended_at": null }),
            400,
            "unknown_field",
        ),
        (
            "name",
            json!({ "name": "Ada", "is_test_cohort": true }),
            400,
            "unknown_field",
        ),
        (
            "name, name",
            json!({ "name": "Ada" }),
            400,
            "duplicate_field",
        ),
        ("name = 'x' --", json!({}), 400, "unknown_field"),
    ] {
        let answer = patch(&world, &ada, mask, account.clone()).await;
        assert_eq!(
            answer.refusal(),
            (status, code.to_owned()),
            "{mask} {account}"
        );
    }
    assert_eq!(world.dump().await, before);
}
