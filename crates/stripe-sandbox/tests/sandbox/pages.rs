use reqwest::Method;
use serde_json::json;

use crate::support::{DAY, DECLINED, FAILS_WHEN_CHARGED, PAYS, World};

async fn page(
    world: &World,
    method: Method,
    path: &str,
    form: &[(&str, &str)],
) -> (u16, Option<String>, String) {
    let answer = world.request(method, path).form(form).send().await.unwrap();
    let status = answer.status().as_u16();
    let address = answer
        .headers()
        .get("location")
        .map(|address| address.to_str().unwrap().to_owned());
    (status, address, answer.text().await.unwrap())
}

#[tokio::test]
async fn the_checkout_page_shows_takes_and_refuses() {
    let world = World::start().await;
    let price = world.price("4900", "month").await;
    let id = world
        .session(&price, &[("customer_email", "a\"><script>@x.test")])
        .await
        .ok()
        .id();
    let path = format!("/checkout/{id}");
    let (status, _, text) = page(&world, Method::GET, &path, &[]).await;
    assert_eq!(status, 200);
    assert!(text.contains("$49.00 / month") && text.contains("Pay $49.00"));
    assert!(text.contains("Pro &#60;b&#62;&#38; more"), "{text}");
    assert!(!text.contains("<script>"));

    let (status, _, text) = page(&world, Method::POST, &path, &[("card", DECLINED)]).await;
    assert_eq!(status, 402);
    assert!(text.contains("Your card was declined."));
    let (status, _, _) = page(&world, Method::POST, &path, &[("card", "1234")]).await;
    assert_eq!(status, 402);
    let (status, address, _) = page(&world, Method::POST, &path, &[("card", PAYS)]).await;
    assert_eq!(
        (status, address.unwrap()),
        (303, format!("http://shop.test/done?id={id}"))
    );
    let (status, _, text) = page(&world, Method::POST, &path, &[("card", PAYS)]).await;
    assert_eq!(status, 410);
    assert!(text.contains("has been completed"));

    let late = world.session(&price, &[]).await.ok().id();
    world.advance(DAY).await;
    let (_, _, text) = page(&world, Method::GET, &format!("/checkout/{late}"), &[]).await;
    assert!(text.contains("has expired"));
    assert_eq!(
        page(&world, Method::GET, "/checkout/cs_none", &[]).await.0,
        404
    );
}

/// A portal's path and the subscription it shows.
async fn portal(world: &World) -> (String, String) {
    let customer = world.customer("pm_card_visa").await;
    let price = world.price("4900", "month").await;
    let subscription = world.subscribe(&customer, &price).await.id();
    let form = [
        ("customer", customer.as_str()),
        ("return_url", "http://shop.test/account"),
    ];
    let portal = world.post("/v1/billing_portal/sessions", &form).await.ok();
    (
        portal.text("/url").replace(&world.sandbox.url(), ""),
        subscription,
    )
}

#[tokio::test]
async fn the_portal_cancels_and_keeps() {
    let world = World::start().await;
    let (path, subscription) = portal(&world).await;
    let (_, _, text) = page(&world, Method::GET, &path, &[]).await;
    assert!(text.contains("http://shop.test/account") && text.contains("ada@example.com"));
    for (action, scheduled) in [("cancel", true), ("keep", false)] {
        let form = [("action", action), ("subscription", subscription.as_str())];
        assert_eq!(page(&world, Method::POST, &path, &form).await.0, 303);
        let found = world
            .get(&format!("/v1/subscriptions/{subscription}"))
            .await
            .ok();
        assert_eq!(found.body["cancel_at_period_end"], scheduled);
    }
}

#[tokio::test]
async fn the_portal_changes_the_card_and_pays_what_is_open() {
    let world = World::start().await;
    let (path, subscription) = portal(&world).await;
    let found = format!("/v1/subscriptions/{subscription}");
    let card = |number| [("action", "card"), ("card", number)];
    page(&world, Method::POST, &path, &card(FAILS_WHEN_CHARGED)).await;
    world.advance(30 * DAY).await;
    let due = world.get(&found).await.ok();
    assert_eq!(due.text("/status"), "past_due");
    let invoice = due.text("/latest_invoice");
    let pay = [("action", "pay"), ("invoice", invoice.as_str())];
    assert_eq!(page(&world, Method::POST, &path, &pay).await.0, 402);
    page(&world, Method::POST, &path, &card(PAYS)).await;
    assert_eq!(page(&world, Method::POST, &path, &pay).await.0, 303);
    assert_eq!(world.get(&found).await.ok().text("/status"), "active");
    let (_, _, text) = page(&world, Method::GET, &format!("/invoice/{invoice}"), &[]).await;
    assert!(text.contains("paid"));
}

#[tokio::test]
async fn the_overview_moves_the_clock_and_injects_faults() {
    let world = World::start().await;
    let (customer, price) = (
        world.customer("pm_card_visa").await,
        world.price("4900", "month").await,
    );
    let subscription = world.subscribe(&customer, &price).await.id();
    assert_eq!(
        page(&world, Method::POST, "/clock", &[("by", "next_renewal")])
            .await
            .0,
        303
    );
    let invoices = world
        .get(&format!("/v1/invoices?subscription={subscription}"))
        .await
        .ok();
    assert_eq!(
        invoices.text("/data/0/billing_reason"),
        "subscription_cycle"
    );
    page(&world, Method::POST, "/fault", &[("kind", "error_500")]).await;
    assert_eq!(world.get("/v1/account").await.status, 500);
    let (_, _, text) = page(&world, Method::GET, "/", &[]).await;
    assert!(text.contains(&subscription) && text.contains("invoice.upcoming"));
    world.control("reset", json!({})).await;
    let (_, _, text) = page(&world, Method::GET, "/", &[]).await;
    assert!(text.contains("None yet."));
}
