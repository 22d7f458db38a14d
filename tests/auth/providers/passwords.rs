//! The password's routes for people who have none.

use serde_json::json;

use super::refused;
use crate::world::{PASSWORD, Person, Setup, World, googles};

async fn somebody_without_a_password(world: &World) -> Person {
    let answer = world
        .sign_in_through("google", &googles("Ada"))
        .await
        .ok(200);
    let access = answer["access_token"].as_str().unwrap().to_owned();
    let me = world.get("/auth/me").bearer(&access).send().await.ok(200);
    let text = |key: &str| me[key].as_str().unwrap().to_owned();
    Person {
        email: text("email"),
        id: text("id"),
        account: text("account_id"),
        access,
        refresh: answer["refresh_token"].as_str().unwrap().to_owned(),
    }
}

#[tokio::test]
async fn they_are_told_with_whom_to_sign_in_and_get_no_mail() {
    let world = Setup::default().with_providers().start().await;
    let ada = somebody_without_a_password(&world).await;
    let login = json!({ "email": ada.email, "password": PASSWORD });
    let login = world.post("/auth/login/json").json(&login).send().await;
    refused(&login, 400, "use_oauth_provider");
    assert_eq!(login.text.matches("google").count(), 1);
    let change = json!({ "current_password": PASSWORD, "new_password": "quiet-harbour-92-moss" });
    let change = world.post("/auth/password/change").by(&ada).json(&change);
    let change = change.send().await;
    refused(&change, 400, "use_oauth_provider");
    for email in [ada.email.as_str(), "nobody@example.com"] {
        let forgot = json!({ "email": email });
        let answer = world
            .post("/auth/password/forgot")
            .json(&forgot)
            .send()
            .await;
        answer.ok(200);
    }
    world.drain().await;
    assert!(world.mails_to(&ada.email).is_empty());
    let register = json!({ "email": ada.email, "password": PASSWORD, "name": "Ada" });
    let register = world.post("/auth/register").json(&register).send().await;
    refused(&register, 409, "email_taken");
}
