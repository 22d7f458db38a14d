//! POST and DELETE /admin/accounts/{id}/suspend

use reqwest::Method;
use serde_json::{Value, json};
use tollgate_billing::SubscriptionId;
use tollgate_primitives::JobKey;
use tollgate_testkit::burst;
use tollgate_use_cases::{ports::JobKind, run_job};
use uuid::Uuid;

use crate::world::{Answer, DAY, PASSWORD, Person, Setup, World, monthly, raw_post};

async fn act(world: &World, olga: &Person, method: Method, account: &str, body: Value) -> Answer {
    let path = format!("/accounts/{account}/suspend");
    world.admin(olga, method, &path).json(&body).send().await
}

async fn suspend(world: &World, olga: &Person, ada: &Person) {
    let because = json!({ "reason": "a chargeback" });
    let answer = act(world, olga, Method::POST, &ada.account, because).await;
    assert_eq!(answer.status, 204, "{answer}");
}

async fn sign_in(world: &World, ada: &Person, password: &str) -> Answer {
    let body = json!({ "email": ada.email, "password": password });
    world.post("/auth/login/json").json(&body).send().await
}

/// Of what the account bought, at Stripe.
async fn status_at_stripe(world: &World, subscription: &str) -> String {
    let url = format!("{}/v1/subscriptions/{subscription}", world.sandbox_url());
    let call = world
        .fetch(Method::GET, &url)
        .bearer("sk_test_0123456789abcdef");
    call.send().await.ok(200)["status"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn t32_a_suspension_holds_at_the_next_request_on_every_node() {
    let world = Setup::default().two_nodes().start().await;
    let olga = world.operator().await;
    let ada = world.person("Ada").await;
    let bob = world.person("Bob").await;
    world.verify(&ada).await;
    suspend(&world, &olga, &ada).await;
    for node in [0, 1] {
        for path in [
            "/auth/me",
            "/billing/state",
            "/gate",
            "/billing/portal-session",
        ] {
            let answer = world
                .call(node, Method::GET, &format!("/api/v1{path}"))
                .by(&ada);
            assert_eq!(
                answer.send().await.refusal(),
                (401, "token_revoked".to_owned()),
                "{path}"
            );
        }
        let refreshed = world
            .call(node, Method::POST, "/api/v1/auth/refresh")
            .bearer(&ada.refresh);
        assert_eq!(
            refreshed.send().await.refusal(),
            (401, "token_revoked".to_owned())
        );
    }
    let buying = world.open_checkout(&ada, &monthly("pro", 1)).await;
    assert_eq!(buying.refusal(), (401, "token_revoked".to_owned()));
    insta::assert_snapshot!(sign_in(&world, &ada, PASSWORD).await, @r#"
    403
    {
      "detail": {
        "error": "account_suspended",
        "message": "This account is suspended; write to the people who run this service."
      }
    }
    "#);
    let wrong = sign_in(&world, &ada, "violet-otter-48-lamp").await;
    assert_eq!(wrong.refusal(), (401, "invalid_credentials".to_owned()));
    world.get("/gate").by(&bob).send().await.ok(204);

    let because = json!({ "reason": "it was settled" });
    let answer = act(&world, &olga, Method::DELETE, &ada.account, because).await;
    assert_eq!(answer.status, 204);
    let old = world.get("/auth/me").by(&ada).send().await;
    assert_eq!(old.refusal(), (401, "token_revoked".to_owned()));
    let mut ada = ada;
    world.sign_in(&mut ada).await;
    world.get("/gate").by(&ada).send().await.ok(204);
    for (action, reason) in [
        ("account_suspended", "a chargeback"),
        ("account_unsuspended", "it was settled"),
    ] {
        let trail = world.trail(action).await;
        assert_eq!(trail.len(), 1);
        assert_eq!(trail[0].0.as_ref(), Some(&olga.id));
        assert_eq!(trail[0].1["reason"], reason);
    }
}

#[tokio::test]
async fn i25_what_a_suspended_account_bought_ends_at_stripe_and_is_not_revived() {
    let world = World::start().await;
    let mut olga = world.operator().await;
    let mut ada = world.person("Ada").await;
    world.buy(&ada, "pro").await;
    world.advance(DAY * 15).await;
    world.sign_in(&mut olga).await;
    let subscription = world.subscription(&ada).await;
    let paid = world.event("customer.subscription.updated").await;
    suspend(&world, &olga, &ada).await;
    world.drain().await;
    assert_eq!(status_at_stripe(&world, &subscription).await, "canceled");
    let because = json!({ "reason": "it was settled" });
    act(&world, &olga, Method::DELETE, &ada.account, because).await;
    let mut late = paid;
    late["id"] = json!("evt_late");
    late["created"] = json!(world.now().unix_seconds() + 60);
    world.deliver(&late).await.ok(200);
    world.drain().await;
    world.sign_in(&mut ada).await;
    assert_eq!(world.standing(&ada).await, "canceled pro by read_only");
}

#[tokio::test]
async fn i25_a_page_that_was_open_is_closed_and_what_was_paid_on_it_ends() {
    let world = World::start().await;
    world.hold_events().await;
    let olga = world.operator().await;
    let ada = world.person("Ada").await;
    let bob = world.person("Bob").await;
    world.buy(&ada, "pro").await;
    let page = world.open_checkout(&bob, &monthly("pro", 1)).await.ok(200);
    suspend(&world, &olga, &ada).await;
    suspend(&world, &olga, &bob).await;
    world.drain().await;
    let paid = world
        .fetch(Method::POST, page["url"].as_str().unwrap())
        .form(&[("card", "4242424242424242")])
        .send()
        .await;
    assert!(paid.status >= 400, "{paid}");
    let open = "SELECT count(*) FROM purchase_reservations WHERE closed_at IS NULL";
    assert_eq!(world.count(open).await, 0);

    let created = world.event("customer.subscription.created").await;
    world.deliver(&created).await.ok(200);
    world.drain().await;
    let subscription = world.subscription(&ada).await;
    assert_eq!(status_at_stripe(&world, &subscription).await, "canceled");
    let ended = world.event("customer.subscription.deleted").await;
    world.deliver(&ended).await.ok(200);
    let status = "SELECT count(*) FROM subscriptions WHERE status = 'canceled'";
    assert_eq!(world.count(status).await, 1);
}

#[tokio::test]
async fn i25_what_was_paid_in_the_moment_of_a_suspension_is_given_back_once() {
    let world = World::start().await;
    let mut ada = world.person("Ada").await;
    let mut olga = world.operator().await;
    world.advance(DAY * 15).await;
    world.sign_in(&mut ada).await;
    world.sign_in(&mut olga).await;
    world.hold_events().await;
    world.buy(&ada, "pro").await;
    suspend(&world, &olga, &ada).await;
    for event in world.events().await {
        world.deliver(&event).await.ok(200);
    }
    world.drain().await;
    let subscription = world.subscription(&ada).await;
    assert_eq!(status_at_stripe(&world, &subscription).await, "canceled");
    let again = JobKind::EndSubscription {
        account: ada.account.parse().unwrap(),
        subscription: SubscriptionId::new(&subscription),
        gives_back: true,
    };
    let key = JobKey::new("return-subscription", &subscription);
    run_job(world.app(), &key, again).await.unwrap();
    let refunds = world.stripe_list("refunds").await;
    let amounts: Vec<_> = refunds.iter().map(|refund| &refund["amount"]).collect();
    assert_eq!(amounts, [4900]);
    assert_eq!(world.trail("suspended_purchase_returned").await.len(), 1);
}

#[tokio::test]
async fn i25_what_ran_before_a_suspension_is_ended_and_not_given_back() {
    let world = World::start().await;
    let mut ada = world.person("Ada").await;
    let mut olga = world.operator().await;
    world.advance(DAY * 15).await;
    world.sign_in(&mut ada).await;
    world.sign_in(&mut olga).await;
    world.buy(&ada, "pro").await;
    let subscription = world.subscription(&ada).await;
    suspend(&world, &olga, &ada).await;
    world.drain().await;
    assert_eq!(status_at_stripe(&world, &subscription).await, "canceled");
    assert!(world.stripe_list("refunds").await.is_empty());
}

#[tokio::test]
async fn of_fifty_suspensions_and_sign_ins_at_once_one_suspends_and_no_session_is_left() {
    let world = Setup::default().two_nodes().start().await;
    let olga = world.operator().await;
    let ada = world.person("Ada").await;
    world.drain().await;
    let authorization = format!("Bearer {}", olga.access);
    let path = format!("/api/v1/admin/accounts/{}/suspend", ada.account);
    let because = json!({ "reason": "a chargeback" }).to_string();
    let credentials = json!({ "email": ada.email, "password": PASSWORD }).to_string();
    let request = |nth: usize| {
        if nth < 50 {
            let node = world.ops_address(nth % 2);
            (
                node,
                raw_post(node, &path, &[("authorization", &authorization)], &because),
            )
        } else {
            let node = world.address(nth % 2);
            (
                node,
                raw_post(node, "/api/v1/auth/login/json", &[], &credentials),
            )
        }
    };
    let replies = burst((0..70).map(request).collect()).await.unwrap();
    let (suspensions, sign_ins) = replies.split_at(50);
    assert_eq!(
        suspensions
            .iter()
            .filter(|reply| reply.status == 204)
            .count(),
        1,
        "{suspensions:?}"
    );
    assert_eq!(
        suspensions
            .iter()
            .filter(|reply| reply.status == 409)
            .count(),
        49,
        "{suspensions:?}"
    );
    assert!(
        sign_ins
            .iter()
            .all(|reply| [200, 403, 503].contains(&reply.status)),
        "{sign_ins:?}"
    );
    let living = "SELECT count(*) FROM auth_sessions a JOIN accounts c ON c.id = a.account_id
                  WHERE a.revoked_at IS NULL AND c.suspended_at IS NOT NULL";
    assert_eq!(world.count(living).await, 0);
    assert_eq!(world.trail("account_suspended").await.len(), 1);
}

#[tokio::test]
async fn what_is_not_there_or_not_said_right_is_refused() {
    let world = World::start().await;
    let olga = world.operator().await;
    let ada = world.person("Ada").await;
    let nobody = Uuid::nil().to_string();
    let why = json!({ "reason": "x" });
    world.drain().await;
    let before = world.rows().await;
    for (method, account, body, status, code) in [
        (
            Method::POST,
            nobody.as_str(),
            why.clone(),
            404,
            "account_not_found",
        ),
        (
            Method::POST,
            "nonsense",
            why.clone(),
            404,
            "account_not_found",
        ),
        (
            Method::DELETE,
            &nobody,
            why.clone(),
            404,
            "account_not_found",
        ),
        (
            Method::DELETE,
            &ada.account,
            why.clone(),
            409,
            "not_suspended",
        ),
        (
            Method::POST,
            &ada.account,
            json!({}),
            422,
            "validation_failed",
        ),
        (
            Method::POST,
            &ada.account,
            json!({ "reason": "" }),
            422,
            "validation_failed",
        ),
        (
            Method::POST,
            &ada.account,
            json!({ "reason": "x", "until": "now" }),
            400,
            "unknown_field",
        ),
    ] {
        let answer = act(&world, &olga, method, account, body.clone()).await;
        assert_eq!(
            answer.refusal(),
            (status, code.to_owned()),
            "{account} {body}"
        );
    }
    assert_eq!(world.rows().await, before);
    suspend(&world, &olga, &ada).await;
    let again = act(&world, &olga, Method::POST, &ada.account, why).await;
    assert_eq!(again.refusal(), (409, "already_suspended".to_owned()));
}
