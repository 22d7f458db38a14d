//! F17: Stripe is away for three days.

use std::time::Duration;

use serde_json::json;

use super::{assert_try_again, at_stripe, heal, open_in_the_end, resume_events, strike};
use crate::world::{DAY, Person, World, monthly};

/// How `person` stands, by the account's own view and by the gate.
async fn standing(world: &World, person: &mut Person) -> String {
    world.sign_in(person).await;
    let gate = world.get("/gate").by(person).send().await;
    format!("{}, {}", world.standing(person).await, gate.status)
}

#[tokio::test]
async fn f17_three_days_without_stripe_cut_nobody_off_and_extend_nobody() {
    let world = World::start().await;
    let mut ada = world.person("Ada").await;
    world.buy(&ada, "pro").await;
    world.advance(DAY * 28).await;
    let mut bob = world.person("Bob").await;
    world.buy_with(&bob, "pro", "4000000000000341").await;
    world.advance(DAY * 2).await;
    let mut dora = world.person("Dora").await;
    for person in [&ada, &bob, &dora] {
        world.verify(person).await;
    }
    world.advance(DAY * 13).await;
    assert_eq!(standing(&world, &mut ada).await, "active pro by paid, 204");
    assert_eq!(
        standing(&world, &mut bob).await,
        "past_due pro by grace, 204"
    );
    assert_eq!(
        standing(&world, &mut dora).await,
        "trialing pro by trial, 204"
    );

    // In these days a paid month ends, a debt is due again, and a trial is over.
    world.hold_events().await;
    strike(
        &world,
        json!({ "kind": "lost_answer", "before_commit": true }),
    )
    .await;
    let before = world.rows().await;
    world.clock.advance(DAY * 3);
    world.drain().await;
    assert_eq!(standing(&world, &mut ada).await, "active pro by paid, 204");
    assert_eq!(
        standing(&world, &mut bob).await,
        "past_due pro by grace, 204"
    );
    assert_eq!(
        standing(&world, &mut dora).await,
        "trialing pro by read_only, 402"
    );
    let of_billing = ["public.subscriptions", "public.webhook_events"];
    let after = world.rows().await;
    for table in of_billing {
        assert_eq!(after[table], before[table], "{table}");
    }
    assert_try_again(&world.open_checkout(&dora, &monthly("pro", 1)).await);

    heal(&world).await;
    resume_events(&world).await;
    world.advance(Duration::ZERO).await;
    assert_eq!(standing(&world, &mut ada).await, "active pro by paid, 204");
    for (person, status) in [(&ada, "active"), (&bob, "past_due")] {
        let subscription = world.subscription(person).await;
        let theirs = at_stripe(&world, &format!("subscriptions/{subscription}")).await;
        assert_eq!(theirs["status"], status);
        let state = world.get("/billing/state").by(person).send().await.ok(200);
        assert_eq!(state["subscription"]["status"], status);
        let ends = theirs["items"]["data"][0]["current_period_end"].as_i64();
        assert!(ends > Some(world.now().unix_seconds()), "{theirs}");
    }
    open_in_the_end(&world, &dora).await;
}
