use std::net::Ipv4Addr;

use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor,
    message::{Mailbox as Address, MultiPart},
    transport::smtp::{Error, response::Response},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

use super::*;

const ADA: &str = "ada@example.com";

async fn mailbox() -> Mailbox {
    let any: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
    Mailbox::start(Config {
        smtp: any,
        http: any,
        file: None,
    })
    .await
    .unwrap()
}

fn mail(subject: &str, text: &str, html: &str) -> lettre::Message {
    lettre::Message::builder()
        .from(
            "Tollgate <no-reply@tollgate.example>"
                .parse::<Address>()
                .unwrap(),
        )
        .reply_to("help@tollgate.example".parse::<Address>().unwrap())
        .to(ADA.parse::<Address>().unwrap())
        .message_id(Some("<job-1@tollgate.example>".to_owned()))
        .subject(subject)
        .multipart(MultiPart::alternative_plain_html(
            text.to_owned(),
            html.to_owned(),
        ))
        .unwrap()
}

fn transport(mailbox: &Mailbox) -> AsyncSmtpTransport<Tokio1Executor> {
    AsyncSmtpTransport::<Tokio1Executor>::from_url(&mailbox.smtp_url())
        .unwrap()
        .build()
}

async fn send(mailbox: &Mailbox, mail: lettre::Message) -> Result<Response, Error> {
    transport(mailbox).send(mail).await
}

/// Says `lines` to the server as they are, all at once, and returns everything it answers.
async fn say(mailbox: &Mailbox, lines: &str) -> String {
    let mut stream = TcpStream::connect(mailbox.smtp.0).await.unwrap();
    stream.write_all(lines.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn get(mailbox: &Mailbox, target: &str, accept: &str) -> String {
    let mut stream = TcpStream::connect(mailbox.http.0).await.unwrap();
    let request = format!(
        "GET {target} HTTP/1.1\r\nhost: localhost\r\naccept: {accept}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn body(answer: &str) -> serde_json::Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test]
async fn a_mail_arrives_as_it_was_written() {
    let mailbox = mailbox().await;
    let text = "Grüße, Ada\r\n.\r\n..dots\r\nbye";
    send(&mailbox, mail("Willkommen ✓", text, "<b>hi</b>"))
        .await
        .unwrap();

    let [message] = &mailbox.messages_to("Ada@Example.com")[..] else {
        panic!("one message");
    };
    assert_eq!(message.to, [ADA]);
    assert_eq!(message.from, "Tollgate <no-reply@tollgate.example>");
    assert_eq!(message.reply_to.as_deref(), Some("help@tollgate.example"));
    assert_eq!(message.subject, "Willkommen ✓");
    assert_eq!(message.text, text);
    assert_eq!(message.html, "<b>hi</b>");
    assert_eq!(message.message_id, "job-1@tollgate.example");
    assert!(
        message
            .raw
            .contains("Message-ID: <job-1@tollgate.example>\r\n")
    );
    assert!(mailbox.messages_to("bob@example.com").is_empty());
}

#[tokio::test]
async fn waiting_ends_with_the_message_or_with_the_time() {
    let mailbox = mailbox().await;
    let (waited, sent) = tokio::join!(
        mailbox.wait_for(ADA, 1, Duration::from_secs(5)),
        send(&mailbox, mail("Hello", "hi", "hi")),
    );
    sent.unwrap();
    assert_eq!(waited[0].subject, "Hello");
    assert_eq!(
        mailbox
            .wait_for(ADA, 2, Duration::from_millis(1))
            .await
            .len(),
        1
    );
}

#[tokio::test]
async fn refusals_are_what_a_sender_takes_them_for() {
    let mailbox = mailbox().await;
    mailbox.script(Behaviour::RefuseTemporarily);
    assert!(
        send(&mailbox, mail("1", "", ""))
            .await
            .unwrap_err()
            .is_transient()
    );
    mailbox.script(Behaviour::RefusePermanently);
    assert!(
        send(&mailbox, mail("2", "", ""))
            .await
            .unwrap_err()
            .is_permanent()
    );
    mailbox.script(Behaviour::Down);
    assert!(send(&mailbox, mail("3", "", "")).await.is_err());
    assert!(mailbox.messages().is_empty());
    mailbox.script(Behaviour::Accept);
    send(&mailbox, mail("4", "", "")).await.unwrap();
    assert_eq!(mailbox.messages().len(), 1);
}

#[tokio::test]
async fn a_server_that_goes_down_takes_its_open_connections_along() {
    let mailbox = mailbox().await;
    let mut stream = BufReader::new(TcpStream::connect(mailbox.smtp.0).await.unwrap());
    let mut greeting = String::new();
    stream.read_line(&mut greeting).await.unwrap();
    assert_eq!(greeting, "220 mailbox ESMTP\r\n");

    mailbox.script(Behaviour::Down);
    stream.write_all(b"NOOP\r\n").await.unwrap();
    assert_eq!(stream.read_line(&mut greeting).await.unwrap(), 0);
}

#[tokio::test]
async fn a_slow_server_outlasts_an_impatient_sender_and_keeps_nothing() {
    let mailbox = mailbox().await;
    mailbox.script(Behaviour::Slow(Duration::from_mins(1)));
    let sending = send(&mailbox, mail("late", "", ""));
    let outcome = tokio::time::timeout(Duration::from_millis(100), sending).await;
    assert!(outcome.is_err());
    assert!(mailbox.messages().is_empty());
}

#[tokio::test]
async fn a_patient_sender_gets_through_to_a_slow_server() {
    let mailbox = mailbox().await;
    mailbox.script(Behaviour::Slow(Duration::from_millis(10)));
    send(&mailbox, mail("in time", "", "")).await.unwrap();
    assert_eq!(mailbox.messages().len(), 1);
}

#[tokio::test]
async fn closing_after_data_keeps_the_mail_and_leaves_the_sender_in_doubt() {
    let mailbox = mailbox().await;
    mailbox.script(Behaviour::CloseAfterData);
    let error = send(&mailbox, mail("maybe", "", "")).await.unwrap_err();
    assert!(!error.is_permanent() && !error.is_transient());
    assert_eq!(mailbox.messages().len(), 1);
}

#[tokio::test]
async fn only_cr_lf_dot_cr_lf_ends_a_message() {
    let mailbox = mailbox().await;
    let answer = say(
        &mailbox,
        "EHLO me\r\nMAIL FROM:<a@b.example> BODY=8BITMIME\r\nRCPT TO:<ada@example.com>\r\nDATA\r\n\
         Subject: one\r\n\r\nx\n.\nMAIL FROM:<evil@b.example>\r\n..\r\n\r.\r\r\n.\r\nQUIT\r\n",
    )
    .await;
    assert!(
        answer.ends_with("354 end with a dot\r\n250 2.0.0 taken\r\n221 2.0.0 bye\r\n"),
        "{answer}"
    );
    let [message] = &mailbox.messages()[..] else {
        panic!("one message");
    };
    assert_eq!(
        message.raw,
        "Subject: one\r\n\r\nx\n.\nMAIL FROM:<evil@b.example>\r\n.\r\n\r.\r\r\n"
    );
}

#[tokio::test]
async fn commands_out_of_order_or_out_of_shape_are_refused_and_harmless() {
    let mailbox = mailbox().await;
    let answer = say(
        &mailbox,
        "DATA\r\nRCPT TO:<a@b.example>\r\nMAIL a@b.example\r\nMAIL FROM:<> SIZE=99999999\r\n\
         mail from:<>\r\nMAIL FROM:<>\r\nRCPT TO:<>\r\nDATA\r\nRSET\r\nRCPT TO:<a@b.example>\r\n\
         STARTTLS\r\nNOOP\r\nQUIT\r\n",
    )
    .await;
    let codes: Vec<&str> = answer.lines().map(|line| &line[..3]).collect();
    assert_eq!(
        codes,
        [
            "220", "503", "503", "501", "552", "250", "503", "501", "503", "250", "503", "502",
            "250", "221"
        ]
    );
    assert!(mailbox.messages().is_empty());
}

#[tokio::test]
async fn a_message_too_large_is_refused_and_the_next_is_taken() {
    let mailbox = mailbox().await;
    let large = "x".repeat(998) + "\r\n";
    let answer = say(
        &mailbox,
        &format!(
            "HELO me\r\nMAIL FROM:<>\r\nRCPT TO:<{ADA}>\r\nDATA\r\n{}.\r\n\
             MAIL FROM:<>\r\nRCPT TO:<{ADA}>\r\nDATA\r\nSubject: small\r\n\r\n.\r\nQUIT\r\n",
            large.repeat(11_000)
        ),
    )
    .await;
    assert!(answer.contains("552 5.3.4"), "{answer}");
    assert_eq!(mailbox.messages()[0].subject, "small");
    assert_eq!(mailbox.messages().len(), 1);
}

#[tokio::test]
async fn a_command_without_an_end_is_cut_off() {
    let mailbox = mailbox().await;
    let answer = say(&mailbox, &"x".repeat(2_048)).await;
    assert_eq!(answer, "220 mailbox ESMTP\r\n500 5.5.2 line too long\r\n");
}

#[tokio::test]
async fn a_script_reads_json_newest_first() {
    let mailbox = mailbox().await;
    send(&mailbox, mail("first", "one", "<i>1</i>"))
        .await
        .unwrap();
    send(&mailbox, mail("second", "two", "<i>2</i>"))
        .await
        .unwrap();

    let mails = body(&get(&mailbox, "/?to=ada%40example.com", "text/html").await);
    assert_eq!(mails.as_array().unwrap().len(), 2);
    assert_eq!(mails[0]["subject"], "second");
    assert_eq!(mails[0]["to"], ADA);
    assert_eq!(mails[0]["text"], "two");
    assert_eq!(mails[0]["html"], "<i>2</i>");
    assert!(mails[0]["at"].as_str().unwrap().ends_with('Z'));
    assert!(mails[0].get("raw").is_none());

    assert_eq!(body(&get(&mailbox, "/", "*/*").await), mails);
    let nobody = body(&get(&mailbox, "/?to=bob%40example.com", "*/*").await);
    assert_eq!(nobody, serde_json::json!([]));
}

#[tokio::test]
async fn a_browser_sees_the_mail_and_nothing_in_it_runs_or_loads() {
    let mailbox = mailbox().await;
    let html = r#"<script>alert(1)</script><a href="https://example.com/v?a=1&b=2">go</a>"#;
    let hostile = mail("<img src=x>", "See https://example.com/v?a=1&b=2.", html);
    send(&mailbox, hostile).await.unwrap();

    let list = get(&mailbox, "/", "text/html,*/*").await;
    assert!(
        list.contains(r#"<a href="/messages/0">&#60;img src=x&#62;</a>"#),
        "{list}"
    );

    let page = get(&mailbox, "/messages/0", "text/html").await;
    assert!(
        page.contains("content-security-policy: default-src 'none';"),
        "{page}"
    );
    assert!(
        page.contains(r#"<a href="https://example.com/v?a=1&#38;b=2" target="_blank""#),
        "{page}"
    );
    assert!(page.contains(r#"sandbox="allow-popups allow-popups-to-escape-sandbox" srcdoc=""#));
    assert!(
        page.contains("&#60;script&#62;alert(1)&#60;/script&#62;"),
        "{page}"
    );
    assert!(
        !page.contains("<script") && !page.contains("<img"),
        "{page}"
    );

    let source = get(&mailbox, "/messages/0/raw", "*/*").await;
    assert!(source.contains("content-type: text/plain; charset=utf-8"));
    let missing = get(&mailbox, "/messages/7", "text/html").await;
    assert!(missing.starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn messages_are_there_again_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let config = |smtp, http| Config {
        smtp,
        http,
        file: Some(directory.path().join("mail.jsonl")),
    };
    let any: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
    let first = Mailbox::start(config(any, any)).await.unwrap();
    send(&first, mail("kept", "", "")).await.unwrap();
    let (smtp, http) = (first.smtp.0, first.http.0);
    let kept = first.messages();
    first.stop().await;

    let second = Mailbox::start(config(smtp, http)).await.unwrap();
    assert_eq!(second.messages(), kept);
}
