//! POST /billing/change-plan

use reqwest::Method;
use serde_json::{Value, json};
use tollgate_primitives::Timestamp;
use tollgate_testkit::burst;

use super::bought::{
    agreed, at_stripe, buy, cancel, change, changes_at_stripe, fault, look_after_changes,
    lose_answers, preview, refusal, stored, stripe, subscriber, terms,
};
use crate::world::{DAY, HOUR, MINUTE, Person, Setup, World, monthly, raw_post};

/// The invoices that changes brought, newest first.
async fn bills(world: &World) -> Vec<Value> {
    let list = stripe(world, Method::GET, "/v1/invoices?limit=100", &[]).await;
    let invoices = list["data"].as_array().unwrap().iter();
    invoices
        .filter(|invoice| invoice["billing_reason"] == "subscription_update")
        .cloned()
        .collect()
}

/// The card that is charged from now on.
async fn use_card(world: &World, person: &Person, token: &str) {
    let subscription = at_stripe(world, person).await;
    let customer = subscription["customer"].as_str().unwrap();
    let attach = format!("/v1/payment_methods/{token}/attach");
    let card = stripe(world, Method::POST, &attach, &[("customer", customer)]).await;
    let path = format!("/v1/subscriptions/{}", subscription["id"].as_str().unwrap());
    let form = [("default_payment_method", card["id"].as_str().unwrap())];
    stripe(world, Method::POST, &path, &form).await;
    world.drain().await;
}

#[tokio::test]
async fn a_higher_plan_is_had_at_once_and_paid_at_once() {
    let world = World::start().await;
    let ada = subscriber(&world, "Ada", "starter", 2).await;
    let answer = change(&world, &ada, &json!({ "plan": "pro" })).await;
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
        "cancel_at_period_end": false,
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
    world.drain().await;
    agreed(&stored(&world, &ada).await, &at_stripe(&world, &ada).await);
    let bills = bills(&world).await;
    assert_eq!(bills.len(), 1);
    assert_eq!(
        (&bills[0]["status"], &bills[0]["amount_paid"]),
        (&json!("paid"), &json!(6_000))
    );
    assert_eq!(world.standing(&ada).await, "active pro by paid");
    let acts =
        "SELECT count(*) FROM audit_log WHERE action = 'terms_changed' AND actor_id IS NOT NULL";
    assert_eq!(world.count(acts).await, 1);
}

#[tokio::test]
async fn up_is_a_higher_plan_more_seats_or_a_year() {
    let world = World::start().await;
    let ada = subscriber(&world, "Ada", "starter", 2).await;
    for (wish, expected) in [
        (json!({ "plan": "starter" }), "409 same_plan"),
        (
            json!({ "plan": "starter", "seats": 2, "billing_interval": "monthly" }),
            "409 same_plan",
        ),
        (
            json!({ "plan": "starter", "seats": 1 }),
            "409 downgrade_not_self_serve",
        ),
        (json!({ "plan": "free" }), "409 downgrade_not_self_serve"),
        (
            json!({ "plan": "starter", "seats": 3 }),
            "3 of starter_month",
        ),
        (
            json!({ "plan": "starter", "billing_interval": "annual" }),
            "3 of starter_year",
        ),
        (
            json!({ "plan": "starter", "billing_interval": "monthly" }),
            "409 downgrade_not_self_serve",
        ),
        (
            json!({ "plan": "starter", "seats": 9, "billing_interval": "monthly" }),
            "409 downgrade_not_self_serve",
        ),
        (
            json!({ "plan": "starter", "seats": 2, "billing_interval": "annual" }),
            "409 downgrade_not_self_serve",
        ),
        (
            json!({ "plan": "pro", "seats": 2, "billing_interval": "monthly" }),
            "2 of pro_month",
        ),
        (
            json!({ "plan": "pro", "seats": 4, "billing_interval": "annual" }),
            "4 of pro_year",
        ),
        (
            json!({ "plan": "starter", "seats": 40 }),
            "409 downgrade_not_self_serve",
        ),
    ] {
        let previewed = preview(&world, &ada, &wish).await;
        let answer = change(&world, &ada, &wish).await;
        let became = match answer.status {
            200 => stored(&world, &ada).await,
            _ => refusal(&answer),
        };
        assert_eq!(became, expected, "{wish}");
        if answer.status == 200 {
            previewed.ok(200);
        } else {
            assert_eq!(refusal(&previewed), expected, "{wish}");
        }
        world.drain().await;
        agreed(&stored(&world, &ada).await, &at_stripe(&world, &ada).await);
    }
}

#[tokio::test]
async fn what_cannot_be_had_is_refused_before_stripe_is_asked() {
    let world = World::start().await;
    let ada = subscriber(&world, "Ada", "starter", 1).await;
    let asked = world.ask_sandbox("requests").await;
    let refused = async |wish: Value| {
        let (one, other) = (
            change(&world, &ada, &wish).await,
            preview(&world, &ada, &wish).await,
        );
        assert_eq!(refusal(&one), refusal(&other), "{wish}");
        refusal(&one)
    };
    assert_eq!(
        refused(json!({ "plan": "platinum" })).await,
        "400 invalid_plan"
    );
    assert_eq!(
        refused(json!({ "plan": "no plan" })).await,
        "400 invalid_plan"
    );
    assert_eq!(
        refused(json!({ "plan": "enterprise" })).await,
        "400 tier_not_yet_available"
    );
    for seats in [0, 10_001] {
        assert_eq!(
            refused(json!({ "plan": "pro", "seats": seats })).await,
            "422 validation_failed"
        );
    }
    assert_eq!(
        refused(json!({ "plan": "pro", "account_id": ada.account })).await,
        "400 unknown_field"
    );
    assert_eq!(
        refused(json!({ "plan": "pro", "subscription": "sub_1" })).await,
        "400 unknown_field"
    );
    world.person("Bob").await;
    world
        .execute(
            "INSERT INTO memberships SELECT a.id, u.id, 'viewer', u.created_at FROM accounts a, users u
             ON CONFLICT DO NOTHING",
        )
        .await;
    let answer = change(&world, &ada, &json!({ "plan": "pro" })).await;
    insta::assert_snapshot!(answer, @r#"
    409
    {
      "detail": {
        "error": "seats_below_members",
        "members": 2,
        "message": "Take at least as many seats as the account has members."
      }
    }
    "#);
    world
        .execute("UPDATE plan_billing SET stripe_annual_price_id = NULL, annual_price_cents = NULL")
        .await;
    assert_eq!(
        refused(json!({ "plan": "pro", "seats": 2, "billing_interval": "annual" })).await,
        "503 billing_not_configured"
    );
    world
        .execute("UPDATE accounts SET is_test_cohort = true")
        .await;
    assert_eq!(
        refused(json!({ "plan": "pro", "seats": 2 })).await,
        "403 synthetic_test_cohort"
    );
    assert_eq!(world.ask_sandbox("requests").await, asked);
    assert_eq!(
        world
            .count("SELECT count(*) FROM subscription_changes")
            .await,
        0
    );
}

#[tokio::test]
async fn refusals_say_where_to_go_instead() {
    let world = World::start().await;
    let ada = subscriber(&world, "Ada", "pro", 1).await;
    insta::assert_snapshot!(change(&world, &ada, &json!({ "plan": "starter" })).await, @r#"
    409
    {
      "detail": {
        "error": "downgrade_not_self_serve",
        "message": "A smaller plan, fewer seats or a shorter interval is arranged by our support.",
        "support": "/support"
      }
    }
    "#);
    insta::assert_snapshot!(change(&world, &ada, &json!({ "plan": "pro" })).await, @r#"
    409
    {
      "detail": {
        "error": "same_plan",
        "message": "This account has this plan with as many seats already."
      }
    }
    "#);
    let bob = world.person("Bob").await;
    insta::assert_snapshot!(change(&world, &bob, &json!({ "plan": "pro" })).await, @r#"
    409
    {
      "detail": {
        "error": "nothing_to_change",
        "message": "Nothing is bought that could be changed; pick a plan and buy it.",
        "upgrade_url": "/account/billing/select-plan"
      }
    }
    "#);
    world.buy_with(&bob, "starter", "4000000000000341").await;
    world.advance(DAY * 15).await;
    let mut bob = bob;
    world.sign_in(&mut bob).await;
    insta::assert_snapshot!(change(&world, &bob, &json!({ "plan": "pro" })).await, @r#"
    409
    {
      "detail": {
        "error": "fix_payment_first",
        "message": "A payment failed; correct the card in the portal first.",
        "portal": "/api/v1/billing/portal-session"
      }
    }
    "#);
}

#[tokio::test]
async fn without_a_provider_nothing_can_be_changed() {
    let world = Setup::default().without_stripe().start().await;
    let ada = world.person("Ada").await;
    for answer in [
        change(&world, &ada, &json!({ "plan": "pro" })).await,
        preview(&world, &ada, &json!({ "plan": "pro" })).await,
    ] {
        assert_eq!(refusal(&answer), "503 payment_provider_not_configured");
    }
}

#[tokio::test]
async fn a_card_that_is_declined_leaves_the_old_plan_and_owes_nothing() {
    let world = World::start().await;
    let ada = subscriber(&world, "Ada", "starter", 1).await;
    use_card(&world, &ada, "pm_card_chargeCustomerFail").await;
    let wish = json!({ "plan": "pro" });
    for _ in 0..2 {
        let answer = change(&world, &ada, &wish).await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(answer, @r#"
            402
            {
              "detail": {
                "error": "payment_declined",
                "message": "The card was declined and nothing was changed; correct it in the portal.",
                "portal": "/api/v1/billing/portal-session"
              }
            }
            "#);
        }
        world.drain().await;
        assert_eq!(stored(&world, &ada).await, "1 of starter_month");
        agreed(&stored(&world, &ada).await, &at_stripe(&world, &ada).await);
        assert_eq!(world.standing(&ada).await, "active starter by paid");
    }
    assert_eq!(bills(&world).await, Vec::<Value>::new());
    use_card(&world, &ada, "pm_card_visa").await;
    change(&world, &ada, &wish).await.ok(200);
    assert_eq!(stored(&world, &ada).await, "1 of pro_month");
    assert_eq!(bills(&world).await.len(), 1);
}

#[tokio::test]
async fn during_the_trial_of_a_purchase_nothing_is_charged_yet() {
    let world = World::start().await;
    let mut ada = world.person("Ada").await;
    world.buy(&ada, "starter").await;
    assert_eq!(world.standing(&ada).await, "trialing starter by trial");
    let wish = json!({ "plan": "pro", "seats": 2 });
    let shown = preview(&world, &ada, &wish).await.ok(200);
    assert_eq!(
        (&shown["amount_due_now"], &shown["next_invoice_amount"]),
        (&json!(0), &json!(9_800))
    );
    change(&world, &ada, &wish).await.ok(200);
    world.drain().await;
    assert_eq!(world.standing(&ada).await, "trialing pro by trial");
    assert_eq!(bills(&world).await, Vec::<Value>::new());
    world.advance(DAY * 15).await;
    world.sign_in(&mut ada).await;
    assert_eq!(world.standing(&ada).await, "active pro by paid");
    let first = stripe(&world, Method::GET, "/v1/invoices?limit=1", &[]).await;
    assert_eq!(first["data"][0]["amount_paid"], 9_800);
}

#[tokio::test]
async fn a_scheduled_cancellation_stands_when_the_plan_is_changed() {
    let world = World::start().await;
    let mut ada = subscriber(&world, "Ada", "starter", 1).await;
    cancel(&world, &ada).await.ok(200);
    let wish = json!({ "plan": "pro" });
    let shown = preview(&world, &ada, &wish).await.ok(200);
    assert_eq!(shown["next_invoice_amount"], Value::Null);
    let state = change(&world, &ada, &wish).await.ok(200);
    assert_eq!(state["subscription"]["cancel_at_period_end"], true);
    world.advance(DAY * 32).await;
    world.sign_in(&mut ada).await;
    assert_eq!(world.standing(&ada).await, "canceled pro by read_only");
}

#[tokio::test]
async fn whoever_adds_seats_keeps_the_price_they_bought_at() {
    let world = World::start().await;
    let ada = subscriber(&world, "Ada", "starter", 1).await;
    let old = at_stripe(&world, &ada).await["items"]["data"][0]["price"]["id"].clone();
    world
        .execute("UPDATE plan_billing SET stripe_monthly_price_id = 'price_dearer' WHERE plan = 'starter'")
        .await;
    change(&world, &ada, &json!({ "plan": "starter", "seats": 2 }))
        .await
        .ok(200);
    let theirs = at_stripe(&world, &ada).await;
    assert_eq!(theirs["items"]["data"][0]["price"]["id"], old);
    assert_eq!(terms(&theirs), "2 of starter_month");
    // Nor does the plan itself have to be sold any more, to whoever has it.
    world
        .execute("UPDATE plan_billing SET is_archived = true WHERE plan = 'starter'")
        .await;
    change(&world, &ada, &json!({ "plan": "starter", "seats": 3 }))
        .await
        .ok(200);
    assert_eq!(terms(&at_stripe(&world, &ada).await), "3 of starter_month");
    let yearly = json!({ "plan": "starter", "billing_interval": "annual" });
    let refused = change(&world, &ada, &yearly).await;
    assert_eq!(refused.refusal(), (400, "invalid_plan".to_owned()));
}

#[tokio::test]
async fn i14_the_same_change_acts_again_after_it_was_taken_back_elsewhere() {
    let world = World::start().await;
    let ada = subscriber(&world, "Ada", "starter", 1).await;
    let subscription = at_stripe(&world, &ada).await;
    let item = &subscription["items"]["data"][0];
    let (item, starter) = (
        item["id"].as_str().unwrap(),
        item["price"]["id"].as_str().unwrap(),
    );
    let path = format!("/v1/subscriptions/{}", subscription["id"].as_str().unwrap());
    for round in 1..=3 {
        change(&world, &ada, &json!({ "plan": "pro" }))
            .await
            .ok(200);
        agreed("1 of pro_month", &at_stripe(&world, &ada).await);
        assert_eq!(bills(&world).await.len(), round);
        let down = [
            ("items[0][id]", item),
            ("items[0][price]", starter),
            ("proration_behavior", "none"),
        ];
        stripe(&world, Method::POST, &path, &down).await;
        world.drain().await;
        assert_eq!(stored(&world, &ada).await, "1 of starter_month");
    }
}

#[tokio::test]
async fn i13_fifty_clicks_at_once_are_one_change_and_one_charge() {
    let world = Setup::default().two_nodes().start().await;
    let ada = subscriber(&world, "Ada", "starter", 1).await;
    let bearer = format!("Bearer {}", ada.access);
    let body = json!({ "plan": "pro", "seats": 3 }).to_string();
    let request = |nth: usize| {
        let node = world.address(nth % 2);
        let path = "/api/v1/billing/change-plan";
        (
            node,
            raw_post(node, path, &[("authorization", &bearer)], &body),
        )
    };
    let replies = burst((0..50).map(request).collect()).await.unwrap();
    assert!(replies.iter().any(|reply| reply.status == 200));
    for reply in &replies {
        let is_told = reply.status == 200 || reply.body.contains("same_plan");
        assert!(is_told, "{reply:?}");
    }
    world.drain().await;
    assert_eq!(stored(&world, &ada).await, "3 of pro_month");
    agreed(&stored(&world, &ada).await, &at_stripe(&world, &ada).await);
    assert_eq!(bills(&world).await.len(), 1);
    assert_eq!(changes_at_stripe(&world).await, 1);
    assert_eq!(
        world
            .count("SELECT count(*) FROM audit_log WHERE action = 'terms_changed'")
            .await,
        1
    );
}

#[tokio::test]
async fn two_admins_who_change_at_once_come_one_after_the_other() {
    let world = Setup::default().two_nodes().start().await;
    for (one, other) in [
        (
            json!({ "plan": "pro" }),
            json!({ "plan": "starter", "seats": 4 }),
        ),
        (
            json!({ "plan": "pro", "seats": 2 }),
            json!({ "plan": "pro", "seats": 3 }),
        ),
    ] {
        let ada = subscriber(
            &world,
            &format!("Ada{}", one.as_object().unwrap().len()),
            "starter",
            1,
        )
        .await;
        let bearer = format!("Bearer {}", ada.access);
        let request = |(nth, wish): (usize, &Value)| {
            let node = world.address(nth);
            let path = "/api/v1/billing/change-plan";
            (
                node,
                raw_post(node, path, &[("authorization", &bearer)], &wish.to_string()),
            )
        };
        let replies = burst(
            [&one, &other]
                .into_iter()
                .enumerate()
                .map(request)
                .collect(),
        )
        .await
        .unwrap();
        for reply in &replies {
            assert!([200, 409].contains(&reply.status), "{reply:?}");
        }
        world.drain().await;
        agreed(&stored(&world, &ada).await, &at_stripe(&world, &ada).await);
        let ended = stored(&world, &ada).await;
        assert!(
            ended.ends_with("pro_month") || ended == "4 of starter_month",
            "{ended}"
        );
    }
}

#[tokio::test]
async fn f12_an_answer_that_is_lost_costs_nothing_twice() {
    for is_answered in [true, false] {
        let world = World::start().await;
        let ada = subscriber(&world, "Ada", "starter", 1).await;
        world.hold_events().await;
        if is_answered {
            fault(&world, json!({ "kind": "lost_answer", "method": "POST", "path_prefix": "/v1/subscriptions", "times": 1 })).await;
        } else {
            lose_answers(&world).await;
        }
        let wish = json!({ "plan": "pro" });
        let answer = change(&world, &ada, &wish).await;
        if is_answered {
            answer.ok(200);
        } else {
            assert_eq!(refusal(&answer), "503 payment_provider_unavailable");
            assert_eq!(stored(&world, &ada).await, "1 of starter_month");
            change(&world, &ada, &wish).await.ok(200);
        }
        look_after_changes(&world).await;
        assert_eq!(bills(&world).await.len(), 1);
        assert_eq!(stored(&world, &ada).await, "1 of pro_month");
        agreed(&stored(&world, &ada).await, &at_stripe(&world, &ada).await);
    }
}

#[tokio::test]
async fn f13_a_failure_that_stripe_keeps_costs_nothing_twice() {
    for is_done in [true, false] {
        let world = World::start().await;
        let ada = subscriber(&world, "Ada", "starter", 1).await;
        fault(&world, json!({ "kind": "error_500", "before_commit": !is_done, "method": "POST", "path_prefix": "/v1/subscriptions", "times": 1 })).await;
        let wish = json!({ "plan": "pro" });
        let answer = change(&world, &ada, &wish).await;
        if is_done {
            answer.ok(200);
        } else {
            assert_eq!(refusal(&answer), "503 payment_provider_unavailable");
            change(&world, &ada, &wish).await.ok(200);
        }
        world.drain().await;
        assert_eq!(bills(&world).await.len(), 1);
        agreed(&stored(&world, &ada).await, &at_stripe(&world, &ada).await);
    }
}

#[tokio::test]
async fn f17_nobody_is_charged_hours_later_for_what_could_not_be_charged_then() {
    let world = World::start().await;
    let mut ada = subscriber(&world, "Ada", "starter", 1).await;
    fault(&world, json!({ "kind": "lost_answer", "before_commit": true, "method": "POST", "path_prefix": "/v1/subscriptions", "times": 4 })).await;
    let wish = json!({ "plan": "pro" });
    assert_eq!(
        refusal(&change(&world, &ada, &wish).await),
        "503 payment_provider_unavailable"
    );
    world.advance(HOUR * 2).await;
    look_after_changes(&world).await;
    assert_eq!(stored(&world, &ada).await, "1 of starter_month");
    assert_eq!(bills(&world).await, Vec::<Value>::new());
    world.sign_in(&mut ada).await;
    change(&world, &ada, &wish).await.ok(200);
    assert_eq!(bills(&world).await.len(), 1);
}

#[tokio::test]
async fn a_preview_is_confirmed_within_an_hour_and_never_ahead_of_time() {
    let world = World::start().await;
    let mut ada = subscriber(&world, "Ada", "starter", 1).await;
    world.advance(HOUR * 3).await;
    world.sign_in(&mut ada).await;
    let now = world.now();
    for (date, expected) in [
        (now.saturating_sub(HOUR + MINUTE), "409 preview_expired"),
        (now.saturating_sub(DAY * 40), "409 preview_expired"),
        (now.saturating_add(MINUTE * 6), "422 validation_failed"),
        (now.saturating_add(DAY * 20), "422 validation_failed"),
    ] {
        let wish = json!({ "plan": "pro", "proration_date": date.to_string() });
        assert_eq!(
            refusal(&change(&world, &ada, &wish).await),
            expected,
            "{date}"
        );
        assert_eq!(
            refusal(&preview(&world, &ada, &wish).await),
            expected,
            "{date}"
        );
    }
    for nonsense in [
        json!("yesterday"),
        json!(1_800_000_000),
        json!("9999-01-01T00:00:00Z"),
    ] {
        let wish = json!({ "plan": "pro", "proration_date": nonsense });
        assert_eq!(
            refusal(&change(&world, &ada, &wish).await),
            "422 validation_failed"
        );
    }
    assert_eq!(changes_at_stripe(&world).await, 0);
    let earlier = now.saturating_sub(HOUR);
    let wish = json!({ "plan": "pro", "proration_date": earlier.to_string() });
    change(&world, &ada, &wish).await.ok(200);
    let bill = bills(&world).await.remove(0);
    assert_eq!(
        bill["lines"]["data"][0]["period"]["start"],
        earlier.unix_seconds()
    );
}

/// When which plan, seats and interval were bought, and which were wished for how many days later.
type Case = (
    &'static str,
    &'static str,
    u32,
    &'static str,
    u64,
    &'static str,
    u32,
    &'static str,
);

const CASES: [Case; 10] = [
    (
        "2027-01-31T10:00:00Z",
        "starter",
        1,
        "monthly",
        0,
        "pro",
        1,
        "monthly",
    ),
    (
        "2027-01-31T10:00:00Z",
        "starter",
        3,
        "monthly",
        27,
        "pro",
        7,
        "monthly",
    ),
    (
        "2027-02-28T23:59:59Z",
        "starter",
        3,
        "monthly",
        17,
        "starter",
        4,
        "monthly",
    ),
    (
        "2027-03-30T00:00:00Z",
        "pro",
        2,
        "monthly",
        29,
        "pro",
        11,
        "monthly",
    ),
    (
        "2027-10-31T12:00:00Z",
        "starter",
        2,
        "monthly",
        13,
        "starter",
        2,
        "annual",
    ),
    (
        "2028-02-29T08:00:00Z",
        "starter",
        1,
        "annual",
        200,
        "pro",
        2,
        "annual",
    ),
    (
        "2028-02-28T08:00:00Z",
        "pro",
        5,
        "monthly",
        1,
        "pro",
        6,
        "monthly",
    ),
    (
        "2027-02-27T08:00:00Z",
        "starter",
        4,
        "annual",
        366,
        "pro",
        1,
        "annual",
    ),
    (
        "2027-12-31T23:00:00Z",
        "starter",
        10,
        "annual",
        100,
        "pro",
        1,
        "monthly",
    ),
    (
        "2027-06-15T06:30:00Z",
        "pro",
        999,
        "monthly",
        7,
        "pro",
        10_000,
        "annual",
    ),
];

#[tokio::test]
async fn i13_what_was_previewed_is_charged_to_the_cent() {
    for (bought_at, plan, seats, interval, days, to, more, then) in CASES {
        let case = format!("{bought_at} {seats} {plan} {interval}, {days}: {more} {to} {then}");
        let world = World::start().await;
        let mut ada = world.person("Ada").await;
        let moment: Timestamp = serde_json::from_value(json!(bought_at)).unwrap();
        world.advance(moment.since(world.now())).await;
        world.sign_in(&mut ada).await;
        let mut choice = monthly(plan, seats);
        choice["billing_interval"] = json!(interval);
        buy(&world, &ada, &choice).await;
        world
            .advance(DAY * u32::try_from(days).unwrap() + HOUR * 5 + MINUTE * 17)
            .await;
        world.sign_in(&mut ada).await;
        let mut wish = json!({ "plan": to, "seats": more, "billing_interval": then });
        let shown = preview(&world, &ada, &wish).await.ok(200);
        let lines = shown["lines"].as_array().unwrap().iter();
        let sum: i64 = lines.map(|line| line["amount"].as_i64().unwrap()).sum();
        assert_eq!(shown["amount_due_now"], sum.max(0), "{case}: {shown}");
        world.advance(MINUTE * 10).await;
        wish["proration_date"] = shown["proration_date"].clone();
        change(&world, &ada, &wish).await.ok(200);
        world.drain().await;
        let bill = bills(&world).await.remove(0);
        assert_eq!(bill["total"], sum, "{case}");
        assert_eq!(bill["amount_paid"], shown["amount_due_now"], "{case}");
        agreed(&stored(&world, &ada).await, &at_stripe(&world, &ada).await);
        let end = at_stripe(&world, &ada).await["items"]["data"][0]["current_period_end"]
            .as_i64()
            .unwrap();
        let wait = u64::try_from(end - world.now().unix_seconds()).unwrap();
        world.advance(std::time::Duration::from_secs(wait)).await;
        let next = stripe(&world, Method::GET, "/v1/invoices?limit=1", &[]).await;
        assert_eq!(
            next["data"][0]["total"], shown["next_invoice_amount"],
            "{case}"
        );
    }
}
