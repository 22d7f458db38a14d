//! POST and DELETE /admin/accounts/{id}/complimentary

use reqwest::Method;
use serde_json::{Value, json};
use tollgate_testkit::burst;

use crate::world::{Answer, DAY, Person, Setup, World, monthly, raw_post};

async fn act(world: &World, olga: &Person, method: Method, account: &str, body: Value) -> Answer {
    let path = format!("/accounts/{account}/complimentary");
    world.admin(olga, method, &path).json(&body).send().await
}

#[tokio::test]
async fn i26_free_access_covers_what_was_bought_and_uncovers_it_at_its_end() {
    let world = World::start().await;
    let mut olga = world.operator().await;
    let mut ada = world.person("Ada").await;
    world.verify(&ada).await;
    world.buy(&ada, "starter").await;
    world.advance(DAY * 15).await;
    world.sign_in(&mut ada).await;
    world.sign_in(&mut olga).await;
    assert_eq!(world.standing(&ada).await, "active starter by paid");
    let given = json!({ "plan": "pro", "reason": "a friend of the house" });
    let answer = act(&world, &olga, Method::POST, &ada.account, given).await;
    assert_eq!(answer.status, 204);
    assert_eq!(
        world.standing(&ada).await,
        "complimentary pro by complimentary"
    );
    let shown = world
        .ask(&olga, &format!("/accounts/{}", ada.account))
        .await
        .ok(200);
    assert_eq!(shown["complimentary"]["plan"], "pro");
    assert_eq!(shown["complimentary"]["granted_by"], olga.id.as_str());
    assert_eq!(shown["is_paid"], false);
    let ended = act(
        &world,
        &olga,
        Method::DELETE,
        &ada.account,
        json!({ "reason": "it was a month" }),
    );
    assert_eq!(ended.await.status, 204);
    assert_eq!(world.standing(&ada).await, "active starter by paid");
    let granted = world.trail("complimentary_granted").await;
    assert_eq!(granted.len(), 1);
    assert_eq!(granted[0].0.as_ref(), Some(&olga.id));
    assert_eq!(granted[0].1["reason"], "a friend of the house");
    let ended = world.trail("complimentary_ended").await;
    assert_eq!(ended[0].0.as_ref(), Some(&olga.id));
    assert_eq!(ended[0].1["reason"], "it was a month");
}

#[tokio::test]
async fn t101_free_access_ends_at_its_second() {
    let world = World::start().await;
    let olga = world.operator().await;
    let mut ada = world.person("Ada").await;
    let end = world
        .now()
        .saturating_add(DAY * 20)
        .as_datetime()
        .to_rfc3339();
    let given = json!({ "plan": "enterprise", "reason": "a pilot", "ends_at": end });
    let answer = act(&world, &olga, Method::POST, &ada.account, given).await;
    assert_eq!(answer.status, 204);
    world.advance(crate::world::just_under(DAY * 20)).await;
    world.sign_in(&mut ada).await;
    assert_eq!(
        world.standing(&ada).await,
        "complimentary enterprise by complimentary"
    );
    world.clock.advance(crate::world::SECOND);
    assert_eq!(world.standing(&ada).await, "trialing pro by read_only");
}

#[tokio::test]
async fn of_fifty_grants_at_once_on_two_nodes_one_is_given() {
    let world = Setup::default().two_nodes().start().await;
    let olga = world.operator().await;
    let ada = world.person("Ada").await;
    world.drain().await;
    let authorization = format!("Bearer {}", olga.access);
    let path = format!("/api/v1/admin/accounts/{}/complimentary", ada.account);
    let body = json!({ "plan": "pro", "reason": "once" }).to_string();
    let request = |nth: usize| {
        let node = world.ops_address(nth % 2);
        (
            node,
            raw_post(node, &path, &[("authorization", &authorization)], &body),
        )
    };
    let replies = burst((0..50).map(request).collect()).await.unwrap();
    assert_eq!(
        replies.iter().filter(|reply| reply.status == 204).count(),
        1,
        "{replies:?}"
    );
    assert_eq!(
        replies.iter().filter(|reply| reply.status == 409).count(),
        49,
        "{replies:?}"
    );
    assert_eq!(
        world
            .count("SELECT count(*) FROM complimentary_grants")
            .await,
        1
    );
    assert_eq!(world.trail("complimentary_granted").await.len(), 1);
}

#[tokio::test]
async fn t101_what_is_not_given_right_is_not_given() {
    let world = World::start().await;
    let olga = world.operator().await;
    let ada = world.person("Ada").await;
    let nobody = uuid::Uuid::nil().to_string();
    world.drain().await;
    let past = world.now().as_datetime().to_rfc3339();
    let before = world.rows().await;
    for (account, body, status, code) in [
        (
            &ada.account,
            json!({ "plan": "pro" }),
            422,
            "validation_failed",
        ),
        (
            &ada.account,
            json!({ "plan": "pro", "reason": " " }),
            422,
            "validation_failed",
        ),
        (
            &ada.account,
            json!({ "plan": "pro", "reason": "x".repeat(1001) }),
            422,
            "validation_failed",
        ),
        (
            &ada.account,
            json!({ "plan": "pro", "reason": "\u{0}" }),
            422,
            "validation_failed",
        ),
        (
            &ada.account,
            json!({ "plan": "pro", "reason": "x", "ends_at": past }),
            422,
            "validation_failed",
        ),
        (
            &ada.account,
            json!({ "plan": "free", "reason": "x" }),
            400,
            "invalid_plan",
        ),
        (
            &ada.account,
            json!({ "plan": "platinum", "reason": "x" }),
            400,
            "invalid_plan",
        ),
        (
            &nobody,
            json!({ "plan": "pro", "reason": "x" }),
            404,
            "account_not_found",
        ),
    ] {
        let answer = act(&world, &olga, Method::POST, account, body.clone()).await;
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{body}");
    }
    for (account, code) in [
        (&ada.account, (409, "not_complimentary")),
        (&nobody, (404, "account_not_found")),
    ] {
        let answer = act(
            &world,
            &olga,
            Method::DELETE,
            account,
            json!({ "reason": "x" }),
        )
        .await;
        assert_eq!(answer.refusal(), (code.0, code.1.to_owned()));
    }
    assert_eq!(world.rows().await, before);
    world.open_checkout(&ada, &monthly("pro", 1)).await.ok(200);
}
