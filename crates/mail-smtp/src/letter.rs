//! The words of every mail, subject lines included, once for text and HTML alike.
//!
//! What a person chose (their name, their company's) is never in a header, and is cut down to one line
//! of printable text in the body.

use askama::Template;
use secrecy::{ExposeSecret as _, SecretString};
use tollgate_primitives::Timestamp;
use tollgate_use_cases::ports::Mail;

/// More than any name a person may choose.
const LONGEST_NAME: usize = 80;

/// A mail put into words: a few paragraphs and one thing to do.
pub(crate) struct Letter {
    pub(crate) subject: String,
    greeting: String,
    paragraphs: Vec<String>,
    /// What following `link` does.
    action: &'static str,
    link: String,
    small_print: &'static str,
}

#[derive(Template)]
#[template(path = "letter.txt")]
pub(crate) struct Text<'a> {
    pub(crate) letter: &'a Letter,
    pub(crate) product: &'a str,
}

#[derive(Template)]
#[template(path = "letter.html")]
pub(crate) struct Html<'a> {
    pub(crate) letter: &'a Letter,
    pub(crate) product: &'a str,
}

impl Letter {
    pub(crate) fn of(mail: &Mail, product: &str) -> Self {
        match mail {
            Mail::Verification { name, link } => verification(name, link, product),
            Mail::PasswordReset { name, link } => password_reset(name, link, product),
            Mail::PasswordChanged { name, reset_url } => password_changed(name, reset_url, product),
            Mail::PaymentFailed {
                account_name,
                next_attempt,
                billing_url,
            } => payment_failed(account_name, *next_attempt, billing_url, product),
            Mail::TrialEnding {
                account_name,
                ends_at,
                billing_url,
            } => trial_ending(account_name, *ends_at, billing_url, product),
        }
    }
}

fn verification(name: &str, link: &SecretString, product: &str) -> Letter {
    Letter {
        subject: format!("Confirm your e-mail address for {product}"),
        greeting: hello(name),
        paragraphs: vec![format!(
            "Please confirm that this address is yours, so that nobody else can use it \
             with {product}. The link works once, for 24 hours."
        )],
        action: "Confirm the address",
        link: link.expose_secret().to_owned(),
        small_print: "If you did not sign up, you need not do anything.",
    }
}

fn password_reset(name: &str, link: &SecretString, product: &str) -> Letter {
    Letter {
        subject: format!("Set a new password for {product}"),
        greeting: hello(name),
        paragraphs: vec![format!(
            "Somebody, we hope you, asked to set a new password for {product}. The link works \
             once, for an hour."
        )],
        action: "Set a new password",
        link: link.expose_secret().to_owned(),
        small_print: "If it was not you, you need not do anything: the old password stays.",
    }
}

fn password_changed(name: &str, reset_url: &str, product: &str) -> Letter {
    Letter {
        subject: format!("Your password for {product} was changed"),
        greeting: hello(name),
        paragraphs: vec![
            format!("The password with which you sign in to {product} was changed just now."),
            "If it was not you, set a new one at once: that signs everybody else out.".into(),
        ],
        action: "Set another password",
        link: reset_url.to_owned(),
        small_print: "If it was you, you need not do anything.",
    }
}

fn payment_failed(
    account_name: &str,
    next_attempt: Option<Timestamp>,
    billing_url: &str,
    product: &str,
) -> Letter {
    Letter {
        subject: format!("Your payment for {product} did not go through"),
        greeting: "Hello,".to_owned(),
        paragraphs: vec![
            format!(
                "The last payment for {} did not go through. {}",
                one_line(account_name),
                next_attempt.map_or_else(
                    || "It will not be tried again by itself.".to_owned(),
                    |at| format!("It will be tried again on {}.", day_and_time(at)),
                ),
            ),
            "Please check the payment method, so that your team keeps its access.".into(),
        ],
        action: "Check the payment method",
        link: billing_url.to_owned(),
        small_print: TO_BILLING_CONTACTS,
    }
}

fn trial_ending(
    account_name: &str,
    ends_at: Timestamp,
    billing_url: &str,
    product: &str,
) -> Letter {
    Letter {
        subject: format!("Your {product} trial ends soon"),
        greeting: "Hello,".to_owned(),
        paragraphs: vec![format!(
            "The trial of {} ends on {}. On the billing page you can see what happens \
             then, and choose or change the plan.",
            one_line(account_name),
            day_and_time(ends_at),
        )],
        action: "See the billing page",
        link: billing_url.to_owned(),
        small_print: TO_BILLING_CONTACTS,
    }
}

fn hello(name: &str) -> String {
    format!("Hello {},", one_line(name))
}

const TO_BILLING_CONTACTS: &str = "You receive this as an owner or admin of the account.";

/// A name without what could pass for more of the mail than a name: line breaks, other control
/// characters, and those that turn the direction of writing or cannot be seen.
fn one_line(name: &str) -> String {
    name.chars()
        .map(|char| if char.is_whitespace() { ' ' } else { char })
        .filter(|char| !char.is_control() && !is_invisible(*char))
        .take(LONGEST_NAME)
        .collect()
}

/// The format characters of Unicode that reorder text or hide in it.
fn is_invisible(char: char) -> bool {
    matches!(
        char,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
    )
}

fn day_and_time(at: Timestamp) -> String {
    at.as_datetime().format("%-d %B %Y, %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_line_of_visible_text() {
        for (chosen, shown) in [
            ("Ada Lovelace", "Ada Lovelace"),
            ("Ada\r\nBcc: eve@example.com", "Ada  Bcc: eve@example.com"),
            ("Ada\u{85}\u{2028}\u{2029}X\0\u{7f}", "Ada   X"),
            ("Ada\u{202e}moc.live", "Adamoc.live"),
            ("A\u{200b}d\u{feff}a", "Ada"),
            ("Zoë 山田", "Zoë 山田"),
        ] {
            assert_eq!(one_line(chosen), shown, "{chosen:?}");
        }
        assert_eq!(one_line(&"x".repeat(255)), "x".repeat(80));
    }
}
