//! GET /billing/invoices

use serde_json::{Value, json};

use super::bought::{change, fault, refusal, subscriber};
use crate::world::{Answer, DAY, Person, Setup, World};

async fn page(world: &World, person: &Person, cursor: Option<&str>) -> Answer {
    let path = match cursor {
        Some(cursor) => format!("/billing/invoices?cursor={cursor}"),
        None => "/billing/invoices".to_owned(),
    };
    world.get(&path).by(person).send().await
}

#[tokio::test]
async fn whoever_never_bought_has_no_invoices() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    insta::assert_snapshot!(page(&world, &ada, None).await, @r#"
    200
    {
      "items": [],
      "next_cursor": null
    }
    "#);
}

#[tokio::test]
async fn invoices_are_shown_newest_first() {
    let world = World::start().await;
    let ada = subscriber(&world, "Ada", "starter", 2).await;
    change(&world, &ada, &json!({ "plan": "pro" }))
        .await
        .ok(200);
    let shown = page(&world, &ada, None).await.ok(200);
    let items = shown["items"].as_array().unwrap();
    let amounts: Vec<_> = items.iter().map(|item| &item["amount_paid"]).collect();
    assert_eq!(amounts, [6_000, 3_800]);
    let newest = &items[0];
    assert_eq!(newest["status"], "paid");
    assert_eq!(newest["amount_due"], 6_000);
    assert_eq!(newest["currency"], "usd");
    assert_eq!(newest["created"], "2027-01-19T09:00:00Z");
    for field in ["id", "number", "hosted_invoice_url", "pdf_url"] {
        assert!(
            newest[field].as_str().is_some_and(|text| !text.is_empty()),
            "{field}"
        );
    }
    assert_eq!(newest.as_object().unwrap().len(), 9);
    assert_eq!(shown["next_cursor"], Value::Null);
}

#[tokio::test]
async fn t71_a_cursor_leads_through_the_whole_list_and_through_no_other() {
    let world = World::start().await;
    let mut ada = subscriber(&world, "Ada", "starter", 1).await;
    let mut bob = subscriber(&world, "Bob", "starter", 1).await;
    for _ in 0..45 {
        world.advance(DAY * 31).await;
    }
    world.sign_in(&mut ada).await;
    world.sign_in(&mut bob).await;
    let mut ids: Vec<String> = Vec::new();
    let mut cursor: Option<String> = None;
    let mut cursors = Vec::new();
    loop {
        let shown = page(&world, &ada, cursor.as_deref()).await.ok(200);
        for item in shown["items"].as_array().unwrap() {
            ids.push(item["id"].as_str().unwrap().to_owned());
        }
        cursor = shown["next_cursor"].as_str().map(str::to_owned);
        let Some(next) = &cursor else { break };
        cursors.push(next.clone());
    }
    let billed = world
        .count("SELECT count(*) FROM webhook_events e WHERE e.type = 'invoice.paid'")
        .await;
    assert_eq!(i64::try_from(ids.len() * 2).unwrap(), billed + 1);
    let mut distinct = ids.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), ids.len());
    assert_eq!(cursors.len(), 2);

    let cursor = &cursors[0];
    assert_eq!(
        refusal(&page(&world, &bob, Some(cursor)).await),
        "400 invalid_cursor"
    );
    for nth in [0, 20, cursor.len() - 1] {
        let other = if &cursor[nth..=nth] == "A" { "B" } else { "A" };
        let edited = [&cursor[..nth], other, &cursor[nth + 1..]].concat();
        assert_eq!(
            refusal(&page(&world, &ada, Some(&edited)).await),
            "400 invalid_cursor"
        );
    }
    for nonsense in [
        "",
        "in_1",
        "%00",
        "AAAA",
        &"A".repeat(3_000),
        "%F0%9F%92%A9",
    ] {
        assert_eq!(
            refusal(&page(&world, &ada, Some(nonsense)).await),
            "400 invalid_cursor",
            "{nonsense}"
        );
    }
    for query in ["customer=cus_1", "limit=100", "cursor=a&cursor=b"] {
        let answer = world
            .get(&format!("/billing/invoices?{query}"))
            .by(&ada)
            .send()
            .await;
        assert_eq!(answer.status, 400, "{query}");
    }
}

#[tokio::test]
async fn without_a_provider_there_are_no_invoices_to_show() {
    let world = Setup::default().without_stripe().start().await;
    let ada = world.person("Ada").await;
    assert_eq!(
        refusal(&page(&world, &ada, None).await),
        "503 payment_provider_not_configured"
    );
}

#[tokio::test]
async fn stripe_that_does_not_answer_is_said_to_be_away() {
    let world = World::start().await;
    let ada = subscriber(&world, "Ada", "starter", 1).await;
    fault(
        &world,
        json!({ "kind": "lost_answer", "path_prefix": "/v1/invoices", "times": 4 }),
    )
    .await;
    assert_eq!(
        refusal(&page(&world, &ada, None).await),
        "503 payment_provider_unavailable"
    );
    page(&world, &ada, None).await.ok(200);
}
