//! With many rows in every table, no hot question reads a whole one. Asked of the server's own count of
//! sequential scans, so it holds for the plans that prepared statements really get.

use std::collections::BTreeMap;

use sqlx::PgPool;
use tollgate_billing::{PriceId, Subscription};
use tollgate_identity::Role;
use tollgate_primitives::InviteId;
use tollgate_use_cases::ports::{
    AccountLookup, Change, Erasure as _, EventState, EventStatus, NewCode, NewInvite,
    NewRefreshToken, NoticeId, Operations, Prunable, Pruning, Reconciliation, Store, Teams,
};

use crate::support::{
    Bench, account, at, bench, bought, customer, described, email, hash, later, notice, now,
    refresh_token, session, token, user,
};

/// How many of everything, where `TOLLGATE_CROWD` does not say it. The plans are those of a million.
const CROWD_SIZE: u32 = 20_000;

/// So many of everything.
const CROWD: &str = "
    BEGIN;
    -- Every row fits every other: asking that of a million takes longer than making them.
    SET LOCAL session_replication_role = replica;
    CREATE TEMPORARY TABLE crowd ON COMMIT DROP AS
        SELECT n, gen_random_uuid() AS u, gen_random_uuid() AS a, gen_random_uuid() AS s,
            sha256(n::text::bytea) AS hash, timestamptz '2027-01-01Z' + n * interval '1 s' AS at
        FROM generate_series(1, CROWD_SIZE) n;
    INSERT INTO users (id, email, name, created_at) SELECT u, 'crowd-' || n || '@example.com', 'C', at FROM crowd;
    INSERT INTO accounts (id, name, stripe_customer_id, created_at) SELECT a, 'C', 'cus_crowd_' || n, at FROM crowd;
    INSERT INTO memberships (account_id, user_id, role, created_at) SELECT a, u, 'owner', at FROM crowd;
    INSERT INTO auth_sessions (id, user_id, account_id, created_at, last_active) SELECT s, u, a, at, at FROM crowd;
    INSERT INTO refresh_tokens (id, session_id, hash, expires_at, created_at)
        SELECT gen_random_uuid(), s, hash, at, at FROM crowd;
    INSERT INTO oauth_identities (user_id, provider, issuer, provider_subject, created_at)
        SELECT u, 'google', 'https://issuer.example', n::text, at FROM crowd;
    INSERT INTO subscriptions (account_id, status, trial_plan, trial_start, trial_end, created_at, updated_at)
        SELECT a, 'trialing', 'pro', at, at, at, at FROM crowd;
    INSERT INTO complimentary_grants (account_id, id, plan, reason, granted_by, granted_at)
        SELECT a, gen_random_uuid(), 'pro', 'crowd', u, at FROM crowd;
    INSERT INTO account_feature_overrides SELECT a, 'sso', true, NULL FROM crowd;
    INSERT INTO account_limit_overrides SELECT a, 'max_users', 9, NULL FROM crowd;
    INSERT INTO purchase_reservations (id, account_id, plan, seats, billing_interval, stripe_price_id, attempt,
            expires_at, stripe_checkout_session_id, checkout_url, created_at)
        SELECT gen_random_uuid(), a, 'pro', 1, 'monthly', 'price', 1, at, 'cs_crowd_' || n, 'u', at FROM crowd;
    INSERT INTO plan_prices (price_id, plan, billing_interval) SELECT 'price_crowd_' || n, 'pro', 'monthly' FROM crowd;
    INSERT INTO webhook_events (id, type, created, body, status, attempts, received_at)
        SELECT 'evt_crowd_' || n, 't', 0, '{}', 'applied', 1, at FROM crowd;
    INSERT INTO account_invites
            (account_id, id, invited_by, email, role, code_id, code_hash, created_at, expires_at)
        SELECT a, gen_random_uuid(), u, 'guest-' || n || '@example.com', 'viewer', gen_random_uuid(), hash,
            at, at + interval '1 year' FROM crowd;
    INSERT INTO subscription_changes (id, account_id, stripe_subscription_id, kind, requested_by, requested_at,
            closed_at, is_done)
        SELECT gen_random_uuid(), a, 'sub_crowd_' || n, 'cancel', u, at, at, true FROM crowd;
    INSERT INTO one_time_tokens (id, purpose, user_id, hash, expires_at, created_at)
        SELECT gen_random_uuid(), 'verify', u, hash, at, at FROM crowd;
    INSERT INTO subscription_reads SELECT a, 'sub_crowd_' || n, 0 FROM crowd;
    UPDATE subscriptions SET status = 'pending_payment', plan = 'pro', billing_interval = 'monthly', seat_limit = 1,
            stripe_subscription_id = 'sub_crowd_7', stripe_price_id = 'price', provider_stamp = 1,
            current_period_start = trial_start, current_period_end = trial_end
        WHERE account_id = (SELECT a FROM crowd WHERE n = 7);
    COMMIT;
    ANALYZE;";

/// Read whole once by a store that begins to keep what they say.
const KEPT: [&str; 3] = [
    "account_feature_overrides",
    "account_limit_overrides",
    "complimentary_grants",
];

#[expect(
    clippy::disallowed_methods,
    reason = "no configuration of the product: how long whoever runs the tests wants to wait"
)]
fn crowd_size() -> u32 {
    std::env::var("TOLLGATE_CROWD").map_or(CROWD_SIZE, |size| size.parse().unwrap())
}

async fn scans(sql: &PgPool) -> BTreeMap<String, i64> {
    sqlx::query_as(
        "SELECT relname::text, seq_scan FROM pg_stat_user_tables
         WHERE schemaname = 'public' AND n_live_tup >= 20000",
    )
    .fetch_all(sql)
    .await
    .unwrap()
    .into_iter()
    .collect()
}

async fn ask_for_contacts(bench: &Bench) {
    let contact = bench.store.billing_contact(account(1), user(1));
    contact.await.unwrap().unwrap();
    let mut tx = bench.store.begin().await.unwrap();
    assert!(!tx.billing_contacts(account(1)).await.unwrap().is_empty());
}

async fn ask_as_operator(bench: &Bench) {
    let store = &bench.store;
    for lookup in [
        AccountLookup::All,
        AccountLookup::Id(account(1)),
        AccountLookup::Customer(customer(1)),
        AccountLookup::Name("account".to_owned()),
        AccountLookup::Email("person-1".to_owned()),
    ] {
        let found = store.accounts(&lookup, None).await.unwrap();
        assert!(!found.items.is_empty(), "{lookup:?}");
    }
    store.account(account(1)).await.unwrap().unwrap();
    store.audit_log(Some(account(1)), None).await.unwrap();
    store.audit_log(None, None).await.unwrap();
    for status in [None, Some(EventStatus::Applied), Some(EventStatus::Dead)] {
        store.events(status, None).await.unwrap();
    }
    store.open_events().await.unwrap();
}

async fn ask_for_reconciliation(bench: &Bench) {
    let store = &bench.store;
    let customers = [customer(1)];
    assert_eq!(store.accounts_of(&customers).await.unwrap().len(), 1);
    let prices = [PriceId::new("price_crowd_1")];
    assert_eq!(store.prices(&prices).await.unwrap().len(), 1);
    let events = [NoticeId("evt_crowd_1".to_owned())];
    assert_eq!(store.events_known(&events).await.unwrap().len(), 1);
    let pending = store.pending_purchases(at(0), None, 100).await.unwrap();
    assert_eq!(pending.len(), 1);
    let open = store.open_reservations(at(0), None, 100).await.unwrap();
    assert_eq!(open.len(), 100);
    let overdue = store.overdue(at(0), None, 100).await.unwrap();
    assert!(overdue.last.is_some());
}

async fn ask_for_team(bench: &Bench, round: u8) {
    let (store, guest) = (&bench.store, email(200));
    store.own_account(account(1)).await.unwrap().unwrap();
    assert_eq!(
        store.members(account(1), None).await.unwrap().items.len(),
        1
    );
    store.invites(account(1), None).await.unwrap();
    store.signed_in_at(session(1)).await.unwrap().unwrap();
    store
        .team_letter(account(1), user(1))
        .await
        .unwrap()
        .unwrap();
    let mut tx = bench.begin().await;
    tx.lock_team(account(1), user(1), now())
        .await
        .unwrap()
        .unwrap();
    tx.known_to_team(account(1), &[email(1), guest.clone()], now())
        .await
        .unwrap();
    let new = NewInvite {
        id: InviteId::from_uuid(token(round).as_uuid()),
        email: guest,
        role: Role::Viewer,
        code: code(round),
    };
    let made = tx
        .insert_invites(account(1), user(1), std::slice::from_ref(&new), now())
        .await
        .unwrap();
    assert_eq!(made.len(), 1);
    tx.invite(account(1), new.id).await.unwrap().unwrap();
    tx.renew_invite(account(1), new.id, &code(round + 100))
        .await
        .unwrap()
        .unwrap();
    tx.commit().await.unwrap();
    let code = code(round + 100);
    store.invitation(&code.hash).await.unwrap().unwrap();
    let letter = store.invite_letter(account(1), new.id, code.id);
    letter.await.unwrap().unwrap();
    store
        .note_invite_sent(account(1), new.id, code.id, now())
        .await
        .unwrap();
    let mut tx = bench.begin().await;
    let claimed = tx.claim_invite(account(1), &code.hash, user(1), now());
    claimed.await.unwrap().unwrap();
    tx.member(account(1), user(1)).await.unwrap().unwrap();
    tx.revoke_invites_of(account(1), user(1), &[], now())
        .await
        .unwrap();
    tx.home(user(1), account(99), now()).await.unwrap();
    tx.commit().await.unwrap();
}

fn code(n: u8) -> NewCode {
    NewCode {
        id: token(n),
        hash: hash(n),
        expires_at: later(3_000),
    }
}

async fn ask_everything(bench: &Bench, round: u8) {
    let store = &bench.store;
    let gate = (session(1), account(1));
    store.caller(gate.0, gate.1).await.unwrap().unwrap();
    store.user(gate.0, gate.1).await.unwrap().unwrap();
    for count_seats in [None, Some(now())] {
        let facts = store.account_facts(gate.0, gate.1, count_seats);
        facts.await.unwrap().unwrap();
    }
    store.credentials(&email(1)).await.unwrap().unwrap();
    store.mailbox(user(1)).await.unwrap().unwrap();
    ask_for_contacts(bench).await;
    ask_as_operator(bench).await;
    ask_for_reconciliation(bench).await;
    ask_for_team(bench, round).await;
    for what in Prunable::ALL {
        store.prune(what, at(-100_000_000), 100).await.unwrap();
    }
    store.forget_events(&customer(1), None, 100).await.unwrap();
    store.unproven(at(-100_000_000), 100).await.unwrap();
    let held = store.held_sessions(user(1), None, 100).await.unwrap();
    assert_eq!(held.0.len(), 1);
    store.customer(account(1)).await.unwrap().unwrap();
    let successor = NewRefreshToken {
        id: token(100 + round),
        hash: hash(100 + round),
        expires_at: later(30),
    };
    store
        .rotate_refresh(&hash(99 + round), &successor, at(1))
        .await
        .unwrap()
        .unwrap();
    store.refresh_row(&hash(99 + round)).await.unwrap().unwrap();

    take_events(bench, round).await;
}

async fn take_events(bench: &Bench, round: u8) {
    let store = &bench.store;
    let active = Subscription::Active(bought(1, 7));
    let change_at = |version| {
        Some(Change {
            account: account(1),
            version,
            next: &active,
        })
    };
    let event = notice(&format!("evt_{round}"), described(1));
    let mut tx = bench.begin().await;
    let received = tx.receive(&event).await.unwrap();
    let change = change_at(received.version);
    tx.conclude(&event, &EventState::Applied, change, at(1))
        .await
        .unwrap();
    tx.lock_account(account(1)).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    let unlocked = notice(&format!("evt_unlocked_{round}"), described(1));
    let change = change_at(store.look_up(&unlocked).await.unwrap().version);
    store
        .conclude(&unlocked, &EventState::Applied, change, at(1))
        .await
        .unwrap();
    let nothing = notice(&format!("evt_nothing_{round}"), described(9));
    let mut tx = bench.begin().await;
    tx.receive(&nothing).await.unwrap();
    tx.conclude(&nothing, &EventState::Ignored, None, at(1))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    store.event(&event.id).await.unwrap().unwrap();
    let subscription = bought(1, 7).subscription;
    store.awaiting(account(1), &subscription).await.unwrap();
    store.put_off(&subscription, "none", at(1)).await.unwrap();
}

async fn crowd(bench: &Bench, script: &str) {
    let crowd = script.replace("CROWD_SIZE", &crowd_size().to_string());
    sqlx::raw_sql(sqlx::AssertSqlSafe(crowd))
        .execute(&bench.sql)
        .await
        .unwrap();
}

/// A statement that was planned when the server knew that there is little to read is kept.
#[tokio::test]
async fn what_was_planned_for_empty_tables_finds_its_rows_by_their_keys_when_there_are_many() {
    let mut bench = bench("plans_empty").await;
    bench.has_customer(1).await;
    let ask = async |bench: &Bench, round| {
        bench.facts(1).await;
        take_events(bench, round).await;
    };
    bench.run("VACUUM ANALYZE").await;
    ask(&bench, 0).await;
    // As it is until the server looks at its tables of its own accord.
    crowd(&bench, CROWD.trim_end_matches("ANALYZE;")).await;
    let before = scans(&bench.sql).await;
    for round in 1..4 {
        ask(&bench, round).await;
    }
    bench.reconnect("plans_empty", "plans_after").await;
    let after = scans(&bench.sql).await;
    assert!(after.len() >= 12, "{after:?}");
    let scanned: Vec<_> = after
        .iter()
        .filter(|(table, n)| **n > before[*table] && !KEPT.contains(&table.as_str()))
        .collect();
    assert!(scanned.is_empty(), "{scanned:?} {before:?}");
}

#[tokio::test]
async fn no_hot_question_reads_a_whole_table() {
    let mut bench = bench("plans").await;
    crowd(&bench, CROWD).await;
    bench.has_customer(1).await;
    let first = NewRefreshToken {
        hash: hash(99),
        ..refresh_token(99)
    };
    bench
        .store
        .rotate_refresh(&hash(1), &first, at(1))
        .await
        .unwrap()
        .unwrap();
    // A connection tells the server its counts at the latest when it ends.
    bench.reconnect("plans", "plans_asking").await;
    bench.run("SELECT pg_stat_force_next_flush()").await;
    let before = scans(&bench.sql).await;
    assert!(before.len() >= 12, "{before:?}");
    // Often enough for the server to turn to the plan it keeps.
    for round in 0..12 {
        ask_everything(&bench, round).await;
    }
    bench.reconnect("plans_asking", "plans_after").await;
    let after = scans(&bench.sql).await;
    let allowed = |table: &str| before[table] + i64::from(KEPT.contains(&table));
    let scanned: Vec<_> = after
        .iter()
        .filter(|(table, n)| **n > allowed(table))
        .collect();
    assert!(scanned.is_empty(), "{scanned:?}");
    // And it would have been seen.
    bench
        .run("SELECT pg_stat_force_next_flush() FROM users WHERE name = 'nobody'")
        .await;
    bench.run("SELECT pg_stat_force_next_flush()").await;
    assert!(scans(&bench.sql).await["users"] > after["users"]);
}
