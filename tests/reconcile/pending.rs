//! Purchases that have waited long.

use reqwest::Method;
use tollgate_use_cases::{DriftKind, Outcome, ports::ReconcileJob};

use super::unhurried;
use crate::world::{DAY, HOUR, JOBS, MINUTE, Person, World, monthly};

async fn open_reservations(world: &World) -> i64 {
    world
        .count("SELECT count(*) FROM purchase_reservations WHERE closed_at IS NULL")
        .await
}

/// Somebody who has opened the page of a purchase.
async fn shopper(world: &World) -> (Person, String) {
    let ada = world.person("Ada").await;
    world.verify(&ada).await;
    let opened = world.open_checkout(&ada, &monthly("pro", 1)).await.ok(200);
    (ada, opened["url"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_page_that_can_still_be_paid_is_left_alone() {
    let world = unhurried().start().await;
    shopper(&world).await;
    world.advance(HOUR).await;
    let before = world.written().await;
    let report = world.reconcile(0, ReconcileJob::Pending).await;
    assert_eq!(
        (report.checked, report.drifted(), report.calls),
        (1, 0, 1),
        "{report:?}"
    );
    assert_eq!(world.written().await, before);
}

#[tokio::test]
async fn a_page_is_asked_about_after_half_an_hour_and_not_before() {
    let world = unhurried().start().await;
    shopper(&world).await;
    world.advance(MINUTE * 29).await;
    assert_eq!(world.reconcile(0, ReconcileJob::Pending).await.checked, 0);
    world.advance(MINUTE).await;
    assert_eq!(world.reconcile(0, ReconcileJob::Pending).await.checked, 1);
}

#[tokio::test]
async fn f22_a_page_that_was_paid_without_our_hearing_of_it_is_a_purchase() {
    let world = unhurried().start().await;
    let (ada, page) = shopper(&world).await;
    world.hold_events().await;
    let paid = world
        .fetch(Method::POST, &page)
        .form(&[("card", "4242424242424242")]);
    assert_eq!(paid.send().await.status, 303);
    world.advance(MINUTE * 31).await;
    assert_eq!(open_reservations(&world).await, 1);
    let report = world.reconcile(0, ReconcileJob::Pending).await;
    assert_eq!(report.outcome, Outcome::Whole);
    assert_eq!(report.drift[&DriftKind::Purchase], 1, "{report:?}");
    assert_eq!(open_reservations(&world).await, 0);
    world.drain().await;
    assert_eq!(world.has_converged().await, 1);
    let bought = world.subscription(&ada).await;
    assert!(bought.starts_with("sub_"), "{bought}");
    assert_eq!(world.count(JOBS).await, 0);
}

#[tokio::test]
async fn a_page_whose_end_we_did_not_hear_of_is_closed() {
    let world = unhurried().start().await;
    shopper(&world).await;
    world.hold_events().await;
    world.advance(DAY * 2).await;
    assert_eq!(open_reservations(&world).await, 1);
    let report = world.reconcile(0, ReconcileJob::Pending).await;
    assert_eq!(report.drift[&DriftKind::StaleReservation], 1, "{report:?}");
    assert_eq!(report.mended, 1);
    assert_eq!(open_reservations(&world).await, 0);
    let audited = "SELECT count(*) FROM audit_log WHERE action = 'purchase_closed'";
    assert_eq!(world.count(audited).await, 1);
}

#[tokio::test]
async fn a_reservation_whose_page_never_came_is_closed_without_asking_anybody() {
    let world = unhurried().start().await;
    shopper(&world).await;
    world
        .execute(
            "UPDATE purchase_reservations SET stripe_checkout_session_id = NULL, checkout_url = NULL",
        )
        .await;
    world.advance(MINUTE * 31).await;
    let report = world.reconcile(0, ReconcileJob::Pending).await;
    assert_eq!(
        (report.checked, report.mended, report.calls),
        (1, 1, 0),
        "{report:?}"
    );
    assert_eq!(open_reservations(&world).await, 0);
}

#[tokio::test]
async fn a_first_payment_that_never_came_ends_the_purchase() {
    let world = unhurried().start().await;
    let ada = world.person("Ada").await;
    let customer = world
        .stripe(Method::POST, "customers", &[("name", "Ada")])
        .await;
    let customer = customer["id"].as_str().unwrap().to_owned();
    sqlx::query("UPDATE accounts SET stripe_customer_id = $1")
        .bind(&customer)
        .execute(world.database.pool())
        .await
        .unwrap();
    let price = world.monthly_price().await;
    let form = [
        ("customer", customer.as_str()),
        ("items[0][price]", price.as_str()),
        ("payment_behavior", "default_incomplete"),
    ];
    world.stripe(Method::POST, "subscriptions", &form).await;
    world.drain().await;
    let pending = "SELECT count(*) FROM subscriptions WHERE status = 'pending_payment'";
    assert_eq!(world.count(pending).await, 1);
    world.hold_events().await;
    world.advance(HOUR * 24).await;
    let report = world.reconcile(0, ReconcileJob::Pending).await;
    assert_eq!((report.checked, report.mended), (1, 1), "{report:?}");
    assert_eq!(world.count(pending).await, 0, "{}", ada.account);
}

#[tokio::test]
async fn t84_a_page_left_open_by_whoever_is_subscribed_already_is_closed() {
    let world = unhurried().start().await;
    let (ada, page) = shopper(&world).await;
    world.hold_events().await;
    let paid = world
        .fetch(Method::POST, &page)
        .form(&[("card", "4242424242424242")]);
    assert_eq!(paid.send().await.status, 303);
    // As if another choice had taken the place of the page that was paid.
    world
        .execute("UPDATE purchase_reservations SET closed_at = now()")
        .await;
    world
        .open_checkout(&ada, &monthly("starter", 1))
        .await
        .ok(200);
    world.advance(MINUTE * 31).await;
    let swept = world.reconcile(0, ReconcileJob::Sweep).await;
    assert_eq!(swept.drift[&DriftKind::Purchase], 1, "{swept:?}");
    world.drain().await;
    assert_eq!(open_reservations(&world).await, 0);
    let open = world
        .stripe(Method::GET, "checkout/sessions?status=open", &[])
        .await;
    assert_eq!(open["data"].as_array().unwrap().len(), 0, "{open}");
}
