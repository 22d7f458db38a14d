//! What stands in for the outside: an inbox for the mail server, a sandbox for Stripe, a page for the
//! product. Each only where the environment names none.

use anyhow::Context;
use tollgate_mailbox::Mailbox;
use tollgate_stripe_sandbox::{Sandbox, WebhookEndpoint};

use crate::config::Variables;

use super::{place::Place, ports::Ports, product::Product, secrets::Secrets};

#[derive(Debug)]
pub(super) struct StandIns {
    mailbox: Option<Mailbox>,
    sandbox: Option<Sandbox>,
    product: Option<Product>,
}

impl StandIns {
    /// Starts what is needed and tells `variables` where it is.
    pub(super) async fn start(
        place: &Place,
        secrets: &Secrets,
        ports: Ports,
        variables: &mut Variables,
    ) -> anyhow::Result<Self> {
        let mailbox = match variables.get("SMTP_URL") {
            Some(_) => None,
            None => Some(mailbox(place, ports, variables).await?),
        };
        let sandbox = match variables.get("STRIPE_SECRET_KEY") {
            Some(_) => None,
            None => Some(sandbox(place, secrets, ports, variables).await?),
        };
        let product = match variables.get("FRONTEND_URL") {
            Some(_) => None,
            None => Some(product(ports, variables)?),
        };
        Ok(Self {
            mailbox,
            sandbox,
            product,
        })
    }

    pub(super) fn mailbox_url(&self) -> Option<String> {
        self.mailbox.as_ref().map(Mailbox::http_url)
    }

    pub(super) fn sandbox_url(&self) -> Option<String> {
        self.sandbox.as_ref().map(Sandbox::url)
    }

    pub(super) async fn stop(self) {
        if let Some(sandbox) = self.sandbox {
            sandbox.stop().await;
        }
        if let Some(mailbox) = self.mailbox {
            mailbox.stop().await;
        }
        if let Some(product) = self.product {
            product.stop().await;
        }
    }
}

fn product(ports: Ports, variables: &mut Variables) -> anyhow::Result<Product> {
    let product = Product::start(ports.product).context("starting the product's page")?;
    variables.set("FRONTEND_URL", product.url());
    Ok(product)
}

async fn mailbox(
    place: &Place,
    ports: Ports,
    variables: &mut Variables,
) -> anyhow::Result<Mailbox> {
    let mailbox = Mailbox::start(tollgate_mailbox::Config {
        smtp: ports.smtp,
        http: ports.inbox,
        file: Some(place.closed_directory()?.join("mailbox.jsonl")),
    });
    let mailbox = mailbox.await.context("starting the inbox")?;
    variables.set("SMTP_URL", mailbox.smtp_url());
    Ok(mailbox)
}

async fn sandbox(
    place: &Place,
    secrets: &Secrets,
    ports: Ports,
    variables: &mut Variables,
) -> anyhow::Result<Sandbox> {
    let api = variables.get("BIND").unwrap_or_default();
    let sandbox = Sandbox::start(tollgate_stripe_sandbox::Config {
        bind: ports.sandbox,
        secret_key: secrets.stripe_secret_key.clone(),
        publishable_key: secrets.stripe_publishable_key.clone(),
        webhook: Some(WebhookEndpoint {
            url: format!("http://{api}/api/v1/webhooks/stripe"),
            secret: secrets.stripe_webhook_secret.clone(),
        }),
        state_file: Some(place.closed_directory()?.join("stripe.json")),
        clock: None,
    });
    let sandbox = sandbox.await.context("starting the Stripe sandbox")?;
    seed(&sandbox).await.context("seeding the Stripe sandbox")?;
    variables.set("STRIPE_API_BASE", sandbox.url());
    variables.set_default("STRIPE_CALLS_PER_SECOND", "1000");
    variables.set("STRIPE_SECRET_KEY", &secrets.stripe_secret_key);
    variables.set("STRIPE_PUBLISHABLE_KEY", &secrets.stripe_publishable_key);
    variables.set("STRIPE_WEBHOOK_SECRET", &secrets.stripe_webhook_secret);
    Ok(sandbox)
}

/// Products and prices for the plans on sale; those that are there already stay.
async fn seed(sandbox: &Sandbox) -> Result<(), reqwest::Error> {
    let address = format!("{}/_sandbox/seed", sandbox.url());
    let answer = reqwest::Client::new().post(address).send().await?;
    answer.error_for_status().map(drop)
}
