//! Access that an operator gives for free: a floor under whatever the account buys.

use std::fs;

use serde_json::{Value, json};
use tollgate_billing::{Complimentary, GrantRefused};
use tollgate_primitives::{AccountId, PlanKey, Timestamp, UserId};
use tollgate_use_cases::{EndGrantError, GrantError, end_complimentary, grant_complimentary};

use crate::world::{DAY, Person, SECOND, World, just_under, monthly, run, settings};

fn given(plan: &str, ends_at: Option<Timestamp>) -> Complimentary {
    Complimentary {
        plan: PlanKey::parse(plan).unwrap(),
        reason: "a friend of the house".to_owned(),
        ends_at,
    }
}

fn account(person: &Person) -> AccountId {
    person.account.parse().unwrap()
}

fn user(person: &Person) -> UserId {
    person.id.parse().unwrap()
}

async fn grant(world: &World, person: &Person, given: &Complimentary) -> Result<(), GrantError> {
    grant_complimentary(world.app(), user(person), account(person), given).await
}

async fn end(world: &World, person: &Person) -> Result<(), EndGrantError> {
    end_complimentary(world.app(), user(person), account(person), "over").await
}

fn confirmed(plan: &str) -> Value {
    let mut choice = monthly(plan, 1);
    choice["confirm_leave_complimentary"] = json!(true);
    choice
}

const OPEN: &str = "SELECT count(*) FROM complimentary_grants WHERE ended_at IS NULL";
const ENDED: &str = "SELECT count(*) FROM audit_log WHERE action = 'complimentary_ended'";

#[tokio::test]
async fn i26_what_the_provider_says_does_not_touch_what_was_given() {
    let world = World::start().await;
    let mut ada = world.person("Ada").await;
    world.buy_with(&ada, "starter", "4000000000000341").await;
    world.tell_sandbox("seed", json!({})).await;
    let asked = world.ask_sandbox("requests").await;
    grant(&world, &ada, &given("enterprise", None))
        .await
        .unwrap();
    let shown = "complimentary enterprise by complimentary";
    assert_eq!(world.standing(&ada).await, shown);
    assert_eq!(world.ask_sandbox("requests").await, asked);
    // The trial ends, the charge fails, and the provider gives up.
    world.advance(DAY * 15).await;
    world.sign_in(&mut ada).await;
    assert_eq!(world.standing(&ada).await, shown);
    end(&world, &ada).await.unwrap();
    assert_eq!(world.standing(&ada).await, "past_due starter by grace");
    assert_eq!(world.count(ENDED).await, 1);
}

#[tokio::test]
async fn i26_a_webhook_ends_nothing_that_was_given_to_who_pays() {
    let world = World::start().await;
    let mut ada = world.person("Ada").await;
    world.buy(&ada, "starter").await;
    grant(&world, &ada, &given("pro", None)).await.unwrap();
    world.advance(DAY * 50).await;
    world.sign_in(&mut ada).await;
    let shown = world.standing(&ada).await;
    assert_eq!(shown, "complimentary pro by complimentary");
}

#[tokio::test]
async fn its_end_is_strict_to_the_second() {
    let world = World::start().await;
    let mut ada = world.person("Ada").await;
    let ends = world.now().saturating_add(DAY);
    grant(&world, &ada, &given("enterprise", Some(ends)))
        .await
        .unwrap();
    world.advance(just_under(DAY)).await;
    world.sign_in(&mut ada).await;
    assert!(world.standing(&ada).await.starts_with("complimentary"));
    world.advance(SECOND).await;
    assert_eq!(world.standing(&ada).await, "trialing pro by trial");
    assert!(matches!(
        end(&world, &ada).await,
        Err(EndGrantError::NotComplimentary)
    ));
    grant(&world, &ada, &given("enterprise", None))
        .await
        .unwrap();
    assert_eq!(world.count(OPEN).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_grants_at_once_one_counts() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let terms = given("pro", None);
    let tries = (0..50).map(|_| grant(&world, &ada, &terms));
    let mut given = 0;
    for outcome in futures_util::future::join_all(tries).await {
        match outcome {
            Ok(()) => given += 1,
            Err(GrantError::Refused(GrantRefused::AlreadyComplimentary)) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((given, world.count(OPEN).await), (1, 1));
    let audited = "SELECT count(*) FROM audit_log WHERE action = 'complimentary_granted'";
    assert_eq!(world.count(audited).await, 1);
}

#[tokio::test]
async fn buying_leaves_it_on_purpose_only_and_only_once_it_is_paid() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    grant(&world, &ada, &given("enterprise", None))
        .await
        .unwrap();
    for answer in [
        world.open_checkout(&ada, &monthly("pro", 1)).await,
        world.start_subscription(&ada, &monthly("pro", 1)).await,
        world.start_subscription(&ada, &monthly("free", 1)).await,
    ] {
        assert_eq!(answer.refusal(), (409, "complimentary_account".to_owned()));
    }
    let begun = world.start_subscription(&ada, &confirmed("pro")).await;
    let begun = begun.ok(200);
    world.drain().await;
    let shown = world.standing(&ada).await;
    assert_eq!(shown, "complimentary enterprise by complimentary");
    world.confirm(&begun, "4242424242424242").await.ok(200);
    world.drain().await;
    assert_eq!(world.standing(&ada).await, "active pro by paid");
    assert_eq!(world.count(OPEN).await, 0);
    assert_eq!(world.count(ENDED).await, 1);
}

#[tokio::test]
async fn choosing_the_free_plan_on_purpose_leaves_it_at_once() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    grant(&world, &ada, &given("enterprise", None))
        .await
        .unwrap();
    let free = world.start_subscription(&ada, &confirmed("free")).await;
    assert_eq!(free.ok(200)["status"], "active");
    assert_eq!(world.standing(&ada).await, "active free by free");
    assert_eq!(world.count(ENDED).await, 1);
}

#[tokio::test]
async fn a_backfill_gives_each_account_once() {
    let world = World::start().await;
    let (ada, bob) = (world.person("Ada").await, world.person("Bob").await);
    let eve = world.person("Eve").await;
    world.drain().await;
    world
        .execute(
            "DELETE FROM subscriptions USING memberships m JOIN users u ON u.id = m.user_id
             WHERE m.account_id = subscriptions.account_id AND u.name <> 'Eve';
             UPDATE users SET is_super_admin = true WHERE name = 'Bob'",
        )
        .await;
    let configured = settings(world.database.url(), &world.mailbox.smtp_url());
    let terms = [
        "backfill-complimentary",
        "--plan",
        "pro",
        "--reason",
        "here first",
    ];
    let ran = |more: &[&str]| {
        let arguments: Vec<_> = terms.iter().chain(more).copied().collect();
        let output = run(&arguments, &configured);
        let said = String::from_utf8(output.stdout).unwrap();
        (output.status.code().unwrap(), said)
    };
    let all = ["--by", &bob.email, "--all-free"];
    let (_, said) = ran(&[&all[..], &["--dry-run"]].concat());
    assert_eq!(
        said,
        "2 accounts would get pro; 0 were complimentary before, 0 are unknown\n"
    );
    assert_eq!(world.count(OPEN).await, 0);
    let (_, said) = ran(&all);
    assert_eq!(
        said,
        "2 accounts got pro; 0 were complimentary before, 0 are unknown\n"
    );
    let (_, said) = ran(&all);
    assert_eq!(
        said,
        "0 accounts got pro; 0 were complimentary before, 0 are unknown\n"
    );

    let file = std::env::temp_dir().join(format!("accounts-of-{}", ada.account));
    let ids = format!("{}\n\n{}\n{}\n", ada.account, eve.account, ada.id);
    fs::write(&file, ids).unwrap();
    let listed = file.to_str().unwrap();
    let (code, said) = ran(&["--by", &bob.email, listed]);
    assert_eq!(
        (code, &*said),
        (
            0,
            "1 accounts got pro; 1 were complimentary before, 1 are unknown\n"
        )
    );
    let (code, _) = ran(&["--by", &ada.email, listed]);
    assert_eq!(code, 1, "not an operator");
    fs::remove_file(&file).unwrap();
    assert_eq!(world.count(OPEN).await, 3);
}
