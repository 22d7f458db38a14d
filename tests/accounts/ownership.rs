//! POST /accounts/me/transfer-ownership

use serde_json::{Value, json};
use tollgate_testkit::burst;

use crate::world::{Answer, MINUTE, PASSWORD, Person, SECOND, Setup, World, raw_post};

async fn transfer(world: &World, by: &Person, body: &Value) -> Answer {
    let call = world.post("/accounts/me/transfer-ownership");
    call.by(by).json(body).send().await
}

#[tokio::test]
async fn an_account_is_handed_over_and_both_are_told() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let bob = world.member(&ada, "Bob", "engineer").await;
    transfer(&world, &ada, &json!({ "user_id": bob.id }))
        .await
        .ok(204);
    world.drain().await;
    let role = async |person: &Person| {
        let me = world.get("/auth/me").by(person).send().await.ok(200);
        me["account_role"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        (role(&ada).await, role(&bob).await),
        ("admin".into(), "owner".into())
    );
    let told = |person: &Person| world.mails_to(&person.email).pop().unwrap();
    insta::assert_snapshot!(format!("{}\n\n{}", told(&ada), told(&bob)));
    let again = transfer(&world, &ada, &json!({ "user_id": bob.id })).await;
    assert_eq!(again.refusal(), (403, "role_required".to_owned()));
    let audited = "SELECT count(*) FROM audit_log WHERE action = 'ownership_transferred'";
    assert_eq!(world.count(audited).await, 1);
}

#[tokio::test]
async fn whoever_found_a_device_open_hands_nothing_over() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let bob = world.member(&ada, "Bob", "admin").await;
    let body = json!({ "user_id": bob.id });
    world.clock.advance(MINUTE * 5 + SECOND);
    let stale = transfer(&world, &ada, &body).await;
    assert_eq!(stale.refusal(), (403, "fresh_sign_in_required".to_owned()));
    // Going on in another account, or refreshing, is no sign-in.
    let switch = json!({ "account_id": ada.account });
    let switched = world
        .post("/users/me/current-account")
        .by(&ada)
        .json(&switch);
    let tokens = switched.send().await.ok(200);
    let refreshed = world
        .post("/auth/refresh")
        .bearer(&ada.refresh)
        .send()
        .await
        .ok(200);
    for tokens in [tokens, refreshed] {
        let access = tokens["access_token"].as_str().unwrap().to_owned();
        let same = Person {
            access,
            ..ada.clone()
        };
        let stale = transfer(&world, &same, &body).await;
        assert_eq!(stale.refusal(), (403, "fresh_sign_in_required".to_owned()));
    }
    let wrong = json!({ "user_id": bob.id, "password": "not-the-password-1" });
    let refused = transfer(&world, &ada, &wrong).await;
    assert_eq!(refused.refusal(), (401, "invalid_credentials".to_owned()));
    let right = json!({ "user_id": bob.id, "password": PASSWORD });
    transfer(&world, &ada, &right).await.ok(204);
}

#[tokio::test]
async fn an_account_is_handed_to_a_member_alone() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let eve = world.person("Eve").await;
    for unknown in [&eve.id, "00000000-0000-0000-0000-000000000000"] {
        let answer = transfer(&world, &ada, &json!({ "user_id": unknown })).await;
        assert_eq!(answer.refusal(), (404, "not_found".to_owned()));
    }
    let oneself = transfer(&world, &ada, &json!({ "user_id": ada.id })).await;
    assert_eq!(oneself.refusal(), (409, "already_owner".to_owned()));
    let admin = world.member(&ada, "Bob", "admin").await;
    let refused = transfer(&world, &admin, &json!({ "user_id": admin.id })).await;
    assert_eq!(refused.refusal(), (403, "role_required".to_owned()));
}

#[tokio::test]
async fn of_fifty_at_once_one_hands_the_account_over() {
    let world = Setup::default().two_nodes().start().await;
    let ada = world.person("Ada").await;
    let bob = world.member(&ada, "Bob", "viewer").await;
    world.drain().await;
    let body = json!({ "user_id": bob.id }).to_string();
    let bearer = format!("Bearer {}", ada.access);
    let request = |nth: usize| {
        let node = world.address(nth % 2);
        let headers = [("authorization", bearer.as_str())];
        (
            node,
            raw_post(
                node,
                "/api/v1/accounts/me/transfer-ownership",
                &headers,
                &body,
            ),
        )
    };
    let replies = burst((0..50).map(request).collect()).await.unwrap();
    let of = |status: u16| {
        replies
            .iter()
            .filter(|reply| reply.status == status)
            .count()
    };
    assert_eq!((of(204), of(403)), (1, 49), "{replies:?}");
    world.drain().await;
    let owners = "SELECT count(*) FROM memberships WHERE role = 'owner'";
    assert_eq!(world.count(owners).await, 1);
    assert_eq!(
        world.mails_to(&bob.email).len(),
        2,
        "the invitation, and the account"
    );
}

#[tokio::test]
async fn an_owner_who_signs_in_through_a_provider_signs_in_anew() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let bob = world.member(&ada, "Bob", "viewer").await;
    world.execute("UPDATE users SET password_hash = NULL").await;
    let body = json!({ "user_id": bob.id, "password": PASSWORD });
    let refused = transfer(&world, &ada, &body).await;
    assert_eq!(refused.refusal(), (400, "use_oauth_provider".to_owned()));
    transfer(&world, &ada, &json!({ "user_id": bob.id }))
        .await
        .ok(204);
    let members = world.get("/accounts/me/members");
    members.by(&bob).send().await.ok(200);
}
