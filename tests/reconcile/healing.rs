//! What was lost on the way.

use reqwest::Method;
use tollgate_use_cases::{DriftKind, Outcome, ports::ReconcileJob};

use super::unhurried;
use crate::world::{DAY, HOUR, MINUTE, Person, World, monthly};

/// Somebody's subscription at Stripe, whatever we know of it.
async fn at_stripe(world: &World, person: &Person) -> Option<String> {
    let customer: Option<String> =
        sqlx::query_scalar("SELECT stripe_customer_id FROM accounts WHERE id = $1::uuid")
            .bind(&person.account)
            .fetch_one(world.database.pool())
            .await
            .unwrap();
    let path = format!("subscriptions?customer={}&limit=1", customer?);
    let list = world.stripe(Method::GET, &path, &[]).await;
    Some(list["data"][0]["id"].as_str()?.to_owned())
}

/// Changes somebody's subscription as the nth kind of step.
async fn step(world: &World, person: &Person, nth: usize) {
    let Some(id) = at_stripe(world, person).await else {
        return;
    };
    let path = format!("subscriptions/{id}");
    match nth % 5 {
        0 => {
            let item = world.stripe(Method::GET, &path, &[]).await;
            let item = item["items"]["data"][0]["id"].as_str().unwrap().to_owned();
            let seats = (2 + nth % 7).to_string();
            let form = [
                ("items[0][id]", item.as_str()),
                ("items[0][quantity]", &seats),
            ];
            world.stripe(Method::POST, &path, &form).await;
        }
        1 => {
            let form = [("cancel_at_period_end", "true")];
            world.stripe(Method::POST, &path, &form).await;
        }
        2 => {
            let form = [("cancel_at_period_end", "false")];
            world.stripe(Method::POST, &path, &form).await;
        }
        3 => {}
        _ => {
            if nth.is_multiple_of(3) {
                world.stripe(Method::DELETE, &path, &[]).await;
            }
        }
    }
}

/// Twelve people buy with good and bad cards, change their minds and are charged, over eleven weeks, and
/// change their minds more often at the end.
async fn lives(world: &World) {
    let mut people = Vec::new();
    for nth in 0..12 {
        let person = world.person(&format!("Person{nth}")).await;
        world.verify(&person).await;
        let opened = world
            .open_checkout(&person, &monthly("pro", 1))
            .await
            .ok(200);
        let card = if nth % 4 == 3 {
            "4000000000000341"
        } else {
            "4242424242424242"
        };
        let page = opened["url"].as_str().unwrap();
        let paid = world
            .fetch(Method::POST, page)
            .form(&[("card", card)])
            .send()
            .await;
        assert_eq!(paid.status, 303, "{paid}");
        people.push(person);
    }
    for week in 0..11 {
        for (nth, person) in people.iter().enumerate() {
            step(world, person, nth + week * 3).await;
        }
        world.advance(DAY * 7).await;
    }
    for hour in 0..10 {
        for (nth, person) in people.iter().enumerate() {
            step(world, person, nth + hour * 3).await;
        }
        world.advance(HOUR).await;
    }
}

async fn heals(part: f64) {
    let world = unhurried().start().await;
    world.lose_events(part).await;
    lives(&world).await;
    world.clear_faults().await;
    world.drain().await;
    world.advance(MINUTE).await;
    let different = world.compared().await;
    let different = different
        .iter()
        .filter(|(stored, implied)| stored != implied)
        .count();
    let reports = world.reconcile_all().await;
    for report in &reports {
        assert_eq!(report.outcome, Outcome::Whole, "{report:?}");
        assert_eq!(report.failed, 0, "{report:?}");
        assert_eq!(report.drifted(), report.mended, "{report:?}");
    }
    assert_eq!(world.has_converged().await, 12);
    let drifted: u64 = reports.iter().map(super::Report::drifted).sum();
    println!("{part}: {different} of 12 accounts differed, {drifted} differences mended");
    assert!(drifted > 0);

    // What has converged is left alone.
    world.advance(MINUTE).await;
    let before = world.written().await;
    let mails = world.mailbox.messages().len();
    for report in world.reconcile_all().await {
        assert_eq!((report.drifted(), report.outcome), (0, Outcome::Whole));
    }
    assert_eq!(world.written().await, before);
    assert_eq!(world.mailbox.messages().len(), mails);
}

#[tokio::test]
async fn f22_i05_i21_one_webhook_in_a_hundred_lost_heals_and_then_nothing_is_written() {
    heals(0.01).await;
}

#[tokio::test]
async fn f22_i05_i21_one_webhook_in_ten_lost_heals_and_then_nothing_is_written() {
    heals(0.1).await;
}

#[tokio::test]
async fn f22_i05_i21_every_webhook_lost_heals_and_then_nothing_is_written() {
    heals(1.0).await;
}

#[tokio::test]
async fn a_lost_event_comes_in_by_the_webhooks_door_and_its_mail_is_sent_once() {
    let world = unhurried().start().await;
    let mut ada = world.person("Ada").await;
    world.verify(&ada).await;
    world.buy_with(&ada, "pro", "4000000000000341").await;
    world.lose_events(1.0).await;
    world.advance(DAY * 15).await;
    world.sign_in(&mut ada).await;
    assert_eq!(world.standing(&ada).await, "trialing pro by read_only");
    world.clear_faults().await;
    let mails = world.mails_to(&ada.email).len();
    let report = world.reconcile(0, ReconcileJob::Events).await;
    world.quiesce().await;
    assert!(report.drift[&DriftKind::LostEvent] >= 2, "{report:?}");
    assert_eq!(world.standing(&ada).await, "past_due pro by grace");
    assert_eq!(world.mails_to(&ada.email).len(), mails + 1);
    for _ in 0..2 {
        let again = world.reconcile(0, ReconcileJob::Events).await;
        assert_eq!(
            (again.drifted(), again.calls, again.outcome),
            (0, 1, Outcome::Whole)
        );
    }
    assert_eq!(world.mails_to(&ada.email).len(), mails + 1);
}

#[tokio::test]
async fn a_subscription_that_nobody_here_knows_of_is_found_by_its_customer() {
    let world = unhurried().start().await;
    world.hold_events().await;
    let price = world.monthly_price().await;
    let subscription = world.subscriber(&price).await;
    let stranger = world
        .stripe(Method::POST, "customers", &[("name", "S")])
        .await;
    let end = (world.now().unix_seconds() + 86_400).to_string();
    let form = [
        ("customer", stranger["id"].as_str().unwrap()),
        ("items[0][price]", price.as_str()),
        ("trial_end", &end),
    ];
    world.stripe(Method::POST, "subscriptions", &form).await;
    world.advance(MINUTE).await;
    let report = world.reconcile(0, ReconcileJob::Sweep).await;
    assert_eq!(report.drift[&DriftKind::Purchase], 1, "{report:?}");
    assert_eq!(report.drift[&DriftKind::NoAccount], 1, "{report:?}");
    assert_eq!((report.checked, report.mended, report.calls), (2, 1, 2));
    assert_eq!(world.has_converged().await, 1);
    let stored = world
        .count("SELECT count(*) FROM subscriptions WHERE status = 'trialing' AND plan = 'pro'");
    assert_eq!(stored.await, 1, "{subscription}");
}

#[tokio::test]
async fn a_subscription_that_stripe_has_forgotten_is_named_and_left_as_it_is() {
    let world = unhurried().start().await;
    world.hold_events().await;
    let price = world.monthly_price().await;
    world.subscriber(&price).await;
    world.advance(MINUTE).await;
    world.reconcile(0, ReconcileJob::Sweep).await;
    world
        .execute("UPDATE subscriptions SET stripe_subscription_id = 'sub_forgotten'")
        .await;
    world
        .execute("UPDATE accounts SET stripe_customer_id = 'cus_other'")
        .await;
    world.advance(DAY * 7).await;
    let before = world.written().await;
    let report = world.reconcile(0, ReconcileJob::Sweep).await;
    assert_eq!(report.drift[&DriftKind::Forgotten], 1, "{report:?}");
    assert_eq!(report.mended, 0);
    assert_eq!(world.written().await, before);
}

#[tokio::test]
async fn the_test_cohort_is_left_out_of_everything() {
    let world = unhurried().start().await;
    world.hold_events().await;
    let price = world.monthly_price().await;
    world.subscriber(&price).await;
    world
        .execute("UPDATE accounts SET is_test_cohort = true")
        .await;
    world.advance(MINUTE).await;
    let before = world.written().await;
    let report = world.reconcile(0, ReconcileJob::Sweep).await;
    assert_eq!((report.checked, report.drifted()), (1, 0), "{report:?}");
    assert_eq!(world.written().await, before);
}
