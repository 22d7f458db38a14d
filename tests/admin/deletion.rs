//! DELETE /admin/accounts/{id}

use reqwest::Method;
use serde_json::{Value, json};
use tollgate_testkit::burst;
use uuid::Uuid;

use crate::world::{Answer, Person, Setup, World, monthly, raw_request};

async fn delete(world: &World, olga: &Person, account: &str, body: Value) -> Answer {
    let path = format!("/accounts/{account}");
    let call = world.admin(olga, Method::DELETE, &path);
    call.json(&body).send().await
}

#[tokio::test]
async fn i25_a_deleted_account_is_empty_and_what_it_bought_ends_for_good() {
    let world = Setup::default().two_nodes().start().await;
    let olga = world.operator().await;
    let ada = world.owner("Augusta Xanthippe", 5).await;
    let bob = world.member(&ada, "Bob", "engineer").await;
    world.invite(&ada, "Cleo", "viewer").await.ok(201);
    let subscription = world.subscription(&ada).await;
    let alive = world.event("customer.subscription.created").await;
    world.drain().await;
    let because = json!({ "reason": "asked by letter" });
    delete(&world, &olga, &ada.account, because.clone())
        .await
        .ok(204);
    for node in [0, 1] {
        for person in [&ada, &bob] {
            let me = world.call(node, Method::GET, "/api/v1/auth/me").by(person);
            assert_eq!(me.send().await.refusal(), (401, "token_revoked".to_owned()));
        }
    }
    world.drain().await;
    let at_stripe = world
        .stripe(Method::GET, &format!("subscriptions/{subscription}"), &[])
        .await;
    assert_eq!(at_stripe["status"], "canceled");
    let mut late = alive;
    late["id"] = json!("evt_late");
    late["created"] = json!(world.now().unix_seconds() + 259_200);
    world.deliver(&late).await.ok(200);
    world.drain().await;
    let live = "SELECT count(*) FROM subscriptions WHERE status = 'active'";
    assert_eq!(world.count(live).await, 0);
    let left = "SELECT (SELECT count(*) FROM account_invites)
                     + (SELECT count(*) FROM purchase_reservations)
                     + (SELECT count(*) FROM memberships m JOIN users u ON u.id = m.user_id
                        WHERE u.name = 'Bob')";
    assert_eq!(world.count(left).await, 0);
    // The people stay, and have an account of their own at their next sign-in.
    let mut bob = bob;
    world.sign_in(&mut bob).await;
    let me = world.get("/auth/me").by(&bob).send().await.ok(200);
    assert_ne!(me["account_id"], json!(ada.account));

    delete(&world, &olga, &ada.account, because).await.ok(204);
    let trail = world.trail("account_deleted").await;
    assert_eq!(trail.len(), 1);
    assert_eq!(trail[0].0.as_ref(), Some(&olga.id));
}

#[tokio::test]
async fn i25_a_page_of_a_deleted_account_can_be_paid_no_more() {
    let world = World::start().await;
    let olga = world.operator().await;
    let ada = world.person("Ada").await;
    world.verify(&ada).await;
    world.open_checkout(&ada, &monthly("pro", 1)).await.ok(200);
    let because = json!({ "reason": "asked by letter" });
    delete(&world, &olga, &ada.account, because).await.ok(204);
    world.drain().await;
    let pages = world.stripe_list("checkout/sessions").await;
    assert_eq!(pages.len(), 1);
    assert_eq!(pages[0]["status"], "expired");
}

#[tokio::test]
async fn of_fifty_deletions_at_once_one_deletes() {
    let world = Setup::default().two_nodes().start().await;
    let olga = world.operator().await;
    let ada = world.person("Ada").await;
    let authorization = format!("Bearer {}", olga.access);
    let path = format!("/api/v1/admin/accounts/{}", ada.account);
    let headers = [
        ("authorization", authorization.as_str()),
        ("content-type", "application/json"),
    ];
    let body = json!({ "reason": "x" }).to_string();
    let request = |nth: usize| {
        let node = world.ops_address(nth % 2);
        (node, raw_request("DELETE", node, &path, &headers, &body))
    };
    let replies = burst((0..50).map(request).collect()).await.unwrap();
    assert!(
        replies.iter().all(|reply| reply.status == 204),
        "{replies:?}"
    );
    assert_eq!(world.trail("account_deleted").await.len(), 1);
}

#[tokio::test]
async fn what_is_not_there_or_not_said_right_is_refused() {
    let world = World::start().await;
    let olga = world.operator().await;
    let ada = world.person("Ada").await;
    let nobody = Uuid::nil().to_string();
    world.drain().await;
    let before = world.rows().await;
    for (account, body, status, code) in [
        (
            nobody.as_str(),
            json!({ "reason": "x" }),
            404,
            "account_not_found",
        ),
        (
            "nonsense",
            json!({ "reason": "x" }),
            404,
            "account_not_found",
        ),
        (&ada.account, json!({}), 422, "validation_failed"),
        (
            &ada.account,
            json!({ "reason": " " }),
            422,
            "validation_failed",
        ),
        (
            &ada.account,
            json!({ "reason": "x", "now": true }),
            400,
            "unknown_field",
        ),
    ] {
        let answer = delete(&world, &olga, account, body.clone()).await;
        assert_eq!(
            answer.refusal(),
            (status, code.to_owned()),
            "{account} {body}"
        );
    }
    assert_eq!(world.rows().await, before);
}
