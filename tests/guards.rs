//! Every route against those who must not pass: nobody, an account that lost access, a person whose
//! address was not proven in time. What each must answer is declared beside the route.

use reqwest::Method;
use serde_json::{Value, json};
use tollgate::http::{Port, ROUTES, Route, Who};
use uuid::Uuid;

use crate::world::{Answer, DAY, PASSWORD, Person, World, monthly};

/// What a request is about.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    /// In the path.
    pub(crate) id: String,
    pub(crate) code: String,
    /// In the body.
    pub(crate) person: String,
    pub(crate) account: String,
}

impl Named {
    /// Nothing that is there.
    pub(crate) fn nothing() -> Self {
        let nil = Uuid::nil().to_string();
        Self {
            id: nil.clone(),
            code: "none".to_owned(),
            person: nil.clone(),
            account: nil,
        }
    }
}

/// A request to `route` that would be answered, were it not for its caller.
fn body_of(route: &Route, named: &Named) -> Option<Value> {
    match route.path {
        "/api/v1/auth/register" => {
            Some(json!({ "email": "eve@example.com", "password": PASSWORD, "name": "Eve" }))
        }
        "/api/v1/auth/login/json" => {
            Some(json!({ "email": "ada@example.com", "password": PASSWORD }))
        }
        "/api/v1/auth/password/change" => {
            Some(json!({ "current_password": PASSWORD, "new_password": CHANGED_PASSWORD }))
        }
        "/api/v1/auth/password/forgot" => Some(json!({ "email": "ada@example.com" })),
        "/api/v1/auth/password/reset" => {
            Some(json!({ "token": "none", "new_password": CHANGED_PASSWORD }))
        }
        "/api/v1/auth/email/verify" => Some(json!({ "token": "none" })),
        "/api/v1/auth/{provider}/callback" => {
            Some(json!({ "code": "none", "state": "none", "flow_token": "none" }))
        }
        "/api/v1/auth/identities" if route.method == "POST" => {
            Some(json!({ "provider": "google" }))
        }
        "/api/v1/auth/identities/complete" => Some(json!({
            "provider": "google", "code": "none", "state": "none", "flow_token": "none",
        })),
        "/api/v1/sales-leads" => Some(json!({
            "email": "eve@example.com", "name": "Eve", "company": "Evil", "source": "pricing_page",
        })),
        "/api/v1/admin/sales-leads/{id}" => Some(json!({ "status": "contacted" })),
        "/api/v1/users/me" if route.method == "PATCH" => {
            Some(json!({ "update_mask": "timezone", "user": { "timezone": "UTC" } }))
        }
        "/api/v1/users/me/onboarding-step" => Some(json!({ "step": 1, "action": "skip" })),
        "/api/v1/accounts/me" if route.method == "PATCH" => {
            Some(json!({ "update_mask": "primary_psa", "account": { "primary_psa": "none" } }))
        }
        "/api/v1/billing/checkout-session" | "/api/v1/subscriptions" => Some(monthly("pro", 1)),
        "/api/v1/billing/change-plan" | "/api/v1/billing/change-plan/preview" => {
            Some(json!({ "plan": "pro" }))
        }
        "/api/v1/accounts/me/invites" if route.method == "POST" => Some(guest("guest")),
        "/api/v1/accounts/me/invites/bulk" => Some(json!({ "invites": [guest("guests")] })),
        "/api/v1/accounts/me/members/{id}" if route.method == "PATCH" => {
            Some(json!({ "role": "viewer" }))
        }
        "/api/v1/accounts/me/transfer-ownership" => Some(json!({ "user_id": named.person })),
        "/api/v1/users/me/current-account" => Some(json!({ "account_id": named.account })),
        "/api/v1/webhooks/stripe" => Some(json!({
            "id": "evt_1", "type": "product.created", "created": 1, "livemode": false,
        })),
        "/api/v1/admin/accounts/{id}/complimentary" if route.method == "POST" => {
            Some(json!({ "plan": "pro", "reason": "a pilot" }))
        }
        "/api/v1/admin/accounts/{id}/complimentary" => Some(json!({ "reason": "it is over" })),
        "/api/v1/admin/invites" if route.method == "POST" => {
            Some(json!({ "assigned_plan": "pro" }))
        }
        "/api/v1/admin/accounts/{id}" if route.method == "DELETE" => {
            Some(json!({ "reason": "asked by letter" }))
        }
        "/api/v1/admin/accounts/{id}/suspend" => Some(json!({ "reason": "a chargeback" })),
        _ => None,
    }
}

fn guest(name: &str) -> Value {
    json!({ "email": format!("{name}@example.com"), "role": "viewer" })
}

async fn ask(world: &World, route: &Route, person: Option<&Person>) -> Answer {
    ask_about(world, route, person, &Named::nothing()).await
}

pub(crate) async fn ask_about(
    world: &World,
    route: &Route,
    person: Option<&Person>,
    named: &Named,
) -> Answer {
    let method = Method::from_bytes(route.method.as_bytes()).unwrap();
    let port = match route.port() {
        Port::Public => world.url(0),
        Port::Operator => world.ops_url(0),
    };
    let path = route
        .path
        .replace("{id}", &named.id)
        .replace("{code}", &named.code);
    let mut call = world.fetch(method, &format!("{port}{path}"));
    if route.path == "/api/v1/auth/login" {
        call = call.form(&[("username", "ada@example.com"), ("password", PASSWORD)]);
    }
    if let Some(body) = body_of(route, named) {
        call = call.json(&body);
        if route.who == Who::Signature {
            call = call.header("stripe-signature", &world.signature(&body.to_string()));
        }
    }
    if let Some(person) = person {
        call = match route.who {
            Who::RefreshToken => call.bearer(&person.refresh),
            Who::Public | Who::User | Who::Admin | Who::Owner | Who::Signature | Who::Super => {
                call.by(person)
            }
        };
    }
    call.send().await
}

/// What the walk makes of the person's password on its way.
pub(crate) const CHANGED_PASSWORD: &str = "quiet-harbour-92-moss";

pub(crate) fn is_erasure(route: &Route) -> bool {
    (route.method, route.path) == ("DELETE", "/api/v1/users/me")
}

/// What changes how the account stands comes late, and what ends the session that the others need last.
pub(crate) fn every_route() -> impl Iterator<Item = &'static Route> {
    let rank = |route: &&Route| match route.path {
        _ if is_erasure(route) => 3,
        "/api/v1/auth/logout" => 2,
        "/api/v1/subscriptions" => 1,
        _ => 0,
    };
    let of_rank = move |wanted| ROUTES.iter().filter(move |route| rank(route) == wanted);
    (0..=3).flat_map(of_rank)
}

/// What such a request says to whoever may make it.
fn passing(route: &Route) -> &'static str {
    match route.path {
        "/api/v1/auth/password/reset" | "/api/v1/auth/email/verify" => "token_invalid_or_expired",
        "/api/v1/auth/{provider}/authorize"
        | "/api/v1/auth/{provider}/callback"
        | "/api/v1/auth/identities/complete" => "provider_not_configured",
        "/api/v1/auth/identities" if route.method == "POST" => "provider_not_configured",
        "/api/v1/auth/identities/{id}"
        | "/api/v1/auth/sessions/{id}"
        | "/api/v1/subscriptions/complete/{id}"
        | "/api/v1/users/me/current-account"
        | "/api/v1/accounts/me/members/{id}"
        | "/api/v1/accounts/me/transfer-ownership"
        | "/api/v1/accounts/me/invites/{id}"
        | "/api/v1/accounts/me/invites/{id}/resend" => "not_found",
        "/api/v1/accounts/invites/{code}/lookup" | "/api/v1/accounts/invites/{code}/accept" => {
            "invite_invalid_or_expired_or_revoked"
        }
        _ => "answered",
    }
}

/// The code of a refusal, or what was answered instead.
pub(crate) fn said(answer: &Answer) -> String {
    match answer.status {
        200..400 => "answered".to_owned(),
        _ => answer.refusal().1,
    }
}

#[tokio::test]
async fn nobody_gets_in_without_a_token() {
    let world = World::start().await;
    world.person("Ada").await;
    for route in every_route() {
        let answer = ask(&world, route, None).await;
        let expected = match route.who {
            Who::Public | Who::Signature => passing(route),
            Who::User | Who::Admin | Who::Owner | Who::RefreshToken | Who::Super => {
                "not_authenticated"
            }
        };
        assert_eq!(said(&answer), expected, "{} {}", route.method, route.path);
    }
}

#[tokio::test]
async fn an_account_that_lost_access_reaches_all_but_the_product() {
    let world = World::start().await;
    let mut ada = world.person("Ada").await;
    world.verify(&ada).await;
    world.buy(&ada, "pro").await;
    let subscription = world.subscription(&ada).await;
    let url = format!("{}/v1/subscriptions/{subscription}", world.sandbox_url());
    let cancel = world
        .fetch(Method::DELETE, &url)
        .bearer("sk_test_0123456789abcdef");
    cancel.send().await.ok(200);
    world.advance(DAY * 15).await;
    world.sign_in(&mut ada).await;
    assert_eq!(world.standing(&ada).await, "canceled pro by read_only");
    for route in every_route() {
        // Whoever has signed out before erases nobody.
        if is_erasure(route) {
            world.sign_in_with(&mut ada, CHANGED_PASSWORD).await;
        }
        let answer = ask(&world, route, Some(&ada)).await;
        let expected = match route.path {
            _ if route.guards.active_subscription => "subscription_inactive",
            _ if route.who == Who::Super => "super_admin_only",
            // This person's address is proven.
            "/api/v1/auth/email/send-verification" => "already_verified",
            // What is over can neither be changed nor ended nor kept.
            "/api/v1/billing/change-plan" | "/api/v1/billing/change-plan/preview" => {
                "nothing_to_change"
            }
            "/api/v1/billing/cancel" => "nothing_to_cancel",
            "/api/v1/billing/keep" => "nothing_to_keep",
            _ => passing(route),
        };
        assert_eq!(said(&answer), expected, "{} {}", route.method, route.path);
        assert_eq!(answer.status == 402, route.guards.active_subscription);
    }
}

#[tokio::test]
async fn whoever_did_not_prove_the_address_in_time_reaches_all_but_the_product() {
    let world = World::start().await;
    let mut ada = world.person("Ada").await;
    world.buy(&ada, "pro").await;
    world.advance(DAY * 8).await;
    world.sign_in(&mut ada).await;
    for route in every_route() {
        // Whoever has signed out before erases nobody.
        if is_erasure(route) {
            world.sign_in_with(&mut ada, CHANGED_PASSWORD).await;
        }
        let answer = ask(&world, route, Some(&ada)).await;
        let expected = match route.path {
            _ if route.guards.verified_email => "email_not_verified",
            _ if route.who == Who::Super => "super_admin_only",
            // This person has bought already.
            "/api/v1/billing/checkout-session" | "/api/v1/subscriptions" => "already_subscribed",
            "/api/v1/billing/change-plan" | "/api/v1/billing/change-plan/preview" => "same_plan",
            _ => passing(route),
        };
        assert_eq!(said(&answer), expected, "{} {}", route.method, route.path);
        assert_eq!(
            answer.status == 403,
            route.guards.verified_email || route.who == Who::Super
        );
    }
}

#[tokio::test]
async fn t97_the_operators_routes_are_not_on_the_public_port() {
    let world = World::start().await;
    let random = world.call(0, Method::GET, "/no/such/path").send().await;
    insta::assert_snapshot!(random, @r#"
    404
    {
      "detail": {
        "error": "not_found",
        "message": "There is nothing at this address."
      }
    }
    "#);
    let probes = [
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/v1",
        "/api/v1/admin",
    ];
    for path in probes {
        let answer = world.call(0, Method::GET, path).send().await;
        assert_eq!((answer.status, &answer.text), (404, &random.text), "{path}");
    }
    let olga = world.operator().await;
    for route in ROUTES.iter().filter(|route| route.port() == Port::Operator) {
        let method = Method::from_bytes(route.method.as_bytes()).unwrap();
        let answer = world.call(0, method, route.path).by(&olga).send().await;
        assert_eq!(
            (answer.status, &answer.text),
            (404, &random.text),
            "{}",
            route.path
        );
    }
}

#[tokio::test]
async fn t97_what_is_public_is_not_on_the_operators_port() {
    let world = World::start().await;
    let olga = world.operator().await;
    for route in ROUTES.iter().filter(|route| route.port() == Port::Public) {
        let method = Method::from_bytes(route.method.as_bytes()).unwrap();
        let url = format!("{}{}", world.ops_url(0), route.path);
        let answer = world.fetch(method, &url).by(&olga).send().await;
        assert_eq!(answer.refusal(), (404, "not_found".to_owned()), "{url}");
    }
}

#[tokio::test]
async fn every_answer_has_a_request_id_and_may_not_be_kept() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let mut ids = std::collections::BTreeSet::new();
    for route in every_route() {
        for person in [None, Some(&ada)] {
            let answer = ask(&world, route, person).await;
            let place = format!("{} {}", route.method, route.path);
            assert!(
                ids.insert(answer.header("x-request-id").expect(&place).to_owned()),
                "{place}"
            );
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{place}");
            assert_eq!(
                answer.header("x-content-type-options"),
                Some("nosniff"),
                "{place}"
            );
        }
    }
}
