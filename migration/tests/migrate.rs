//! The changes on a real server: that they run, run once, and hold what they promise.

#![cfg(test)]

use std::path::Path;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, postgres::PgDatabaseError};
use tollgate_dev_postgres::{Cluster, Durability};
use tollgate_migration::{fingerprint, migrate, pending};

/// An empty database that no other test has, and its address.
async fn database(name: &str) -> String {
    let cluster = tokio::task::spawn_blocking(cluster).await.unwrap();
    let mut server = PgConnection::connect(&cluster.url("postgres"))
        .await
        .unwrap();
    for sql in [
        format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
        format!("CREATE DATABASE {name}"),
    ] {
        server.execute(AssertSqlSafe(sql)).await.unwrap();
    }
    cluster.url(name)
}

fn cluster() -> Cluster {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("migration");
    Cluster::ensure(&root, Durability::Disposable).unwrap()
}

async fn migrated(name: &str) -> PgConnection {
    let url = database(name).await;
    migrate(&url).await.unwrap();
    PgConnection::connect(&url).await.unwrap()
}

/// The name of the constraint that refuses `sql`.
async fn refused_by(connection: &mut PgConnection, sql: &'static str) -> Option<String> {
    let error = connection.execute(sql).await.unwrap_err();
    let error = error.as_database_error()?.downcast_ref::<PgDatabaseError>();
    error.constraint().map(str::to_owned)
}

/// Every change there is a file of, in the order in which they are made.
fn changes() -> Vec<String> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let names = std::fs::read_dir(sources).unwrap().filter_map(|entry| {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let name = name.strip_suffix(".rs")?;
        name.starts_with("m2").then(|| name.to_owned())
    });
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn four_processes_at_once_migrate_a_database_once() {
    let url = database("four").await;
    assert_eq!(pending(&url).await.unwrap(), changes());
    let (a, b, c, d) = tokio::join!(migrate(&url), migrate(&url), migrate(&url), migrate(&url));
    for result in [a, b, c, d] {
        result.unwrap();
    }
    assert_eq!(pending(&url).await.unwrap(), Vec::<String>::new());
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let plans: Vec<String> =
        sqlx::query_scalar("SELECT plan FROM plan_billing ORDER BY sort_order")
            .fetch_all(&mut connection)
            .await
            .unwrap();
    assert_eq!(plans, ["free", "starter", "pro", "enterprise"]);
}

#[tokio::test]
async fn what_is_pending_can_be_asked_without_a_right_to_change_anything() {
    let url = database("reader").await;
    let mut owner = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(
        "DROP ROLE IF EXISTS onlooker;
         CREATE ROLE onlooker LOGIN;
         ALTER ROLE onlooker SET default_transaction_read_only = on",
    )
    .execute(&mut owner)
    .await
    .unwrap();
    let reader = url.replace("postgres@", "onlooker@");
    assert_eq!(pending(&reader).await.unwrap(), changes());
    migrate(&url).await.unwrap();
    let grant = "GRANT SELECT ON seaql_migrations TO onlooker";
    owner.execute(grant).await.unwrap();
    assert_eq!(pending(&reader).await.unwrap(), Vec::<String>::new());
}

#[test]
fn the_fingerprint_is_a_name_that_a_database_can_have() {
    let name = fingerprint();
    assert_eq!(name.len(), 16);
    assert!(name.bytes().all(|b| b.is_ascii_hexdigit()));
    assert_eq!(name, fingerprint());
}

const TWO_OWNERS: &str = "
    BEGIN;
    INSERT INTO users (id, email, name, created_at) VALUES
        ('00000000-0000-0000-0000-000000000001', 'ada@example.com', 'Ada', now()),
        ('00000000-0000-0000-0000-000000000002', 'bob@example.com', 'Bob', now());
    INSERT INTO accounts (id, name, created_at)
        VALUES ('00000000-0000-0000-0000-00000000000a', 'Acme', now());
    INSERT INTO memberships (account_id, user_id, role, created_at)
        SELECT '00000000-0000-0000-0000-00000000000a', id, 'owner', now() FROM users;
    COMMIT;";

#[tokio::test]
async fn an_account_never_loses_its_last_owner() {
    let mut connection = migrated("owner").await;
    let without_owner = "INSERT INTO accounts (id, name, created_at)
        VALUES ('00000000-0000-0000-0000-00000000000b', 'Nobody', now())";
    assert_eq!(
        refused_by(&mut connection, without_owner).await.as_deref(),
        Some("memberships_owner_stays")
    );
    sqlx::raw_sql(TWO_OWNERS)
        .execute(&mut connection)
        .await
        .unwrap();
    for sql in [
        "UPDATE memberships SET role = 'viewer'",
        "DELETE FROM memberships",
        "DELETE FROM users",
    ] {
        assert_eq!(
            refused_by(&mut connection, sql).await.as_deref(),
            Some("memberships_owner_stays"),
            "{sql}"
        );
    }
    for sql in [
        "UPDATE memberships SET role = 'viewer' WHERE user_id = '00000000-0000-0000-0000-000000000002'",
        "DELETE FROM accounts",
    ] {
        connection.execute(sql).await.unwrap();
    }
}

#[tokio::test]
async fn two_owners_who_leave_at_once_do_not_both_succeed() {
    let url = database("leave").await;
    migrate(&url).await.unwrap();
    let mut first = PgConnection::connect(&url).await.unwrap();
    let mut second = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(TWO_OWNERS).execute(&mut first).await.unwrap();
    first.execute("BEGIN").await.unwrap();
    second.execute("BEGIN").await.unwrap();
    first
        .execute("DELETE FROM memberships WHERE user_id = '00000000-0000-0000-0000-000000000001'")
        .await
        .unwrap();
    second
        .execute("DELETE FROM memberships WHERE user_id = '00000000-0000-0000-0000-000000000002'")
        .await
        .unwrap();
    let (first, second) = tokio::join!(first.execute("COMMIT"), second.execute("COMMIT"));
    assert_eq!(usize::from(first.is_ok()) + usize::from(second.is_ok()), 1);
}

#[tokio::test]
async fn the_audit_log_takes_rows_and_gives_none_back() {
    let mut connection = migrated("audit").await;
    connection
        .execute("INSERT INTO audit_log (at, action, detail) VALUES (now(), 'tested', '{}')")
        .await
        .unwrap();
    for sql in [
        "UPDATE audit_log SET action = 'forged'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
    ] {
        assert_eq!(
            refused_by(&mut connection, sql).await.as_deref(),
            Some("audit_log_insert_only"),
            "{sql}"
        );
    }
}

#[tokio::test]
async fn the_catalog_refuses_limits_that_are_no_whole_numbers() {
    let mut connection = migrated("limits").await;
    for sql in [
        r#"UPDATE plan_limits SET limits = '{"max_users": -1}'"#,
        r#"UPDATE plan_limits SET limits = '{"max_users": 1.5}'"#,
        r#"UPDATE plan_limits SET limits = '{"max_users": "5"}'"#,
        "UPDATE plan_limits SET limits = '[5]'",
    ] {
        assert_eq!(
            refused_by(&mut connection, sql).await.as_deref(),
            Some("plan_limits_limits"),
            "{sql}"
        );
    }
    connection
        .execute(r#"UPDATE plan_limits SET limits = '{"max_users": null, "max_projects": 0}'"#)
        .await
        .unwrap();
}

#[tokio::test]
async fn an_invite_code_ends_once_and_holds_what_it_may() {
    let mut connection = migrated("invite_codes").await;
    sqlx::raw_sql(TWO_OWNERS)
        .execute(&mut connection)
        .await
        .unwrap();
    connection
        .execute(
            "INSERT INTO invite_codes (id, code_hash, assigned_plan, created_by, created_at, used_by, used_at)
             SELECT id, sha256(email::bytea), 'pro', id, now(), id, now() FROM users",
        )
        .await
        .unwrap();
    for (sql, constraint) in [
        (
            "UPDATE invite_codes SET revoked_at = now()",
            "invite_codes_ended_once",
        ),
        (
            "UPDATE invite_codes SET used_at = NULL",
            "invite_codes_used_at",
        ),
        (
            "UPDATE invite_codes SET trial_duration_days = 0",
            "invite_codes_trial_duration_days",
        ),
        (
            "UPDATE invite_codes SET trial_duration_days = 91",
            "invite_codes_trial_duration_days",
        ),
        (
            "UPDATE invite_codes SET email = 'Ada@example.com'",
            "invite_codes_email_canonical",
        ),
        (
            "UPDATE invite_codes SET code_hash = 'short'",
            "invite_codes_code_hash_length",
        ),
        (
            "UPDATE invite_codes SET code_hash = sha256('same')",
            "invite_codes_code_hash_key",
        ),
        (
            "UPDATE invite_codes SET assigned_plan = 'platinum'",
            "invite_codes_assigned_plan_fkey",
        ),
    ] {
        let refused = refused_by(&mut connection, sql).await;
        assert_eq!(refused.as_deref(), Some(constraint), "{sql}");
    }
    connection
        .execute("DELETE FROM users WHERE name = 'Bob'")
        .await
        .unwrap();
    let kept: (i64, i64) =
        sqlx::query_as("SELECT count(used_at), count(used_by) FROM invite_codes")
            .fetch_one(&mut connection)
            .await
            .unwrap();
    assert_eq!(kept, (2, 1));
}

#[tokio::test]
async fn one_invitation_is_open_for_an_address_and_none_is_half_of_anything() {
    let mut connection = migrated("invites").await;
    sqlx::raw_sql(TWO_OWNERS)
        .execute(&mut connection)
        .await
        .unwrap();
    let insert = "INSERT INTO account_invites
            (account_id, id, invited_by, email, role, code_id, code_hash, created_at, expires_at)
        SELECT '00000000-0000-0000-0000-00000000000a', gen_random_uuid(),
            '00000000-0000-0000-0000-000000000001', 'cleo@example.com', 'viewer', gen_random_uuid(),
            sha256(gen_random_uuid()::text::bytea), now(), now() + interval '1 day'";
    connection.execute(insert).await.unwrap();
    for (sql, rule) in [
        (insert, "open_key"),
        (
            "UPDATE account_invites SET email = 'Cleo@example.com'",
            "email_canonical",
        ),
        (
            "UPDATE account_invites SET email = ' cleo@example.com'",
            "email_canonical",
        ),
        ("UPDATE account_invites SET role = 'owner'", "role"),
        (
            "UPDATE account_invites SET code_hash = 'short'",
            "code_length",
        ),
        (
            "UPDATE account_invites SET resend_count = 6",
            "resend_count",
        ),
        ("UPDATE account_invites SET expires_at = created_at", "ends"),
        (
            "UPDATE account_invites SET accepted_at = now()",
            "accepted_whole",
        ),
        (
            "UPDATE account_invites SET accepted_at = now(), accepted_by = id, revoked_at = now()",
            "ended_once",
        ),
    ] {
        let refused = refused_by(&mut connection, sql).await;
        assert_eq!(refused, Some(format!("account_invites_{rule}")), "{sql}");
    }
    let end = "UPDATE account_invites SET revoked_at = now()";
    connection.execute(end).await.unwrap();
    connection.execute(insert).await.unwrap();
}

#[tokio::test]
async fn a_sign_in_through_a_provider_is_short_lived_and_leads_to_a_page_of_ours() {
    let mut connection = migrated("flows").await;
    let fine = "INSERT INTO oauth_flows VALUES (sha256('a'), sha256('b'), 'google', 'n', 'v', NULL, '/', now(), now() + interval '10 minutes')";
    connection.execute(fine).await.unwrap();
    for (sql, constraint) in [
        (fine, "oauth_flows_pkey"),
        (
            "INSERT INTO oauth_flows VALUES (sha256('c'), sha256('b'), 'google', 'n', 'v', NULL, '/', now(), now() + interval '11 minutes')",
            "oauth_flows_short_lived",
        ),
        (
            "INSERT INTO oauth_flows VALUES ('short', sha256('b'), 'google', 'n', 'v', NULL, '/', now(), now())",
            "oauth_flows_hash_length",
        ),
        (
            "INSERT INTO oauth_flows VALUES (sha256('d'), sha256('b'), 'google', 'n', 'v', 'the code itself', '/', now(), now())",
            "oauth_flows_hash_length",
        ),
        (
            "INSERT INTO oauth_flows VALUES (sha256('e'), sha256('b'), 'google', 'n', 'v', NULL, '//e.example', now(), now())",
            "oauth_flows_next",
        ),
        (
            "INSERT INTO oauth_flows VALUES (sha256('f'), sha256('b'), 'google', 'n', 'v', NULL, 'https://e.example', now(), now())",
            "oauth_flows_next",
        ),
    ] {
        let refused = refused_by(&mut connection, sql).await;
        assert_eq!(refused.as_deref(), Some(constraint), "{sql}");
    }
}

#[tokio::test]
async fn what_people_and_accounts_say_of_themselves_is_one_of_what_may_be_said() {
    let mut connection = migrated("profiles").await;
    sqlx::raw_sql(TWO_OWNERS)
        .execute(&mut connection)
        .await
        .unwrap();
    for (sql, constraint) in [
        ("UPDATE users SET timezone = ''", "users_timezone"),
        (
            "UPDATE users SET role_at_signup = 'boss'",
            "users_role_at_signup",
        ),
        (
            "UPDATE accounts SET team_size_bucket = '27'",
            "accounts_team_size_bucket",
        ),
        (
            "UPDATE accounts SET primary_psa = 'Halo PSA'",
            "accounts_primary_psa",
        ),
    ] {
        let refused = refused_by(&mut connection, sql).await;
        assert_eq!(refused.as_deref(), Some(constraint), "{sql}");
    }
    for sql in [
        "UPDATE users SET timezone = 'Europe/London', role_at_signup = 'lead_tech'",
        "UPDATE accounts SET team_size_bucket = '26+', primary_psa = 'none'",
        "UPDATE users SET timezone = NULL, role_at_signup = NULL",
    ] {
        connection.execute(sql).await.unwrap();
    }
}

#[tokio::test]
async fn a_lead_has_bounds_and_a_status_of_three() {
    let mut connection = migrated("leads").await;
    let lead = "INSERT INTO sales_leads (id, email, name, company, source, created_at, updated_at)
        VALUES ('00000000-0000-0000-0000-000000000001', 'ada@example.com', 'Ada', 'Engines',
            'pricing_page', now(), now())";
    connection.execute(lead).await.unwrap();
    for (sql, constraint) in [
        (
            "UPDATE sales_leads SET email = 'Ada@example.com'",
            "sales_leads_email_canonical",
        ),
        (
            "UPDATE sales_leads SET name = repeat('x', 81)",
            "sales_leads_lengths",
        ),
        (
            "UPDATE sales_leads SET message = repeat('x', 4001)",
            "sales_leads_lengths",
        ),
        (
            "UPDATE sales_leads SET source = 'billboard'",
            "sales_leads_source",
        ),
        (
            "UPDATE sales_leads SET status = 'open'",
            "sales_leads_status",
        ),
    ] {
        let refused = refused_by(&mut connection, sql).await;
        assert_eq!(refused.as_deref(), Some(constraint), "{sql}");
    }
}

#[tokio::test]
async fn a_deleted_account_needs_no_owner_and_stays_closed() {
    let mut connection = migrated("erasure").await;
    sqlx::raw_sql(TWO_OWNERS)
        .execute(&mut connection)
        .await
        .unwrap();
    let open = "UPDATE accounts SET deleted_at = now()";
    assert_eq!(
        refused_by(&mut connection, open).await.as_deref(),
        Some("accounts_deleted_are_closed")
    );
    for sql in [
        "UPDATE accounts SET deleted_at = now(), suspended_at = now()",
        "DELETE FROM users",
    ] {
        connection.execute(sql).await.unwrap();
    }
    assert_eq!(
        refused_by(&mut connection, "UPDATE accounts SET suspended_at = NULL")
            .await
            .as_deref(),
        Some("accounts_deleted_are_closed")
    );
}
