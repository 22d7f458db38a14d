//! What is over is deleted, a few rows at a time, and nothing else.

use futures_util::future::join_all;
use sqlx::Executor;
use tollgate_use_cases::ports::{Prunable, Pruning};

use crate::support::{Bench, at, bench};

/// Rows on both sides of `at(0)`. Their names say what is to become of each: `over` for what had ended a
/// second before, everything else stays.
const ROWS: &str = "
    CREATE FUNCTION made(second bigint, n bigint) RETURNS uuid LANGUAGE sql AS $$
        SELECT (lpad(to_hex((1800000000 + second) * 1000), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid
    $$;
    CREATE FUNCTION at(second bigint) RETURNS timestamptz LANGUAGE sql AS $$
        SELECT to_timestamp(1800000000 + second)
    $$;
    BEGIN;
    INSERT INTO users (id, email, name, created_at) VALUES (made(0, 1), 'ada@example.com', 'Ada', at(0));
    INSERT INTO accounts (id, name, created_at) VALUES (made(0, 1), 'Ada', at(0));
    INSERT INTO memberships VALUES (made(0, 1), made(0, 1), 'owner', at(0));
    COMMIT;

    INSERT INTO webhook_events (id, type, created, body, status, attempts, last_error, awaits_read_of, received_at)
    VALUES
        ('over: applied', 't', 0, '{}', 'applied', 1, NULL, NULL, at(-1)),
        ('over: ignored', 't', 0, '{}', 'ignored', 1, NULL, NULL, at(-1)),
        ('too new', 't', 0, '{}', 'applied', 1, NULL, NULL, at(0)),
        ('failed', 't', 0, '{}', 'failed', 1, 'e', NULL, at(-1)),
        ('dead', 't', 0, '{}', 'dead', 1, 'e', NULL, at(-1)),
        ('waiting', 't', 0, '{}', 'received', 1, NULL, 'sub_1', at(-1));

    INSERT INTO purchase_reservations (id, account_id, plan, seats, billing_interval, stripe_price_id, attempt,
        expires_at, created_at, closed_at)
    VALUES
        (made(-9, 1), made(0, 1), 'pro', 1, 'monthly', 'over', 1, at(0), at(-9), at(-1)),
        (made(-9, 2), made(0, 1), 'pro', 1, 'monthly', 'too new', 1, at(0), at(-9), at(0)),
        (made(-9, 3), made(0, 1), 'pro', 1, 'monthly', 'open', 1, at(0), at(-9), NULL);

    INSERT INTO subscription_changes (id, account_id, stripe_subscription_id, kind, requested_by, requested_at,
        closed_at, is_done)
    VALUES
        (made(-9, 1), made(0, 1), 'over: done', 'cancel', made(0, 1), at(-9), at(-1), true),
        (made(-9, 2), made(0, 1), 'over: not done', 'keep', made(0, 1), at(-9), at(-1), false),
        (made(-9, 3), made(0, 1), 'too new', 'cancel', made(0, 1), at(-9), at(0), true),
        (made(-9, 4), made(0, 1), 'open', 'cancel', made(0, 1), at(-9), NULL, NULL);

    INSERT INTO account_invites (account_id, id, invited_by, email, role, code_id, code_hash, created_at,
        expires_at, accepted_at, accepted_by, revoked_at)
    SELECT made(0, 1), made(-9, n), made(0, 1), name, 'viewer', made(-9, n), sha256(name::bytea), at(-9),
        expires_at, accepted_at, CASE WHEN accepted_at IS NOT NULL THEN made(0, 1) END, revoked_at
    FROM (VALUES
        (1, 'over: accepted', at(9), at(-1), NULL),
        (2, 'over: revoked', at(9), NULL, at(-1)),
        (3, 'over: expired', at(-1), NULL, NULL),
        (4, 'lives', at(0), NULL, NULL),
        (5, 'accepted just now', at(-1), at(0), NULL),
        (6, 'revoked just now', at(-1), NULL, at(0))
    ) rows (n, name, expires_at, accepted_at, revoked_at);

    INSERT INTO one_time_tokens (id, purpose, user_id, hash, expires_at, consumed_at, created_at) VALUES
        (made(-9, 1), 'verify', made(0, 1), sha256('over: used'), at(-1), at(-5), at(-9)),
        (made(-9, 2), 'verify', made(0, 1), sha256('over: never used'), at(-1), NULL, at(-9)),
        (made(-9, 3), 'reset', made(0, 1), sha256('used, and works as a proof'), at(0), at(-5), at(-9)),
        (made(-9, 4), 'reset', made(0, 1), sha256('works'), at(0), NULL, at(-9));

    INSERT INTO auth_sessions (id, user_id, account_id, created_at, last_active)
    VALUES (made(-90 * 86400 - 9, 1), made(0, 1), made(0, 1), at(-90 * 86400 - 9), at(-90 * 86400 - 1));
    INSERT INTO refresh_tokens (id, session_id, hash, used_at, replaced_by, expires_at, created_at)
    SELECT made(second, n), made(-90 * 86400 - 9, 1), sha256(name::bytea), used_at, replaced_by, at(0), at(second)
    FROM (VALUES
        (-90 * 86400 - 9, 1, 'over: used', at(-9), made(-90 * 86400 - 1, 2)),
        (-90 * 86400 - 1, 2, 'over: used, too', at(-9), made(-90 * 86400, 3)),
        (-90 * 86400, 3, 'its session may live', NULL, NULL),
        (-90 * 86400 - 5, 4, 'successor of a later one', NULL, NULL),
        (-90 * 86400, 5, 'used', at(-9), made(-90 * 86400 - 5, 4))
    ) rows (second, n, name, used_at, replaced_by);";

/// The names of the rows that are there, by what they are.
async fn names(bench: &Bench, what: Prunable) -> Vec<String> {
    let names = match what {
        Prunable::Events => "SELECT id FROM webhook_events",
        Prunable::Purchases => "SELECT stripe_price_id FROM purchase_reservations",
        Prunable::Changes => "SELECT stripe_subscription_id FROM subscription_changes",
        Prunable::Invitations => "SELECT email FROM account_invites",
        Prunable::MailedTokens => {
            "SELECT name FROM one_time_tokens JOIN unnest(ARRAY[
                 'over: used', 'over: never used', 'used, and works as a proof', 'works'
             ]) name ON hash = sha256(name::bytea)"
        }
        Prunable::RefreshTokens => {
            "SELECT name FROM refresh_tokens JOIN unnest(ARRAY[
                 'over: used', 'over: used, too', 'its session may live', 'successor of a later one', 'used'
             ]) name ON hash = sha256(name::bytea)"
        }
    };
    let mut names: Vec<String> = sqlx::query_scalar(names)
        .fetch_all(&bench.sql)
        .await
        .unwrap();
    names.sort();
    names
}

#[tokio::test]
async fn what_is_over_is_deleted_and_nothing_else() {
    let bench = bench("pruning").await;
    bench.sql.execute(ROWS).await.unwrap();
    for what in Prunable::ALL {
        let before = names(&bench, what).await;
        let is_over = |name: &&String| name.starts_with("over");
        let over = before.iter().filter(is_over).count();
        assert!(over > 0, "{what:?}");
        let pruned = bench.store.prune(what, at(0), 100).await.unwrap();
        assert_eq!(pruned, u64::try_from(over).unwrap(), "{what:?}");
        let kept: Vec<_> = before.into_iter().filter(|name| !is_over(&name)).collect();
        assert_eq!(names(&bench, what).await, kept, "{what:?}");
        let again = bench.store.prune(what, at(0), 100).await.unwrap();
        assert_eq!(again, 0, "{what:?}");
    }
    // It tells when somebody was last there.
    assert_eq!(bench.count("auth_sessions").await, 1);
}

#[tokio::test]
async fn a_few_at_a_time_are_deleted_the_oldest_first_and_what_somebody_holds_is_left() {
    let bench = bench("pruning_few").await;
    bench
        .run(
            "INSERT INTO webhook_events (id, type, created, body, status, attempts, received_at)
             SELECT 'evt_' || n, 't', 0, '{}', 'applied', 1, to_timestamp(1800000000 - 10 + n)
             FROM generate_series(0, 5) n",
        )
        .await;
    let mut holder = bench.sql.begin().await.unwrap();
    holder
        .execute("SELECT FROM webhook_events WHERE id = 'evt_1' FOR UPDATE")
        .await
        .unwrap();
    let prune = || bench.store.prune(Prunable::Events, at(0), 2);
    assert_eq!(prune().await.unwrap(), 2);
    let left: Vec<String> = sqlx::query_scalar("SELECT id FROM webhook_events ORDER BY id")
        .fetch_all(&mut *holder)
        .await
        .unwrap();
    assert_eq!(left, ["evt_1", "evt_3", "evt_4", "evt_5"]);
    assert_eq!(prune().await.unwrap(), 2);
    assert_eq!(prune().await.unwrap(), 1);
    assert_eq!(prune().await.unwrap(), 0);
    holder.rollback().await.unwrap();
    assert_eq!(prune().await.unwrap(), 1);
}

#[tokio::test]
async fn of_fifty_at_once_each_row_is_deleted_by_one() {
    let bench = bench("pruning_fifty").await;
    let another = bench.another("pruning_fifty_node").await;
    bench
        .run(
            "INSERT INTO webhook_events (id, type, created, body, status, attempts, received_at)
             SELECT 'evt_' || n, 't', 0, '{}', 'applied', 1, to_timestamp(1700000000)
             FROM generate_series(1, 1000) n",
        )
        .await;
    let stores = [&bench.store, &another];
    let all = (0..50).map(|n| stores[n % 2].prune(Prunable::Events, at(0), 30));
    let pruned: u64 = join_all(all).await.into_iter().map(Result::unwrap).sum();
    let left = bench.count("webhook_events").await;
    assert_eq!(i64::try_from(pruned).unwrap() + left, 1_000);
    assert!(pruned > 0);
}
