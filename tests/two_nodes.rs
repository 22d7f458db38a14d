//! What one node did, the other knows; what one node leaves, the other takes up.

use reqwest::Method;

use crate::world::{DAY, Setup};

#[tokio::test]
async fn a_purchase_told_to_one_node_opens_the_gate_of_the_other() {
    let world = Setup::default().two_nodes().start().await;
    let mut ada = world.person("Ada").await;
    world.verify(&ada).await;
    world.advance(DAY * 15).await;
    world.sign_in(&mut ada).await;
    let gate = async || {
        world
            .call(1, Method::GET, "/api/v1/gate")
            .by(&ada)
            .send()
            .await
            .status
    };
    assert_eq!(gate().await, 402);
    world.buy(&ada, "pro").await;
    assert_eq!(gate().await, 204);
}

#[tokio::test]
async fn a_session_goes_on_when_its_node_stops() {
    let mut world = Setup::default().two_nodes().start().await;
    let ada = world.person("Ada").await;
    world.stop_node(1).await;
    world.get("/auth/me").by(&ada).send().await.ok(200);
    world.drain().await;
    assert_eq!(world.mails_to(&ada.email).len(), 1);
}
