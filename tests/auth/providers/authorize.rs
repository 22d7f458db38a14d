//! GET /auth/{provider}/authorize

use std::collections::HashMap;

use serde_json::json;
use tollgate_oidc_issuer::{Endpoint, Lies};
use url::Url;

use super::refused;
use crate::world::{DAY, PASSWORD, Setup, World, googles};

#[tokio::test]
async fn a_browser_is_sent_to_the_provider_with_what_binds_its_answer() {
    let world = Setup::default().with_providers().start().await;
    for (provider, client) in [
        ("google", "google-client"),
        ("microsoft", "microsoft-client"),
        ("corp", "corp-client"),
    ] {
        let flow = world.begin(provider).await;
        let address = Url::parse(&flow.address).unwrap();
        let issuer = world.issuers().of(provider).address();
        assert_eq!(address.authority(), issuer.to_string());
        let query: HashMap<_, _> = address.query_pairs().into_owned().collect();
        assert_eq!(query["client_id"], client);
        assert_eq!(
            query["redirect_uri"],
            format!("http://app.test/auth/{provider}/callback")
        );
        assert_eq!(query["response_type"], "code");
        assert_eq!(query["scope"], "openid email profile");
        assert_eq!(query["code_challenge_method"], "S256");
        assert_eq!(query["state"], flow.state);
        for secret in [
            &flow.state,
            &flow.flow_token,
            &query["nonce"],
            &query["code_challenge"],
        ] {
            assert_eq!(secret.len(), 43);
        }
        assert!(!flow.address.contains(&flow.flow_token));
    }
}

#[tokio::test]
async fn t18_what_a_browser_holds_is_not_in_the_database() {
    let world = Setup::default().with_providers().start().await;
    let flow = world
        .begin_with("google", "?account_invite_code=a-code-that-was-mailed")
        .await;
    let dump = world.dump().await;
    for secret in [&flow.state, &flow.flow_token, "a-code-that-was-mailed"] {
        assert!(!dump.contains(secret));
    }
}

#[tokio::test]
async fn a_provider_that_is_not_set_up_lets_nobody_in() {
    let world = World::start().await;
    let answer = world.get("/auth/google/authorize").send().await;
    insta::assert_snapshot!(answer, @r#"
    503
    {
      "detail": {
        "error": "provider_not_configured",
        "message": "Nobody can sign in this way here; see the oauth_providers of /config/public."
      }
    }
    "#);
    for provider in ["microsoft", "corp", "GOOGLE", "a.b", "..%2f"] {
        let answer = world
            .get(&format!("/auth/{provider}/authorize"))
            .send()
            .await;
        refused(&answer, 503, "provider_not_configured");
        let body = json!({ "code": "c", "state": "s", "flow_token": "f" });
        let answer = world.come_back(provider, &body).await;
        refused(&answer, 503, "provider_not_configured");
    }
}

#[tokio::test]
async fn t48_where_one_goes_on_is_a_page_of_ours() {
    let world = Setup::default().with_providers().start().await;
    for next in ["/", "/account/billing%3Fplan=pro", "/docs%23part-2"] {
        world.begin_with("google", &format!("?next={next}")).await;
    }
    for next in [
        "",
        "//e.example",
        "/%5Ce.example",
        "/%252Fe.example",
        "https:e.example",
        "https://e.example",
        "javascript:alert(1)",
        "/%0D%0ALocation:e",
    ] {
        let answer = world
            .get(&format!("/auth/google/authorize?next={next}"))
            .send()
            .await;
        refused(&answer, 422, "validation_failed");
    }
}

#[tokio::test]
async fn t49_nothing_of_the_providers_address_is_the_callers_to_set() {
    let world = Setup::default().with_providers().start().await;
    let before = world.rows().await;
    for parameter in [
        "redirect_uri=https://e.example",
        "scope=openid+admin",
        "client_id=another",
        "state=mine",
        "nonce=mine",
        "login_hint=victim@example.com",
        "prompt=none",
        "response_type=token",
        "response_mode=fragment",
        "code_challenge=mine",
        "code_challenge_method=plain",
        "request_uri=https://e.example",
        "acr_values=0",
        "flow_token=mine",
    ] {
        let answer = world
            .get(&format!("/auth/google/authorize?{parameter}"))
            .send()
            .await;
        refused(&answer, 400, "unknown_field");
    }
    assert_eq!(world.rows().await, before);
}

#[tokio::test]
async fn t51_a_provider_that_is_down_is_said_to_be_and_nothing_else_is() {
    let world = Setup::default().with_providers().start().await;
    world.person("Ada").await;
    let fails = Lies {
        fails: HashMap::from([(Endpoint::Document, 500)]),
        ..Lies::default()
    };
    world.issuers().google.lie(fails);
    let answer = world.get("/auth/google/authorize").send().await;
    insta::assert_snapshot!(answer, @r#"
    503
    retry-after: 5
    {
      "detail": {
        "error": "provider_unavailable",
        "message": "The provider cannot be reached; try again, or sign in another way."
      }
    }
    "#);
    world.begin("corp").await;
    world.issuers().google.lie(Lies {
        hangs: vec![Endpoint::Document],
        ..Lies::default()
    });
    let started = std::time::Instant::now();
    let (answer, login) = tokio::join!(
        async { world.get("/auth/google/authorize").send().await },
        async {
            let body = json!({ "email": "ada@example.com", "password": PASSWORD });
            let answer = world.post("/auth/login/json").json(&body).send().await;
            (answer.status, started.elapsed())
        }
    );
    refused(&answer, 504, "provider_timeout");
    assert!(started.elapsed().as_secs() < 6, "{:?}", started.elapsed());
    assert_eq!(login.0, 200);
    assert!(login.1.as_secs() < 3, "{login:?}");
    // It is back, and the next one gets in.
    world.issuers().google.lie(Lies::default());
    world
        .sign_in_through("google", &googles("Bob"))
        .await
        .ok(200);
}

#[tokio::test]
async fn sign_ins_that_nobody_ended_do_not_pile_up() {
    let world = Setup::default().with_providers().start().await;
    for _ in 0..4 {
        world.begin("google").await;
    }
    world.advance(DAY).await;
    for _ in 0..3 {
        world.begin("google").await;
    }
    assert_eq!(world.count("SELECT count(*) FROM oauth_flows").await, 3);
}

#[tokio::test]
async fn beginning_too_often_is_slowed_down() {
    let world = Setup::default()
        .with_providers()
        .set("RATE_LIMITS", "strict")
        .start()
        .await;
    let mut begun = 0;
    // One more may begin every two seconds, however slow this machine is.
    let slowed_down = loop {
        let answer = world.get("/auth/google/authorize").send().await;
        if answer.status != 200 || begun == 300 {
            break answer;
        }
        begun += 1;
    };
    refused(&slowed_down, 429, "rate_limited");
    assert!(begun >= 30, "{begun}");
}
