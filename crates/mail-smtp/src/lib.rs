//! Mail over SMTP. Decides how a mail looks and what a server's answer means; whether and to whom a
//! mail is sent is decided in the use cases, and when it is tried again by the queue.

mod letter;
mod transport;

use askama::Template as _;
use async_trait::async_trait;
use lettre::{
    Address, Message,
    address::AddressError,
    message::{Mailbox, MultiPart},
};
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use tollgate_primitives::{EmailAddress, JobKey};
use tollgate_use_cases::ports::{Mail, MailError, Mailer};

use crate::{
    letter::{Html, Letter, Text},
    transport::Transport,
};
pub use transport::SmtpUrlInvalid;

/// Who writes, and through which server.
#[derive(Debug)]
pub struct Settings {
    /// `smtps://user:password@host` or `smtp://user:password@host`, user and password
    /// percent-encoded. TLS is required of every server but one on loopback.
    pub url: SecretString,
    /// The sender, whose domain also names the messages.
    pub from: EmailAddress,
    /// What people know the product by.
    pub product: String,
}

#[derive(Debug, Error)]
pub enum SettingsInvalid {
    #[error(transparent)]
    Url(#[from] SmtpUrlInvalid),
    #[error("the sender's address cannot be written to")]
    From(#[source] AddressError),
    #[error("the product's name is empty or has control characters in it")]
    Product,
}

/// [`Mailer`] on SMTP, with a few connections that it keeps for half a minute.
#[derive(Debug)]
pub struct SmtpMailer {
    transport: Transport,
    from: Mailbox,
    product: String,
}

impl SmtpMailer {
    /// Connects to nothing yet.
    pub fn new(settings: Settings) -> Result<Self, SettingsInvalid> {
        let product = settings.product;
        if product.trim().is_empty() || product.contains(char::is_control) {
            return Err(SettingsInvalid::Product);
        }
        let from = address(&settings.from).map_err(SettingsInvalid::From)?;
        Ok(Self {
            transport: Transport::new(&settings.url)?,
            from: Mailbox::new(Some(product.clone()), from),
            product,
        })
    }

    fn compose(
        &self,
        key: &JobKey,
        to: &EmailAddress,
        mail: &Mail,
    ) -> Result<Message, ComposeError> {
        let letter = Letter::of(mail, &self.product);
        let (letter, product) = (&letter, self.product.as_str());
        let text = Text { letter, product }.render()?;
        let html = Html { letter, product }.render()?;
        let mut message = Message::builder();
        if let Some(reply_to) = answered_to(mail) {
            message = message.reply_to(Mailbox::new(None, address(reply_to)?));
        }
        Ok(message
            .from(self.from.clone())
            .to(Mailbox::new(None, address(to)?))
            .subject(&*letter.subject)
            .message_id(Some(self.message_id(key)))
            .multipart(MultiPart::alternative_plain_html(text, html))?)
    }

    /// One for each key, so that a mail sent twice is shown once.
    fn message_id(&self, key: &JobKey) -> String {
        let digest = Sha256::digest(key.as_str());
        format!("<{}@{}>", hex::encode(digest), self.from.email.domain())
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, key: &JobKey, to: &EmailAddress, mail: &Mail) -> Result<(), MailError> {
        let message = self
            .compose(key, to, mail)
            .map_err(|cause| MailError::Permanent(Box::new(cause)))?;
        self.transport.send(message).await
    }
}

#[derive(Debug, Error)]
enum ComposeError {
    #[error("the recipient's address cannot be written to")]
    To(#[from] AddressError),
    #[error("the template failed")]
    Template(#[from] askama::Error),
    #[error("the parts do not make a mail")]
    Message(#[from] lettre::error::Error),
}

/// Whom an answer to `mail` reaches, if not its sender.
fn answered_to(mail: &Mail) -> Option<&EmailAddress> {
    if let Mail::SalesLead(lead) = mail {
        Some(&lead.email)
    } else {
        None
    }
}

fn address(address: &EmailAddress) -> Result<Address, AddressError> {
    address.as_str().parse()
}
