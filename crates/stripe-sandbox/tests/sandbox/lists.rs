use serde_json::Value;

use crate::support::{START, World};

fn emails(list: &Value) -> Vec<String> {
    let data = list["data"].as_array().unwrap();
    data.iter()
        .map(|customer| customer["email"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn pages_go_forward_and_back_newest_first() {
    let world = World::start().await;
    let mut ids = Vec::new();
    for n in 0..5 {
        let email = format!("{n}@x.test");
        ids.push(
            world
                .post("/v1/customers", &[("email", &email)])
                .await
                .ok()
                .id(),
        );
    }
    let first = world.get("/v1/customers?limit=2").await.ok().body;
    assert_eq!(
        (emails(&first), &first["has_more"]),
        (vec!["4@x.test".into(), "3@x.test".into()], &true.into())
    );
    assert_eq!(first["url"], "/v1/customers");
    let rest = world
        .get(&format!("/v1/customers?limit=3&starting_after={}", ids[3]))
        .await
        .ok()
        .body;
    assert_eq!(emails(&rest), ["2@x.test", "1@x.test", "0@x.test"]);
    assert_eq!(rest["has_more"], false);
    let back = world
        .get(&format!("/v1/customers?limit=2&ending_before={}", ids[1]))
        .await
        .ok()
        .body;
    assert_eq!(
        (emails(&back), &back["has_more"]),
        (vec!["3@x.test".into(), "2@x.test".into()], &true.into())
    );

    for bad in ["limit=0", "limit=101", "limit=x", "starting_after=cus_none"] {
        assert_eq!(
            world.get(&format!("/v1/customers?{bad}")).await.status,
            400,
            "{bad}"
        );
    }
    let one = world.get("/v1/customers?email=3@x.test").await.ok().body;
    assert_eq!(emails(&one), ["3@x.test"]);
}

#[tokio::test]
async fn events_are_found_by_type_and_time() {
    let world = World::start().await;
    world.customer("pm_card_visa").await;
    world.advance(10).await;
    world.post("/v1/products", &[("name", "Pro")]).await.ok();
    let later = format!("/v1/events?created[gte]={}", START + 10);
    let found = world.get(&later).await.ok().body;
    assert_eq!(found["data"][0]["type"], "product.created");
    assert_eq!(found["data"].as_array().unwrap().len(), 1);
    let kinds = "/v1/events?types[]=customer.created&types[]=product.*";
    assert_eq!(
        world.get(kinds).await.ok().body["data"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let event = found["data"][0]["id"].as_str().unwrap();
    let event = world.get(&format!("/v1/events/{event}")).await.ok().body;
    assert_eq!(event["api_version"], "2026-09-30.endive");
    assert!(event["request"]["id"].as_str().unwrap().starts_with("req_"));
}

#[tokio::test]
async fn prices_are_found_by_key_product_and_state() {
    let world = World::start().await;
    world.control("seed", serde_json::json!({})).await;
    world.control("seed", serde_json::json!({})).await;
    assert_eq!(
        world.get("/v1/prices?active=true").await.ok().body["data"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
    let found = world
        .get("/v1/prices?lookup_keys[]=pro_month&expand[]=data.product")
        .await
        .ok()
        .body;
    assert_eq!(
        found["data"][0]["product"]["metadata"]["tollgate_plan"],
        "pro"
    );
    let product = found["data"][0]["product"]["id"].as_str().unwrap();
    let of_product = world
        .get(&format!("/v1/prices?product={product}"))
        .await
        .ok()
        .body;
    assert_eq!(of_product["data"].as_array().unwrap().len(), 2);
    let yearly = world
        .get("/v1/prices?recurring[interval]=year")
        .await
        .ok()
        .body;
    assert_eq!(yearly["data"].as_array().unwrap().len(), 2);
}
