//! GET /auth/identities and DELETE /auth/identities/{id}

use reqwest::Method;
use serde_json::{Value, json};
use tollgate_testkit::burst;

use super::refused;
use crate::world::{Answer, MINUTE, Person, Setup, World, googles, just_under};

async fn listed(world: &World, access: &str) -> Vec<Value> {
    let answer = world.get("/auth/identities").bearer(access).send().await;
    answer.ok(200).as_array().unwrap().clone()
}

async fn unlink(world: &World, access: &str, id: &Value) -> Answer {
    let path = format!("/api/v1/auth/identities/{}", id.as_str().unwrap());
    world
        .call(0, Method::DELETE, &path)
        .bearer(access)
        .send()
        .await
}

/// Somebody with a password and Google.
async fn ada(world: &World) -> Person {
    let ada = world.person("Ada").await;
    world.verify(&ada).await;
    world
        .sign_in_through("google", &googles("Ada"))
        .await
        .ok(200);
    ada
}

#[tokio::test]
async fn a_person_sees_their_links_and_takes_one_away() {
    let world = Setup::default().with_providers().start().await;
    let ada = ada(&world).await;
    let answer = world.get("/auth/identities").by(&ada).send().await;
    insta::assert_snapshot!(answer, @r#"
    200
    [
      {
        "created_at": "2027-01-04T09:00:00Z",
        "email": "ada@example.com",
        "id": "[id]",
        "provider": "google"
      }
    ]
    "#);
    let links = listed(&world, &ada.access).await;
    let gone = unlink(&world, &ada.access, &links[0]["id"]).await;
    assert_eq!(gone.status, 204, "{gone}");
    assert!(listed(&world, &ada.access).await.is_empty());
    refused(
        &unlink(&world, &ada.access, &links[0]["id"]).await,
        404,
        "not_found",
    );
    // Google's word makes a link anew: the address is still proven.
    let again = world.sign_in_through("google", &googles("Ada")).await;
    assert_eq!(again.ok(200)["is_new_user"], json!(false));
}

#[tokio::test]
async fn t50_the_last_way_in_stays() {
    let world = Setup::default().with_providers().start().await;
    let answer = world
        .sign_in_through("google", &googles("Ada"))
        .await
        .ok(200);
    let access = answer["access_token"].as_str().unwrap();
    let links = listed(&world, access).await;
    let answer = unlink(&world, access, &links[0]["id"]).await;
    insta::assert_snapshot!(answer, @r#"
    409
    {
      "detail": {
        "error": "last_way_in",
        "message": "Keep this link: it is the only way that you can sign in."
      }
    }
    "#);
    assert_eq!(listed(&world, access).await, links);
}

#[tokio::test]
async fn t50_a_session_that_is_not_fresh_takes_no_way_in_away() {
    let world = Setup::default().with_providers().start().await;
    let ada = ada(&world).await;
    let links = listed(&world, &ada.access).await;
    world.clock.advance(MINUTE * 5);
    let answer = unlink(&world, &ada.access, &links[0]["id"]).await;
    insta::assert_snapshot!(answer, @r#"
    403
    {
      "detail": {
        "error": "fresh_sign_in_required",
        "message": "Sign in again, and do this within five minutes."
      }
    }
    "#);
    let mut fresh = ada.clone();
    world.sign_in(&mut fresh).await;
    world.clock.advance(just_under(MINUTE * 5));
    assert_eq!(
        unlink(&world, &fresh.access, &links[0]["id"]).await.status,
        204
    );
}

#[tokio::test]
async fn a_link_is_its_owners_to_take_away() {
    let world = Setup::default().with_providers().start().await;
    let ada = ada(&world).await;
    let links = listed(&world, &ada.access).await;
    let eve = world.person("Eve").await;
    refused(
        &unlink(&world, &eve.access, &links[0]["id"]).await,
        404,
        "not_found",
    );
    refused(
        &unlink(&world, &eve.access, &json!("no-uuid")).await,
        404,
        "not_found",
    );
    assert_eq!(listed(&world, &ada.access).await, links);
}

#[tokio::test]
async fn t50_of_two_links_taken_away_at_once_one_stays() {
    let world = Setup::default().with_providers().two_nodes().start().await;
    let ada = ada(&world).await;
    world
        .execute(
            "INSERT INTO oauth_identities (user_id, provider, issuer, provider_subject, created_at)
             SELECT user_id, 'corp', issuer, provider_subject, created_at FROM oauth_identities;
             UPDATE users SET password_hash = NULL",
        )
        .await;
    let links = listed(&world, &ada.access).await;
    assert_eq!(links.len(), 2);
    let requests = (0..20).map(|n| {
        let node = world.address(n % 2);
        let id = links[(n / 2) % 2]["id"].as_str().unwrap();
        let request = format!(
            "DELETE /api/v1/auth/identities/{id} HTTP/1.1\r\nhost: {node}\r\nconnection: close\r\n\
             authorization: Bearer {}\r\n\r\n",
            ada.access
        );
        (node, request.into_bytes())
    });
    let replies = burst(requests.collect()).await.unwrap();
    let with = |status| {
        replies
            .iter()
            .filter(|reply| reply.status == status)
            .count()
    };
    assert_eq!(with(204), 1, "{replies:?}");
    assert_eq!(with(204) + with(404) + with(409), 20, "{replies:?}");
    assert_eq!(listed(&world, &ada.access).await.len(), 1);
}
