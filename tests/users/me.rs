//! PATCH /users/me

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Answer, Person, World};

async fn patch(world: &World, person: &Person, mask: &str, user: Value) -> Answer {
    let body = json!({ "update_mask": mask, "user": user });
    let call = world.call(0, Method::PATCH, "/api/v1/users/me");
    call.by(person).json(&body).send().await
}

#[tokio::test]
async fn a_person_is_called_what_they_say_and_lives_where_they_say() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let said = json!({ "name": "Ada Lovelace", "timezone": "europe/london" });
    let answer = patch(&world, &ada, "timezone,name", said).await;
    insta::assert_snapshot!(answer, @r#"
    200
    {
      "account_id": "[id]",
      "account_role": "owner",
      "created_at": "2027-01-04T09:00:00Z",
      "email": "ada@example.com",
      "email_verified_at": null,
      "id": "[id]",
      "is_super_admin": false,
      "memberships": [
        {
          "account_id": "[id]",
          "account_name": "Ada",
          "role": "owner"
        }
      ],
      "name": "Ada Lovelace",
      "onboarding_dismissed": false,
      "onboarding_step_completed": 0,
      "pending_kept_banner": false,
      "timezone": "Europe/London"
    }
    "#);
    let me = world.get("/auth/me").by(&ada).send().await;
    assert_eq!(me.text, answer.text);
    let updated = "SELECT count(*) FROM users WHERE updated_at = created_at";
    assert_eq!(world.count(updated).await, 1);
    let trail = world.trail("user_updated").await;
    assert_eq!(trail.len(), 1);
    assert_eq!(trail[0].1, json!({ "fields": ["name", "timezone"] }));
}

#[tokio::test]
async fn only_what_the_mask_names_changes() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let bob = world.person("Bob").await;
    // Whoever sends back all that was read changes just what is named.
    let mut whole = world.get("/auth/me").by(&ada).send().await.ok(200);
    for key in ["account_id", "account_role", "memberships"] {
        whole.as_object_mut().unwrap().remove(key);
    }
    whole["name"] = json!("Countess");
    whole["is_super_admin"] = json!(true);
    whole["email"] = json!(bob.email);
    whole["timezone"] = json!("UTC");
    let answer = patch(&world, &ada, "timezone", whole).await.ok(200);
    assert_eq!(
        (
            &answer["name"],
            &answer["timezone"],
            &answer["is_super_admin"],
            &answer["email"]
        ),
        (
            &json!("Ada"),
            &json!("UTC"),
            &json!(false),
            &json!("ada@example.com")
        )
    );
    let cleared = patch(&world, &ada, "timezone", json!({})).await.ok(200);
    assert_eq!(cleared["timezone"], Value::Null);
    patch(&world, &ada, "timezone", json!({ "timezone": "UTC" }))
        .await
        .ok(200);
    let replaced = patch(&world, &ada, "*", json!({ "name": "Ada" }))
        .await
        .ok(200);
    assert_eq!(replaced["timezone"], Value::Null);
    let others = world.get("/auth/me").by(&bob).send().await.ok(200);
    assert_eq!(
        (&others["name"], &others["timezone"]),
        (&json!("Bob"), &Value::Null)
    );
}

#[tokio::test]
async fn t57_nobody_gives_themselves_what_they_may_not_have() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.drain().await;
    let before = world.dump().await;
    for (mask, user, status, code) in [
        ("", json!({ "name": "x" }), 400, "empty_mask"),
        ("name", json!({}), 422, "validation_failed"),
        ("name", json!({ "name": null }), 422, "validation_failed"),
        ("name", json!({ "name": 7 }), 422, "validation_failed"),
        ("name", json!({ "name": "" }), 422, "validation_failed"),
        (
            "name",
            json!({ "name": "Ada\u{202e}moc.live" }),
            422,
            "validation_failed",
        ),
        (
            "timezone",
            json!({ "timezone": "Mars/Olympus" }),
            422,
            "validation_failed",
        ),
        (
            "timezone",
            json!({ "timezone": ["UTC"] }),
            422,
            "validation_failed",
        ),
        (
            "email",
            json!({ "email": "eve@example.com" }),
            400,
            "immutable_field",
        ),
        ("id", json!({}), 400, "immutable_field"),
        (
            "is_super_admin",
            json!({ "is_super_admin": true }),
            400,
            "immutable_field",
        ),
        (
            "email_verified_at",
            json!({ "email_verified_at": "2027-01-01T00:00:00Z" }),
            400,
            "immutable_field",
        ),
        ("pending_kept_banner", json!({}), 400, "immutable_field"),
        (
            "onboarding_step_completed",
            json!({ "onboarding_step_completed": 3 }),
            400,
            "immutable_field",
        ),
        (
            "password_hash",
            json!({ "password_hash": "x" }),
            400,
            "unknown_field",
        ),
        ("deleted_at", json!({}), 400, "unknown_field"),
        ("name.first", json!({ "name": "x" }), 400, "unknown_field"),
        ("name,name", json!({ "name": "x" }), 400, "duplicate_field"),
        (
            "name",
            json!({ "name": "x", "role": "owner" }),
            400,
            "unknown_field",
        ),
        (
            "name",
            json!({ "name": "x", "account_id": ada.account }),
            400,
            "unknown_field",
        ),
        (
            "name\" = 'x', is_super_admin = true --",
            json!({}),
            400,
            "unknown_field",
        ),
    ] {
        let answer = patch(&world, &ada, mask, user.clone()).await;
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{mask} {user}");
    }
    let twice = r#"{"update_mask":"name","user":{"name":"x","name":"y"}}"#;
    let call = world.call(0, Method::PATCH, "/api/v1/users/me").by(&ada);
    let answer = call.body("application/json", twice).send().await;
    assert_eq!(answer.refusal(), (400, "malformed_json".to_owned()));
    assert_eq!(world.dump().await, before);
}

#[tokio::test]
async fn a_refused_field_is_named() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let answer = patch(&world, &ada, "name,email", json!({ "name": "x" })).await;
    insta::assert_snapshot!(answer, @r#"
    400
    {
      "detail": {
        "error": "immutable_field",
        "field": "email",
        "message": "Leave out the field email: it is not changed by an update."
      }
    }
    "#);
    let answer = patch(&world, &ada, "*", json!({ "timezone": "Mars/Olympus" })).await;
    insta::assert_snapshot!(answer, @r#"
    422
    {
      "detail": {
        "error": "validation_failed",
        "fields": [
          {
            "code": "unknown_timezone",
            "field": "timezone",
            "message": "give a time zone of the IANA database, as Europe/London"
          },
          {
            "code": "required",
            "field": "name",
            "message": "This field is needed."
          }
        ],
        "message": "Correct the fields that are named and send the request again."
      }
    }
    "#);
}
