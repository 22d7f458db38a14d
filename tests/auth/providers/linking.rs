//! POST /auth/identities and /auth/identities/complete

use serde_json::{Value, json};
use tollgate_testkit::burst;

use super::{refused, whoami};
use crate::world::{
    Answer, Begun, MINUTE, Person, Setup, World, googles, just_under, microsofts, raw_post,
};

async fn ask_to_begin(world: &World, by: &Person, provider: &str) -> Answer {
    let body = json!({ "provider": provider, "next": "/account/security" });
    world
        .post("/auth/identities")
        .by(by)
        .json(&body)
        .send()
        .await
}

async fn begin(world: &World, by: &Person, provider: &'static str) -> Begun {
    let begun = ask_to_begin(world, by, provider).await.ok(200);
    let text = |key: &str| begun[key].as_str().unwrap().to_owned();
    Begun {
        provider,
        address: text("authorize_url"),
        state: text("state"),
        flow_token: text("flow_token"),
    }
}

async fn complete(world: &World, by: &Person, provider: &str, brought: &Value) -> Answer {
    let mut body = brought.clone();
    body["provider"] = json!(provider);
    let call = world.post("/auth/identities/complete").by(by);
    call.json(&body).send().await
}

async fn link(world: &World, by: &Person, provider: &'static str, claims: &Value) -> Answer {
    let flow = begin(world, by, provider).await;
    let brought = world.visit(&flow, claims).await;
    complete(world, by, provider, &brought).await
}

async fn proven(world: &World, name: &str) -> Person {
    let person = world.person(name).await;
    world.verify(&person).await;
    person
}

const LINKS: &str = "SELECT count(*) FROM oauth_identities";

#[tokio::test]
async fn whoever_is_signed_in_links_a_provider_and_gets_in_by_it_from_then_on() {
    let world = Setup::default().with_providers().start().await;
    let ada = proven(&world, "Ada").await;
    // Under an address of its own, which nobody vouches for.
    let mut claims = googles("Countess");
    claims["email_verified"] = json!(false);
    let answer = link(&world, &ada, "google", &claims).await;
    insta::assert_snapshot!(answer, @r#"
    200
    {
      "identities": [
        {
          "created_at": "2027-01-04T09:00:00Z",
          "email": "countess@example.com",
          "id": "[id]",
          "provider": "google"
        }
      ],
      "next": "/account/security"
    }
    "#);
    // What is hers already stays so, and nobody is told again.
    link(&world, &ada, "google", &claims).await.ok(200);
    assert_eq!(world.count(LINKS).await, 1);
    world.drain().await;
    let mails = world.mails_to(&ada.email);
    let told = mails
        .iter()
        .filter(|mail| mail.contains("A new way to sign in"));
    assert_eq!(told.count(), 1);
    assert_eq!(world.trail("provider_linked").await.len(), 1);
    let answer = world.sign_in_through("google", &claims).await;
    assert_eq!(whoami(&world, &answer).await["id"], json!(ada.id));
}

#[tokio::test]
async fn t41_what_was_begun_ends_for_the_same_person_session_provider_and_browser_alone() {
    let world = Setup::default().with_providers().start().await;
    let ada = proven(&world, "Ada").await;
    let mut elsewhere = ada.clone();
    world.sign_in(&mut elsewhere).await;
    let bob = proven(&world, "Bob").await;
    let flow = begin(&world, &ada, "google").await;
    let brought = world.visit(&flow, &googles("Countess")).await;
    for (whose, by) in [("another person", &bob), ("another session", &elsewhere)] {
        let answer = complete(&world, by, "google", &brought).await;
        assert_eq!(
            answer.refusal(),
            (400, "oauth_state_invalid".to_owned()),
            "{whose}"
        );
    }
    refused(
        &complete(&world, &ada, "corp", &brought).await,
        400,
        "oauth_state_invalid",
    );
    let mut other_browser = brought.clone();
    other_browser["flow_token"] = json!(begin(&world, &ada, "google").await.flow_token);
    refused(
        &complete(&world, &ada, "google", &other_browser).await,
        400,
        "oauth_state_invalid",
    );
    // It signs nobody in, and a sign-in links nothing.
    refused(
        &world.come_back("google", &brought).await,
        400,
        "oauth_state_invalid",
    );
    let sign_in = world.begin("google").await;
    let as_eve = world.visit(&sign_in, &googles("Eve")).await;
    refused(
        &complete(&world, &ada, "google", &as_eve).await,
        400,
        "oauth_state_invalid",
    );
    // Begun with one identity, another's code brought back.
    let mut swapped = brought.clone();
    swapped["code"] = as_eve["code"].clone();
    refused(
        &complete(&world, &ada, "google", &swapped).await,
        400,
        "oauth_exchange_failed",
    );
    // By that it is used up.
    refused(
        &complete(&world, &ada, "google", &brought).await,
        400,
        "oauth_state_invalid",
    );
    assert_eq!(world.count(LINKS).await, 0);
    link(&world, &ada, "google", &googles("Countess"))
        .await
        .ok(200);
    assert_eq!(world.count(LINKS).await, 1);
}

#[tokio::test]
async fn an_identity_is_one_persons_also_while_both_are_signed_in() {
    let world = Setup::default().with_providers().start().await;
    let ada = proven(&world, "Ada").await;
    let bob = proven(&world, "Bob").await;
    link(&world, &bob, "microsoft", &microsofts("Shared"))
        .await
        .ok(200);
    let answer = link(&world, &ada, "microsoft", &microsofts("Shared")).await;
    insta::assert_snapshot!(answer, @r#"
    409
    {
      "detail": {
        "error": "identity_taken",
        "message": "Somebody else here signs in with this; sign in with it and take it away there first."
      }
    }
    "#);
    let answer = world
        .sign_in_through("microsoft", &microsofts("Shared"))
        .await;
    assert_eq!(whoami(&world, &answer).await["id"], json!(bob.id));
}

#[tokio::test]
async fn t39_whoever_has_not_proven_the_address_leaves_no_way_in_behind() {
    let world = Setup::default().with_providers().start().await;
    let eve = world.person("Eve").await;
    let answer = ask_to_begin(&world, &eve, "google").await;
    refused(&answer, 403, "email_not_verified");
    assert_eq!(world.count("SELECT count(*) FROM oauth_flows").await, 0);
}

#[tokio::test]
async fn an_old_sign_in_begins_nothing_and_a_slow_provider_is_waited_for() {
    let world = Setup::default().with_providers().start().await;
    let ada = proven(&world, "Ada").await;
    world.clock.advance(just_under(MINUTE * 5));
    let flow = begin(&world, &ada, "google").await;
    world.clock.advance(MINUTE);
    let answer = ask_to_begin(&world, &ada, "google").await;
    refused(&answer, 403, "fresh_sign_in_required");
    let brought = world.visit(&flow, &googles("Countess")).await;
    complete(&world, &ada, "google", &brought).await.ok(200);
    // A session that has ended brings nothing any more.
    let mut again = ada.clone();
    world.sign_in(&mut again).await;
    let flow = begin(&world, &again, "corp").await;
    let brought = world.visit(&flow, &googles("Countess")).await;
    world.post("/auth/logout").by(&again).send().await.ok(204);
    let late = complete(&world, &again, "corp", &brought).await;
    refused(&late, 401, "token_revoked");
    assert_eq!(world.count(LINKS).await, 1);
}

#[tokio::test]
async fn t42_the_owner_of_an_address_with_a_new_sign_in_links_it_by_the_old_one() {
    let world = Setup::default().with_providers().start().await;
    let mut ada = proven(&world, "Ada").await;
    world
        .sign_in_through("google", &googles("Ada"))
        .await
        .ok(200);
    let answer = world.sign_in_through("corp", &googles("Ada")).await;
    refused(&answer, 409, "link_requires_sign_in");
    world.sign_in(&mut ada).await;
    link(&world, &ada, "corp", &googles("Ada")).await.ok(200);
    let answer = world.sign_in_through("corp", &googles("Ada")).await;
    assert_eq!(whoami(&world, &answer).await["id"], json!(ada.id));
}

#[tokio::test]
async fn of_fifty_completions_at_once_one_links() {
    let world = Setup::default().two_nodes().with_providers().start().await;
    let ada = proven(&world, "Ada").await;
    let flow = begin(&world, &ada, "google").await;
    let mut body = world.visit(&flow, &googles("Countess")).await;
    body["provider"] = json!("google");
    let (body, authorization) = (body.to_string(), format!("Bearer {}", ada.access));
    let headers = [("authorization", authorization.as_str())];
    let path = "/api/v1/auth/identities/complete";
    let request = |nth: usize| {
        let node = world.address(nth % 2);
        (node, raw_post(node, path, &headers, &body))
    };
    let replies = burst((0..50).map(request).collect()).await.unwrap();
    let of = |status: u16| {
        replies
            .iter()
            .filter(|reply| reply.status == status)
            .count()
    };
    assert_eq!((of(200), of(400)), (1, 49), "{replies:?}");
    assert_eq!(world.count(LINKS).await, 1);
    assert_eq!(world.trail("provider_linked").await.len(), 1);
}
