use super::*;

const HEX: &str = "0123456789abcdeffedcba9876543210";

/// A deployment that starts.
fn production() -> Variables {
    let mut variables = Variables::default();
    for (key, text) in [
        ("TOLLGATE_ENV", "production"),
        ("DATABASE_URL", "postgres://tollgate:canary-db@db/tollgate"),
        ("PUBLIC_URL", "https://api.example.com/"),
        ("FRONTEND_URL", "https://example.com"),
        ("STRIPE_SECRET_KEY", "rk_live_canary"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_canary0123456789abcdef"),
        ("SMTP_URL", "smtps://user:canary-mail@mail.example.com"),
        ("FROM_EMAIL", "hello@example.com"),
        ("TOKEN_SECRET", &format!("{HEX}{HEX}")),
        ("PASSWORD_PEPPER", &format!("canary-pepper-{HEX}")),
        (
            "ACCESS_TOKEN_KEYS",
            &format!("{HEX}11223344556677889900aabbccddeeff"),
        ),
    ] {
        variables.set(key, text);
    }
    variables
}

/// The problems of [`production`] with some keys changed; an empty text stands for a missing key.
fn problems(changes: &[(&str, &str)]) -> String {
    let mut variables = production();
    for (key, text) in changes {
        variables.set(key, *text);
    }
    Config::parse(&variables).map_or_else(|invalid| invalid.to_string(), |_| String::new())
}

#[test]
fn a_whole_configuration_is_read() {
    let config = Config::parse(&production()).unwrap();
    assert_eq!(config.environment, Environment::Production);
    assert_eq!(config.public_url, "https://api.example.com");
    assert_eq!(config.plans.trial_days, 14);
    assert_eq!(config.stripe.unwrap().mode, Mode::Live);
}

/// Key, text, and what is said of it.
const WRONG: &[(&str, &str, &str)] = &[
    (
        "TOLLGATE_ENV",
        "prod",
        "must be development, test or production",
    ),
    ("DATABASE_URL", "", "is missing"),
    (
        "DATABASE_URL",
        "mysql://root@db/x",
        "must be an address like postgres://user:password@host/database",
    ),
    (
        "DATABASE_POOL_SIZE",
        "0",
        "must be a whole number from 1 to 500",
    ),
    (
        "BIND",
        "8080",
        "must be an address and a port, like 127.0.0.1:8080",
    ),
    ("OPS_BIND", "127.0.0.1:8080", "must differ from BIND"),
    (
        "PUBLIC_URL",
        "http://api.example.com",
        "must begin with https:// in production",
    ),
    (
        "PUBLIC_URL",
        "api.example.com",
        "must be an address like https://example.com",
    ),
    (
        "FRONTEND_URL",
        "https://example.com/?next=/",
        "must be an address like https://example.com",
    ),
    (
        "FRONTEND_URL",
        "https://me@example.com",
        "must be an address like https://example.com",
    ),
    ("SELF_SERVE_ENABLED", "yes", "must be true or false"),
    ("REQUIRE_INVITE_CODE", "no", "must be true or false"),
    (
        "INTERNAL_TESTER_EMAILS",
        "ada@example.com bob@example.com",
        "must be e-mail addresses with commas between",
    ),
    (
        "TRIAL_PLAN",
        "Pro Plan",
        "must be a plan key: 1 to 40 of a-z, 0-9, _ and -, a letter first",
    ),
    ("TRIAL_DAYS", "91", "must be a whole number from 1 to 90"),
    ("AFTER_END", "delete", "must be lock or free"),
    (
        "READ_ONLY_DAYS",
        "-1",
        "must be a whole number from 0 to 365",
    ),
    (
        "STRIPE_SECRET_KEY",
        "sk_test_1",
        "must not be a test key in production",
    ),
    (
        "STRIPE_SECRET_KEY",
        "pk_live_1",
        "must look like sk_test_… or sk_live_… (or rk_…)",
    ),
    (
        "STRIPE_SECRET_KEY",
        "",
        "is missing, but other STRIPE_ keys are set",
    ),
    ("STRIPE_WEBHOOK_SECRET", "", "is missing"),
    (
        "STRIPE_WEBHOOK_SECRET",
        "whsec_short",
        "must be whsec_ and at least 16 letters or digits; two with a comma between",
    ),
    (
        "STRIPE_PUBLISHABLE_KEY",
        "pk_test_1",
        "must be a pk_live_ key",
    ),
    (
        "STRIPE_API_BASE",
        "https://stripe.example.com",
        "is for development and tests: production talks to Stripe itself",
    ),
    (
        "STRIPE_CALLS_PER_SECOND",
        "0",
        "must be a whole number from 1 to 10000",
    ),
    (
        "STRIPE_TIMEOUT_SECONDS",
        "31",
        "must be a whole number from 1 to 30",
    ),
    (
        "SMTP_URL",
        "mail.example.com:25",
        "must be an address like smtps://user:password@mail.example.com",
    ),
    (
        "FROM_EMAIL",
        "Tollgate <hello@example.com>",
        "must be an e-mail address",
    ),
    (
        "PRODUCT_NAME",
        "Toll\tgate",
        "must be at most 80 characters on one line",
    ),
    (
        "TOKEN_SECRET",
        "c2hvcnQ=",
        "must be 32 bytes or more in hexadecimal or base64",
    ),
    (
        "TOKEN_SECRET",
        "not a secret at all, but a sentence!",
        "must be 32 bytes or more in hexadecimal or base64",
    ),
    ("PASSWORD_PEPPER", "pepper", "must have 32 bytes or more"),
    (
        "ACCESS_TOKEN_KEYS",
        "abc",
        "must be 64 hexadecimal digits; older keys follow with a comma between",
    ),
    (
        "BCRYPT_COST",
        "4",
        "must be a whole number from 10 to 15 in production",
    ),
    (
        "HASH_WORKERS",
        "many",
        "must be a whole number from 1 to 256",
    ),
    ("RECONCILE_ENABLED", "1", "must be true or false"),
    (
        "RECONCILE_CALLS_PER_MINUTE",
        "0",
        "must be a whole number from 10 to 6000",
    ),
    ("RATE_LIMITS", "off", "must be strict in production"),
    (
        "TRUSTED_PROXIES",
        "10.0.0.0/8, everybody",
        "must be networks like 10.0.0.0/8, with commas between",
    ),
    (
        "WORKER_CONCURRENCY",
        "65",
        "must be a whole number from 1 to 64",
    ),
    ("LOG_FORMAT", "xml", "must be json or pretty"),
    (
        "RUST_LOG",
        "a=b=c",
        "must be a filter like info,tollgate=debug",
    ),
];

#[test]
fn a_wrong_key_is_named_with_what_it_must_be() {
    for (key, text, problem) in WRONG {
        assert_eq!(
            problems(&[(key, text)]),
            format!("{key} {problem}"),
            "{key}={text}"
        );
    }
}

#[test]
fn a_secret_that_nobody_drew_at_random_is_refused_in_production() {
    let monotonous = "ab".repeat(32);
    for key in ["TOKEN_SECRET", "PASSWORD_PEPPER", "ACCESS_TOKEN_KEYS"] {
        assert_eq!(
            problems(&[(key, &monotonous)]),
            format!("{key} {MONOTONOUS}")
        );
    }
}

#[test]
fn one_secret_serves_one_purpose() {
    assert_eq!(
        problems(&[("PASSWORD_PEPPER", &HEX.repeat(2))]),
        "PASSWORD_PEPPER must not be the same as another secret"
    );
}

#[test]
fn a_live_key_is_refused_outside_production() {
    for environment in ["development", "test"] {
        assert_eq!(
            problems(&[("TOLLGATE_ENV", environment)]),
            "STRIPE_SECRET_KEY must not be a live key outside production"
        );
    }
}

#[test]
fn all_problems_are_told_at_once_and_no_value_with_them() {
    let told = problems(&[
        ("DATABASE_URL", "canary"),
        ("STRIPE_SECRET_KEY", "canary"),
        ("STRIPE_WEBHOOK_SECRET", "canary"),
        ("SMTP_URL", "canary"),
        ("TOKEN_SECRET", "canary"),
        ("PASSWORD_PEPPER", "canary"),
        ("ACCESS_TOKEN_KEYS", "canary"),
        ("FROM_EMAIL", "canary"),
    ]);
    // The last is that the three secrets of one text are shared.
    assert_eq!(told.lines().count(), 10, "{told}");
    assert!(!told.contains("canary"), "{told}");
}

#[test]
fn nothing_at_all_is_eight_lines() {
    let told = Config::parse(&Variables::default()).unwrap_err();
    let keys: Vec<_> = told.0.iter().map(|problem| &*problem.key).collect();
    assert_eq!(
        keys,
        [
            "PUBLIC_URL",
            "FRONTEND_URL",
            "DATABASE_URL",
            "SMTP_URL",
            "FROM_EMAIL",
            "TOKEN_SECRET",
            "ACCESS_TOKEN_KEYS",
            "PASSWORD_PEPPER",
        ]
    );
}

#[test]
fn without_any_stripe_key_nothing_is_sold() {
    let config = |keys: &[&str]| {
        let mut variables = production();
        for key in keys {
            variables.set(key, "");
        }
        Config::parse(&variables).unwrap()
    };
    assert!(
        config(&["STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"])
            .stripe
            .is_none()
    );
}

#[test]
fn what_is_in_force_shows_defaults_and_hides_secrets() {
    let config = Config::parse(&production()).unwrap();
    let shown = format!("{}{config:?}", config.in_force);
    assert!(shown.contains("TRIAL_DAYS              14\n"), "{shown}");
    assert!(shown.contains("TOKEN_SECRET            (set)\n"), "{shown}");
    assert!(
        shown.contains("STRIPE_API_BASE         (not set)\n"),
        "{shown}"
    );
    for secret in ["canary", HEX] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn secrets_may_be_rotated_with_a_comma() {
    let mut variables = production();
    variables.set(
        "ACCESS_TOKEN_KEYS",
        format!("{HEX}11223344556677889900aabbccddeeff, {HEX}{HEX}"),
    );
    variables.set(
        "STRIPE_WEBHOOK_SECRET",
        "whsec_0123456789abcdef,whsec_fedcba9876543210",
    );
    let config = Config::parse(&variables).unwrap();
    assert_eq!(config.secrets.other_access_tokens.len(), 1);
    let webhooks = format!("{:?}", config.stripe.unwrap().webhooks);
    assert!(webhooks.contains("WebhookSecrets(2)"), "{webhooks}");
}
