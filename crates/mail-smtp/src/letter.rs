//! The words of every mail, subject lines included, once for text and HTML alike.
//!
//! What a person chose (their name, their company's) is never in a header, and is cut down to one line
//! of printable text in the body.

use askama::Template;
use secrecy::{ExposeSecret as _, SecretString};
use tollgate_primitives::{EmailAddress, Timestamp};
use tollgate_use_cases::ports::{AfterTrial, Mail, SalesLead, SecurityNotice, TeamNotice};

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
            Mail::SecurityNotice {
                name,
                notice,
                security_url,
            } => security_notice(name, notice, security_url, product),
            Mail::PaymentFailed {
                account_name,
                next_attempt,
                billing_url,
            } => payment_failed(account_name, *next_attempt, billing_url, product),
            Mail::Invite {
                account_name,
                inviter_name,
                role,
                expires_at,
                link,
            } => {
                let inviter = inviter_name.as_deref();
                invite(
                    (account_name, inviter),
                    role.as_str(),
                    *expires_at,
                    link,
                    product,
                )
            }
            Mail::InviteExpiring {
                account_name,
                invited,
                expires_at,
                team_url,
            } => invite_expiring((account_name, invited), *expires_at, team_url, product),
            Mail::TeamNotice {
                name,
                account_name,
                notice,
                team_url,
            } => team_notice((name, account_name), *notice, team_url, product),
            Mail::TrialEnding {
                account_name,
                ends_at,
                billing_url,
            } => trial_ending(account_name, *ends_at, billing_url, product),
            Mail::TrialEnded {
                account_name,
                ended_at,
                then,
                billing_url,
            } => trial_ended((account_name, *ended_at), *then, billing_url, product),
            Mail::SalesLead(lead) => sales_lead(lead, product),
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

fn security_notice(
    name: &str,
    notice: &SecurityNotice,
    security_url: &str,
    product: &str,
) -> Letter {
    let (subject, paragraphs) = match notice {
        SecurityNotice::SessionStolen => (
            format!("A device was signed out of {product}"),
            vec![
                "One of your devices came back with a key that had been used already. That \
                 happens when somebody copied it, so we signed that device out."
                    .to_owned(),
                "Sign in again. If you do not know why this happened, set a new password and \
                 look at what else is signed in."
                    .to_owned(),
            ],
        ),
        SecurityNotice::ProviderLinked { provider } => (
            format!("A new way to sign in to {product}"),
            vec![
                format!(
                    "Somebody signed in with {} and this address just now, and can do so from now \
                     on.",
                    one_line(provider)
                ),
                "If it was not you, take that way of signing in away and set a new password."
                    .to_owned(),
            ],
        ),
    };
    Letter {
        subject,
        greeting: hello(name),
        paragraphs,
        action: "See how you are signed in",
        link: security_url.to_owned(),
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

/// Goes to people who never heard of us, in the name of somebody whom we do not know either.
fn invite(
    (account_name, inviter_name): (&str, Option<&str>),
    role: &str,
    expires_at: Timestamp,
    link: &SecretString,
    product: &str,
) -> Letter {
    let inviter = inviter_name.map(one_line);
    let inviter = inviter.filter(|name| !name.trim().is_empty());
    Letter {
        subject: format!("You are invited to a team on {product}"),
        greeting: "Hello,".to_owned(),
        paragraphs: vec![format!(
            "{} invites you to {} on {product}, with the role {role}. The link works once, until {}.",
            inviter.as_deref().unwrap_or("Somebody"),
            one_line(account_name),
            day_and_time(expires_at),
        )],
        action: "See the invitation",
        link: link.expose_secret().to_owned(),
        small_print: "If you do not know them, you need not do anything.",
    }
}

fn invite_expiring(
    (account_name, invited): (&str, &EmailAddress),
    expires_at: Timestamp,
    team_url: &str,
    product: &str,
) -> Letter {
    Letter {
        subject: format!("Your invitation to {product} is about to expire"),
        greeting: "Hello,".to_owned(),
        paragraphs: vec![format!(
            "You invited {invited} to {}, and nobody has come yet. The invitation works until {}; \
             sending it again gives it more time.",
            one_line(account_name),
            day_and_time(expires_at),
        )],
        action: "See the invitations",
        link: team_url.to_owned(),
        small_print: "You receive this because you sent the invitation.",
    }
}

fn team_notice(
    (name, account_name): (&str, &str),
    notice: TeamNotice,
    team_url: &str,
    product: &str,
) -> Letter {
    let account = one_line(account_name);
    let (subject, said) = match notice {
        TeamNotice::BecameOwner => (
            format!("You own an account on {product} now"),
            format!("{account} was handed over to you: you are its owner from now on."),
        ),
        TeamNotice::HandedOver => (
            format!("You handed an account on {product} over"),
            format!("You handed {account} over. You are an admin of it from now on."),
        ),
        TeamNotice::RoleChanged { role } => (
            format!("Your role on {product} was changed"),
            format!("Your role in {account} is {} from now on.", role.as_str()),
        ),
        TeamNotice::Removed => (
            format!("You were removed from a team on {product}"),
            format!(
                "You do not belong to {account} any more. What else you belong to stays as it is."
            ),
        ),
    };
    Letter {
        subject,
        greeting: hello(name),
        paragraphs: vec![said],
        action: match notice {
            TeamNotice::Removed => "See what you belong to",
            TeamNotice::BecameOwner | TeamNotice::HandedOver | TeamNotice::RoleChanged { .. } => {
                "See the team"
            }
        },
        link: team_url.to_owned(),
        small_print: "If you did not expect this, talk to the others of the account.",
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

fn trial_ended(
    (account_name, ended_at): (&str, Timestamp),
    then: AfterTrial,
    billing_url: &str,
    product: &str,
) -> Letter {
    let what_is_left = match then {
        AfterTrial::FreePlan => "The account goes on with the free plan.".to_owned(),
        AfterTrial::ReadOnly { until } => format!(
            "What your team has made can still be read until {}.",
            day_and_time(until)
        ),
        AfterTrial::Nothing => "The account needs a plan to go on.".to_owned(),
    };
    Letter {
        subject: format!("Your {product} trial has ended"),
        greeting: "Hello,".to_owned(),
        paragraphs: vec![
            format!(
                "The trial of {} ended on {}. {what_is_left}",
                one_line(account_name),
                day_and_time(ended_at),
            ),
            "To have all of it again, choose a plan: nothing is charged before you do.".into(),
        ],
        action: "Choose a plan",
        link: billing_url.to_owned(),
        small_print: TO_BILLING_CONTACTS,
    }
}

fn sales_lead(lead: &SalesLead, product: &str) -> Letter {
    let (from, source) = (&lead.email, lead.source.as_str());
    let said = [
        ("Name", Some(&lead.name)),
        ("Company", Some(&lead.company)),
        ("Team", lead.team_size.as_ref()),
    ];
    let mut paragraphs = vec![format!("Somebody asked for an offer ({source}).")];
    let said = said
        .into_iter()
        .filter_map(|(what, said)| Some((what, said?)));
    paragraphs.extend(said.map(|(what, said)| format!("{what}: {}", one_line(said))));
    paragraphs.push(format!("Address: {from}"));
    let lines = lead.message.as_deref().unwrap_or_default().lines();
    let lines = lines.map(visible);
    paragraphs.extend(lines.filter(|line| !line.trim().is_empty()));
    Letter {
        subject: format!("Somebody asks for an offer of {product}"),
        greeting: "Hello,".to_owned(),
        paragraphs,
        action: "Write back, or answer this mail",
        link: format!("mailto:{from}"),
        small_print: "The address was not proven.",
    }
}

fn hello(name: &str) -> String {
    format!("Hello {},", one_line(name))
}

const TO_BILLING_CONTACTS: &str = "You receive this as an owner or admin of the account.";

/// A name without what could pass for more of the mail than a name: line breaks, other control
/// characters, those that turn the direction of writing or cannot be seen, and whatever a mail program
/// would make a link of.
fn one_line(name: &str) -> String {
    let plain = visible(name);
    let words = plain.split(' ').filter(|word| !is_link(word)).map(undotted);
    let shown = words.collect::<Vec<_>>().join(" ");
    shown.chars().take(LONGEST_NAME).collect()
}

/// One line of printable text.
fn visible(line: &str) -> String {
    line.chars()
        .map(|char| if char.is_whitespace() { ' ' } else { char })
        .filter(|char| !char.is_control() && !is_invisible(*char))
        .collect()
}

/// With a scheme, a `www.`, or a path after a dotted word.
fn is_link(word: &str) -> bool {
    let word = word.trim_start_matches(|char: char| !char.is_alphanumeric());
    let lower = word.to_lowercase();
    let path = lower
        .split_once('/')
        .is_some_and(|(host, _)| host.contains('.'));
    lower.contains("://") || lower.starts_with("www.") || path
}

/// `Booking com`: a name that is a domain as well stays readable and leads nowhere.
fn undotted(word: &str) -> String {
    let bare = word.trim_end_matches(|char: char| !char.is_alphanumeric());
    let top = bare.rsplit_once('.').map_or("", |(_, top)| top);
    let is_domain = top.chars().count() >= 2 && top.chars().all(char::is_alphabetic);
    if is_domain {
        word.replace('.', " ")
    } else {
        word.to_owned()
    }
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
            ("Ada\r\nBcc: eve@example.com", "Ada  Bcc: eve@example com"),
            ("Ada\u{85}\u{2028}\u{2029}X\0\u{7f}", "Ada   X"),
            ("Ada\u{202e}moc.live", "Adamoc live"),
            ("A\u{200b}d\u{feff}a", "Ada"),
            ("Zoë 山田", "Zoë 山田"),
            ("Win at https://evil.example now", "Win at now"),
            ("see WWW.evil.example", "see"),
            ("evil.example/login (evil.example/x)", ""),
            ("Booking.com", "Booking com"),
            ("AC/DC", "AC/DC"),
            ("J.R.R. Tolkien", "J.R.R. Tolkien"),
            ("Babbage & Sons <est. 1822>", "Babbage & Sons <est. 1822>"),
        ] {
            assert_eq!(one_line(chosen), shown, "{chosen:?}");
        }
        assert_eq!(one_line(&"x".repeat(255)), "x".repeat(80));
    }
}
