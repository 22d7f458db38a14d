//! Puts the adapters behind the ports, as configured. The only place that names both.

use std::{fs, path::PathBuf, sync::Arc};

use anyhow::Context;
use tollgate_billing::purchase::Provider;
use tollgate_identity::ThrowawayDomains;
use tollgate_mail_smtp::SmtpMailer;
use tollgate_payments_stripe::StripePayments;
use tollgate_sign_in_oidc::{
    AccessTokenSettings, BcryptPasswords, Ed25519AccessTokens, HashingSettings, OidcProviders,
};
use tollgate_store_postgres::PostgresStore;
use tollgate_use_cases::{
    App, Settings,
    ports::{Clock, Entropy, Payments, Webhooks},
};

use crate::{
    config::{Config, Database, Mail, Passwords, Plans, Secrets, SignIn, Stripe},
    no_payments::NoPayments,
    system::{SystemClock, SystemEntropy},
};

/// Sign-ins that may wait for each worker that hashes passwords, so that the last in line waits
/// about a second.
const QUEUE_PER_HASH_WORKER: usize = 4;

/// Time, ids and randomness, from outside.
#[derive(Debug, Clone)]
pub struct Shell {
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

impl Shell {
    /// The machine's own.
    #[must_use]
    pub fn system() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
        }
    }
}

/// The same for requests and for jobs, but that jobs ask the payment provider in the background.
#[derive(Debug)]
pub(crate) struct Apps {
    pub(crate) requests: App,
    pub(crate) jobs: App,
}

/// For a command, which no browser waits for.
pub(crate) fn app(config: Config, shell: Shell, store: PostgresStore) -> anyhow::Result<App> {
    Ok(apps(config, shell, store)?.jobs)
}

pub(crate) fn apps(config: Config, shell: Shell, store: PostgresStore) -> anyhow::Result<Apps> {
    let Provided {
        payments,
        in_background,
        webhooks,
        provider,
    } = payments(config.stripe)?;
    let Plans {
        admission,
        trial_plan,
        trial_days,
        policy,
    } = config.plans;
    let Secrets { token, .. } = &config.secrets;
    let sales_lead_recipient = config.mail.sales_lead_recipient.clone();
    let requests = App {
        clock: shell.clock,
        entropy: shell.entropy,
        operations: Arc::new(store.clone()),
        invite_codes: Arc::new(store.clone()),
        reconciliation: Arc::new(store.clone()),
        teams: Arc::new(store.clone()),
        pruning: Arc::new(store.clone()),
        profiles: Arc::new(store.clone()),
        leads: Arc::new(store.clone()),
        erasure: Arc::new(store.clone()),
        store: Arc::new(store),
        passwords: Arc::new(passwords(config.passwords)?),
        key: token.clone(),
        providers: Arc::new(providers(config.sign_in)?),
        access_tokens: Arc::new(access_tokens(config.secrets, config.public_url)?),
        payments,
        webhooks,
        mailer: Arc::new(mailer(config.mail)?),
        settings: Settings {
            admission,
            rate_limits: config.limits.rate_limits,
            trial_plan,
            trial_days,
            policy,
            provider,
            reconcile_calls_per_minute: config.reconciliation.calls_per_minute,
            frontend_url: config.frontend_url,
            throwaway_domains: Arc::new(throwaway_domains(config.limits.throwaway_domains)?),
            onboarding_tools: config.onboarding_tools,
            sales_lead_recipient,
        },
    };
    let jobs = App {
        payments: in_background,
        ..requests.clone()
    };
    Ok(Apps { requests, jobs })
}

pub(crate) async fn connect(database: &Database) -> anyhow::Result<PostgresStore> {
    let settings = tollgate_store_postgres::Settings {
        url: database.url.clone(),
        max_connections: database.pool_size,
        application_name: "tollgate".to_owned(),
    };
    PostgresStore::connect(&settings)
        .await
        .context("DATABASE_URL")
}

struct Provided {
    payments: Arc<dyn Payments>,
    in_background: Arc<dyn Payments>,
    webhooks: Option<Arc<dyn Webhooks>>,
    provider: Provider,
}

fn payments(stripe: Option<Stripe>) -> anyhow::Result<Provided> {
    let Some(stripe) = stripe else {
        return Ok(Provided {
            payments: Arc::new(NoPayments),
            in_background: Arc::new(NoPayments),
            webhooks: None,
            provider: Provider::NotConfigured,
        });
    };
    let settings = tollgate_payments_stripe::Settings {
        api_base: stripe.api_base,
        calls_per_second: stripe.calls_per_second,
        ..tollgate_payments_stripe::Settings::new(stripe.secret_key, stripe.mode)
    };
    let payments = StripePayments::new(settings.with_timeout(stripe.timeout));
    let payments = payments.context("STRIPE_SECRET_KEY")?;
    Ok(Provided {
        in_background: Arc::new(payments.in_background()),
        payments: Arc::new(payments),
        webhooks: Some(Arc::new(stripe.webhooks)),
        provider: Provider::Ready,
    })
}

fn passwords(passwords: Passwords) -> anyhow::Result<BcryptPasswords> {
    let settings = HashingSettings {
        pepper: passwords.pepper,
        cost: passwords.bcrypt_cost,
        workers: passwords.workers,
        queue: passwords.workers.saturating_mul(QUEUE_PER_HASH_WORKER),
    };
    BcryptPasswords::new(&settings).context("PASSWORD_PEPPER")
}

fn throwaway_domains(path: Option<PathBuf>) -> anyhow::Result<ThrowawayDomains> {
    const KEY: &str = "THROWAWAY_DOMAINS_FILE";
    let Some(path) = path else {
        return Ok(ThrowawayDomains::default());
    };
    let text = fs::read_to_string(path).context(KEY)?;
    ThrowawayDomains::parse(&text).context(KEY)
}

fn providers(sign_in: SignIn) -> anyhow::Result<OidcProviders> {
    OidcProviders::new(sign_in.providers, sign_in.reach).context("TLS")
}

fn access_tokens(secrets: Secrets, public_url: String) -> anyhow::Result<Ed25519AccessTokens> {
    let settings = AccessTokenSettings {
        current: secrets.access_token,
        others: secrets.other_access_tokens,
        audience: public_url.clone(),
        issuer: public_url,
    };
    Ed25519AccessTokens::new(settings).context("ACCESS_TOKEN_KEYS")
}

fn mailer(mail: Mail) -> anyhow::Result<SmtpMailer> {
    let settings = tollgate_mail_smtp::Settings {
        url: mail.smtp_url,
        from: mail.from,
        product: mail.product,
    };
    SmtpMailer::new(settings).context("SMTP_URL")
}
