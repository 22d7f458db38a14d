//! What the operator says, read once from the environment and `.env`, checked as a whole: every wrong
//! or missing key is named in one go, none of their values is ever shown. Nothing else reads the
//! environment, and nothing here connects to anything.

mod providers;
mod reader;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    thread,
    time::Duration,
};

use secrecy::SecretString;
use tollgate_billing::{AfterEnd, Policy};
use tollgate_identity::{Admission, Testers};
use tollgate_onboarding::Tools;
use tollgate_payments_stripe::{Mode, StripeWebhooks};
use tollgate_primitives::{EmailAddress, PlanKey};
use tollgate_sign_in_oidc::KeySeed;
use tollgate_use_cases::{Key, RateLimits};
use tracing_subscriber::EnvFilter;
use url::Url;

pub use providers::SignIn;
pub use reader::{ConfigInvalid, InForce, Problem, Variables};

use crate::http::TrustedProxies;
use reader::{Reader, number};

/// More at once is better done by more workers.
const MOST_JOBS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(63);

/// More than Stripe grants anybody.
const MOST_CALLS: NonZeroU32 = NonZeroU32::MIN.saturating_add(9_999);

/// What we have to say, and what worries the libraries.
const DEFAULT_FILTER: &str = "warn,tollgate=info";

/// What a deployment is for. Decides what is refused, never what is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    Development,
    Test,
    Production,
}

/// The whole of a node's configuration.
#[derive(Debug)]
pub struct Config {
    pub environment: Environment,
    /// Where the API listens; port 0 takes any free one.
    pub bind: SocketAddr,
    /// Where health, readiness and metrics are answered; port 0 takes any free one.
    pub ops_bind: SocketAddr,
    /// Where this API is reached from outside, without a slash at the end.
    pub public_url: String,
    /// Where people's browsers go, without a slash at the end.
    pub frontend_url: String,
    /// Whose pages may ask this API from a browser: the frontend's origin, and others.
    pub origins: Vec<String>,
    /// What the wizard offers as the tool that an account works in.
    pub onboarding_tools: Tools,
    pub database: Database,
    pub plans: Plans,
    /// `None`: nothing can be bought here.
    pub stripe: Option<Stripe>,
    pub sign_in: SignIn,
    pub mail: Mail,
    pub secrets: Secrets,
    pub passwords: Passwords,
    pub limits: Limits,
    /// Jobs a worker runs at once.
    pub worker_concurrency: NonZeroUsize,
    pub reconciliation: Reconciliation,
    pub log: Log,
    /// Every key with what holds, for people to read.
    pub in_force: InForce,
}

#[derive(Debug)]
pub struct Database {
    pub url: SecretString,
    /// Connections of the API; a worker has a few of its own.
    pub pool_size: u32,
}

/// Who may sign up, and what an account has before and after it pays.
#[derive(Debug)]
pub struct Plans {
    pub admission: Admission,
    pub trial_plan: PlanKey,
    pub trial_days: u16,
    pub policy: Policy,
}

#[derive(Debug)]
pub struct Stripe {
    pub secret_key: SecretString,
    pub mode: Mode,
    pub publishable_key: Option<String>,
    pub webhooks: StripeWebhooks,
    /// Stripe itself when `None`.
    pub api_base: Option<String>,
    pub calls_per_second: NonZeroU32,
    /// For one try of a call that a person waits for.
    pub timeout: Duration,
}

#[derive(Debug)]
pub struct Mail {
    /// What people know the product by.
    pub product: String,
    pub smtp_url: SecretString,
    pub from: EmailAddress,
    /// Who is told of those who ask for an offer; nobody when `None`.
    pub sales_lead_recipient: Option<EmailAddress>,
}

#[derive(Debug)]
pub struct Secrets {
    /// Refresh tokens and mailed tokens are derived from it.
    pub token: Key,
    /// Signs access tokens.
    pub access_token: KeySeed,
    /// Accepted as well.
    pub other_access_tokens: Vec<KeySeed>,
}

#[derive(Debug)]
pub struct Passwords {
    pub pepper: SecretString,
    pub bcrypt_cost: u32,
    pub workers: usize,
    /// Digests of passwords that have leaked; none is known when `None`.
    pub leaked: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy)]
pub struct Reconciliation {
    /// Whether workers do it by themselves.
    pub is_enabled: bool,
    /// Questions to the payment provider, over all nodes.
    pub calls_per_minute: u32,
}

/// How often people may try, and how it is known who tries.
#[derive(Debug)]
pub struct Limits {
    pub rate_limits: RateLimits,
    /// Domains that give a mailbox to anybody for minutes; none is known when `None`.
    pub throwaway_domains: Option<PathBuf>,
    pub trusted_proxies: TrustedProxies,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    pub format: LogFormat,
    /// In the syntax of `tracing_subscriber::EnvFilter`.
    pub filter: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Json,
    Pretty,
}

impl Config {
    pub fn parse(variables: &Variables) -> Result<Self, ConfigInvalid> {
        let mut reader = Reader::new(variables);
        let config = read(&mut reader);
        let in_force = reader.finish()?;
        // Without a problem on record, every part is there.
        config
            .map(|config| Self { in_force, ..config })
            .ok_or_else(ConfigInvalid::default)
    }
}

/// The only key that changing the schema needs.
pub fn database_url(variables: &Variables) -> Result<SecretString, ConfigInvalid> {
    let mut reader = Reader::new(variables);
    let url = reader.secret("DATABASE_URL", database_address);
    reader.finish()?;
    url.ok_or_else(ConfigInvalid::default)
}

/// Where logs go is settled before anything else, and never fails: a wrong filter is named by
/// [`Config::parse`].
#[must_use]
pub fn log(variables: &Variables) -> Log {
    let mut reader = Reader::new(variables);
    read_log(&mut reader).unwrap_or_default()
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Json,
            filter: DEFAULT_FILTER.to_owned(),
        }
    }
}

/// Reads every key before it gives up on any, so that all problems are on record.
fn read(reader: &mut Reader<'_>) -> Option<Config> {
    let environment = reader.open("TOLLGATE_ENV", "production", |text| match text {
        "development" => Ok(Environment::Development),
        "test" => Ok(Environment::Test),
        "production" => Ok(Environment::Production),
        _ => Err("must be development, test or production"),
    });
    // An unknown environment is judged as strictly as production.
    let is_production = !matches!(
        environment,
        Some(Environment::Development | Environment::Test)
    );
    let bind = reader.open("BIND", "127.0.0.1:8080", address);
    let ops_bind = reader.open("OPS_BIND", "127.0.0.1:8081", address);
    if bind.is_some_and(|bind| bind.port() != 0) && bind == ops_bind {
        reader.refuse("OPS_BIND", "must differ from BIND");
    }
    let public_url = reader.required("PUBLIC_URL", |text| origin(text, is_production));
    let frontend_url = reader.required("FRONTEND_URL", |text| origin(text, is_production));
    let origins = read_origins(reader, frontend_url.as_deref(), is_production);
    let onboarding_tools = read_onboarding_tools(reader);
    let database = read_database(reader);
    let plans = read_plans(reader);
    let stripe = read_stripe(reader, is_production);
    let sign_in = providers::read(reader, is_production, frontend_url.as_deref());
    let mail = read_mail(reader);
    let secrets = read_secrets(reader, is_production);
    let passwords = read_passwords(reader, is_production);
    let limits = read_limits(reader, is_production);
    let worker_concurrency = reader.open(
        "WORKER_CONCURRENCY",
        "4",
        number(
            NonZeroUsize::MIN..=MOST_JOBS,
            "must be a whole number from 1 to 64",
        ),
    );
    let reconciliation = read_reconciliation(reader);
    let log = read_log(reader);
    refuse_shared_secrets(reader);
    Some(Config {
        environment: environment?,
        bind: bind?,
        ops_bind: ops_bind?,
        public_url: public_url?,
        frontend_url: frontend_url?,
        origins: origins?,
        onboarding_tools: onboarding_tools?,
        database: database?,
        plans: plans?,
        stripe: stripe?,
        sign_in: sign_in?,
        mail: mail?,
        secrets: secrets?,
        passwords: passwords?,
        limits: limits?,
        worker_concurrency: worker_concurrency?,
        reconciliation: reconciliation?,
        log: log?,
        in_force: InForce::default(),
    })
}

fn read_onboarding_tools(reader: &mut Reader<'_>) -> Option<Tools> {
    reader.open(
        "ONBOARDING_TOOLS",
        "connectwise,autotask,halopsa,none",
        |text| {
            Tools::parse(text)
                .map_err(|_| "must be names of a-z, 0-9, _ and -, each once, with commas between")
        },
    )
}

fn read_database(reader: &mut Reader<'_>) -> Option<Database> {
    let url = reader.secret("DATABASE_URL", database_address);
    let pool_size = reader.open(
        "DATABASE_POOL_SIZE",
        "16",
        number(1..=500, "must be a whole number from 1 to 500"),
    );
    Some(Database {
        url: url?,
        pool_size: pool_size?,
    })
}

fn read_plans(reader: &mut Reader<'_>) -> Option<Plans> {
    let admission = read_admission(reader);
    let trial_plan = reader.open("TRIAL_PLAN", "pro", |text| {
        PlanKey::parse(text)
            .map_err(|_| "must be a plan key: 1 to 40 of a-z, 0-9, _ and -, a letter first")
    });
    let trial_days = reader.open(
        "TRIAL_DAYS",
        "14",
        number(1..=90, "must be a whole number from 1 to 90"),
    );
    let after_end = reader.open("AFTER_END", "lock", |text| match text {
        "lock" => Ok(AfterEnd::Lock),
        "free" => Ok(AfterEnd::Free),
        _ => Err("must be lock or free"),
    });
    let read_only_days = reader.open(
        "READ_ONLY_DAYS",
        "30",
        number(0..=365, "must be a whole number from 0 to 365"),
    );
    Some(Plans {
        admission: admission?,
        trial_plan: trial_plan?,
        trial_days: trial_days?,
        policy: Policy {
            after_end: after_end?,
            read_only_days: read_only_days?,
        },
    })
}

fn read_admission(reader: &mut Reader<'_>) -> Option<Admission> {
    let self_serve = reader.open("SELF_SERVE_ENABLED", "true", flag);
    let needs_code = reader.open("REQUIRE_INVITE_CODE", "true", flag);
    let testers = reader.optional_secret("INTERNAL_TESTER_EMAILS", |text| {
        let addresses = text
            .split(',')
            .map(str::trim)
            .filter(|text| !text.is_empty());
        let addresses = addresses.map(EmailAddress::parse).collect::<Result<_, _>>();
        addresses
            .map(Testers)
            .map_err(|_| "must be e-mail addresses with commas between")
    });
    Some(Admission {
        self_serve: self_serve?,
        needs_code: needs_code?,
        testers: testers?.unwrap_or_default(),
    })
}

/// `Some(None)` when no payment provider is configured.
#[expect(
    clippy::option_option,
    reason = "the outer option is whether reading went well, as everywhere here"
)]
fn read_stripe(reader: &mut Reader<'_>, is_production: bool) -> Option<Option<Stripe>> {
    let others = [
        "STRIPE_PUBLISHABLE_KEY",
        "STRIPE_WEBHOOK_SECRET",
        "STRIPE_API_BASE",
        "STRIPE_CALLS_PER_SECOND",
        "STRIPE_TIMEOUT_SECONDS",
    ];
    if !reader.has("STRIPE_SECRET_KEY") {
        reader.note_unset("STRIPE_SECRET_KEY");
        if others.iter().any(|key| reader.has(key)) {
            reader.refuse(
                "STRIPE_SECRET_KEY",
                "is missing, but other STRIPE_ keys are set",
            );
        }
        return Some(None);
    }
    let key = reader.secret("STRIPE_SECRET_KEY", |text| {
        stripe_key(text.into(), is_production)
    });
    let mode = key.as_ref().map(|(_, mode)| *mode);
    let publishable_key = reader.optional("STRIPE_PUBLISHABLE_KEY", |text| match mode {
        Some(Mode::Live) if !text.starts_with("pk_live_") => Err("must be a pk_live_ key"),
        Some(Mode::Test) if !text.starts_with("pk_test_") => Err("must be a pk_test_ key"),
        _ => Ok(text.to_owned()),
    });
    let webhooks = reader.secret("STRIPE_WEBHOOK_SECRET", |text| {
        let secrets: Vec<_> = text.split(',').map(|secret| secret.trim().into()).collect();
        // Without a right key there is no configuration for the mode to be wrong in.
        StripeWebhooks::new(&secrets, mode.unwrap_or(Mode::Test), None).map_err(
            |_| "must be whsec_ and at least 16 letters or digits; two with a comma between",
        )
    });
    let api_base = reader.optional("STRIPE_API_BASE", |text| {
        if is_production {
            return Err("is for development and tests: production talks to Stripe itself");
        }
        origin(text, false)
    });
    let limits = read_stripe_limits(reader, mode);
    let (secret_key, mode) = key?;
    let (calls_per_second, timeout) = limits?;
    Some(Some(Stripe {
        secret_key,
        mode,
        publishable_key: publishable_key?,
        webhooks: webhooks?,
        api_base: api_base?,
        calls_per_second,
        timeout,
    }))
}

fn read_stripe_limits(
    reader: &mut Reader<'_>,
    mode: Option<Mode>,
) -> Option<(NonZeroU32, Duration)> {
    let default = mode.unwrap_or(Mode::Test).calls_per_second();
    let calls_per_second = reader.open(
        "STRIPE_CALLS_PER_SECOND",
        &default.to_string(),
        number(
            NonZeroU32::MIN..=MOST_CALLS,
            "must be a whole number from 1 to 10000",
        ),
    );
    let timeout = reader.open(
        "STRIPE_TIMEOUT_SECONDS",
        "4",
        number(1..=30, "must be a whole number from 1 to 30"),
    );
    Some((calls_per_second?, Duration::from_secs(timeout?)))
}

/// Real money moves in production and nowhere else.
fn stripe_key(
    key: SecretString,
    is_production: bool,
) -> Result<(SecretString, Mode), &'static str> {
    match (Mode::of(&key), is_production) {
        (Ok(Mode::Live), false) => Err("must not be a live key outside production"),
        (Ok(Mode::Test), true) => Err("must not be a test key in production"),
        (Ok(mode), _) => Ok((key, mode)),
        (Err(_), _) => Err("must look like sk_test_… or sk_live_… (or rk_…)"),
    }
}

fn read_mail(reader: &mut Reader<'_>) -> Option<Mail> {
    let smtp_url = reader.secret("SMTP_URL", mail_server);
    let from = reader.required("FROM_EMAIL", |text| {
        EmailAddress::parse(text).map_err(|_| "must be an e-mail address")
    });
    let product = reader.open("PRODUCT_NAME", "Tollgate", |text| {
        if text.chars().count() > 80 || text.contains(char::is_control) {
            return Err("must be at most 80 characters on one line");
        }
        Ok(text.to_owned())
    });
    let sales_lead_recipient = reader.optional("SALES_LEAD_RECIPIENT_EMAIL", |text| {
        EmailAddress::parse(text).map_err(|_| "must be an e-mail address")
    });
    Some(Mail {
        product: product?,
        smtp_url: smtp_url?,
        from: from?,
        sales_lead_recipient: sales_lead_recipient?,
    })
}

fn read_secrets(reader: &mut Reader<'_>, is_production: bool) -> Option<Secrets> {
    let token = reader.secret("TOKEN_SECRET", |text| {
        let too_short = "must be 32 bytes or more in hexadecimal or base64";
        let bytes = reader::bytes(text).ok_or(too_short)?;
        let is_weak = is_production && is_monotonous(&bytes);
        let key = Key::new(bytes).map_err(|_| too_short)?;
        if is_weak { Err(MONOTONOUS) } else { Ok(key) }
    });
    let access_tokens = reader.secret("ACCESS_TOKEN_KEYS", |text| {
        let seeds = text
            .split(',')
            .map(|seed| access_token_key(seed.trim(), is_production));
        let mut seeds = seeds.collect::<Result<Vec<_>, _>>()?;
        let others = seeds.split_off(1);
        let current = seeds.pop().ok_or("must not be empty")?;
        Ok((current, others))
    });
    let (access_token, other_access_tokens) = access_tokens?;
    Some(Secrets {
        token: token?,
        access_token,
        other_access_tokens,
    })
}

fn access_token_key(text: &str, is_production: bool) -> Result<KeySeed, &'static str> {
    let seed = KeySeed::parse(&text.into())
        .map_err(|_| "must be 64 hexadecimal digits; older keys follow with a comma between")?;
    if is_production && reader::bytes(text).is_some_and(|bytes| is_monotonous(&bytes)) {
        return Err(MONOTONOUS);
    }
    Ok(seed)
}

fn read_passwords(reader: &mut Reader<'_>, is_production: bool) -> Option<Passwords> {
    let pepper = reader.secret("PASSWORD_PEPPER", |text| {
        if text.len() < 32 {
            return Err("must have 32 bytes or more");
        }
        if is_production && is_monotonous(text.as_bytes()) {
            return Err(MONOTONOUS);
        }
        Ok(SecretString::from(text))
    });
    let costs = if is_production {
        number(
            10..=15,
            "must be a whole number from 10 to 15 in production",
        )
    } else {
        number(4..=15, "must be a whole number from 4 to 15")
    };
    let bcrypt_cost = reader.open("BCRYPT_COST", "12", costs);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let workers = reader.open(
        "HASH_WORKERS",
        &cores.to_string(),
        number(1..=256, "must be a whole number from 1 to 256"),
    );
    let leaked = reader.optional("LEAKED_PASSWORDS_FILE", |path| Ok(PathBuf::from(path)));
    Some(Passwords {
        leaked: leaked?,
        pepper: pepper?,
        bcrypt_cost: bcrypt_cost?,
        workers: workers?,
    })
}

fn read_reconciliation(reader: &mut Reader<'_>) -> Option<Reconciliation> {
    let is_enabled = reader.open("RECONCILE_ENABLED", "true", flag);
    let calls_per_minute = reader.open(
        "RECONCILE_CALLS_PER_MINUTE",
        "120",
        number(10..=6_000, "must be a whole number from 10 to 6000"),
    );
    Some(Reconciliation {
        is_enabled: is_enabled?,
        calls_per_minute: calls_per_minute?,
    })
}

fn read_limits(reader: &mut Reader<'_>, is_production: bool) -> Option<Limits> {
    let rate_limits = reader.open("RATE_LIMITS", "strict", |text| match text {
        "strict" => Ok(RateLimits::Strict),
        _ if is_production => Err("must be strict in production"),
        "wide" => Ok(RateLimits::Wide),
        "off" => Ok(RateLimits::Off),
        _ => Err("must be strict, wide or off"),
    });
    let trusted_proxies = reader.optional("TRUSTED_PROXIES", |text| {
        let networks = text.split(',').map(|network| network.trim().parse());
        let networks = networks.collect::<Result<_, _>>().map(TrustedProxies);
        networks.map_err(|_| "must be networks like 10.0.0.0/8, with commas between")
    });
    let throwaway_domains =
        reader.optional("THROWAWAY_DOMAINS_FILE", |path| Ok(PathBuf::from(path)));
    Some(Limits {
        rate_limits: rate_limits?,
        throwaway_domains: throwaway_domains?,
        trusted_proxies: trusted_proxies?.unwrap_or_default(),
    })
}

fn read_log(reader: &mut Reader<'_>) -> Option<Log> {
    let format = reader.open("LOG_FORMAT", "json", |text| match text {
        "json" => Ok(LogFormat::Json),
        "pretty" => Ok(LogFormat::Pretty),
        _ => Err("must be json or pretty"),
    });
    let filter = reader.open(
        "RUST_LOG",
        DEFAULT_FILTER,
        |text| match EnvFilter::try_new(text) {
            Ok(_) => Ok(text.to_owned()),
            Err(_) => Err("must be a filter like info,tollgate=debug"),
        },
    );
    Some(Log {
        format: format?,
        filter: filter?,
    })
}

/// One secret for two purposes is two secrets lost at once.
fn refuse_shared_secrets(reader: &mut Reader<'_>) {
    let keys = ["TOKEN_SECRET", "PASSWORD_PEPPER", "ACCESS_TOKEN_KEYS"];
    for (number, key) in keys.into_iter().enumerate() {
        let mut earlier = keys.iter().take(number);
        if reader.has(key) && earlier.any(|earlier| reader.text(earlier) == reader.text(key)) {
            reader.refuse(key, "must not be the same as another secret");
        }
    }
}

const MONOTONOUS: &str = "is not random enough: make it with `openssl rand -hex 32`";

/// Whether so few values occur that nobody drew this at random: 32 random bytes, and 64 random
/// hexadecimal digits, fall short of 10 once in many billions.
fn is_monotonous(bytes: &[u8]) -> bool {
    bytes.iter().collect::<BTreeSet<_>>().len() < 10
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse()
        .map_err(|_| "must be an address and a port, like 127.0.0.1:8080")
}

fn flag(text: &str) -> Result<bool, &'static str> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("must be true or false"),
    }
}

/// An address that paths are appended to.
fn origin(text: &str, is_production: bool) -> Result<String, &'static str> {
    let url = Url::parse(text).map_err(|_| "must be an address like https://example.com")?;
    let is_plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !is_plain {
        return Err("must be an address like https://example.com");
    }
    if is_production && url.scheme() != "https" {
        return Err("must begin with https:// in production");
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn read_origins(
    reader: &mut Reader<'_>,
    frontend_url: Option<&str>,
    is_production: bool,
) -> Option<Vec<String>> {
    let origin_of = |text: &str| {
        let address = origin(text, is_production)?;
        let url =
            Url::parse(&address).map_err(|_| "must be an address like https://example.com")?;
        Ok(url.origin().ascii_serialization())
    };
    let others = reader.optional("ALLOWED_ORIGINS", |text| {
        let others = text.split(',').map(|one| origin_of(one.trim()));
        others.collect::<Result<Vec<_>, _>>()
    });
    let frontend = frontend_url.and_then(|url| origin_of(url).ok());
    Some(
        frontend
            .into_iter()
            .chain(others?.unwrap_or_default())
            .collect(),
    )
}

fn database_address(text: &str) -> Result<SecretString, &'static str> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "postgres" | "postgresql") => Ok(text.into()),
        _ => Err("must be an address like postgres://user:password@host/database"),
    }
}

/// TLS is the mail adapter's to insist on: it speaks plainly to loopback alone.
fn mail_server(text: &str) -> Result<SecretString, &'static str> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "smtp" | "smtps") && url.has_host() => Ok(text.into()),
        _ => Err("must be an address like smtps://user:password@mail.example.com"),
    }
}
