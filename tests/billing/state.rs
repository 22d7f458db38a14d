//! GET /billing/state

use crate::world::{DAY, HOUR, SECOND, Setup, World, just_under};

#[tokio::test]
async fn a_new_account_has_a_trial_of_everything_in_its_plan() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let answer = world.get("/billing/state").by(&ada).send().await;
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
        "basis": "trial",
        "cancel_at_period_end": false,
        "cancel_is_auto": false,
        "current_period_end": "2027-01-18T09:00:00Z",
        "current_period_start": "2027-01-04T09:00:00Z",
        "has_pro_entitlement": true,
        "is_paid": false,
        "plan": "pro",
        "seat_limit": 25,
        "status": "trialing"
      },
      "trial_banner": {
        "days_remaining": 14,
        "stage": "pristine"
      }
    }
    "#);
}

#[tokio::test]
async fn a_paid_plan_shows_its_price_its_seats_and_its_period() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.buy(&ada, "starter").await;
    world.advance(DAY * 15).await;
    let mut ada = ada;
    world.sign_in(&mut ada).await;
    let answer = world.get("/billing/state").by(&ada).send().await;
    insta::assert_snapshot!(answer, @r#"
    200
    {
      "enabled_features": {
        "api_access": true,
        "audit_export": false,
        "custom_branding": false,
        "sso": false
      },
      "pending_kept_banner": false,
      "plan_billing": {
        "annual_price_cents": 19000,
        "currency": "usd",
        "description": "For a small team",
        "display_name": "Starter",
        "monthly_price_cents": 1900,
        "plan": "starter",
        "sort_order": 20
      },
      "plan_limits": {
        "max_projects": 20,
        "max_users": 5,
        "plan": "starter"
      },
      "subscription": {
        "basis": "paid",
        "cancel_at_period_end": false,
        "cancel_is_auto": false,
        "current_period_end": "2027-02-18T09:00:00Z",
        "current_period_start": "2027-01-18T09:00:00Z",
        "has_pro_entitlement": true,
        "is_paid": true,
        "plan": "starter",
        "seat_limit": 1,
        "status": "active"
      },
      "trial_banner": {
        "days_remaining": null,
        "stage": "paid"
      }
    }
    "#);
}

#[tokio::test]
async fn the_trial_counts_down_and_is_over_at_its_very_end() {
    let world = World::start().await;
    let mut ada = world.person("Ada").await;
    world.verify(&ada).await;
    let mut shown = Vec::new();
    for (step, what) in [
        (just_under(DAY * 11), "more than three days"),
        (SECOND, "three days"),
        (DAY * 2, "one day"),
        (SECOND, "less than one day"),
        (just_under(just_under(DAY)), "one second"),
        (SECOND, "the end"),
        (DAY * 30, "thirty days later"),
    ] {
        world.clock.advance(step);
        world.sign_in(&mut ada).await;
        let state = world.get("/billing/state").by(&ada).send().await.ok(200);
        let read = world.get("/gate?access=read").by(&ada).send().await;
        shown.push(format!(
            "{what}: {}, banner {}, reading answers {}",
            world.standing(&ada).await,
            state["trial_banner"],
            read.status,
        ));
    }
    insta::assert_snapshot!(shown.join("\n"), @r#"
    more than three days: trialing pro by trial, banner {"days_remaining":4,"stage":"pristine"}, reading answers 204
    three days: trialing pro by trial, banner {"days_remaining":3,"stage":"warning"}, reading answers 204
    one day: trialing pro by trial, banner {"days_remaining":1,"stage":"warning"}, reading answers 204
    less than one day: trialing pro by trial, banner {"days_remaining":1,"stage":"urgent"}, reading answers 204
    one second: trialing pro by trial, banner {"days_remaining":1,"stage":"urgent"}, reading answers 204
    the end: trialing pro by read_only, banner {"days_remaining":null,"stage":"expired"}, reading answers 204
    thirty days later: trialing pro by nothing, banner {"days_remaining":null,"stage":"expired"}, reading answers 402
    "#);
}

#[tokio::test]
async fn after_the_end_the_operator_may_let_people_stay_for_free() {
    let world = Setup::default().set("AFTER_END", "free").start().await;
    let mut ada = world.person("Ada").await;
    world.clock.advance(DAY * 14);
    world.sign_in(&mut ada).await;
    world.verify(&ada).await;
    let state = world.get("/billing/state").by(&ada).send().await;
    insta::assert_snapshot!(state, @r#"
    200
    {
      "enabled_features": {
        "api_access": false,
        "audit_export": false,
        "custom_branding": false,
        "sso": false
      },
      "pending_kept_banner": false,
      "plan_billing": {
        "annual_price_cents": null,
        "currency": null,
        "description": "For trying things out",
        "display_name": "Free",
        "monthly_price_cents": null,
        "plan": "free",
        "sort_order": 10
      },
      "plan_limits": {
        "max_projects": 3,
        "max_users": 2,
        "plan": "free"
      },
      "subscription": {
        "basis": "free",
        "cancel_at_period_end": false,
        "cancel_is_auto": false,
        "current_period_end": "2027-01-18T09:00:00Z",
        "current_period_start": "2027-01-04T09:00:00Z",
        "has_pro_entitlement": false,
        "is_paid": false,
        "plan": "free",
        "seat_limit": 2,
        "status": "trialing"
      },
      "trial_banner": {
        "days_remaining": null,
        "stage": "expired"
      }
    }
    "#);
    let gate = world.get("/gate?feature=api_access").by(&ada).send().await;
    insta::assert_snapshot!(gate, @r#"
    402
    {
      "detail": {
        "current_plan": "free",
        "error": "feature_not_in_plan",
        "feature": "api_access",
        "message": "The plan does not have this; pick one that does.",
        "upgrade_url": "/account/billing/select-plan"
      }
    }
    "#);
}

#[tokio::test]
async fn a_complimentary_plan_stands_over_everything_else() {
    let world = World::start().await;
    let mut ada = world.person("Ada").await;
    world.verify(&ada).await;
    world
        .execute(
            "INSERT INTO complimentary_grants (account_id, id, plan, reason, granted_by, granted_at, ends_at)
             SELECT account_id, account_id, 'enterprise', 'a friend', user_id, created_at,
                    created_at + interval '20 days'
             FROM memberships",
        )
        .await;
    let state = world.get("/billing/state").by(&ada).send().await;
    insta::assert_snapshot!(state, @r#"
    200
    {
      "enabled_features": {
        "api_access": true,
        "audit_export": true,
        "custom_branding": true,
        "sso": true
      },
      "pending_kept_banner": false,
      "plan_billing": {
        "annual_price_cents": null,
        "currency": null,
        "description": "For organisations with their own rules",
        "display_name": "Enterprise",
        "monthly_price_cents": null,
        "plan": "enterprise",
        "sort_order": 40
      },
      "plan_limits": {
        "max_projects": null,
        "max_users": null,
        "plan": "enterprise"
      },
      "subscription": {
        "basis": "complimentary",
        "cancel_at_period_end": false,
        "cancel_is_auto": false,
        "current_period_end": "2027-01-24T09:00:00Z",
        "current_period_start": null,
        "has_pro_entitlement": true,
        "is_paid": false,
        "plan": "enterprise",
        "seat_limit": null,
        "status": "complimentary"
      },
      "trial_banner": {
        "days_remaining": null,
        "stage": "complimentary"
      }
    }
    "#);
    world.clock.advance(HOUR * (20 * 24 - 1));
    world.sign_in(&mut ada).await;
    assert_eq!(
        world.standing(&ada).await,
        "complimentary enterprise by complimentary"
    );
    world.clock.advance(HOUR);
    world.sign_in(&mut ada).await;
    assert_eq!(world.standing(&ada).await, "trialing pro by read_only");
}
