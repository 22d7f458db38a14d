//! F12: Stripe does what it is asked, and its answer never comes.

use super::{assert_try_again, heal, how_many, keys, lose_answers, open_in_the_end};
use crate::world::{Setup, monthly};

#[tokio::test]
async fn f12_a_purchase_whose_answers_are_lost_is_refused_for_now_and_opens_one_page_later() {
    let world = Setup::default()
        .set("STRIPE_TIMEOUT_SECONDS", "2")
        .start()
        .await;
    let ada = world.person("Ada").await;
    for path in ["/v1/customers", "/v1/checkout/sessions"] {
        lose_answers(&world, "hang", path).await;
        let answer = world.open_checkout(&ada, &monthly("pro", 1)).await;
        assert_try_again(&answer);
        heal(&world).await;
    }
    let page = open_in_the_end(&world, &ada).await;
    assert_eq!(how_many(&world, "customers").await, 1);
    assert_eq!(how_many(&world, "checkout/sessions").await, 1);
    for path in ["/v1/customers", "/v1/checkout/sessions"] {
        let mut used = keys(&world, path).await;
        used.dedup();
        assert_eq!(used.len(), 1, "{path}: {used:?}");
    }
    assert_eq!(open_in_the_end(&world, &ada).await, page);
}

#[tokio::test]
async fn f12_the_portal_whose_answer_is_lost_opens_later() {
    let world = Setup::default()
        .set("STRIPE_TIMEOUT_SECONDS", "2")
        .start()
        .await;
    let ada = world.person("Ada").await;
    open_in_the_end(&world, &ada).await;
    lose_answers(&world, "hang", "/v1/billing_portal").await;
    let portal = async || world.get("/billing/portal-session").by(&ada).send().await;
    assert_try_again(&portal().await);
    heal(&world).await;
    let answer = portal().await;
    assert!(answer.ok(200)["url"].is_string());
}
