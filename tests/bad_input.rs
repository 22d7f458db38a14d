//! What no client of good will sends, at every route: a documented refusal, never a 5xx, and nothing
//! written.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};
use tollgate::http::{Port, ROUTES, Route, Who};
use tollgate_primitives::Timestamp;
use tollgate_sign_in_oidc::{AccessTokenSettings, Ed25519AccessTokens, KeySeed};
use tollgate_use_cases::ports::{AccessClaims, AccessTokens as _};
use uuid::Uuid;

use crate::world::{
    ACCESS_TOKEN_KEY, HOUR, PASSWORD, PUBLIC_URL, Person, SECOND, World, just_under, monthly,
};

/// What nobody may say of themselves.
const PRIVILEGED: [&str; 30] = [
    "role",
    "account_role",
    "is_admin",
    "is_super_admin",
    "synthetic",
    "is_test_cohort",
    "seat_limit",
    "trial_end",
    "trial_days",
    "trial_plan",
    "stripe_customer_id",
    "stripe_subscription_id",
    "stripe_price_id",
    "price",
    "price_id",
    "amount",
    "currency",
    "status",
    "org_id",
    "account_id",
    "user_id",
    "id",
    "email_verified",
    "email_verified_at",
    "password_hash",
    "created_at",
    "suspended_at",
    "used_by",
    "__proto__",
    "constructor",
];

const FORM: &str = "application/x-www-form-urlencoded";

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];

/// Routes that take a body of JSON, with one that is fine.
fn bodies() -> Vec<(&'static str, Value)> {
    vec![
        (
            "/api/v1/auth/register",
            json!({ "email": "eve@example.com", "password": PASSWORD, "name": "Eve" }),
        ),
        (
            "/api/v1/auth/login/json",
            json!({ "email": "ada@example.com", "password": PASSWORD }),
        ),
        (
            "/api/v1/auth/password/change",
            json!({ "current_password": PASSWORD, "new_password": "quiet-harbour-92-moss" }),
        ),
        (
            "/api/v1/auth/password/forgot",
            json!({ "email": "ada@example.com" }),
        ),
        (
            "/api/v1/auth/password/reset",
            json!({ "token": "none", "new_password": "quiet-harbour-92-moss" }),
        ),
        ("/api/v1/auth/email/verify", json!({ "token": "none" })),
        (
            "/api/v1/auth/{provider}/callback",
            json!({ "code": "none", "state": "none", "flow_token": "none" }),
        ),
        ("/api/v1/auth/identities", json!({ "provider": "google" })),
        (
            "/api/v1/auth/identities/complete",
            json!({ "provider": "google", "code": "none", "state": "none", "flow_token": "none" }),
        ),
        (
            "/api/v1/sales-leads",
            json!({ "email": "eve@example.com", "name": "Eve", "company": "Evil", "source": "pricing_page" }),
        ),
        (
            "/api/v1/admin/sales-leads/{id}",
            json!({ "status": "contacted" }),
        ),
        (
            "/api/v1/users/me",
            json!({ "update_mask": "name", "user": { "name": "Eve" } }),
        ),
        (
            "/api/v1/users/me/onboarding-step",
            json!({ "step": 1, "action": "skip" }),
        ),
        (
            "/api/v1/accounts/me",
            json!({ "update_mask": "name", "account": { "name": "Eve" } }),
        ),
        ("/api/v1/billing/checkout-session", monthly("pro", 1)),
        (
            "/api/v1/admin/accounts/{id}/complimentary",
            json!({ "plan": "pro", "reason": "a pilot" }),
        ),
        ("/api/v1/admin/invites", json!({ "assigned_plan": "pro" })),
        (
            "/api/v1/admin/accounts/{id}",
            json!({ "reason": "asked by letter" }),
        ),
        (
            "/api/v1/admin/accounts/{id}/suspend",
            json!({ "reason": "a chargeback" }),
        ),
        ("/api/v1/billing/change-plan", json!({ "plan": "pro" })),
        (
            "/api/v1/billing/change-plan/preview",
            json!({ "plan": "pro" }),
        ),
        ("/api/v1/subscriptions", monthly("pro", 1)),
        (
            "/api/v1/accounts/me/invites",
            json!({ "email": "guest@example.com", "role": "viewer" }),
        ),
        (
            "/api/v1/accounts/me/invites/bulk",
            json!({ "invites": [{ "email": "guest@example.com", "role": "viewer" }] }),
        ),
        (
            "/api/v1/accounts/me/members/{id}",
            json!({ "role": "viewer" }),
        ),
        (
            "/api/v1/accounts/me/transfer-ownership",
            json!({ "user_id": Uuid::nil() }),
        ),
        (
            "/api/v1/users/me/current-account",
            json!({ "account_id": Uuid::nil() }),
        ),
    ]
}

async fn refused(
    world: &World,
    ada: &Person,
    path: &str,
    media_type: &str,
    body: impl Into<String>,
) -> String {
    let route = ["POST", "PATCH", "PUT", "DELETE"]
        .into_iter()
        .find_map(|method| {
            let asked = |route: &&Route| (route.method, route.path) == (method, path);
            ROUTES.iter().find(asked)
        });
    let route = route.unwrap();
    let path = path.replace("{id}", &Uuid::nil().to_string());
    let url = format!("{}{path}", port(world, route));
    let method = Method::from_bytes(route.method.as_bytes()).unwrap();
    let call = world.fetch(method, &url).by(ada);
    let (status, code) = call.body(media_type, body.into()).send().await.refusal();
    format!("{status} {code}")
}

/// Where a route is answered.
fn port(world: &World, route: &Route) -> String {
    match route.port() {
        Port::Public => world.url(0),
        Port::Operator => world.ops_url(0),
    }
}

#[test]
fn every_route_that_takes_a_body_has_its_hostile_cases() {
    let document: Value = crate::openapi::committed();
    let takes_json = |route: &&Route| {
        let operation = &document["paths"][route.path][route.method.to_lowercase()];
        route.who != Who::Signature
            && operation["requestBody"]["content"]["application/json"].is_object()
    };
    let taking: BTreeSet<_> = ROUTES
        .iter()
        .filter(takes_json)
        .map(|route| route.path)
        .collect();
    let covered: BTreeSet<_> = bodies().into_iter().map(|(path, _)| path).collect();
    assert_eq!(taking, covered);
}

#[tokio::test]
async fn t57_json_that_is_not_what_was_asked_for_is_refused() {
    const JSON: &str = "application/json";
    let world = World::start().await;
    let ada = world.operator().await;
    world.drain().await;
    let before = world.rows().await;
    for (path, fine) in bodies() {
        let text = fine.to_string();
        let with = |key: &str, value: Value| {
            let mut body = fine.clone();
            body[key] = value;
            body.to_string()
        };
        for malformed in [
            "",
            "{",
            "nonsense",
            "[",
            "\u{0}",
            "{'a': 1}",
            "\u{feff}{}",
            &text[..text.len() - 1],
            &format!("{text}}}"),
            &format!("{text}{text}"),
        ] {
            let said = refused(&world, &ada, path, JSON, malformed).await;
            assert_eq!(said, "400 malformed_json", "{path} {malformed:.40}");
        }
        for not_an_object in ["null", "7", "\"text\"", "true"] {
            let said = refused(&world, &ada, path, JSON, not_an_object).await;
            assert_eq!(said, "422 validation_failed", "{path} {not_an_object}");
        }
        assert_eq!(
            refused(&world, &ada, path, JSON, "{}").await,
            "422 validation_failed",
            "{path}"
        );
        let is_unknown = |name: &&str| fine.get(*name).is_none();
        for unknown in PRIVILEGED.into_iter().filter(is_unknown) {
            let said = refused(&world, &ada, path, JSON, with(unknown, json!(true))).await;
            assert_eq!(said, "400 unknown_field", "{path} {unknown}");
        }
        for key in fine.as_object().unwrap().keys() {
            let twice = format!("{{\"{key}\":{},{}", fine[key], &text[1..]);
            assert_eq!(
                refused(&world, &ada, path, JSON, twice).await,
                "400 malformed_json",
                "{path} {key}"
            );
            for wrong in [
                json!(null),
                json!([]),
                json!({}),
                json!(true),
                json!(-1.5),
                json!(1e300),
            ] {
                let said = refused(&world, &ada, path, JSON, with(key, wrong.clone())).await;
                assert_eq!(said, "422 validation_failed", "{path} {key} {wrong}");
            }
        }
    }
    assert_eq!(world.rows().await, before);
}

#[tokio::test]
async fn bodies_of_the_wrong_size_or_kind_are_refused() {
    let world = World::start().await;
    let ada = world.operator().await;
    world.drain().await;
    let before = world.rows().await;
    let huge = "x".repeat(10 << 20);
    for (path, fine) in bodies() {
        for media_type in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "application/jsonp",
            "",
        ] {
            let said = refused(&world, &ada, path, media_type, fine.to_string()).await;
            assert_eq!(said, "415 unsupported_media_type", "{path} {media_type}");
        }
        let padded = format!("{}{fine}", " ".repeat(64 << 10));
        for large in [&huge, &padded] {
            let said = refused(&world, &ada, path, "application/json", large.as_str()).await;
            assert_eq!(said, "413 body_too_large", "{path}");
        }
    }
    let login = "/api/v1/auth/login";
    let fine = "username=ada%40example.com&password=x";
    for (media_type, body, expected) in [
        (
            "application/json",
            fine.to_owned(),
            "415 unsupported_media_type",
        ),
        (FORM, huge.clone(), "413 body_too_large"),
        (FORM, String::new(), "422 validation_failed"),
        (
            FORM,
            "username=ada%40example.com".to_owned(),
            "422 validation_failed",
        ),
        (FORM, format!("{fine}&{fine}"), "400 malformed_form"),
        (
            FORM,
            format!("{fine}&is_super_admin=true"),
            "400 unknown_field",
        ),
        (
            FORM,
            format!("{fine}&grant_type=implicit"),
            "422 validation_failed",
        ),
        (
            FORM,
            "username=%ff%fe&password=%00".to_owned(),
            "401 invalid_credentials",
        ),
    ] {
        assert_eq!(
            refused(&world, &ada, login, media_type, body.clone()).await,
            expected,
            "{body:.60}"
        );
    }
    let webhook = refused(
        &world,
        &ada,
        "/api/v1/webhooks/stripe",
        "application/json",
        huge,
    )
    .await;
    assert_eq!(webhook, "413 body_too_large");
    assert_eq!(world.rows().await, before);
}

/// Whether `path` is one of `pattern`, in which a segment in braces stands for any.
fn leads_to(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<_>, Vec<_>) =
        (pattern.split('/').collect(), path.split('/').collect());
    let fits = |(stands, given): (&&str, &&str)| stands == given || stands.starts_with('{');
    pattern.len() == path.len() && pattern.iter().zip(&path).all(fits)
}

#[tokio::test]
async fn another_method_is_answered_with_those_that_are_there() {
    let world = World::start().await;
    let paths: BTreeSet<_> = ROUTES.iter().map(|route| route.path).collect();
    for path in paths {
        let leads_here = |route: &&Route| leads_to(route.path, path);
        let of_path: Vec<_> = ROUTES.iter().filter(leads_here).collect();
        let allowed: Vec<_> = of_path.iter().map(|route| route.method).collect();
        let port = port(&world, of_path[0]);
        for method in METHODS
            .into_iter()
            .filter(|method| !allowed.contains(method))
        {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let answer = world.fetch(method.clone(), &format!("{port}{path}"));
            let answer = answer.send().await;
            assert_eq!(
                answer.refusal(),
                (405, "method_not_allowed".to_owned()),
                "{method} {path}"
            );
            assert_eq!(
                answer.header("allow"),
                Some(allowed.join(", ").as_str()),
                "{method} {path}"
            );
        }
        for near in [
            format!("{path}/"),
            format!("{path}/x/x/x"),
            format!("/{path}"),
            path.to_uppercase(),
        ] {
            let answer = world.fetch(Method::GET, &format!("{port}{near}"));
            let answer = answer.send().await;
            assert_eq!(answer.refusal(), (404, "not_found".to_owned()), "{near}");
        }
    }
}

/// Access tokens that are none, each with what is wrong about it.
fn forged(world: &World, ada: &Person) -> Vec<(&'static str, String)> {
    let part = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let parts: Vec<_> = ada.access.split('.').collect();
    let (header, claims, signature) = (parts[0], parts[1], parts[2]);
    let decoded = URL_SAFE_NO_PAD.decode(header).unwrap();
    let head: Value = serde_json::from_slice(&decoded).unwrap();
    let body: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    let with_head = |key: &str, value: Value| {
        let mut changed = head.clone();
        changed[key] = value;
        format!("{}.{claims}.{signature}", part(changed))
    };
    let with_claim = |key: &str, value: Value| {
        let mut changed = body.clone();
        changed[key] = value;
        format!("{header}.{}.{signature}", part(changed))
    };
    let other_seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
    vec![
        ("nothing", String::new()),
        ("no token", "nonsense".to_owned()),
        ("two parts", format!("{header}.{claims}")),
        ("four parts", format!("{}.x", ada.access)),
        ("no signature", format!("{header}.{claims}.")),
        (
            "half a signature",
            format!("{header}.{claims}.{}", &signature[..40]),
        ),
        (
            "zeros",
            format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode([0; 64])),
        ),
        (
            "alg none",
            format!("{}.{claims}.", part(json!({ "alg": "none", "typ": "JWT" }))),
        ),
        ("alg HS256", with_head("alg", json!("HS256"))),
        ("alg RS256", with_head("alg", json!("RS256"))),
        ("another key's id", with_head("kid", json!("another"))),
        (
            "a key of its own",
            with_head("jwk", json!({ "kty": "OKP" })),
        ),
        (
            "a key from elsewhere",
            with_head("jku", json!("http://127.0.0.1:1/keys")),
        ),
        ("another person", with_claim("sub", json!(Uuid::nil()))),
        ("another session", with_claim("sid", json!(Uuid::nil()))),
        ("no end", with_claim("exp", json!(null))),
        ("a late end", with_claim("exp", json!(99_999_999_999_u64))),
        (
            "another key",
            issued(other_seed, PUBLIC_URL, ada, world.now()),
        ),
        (
            "another issuer",
            issued(ACCESS_TOKEN_KEY, "http://elsewhere.test", ada, world.now()),
        ),
        ("a refresh token", ada.refresh.clone()),
    ]
}

/// A token as the server would issue it, were it configured otherwise.
fn issued(seed: &str, issuer: &str, ada: &Person, now: Timestamp) -> String {
    let tokens = Ed25519AccessTokens::new(AccessTokenSettings {
        current: KeySeed::parse(&seed.into()).unwrap(),
        others: Vec::new(),
        issuer: issuer.to_owned(),
        audience: issuer.to_owned(),
    });
    let payload = URL_SAFE_NO_PAD
        .decode(ada.access.split('.').nth(1).unwrap())
        .unwrap();
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    let id = |key: &str| payload[key].as_str().unwrap().parse::<Uuid>().unwrap();
    tokens.unwrap().issue(&AccessClaims {
        user: tollgate_primitives::UserId::from_uuid(id("sub")),
        session: tollgate_primitives::SessionId::from_uuid(id("sid")),
        account: tollgate_primitives::AccountId::from_uuid(id("acc")),
        issued_at: now,
        expires_at: now.saturating_add(HOUR),
    })
}

#[tokio::test]
async fn t33_a_token_that_is_not_ours_opens_nothing() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let good = issued(ACCESS_TOKEN_KEY, PUBLIC_URL, &ada, world.now());
    world.get("/auth/me").bearer(&good).send().await.ok(200);
    world.drain().await;
    let before = world.rows().await;
    for route in ROUTES
        .iter()
        .filter(|route| matches!(route.who, Who::User | Who::Admin | Who::Owner | Who::Super))
    {
        for (what, token) in forged(&world, &ada) {
            let method = Method::from_bytes(route.method.as_bytes()).unwrap();
            let url = format!("{}{}", port(&world, route), route.path);
            let mut call = world.fetch(method, &url).bearer(&token);
            if route.path.ends_with("checkout-session") || route.path.ends_with("/subscriptions") {
                call = call.json(&monthly("pro", 1));
            }
            let answer = call.send().await;
            let (status, code) = answer.refusal();
            assert_eq!(status, 401, "{what} at {}", route.path);
            assert!(
                code == "token_invalid" || (token.is_empty() && code == "not_authenticated"),
                "{what}: {code}"
            );
        }
    }
    assert_eq!(world.rows().await, before);
    world.get("/auth/me").by(&ada).send().await.ok(200);
}

#[tokio::test]
async fn an_access_token_ends_after_fifteen_minutes() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.clock.advance(just_under(HOUR / 4));
    world.get("/auth/me").by(&ada).send().await.ok(200);
    world.clock.advance(SECOND);
    for route in ROUTES.iter().filter(|route| route.who == Who::User) {
        let method = Method::from_bytes(route.method.as_bytes()).unwrap();
        let answer = world.call(0, method, route.path).by(&ada).send().await;
        assert_eq!(
            answer.refusal(),
            (401, "token_expired".to_owned()),
            "{}",
            route.path
        );
    }
}

#[tokio::test]
async fn a_token_belongs_into_the_header_alone() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    for header in [
        format!("Basic {}", ada.access),
        ada.access.clone(),
        "Bearer".to_owned(),
        format!("Token {}", ada.access),
    ] {
        let answer = world
            .get("/auth/me")
            .header("authorization", &header)
            .send()
            .await;
        assert_eq!(answer.refusal().0, 401, "{header}");
    }
    let query = world
        .get(&format!("/auth/me?access_token={}", ada.access))
        .send()
        .await;
    assert_eq!(query.refusal(), (401, "not_authenticated".to_owned()));
}
