//! GET /auth/sessions · DELETE /auth/sessions/{id} · DELETE /auth/sessions

use reqwest::Method;
use serde_json::Value;
use uuid::Uuid;

use crate::world::{Answer, DAY, Person, SECOND, Setup, World};

async fn list(world: &World, person: &Person) -> Vec<Value> {
    let answer = world.get("/auth/sessions").by(person).send().await.ok(200);
    answer.as_array().unwrap().clone()
}

async fn end(world: &World, person: &Person, session: &str) -> Answer {
    let path = format!("/api/v1/auth/sessions/{session}");
    world.call(0, Method::DELETE, &path).by(person).send().await
}

fn id(session: &Value) -> String {
    session["id"].as_str().unwrap().to_owned()
}

async fn is_over(world: &World, person: &Person) -> bool {
    let me = world.call(1, Method::GET, "/api/v1/auth/me");
    me.by(person).send().await.status == 401
}

/// Ada on two devices, the first of which is the current one.
async fn two_devices(world: &World) -> (Person, Person) {
    let here = world.person("Ada").await;
    let mut there = here.clone();
    world.sign_in(&mut there).await;
    (here, there)
}

#[tokio::test]
async fn the_devices_one_is_signed_in_on_are_listed_without_their_tokens() {
    let world = Setup::default().two_nodes().start().await;
    let (here, there) = two_devices(&world).await;
    let answer = world.get("/auth/sessions").by(&here).send().await;
    for secret in [&here.access, &here.refresh, &there.access, &there.refresh] {
        assert!(!answer.text.contains(secret));
    }
    let sessions = list(&world, &here).await;
    assert_eq!(sessions.len(), 2);
    let current: Vec<_> = sessions
        .iter()
        .filter(|session| session["is_current"] == true)
        .collect();
    assert_eq!(current.len(), 1);
    assert_eq!(current[0]["ip"], "127.0.0.1");
    assert!(current[0]["created_at"].is_string());
    // T36: what names a session does not stand for it.
    let posed = world.get("/auth/me").bearer(&id(current[0])).send().await;
    assert_eq!(posed.status, 401);
}

#[tokio::test]
async fn one_device_or_all_others_can_be_signed_out() {
    let world = Setup::default().two_nodes().start().await;
    let (here, there) = two_devices(&world).await;
    let mut third = here.clone();
    world.sign_in(&mut third).await;
    let other = list(&world, &there)
        .await
        .iter()
        .find(|session| session["is_current"] == true)
        .map(id)
        .unwrap();
    insta::assert_snapshot!(end(&world, &here, &other).await, @"204");
    assert!(is_over(&world, &there).await);
    assert!(!is_over(&world, &third).await);
    let again = end(&world, &here, &other).await;
    assert_eq!(again.refusal(), (404, "not_found".to_owned()));
    let others = world.call(0, Method::DELETE, "/api/v1/auth/sessions");
    insta::assert_snapshot!(others.by(&here).send().await, @"204");
    assert!(is_over(&world, &third).await);
    assert!(!is_over(&world, &here).await);
    assert_eq!(list(&world, &here).await.len(), 1);
}

#[tokio::test]
async fn t35_nobody_ends_somebody_elses_session() {
    let world = Setup::default().two_nodes().start().await;
    let ada = world.person("Ada").await;
    let eve = world.person("Eve").await;
    let theirs = id(&list(&world, &ada).await[0]);
    let foreign = end(&world, &eve, &theirs).await;
    let random = end(&world, &eve, &Uuid::from_u128(7).to_string()).await;
    let nonsense = end(&world, &eve, "nonsense").await;
    assert_eq!(foreign.refusal(), (404, "not_found".to_owned()));
    assert_eq!(foreign.to_string(), random.to_string());
    assert_eq!(foreign.to_string(), nonsense.to_string());
    assert!(!is_over(&world, &ada).await);
}

#[tokio::test]
async fn a_session_that_was_not_used_for_thirty_days_is_listed_no_more() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.advance(DAY * 30 + SECOND).await;
    let mut anew = ada.clone();
    world.sign_in(&mut anew).await;
    assert_eq!(list(&world, &anew).await.len(), 1);
}
