//! An invitation into an account, used through a sign-in provider.

use reqwest::Method;
use serde_json::{Value, json};
use tollgate_testkit::burst;

use super::{refused, whoami};
use crate::world::{Answer, Person, Setup, World, googles, microsofts, raw_post};

/// Goes to the provider with the code, and comes back.
async fn join_through(world: &World, provider: &'static str, claims: &Value, code: &str) -> Answer {
    let query = format!("?account_invite_code={code}");
    let flow = world.begin_with(provider, &query).await;
    let body = world.visit(&flow, claims).await;
    world.come_back(provider, &body).await
}

async fn members(world: &World, by: &Person) -> usize {
    let list = world.get("/accounts/me/members").by(by).send().await;
    list.ok(200)["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn whoever_was_invited_joins_and_gets_no_account_of_their_own() {
    let world = Setup::default().with_providers().start().await;
    let ada = world.owner("Ada", 3).await;
    let code = world.invited(&ada, "Bob", "admin").await;
    let answer = join_through(&world, "google", &googles("Bob"), &code).await;
    assert_eq!(answer.ok(200)["is_new_user"], json!(true));
    let me = whoami(&world, &answer).await;
    assert_eq!(me["account_role"], "admin");
    assert_eq!(me["memberships"].as_array().unwrap().len(), 1);
    assert_eq!(me["memberships"][0]["account_id"], json!(ada.account));
    assert_eq!(me["onboarding_dismissed"], json!(true));
    assert_eq!(world.count("SELECT count(*) FROM accounts").await, 1);
    assert_eq!(world.count("SELECT count(*) FROM trial_keys").await, 1);
    let again = world.sign_in_through("google", &googles("Bob")).await;
    assert_eq!(again.ok(200)["is_new_user"], json!(false));
    assert_eq!(whoami(&world, &again).await["id"], me["id"]);
    // The code may come with the callback as well, and is used up by now.
    let flow = world.begin("google").await;
    let mut body = world.visit(&flow, &googles("Cyd")).await;
    body["account_invite_code"] = json!(code);
    let dead = world.come_back("google", &body).await;
    refused(&dead, 400, "invite_invalid_or_expired_or_revoked");
    assert_eq!(members(&world, &ada).await, 2);
}

#[tokio::test]
async fn a_mailed_code_proves_the_address_that_the_provider_does_not() {
    let world = Setup::default().with_providers().start().await;
    let ada = world.owner("Ada", 2).await;
    let code = world.invited(&ada, "Bob", "engineer").await;
    let mut claims = microsofts("Bob");
    claims["xms_edov"] = json!(null);
    let before = world.mails_to("bob@example.com").len();
    let answer = join_through(&world, "microsoft", &claims, &code).await;
    let me = whoami(&world, &answer).await;
    assert_ne!(me["email_verified_at"], json!(null));
    world.drain().await;
    assert_eq!(world.mails_to("bob@example.com").len(), before);
}

#[tokio::test]
async fn t60_an_invitation_lets_in_nobody_but_the_invited_address() {
    let world = Setup::default().with_providers().start().await;
    let ada = world.owner("Ada", 3).await;
    let code = world.invited(&ada, "Bob", "engineer").await;
    let answer = join_through(&world, "google", &googles("Eve"), &code).await;
    refused(&answer, 400, "invite_email_mismatch");
    assert_eq!(world.count("SELECT count(*) FROM users").await, 1);

    // Whoever has an account accepts after signing in, and the invitation waits for it.
    let dan = world.person("Dan").await;
    world.verify(&dan).await;
    let code = world.invited(&ada, "Dan", "engineer").await;
    let answer = join_through(&world, "google", &googles("Dan"), &code).await;
    refused(&answer, 400, "email_already_registered_use_login");
    world.accept(&dan, &code).await.ok(200);
    assert_eq!(members(&world, &ada).await, 2);
}

#[tokio::test]
async fn an_account_without_a_free_seat_takes_nobody_in_and_keeps_the_invitation() {
    let world = Setup::default().with_providers().start().await;
    let ada = world.owner("Ada", 2).await;
    let code = world.invited(&ada, "Bob", "engineer").await;
    world
        .execute("UPDATE subscriptions SET seat_limit = 1")
        .await;
    let answer = join_through(&world, "google", &googles("Bob"), &code).await;
    refused(&answer, 402, "limit_reached");
    assert_eq!(world.count("SELECT count(*) FROM users").await, 1);
    world
        .execute("UPDATE subscriptions SET seat_limit = 2")
        .await;
    let answer = join_through(&world, "google", &googles("Bob"), &code).await;
    assert_eq!(whoami(&world, &answer).await["account_role"], "engineer");
}

#[tokio::test]
async fn an_invitation_suffices_where_nobody_signs_up_by_themselves() {
    let world = Setup::default()
        .with_providers()
        .set("SELF_SERVE_ENABLED", "false")
        .set("INTERNAL_TESTER_EMAILS", "ada@example.com");
    let world = world.start().await;
    let ada = world.owner("Ada", 2).await;
    let stranger = world.sign_in_through("google", &googles("Eve")).await;
    refused(&stranger, 400, "invite_code_required");
    let code = world.invited(&ada, "Bob", "engineer").await;
    let answer = join_through(&world, "google", &googles("Bob"), &code).await;
    assert_eq!(whoami(&world, &answer).await["account_role"], "engineer");
}

#[tokio::test]
async fn t63_of_twenty_browsers_with_one_invitation_one_makes_a_member() {
    let world = Setup::default().with_providers().two_nodes().start().await;
    let ada = world.owner("Ada", 5).await;
    let code = world.invited(&ada, "Bob", "engineer").await;
    let mut requests = Vec::new();
    for n in 0..20 {
        let query = format!("?account_invite_code={code}");
        let flow = world.begin_with("google", &query).await;
        let body = world.visit(&flow, &googles("Bob")).await.to_string();
        let node = world.address(n % 2);
        let path = "/api/v1/auth/google/callback";
        requests.push((node, raw_post(node, path, &[], &body)));
    }
    let replies = burst(requests).await.unwrap();
    let new = |reply: &&tollgate_testkit::Reply| reply.body.contains("\"is_new_user\":true");
    assert_eq!(replies.iter().filter(new).count(), 1, "{replies:?}");
    // The others are the same person, who is in by now.
    assert!(
        replies.iter().all(|reply| reply.status == 200),
        "{replies:?}"
    );
    assert_eq!(members(&world, &ada).await, 2);
    assert_eq!(world.count("SELECT count(*) FROM users").await, 2);
    assert_eq!(world.count("SELECT count(*) FROM accounts").await, 1);
}

#[tokio::test]
async fn whoever_was_put_out_of_every_account_gets_an_empty_one() {
    let world = Setup::default().with_providers().start().await;
    let ada = world.owner("Ada", 2).await;
    let code = world.invited(&ada, "Bob", "engineer").await;
    let answer = join_through(&world, "google", &googles("Bob"), &code).await;
    let bob = whoami(&world, &answer).await;
    let path = format!(
        "/api/v1/accounts/me/members/{}",
        bob["id"].as_str().unwrap()
    );
    world
        .call(0, Method::DELETE, &path)
        .by(&ada)
        .send()
        .await
        .ok(204);
    let back = world.sign_in_through("google", &googles("Bob")).await;
    let me = whoami(&world, &back).await;
    assert_eq!(me["id"], bob["id"]);
    assert_eq!(me["account_role"], "owner");
    assert_ne!(me["memberships"][0]["account_id"], json!(ada.account));
    assert_eq!(members(&world, &ada).await, 1);
}
