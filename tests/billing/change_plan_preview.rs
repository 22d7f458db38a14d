//! POST /billing/change-plan/preview

use serde_json::json;

use super::bought::{change, fault, preview, refusal, stored, subscriber};
use crate::world::{DAY, Rows, World};

#[tokio::test]
async fn a_preview_shows_what_is_due_now_and_next_and_changes_nothing() {
    let world = World::start().await;
    let mut ada = subscriber(&world, "Ada", "starter", 2).await;
    world.advance(DAY * 10).await;
    world.sign_in(&mut ada).await;
    world.drain().await;
    let before = (rows_but_the_queue(&world).await, world.events().await);
    let jobs = world.jobs().await;
    let answer = preview(&world, &ada, &json!({ "plan": "pro", "seats": 3 })).await;
    insta::assert_snapshot!(answer, @r#"
    200
    {
      "amount_due_now": 7384,
      "currency": "usd",
      "lines": [
        {
          "amount": -2574,
          "description": "Unused time on 2 × Starter after 29 Jan 2027",
          "period_end": "2027-02-19T09:00:00Z",
          "period_start": "2027-01-29T09:00:00Z"
        },
        {
          "amount": 9958,
          "description": "Remaining time on 3 × Pro after 29 Jan 2027",
          "period_end": "2027-02-19T09:00:00Z",
          "period_start": "2027-01-29T09:00:00Z"
        }
      ],
      "next_invoice_amount": 14700,
      "proration_date": "2027-01-29T09:00:00Z"
    }
    "#);
    assert_eq!(
        (rows_but_the_queue(&world).await, world.events().await),
        before
    );
    // A job of before that is to be tried again may have had its turn meanwhile; none is new.
    assert!(world.jobs().await.is_subset(&jobs));
    assert_eq!(stored(&world, &ada).await, "2 of starter_month");
}

async fn rows_but_the_queue(world: &World) -> Rows {
    let mut rows = world.rows().await;
    rows.remove("graphile_worker._private_jobs");
    rows
}

#[tokio::test]
async fn a_preview_that_stripe_cannot_answer_says_so() {
    let world = World::start().await;
    let ada = subscriber(&world, "Ada", "starter", 1).await;
    let wish = json!({ "plan": "pro" });
    fault(
        &world,
        json!({ "kind": "error_500", "path_prefix": "/v1/invoices/create_preview", "times": 4 }),
    )
    .await;
    assert_eq!(
        refusal(&preview(&world, &ada, &wish).await),
        "503 payment_provider_unavailable"
    );
    fault(
        &world,
        json!({ "kind": "html_200", "path_prefix": "/v1/invoices/create_preview", "times": 1 }),
    )
    .await;
    assert_eq!(
        refusal(&preview(&world, &ada, &wish).await),
        "502 payment_provider_error"
    );
    preview(&world, &ada, &wish).await.ok(200);
    change(&world, &ada, &wish).await.ok(200);
}
