//! POST /billing/cancel

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::json;
use tollgate_testkit::burst;

use super::bought::{
    agreed, at_stripe, cancel, change, changes_at_stripe, fault, keep, look_after_changes,
    lose_answers, refusal, stored, stripe, subscriber, terms,
};
use crate::world::{DAY, HOUR, Setup, World, raw_post};

#[tokio::test]
async fn a_cancelled_subscription_goes_on_until_its_period_ends() {
    let world = World::start().await;
    let mut ada = subscriber(&world, "Ada", "pro", 2).await;
    let answer = cancel(&world, &ada).await;
    insta::assert_snapshot!(answer, @r#"
    200
    {
      "enabled_features": {
        "api_access": true,
        "audit_export": false,
        "custom_branding": true,
        "sso": false
      },
      "pending_kept_banner": false,
      "plan_billing": {
        "annual_price_cents": 49000,
        "currency": "usd",
        "description": "For a team that depends on it",
        "display_name": "Pro",
        "monthly_price_cents": 4900,
        "plan": "pro",
        "sort_order": 30
      },
      "plan_limits": {
        "max_projects": 200,
        "max_users": 25,
        "plan": "pro"
      },
      "subscription": {
        "basis": "paid",
        "cancel_at_period_end": true,
        "cancel_is_auto": false,
        "current_period_end": "2027-02-19T09:00:00Z",
        "current_period_start": "2027-01-19T09:00:00Z",
        "has_pro_entitlement": true,
        "is_paid": true,
        "plan": "pro",
        "seat_limit": 2,
        "status": "active"
      },
      "trial_banner": {
        "days_remaining": null,
        "stage": "paid"
      }
    }
    "#);
    agreed(&stored(&world, &ada).await, &at_stripe(&world, &ada).await);
    assert_eq!(world.standing(&ada).await, "active pro by paid");
    world.advance(DAY * 30).await;
    world.sign_in(&mut ada).await;
    assert_eq!(world.standing(&ada).await, "active pro by paid");
    world.advance(DAY).await;
    world.sign_in(&mut ada).await;
    assert_eq!(world.standing(&ada).await, "canceled pro by read_only");
    assert_eq!(
        refusal(&cancel(&world, &ada).await),
        "409 nothing_to_cancel"
    );
    assert_eq!(refusal(&keep(&world, &ada).await), "409 nothing_to_keep");
}

#[tokio::test]
async fn the_webhook_that_follows_a_cancellation_changes_nothing() {
    let world = World::start().await;
    let ada = subscriber(&world, "Ada", "pro", 1).await;
    world.hold_events().await;
    let state = cancel(&world, &ada).await.ok(200);
    world.clock.advance(crate::world::SECOND);
    let event = world.event("customer.subscription.updated").await;
    let before = world.rows().await;
    world.deliver(&event).await.ok(200);
    world.drain().await;
    let after = world.rows().await;
    let added: BTreeMap<_, _> = after
        .iter()
        .filter(|(table, rows)| before[*table] != **rows)
        .collect();
    let tables: Vec<_> = added.keys().map(|table| table.as_str()).collect();
    assert_eq!(tables, ["public.webhook_events"], "{added:?}");
    let again = world.get("/billing/state").by(&ada).send().await.ok(200);
    assert_eq!(again, state);
}

#[tokio::test]
async fn who_has_nothing_running_has_nothing_to_cancel() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let answer = cancel(&world, &ada).await;
    insta::assert_snapshot!(answer, @r#"
    409
    {
      "detail": {
        "error": "nothing_to_cancel",
        "message": "Nothing is bought that still goes on; there is nothing to cancel."
      }
    }
    "#);
    assert_eq!(refusal(&keep(&world, &ada).await), "409 nothing_to_keep");
    let bob = subscriber(&world, "Bob", "pro", 1).await;
    cancel(&world, &bob).await.ok(200);
    assert_eq!(
        refusal(&cancel(&world, &bob).await),
        "409 nothing_to_cancel"
    );
    assert_eq!(changes_at_stripe(&world).await, 1);
}

#[tokio::test]
async fn a_debt_does_not_keep_anybody_from_cancelling() {
    let world = World::start().await;
    let mut ada = world.person("Ada").await;
    world.buy_with(&ada, "pro", "4000000000000341").await;
    world.advance(DAY * 15).await;
    world.sign_in(&mut ada).await;
    assert_eq!(world.standing(&ada).await, "past_due pro by grace");
    cancel(&world, &ada).await.ok(200);
    agreed(&stored(&world, &ada).await, &at_stripe(&world, &ada).await);
}

#[tokio::test]
async fn without_a_provider_there_is_nothing_to_ask() {
    let world = Setup::default().without_stripe().start().await;
    let ada = world.person("Ada").await;
    assert_eq!(
        refusal(&cancel(&world, &ada).await),
        "503 payment_provider_not_configured"
    );
    assert_eq!(
        refusal(&keep(&world, &ada).await),
        "503 payment_provider_not_configured"
    );
}

#[tokio::test]
async fn i10_cancel_keep_and_cancel_within_a_day_act_three_times() {
    let world = World::start().await;
    let ada = subscriber(&world, "Ada", "pro", 1).await;
    for (nth, ends) in [true, false, true, false, true].into_iter().enumerate() {
        let answer = if ends {
            cancel(&world, &ada).await
        } else {
            keep(&world, &ada).await
        };
        let state = answer.ok(200);
        assert_eq!(state["subscription"]["cancel_at_period_end"], ends);
        let theirs = at_stripe(&world, &ada).await;
        assert_eq!(theirs["cancel_at_period_end"], ends);
        agreed(&stored(&world, &ada).await, &theirs);
        assert_eq!(changes_at_stripe(&world).await, nth + 1);
    }
    world.drain().await;
    agreed(&stored(&world, &ada).await, &at_stripe(&world, &ada).await);
    let acts = "SELECT count(*) FROM audit_log WHERE actor_id IS NOT NULL AND action LIKE 'cancellation_%'";
    assert_eq!(world.count(acts).await, 5);
}

#[tokio::test]
async fn i10_fifty_cancellations_at_once_are_one() {
    let world = Setup::default().two_nodes().start().await;
    let ada = subscriber(&world, "Ada", "pro", 1).await;
    for (path, ends) in [("cancel", true), ("keep", false)] {
        let before = changes_at_stripe(&world).await;
        let replies = burst_of(&world, &ada.access, &vec![(path, String::new()); 50]).await;
        for (status, body) in &replies {
            assert!([200, 409].contains(status), "{status} {body}");
        }
        assert!(replies.iter().any(|(status, _)| *status == 200));
        world.drain().await;
        assert_eq!(changes_at_stripe(&world).await, before + 1, "{path}");
        let theirs = at_stripe(&world, &ada).await;
        assert_eq!(theirs["cancel_at_period_end"], ends);
        agreed(&stored(&world, &ada).await, &theirs);
    }
    assert_eq!(
        world
            .count("SELECT count(*) FROM subscription_changes WHERE is_done")
            .await,
        2
    );
    let acts = "SELECT count(*) FROM audit_log WHERE action LIKE 'cancellation_%'";
    assert_eq!(world.count(acts).await, 2);
}

/// Sends each path below `/billing` with its body, over both nodes at one moment.
async fn burst_of(world: &World, access: &str, calls: &[(&str, String)]) -> Vec<(u16, String)> {
    let bearer = format!("Bearer {access}");
    let request = |(nth, (path, body)): (usize, &(&str, String))| {
        let node = world.address(nth % 2);
        let path = format!("/api/v1/billing/{path}");
        (
            node,
            raw_post(node, &path, &[("authorization", &bearer)], body),
        )
    };
    let requests = calls.iter().enumerate().map(request).collect();
    let replies = burst(requests).await.unwrap();
    replies
        .into_iter()
        .map(|reply| (reply.status, reply.body))
        .collect()
}

#[tokio::test]
async fn f32_whatever_is_asked_at_once_ends_alike_on_both_sides() {
    let world = Setup::default().two_nodes().start().await;
    let ada = subscriber(&world, "Ada", "pro", 1).await;
    for round in 0..12 {
        let seats = |more: u32| json!({ "plan": "pro", "seats": 2 + round * 3 + more }).to_string();
        let calls = [
            ("cancel", String::new()),
            ("change-plan", seats(0)),
            ("keep", String::new()),
            ("change-plan", seats(1)),
            ("cancel", String::new()),
            ("keep", String::new()),
            ("change-plan", seats(2)),
        ];
        for (status, body) in burst_of(&world, &ada.access, &calls).await {
            assert!([200, 409].contains(&status), "{round}: {status} {body}");
        }
        world.drain().await;
        agreed(&stored(&world, &ada).await, &at_stripe(&world, &ada).await);
    }
    assert_eq!(
        world
            .count("SELECT count(*) FROM subscription_changes WHERE closed_at IS NULL")
            .await,
        0
    );
}

#[tokio::test]
async fn f12_a_cancellation_whose_answer_is_lost_is_found_by_the_next_try() {
    let world = World::start().await;
    let ada = subscriber(&world, "Ada", "pro", 1).await;
    fault(&world, json!({ "kind": "lost_answer", "method": "POST", "path_prefix": "/v1/subscriptions", "times": 2 })).await;
    let state = cancel(&world, &ada).await.ok(200);
    assert_eq!(state["subscription"]["cancel_at_period_end"], true);
    assert_eq!(changes_at_stripe(&world).await, 1);
    agreed(&stored(&world, &ada).await, &at_stripe(&world, &ada).await);
}

#[tokio::test]
async fn f12_a_cancellation_that_stripe_never_answers_is_finished_by_a_job() {
    let world = World::start().await;
    let ada = subscriber(&world, "Ada", "pro", 1).await;
    world.hold_events().await;
    lose_answers(&world).await;
    let answer = cancel(&world, &ada).await;
    insta::assert_snapshot!(answer, @r#"
    503
    retry-after: 5
    {
      "detail": {
        "error": "payment_provider_unavailable",
        "message": "The payment provider has not answered yet; the change is made as soon as it does."
      }
    }
    "#);
    assert_eq!(stored(&world, &ada).await, "1 of pro_month");
    assert_eq!(
        terms(&at_stripe(&world, &ada).await),
        "1 of pro_month, ends"
    );
    look_after_changes(&world).await;
    agreed(&stored(&world, &ada).await, &at_stripe(&world, &ada).await);
    assert_eq!(changes_at_stripe(&world).await, 1);
}

#[tokio::test]
async fn f12_what_is_outstanding_comes_before_what_is_asked_next() {
    let world = World::start().await;
    let ada = subscriber(&world, "Ada", "pro", 1).await;
    world.hold_events().await;
    fault(&world, json!({ "kind": "lost_answer", "before_commit": true, "method": "POST", "path_prefix": "/v1/subscriptions", "times": 4 })).await;
    assert_eq!(
        refusal(&cancel(&world, &ada).await),
        "503 payment_provider_unavailable"
    );
    assert_eq!(terms(&at_stripe(&world, &ada).await), "1 of pro_month");
    let state = keep(&world, &ada).await.ok(200);
    assert_eq!(state["subscription"]["cancel_at_period_end"], false);
    assert_eq!(changes_at_stripe(&world).await, 2);
    agreed(&stored(&world, &ada).await, &at_stripe(&world, &ada).await);
    look_after_changes(&world).await;
    assert_eq!(changes_at_stripe(&world).await, 2);
}

#[tokio::test]
async fn f13_a_failure_that_stripe_keeps_is_looked_behind() {
    for (is_done, expected) in [(true, 200), (false, 503)] {
        let world = World::start().await;
        let ada = subscriber(&world, "Ada", "pro", 1).await;
        fault(&world, json!({ "kind": "error_500", "before_commit": !is_done, "method": "POST", "path_prefix": "/v1/subscriptions", "times": 1 })).await;
        let answer = cancel(&world, &ada).await;
        assert_eq!(answer.status, expected, "{answer}");
        if !is_done {
            cancel(&world, &ada).await.ok(200);
        }
        world.drain().await;
        assert_eq!(changes_at_stripe(&world).await, 1);
        agreed(&stored(&world, &ada).await, &at_stripe(&world, &ada).await);
    }
}

#[tokio::test]
async fn f18_an_answer_that_cannot_be_read_leaves_the_change_to_the_next_try() {
    let world = World::start().await;
    let ada = subscriber(&world, "Ada", "pro", 1).await;
    for kind in ["truncated_json", "html_200"] {
        fault(&world, json!({ "kind": kind, "method": "POST", "path_prefix": "/v1/subscriptions", "times": 1 })).await;
        assert_eq!(
            refusal(&cancel(&world, &ada).await),
            "503 payment_provider_unavailable",
            "{kind}"
        );
        look_after_changes(&world).await;
        assert_eq!(stored(&world, &ada).await, "1 of pro_month, ends", "{kind}");
        agreed(&stored(&world, &ada).await, &at_stripe(&world, &ada).await);
        keep(&world, &ada).await.ok(200);
    }
}

#[tokio::test]
async fn t80_the_webhook_may_come_before_the_answer() {
    let world = World::start().await;
    let ada = subscriber(&world, "Ada", "starter", 1).await;
    world
        .tell_sandbox(
            "settings",
            json!({ "sign_with_sandbox_clock": true, "webhook_before_answer": true }),
        )
        .await;
    cancel(&world, &ada).await.ok(200);
    keep(&world, &ada).await.ok(200);
    change(&world, &ada, &json!({ "plan": "pro" }))
        .await
        .ok(200);
    world.drain().await;
    assert_eq!(stored(&world, &ada).await, "1 of pro_month");
    agreed(&stored(&world, &ada).await, &at_stripe(&world, &ada).await);
}

#[tokio::test]
async fn what_ended_unheard_is_found_out_and_told() {
    let world = World::start().await;
    let ada = subscriber(&world, "Ada", "pro", 1).await;
    world.hold_events().await;
    let path = format!("/v1/subscriptions/{}", world.subscription(&ada).await);
    stripe(&world, Method::DELETE, &path, &[]).await;
    assert_eq!(
        refusal(&cancel(&world, &ada).await),
        "409 nothing_to_cancel"
    );
    assert_eq!(world.standing(&ada).await, "canceled pro by read_only");
}

#[tokio::test]
async fn t69_only_admins_and_owners_change_what_was_bought() {
    let world = World::start().await;
    let ada = subscriber(&world, "Ada", "starter", 2).await;
    world.person("Bob").await;
    world
        .execute(
            "INSERT INTO memberships SELECT a.id, u.id, 'owner', u.created_at FROM accounts a, users u
             ON CONFLICT DO NOTHING",
        )
        .await;
    for (role, allowed) in [("viewer", false), ("engineer", false), ("admin", true)] {
        sqlx::query(
            "UPDATE memberships SET role = $1 WHERE account_id = $2::uuid AND user_id = $3::uuid",
        )
        .bind(role)
        .bind(&ada.account)
        .bind(&ada.id)
        .execute(world.database.pool())
        .await
        .unwrap();
        let wish = json!({ "plan": "pro" });
        let answers = [
            cancel(&world, &ada).await,
            keep(&world, &ada).await,
            super::bought::preview(&world, &ada, &wish).await,
            change(&world, &ada, &wish).await,
            world.get("/billing/invoices").by(&ada).send().await,
        ];
        for answer in answers {
            if allowed {
                answer.ok(200);
            } else {
                assert_eq!(refusal(&answer), "403 role_required", "{role}");
            }
        }
    }
}

#[tokio::test]
async fn f26_keeping_is_over_with_the_period_even_when_nobody_told_us_of_its_end() {
    let world = World::start().await;
    let mut ada = subscriber(&world, "Ada", "pro", 1).await;
    cancel(&world, &ada).await.ok(200);
    world.hold_events().await;
    world.clock.advance(DAY * 30 + HOUR * 23);
    world.sign_in(&mut ada).await;
    let until = world.get("/billing/state").by(&ada).send().await.ok(200);
    assert_eq!(until["subscription"]["cancel_at_period_end"], true);
    world.clock.advance(HOUR);
    world.sign_in(&mut ada).await;
    assert_eq!(refusal(&keep(&world, &ada).await), "409 nothing_to_keep");
    assert_eq!(changes_at_stripe(&world).await, 1);
}
