//! Mails about the end of a trial, and about payments: sent once, and only while they are true.

use reqwest::Method;
use serde_json::json;
use tollgate_mailbox::Behaviour;

use crate::world::{DAY, Person, SECOND, Setup, World, just_under, monthly};

/// The subjects of what `person` was told, but for the confirmation of the address.
fn told(world: &World, person: &Person) -> Vec<String> {
    let mails = world.mails_to(&person.email);
    let subjects = mails.iter().filter_map(|mail| mail.lines().next());
    subjects
        .filter(|subject| !subject.starts_with("Confirm"))
        .map(str::to_owned)
        .collect()
}

const ENDS_SOON: &str = "Your Tollgate trial ends soon";
const ENDED: &str = "Your Tollgate trial has ended";

#[tokio::test]
async fn a_trial_is_told_to_end_on_days_ten_and_thirteen_and_after_its_end() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.drain().await;
    world.advance(just_under(10 * DAY)).await;
    assert!(told(&world, &ada).is_empty());
    world.advance(SECOND).await;
    assert_eq!(told(&world, &ada), [ENDS_SOON]);
    world.advance(just_under(3 * DAY)).await;
    assert_eq!(told(&world, &ada), [ENDS_SOON]);
    world.advance(SECOND).await;
    assert_eq!(told(&world, &ada), [ENDS_SOON, ENDS_SOON]);
    world.advance(just_under(DAY)).await;
    assert_eq!(told(&world, &ada), [ENDS_SOON, ENDS_SOON]);
    world.advance(SECOND).await;
    assert_eq!(told(&world, &ada), [ENDS_SOON, ENDS_SOON, ENDED]);
    world.advance(40 * DAY).await;
    assert_eq!(told(&world, &ada).len(), 3);
    let mails = world.mails_to(&ada.email);
    insta::assert_snapshot!(mails[2..].join("\n\n---\n\n"), @r"
    Your Tollgate trial ends soon

    Hello,

    The trial of Ada ends on 18 January 2027, 09:00 UTC. On the billing page you can see what happens then, and choose or change the plan.

    See the billing page:
    http://app.test/account/billing

    You receive this as an owner or admin of the account.

    -- 
    Tollgate

    ---

    Your Tollgate trial has ended

    Hello,

    The trial of Ada ended on 18 January 2027, 09:00 UTC. What your team has made can still be read until 17 February 2027, 09:00 UTC.

    To have all of it again, choose a plan: nothing is charged before you do.

    Choose a plan:
    http://app.test/account/billing

    You receive this as an owner or admin of the account.

    -- 
    Tollgate
    ");
}

#[tokio::test]
async fn a_trial_of_another_length_is_told_to_end_by_the_same_rule() {
    let world = Setup::default().set("TRIAL_DAYS", "7").start().await;
    let ada = world.person("Ada").await;
    world.advance(just_under(6 * DAY)).await;
    assert!(told(&world, &ada).is_empty());
    world.advance(SECOND).await;
    assert_eq!(told(&world, &ada), [ENDS_SOON]);
    world.advance(DAY).await;
    assert_eq!(told(&world, &ada), [ENDS_SOON, ENDED]);
}

#[tokio::test]
async fn whose_account_falls_to_the_free_plan_is_told_so() {
    let world = Setup::default().set("AFTER_END", "free").start().await;
    let ada = world.person("Ada").await;
    world.advance(14 * DAY).await;
    let mails = world.mails_to(&ada.email);
    let last = mails.last().unwrap();
    assert!(
        last.contains("The account goes on with the free plan."),
        "{last}"
    );
}

#[tokio::test]
async fn a_trial_that_begins_with_a_choice_of_plan_is_announced_too() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.drain().await;
    // As after joining somebody's account, which is gone: nothing was tried.
    world
        .execute(
            "DELETE FROM subscriptions; DELETE FROM trial_keys;
             DELETE FROM graphile_worker._private_jobs",
        )
        .await;
    let begun = world.start_subscription(&ada, &monthly("starter", 1)).await;
    assert_eq!(begun.ok(200)["status"], "trialing");
    for _ in 0..14 {
        world.advance(DAY).await;
    }
    assert_eq!(told(&world, &ada), [ENDS_SOON, ENDS_SOON, ENDED]);
}

#[tokio::test]
async fn every_owner_and_admin_is_told_and_nobody_else() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let (bea, cid) = (world.person("Bea").await, world.person("Cid").await);
    for (person, role) in [(&bea, "admin"), (&cid, "engineer")] {
        sqlx::query("INSERT INTO memberships VALUES ($1::uuid, $2::uuid, $3, now())")
            .bind(&ada.account)
            .bind(&person.id)
            .bind(role)
            .execute(world.database.pool())
            .await
            .unwrap();
    }
    world.advance(10 * DAY).await;
    let of_ada = |person: &Person| {
        let mails = world.mails_to(&person.email);
        mails.iter().filter(|mail| mail.contains("of Ada")).count()
    };
    assert_eq!((of_ada(&ada), of_ada(&bea), of_ada(&cid)), (1, 1, 0));
}

/// Day after day to the end of the trial, after `change`.
async fn told_after<'w, F>(world: &'w World, name: &str, change: F) -> Vec<String>
where
    F: AsyncFnOnce(&'w World, &Person),
{
    let person = world.person(name).await;
    world.drain().await;
    change(world, &person).await;
    for _ in 0..15 {
        world.advance(DAY).await;
    }
    told(world, &person)
}

#[tokio::test]
async fn who_bought_chose_or_was_given_something_is_told_of_no_trial() {
    let world = World::start().await;
    let mut olga = world.operator().await;

    let bought = told_after(&world, "Ada", async |world, ada| {
        world.buy(ada, "pro").await;
    });
    // The provider's own trial, which ends in the first charge, is the provider's to announce.
    assert_eq!(bought.await, [ENDS_SOON]);

    let chose_free = told_after(&world, "Bea", async |world, bea| {
        let free = monthly("free", 1);
        world.start_subscription(bea, &free).await.ok(200);
    });
    assert!(chose_free.await.is_empty());

    world.sign_in(&mut olga).await;
    let given = told_after(&world, "Cid", async |world, cid| {
        let path = format!("/accounts/{}/complimentary", cid.account);
        let body = json!({ "plan": "pro", "reason": "a friend of the house" });
        let call = world.admin(&olga, Method::POST, &path);
        assert_eq!(call.json(&body).send().await.status, 204);
    });
    assert!(given.await.is_empty());

    world.sign_in(&mut olga).await;
    let suspended = told_after(&world, "Dan", async |world, dan| {
        let path = format!("/accounts/{}/suspend", dan.account);
        let call = world.admin(&olga, Method::POST, &path);
        let because = json!({ "reason": "a chargeback" });
        assert_eq!(call.json(&because).send().await.status, 204);
    });
    assert!(suspended.await.is_empty());

    let of_the_cohort = told_after(&world, "Eve", async |world, eve| {
        sqlx::query("UPDATE accounts SET is_test_cohort = true WHERE id = $1::uuid")
            .bind(&eve.account)
            .execute(world.database.pool())
            .await
            .unwrap();
    });
    assert!(of_the_cohort.await.is_empty());
}

#[tokio::test]
async fn a_notice_that_waits_for_the_mail_server_is_not_sent_to_who_bought_meanwhile() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.drain().await;
    world.mailbox.script(Behaviour::Down);
    world.advance(10 * DAY).await;
    let waiting = "SELECT count(*) FROM graphile_worker.jobs
                   WHERE task_identifier = 'mail_trial_notice'";
    assert_eq!(world.count(waiting).await, 1);
    let mut ada = ada;
    world.sign_in(&mut ada).await;
    world.verify(&ada).await;
    world.buy(&ada, "pro").await;
    world.mailbox.script(Behaviour::Accept);
    world.try_jobs_again().await;
    assert_eq!(world.count(waiting).await, 0);
    assert!(told(&world, &ada).is_empty());
}

#[tokio::test]
async fn i24_a_failed_payment_is_not_told_of_once_it_was_made_good() {
    let world = World::start().await;
    let mut ada = world.person("Ada").await;
    world.verify(&ada).await;
    world.buy(&ada, "pro").await;
    world.advance(15 * DAY).await;
    world.sign_in(&mut ada).await;
    world.replace_card(&ada, "4000000000000341").await;
    world.mailbox.script(Behaviour::Down);
    world.advance(31 * DAY).await;
    world.try_jobs_again().await;
    let waiting = "SELECT count(*) FROM graphile_worker.jobs
                   WHERE task_identifier = 'mail_payment_failed'";
    assert_eq!(world.count(waiting).await, 1);
    world.sign_in(&mut ada).await;
    assert_eq!(world.standing(&ada).await, "past_due pro by grace");

    world.replace_card(&ada, "4242424242424242").await;
    world.advance(4 * DAY).await;
    world.sign_in(&mut ada).await;
    assert_eq!(world.standing(&ada).await, "active pro by paid");
    world.mailbox.script(Behaviour::Accept);
    world.try_jobs_again().await;
    assert_eq!(world.count(waiting).await, 0);
    assert!(told(&world, &ada).is_empty());
}
