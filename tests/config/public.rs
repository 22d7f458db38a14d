//! GET /config/public

use crate::world::{Setup, World};

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
