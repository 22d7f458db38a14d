//! Every mail over a real SMTP conversation, and every way a server can fail at it.

#![cfg(test)]

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivatePkcs8KeyDer},
};
use tollgate_identity::Role;
use tollgate_mail_smtp::{Settings, SettingsInvalid, SmtpMailer};
use tollgate_mailbox::{Behaviour, Config, Mailbox, Message};
use tollgate_primitives::{EmailAddress, JobKey, Timestamp};
use tollgate_use_cases::ports::{
    AfterTrial, Mail, MailError, Mailer as _, SecurityNotice, TeamNotice,
};

async fn mailbox() -> Mailbox {
    let any_port = (Ipv4Addr::LOCALHOST, 0).into();
    Mailbox::start(Config {
        smtp: any_port,
        http: any_port,
        file: None,
    })
    .await
    .unwrap()
}

fn mailer(url: &str) -> SmtpMailer {
    try_mailer(url, "Tollgate").unwrap()
}

fn try_mailer(url: &str, product: &str) -> Result<SmtpMailer, SettingsInvalid> {
    SmtpMailer::new(Settings {
        url: url.into(),
        from: address("hello@tollgate.example"),
        product: product.into(),
    })
}

fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

fn key() -> JobKey {
    JobKey::new("verify-email", 7)
}

fn verification(name: &str) -> Mail {
    Mail::Verification {
        name: name.into(),
        link: "https://app.example.com/verify-email?token=s3cret&x=1".into(),
    }
}

fn payment_failed(account_name: &str, next_attempt: Option<&str>) -> Mail {
    Mail::PaymentFailed {
        account_name: account_name.into(),
        next_attempt: next_attempt.map(at),
        billing_url: "https://app.example.com/account/billing".into(),
    }
}

fn trial_ending(account_name: &str) -> Mail {
    Mail::TrialEnding {
        account_name: account_name.into(),
        ends_at: at("2026-12-01T09:05:00Z"),
        billing_url: "https://app.example.com/account/billing".into(),
    }
}

fn invite(account_name: &str, inviter_name: Option<&str>) -> Mail {
    Mail::Invite {
        account_name: account_name.into(),
        inviter_name: inviter_name.map(Into::into),
        role: Role::Engineer,
        expires_at: at("2026-12-01T09:05:00Z"),
        link: "https://app.example.com/accept-invite?code=s3cret".into(),
    }
}

fn invite_expiring(account_name: &str) -> Mail {
    Mail::InviteExpiring {
        account_name: account_name.into(),
        invited: address("bob@example.com"),
        expires_at: at("2026-12-01T09:05:00Z"),
        team_url: "https://app.example.com/account/team".into(),
    }
}

fn team_notice(name: &str, notice: TeamNotice) -> Mail {
    Mail::TeamNotice {
        name: name.into(),
        account_name: name.into(),
        notice,
        team_url: "https://app.example.com/account/team".into(),
    }
}

fn security_notice(notice: SecurityNotice) -> Mail {
    Mail::SecurityNotice {
        name: "Ada".into(),
        notice,
        security_url: "https://app.example.com/account/security".into(),
    }
}

fn trial_ended(then: AfterTrial) -> Mail {
    Mail::TrialEnded {
        account_name: "Acme".into(),
        ended_at: at("2026-12-01T09:05:00Z"),
        then,
        billing_url: "https://app.example.com/account/billing".into(),
    }
}

fn at(text: &str) -> Timestamp {
    Timestamp::from_datetime(text.parse().unwrap()).unwrap()
}

/// What arrives when `mail` is sent to Ada.
async fn delivered(mail: &Mail) -> Message {
    let mailbox = mailbox().await;
    let to = address("ada@example.com");
    let mailer = mailer(&mailbox.smtp_url());
    mailer.send(&key(), &to, mail).await.unwrap();
    let mut messages = mailbox.messages_to(to.as_str());
    assert_eq!(messages.len(), 1);
    messages.remove(0)
}

#[tokio::test]
async fn every_mail_reads_well_as_text_and_as_html() {
    for (name, mail) in [
        ("verification", verification("Ada")),
        (
            "payment_failed",
            payment_failed("Acme & Söhne <GmbH>", Some("2026-11-24T15:00:00Z")),
        ),
        ("payment_failed_for_good", payment_failed("Acme", None)),
        ("trial_ending", trial_ending("Acme")),
        ("invite", invite("Acme & Söhne <GmbH>", Some("Ada"))),
        ("invite_of_somebody_who_is_gone", invite("Acme", None)),
        ("invite_expiring", invite_expiring("Acme")),
        (
            "ownership_received",
            team_notice("Ada", TeamNotice::BecameOwner),
        ),
        (
            "ownership_handed_over",
            team_notice("Ada", TeamNotice::HandedOver),
        ),
        (
            "role_changed",
            team_notice("Ada", TeamNotice::RoleChanged { role: Role::Viewer }),
        ),
        ("removed", team_notice("Ada", TeamNotice::Removed)),
        (
            "session_stolen",
            security_notice(SecurityNotice::SessionStolen),
        ),
        (
            "provider_linked",
            security_notice(SecurityNotice::ProviderLinked {
                provider: "google".into(),
            }),
        ),
        ("trial_ended", trial_ended(AfterTrial::Nothing)),
        (
            "trial_ended_to_be_read",
            trial_ended(AfterTrial::ReadOnly {
                until: at("2026-12-31T09:05:00Z"),
            }),
        ),
        ("trial_ended_free", trial_ended(AfterTrial::FreePlan)),
    ] {
        let message = delivered(&mail).await;
        let whole = format!(
            "From: {}\nTo: {}\nSubject: {}\nMessage-ID: {}\n\n{}\n{}",
            message.from,
            message.to.join(", "),
            message.subject,
            message.message_id,
            message.text.replace("\r\n", "\n"),
            message.html.replace("\r\n", "\n"),
        );
        insta::assert_snapshot!(name, whole);
    }
}

#[expect(clippy::too_many_lines, reason = "a table of what people choose")]
#[tokio::test]
async fn t66_nothing_a_person_chose_adds_a_header_a_recipient_or_a_message() {
    let long = "x".repeat(255);
    for chosen in [
        "Ada\r\nBcc: eve@example.com",
        "Ada\nBcc: eve@example.com",
        "Ada\rBcc: eve@example.com",
        "Ada\u{85}Bcc: eve@example.com",
        "Ada\u{2028}Bcc: eve@example.com",
        "Ada\0Bcc: eve@example.com",
        "Ada\r\n\r\nanother body",
        "Ada\r\n.\r\nMAIL FROM:<eve@example.com>",
        "Ada\n.\nQUIT",
        "Ada\r.\rRSET",
        ".",
        "..",
        "=?utf-8?Q?Ada=0D=0ABcc:_eve@example.com?=",
        "=?utf-8?B?DQpCY2M6IGV2ZUBleGFtcGxlLmNvbQ==?=",
        "Ada, eve@example.com",
        "Ada <eve@example.com>",
        "\"Ada\" <eve@example.com>, \"",
        "Ada (comment)",
        "Ada;eve@example.com",
        "--boundary--",
        "Content-Type: text/html",
        "<script>alert(1)</script>",
        "<a href=\"https://evil.example\">click</a>",
        "{{ product }}",
        "Ada\u{202e}moc.elpmaxe",
        "Free money at https://evil.example/x now",
        "evil.example/login",
        "山田 Zoë",
        "",
        &long,
    ] {
        for mail in [
            verification(chosen),
            payment_failed(chosen, None),
            trial_ending(chosen),
            invite(chosen, Some(chosen)),
            invite_expiring(chosen),
            team_notice(chosen, TeamNotice::BecameOwner),
        ] {
            let message = delivered(&mail).await;
            assert_eq!(message.to, ["ada@example.com"], "{chosen:?}");
            assert_eq!(message.from, "Tollgate <hello@tollgate.example>");
            assert_eq!(
                header_names(&message),
                [
                    "From",
                    "To",
                    "Subject",
                    "Message-ID",
                    "MIME-Version",
                    "Date",
                    "Content-Type"
                ],
                "{chosen:?}"
            );
            assert!(!message.html.contains("<script"), "{chosen:?}");
            assert!(!message.html.contains("href=\"https://evil"), "{chosen:?}");
            assert!(!message.text.contains('\u{202e}'), "{chosen:?}");
            assert!(!message.text.contains("evil.example"), "{chosen:?}");
        }
    }
}

fn header_names(message: &Message) -> Vec<&str> {
    let head = message.raw.split("\r\n\r\n").next().unwrap();
    head.split("\r\n")
        .filter(|line| !line.starts_with([' ', '\t']))
        .map(|line| line.split(':').next().unwrap())
        .collect()
}

#[tokio::test]
async fn every_address_we_accept_can_be_written_to() {
    let mailbox = mailbox().await;
    let mailer = mailer(&mailbox.smtp_url());
    let long = format!("{}@example.com", "a".repeat(64));
    for text in [
        "a.b+tag@example.com",
        "o'brien@example.com",
        "a_b%c-d&e=f/g@example.com",
        "ada@xn--bcher-kva.example",
        "1@1.example",
        &long,
    ] {
        let to = address(text);
        mailer
            .send(&key(), &to, &trial_ending("Acme"))
            .await
            .unwrap();
        assert_eq!(mailbox.messages_to(text).len(), 1, "{text}");
    }
}

#[tokio::test]
async fn a_message_id_is_the_same_for_a_retry_and_another_for_another_job() {
    let mailbox = mailbox().await;
    let mailer = mailer(&mailbox.smtp_url());
    let to = address("ada@example.com");
    for key in [key(), key(), JobKey::new("verify-email", 8)] {
        mailer.send(&key, &to, &verification("Ada")).await.unwrap();
    }
    let ids: Vec<_> = mailbox
        .messages()
        .into_iter()
        .map(|m| m.message_id)
        .collect();
    assert_eq!(ids[1], ids[2]);
    assert_ne!(ids[0], ids[1]);
    assert!(ids[0].ends_with("@tollgate.example"));
}

#[tokio::test]
async fn a_server_that_refuses_for_now_is_tried_again_and_one_that_refuses_for_good_is_not() {
    let mailbox = mailbox().await;
    let mailer = mailer(&mailbox.smtp_url());
    let to = address("ada@example.com");
    let mail = verification("Ada");

    mailbox.script(Behaviour::RefuseTemporarily);
    let refused = mailer.send(&key(), &to, &mail).await;
    assert!(
        matches!(refused, Err(MailError::Temporary(_))),
        "{refused:?}"
    );

    mailbox.script(Behaviour::RefusePermanently);
    let refused = mailer.send(&key(), &to, &mail).await;
    assert!(
        matches!(refused, Err(MailError::Permanent(_))),
        "{refused:?}"
    );
    assert!(!format!("{refused:?}").contains("ada@"), "{refused:?}");

    mailbox.script(Behaviour::Down);
    let refused = mailer.send(&key(), &to, &mail).await;
    assert!(
        matches!(refused, Err(MailError::Temporary(_))),
        "{refused:?}"
    );

    assert_eq!(mailbox.messages().len(), 0);
    mailbox.script(Behaviour::Accept);
    mailer.send(&key(), &to, &mail).await.unwrap();
    assert_eq!(mailbox.messages().len(), 1);
}

#[tokio::test]
async fn a_mail_taken_without_an_answer_is_sent_again_under_the_same_id() {
    let mailbox = mailbox().await;
    let mailer = mailer(&mailbox.smtp_url());
    let to = address("ada@example.com");
    let mail = verification("Ada");

    mailbox.script(Behaviour::CloseAfterData);
    let doubtful = mailer.send(&key(), &to, &mail).await;
    assert!(
        matches!(doubtful, Err(MailError::Temporary(_))),
        "{doubtful:?}"
    );
    mailbox.script(Behaviour::Accept);
    mailer.send(&key(), &to, &mail).await.unwrap();

    let messages = mailbox
        .wait_for(to.as_str(), 2, Duration::from_secs(5))
        .await;
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[0].message_id, messages[1].message_id);
}

#[tokio::test]
async fn f40_nothing_is_said_in_the_clear_to_a_server_that_must_speak_tls() {
    let mailbox = mailbox().await;
    let to = address("ada@example.com");
    let plain = mailbox.smtp_url();
    for url in [
        format!("{plain}?tls=required"),
        plain.replacen("smtp://", "smtps://", 1),
    ] {
        let failed = mailer(&url).send(&key(), &to, &verification("Ada")).await;
        assert!(matches!(failed, Err(MailError::Temporary(_))), "{failed:?}");
    }
    assert_eq!(mailbox.messages().len(), 0);
}

/// A server of the right name with a certificate that it has signed itself; tells of each handshake
/// whether it went through.
async fn impostor() -> (String, mpsc::UnboundedReceiver<bool>) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let secret = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], secret.into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let shaken = acceptor.accept(stream).await;
            let _nobody_listens = tell.send(shaken.is_ok());
        }
    });
    (format!("smtps://localhost:{port}"), told)
}

#[tokio::test]
async fn f40_t108_a_server_with_a_wrong_certificate_is_told_nothing() {
    let (url, mut told) = impostor().await;
    let to = address("ada@example.com");
    let failed = mailer(&url).send(&key(), &to, &verification("Ada")).await;
    assert!(matches!(failed, Err(MailError::Temporary(_))), "{failed:?}");
    assert_eq!(told.recv().await, Some(false), "no handshake went through");
}

#[tokio::test]
async fn an_absent_server_is_a_temporary_failure() {
    let mailbox = mailbox().await;
    let mailer = mailer(&mailbox.smtp_url());
    mailbox.stop().await;
    let failed = mailer
        .send(&key(), &address("ada@example.com"), &verification("Ada"))
        .await;
    assert!(matches!(failed, Err(MailError::Temporary(_))), "{failed:?}");
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_without_showing_the_password() {
    for url in ["", "http://localhost", "smtp://", "mail.example.com"] {
        let refused = try_mailer(url, "Tollgate");
        assert!(matches!(refused, Err(SettingsInvalid::Url(_))), "{url}");
    }
    for product in ["", " ", "Toll\r\ngate"] {
        let refused = try_mailer("smtp://localhost", product);
        assert!(
            matches!(refused, Err(SettingsInvalid::Product)),
            "{product:?}"
        );
    }
    let shown = format!("{:?}", mailer("smtps://ada:hunter2@mail.example.com"));
    assert!(!shown.contains("hunter2"), "{shown}");
}
