//! The description of the API: what is committed, what is served, and what is registered.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;
use tollgate::http::{ROUTES, Who};

use crate::world::World;

/// The description in the repository.
pub(crate) fn committed() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[tokio::test]
async fn the_document_that_is_committed_is_the_one_that_is_served() {
    let world = World::start().await;
    let served = world
        .call(0, Method::GET, "/openapi.json")
        .send()
        .await
        .ok(200);
    let committed: Value = committed();
    assert_eq!(served, committed, "write it anew with `just openapi`");
}

#[test]
fn every_operation_is_a_declared_route_and_every_route_an_operation() {
    let document: Value = committed();
    let mut described = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            described.insert((method.to_uppercase(), path.clone()));
        }
    }
    let declared = ROUTES
        .iter()
        .map(|route| (route.method.to_owned(), route.path.to_owned()));
    assert_eq!(described, declared.collect());
}

#[test]
fn every_operation_says_which_token_it_takes() {
    let document: Value = committed();
    for route in ROUTES {
        let operation = &document["paths"][route.path][route.method.to_lowercase()];
        let scheme = operation["security"][0]
            .as_object()
            .and_then(|scheme| scheme.keys().next());
        let expected = match route.who {
            Who::Public | Who::Signature => None,
            Who::User | Who::Admin | Who::Owner | Who::Super => Some("access_token"),
            Who::RefreshToken => Some("refresh_token"),
        };
        assert_eq!(
            scheme.map(String::as_str),
            expected,
            "{} {}",
            route.method,
            route.path
        );
        assert!(
            operation["operationId"].is_string(),
            "{} {}",
            route.method,
            route.path
        );
    }
}

#[tokio::test]
async fn the_page_to_browse_it_needs_nobody_else() {
    let world = World::start().await;
    let page = world.call(0, Method::GET, "/docs/").send().await;
    assert_eq!(page.status, 200);
    for line in page
        .text
        .lines()
        .filter(|line| line.contains("src=") || line.contains("href="))
    {
        assert!(!line.contains("//"), "{line}");
    }
    let short = world.call(0, Method::GET, "/docs").send().await;
    assert_eq!(short.header("location"), Some("/docs/"));
}
