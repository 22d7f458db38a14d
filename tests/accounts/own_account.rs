//! GET /accounts/me · GET /accounts/me/subscription · POST /users/me/current-account

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Person, World};

#[tokio::test]
async fn a_member_sees_the_account() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let shown = world.get("/accounts/me").by(&ada).send().await;
    insta::assert_snapshot!(shown, @r#"
    200
    {
      "created_at": "2027-01-04T09:00:00Z",
      "id": "[id]",
      "name": "Ada",
      "primary_psa": null,
      "team_size_bucket": null
    }
    "#);
}

#[tokio::test]
async fn a_member_sees_what_the_account_has_and_how_much_of_it_is_taken() {
    let world = World::start().await;
    let ada = world.owner("Ada", 7).await;
    world.invite(&ada, "Bob", "viewer").await.ok(201);
    let shown = world.get("/accounts/me/subscription").by(&ada).send().await;
    insta::assert_snapshot!(shown);
    let asked = world.get("/gate?limit=max_users").by(&ada).send().await;
    asked.ok(204);
    let again = world.person("Ada+again").await;
    let nothing = world
        .get("/accounts/me/subscription")
        .by(&again)
        .send()
        .await;
    assert_eq!(nothing.refusal(), (404, "no_subscription".to_owned()));
}

#[tokio::test]
async fn t74_each_token_acts_on_the_account_it_was_given_for() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let bob = world.person("Bob").await;
    world.verify(&bob).await;
    let code = world.invited(&ada, "Bob", "admin").await;
    world.accept(&bob, &code).await.ok(200);
    let body = json!({ "account_id": ada.account });
    let switch = world.post("/users/me/current-account").by(&bob).json(&body);
    let tokens = switch.send().await.ok(200);
    let there = Person {
        access: tokens["access_token"].as_str().unwrap().to_owned(),
        refresh: tokens["refresh_token"].as_str().unwrap().to_owned(),
        ..bob.clone()
    };
    world.invite(&there, "Cleo", "viewer").await.ok(201);
    world.invite(&bob, "Dan", "viewer").await.ok(201);
    for (by, account, guest) in [(&there, &ada, "cleo"), (&bob, &bob, "dan")] {
        let me = world.get("/auth/me").by(by).send().await.ok(200);
        assert_eq!(me["account_id"], json!(account.account));
        let listed = world
            .get("/accounts/me/invites")
            .by(by)
            .send()
            .await
            .ok(200);
        let invites = listed["items"].as_array().unwrap();
        let is_guest = |one: &Value| one["email"] == format!("{guest}@example.com");
        assert!(invites.iter().any(is_guest), "{guest}");
        // Nothing in the request leads to another account.
        let header = world
            .get("/auth/me")
            .by(by)
            .header("x-account-id", &ada.account);
        assert_eq!(
            header.send().await.ok(200)["account_id"],
            json!(account.account)
        );
    }
    let refreshed = world
        .post("/auth/refresh")
        .bearer(&there.refresh)
        .send()
        .await
        .ok(200);
    let me = world
        .get("/auth/me")
        .bearer(refreshed["access_token"].as_str().unwrap());
    assert_eq!(me.send().await.ok(200)["account_id"], json!(ada.account));
}

#[tokio::test]
async fn t68_nobody_goes_on_in_an_account_they_do_not_belong_to() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let eve = world.person("Eve").await;
    world.drain().await;
    let before = world.rows().await;
    for account in [&ada.account, "00000000-0000-0000-0000-000000000000"] {
        let body = json!({ "account_id": account });
        let answer = world.post("/users/me/current-account").by(&eve).json(&body);
        assert_eq!(answer.send().await.refusal(), (404, "not_found".to_owned()));
    }
    assert_eq!(world.rows().await, before);
}

#[tokio::test]
async fn nobody_goes_on_in_an_account_that_is_suspended() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let bob = world.person("Bob").await;
    world.verify(&bob).await;
    let code = world.invited(&ada, "Bob", "admin").await;
    world.accept(&bob, &code).await.ok(200);
    let olga = world.operator().await;
    let path = format!("/accounts/{}/suspend", ada.account);
    let reason = json!({ "reason": "a chargeback" });
    let suspend = world.admin(&olga, Method::POST, &path).json(&reason);
    suspend.send().await.ok(204);
    let body = json!({ "account_id": ada.account });
    let answer = world.post("/users/me/current-account").by(&bob).json(&body);
    assert_eq!(answer.send().await.refusal(), (404, "not_found".to_owned()));
}
