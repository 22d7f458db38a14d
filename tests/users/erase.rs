//! DELETE /users/me

use reqwest::Method;
use serde_json::{Value, json};
use tollgate_testkit::burst;

use crate::world::{
    Answer, DAY, MINUTE, PASSWORD, Person, SECOND, Setup, World, raw_request, taken,
};

async fn erase(world: &World, person: &Person, body: Option<Value>) -> Answer {
    let call = world.call(0, Method::DELETE, "/api/v1/users/me").by(person);
    match body {
        Some(body) => call.json(&body).send().await,
        None => call.send().await,
    }
}

/// Makes `person` a member of the account of `owner`.
async fn join(world: &World, person: &Person, owner: &Person, role: &str) {
    sqlx::query("INSERT INTO memberships VALUES ($1::uuid, $2::uuid, $3, now())")
        .bind(&owner.account)
        .bind(&person.id)
        .bind(role)
        .execute(world.database.pool())
        .await
        .unwrap();
}

#[tokio::test]
async fn whoever_is_erased_stands_in_no_row_any_more() {
    let world = Setup::default().two_nodes().start().await;
    let bob = world.person("Bob").await;
    let ada = world.person("Augusta Xanthippe").await;
    world.verify(&ada).await;
    join(&world, &ada, &bob, "engineer").await;
    let mut elsewhere = ada.clone();
    world.sign_in(&mut elsewhere).await;
    let lead = json!({
        "email": ada.email, "name": "Augusta Xanthippe", "company": "Xanthippe Ltd",
        "source": "pricing_page",
    });
    assert_eq!(
        world.post("/sales-leads").json(&lead).send().await.status,
        201
    );
    world.drain().await;
    assert!(world.dump().await.contains("Xanthippe"));

    let answer = erase(&world, &ada, None).await;
    insta::assert_snapshot!(answer, @"204");
    world.drain().await;
    let dump = world.dump().await.to_lowercase();
    for trace in ["xanthippe", ada.email.as_str()] {
        assert!(!dump.contains(trace), "{trace}");
    }
    let held =
        "SELECT (SELECT count(*) FROM auth_sessions) + (SELECT count(*) FROM one_time_tokens)";
    assert_eq!(world.count(held).await, 2, "of Bob alone");
    for node in [0, 1] {
        for person in [&ada, &elsewhere] {
            let me = world.call(node, Method::GET, "/api/v1/auth/me").by(person);
            assert_eq!(me.send().await.refusal(), (401, "token_revoked".to_owned()));
        }
    }
    let body = json!({ "email": ada.email, "password": PASSWORD });
    let back = world.post("/auth/login/json").json(&body).send().await;
    assert_eq!(back.refusal(), (401, "invalid_credentials".to_owned()));
    let trail = world.trail("user_erased").await;
    assert_eq!(trail.len(), 1);
    assert_eq!(trail[0].0.as_ref(), Some(&ada.id));
    assert_eq!(
        world.trail("account_deleted").await.len(),
        1,
        "hers, and not Bob's"
    );
    world.get("/gate").by(&bob).send().await.ok(204);
}

#[tokio::test]
async fn t53_whoever_returns_after_that_gets_no_second_trial() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    erase(&world, &ada, None).await.ok(204);
    let again = world.person("Ada").await;
    assert_ne!(again.id, ada.id);
    let state = world.get("/billing/state").by(&again).send().await;
    assert_eq!(state.refusal(), (404, "no_subscription".to_owned()));
}

#[tokio::test]
async fn i25_f21_what_was_bought_ends_at_stripe_and_late_news_revives_nothing() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.buy(&ada, "pro").await;
    let subscription = world.subscription(&ada).await;
    let alive = world.event("customer.subscription.created").await;
    erase(&world, &ada, None).await.ok(204);
    world.drain().await;
    let at_stripe = world
        .stripe(Method::GET, &format!("subscriptions/{subscription}"), &[])
        .await;
    assert_eq!(at_stripe["status"], "canceled");
    for (nth, status) in ["active", "past_due", "trialing"].into_iter().enumerate() {
        let mut late = alive.clone();
        late["id"] = json!(format!("evt_late_{nth}"));
        late["created"] = json!(world.now().unix_seconds() + 259_200);
        late["data"]["object"]["status"] = json!(status);
        world.deliver(&late).await.ok(200);
    }
    world.drain().await;
    let live = "SELECT count(*) FROM subscriptions WHERE status NOT IN ('canceled', 'expired')";
    assert_eq!(world.count(live).await, 0);
    let members = "SELECT count(*) FROM memberships";
    assert_eq!(world.count(members).await, 0);
    // What was told since has the address once more, until nothing is told any more.
    let told = json!({
        "id": "evt_of_an_invoice", "object": "event", "type": "invoice.finalized",
        "created": world.now().unix_seconds(), "livemode": false,
        "data": { "object": {
            "id": "in_1", "object": "invoice", "customer": alive["data"]["object"]["customer"],
            "customer_email": ada.email,
        } },
    });
    world.deliver(&told).await.ok(200);
    world.advance(4 * DAY).await;
    world.drain().await;
    assert!(!world.dump().await.contains(&ada.email));
    assert_eq!(world.inbox(&told).await, "ignored");
    let again = world.deliver(&told).await;
    assert_eq!(again.ok(200), taken(false));
    assert!(!world.dump().await.contains(&ada.email));
}

#[tokio::test]
async fn what_was_told_of_others_is_kept() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let bob = world.person("Bob").await;
    for person in [&ada, &bob] {
        world.buy(person, "pro").await;
    }
    world.drain().await;
    let kept = "SELECT count(*) FROM webhook_events WHERE body <> '{}'";
    let before = world.count(kept).await;
    erase(&world, &ada, None).await.ok(204);
    world.drain().await;
    let of_bob = "SELECT count(*) FROM webhook_events e JOIN accounts c
                      ON e.body LIKE '%' || c.stripe_customer_id || '%' AND c.deleted_at IS NULL";
    let left = world.count(kept).await;
    assert!(left < before, "{left} of {before}");
    assert!(left >= world.count(of_bob).await && world.count(of_bob).await > 0);
}

#[tokio::test]
async fn whoever_others_depend_on_hands_over_first() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let bob = world.person("Bob").await;
    join(&world, &bob, &ada, "admin").await;
    world.drain().await;
    let before = world.dump().await;
    let refused = erase(&world, &ada, None).await;
    insta::assert_snapshot!(refused, @r#"
    409
    {
      "detail": {
        "account_id": "[id]",
        "error": "last_owner",
        "message": "Make somebody else an owner first, or remove the other members."
      }
    }
    "#);
    assert_eq!(world.dump().await, before);
    world.execute("UPDATE memberships SET role = 'owner'").await;
    erase(&world, &ada, None).await.ok(204);
    let shared = "SELECT count(*) FROM accounts WHERE deleted_at IS NULL";
    assert_eq!(world.count(shared).await, 2);
}

#[tokio::test]
async fn of_two_owners_who_leave_at_once_one_stays() {
    let world = Setup::default().two_nodes().start().await;
    let ada = world.person("Ada").await;
    let bob = world.person("Bob").await;
    let eve = world.person("Eve").await;
    join(&world, &bob, &ada, "owner").await;
    join(&world, &eve, &ada, "viewer").await;
    let request = |nth: usize| {
        let node = world.address(nth % 2);
        let by = if nth % 4 < 2 { &ada } else { &bob };
        let authorization = format!("Bearer {}", by.access);
        let headers = [("authorization", authorization.as_str())];
        (
            node,
            raw_request("DELETE", node, "/api/v1/users/me", &headers, ""),
        )
    };
    let replies = burst((0..50).map(request).collect()).await.unwrap();
    let of = |status: u16| {
        replies
            .iter()
            .filter(|reply| reply.status == status)
            .count()
    };
    assert_eq!(of(204), 1, "{replies:?}");
    assert_eq!(of(204) + of(401) + of(409), 50, "{replies:?}");
    let owners = "SELECT count(*) FROM memberships m JOIN memberships e USING (account_id)
                  JOIN users u ON u.id = e.user_id AND u.name = 'Eve'
                  WHERE m.role = 'owner' AND e.role = 'viewer'";
    assert_eq!(world.count(owners).await, 1);
    assert_eq!(world.trail("user_erased").await.len(), 1);
}

#[tokio::test]
async fn an_old_sign_in_needs_the_password() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.clock.advance(MINUTE * 5 + SECOND);
    world.drain().await;
    let before = world.rows().await;
    for (body, status, code) in [
        (None, 403, "fresh_sign_in_required"),
        (Some(json!({})), 403, "fresh_sign_in_required"),
        (
            Some(json!({ "password": "violet-otter-48-lamp" })),
            401,
            "invalid_credentials",
        ),
        (
            Some(json!({ "password": "x".repeat(300) })),
            401,
            "invalid_credentials",
        ),
        (
            Some(json!({ "password": PASSWORD, "user_id": ada.id })),
            400,
            "unknown_field",
        ),
    ] {
        let answer = erase(&world, &ada, body.clone()).await;
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{body:?}");
    }
    assert_eq!(world.rows().await, before);
    erase(&world, &ada, Some(json!({ "password": PASSWORD })))
        .await
        .ok(204);
}

#[tokio::test]
async fn a_deleted_account_is_not_opened_again() {
    let world = World::start().await;
    let olga = world.operator().await;
    let ada = world.person("Ada").await;
    erase(&world, &ada, None).await.ok(204);
    let path = format!("/accounts/{}/suspend", ada.account);
    let because = json!({ "reason": "a mistake" });
    world
        .admin(&olga, Method::DELETE, &path)
        .json(&because)
        .send()
        .await;
    let closed =
        "SELECT count(*) FROM accounts WHERE suspended_at IS NOT NULL AND name = '(deleted)'";
    assert_eq!(world.count(closed).await, 1);
}
