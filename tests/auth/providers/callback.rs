//! POST /auth/{provider}/callback

use std::collections::HashMap;

use reqwest::Method;
use serde_json::{Value, json};
use tollgate_oidc_issuer::{Endpoint, Lies};
use tollgate_testkit::burst;

use super::{refused, whoami};
use crate::world::{MINUTE, PASSWORD, Setup, TENANT, googles, just_under, microsofts, raw_post};

#[tokio::test]
async fn the_first_sign_in_makes_a_person_whose_address_is_proven() {
    let world = Setup::default().with_providers().start().await;
    let flow = world.begin_with("google", "?next=/welcome").await;
    let body = world.visit(&flow, &googles("Ada")).await;
    let answer = world.come_back("google", &body).await;
    insta::assert_snapshot!(answer, @r#"
    200
    {
      "access_token": "[access token]",
      "expires_in": 900,
      "is_new_user": true,
      "next": "/welcome",
      "refresh_token": "[refresh token]",
      "token_type": "bearer"
    }
    "#);
    let me = whoami(&world, &answer).await;
    assert_eq!(me["email"], "ada@example.com");
    assert_eq!(me["name"], "ada");
    assert_eq!(me["account_role"], "owner");
    assert_eq!(me["memberships"][0]["account_name"], "ada");
    assert_eq!(me["email_verified_at"], "2027-01-04T09:00:00Z");
    let access = answer.ok(200)["access_token"].as_str().unwrap().to_owned();
    let state = world
        .get("/billing/state")
        .bearer(&access)
        .send()
        .await
        .ok(200);
    assert_eq!(state["subscription"]["status"], "trialing");
    let refresh = answer.ok(200)["refresh_token"].as_str().unwrap().to_owned();
    let refreshed = world.post("/auth/refresh").bearer(&refresh).send().await;
    refreshed.ok(200);
    world.drain().await;
    assert!(world.mails_to("ada@example.com").is_empty());
}

#[tokio::test]
async fn a_known_identity_is_the_same_person_whatever_address_comes_with_it() {
    let world = Setup::default().with_providers().start().await;
    for (provider, claims) in [("google", googles("Ada")), ("microsoft", microsofts("Bob"))] {
        let first = world.sign_in_through(provider, &claims).await;
        assert_eq!(first.ok(200)["is_new_user"], json!(true));
        let person = whoami(&world, &first).await;
        let rows = world.rows().await;
        for (key, value) in [
            ("email", json!("another@example.com")),
            ("email_verified", json!(false)),
            ("xms_edov", json!(null)),
            ("name", json!("Somebody Else")),
        ] {
            let mut claims = claims.clone();
            claims[key] = value;
            let again = world.sign_in_through(provider, &claims).await;
            assert_eq!(again.ok(200)["is_new_user"], json!(false));
            assert_eq!(whoami(&world, &again).await, person, "{key}");
        }
        let after = world.rows().await;
        for table in ["users", "accounts", "oauth_identities", "memberships"] {
            let table = format!("public.{table}");
            assert_eq!(after[&table], rows[&table], "{table}");
        }
    }
}

#[tokio::test]
async fn any_issuer_is_just_another_provider() {
    let world = Setup::default().with_providers().start().await;
    let public = world.get("/config/public").send().await.ok(200);
    assert_eq!(
        public["oauth_providers"],
        json!(["google", "microsoft", "corp"])
    );
    let answer = world.sign_in_through("corp", &googles("Ada")).await;
    assert_eq!(whoami(&world, &answer).await["email"], "ada@example.com");
}

#[tokio::test]
async fn somebody_whose_provider_proves_nothing_proves_the_address_by_mail() {
    let world = Setup::default().with_providers().start().await;
    let mut claims = microsofts("Ada");
    claims["xms_edov"] = json!(null);
    let answer = world.sign_in_through("microsoft", &claims).await;
    let me = whoami(&world, &answer).await;
    assert_eq!(me["email_verified_at"], json!(null));
    world.drain().await;
    assert_eq!(world.mails_to("ada@example.com").len(), 1);
}

#[tokio::test]
async fn a_name_that_is_none_is_made_up_for() {
    let world = Setup::default().with_providers().start().await;
    for (n, (name, kept)) in [
        (json!("Ada Lovelace"), "Ada Lovelace"),
        (json!("see https://evil.example"), "p1"),
        (json!("x".repeat(200)), "p2"),
        (json!(null), "p3"),
        (json!(""), "p4"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut claims = googles(&format!("p{n}"));
        claims["name"] = name;
        let answer = world.sign_in_through("google", &claims).await;
        assert_eq!(whoami(&world, &answer).await["name"], kept);
    }
}

#[tokio::test]
async fn t43_an_answer_belongs_to_one_sign_in_of_one_browser() {
    let world = Setup::default().with_providers().start().await;
    let ada = googles("Ada");
    let other = world.begin("google").await;
    let at_corp = world.begin("corp").await;
    let unknown = "x".repeat(43);
    let spoilt = [
        ("no state", json!({ "state": null })),
        ("an empty state", json!({ "state": "" })),
        ("an unknown state", json!({ "state": unknown })),
        ("another browser's state", json!({ "state": other.state })),
        ("a clean browser", json!({ "flow_token": null })),
        ("an empty flow token", json!({ "flow_token": "" })),
        ("an unknown flow token", json!({ "flow_token": unknown })),
        (
            "another browser's flow token",
            json!({ "flow_token": other.flow_token }),
        ),
        (
            "another sign-in's flow token in place of the state",
            json!({ "state": other.flow_token, "flow_token": other.state }),
        ),
        (
            "another provider's sign-in",
            json!({ "state": at_corp.state, "flow_token": at_corp.flow_token }),
        ),
    ];
    for (what, spoilt) in spoilt {
        let flow = world.begin("google").await;
        let mut body = world.visit(&flow, &ada).await;
        for (key, value) in spoilt.as_object().unwrap() {
            if value.is_null() {
                body.as_object_mut().unwrap().remove(key);
            } else {
                body[key] = value.clone();
            }
        }
        let answer = world.come_back("google", &body).await;
        refused(&answer, 400, "oauth_state_invalid");
        assert_eq!(
            world.issuers().google.times_asked(Endpoint::Token),
            0,
            "{what}"
        );
    }
    // Too late by a moment, and twice.
    let flow = world.begin("google").await;
    let body = world.visit(&flow, &ada).await;
    world.clock.advance(MINUTE * 10);
    refused(
        &world.come_back("google", &body).await,
        400,
        "oauth_state_invalid",
    );
    let flow = world.begin("google").await;
    world.clock.advance(just_under(MINUTE * 10));
    let body = world.visit(&flow, &ada).await;
    let nowhere = world
        .call(0, Method::GET, "/api/v1/auth/google/callback")
        .send()
        .await;
    assert_eq!(nowhere.status, 405);
    world.come_back("google", &body).await.ok(200);
    refused(
        &world.come_back("google", &body).await,
        400,
        "oauth_state_invalid",
    );
}

#[tokio::test]
async fn a_sign_in_whose_exchange_failed_is_over() {
    let world = Setup::default().with_providers().start().await;
    let flow = world.begin("google").await;
    let mut body = world.visit(&flow, &googles("Ada")).await;
    let right = body["code"].clone();
    body["code"] = json!("none");
    let answer = world.come_back("google", &body).await;
    insta::assert_snapshot!(answer, @r#"
    400
    {
      "detail": {
        "error": "oauth_exchange_failed",
        "message": "The provider did not confirm who you are; begin anew."
      }
    }
    "#);
    body["code"] = right;
    refused(
        &world.come_back("google", &body).await,
        400,
        "oauth_state_invalid",
    );
}

#[tokio::test]
async fn t43_of_fifty_with_one_state_one_gets_in() {
    let world = Setup::default().with_providers().two_nodes().start().await;
    let flow = world.begin("google").await;
    let body = world.visit(&flow, &googles("Ada")).await.to_string();
    let requests = (0..50).map(|n| {
        let node = world.address(n % 2);
        let path = "/api/v1/auth/google/callback";
        (node, raw_post(node, path, &[], &body))
    });
    let replies = burst(requests.collect()).await.unwrap();
    let with = |status| {
        replies
            .iter()
            .filter(|reply| reply.status == status)
            .count()
    };
    assert_eq!((with(200), with(400)), (1, 49), "{replies:?}");
    for (query, rows) in [
        ("SELECT count(*) FROM auth_sessions", 1),
        ("SELECT count(*) FROM users", 1),
        ("SELECT count(*) FROM oauth_identities", 1),
    ] {
        assert_eq!(world.count(query).await, rows, "{query}");
    }
    assert_eq!(world.issuers().google.times_asked(Endpoint::Token), 1);
}

#[tokio::test]
async fn t52_one_person_who_signs_in_from_many_browsers_at_once_is_one() {
    let world = Setup::default().with_providers().two_nodes().start().await;
    let mut requests = Vec::new();
    for n in 0..20 {
        let flow = world.begin("google").await;
        let body = world.visit(&flow, &googles("Ada")).await.to_string();
        let node = world.address(n % 2);
        let path = "/api/v1/auth/google/callback";
        requests.push((node, raw_post(node, path, &[], &body)));
    }
    let replies = burst(requests).await.unwrap();
    assert!(
        replies.iter().all(|reply| reply.status == 200),
        "{replies:?}"
    );
    let new = |reply: &&tollgate_testkit::Reply| reply.body.contains("\"is_new_user\":true");
    assert_eq!(replies.iter().filter(new).count(), 1);
    for (query, rows) in [
        ("SELECT count(*) FROM auth_sessions", 20),
        ("SELECT count(*) FROM users", 1),
        ("SELECT count(*) FROM accounts", 1),
        ("SELECT count(*) FROM oauth_identities", 1),
        ("SELECT count(*) FROM trial_keys", 1),
    ] {
        assert_eq!(world.count(query).await, rows, "{query}");
    }
}

#[tokio::test]
async fn a_person_who_proved_the_address_gets_one_more_way_in() {
    let world = Setup::default().with_providers().start().await;
    let ada = world.person("Ada").await;
    world.verify(&ada).await;
    let answer = world.sign_in_through("google", &googles("Ada")).await;
    assert_eq!(answer.ok(200)["is_new_user"], json!(false));
    assert_eq!(whoami(&world, &answer).await["id"], json!(ada.id));
    // The old way in goes on.
    world.get("/auth/me").by(&ada).send().await.ok(200);
    let mut ada = ada;
    world.sign_in(&mut ada).await;
    world.drain().await;
    let mails = world.mails_to("ada@example.com");
    let told = |mail: &&String| mail.contains("A new way to sign in to");
    assert_eq!(mails.iter().filter(told).count(), 1, "{mails:#?}");
}

#[tokio::test]
async fn a_code_for_somebody_new_is_kept_from_somebody_known() {
    let world = Setup::default().with_providers().start().await;
    let ada = world.person("Ada").await;
    world.verify(&ada).await;
    let flow = world.begin_with("google", "?account_invite_code=x").await;
    let body = world.visit(&flow, &googles("Ada")).await;
    let answer = world.come_back("google", &body).await;
    insta::assert_snapshot!(answer, @r#"
    400
    {
      "detail": {
        "error": "email_already_registered_use_login",
        "message": "You have an account; sign in, then accept the invitation."
      }
    }
    "#);
    let flow = world.begin("google").await;
    let mut body = world.visit(&flow, &googles("Bob")).await;
    body["account_invite_code"] = json!("x");
    refused(
        &world.come_back("google", &body).await,
        400,
        "invite_invalid_or_expired_or_revoked",
    );
    let flow = world.begin("google").await;
    let mut body = world.visit(&flow, &googles("Bob")).await;
    body["account_invite_code"] = json!("x");
    body["invited_email"] = json!("ada@example.com");
    refused(
        &world.come_back("google", &body).await,
        400,
        "invite_email_mismatch",
    );
    assert_eq!(world.count("SELECT count(*) FROM users").await, 1);
}

#[tokio::test]
async fn nobody_new_comes_in_where_signing_up_needs_a_code() {
    let world = Setup::default()
        .with_providers()
        .set("SELF_SERVE_ENABLED", "false")
        .start()
        .await;
    let answer = world.sign_in_through("google", &googles("Ada")).await;
    refused(&answer, 400, "invite_code_required");
    assert_eq!(world.count("SELECT count(*) FROM users").await, 0);
}

#[tokio::test]
async fn t13_a_suspended_account_is_closed_whichever_way_one_comes() {
    let world = Setup::default().with_providers().start().await;
    let ada = world.person("Ada").await;
    world.verify(&ada).await;
    world
        .sign_in_through("google", &googles("Ada"))
        .await
        .ok(200);
    world
        .execute("UPDATE accounts SET suspended_at = now()")
        .await;
    let body = json!({ "email": "ada@example.com", "password": PASSWORD });
    let by_password = world.post("/auth/login/json").json(&body).send().await;
    let by_provider = world.sign_in_through("google", &googles("Ada")).await;
    let by_link = world.sign_in_through("corp", &googles("Ada")).await;
    assert_eq!(by_password.to_string(), by_provider.to_string());
    refused(&by_provider, 403, "account_suspended");
    // Nobody is told more than somebody who may sign in.
    refused(&by_link, 409, "link_requires_sign_in");
}

#[tokio::test]
async fn t24_each_sign_in_is_a_session_of_its_own() {
    let world = Setup::default().with_providers().start().await;
    let first = world.sign_in_through("google", &googles("Ada")).await;
    let second = world.sign_in_through("google", &googles("Ada")).await;
    let sessions = |answer: &crate::world::Answer| {
        let access = answer.ok(200)["access_token"].as_str().unwrap().to_owned();
        world.get("/auth/sessions").bearer(&access)
    };
    let listed = sessions(&second).send().await.ok(200);
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let current = |listed: &Value| {
        let all = listed.as_array().unwrap();
        all.iter()
            .find(|one| one["is_current"] == json!(true))
            .unwrap()["id"]
            .clone()
    };
    let other = sessions(&first).send().await.ok(200);
    assert_ne!(current(&listed), current(&other));
}

#[tokio::test]
async fn t51_a_provider_that_was_taken_away_meanwhile_lets_nobody_in() {
    let world = Setup::default()
        .with_providers()
        .set_second("OIDC_PROVIDERS", "")
        .start()
        .await;
    let flow = world.begin("corp").await;
    let body = world.visit(&flow, &googles("Ada")).await;
    let answer = world
        .call(1, Method::POST, "/api/v1/auth/corp/callback")
        .json(&body)
        .send()
        .await;
    refused(&answer, 503, "provider_not_configured");
    // The other node still knows it, and the sign-in was not used up.
    world.come_back("corp", &body).await.ok(200);
}

#[tokio::test]
async fn t51_a_token_endpoint_that_fails_is_the_providers_fault() {
    let world = Setup::default().with_providers().start().await;
    for (lies, status, code) in [
        (
            Lies {
                fails: HashMap::from([(Endpoint::Token, 502)]),
                ..Lies::default()
            },
            503,
            "provider_unavailable",
        ),
        (
            Lies {
                hangs: vec![Endpoint::Token],
                ..Lies::default()
            },
            504,
            "provider_timeout",
        ),
    ] {
        world.issuers().google.lie(lies);
        let answer = world.sign_in_through("google", &googles("Ada")).await;
        refused(&answer, status, code);
    }
    world.issuers().google.lie(Lies::default());
    world
        .sign_in_through("google", &googles("Ada"))
        .await
        .ok(200);
}

#[tokio::test]
async fn a_tenant_is_part_of_who_one_is() {
    let world = Setup::default().with_providers().start().await;
    let ada = world.sign_in_through("microsoft", &microsofts("Ada")).await;
    let mut elsewhere = microsofts("Ada");
    assert_eq!(elsewhere["tid"], TENANT);
    elsewhere["tid"] = json!("bbbbbbbb-0000-4000-8000-00000000000b");
    elsewhere["email"] = json!("eve@example.com");
    let eve = world.sign_in_through("microsoft", &elsewhere).await;
    assert_ne!(
        whoami(&world, &ada).await["id"],
        whoami(&world, &eve).await["id"]
    );
}
