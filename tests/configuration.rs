//! How the program speaks to its operator: what it refuses, how it says so, and what it never says.

use tollgate_testkit::Database;

use crate::world::{run, set_stripe, settings};

const REQUIRED: [&str; 8] = [
    "ACCESS_TOKEN_KEYS",
    "DATABASE_URL",
    "FROM_EMAIL",
    "FRONTEND_URL",
    "PASSWORD_PEPPER",
    "PUBLIC_URL",
    "SMTP_URL",
    "TOKEN_SECRET",
];

#[test]
fn everything_that_is_missing_is_named_at_once_one_line_each() {
    for command in ["serve", "api", "worker", "check-config"] {
        let output = run(&[command], &[]);
        assert_eq!(output.status.code(), Some(2), "{command}");
        let said = String::from_utf8(output.stderr).unwrap();
        let mut lines: Vec<_> = said.lines().collect();
        lines.sort_unstable();
        let expected = REQUIRED.map(|key| format!("{key} is missing"));
        assert_eq!(lines, expected, "{command}");
        assert!(output.stdout.is_empty(), "{command}");
    }
}

#[test]
fn each_wrong_setting_is_named_and_its_value_is_not() {
    for (key, value) in [
        ("BIND", "canary"),
        ("OPS_BIND", "canary"),
        ("PUBLIC_URL", "canary"),
        ("FRONTEND_URL", "ftp://canary.example.com"),
        ("DATABASE_URL", "mysql://root:canary@localhost/db"),
        ("DATABASE_POOL_SIZE", "canary"),
        ("SMTP_URL", "http://user:canary@localhost"),
        ("FROM_EMAIL", "canary"),
        ("TOKEN_SECRET", "canary"),
        ("PASSWORD_PEPPER", "canary"),
        ("ACCESS_TOKEN_KEYS", "canary"),
        ("BCRYPT_COST", "99canary"),
        ("TRIAL_DAYS", "canary"),
        ("AFTER_END", "canary"),
        ("STRIPE_SECRET_KEY", "sk_live_canary"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_canary"),
        ("RUST_LOG", "canary=canary=canary"),
    ] {
        let mut settings = settings("postgres://localhost/tollgate", "smtp://localhost");
        set_stripe(&mut settings, "http://localhost");
        settings.retain(|(other, _)| *other != key);
        settings.push((key, value.to_owned()));
        let output = run(&["serve"], &settings);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{key}: {said}");
        assert_eq!(said.lines().count(), 1, "{key}: {said}");
        assert!(said.starts_with(key), "{key}: {said}");
        assert!(!said.contains("canary"), "{key}: {said}");
    }
}

#[test]
fn t77_without_a_secret_for_webhooks_stripe_is_not_used() {
    for secret in [None, Some(""), Some("whsec_"), Some("short")] {
        let mut settings = settings("postgres://localhost/tollgate", "smtp://localhost");
        set_stripe(&mut settings, "http://localhost");
        settings.retain(|(key, _)| *key != "STRIPE_WEBHOOK_SECRET");
        settings.extend(secret.map(|secret| ("STRIPE_WEBHOOK_SECRET", secret.to_owned())));
        let output = run(&["serve"], &settings);
        assert_eq!(output.status.code(), Some(2), "{secret:?}");
    }
}

#[test]
fn what_is_in_force_is_shown_without_secrets() {
    let settings = settings(
        "postgres://tollgate:canary@localhost/tollgate",
        "smtp://u:canary@localhost",
    );
    let output = run(&["check-config"], &settings);
    assert!(output.status.success());
    insta::assert_snapshot!(String::from_utf8(output.stdout).unwrap(), @r"
    TOLLGATE_ENV            test
    BIND                    127.0.0.1:0
    OPS_BIND                127.0.0.1:0
    PUBLIC_URL              http://api.test
    FRONTEND_URL            http://app.test
    ALLOWED_ORIGINS         (not set)
    ONBOARDING_TOOLS        connectwise,autotask,halopsa,none
    DATABASE_URL            (set)
    DATABASE_POOL_SIZE      8
    SELF_SERVE_ENABLED      true
    REQUIRE_INVITE_CODE     true
    INTERNAL_TESTER_EMAILS  (not set)
    TRIAL_PLAN              pro
    TRIAL_DAYS              14
    AFTER_END               lock
    READ_ONLY_DAYS          30
    STRIPE_SECRET_KEY       (not set)
    OAUTH_REDIRECT_BASE     (not set)
    GOOGLE_CLIENT_ID        (not set)
    MS_TENANT               common
    MS_CLIENT_ID            (not set)
    OIDC_PROVIDERS          (not set)
    SMTP_URL                (set)
    FROM_EMAIL              tollgate@example.com
    PRODUCT_NAME            Tollgate
    SALES_LEAD_RECIPIENT_EMAIL (not set)
    TOKEN_SECRET            (set)
    ACCESS_TOKEN_KEYS       (set)
    PASSWORD_PEPPER         (set)
    BCRYPT_COST             4
    HASH_WORKERS            16
    LEAKED_PASSWORDS_FILE   (not set)
    RATE_LIMITS             off
    TRUSTED_PROXIES         (not set)
    THROWAWAY_DOMAINS_FILE  (not set)
    WORKER_CONCURRENCY      4
    RECONCILE_ENABLED       false
    RECONCILE_CALLS_PER_MINUTE 120
    LOG_FORMAT              json
    RUST_LOG                warn,tollgate=info
    ");
}

#[test]
fn production_refuses_development_mode() {
    let output = run(&["dev"], &[("TOLLGATE_ENV", "production".to_owned())]);
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(String::from_utf8(output.stderr).unwrap(), @"TOLLGATE_ENV=production refuses development mode: run `tollgate serve`");
}

#[tokio::test]
async fn a_database_without_its_schema_is_not_served() {
    let database = Database::create().await.unwrap();
    sqlx::raw_sql("DROP TABLE seaql_migrations")
        .execute(database.pool())
        .await
        .unwrap();
    let settings = settings(database.url(), "smtp://localhost");
    let output = run(&["serve"], &settings);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("run `tollgate migrate`"), "{said}");
}

#[tokio::test]
async fn plans_without_their_prices_are_named_and_nothing_is_written() {
    let world = crate::world::World::start().await;
    world.tell_sandbox("reset", serde_json::json!({})).await;
    let mut settings = settings(world.database.url(), "smtp://localhost");
    let none = run(&["sync-plans"], &settings);
    assert_eq!(none.status.code(), Some(2));
    set_stripe(&mut settings, &world.sandbox_url());
    let output = run(&["sync-plans"], &settings);
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(String::from_utf8(output.stdout).unwrap(), @r"
    missing: plan starter: no active product with metadata tollgate_plan=starter or the name Starter
    missing: plan pro: no active product with metadata tollgate_plan=pro or the name Pro
    Nothing was written.
    ");
    world.tell_sandbox("seed", serde_json::json!({})).await;
    let dry = run(&["sync-plans", "--dry-run"], &settings);
    assert!(dry.status.success());
    let output = run(&["sync-plans"], &settings);
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said.lines().count(), 2, "{said}");
}

#[test]
fn help_is_there_for_every_command() {
    let output = run(&["--help"], &[]);
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    for command in [
        "dev",
        "serve",
        "api",
        "worker",
        "migrate",
        "sync-plans",
        "openapi",
        "check-config",
    ] {
        assert!(said.contains(command), "{command} in {said}");
    }
}
