//! POST /billing/checkout-session

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use tollgate_testkit::burst;

use crate::world::{
    DAY, HOUR, MINUTE, Person, SECOND, Setup, World, just_under, monthly, raw_post,
};

const PATH: &str = "/api/v1/billing/checkout-session";

/// The checkout sessions that Stripe has, newest first.
async fn sessions(world: &World) -> Vec<Value> {
    let url = format!("{}/v1/checkout/sessions?limit=100", world.sandbox_url());
    let call = world
        .fetch(Method::GET, &url)
        .bearer("sk_test_0123456789abcdef");
    let list = call.send().await.ok(200);
    list["data"].as_array().unwrap().clone()
}

async fn statuses(world: &World) -> Vec<String> {
    let sessions = sessions(world).await;
    let status = |session: &Value| session["status"].as_str().unwrap().to_owned();
    sessions.iter().map(status).collect()
}

/// How many calls of this kind Stripe got.
async fn asked(world: &World, method: &str, path: &str) -> usize {
    let calls = world.ask_sandbox("requests").await;
    let calls = calls.as_array().unwrap().iter();
    calls
        .filter(|call| call["method"] == method && call["path"] == path)
        .count()
}

async fn refusal(world: &World, person: &Person, choice: &Value) -> String {
    let (status, code) = world.open_checkout(person, choice).await.refusal();
    format!("{status} {code}")
}

#[tokio::test]
async fn t85_the_page_asks_for_what_was_chosen_and_nothing_else() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let answer = world.open_checkout(&ada, &monthly("pro", 3)).await;
    insta::assert_snapshot!(answer, @r#"
    200
    {
      "url": "[sandbox]/checkout/…"
    }
    "#);
    let page = answer.ok(200)["url"].as_str().unwrap().to_owned();
    let shown = world.fetch(Method::GET, &page).send().await;
    assert_eq!(shown.status, 200);
    for part in ["Pro", "$49.00", "$147.00", "ada@example.com"] {
        assert!(shown.text.contains(part), "{part} in {}", shown.text);
    }
    let session = sessions(&world).await.remove(0);
    assert_eq!(
        session["success_url"],
        "http://app.test/account/billing?success=1"
    );
    assert_eq!(
        session["cancel_url"],
        "http://app.test/account/billing/select-plan"
    );
    assert_eq!(session["mode"], "subscription");
}

#[tokio::test]
async fn t84_ten_tabs_at_once_open_one_page() {
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
    let pages: BTreeSet<_> = replies.iter().map(|reply| &reply.body).collect();
    assert_eq!(pages.len(), 1, "{pages:?}");
    assert_eq!(statuses(&world).await, ["open"]);
    assert_eq!(
        world
            .count("SELECT count(*) FROM purchase_reservations")
            .await,
        1
    );
    let customers = world.fetch(
        Method::GET,
        &format!("{}/v1/customers", world.sandbox_url()),
    );
    let customers = customers
        .bearer("sk_test_0123456789abcdef")
        .send()
        .await
        .ok(200);
    assert_eq!(customers["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_same_choice_finds_its_page_and_another_choice_closes_it() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let first = world.open_checkout(&ada, &monthly("pro", 1)).await.ok(200);
    let again = world.open_checkout(&ada, &monthly("pro", 1)).await.ok(200);
    assert_eq!(again, first);
    for other in [
        monthly("pro", 2),
        monthly("starter", 2),
        json!({ "plan": "starter", "seats": 2, "billing_interval": "annual" }),
    ] {
        let opened = world.open_checkout(&ada, &other).await.ok(200);
        assert_ne!(opened, first, "{other}");
        world.drain().await;
        let statuses = statuses(&world).await;
        assert_eq!(statuses[0], "open", "{other}");
        assert!(
            statuses[1..].iter().all(|status| status == "expired"),
            "{statuses:?}"
        );
    }
    let closed = first["url"].as_str().unwrap();
    let paid = world
        .fetch(Method::POST, closed)
        .form(&[("card", "4242424242424242")])
        .send()
        .await;
    assert_eq!(paid.status, 410);
}

#[tokio::test]
async fn a_page_that_is_about_to_end_is_not_handed_out_again() {
    let world = World::start().await;
    let mut ada = world.person("Ada").await;
    let first = world.open_checkout(&ada, &monthly("pro", 1)).await.ok(200);
    world.advance(MINUTE * (24 * 60 - 6)).await;
    world.sign_in(&mut ada).await;
    assert_eq!(
        world.open_checkout(&ada, &monthly("pro", 1)).await.ok(200),
        first
    );
    world.advance(MINUTE * 5).await;
    world.sign_in(&mut ada).await;
    assert_ne!(
        world.open_checkout(&ada, &monthly("pro", 1)).await.ok(200),
        first
    );
    world.drain().await;
    assert_eq!(statuses(&world).await, ["open", "expired"]);
}

#[tokio::test]
async fn a_trial_is_passed_on_and_nobody_is_charged_early() {
    for (days_left, trial_until) in [
        (14, "Free trial until 2027-01-18 09:00"),
        (2, "Free trial until 2027-01-18 10:00"),
        (1, "Free trial until 2027-01-19 10:00"),
        (0, "Due today"),
    ] {
        let world = World::start().await;
        let mut ada = world.person("Ada").await;
        world.advance(DAY * (14 - days_left)).await;
        world.sign_in(&mut ada).await;
        let answer = world.open_checkout(&ada, &monthly("pro", 1)).await.ok(200);
        let page = world
            .fetch(Method::GET, answer["url"].as_str().unwrap())
            .send()
            .await;
        assert!(
            page.text.contains(trial_until),
            "{days_left}: {}",
            page.text
        );
        assert_eq!(page.text.contains("Free trial"), days_left > 0);
    }
}

#[tokio::test]
async fn each_plan_that_the_catalog_sells_reaches_stripe_and_no_other() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let plans = world.get("/plans/public").send().await.ok(200);
    let mut reached = Vec::new();
    for plan in plans.as_array().unwrap() {
        let plan = plan["plan"].as_str().unwrap();
        let before = sessions(&world).await.len();
        let answer = world.open_checkout(&ada, &monthly(plan, 1)).await;
        let after = sessions(&world).await.len();
        assert_eq!(after > before, answer.status == 200, "{plan}");
        reached.push(match answer.status {
            200 => format!("{plan}: sold"),
            _ => format!("{plan}: {}", answer.refusal().1),
        });
    }
    insta::assert_snapshot!(reached.join("\n"), @r"
    free: tier_not_yet_available
    starter: sold
    pro: sold
    enterprise: tier_not_yet_available
    ");
}

#[tokio::test]
async fn what_reaches_stripe_by_either_way_is_what_the_catalog_has_on_sale() {
    let world = World::start().await;
    world
        .execute(
            "INSERT INTO plan_limits (plan) VALUES ('old'), ('quiet'), ('talked');
             INSERT INTO plan_billing (plan, display_name, is_public, is_archived, self_serve,
               stripe_monthly_price_id, monthly_price_cents, currency)
             SELECT v.plan, v.plan, v.is_public, v.is_archived, v.self_serve,
               b.stripe_annual_price_id, 1, 'usd'
             FROM (VALUES ('old', true, true, true, 'pro'), ('quiet', false, false, true, 'starter'))
               v (plan, is_public, is_archived, self_serve, of)
             JOIN plan_billing b ON b.plan = v.of;
             INSERT INTO plan_billing (plan, display_name, is_public) VALUES ('talked', 'T', true)",
        )
        .await;
    let on_sale = world.app().store.plans_on_sale().await.unwrap();
    let on_sale: BTreeSet<_> = on_sale
        .iter()
        .map(|sold| sold.plan.as_str().to_owned())
        .collect();
    assert_eq!(
        on_sale,
        ["pro", "quiet", "starter"].map(String::from).into()
    );
    let plans: Vec<String> = sqlx::query_scalar("SELECT plan FROM plan_limits")
        .fetch_all(world.database.pool())
        .await
        .unwrap();
    for (way, path) in [
        ("page", "checkout/sessions"),
        ("own", "subscriptions?status=all"),
    ] {
        let mut reached = BTreeSet::new();
        for plan in &plans {
            let person = world.person(&format!("{way} {plan}")).await;
            let before = world.stripe_list(path).await.len();
            match way {
                "page" => world.open_checkout(&person, &monthly(plan, 1)).await,
                _ => world.start_subscription(&person, &monthly(plan, 1)).await,
            };
            if world.stripe_list(path).await.len() > before {
                reached.insert(plan.clone());
            }
        }
        assert_eq!(reached, on_sale, "{way}");
    }
}

#[tokio::test]
async fn what_is_left_of_a_trial_is_passed_on_to_the_second() {
    for (left, charged_in) in [
        (49 * HOUR + SECOND, 49 * HOUR + SECOND),
        (49 * HOUR, 49 * HOUR),
        (just_under(49 * HOUR), 49 * HOUR),
        (48 * HOUR, 49 * HOUR),
        (just_under(48 * HOUR), 49 * HOUR),
        (SECOND, 49 * HOUR),
    ] {
        let world = World::start().await;
        let mut ada = world.person("Ada").await;
        world.advance((DAY * 14).checked_sub(left).unwrap()).await;
        world.sign_in(&mut ada).await;
        world.buy(&ada, "pro").await;
        let bought = world.stripe_list("subscriptions").await.remove(0);
        let charged_at = world.now().saturating_add(charged_in).unix_seconds();
        assert_eq!(bought["trial_end"], charged_at, "{left:?} are left");
        assert_eq!(world.stripe_list("charges").await.len(), 0);
    }
}

#[tokio::test]
async fn what_cannot_be_bought_is_refused_before_stripe_is_asked() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.tell_sandbox("reset", json!({})).await;
    let refused = async |choice: Value| refusal(&world, &ada, &choice).await;
    assert_eq!(refused(monthly("platinum", 1)).await, "400 invalid_plan");
    assert_eq!(refused(monthly("no plan", 1)).await, "400 invalid_plan");
    assert_eq!(
        refused(monthly("free", 1)).await,
        "400 tier_not_yet_available"
    );
    assert_eq!(
        refused(monthly("enterprise", 1)).await,
        "400 tier_not_yet_available"
    );
    assert_eq!(refused(monthly("pro", 0)).await, "422 validation_failed");
    assert_eq!(
        refused(monthly("pro", 10_001)).await,
        "422 validation_failed"
    );
    world
        .execute("UPDATE plan_billing SET stripe_annual_price_id = NULL, annual_price_cents = NULL")
        .await;
    let annual = json!({ "plan": "pro", "seats": 1, "billing_interval": "annual" });
    assert_eq!(refused(annual).await, "503 billing_not_configured");
    world
        .execute("UPDATE accounts SET is_test_cohort = true")
        .await;
    assert_eq!(
        refused(monthly("pro", 1)).await,
        "403 synthetic_test_cohort"
    );
    assert_eq!(world.ask_sandbox("requests").await, json!([]));
    assert_eq!(
        world
            .count("SELECT count(*) FROM purchase_reservations")
            .await,
        0
    );
}

#[tokio::test]
async fn an_account_needs_a_seat_for_each_member() {
    let world = World::start().await;
    let (ada, _bob) = (world.person("Ada").await, world.person("Bob").await);
    share_accounts(&world).await;
    let answer = world.open_checkout(&ada, &monthly("pro", 1)).await;
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
    world.open_checkout(&ada, &monthly("pro", 2)).await.ok(200);
}

#[tokio::test]
async fn only_admins_and_owners_may_buy() {
    let world = World::start().await;
    let (ada, _bob) = (world.person("Ada").await, world.person("Bob").await);
    share_accounts(&world).await;
    let demote = async |role: &str| {
        sqlx::query(
            "UPDATE memberships SET role = $1 WHERE user_id = $2::uuid AND account_id = $3::uuid",
        )
        .bind(role)
        .bind(&ada.id)
        .bind(&ada.account)
        .execute(world.database.pool())
        .await
        .unwrap();
    };
    for role in ["viewer", "engineer"] {
        demote(role).await;
        let checkout = world.open_checkout(&ada, &monthly("pro", 2)).await;
        assert_eq!(
            checkout.refusal(),
            (403, "role_required".to_owned()),
            "{role}"
        );
        let portal = world.get("/billing/portal-session").by(&ada).send().await;
        assert_eq!(
            portal.refusal(),
            (403, "role_required".to_owned()),
            "{role}"
        );
    }
    demote("admin").await;
    world.open_checkout(&ada, &monthly("pro", 2)).await.ok(200);
}

/// Makes everybody an owner of every account.
async fn share_accounts(world: &World) {
    world
        .execute(
            "INSERT INTO memberships SELECT a.id, u.id, 'owner', u.created_at FROM accounts a, users u
             ON CONFLICT DO NOTHING",
        )
        .await;
}

#[tokio::test]
async fn whoever_pays_already_is_shown_the_portal() {
    let world = World::start().await;
    let mut ada = world.person("Ada").await;
    world.buy(&ada, "pro").await;
    let answer = world.open_checkout(&ada, &monthly("starter", 1)).await;
    insta::assert_snapshot!(answer, @r#"
    409
    {
      "detail": {
        "error": "already_subscribed",
        "message": "This account has a subscription; change it in the portal.",
        "portal": "/api/v1/billing/portal-session"
      }
    }
    "#);
    let bob = world.person("Bob").await;
    world.buy_with(&bob, "pro", "4000000000000341").await;
    world.advance(DAY * 15).await;
    let mut bob = bob;
    world.sign_in(&mut bob).await;
    let answer = world.open_checkout(&bob, &monthly("pro", 1)).await;
    insta::assert_snapshot!(answer, @r#"
    409
    {
      "detail": {
        "error": "fix_payment_first",
        "message": "A payment failed; correct the card in the portal first.",
        "portal": "/api/v1/billing/portal-session"
      }
    }
    "#);
    world.sign_in(&mut ada).await;
    assert_eq!(
        refusal(&world, &ada, &monthly("pro", 1)).await,
        "409 already_subscribed"
    );
}

#[tokio::test]
async fn a_complimentary_account_buys_on_purpose_only() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world
        .execute(
            "INSERT INTO complimentary_grants (account_id, id, plan, reason, granted_by, granted_at)
             SELECT account_id, account_id, 'pro', 'a friend', user_id, created_at FROM memberships",
        )
        .await;
    let answer = world.open_checkout(&ada, &monthly("pro", 1)).await;
    insta::assert_snapshot!(answer, @r#"
    409
    {
      "detail": {
        "error": "complimentary_account",
        "message": "This account is complimentary; confirm with confirm_leave_complimentary."
      }
    }
    "#);
    let mut confirmed = monthly("pro", 1);
    confirmed["confirm_leave_complimentary"] = json!(true);
    world.open_checkout(&ada, &confirmed).await.ok(200);
}

#[tokio::test]
async fn without_a_provider_nothing_can_be_bought() {
    let world = Setup::default().without_stripe().start().await;
    world
        .execute(
            "UPDATE plan_billing SET stripe_monthly_price_id = 'price_1', monthly_price_cents = 1,
             currency = 'usd' WHERE plan = 'pro'",
        )
        .await;
    let ada = world.person("Ada").await;
    let answer = world.open_checkout(&ada, &monthly("pro", 1)).await;
    insta::assert_snapshot!(answer, @r#"
    503
    {
      "detail": {
        "error": "payment_provider_not_configured",
        "message": "Payments are not set up on this server."
      }
    }
    "#);
}

#[tokio::test]
async fn an_answer_of_stripe_that_is_lost_costs_nothing_twice() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    for path_prefix in ["/v1/customers", "/v1/checkout/sessions"] {
        let fault = json!([{ "kind": "lost_answer", "method": "POST", "path_prefix": path_prefix, "times": 1 }]);
        world.tell_sandbox("faults", fault).await;
    }
    world.open_checkout(&ada, &monthly("pro", 1)).await.ok(200);
    assert_eq!(statuses(&world).await, ["open"]);
    assert_eq!(asked(&world, "POST", "/v1/customers").await, 2);
    assert_eq!(
        world
            .events()
            .await
            .iter()
            .filter(|event| event["type"] == "customer.created")
            .count(),
        1
    );
}

#[tokio::test]
async fn a_provider_that_is_down_is_said_to_be_and_the_next_try_goes_on() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let down = json!([{ "kind": "error_500", "method": "POST", "path_prefix": "/v1/checkout" }]);
    world.tell_sandbox("faults", down).await;
    let answer = world.open_checkout(&ada, &monthly("pro", 1)).await;
    assert_eq!(
        answer.refusal(),
        (503, "payment_provider_unavailable".to_owned())
    );
    assert!(answer.header("retry-after").is_some());
    let url = format!("{}/_sandbox/faults", world.sandbox_url());
    world.fetch(Method::DELETE, &url).send().await.ok(200);
    let page = world.open_checkout(&ada, &monthly("pro", 1)).await.ok(200);
    assert!(page["url"].is_string());
    world.drain().await;
    assert_eq!(statuses(&world).await, ["open"]);
}

#[tokio::test]
async fn of_ten_different_choices_at_once_one_page_stays_open() {
    let world = Setup::default().two_nodes().start().await;
    for round in 1..=5 {
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
            let is_superseded = reply.body.contains("purchase_superseded");
            assert!(
                reply.status == 200 || (reply.status == 409 && is_superseded),
                "{reply:?}"
            );
        }
        world.drain().await;
        let statuses = statuses(&world).await;
        let open = statuses.iter().filter(|status| *status == "open");
        assert_eq!(open.count(), round, "one for each person: {statuses:?}");
    }
    let reserved = "SELECT count(*) FROM purchase_reservations WHERE closed_at IS NULL";
    assert_eq!(world.count(reserved).await, 5);
}

#[tokio::test]
async fn a_page_that_has_ended_unpaid_leaves_no_purchase_open() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.open_checkout(&ada, &monthly("pro", 1)).await.ok(200);
    let reserved = "SELECT count(*) FROM purchase_reservations WHERE closed_at IS NULL";
    assert_eq!(world.count(reserved).await, 1);
    world.advance(DAY + HOUR).await;
    assert_eq!(statuses(&world).await, ["expired"]);
    assert_eq!(world.count(reserved).await, 0);
}

#[tokio::test]
async fn t84_an_open_page_cannot_be_paid_once_the_account_is_subscribed_another_way() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.open_checkout(&ada, &monthly("pro", 1)).await.ok(200);
    let open = sessions(&world).await;
    let customer = open[0]["customer"].as_str().unwrap();
    let stripe = |method, path: &str| {
        let url = format!("{}/v1/{path}", world.sandbox_url());
        world.fetch(method, &url).bearer("sk_test_0123456789abcdef")
    };
    let prices = stripe(Method::GET, "prices?lookup_keys[0]=pro_month");
    let prices = prices.send().await.ok(200);
    let terms = [
        ("customer", customer),
        ("items[0][price]", prices["data"][0]["id"].as_str().unwrap()),
        ("trial_period_days", "5"),
    ];
    let bought = stripe(Method::POST, "subscriptions").form(&terms);
    bought.send().await.ok(200);
    world.drain().await;
    assert_eq!(statuses(&world).await, ["expired"]);
    let reserved = "SELECT count(*) FROM purchase_reservations WHERE closed_at IS NULL";
    assert_eq!(world.count(reserved).await, 0);
}

#[tokio::test]
async fn t84_a_page_whose_payment_is_being_read_is_not_replaced() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.hold_events().await;
    let page = world.open_checkout(&ada, &monthly("pro", 1)).await.ok(200);
    let paid = world.fetch(Method::POST, page["url"].as_str().unwrap());
    let paid = paid.form(&[("card", "4242424242424242")]).send().await;
    assert_eq!(paid.status, 303, "{paid}");
    let down = json!([{ "kind": "error_500", "path_prefix": "/v1/subscriptions" }]);
    world.tell_sandbox("faults", down).await;
    let completed = world.event("checkout.session.completed").await;
    world.deliver(&completed).await.ok(200);
    world.drain().await;
    for choice in [monthly("pro", 1), monthly("starter", 2)] {
        for answer in [
            world.open_checkout(&ada, &choice).await,
            world.start_subscription(&ada, &choice).await,
        ] {
            assert_eq!(answer.refusal(), (409, "already_subscribed".to_owned()));
        }
    }
    world.clear_faults().await;
    world
        .execute("UPDATE graphile_worker._private_jobs SET run_at = now()")
        .await;
    world.drain().await;
    assert_eq!(world.standing(&ada).await, "trialing pro by trial");
    let open = "SELECT count(*) FROM purchase_reservations WHERE closed_at IS NULL";
    assert_eq!(world.count(open).await, 0);
}

/// Both pages were open in two tabs, and both were paid before anything of it was told.
#[tokio::test]
async fn t84_of_two_pages_that_were_paid_one_is_ended_and_given_back() {
    for newest_first in [false, true] {
        let world = World::start().await;
        let mut ada = world.person("Ada").await;
        world.advance(DAY * 15).await;
        world.sign_in(&mut ada).await;
        world.hold_events().await;
        for plan in ["starter", "pro"] {
            let page = world.open_checkout(&ada, &monthly(plan, 1)).await.ok(200);
            let page = page["url"].as_str().unwrap();
            let paid = world.fetch(Method::POST, page);
            let paid = paid.form(&[("card", "4242424242424242")]).send().await;
            assert_eq!(paid.status, 303, "{paid}");
            world.drain().await;
            world.advance(MINUTE).await;
        }
        let mut events = world.events().await;
        if newest_first {
            events.reverse();
        }
        // Once more for what the end of the second brings.
        for _ in 0..2 {
            for event in &events {
                world.deliver(event).await.ok(200);
            }
            world.drain().await;
            events = world.events().await;
        }
        assert_eq!(world.standing(&ada).await, "active pro by paid");
        let live = world.stripe_list("subscriptions?status=all").await;
        let statuses: Vec<_> = live.iter().map(|one| &one["status"]).collect();
        assert_eq!(statuses, ["active", "canceled"], "the newest stays");
        assert_eq!(live[0]["id"], world.subscription(&ada).await);
        let refunds = world.stripe_list("refunds").await;
        assert_eq!(refunds.len(), 1, "t90: given back once");
        assert_eq!(refunds[0]["amount"], 1900);
        let found = "SELECT count(*) FROM audit_log WHERE action = 'second_subscription_found'";
        assert_eq!(world.count(found).await, 1);
        let ended = "SELECT count(*) FROM audit_log WHERE action = 'second_subscription_ended'";
        assert_eq!(world.count(ended).await, 1);
        assert_eq!(
            world
                .count("SELECT count(*) FROM purchase_reservations WHERE closed_at IS NULL")
                .await,
            0
        );
    }
}

#[tokio::test]
async fn t90_an_end_that_was_cut_off_gives_back_once() {
    let world = World::start().await;
    let mut ada = world.person("Ada").await;
    world.advance(DAY * 15).await;
    world.sign_in(&mut ada).await;
    world.buy(&ada, "starter").await;
    let first = world.subscription(&ada).await;
    for fault in ["lost_answer", "error_500"] {
        let fault =
            json!([{ "kind": fault, "method": "POST", "path_prefix": "/v1/refunds", "times": 1 }]);
        world.tell_sandbox("faults", fault).await;
    }
    let customer = world.stripe_list("customers").await[0]["id"].clone();
    let card = world
        .stripe_list(&format!(
            "payment_methods?customer={}",
            customer.as_str().unwrap()
        ))
        .await[0]["id"]
        .clone();
    let prices = world.stripe_list("prices?lookup_keys[0]=pro_month").await;
    world.advance(DAY).await;
    let terms = [
        ("customer", customer.as_str().unwrap()),
        ("items[0][price]", prices[0]["id"].as_str().unwrap()),
        ("default_payment_method", card.as_str().unwrap()),
    ];
    let url = format!("{}/v1/subscriptions", world.sandbox_url());
    let bought = world.fetch(Method::POST, &url).form(&terms);
    let bought = bought
        .bearer("sk_test_0123456789abcdef")
        .send()
        .await
        .ok(200);
    world.drain().await;
    world
        .execute("UPDATE graphile_worker._private_jobs SET run_at = now()")
        .await;
    world.drain().await;
    assert_eq!(
        world.subscription(&ada).await,
        bought["id"].as_str().unwrap()
    );
    let refunds = world.stripe_list("refunds").await;
    assert_eq!(refunds.len(), 1);
    let ended = world.stripe_list("subscriptions?status=canceled").await;
    assert_eq!(ended[0]["id"], first.as_str());
}

#[tokio::test]
async fn an_answer_of_stripe_that_cannot_be_read_is_no_answer() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.open_checkout(&ada, &monthly("pro", 1)).await.ok(200);
    let fault = json!([{ "kind": "html_200" }]);
    world.tell_sandbox("faults", fault).await;
    let checkout = world.open_checkout(&ada, &monthly("pro", 2)).await;
    let (status, code) = checkout.refusal();
    assert!((502..=503).contains(&status), "{checkout}");
    assert!(code.starts_with("payment_provider_"), "{checkout}");
    let portal = world.get("/billing/portal-session").by(&ada).send().await;
    let (status, code) = portal.refusal();
    assert!((502..=503).contains(&status), "{portal}");
    assert!(code.starts_with("payment_provider_"), "{portal}");
}

/// Whoever signs up with its address, before it is proven or after.
#[tokio::test]
async fn t56_a_customer_of_the_same_address_at_stripe_stays_somebody_elses() {
    let world = World::start().await;
    let address = [("email", "ada@example.com")];
    let theirs = world.stripe(Method::POST, "customers", &address).await;
    let ada = world.person("Ada").await;
    world.verify(&ada).await;
    world.buy(&ada, "starter").await;
    let ours: String = sqlx::query_scalar("SELECT stripe_customer_id FROM accounts")
        .fetch_one(world.database.pool())
        .await
        .unwrap();
    assert_ne!(theirs["id"], ours.as_str());
    let requests = world.ask_sandbox("requests").await;
    let is_search = |request: &&Value| {
        let path = request["path"].as_str().unwrap();
        request["method"] == "GET"
            && (path == "/v1/customers" || path.starts_with("/v1/customers/search"))
    };
    assert_eq!(
        requests
            .as_array()
            .unwrap()
            .iter()
            .filter(is_search)
            .count(),
        0
    );
}
