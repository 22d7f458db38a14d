//! F17: Stripe is away for three days.

use std::{collections::BTreeMap, time::Duration};

use futures_util::{StreamExt as _, stream};
use serde_json::json;
use tollgate_billing::{Access, access};
use tollgate_primitives::{AccountId, SessionId};
use uuid::Uuid;

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

const CROWD: usize = 10_000;

/// A crowd in equal parts, named by its kind. Account, person and session have one id, and `$1` is now.
const MAKE_CROWD: &str = "
    WITH crowd AS (
        SELECT gen_random_uuid() AS id, n, (ARRAY['paid', 'owes', 'trial ends', 'trial runs', 'bought', 'over'])[n % 6 + 1] AS kind
        FROM generate_series(1, $2) n),
    accounts AS (
        INSERT INTO accounts (id, name, created_at) SELECT id, 'crowd: ' || kind, $1 FROM crowd),
    users AS (
        INSERT INTO users (id, email, name, created_at) SELECT id, n || '@crowd.example', 'C', $1 FROM crowd),
    memberships AS (
        INSERT INTO memberships (account_id, user_id, role, created_at) SELECT id, id, 'owner', $1 FROM crowd),
    sessions AS (
        INSERT INTO auth_sessions (id, user_id, account_id, created_at, last_active) SELECT id, id, id, $1, $1 FROM crowd),
    trials AS (
        INSERT INTO subscriptions (account_id, status, trial_plan, trial_start, trial_end, created_at, updated_at)
        SELECT id, 'trialing', 'pro', $1, $1 + CASE kind WHEN 'trial ends' THEN interval '1 day' ELSE interval '9 days' END, $1, $1
        FROM crowd WHERE kind LIKE 'trial%')
    INSERT INTO subscriptions (account_id, status, plan, billing_interval, seat_limit, stripe_subscription_id,
        stripe_price_id, provider_stamp, current_period_start, current_period_end, since, failed_attempt, ended_at,
        created_at, updated_at)
    SELECT id, CASE kind WHEN 'paid' THEN 'active' WHEN 'owes' THEN 'past_due' WHEN 'bought' THEN 'trialing' ELSE 'canceled' END,
        'pro', 'monthly', 1, 'sub_crowd_' || n, 'price', 1, $1 - interval '29 days', $1 + interval '1 day',
        CASE kind WHEN 'owes' THEN $1 END, CASE kind WHEN 'owes' THEN 1 END,
        CASE kind WHEN 'over' THEN $1 - interval '29 days' END, $1, $1
    FROM crowd WHERE kind NOT LIKE 'trial%'";

const OF_THE_CROWD: &str = "SELECT id, name FROM accounts WHERE name LIKE 'crowd: %'";

/// How many of each kind may do what.
async fn crowd(world: &World) -> BTreeMap<String, usize> {
    let accounts: Vec<(Uuid, String)> = sqlx::query_as(OF_THE_CROWD)
        .fetch_all(world.database.pool())
        .await
        .unwrap();
    let app = world.app();
    let (now, policy) = (world.now(), app.settings.policy);
    let asked = stream::iter(accounts).map(|(id, name)| async move {
        let (session, account) = (SessionId::from_uuid(id), AccountId::from_uuid(id));
        let facts = app.store.account_facts(session, account, None);
        let standing = facts.await.unwrap().unwrap().standing;
        let may = match access(&standing, now, policy) {
            Access::Full { basis, .. } => basis.as_str(),
            Access::ReadOnly { .. } => "read_only",
            Access::Free => "free",
            Access::Locked(_) => "locked",
        };
        format!("{name}: {may}")
    });
    let mut counted = BTreeMap::new();
    let mut answers = asked.buffer_unordered(8);
    while let Some(answer) = answers.next().await {
        *counted.entry(answer).or_default() += 1;
    }
    counted
}

fn counted(kinds: [&str; 6]) -> BTreeMap<String, usize> {
    let number = |kind: usize| (1..=CROWD).filter(|n| n % 6 == kind).count();
    let kinds = kinds.into_iter().enumerate();
    kinds
        .map(|(kind, may)| (format!("crowd: {may}"), number(kind)))
        .collect()
}

/// Every row of what was bought, as one text.
const ROWS: &str = "SELECT md5(string_agg(s::text, '' ORDER BY account_id)) FROM subscriptions s";

#[tokio::test]
async fn f17_of_ten_thousand_accounts_each_keeps_what_it_may_by_the_rule_alone() {
    let world = World::start().await;
    sqlx::query(MAKE_CROWD)
        .bind(world.now().as_datetime())
        .bind(i32::try_from(CROWD).unwrap())
        .execute(world.database.pool())
        .await
        .unwrap();
    let rows = || sqlx::query_scalar::<_, String>(ROWS).fetch_one(world.database.pool());
    let before = rows().await.unwrap();
    let at_first = counted([
        "paid: paid",
        "owes: grace",
        "trial ends: trial",
        "trial runs: trial",
        "bought: trial",
        "over: read_only",
    ]);
    assert_eq!(crowd(&world).await, at_first);
    strike(
        &world,
        json!({ "kind": "lost_answer", "before_commit": true }),
    )
    .await;
    world.clock.advance(DAY * 3);
    let in_the_end = counted([
        "paid: paid",
        "owes: grace",
        "trial ends: read_only",
        "trial runs: trial",
        // Without a word of the first charge, the provider's trial ends on its day like ours.
        "bought: read_only",
        "over: locked",
    ]);
    assert_eq!(crowd(&world).await, in_the_end);
    assert_eq!(rows().await.unwrap(), before);
}
