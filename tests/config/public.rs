//! GET /config/public

use crate::world::{Answer, HOUR, Person, Setup, World};

#[tokio::test]
async fn a_page_learns_what_it_needs_before_anybody_signs_in() {
    let world = World::start().await;
    let answer = world.get("/config/public").send().await;
    insta::assert_snapshot!(answer, @r#"
    200
    {
      "oauth_providers": [],
      "self_serve_enabled": true,
      "stripe_publishable_key": "pk_test_0123456789abcdef"
    }
    "#);
}

#[tokio::test]
async fn what_is_not_set_up_is_not_there() {
    let setup = Setup::default()
        .without_stripe()
        .set("SELF_SERVE_ENABLED", "false");
    let answer = setup.start().await.get("/config/public").send().await;
    insta::assert_snapshot!(answer, @r#"
    200
    {
      "oauth_providers": [],
      "self_serve_enabled": false
    }
    "#);
}

async fn asked(world: &World, token: Option<&str>) -> Answer {
    let call = world.get("/config/public");
    match token {
        Some(token) => call.bearer(token).send().await,
        None => call.send().await,
    }
}

/// Who is on the list is told that it is on, and nobody can tell who that is.
#[tokio::test]
async fn a_tester_who_is_signed_in_sees_self_serve_and_nobody_else_does() {
    let world = Setup::default()
        .set("SELF_SERVE_ENABLED", "false")
        .set("REQUIRE_INVITE_CODE", "false")
        .set(
            "INTERNAL_TESTER_EMAILS",
            " , TESS@Example.com,tom@example.com ,",
        )
        .start()
        .await;
    let tess = world.person("Tess").await;
    let ada = world.person("Ada").await;
    let shown = async |token: Option<&str>| {
        let answer = asked(&world, token).await;
        let mut names: Vec<_> = answer.headers.keys().map(ToString::to_string).collect();
        names.sort();
        (answer.ok(200)["self_serve_enabled"].clone(), names)
    };
    let (anonymous, names) = shown(None).await;
    assert_eq!(anonymous, false);
    assert_eq!(
        shown(Some(&ada.access)).await,
        (false.into(), names.clone())
    );
    assert_eq!(
        shown(Some(&tess.access)).await,
        (true.into(), names.clone())
    );
    // A token that proves nothing makes nobody a tester, and keeps nobody from the page.
    for token in ["nonsense", "", &tess.refresh] {
        assert_eq!(
            shown(Some(token)).await,
            (false.into(), names.clone()),
            "{token}"
        );
    }
    let out = world.post("/auth/logout").by(&tess).send().await;
    assert_eq!(out.status, 204);
    assert_eq!(
        shown(Some(&tess.access)).await,
        (false.into(), names.clone())
    );
    let Person { access: late, .. } = world.person("Tom").await;
    world.clock.advance(HOUR / 4);
    assert_eq!(shown(Some(&late)).await, (false.into(), names));
}
