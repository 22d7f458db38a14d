//! POST /auth/refresh

use tollgate_testkit::burst;

use crate::world::{Answer, DAY, Person, SECOND, Setup, World, just_under, raw_post};

async fn refresh(world: &World, token: &str) -> Answer {
    world.post("/auth/refresh").bearer(token).send().await
}

/// The successor, of a token that must have one.
async fn next(world: &World, token: &str) -> String {
    let tokens = refresh(world, token).await.ok(200);
    tokens["refresh_token"].as_str().unwrap().to_owned()
}

fn is_over(answer: &Answer) {
    assert_eq!(answer.refusal(), (401, "token_revoked".to_owned()));
}

#[tokio::test]
async fn a_refresh_token_is_exchanged_for_new_tokens() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let answer = refresh(&world, &ada.refresh).await;
    insta::assert_snapshot!(answer, @r#"
    200
    {
      "access_token": "[access token]",
      "expires_in": 900,
      "refresh_token": "[refresh token]",
      "token_type": "bearer"
    }
    "#);
    let access = answer.ok(200)["access_token"].as_str().unwrap().to_owned();
    world.get("/auth/me").bearer(&access).send().await.ok(200);
}

#[tokio::test]
async fn t28_a_used_token_that_comes_back_ends_the_family() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let first = next(&world, &ada.refresh).await;
    let second = next(&world, &first).await;
    is_over(&refresh(&world, &ada.refresh).await);
    is_over(&refresh(&world, &second).await);
    is_over(&refresh(&world, &first).await);
    is_over(&world.get("/auth/me").by(&ada).send().await);
    world.drain().await;
    let mails = world.mails_to("ada@example.com");
    let told = |mail: &&String| mail.contains("A device was signed out of");
    assert_eq!(mails.iter().filter(told).count(), 1, "{mails:#?}");
    let mut anew = ada;
    world.sign_in(&mut anew).await;
    world.get("/auth/me").by(&anew).send().await.ok(200);
}

#[tokio::test]
async fn t29_twenty_tabs_at_once_get_one_successor() {
    let world = Setup::default().two_nodes().start().await;
    let ada = world.person("Ada").await;
    let request = |nth: usize| {
        let node = world.address(nth % 2);
        let bearer = format!("Bearer {}", ada.refresh);
        (
            node,
            raw_post(
                node,
                "/api/v1/auth/refresh",
                &[("authorization", &bearer)],
                "",
            ),
        )
    };
    let replies = burst((0..20).map(request).collect()).await.unwrap();
    let mut successors: Vec<String> = replies
        .iter()
        .map(|reply| {
            assert_eq!(reply.status, 200, "{reply:?}");
            let tokens: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
            tokens["refresh_token"].as_str().unwrap().to_owned()
        })
        .collect();
    successors.dedup();
    assert_eq!(successors.len(), 1);
    next(&world, &successors[0]).await;
    assert_eq!(world.count("SELECT count(*) FROM refresh_tokens").await, 3);
}

#[tokio::test]
async fn t30_a_lost_answer_is_given_again_for_ten_seconds() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let lost = next(&world, &ada.refresh).await;
    world.clock.advance(SECOND * 9);
    assert_eq!(next(&world, &ada.refresh).await, lost);
    next(&world, &lost).await;
    is_over(&refresh(&world, &ada.refresh).await);
    is_over(&refresh(&world, &lost).await);
}

#[tokio::test]
async fn t30_after_ten_seconds_a_used_token_is_a_stolen_one() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let successor = next(&world, &ada.refresh).await;
    world.clock.advance(SECOND * 10);
    is_over(&refresh(&world, &ada.refresh).await);
    is_over(&refresh(&world, &successor).await);
}

#[tokio::test]
async fn t31_a_session_ends_after_ninety_days_however_busy() {
    let world = World::start().await;
    let Person { mut refresh, .. } = world.person("Ada").await;
    for _ in 1..90 {
        world.clock.advance(DAY);
        refresh = next(&world, &refresh).await;
    }
    world.clock.advance(DAY);
    let answer = self::refresh(&world, &refresh).await;
    insta::assert_snapshot!(answer, @r#"
    401
    www-authenticate: Bearer
    {
      "detail": {
        "error": "token_expired",
        "message": "The session was not used for long; sign in again."
      }
    }
    "#);
}

#[tokio::test]
async fn t31_a_session_ends_after_thirty_days_unused() {
    let world = World::start().await;
    let (ada, bob) = (world.person("Ada").await, world.person("Bob").await);
    world.clock.advance(just_under(DAY * 30));
    next(&world, &ada.refresh).await;
    world.clock.advance(SECOND);
    let answer = refresh(&world, &bob.refresh).await;
    assert_eq!(answer.refusal(), (401, "token_expired".to_owned()));
}

#[tokio::test]
async fn what_is_no_refresh_token_is_refused_and_ends_nothing() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let none = world.post("/auth/refresh").send().await;
    assert_eq!(none.refusal(), (401, "not_authenticated".to_owned()));
    let altered = format!("{}A", &ada.refresh[..ada.refresh.len() - 1]);
    let unknown = format!("tgr_{}", "A".repeat(43));
    for token in [&ada.access, &altered, &unknown, "x", "tgr_"] {
        if token != ada.refresh {
            is_over(&refresh(&world, token).await);
        }
    }
    next(&world, &ada.refresh).await;
}
