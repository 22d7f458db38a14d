//! GET /plans/public

use crate::world::{Setup, World};

#[tokio::test]
async fn plans_on_public_sale_are_listed_in_their_order() {
    let world = World::start().await;
    let answer = world.get("/plans/public").send().await;
    insta::assert_snapshot!(answer, @r#"
    200
    [
      {
        "annual_price_cents": null,
        "currency": null,
        "description": "For trying things out",
        "display_name": "Free",
        "features": [],
        "is_public": true,
        "max_seats": 2,
        "monthly_price_cents": null,
        "plan": "free",
        "sort_order": 10
      },
      {
        "annual_price_cents": 19000,
        "currency": "usd",
        "description": "For a small team",
        "display_name": "Starter",
        "features": [
          "api_access"
        ],
        "is_public": true,
        "max_seats": 5,
        "monthly_price_cents": 1900,
        "plan": "starter",
        "sort_order": 20
      },
      {
        "annual_price_cents": 49000,
        "currency": "usd",
        "description": "For a team that depends on it",
        "display_name": "Pro",
        "features": [
          "api_access",
          "custom_branding"
        ],
        "is_public": true,
        "max_seats": 25,
        "monthly_price_cents": 4900,
        "plan": "pro",
        "sort_order": 30
      },
      {
        "annual_price_cents": null,
        "currency": null,
        "description": "For organisations with their own rules",
        "display_name": "Enterprise",
        "features": [
          "api_access",
          "audit_export",
          "custom_branding",
          "sso"
        ],
        "is_public": true,
        "max_seats": null,
        "monthly_price_cents": null,
        "plan": "enterprise",
        "sort_order": 40
      }
    ]
    "#);
}

#[tokio::test]
async fn hidden_and_archived_plans_are_left_out_and_prices_may_be_unknown() {
    let world = Setup::default().without_stripe().start().await;
    world
        .execute(
            "UPDATE plan_billing SET is_public = false WHERE plan = 'pro';
             UPDATE plan_billing SET is_archived = true WHERE plan = 'enterprise';
             UPDATE plan_billing SET sort_order = 0 WHERE plan = 'starter'",
        )
        .await;
    let answer = world.get("/plans/public").send().await;
    insta::assert_snapshot!(answer, @r#"
    200
    [
      {
        "annual_price_cents": null,
        "currency": null,
        "description": "For a small team",
        "display_name": "Starter",
        "features": [
          "api_access"
        ],
        "is_public": true,
        "max_seats": 5,
        "monthly_price_cents": null,
        "plan": "starter",
        "sort_order": 0
      },
      {
        "annual_price_cents": null,
        "currency": null,
        "description": "For trying things out",
        "display_name": "Free",
        "features": [],
        "is_public": true,
        "max_seats": 2,
        "monthly_price_cents": null,
        "plan": "free",
        "sort_order": 10
      }
    ]
    "#);
}
