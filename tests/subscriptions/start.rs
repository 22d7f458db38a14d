//! POST /subscriptions

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use tollgate_testkit::burst;

use crate::world::{Answer, DAY, HOUR, Person, Setup, World, monthly, raw_post};

const PATH: &str = "/api/v1/subscriptions";
const OPEN: &str = "SELECT count(*) FROM purchase_reservations WHERE closed_at IS NULL";

impl World {
    pub(crate) async fn start_subscription(&self, person: &Person, choice: &Value) -> Answer {
        let call = self.post("/subscriptions").by(person);
        call.json(choice).send().await
    }
}

/// The statuses of Stripe's subscriptions, newest first.
async fn statuses(world: &World) -> Vec<String> {
    let list = world.stripe_list("subscriptions?status=all").await;
    let status = |one: &Value| one["status"].as_str().unwrap().to_owned();
    list.iter().map(status).collect()
}

#[tokio::test]
async fn the_free_plan_begins_at_once() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.tell_sandbox("reset", json!({})).await;
    let answer = world.start_subscription(&ada, &monthly("free", 1)).await;
    insta::assert_snapshot!(answer, @r#"
    200
    {
      "status": "active",
      "subscription_id": "[id]"
    }
    "#);
    assert_eq!(answer.ok(200)["subscription_id"], ada.account);
    assert_eq!(world.standing(&ada).await, "active free by free");
    world
        .start_subscription(&ada, &monthly("free", 1))
        .await
        .ok(200);
    assert_eq!(world.ask_sandbox("requests").await, json!([]));
    assert_eq!(world.count(OPEN).await, 0);
}

#[tokio::test]
async fn the_free_plan_closes_a_page_that_could_still_be_paid() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.open_checkout(&ada, &monthly("pro", 1)).await.ok(200);
    world
        .start_subscription(&ada, &monthly("free", 1))
        .await
        .ok(200);
    world.drain().await;
    let pages = world.stripe_list("checkout/sessions").await;
    assert_eq!(pages[0]["status"], "expired");
    assert_eq!(world.count(OPEN).await, 0);
}

#[tokio::test]
async fn i08_whoever_never_tried_gets_the_trial_and_whoever_returns_pays() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.drain().await;
    // As after joining somebody's account, which is gone: nothing was tried.
    world
        .execute("DELETE FROM subscriptions; DELETE FROM trial_keys")
        .await;
    world.tell_sandbox("seed", json!({})).await;
    let asked = world.ask_sandbox("requests").await;
    let first = world.start_subscription(&ada, &monthly("starter", 1)).await;
    insta::assert_snapshot!(first, @r#"
    200
    {
      "status": "trialing",
      "subscription_id": "[id]"
    }
    "#);
    assert_eq!(world.standing(&ada).await, "trialing starter by trial");
    assert_eq!(world.ask_sandbox("requests").await, asked);
    assert_eq!(statuses(&world).await, [""; 0]);

    world.execute("DELETE FROM subscriptions").await;
    let again = world.start_subscription(&ada, &monthly("starter", 1)).await;
    assert_eq!(again.ok(200)["status"], "pending_payment");
}

#[tokio::test]
async fn a_paid_plan_waits_for_its_payment_and_grants_nothing_before() {
    let world = World::start().await;
    let mut ada = world.person("Ada").await;
    world.advance(DAY * 15).await;
    world.sign_in(&mut ada).await;
    world.verify(&ada).await;
    let begun = world.start_subscription(&ada, &monthly("pro", 3)).await;
    let begun = begun.ok(200);
    assert_eq!(begun["status"], "pending_payment");
    assert_eq!(begun["subscription_id"], world.subscription(&ada).await);
    let payment = begun["payment_id"].as_str().unwrap();
    let secret = begun["client_secret"].as_str().unwrap();
    assert!(
        payment.starts_with("pi_") && secret.starts_with(payment),
        "{begun}"
    );
    world.drain().await;
    assert_eq!(world.standing(&ada).await, "pending_payment pro by nothing");
    let gate = world.get("/gate").by(&ada).send().await;
    insta::assert_snapshot!(gate, @r#"
    402
    {
      "detail": {
        "complete_url": "/api/v1/subscriptions/complete/[subscription]",
        "error": "payment_pending",
        "message": "The first payment has not arrived; complete it to go on.",
        "subscription_id": "[subscription]"
      }
    }
    "#);
    world.confirm(&begun, "4242424242424242").await.ok(200);
    world.drain().await;
    assert_eq!(world.standing(&ada).await, "active pro by paid");
    assert_eq!(world.count(OPEN).await, 0);
    let charges = world.stripe_list("charges").await;
    assert_eq!(charges.len(), 1);
    assert_eq!(charges[0]["amount"], 3 * 4900);
}

#[tokio::test]
async fn a_declined_card_leaves_the_purchase_open_for_another() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let begun = world.start_subscription(&ada, &monthly("pro", 1)).await;
    let begun = begun.ok(200);
    let declined = world.confirm(&begun, "4000000000000002").await;
    assert_eq!(declined.status, 402);
    world.drain().await;
    assert_eq!(world.standing(&ada).await, "trialing pro by trial");
    world.confirm(&begun, "4242424242424242").await.ok(200);
    world.drain().await;
    assert_eq!(world.standing(&ada).await, "active pro by paid");
}

#[tokio::test]
async fn a_trial_runs_on_while_a_purchase_is_pending_and_after_it_fails() {
    let world = World::start().await;
    let mut ada = world.person("Ada").await;
    let begun = world.start_subscription(&ada, &monthly("starter", 1)).await;
    assert_eq!(begun.ok(200)["status"], "pending_payment");
    world.drain().await;
    assert_eq!(world.standing(&ada).await, "trialing pro by trial");
    world.advance(DAY).await;
    world.sign_in(&mut ada).await;
    assert_eq!(statuses(&world).await, ["incomplete_expired"]);
    assert_eq!(world.standing(&ada).await, "trialing pro by trial");
    assert_eq!(world.count(OPEN).await, 0);
    world
        .start_subscription(&ada, &monthly("pro", 1))
        .await
        .ok(200);
}

#[tokio::test]
async fn a_purchase_that_is_never_paid_gives_nobody_more_days_to_read() {
    let world = World::start().await;
    let mut ada = world.person("Ada").await;
    world.verify(&ada).await;
    world.buy(&ada, "pro").await;
    let subscription = world.subscription(&ada).await;
    let path = format!("subscriptions/{subscription}");
    world.stripe(Method::DELETE, &path, &[]).await;
    world.drain().await;
    assert_eq!(world.standing(&ada).await, "canceled pro by read_only");
    world.advance(DAY * 28).await;
    world.sign_in(&mut ada).await;
    let begun = world.start_subscription(&ada, &monthly("pro", 1)).await;
    assert_eq!(begun.ok(200)["status"], "pending_payment");
    let gate = world.get("/gate?access=read").by(&ada).send().await;
    assert_eq!(gate.refusal(), (402, "payment_pending".to_owned()));
    world.advance(DAY).await;
    world.drain().await;
    world.sign_in(&mut ada).await;
    assert_eq!(world.standing(&ada).await, "expired pro by read_only");
    world.advance(DAY).await;
    world.sign_in(&mut ada).await;
    assert_eq!(world.standing(&ada).await, "expired pro by nothing");
    // And the next purchase is asked for as before.
    world
        .start_subscription(&ada, &monthly("pro", 1))
        .await
        .ok(200);
}

#[tokio::test]
async fn t84_ten_tabs_at_once_begin_one_purchase() {
    let world = Setup::default().two_nodes().start().await;
    let ada = world.person("Ada").await;
    let bearer = format!("Bearer {}", ada.access);
    let body = monthly("pro", 1).to_string();
    let request = |nth: usize| {
        let node = world.address(nth % 2);
        (
            node,
            raw_post(node, PATH, &[("authorization", &bearer)], &body),
        )
    };
    let replies = burst((0..10).map(request).collect()).await.unwrap();
    assert!(
        replies.iter().all(|reply| reply.status == 200),
        "{replies:?}"
    );
    let bodies: BTreeSet<_> = replies.iter().map(|reply| &reply.body).collect();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    world.drain().await;
    assert_eq!(statuses(&world).await, ["incomplete"]);
    assert_eq!(
        world
            .count("SELECT count(*) FROM purchase_reservations")
            .await,
        1
    );
}

#[tokio::test]
async fn t84_of_different_choices_at_once_at_most_one_can_be_paid() {
    let world = Setup::default().two_nodes().start().await;
    for round in 1..=3 {
        let ada = world.person(&format!("Ada{round}")).await;
        let bearer = format!("Bearer {}", ada.access);
        let request = |nth: u32| {
            let node = world.address(usize::from(nth.is_multiple_of(2)));
            let body = monthly("pro", nth).to_string();
            let headers = [("authorization", bearer.as_str())];
            (node, raw_post(node, PATH, &headers, &body))
        };
        let replies = burst((1..=10).map(request).collect()).await.unwrap();
        for reply in &replies {
            let is_told = ["purchase_superseded", "payment_pending"]
                .iter()
                .any(|code| reply.body.contains(code));
            assert!(reply.status == 200 || is_told, "{reply:?}");
        }
        world.drain().await;
        let statuses = statuses(&world).await;
        let live = statuses.iter().filter(|status| *status == "incomplete");
        assert!(live.count() <= round, "one for each person: {statuses:?}");
        // What was given up for another choice never ran, and takes no trial away.
        assert_eq!(world.standing(&ada).await, "trialing pro by trial");
    }
}

#[tokio::test]
async fn another_choice_takes_the_place_of_the_one_that_waits() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let first = world.start_subscription(&ada, &monthly("pro", 1)).await;
    let first = first.ok(200);
    let again = world.start_subscription(&ada, &monthly("pro", 1)).await;
    assert_eq!(again.ok(200), first);
    let second = world.start_subscription(&ada, &monthly("pro", 2)).await;
    let second = second.ok(200);
    assert_eq!(second["status"], "pending_payment");
    assert_eq!(statuses(&world).await, ["incomplete", "incomplete_expired"]);
    let late = world.confirm(&first, "4242424242424242").await;
    assert_eq!(late.status, 400, "{late}");

    world.open_checkout(&ada, &monthly("pro", 1)).await.ok(200);
    assert_eq!(
        statuses(&world).await,
        ["incomplete_expired", "incomplete_expired"]
    );
    assert_eq!(world.standing(&ada).await, "trialing pro by trial");
    let third = world.start_subscription(&ada, &monthly("starter", 1)).await;
    world
        .confirm(&third.ok(200), "4242424242424242")
        .await
        .ok(200);
    world.drain().await;
    assert_eq!(world.standing(&ada).await, "active starter by paid");
    let pages = world.stripe_list("checkout/sessions").await;
    assert_eq!(pages[0]["status"], "expired");
    let open = world.start_subscription(&ada, &monthly("free", 1)).await;
    assert_eq!(open.refusal(), (409, "already_subscribed".to_owned()));
}

#[tokio::test]
async fn t84_fifty_who_change_to_one_other_choice_are_told_of_one_purchase_that_can_be_paid() {
    let world = Setup::default().two_nodes().start().await;
    let ada = world.person("Ada").await;
    let first = world.start_subscription(&ada, &monthly("pro", 1)).await;
    first.ok(200);
    let bearer = format!("Bearer {}", ada.access);
    let body = monthly("pro", 2).to_string();
    let request = |nth: usize| {
        let node = world.address(nth % 2);
        let headers = [("authorization", bearer.as_str())];
        (node, raw_post(node, PATH, &headers, &body))
    };
    let replies = burst((0..50).map(request).collect()).await.unwrap();
    let mut told = BTreeSet::new();
    for reply in &replies {
        let answer: Value = serde_json::from_str(&reply.body).unwrap();
        if reply.status == 200 {
            told.insert(answer.to_string());
        } else {
            let is_told = ["purchase_superseded", "payment_pending"];
            let code = answer["detail"]["error"].as_str().unwrap();
            assert!(is_told.contains(&code), "{reply:?}");
        }
    }
    assert_eq!(told.len(), 1, "{replies:?}");
    assert_eq!(statuses(&world).await, ["incomplete", "incomplete_expired"]);
    let begun: Value = serde_json::from_str(told.first().unwrap()).unwrap();
    world.confirm(&begun, "4242424242424242").await.ok(200);
    world.drain().await;
    assert_eq!(world.standing(&ada).await, "active pro by paid");
}

#[tokio::test]
async fn who_waits_for_a_payment_may_have_the_free_plan_instead() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let begun = world.start_subscription(&ada, &monthly("pro", 1)).await;
    begun.ok(200);
    let free = world.start_subscription(&ada, &monthly("free", 1)).await;
    assert_eq!(free.ok(200)["status"], "active");
    world.drain().await;
    assert_eq!(world.standing(&ada).await, "active free by free");
    assert_eq!(statuses(&world).await, ["incomplete_expired"]);
}

#[tokio::test]
async fn t84_what_was_paid_a_moment_ago_is_not_given_up_for_another_choice() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let begun = world.start_subscription(&ada, &monthly("pro", 1)).await;
    let begun = begun.ok(200);
    world.hold_events().await;
    world.confirm(&begun, "4242424242424242").await.ok(200);
    let other = world.start_subscription(&ada, &monthly("pro", 2)).await;
    assert_eq!(other.refusal(), (409, "already_subscribed".to_owned()));
    assert_eq!(statuses(&world).await, ["active"]);
    assert_eq!(world.standing(&ada).await, "active pro by paid");
}

#[tokio::test]
async fn f12_a_purchase_is_given_up_though_the_answers_are_lost() {
    for (method, call) in [("POST", "/v1/invoices/"), ("DELETE", "/v1/subscriptions/")] {
        let world = World::start().await;
        let ada = world.person("Ada").await;
        let begun = world.start_subscription(&ada, &monthly("pro", 1)).await;
        begun.ok(200);
        let fault = json!({
            "kind": "lost_answer", "method": method, "path_prefix": call, "times": 1,
            "before_commit": false,
        });
        world.tell_sandbox("faults", json!([fault])).await;
        let other = world.start_subscription(&ada, &monthly("pro", 2)).await;
        assert_eq!(other.ok(200)["status"], "pending_payment", "{call}");
        assert_eq!(
            statuses(&world).await,
            ["incomplete", "incomplete_expired"],
            "{call}"
        );
    }
}

#[tokio::test]
async fn t84_a_page_is_closed_when_the_purchase_goes_on_in_the_product() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.open_checkout(&ada, &monthly("pro", 1)).await.ok(200);
    world
        .start_subscription(&ada, &monthly("pro", 1))
        .await
        .ok(200);
    world.drain().await;
    let pages = world.stripe_list("checkout/sessions").await;
    assert_eq!(pages[0]["status"], "expired");
    assert_eq!(world.count(OPEN).await, 1);
}

#[tokio::test]
async fn an_answer_of_stripe_that_is_lost_costs_nothing_twice() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let fault = json!([{ "kind": "lost_answer", "method": "POST", "path_prefix": "/v1/subscriptions", "times": 1 }]);
    world.tell_sandbox("faults", fault).await;
    let begun = world.start_subscription(&ada, &monthly("pro", 1)).await;
    assert_eq!(begun.ok(200)["status"], "pending_payment");
    assert_eq!(statuses(&world).await, ["incomplete"]);
}

#[tokio::test]
async fn t80_news_that_are_faster_than_the_answer_change_nothing() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let settings = json!({ "webhook_before_answer": true, "sign_with_sandbox_clock": true });
    world.tell_sandbox("settings", settings).await;
    let begun = world.start_subscription(&ada, &monthly("pro", 1)).await;
    assert_eq!(begun.ok(200)["status"], "pending_payment");
    world.drain().await;
    assert_eq!(statuses(&world).await, ["incomplete"]);
    assert_eq!(world.count(OPEN).await, 1);
}

#[tokio::test]
async fn what_cannot_be_bought_is_refused_before_stripe_is_asked() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.tell_sandbox("reset", json!({})).await;
    let refused = async |ada: &Person, choice: Value| {
        let (status, code) = world.start_subscription(ada, &choice).await.refusal();
        format!("{status} {code}")
    };
    assert_eq!(
        refused(&ada, monthly("platinum", 1)).await,
        "400 invalid_plan"
    );
    assert_eq!(
        refused(&ada, monthly("enterprise", 1)).await,
        "400 tier_not_yet_available"
    );
    assert_eq!(
        refused(&ada, monthly("pro", 0)).await,
        "422 validation_failed"
    );
    world
        .execute("UPDATE plan_billing SET stripe_annual_price_id = NULL, annual_price_cents = NULL")
        .await;
    let annual = json!({ "plan": "pro", "seats": 1, "billing_interval": "annual" });
    assert_eq!(refused(&ada, annual).await, "503 billing_not_configured");
    world
        .execute("UPDATE accounts SET is_test_cohort = true")
        .await;
    for plan in ["pro", "free"] {
        assert_eq!(
            refused(&ada, monthly(plan, 1)).await,
            "403 synthetic_test_cohort"
        );
    }
    assert_eq!(world.ask_sandbox("requests").await, json!([]));
    world
        .execute("UPDATE accounts SET is_test_cohort = false")
        .await;
    world.demote(&ada, "viewer").await;
    assert_eq!(refused(&ada, monthly("pro", 1)).await, "403 role_required");
}

#[tokio::test]
async fn whoever_pays_already_or_owes_is_shown_the_portal() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.buy(&ada, "pro").await;
    for plan in ["starter", "pro", "free"] {
        let answer = world.start_subscription(&ada, &monthly(plan, 1)).await;
        assert_eq!(answer.refusal(), (409, "already_subscribed".to_owned()));
    }
    let mut bob = world.person("Bob").await;
    world.buy_with(&bob, "pro", "4000000000000341").await;
    world.advance(DAY * 15).await;
    world.sign_in(&mut bob).await;
    let answer = world.start_subscription(&bob, &monthly("free", 1)).await;
    assert_eq!(answer.refusal(), (409, "fix_payment_first".to_owned()));
}

#[tokio::test]
async fn without_a_provider_the_free_plan_alone_begins() {
    let world = Setup::default().without_stripe().start().await;
    world
        .execute(
            "UPDATE plan_billing SET stripe_monthly_price_id = 'price_1', monthly_price_cents = 1,
             currency = 'usd' WHERE plan = 'pro'",
        )
        .await;
    let ada = world.person("Ada").await;
    let answer = world.start_subscription(&ada, &monthly("pro", 1)).await;
    assert_eq!(
        answer.refusal(),
        (503, "payment_provider_not_configured".to_owned())
    );
    let free = world.start_subscription(&ada, &monthly("free", 1)).await;
    assert_eq!(free.ok(200)["status"], "active");
}

#[tokio::test]
async fn a_provider_that_is_down_is_said_to_be_and_the_next_try_goes_on() {
    let world = World::start().await;
    let mut ada = world.person("Ada").await;
    let down = json!([{ "kind": "error_500", "method": "POST", "path_prefix": "/v1/subscriptions", "before_commit": true }]);
    world.tell_sandbox("faults", down).await;
    let answer = world.start_subscription(&ada, &monthly("pro", 1)).await;
    assert_eq!(
        answer.refusal(),
        (503, "payment_provider_unavailable".to_owned())
    );
    world.clear_faults().await;
    world.advance(HOUR).await;
    world.sign_in(&mut ada).await;
    let begun = world.start_subscription(&ada, &monthly("pro", 1)).await;
    assert_eq!(begun.ok(200)["status"], "pending_payment");
    assert_eq!(statuses(&world).await, ["incomplete"]);
}
