//! Answers that no Stripe gives on a good day: from each, an error and no conclusion.

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};
use tollgate_billing::{Customer, Stamp, SubscriptionId};
use tollgate_use_cases::ports::{CheckoutSessionId, Payments, PaymentsError};

use crate::given::{NOW, checkout, customer, key, payments, subscription};

const DATE: &str = "Date: Mon, 21 Sep 2026 14:13:20 GMT\r\n";

/// A server that answers every request with `answer`, byte by byte as given.
pub(crate) async fn serving(answer: Vec<u8>) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                let mut read = [0; 4096];
                match stream.read(&mut read).await {
                    Ok(0) | Err(_) => break,
                    Ok(length) => head.extend_from_slice(&read[..length]),
                }
            }
            // The client may have read enough and left; to close first could take its answer away.
            let _left = stream.write_all(&answer).await;
            let _left = stream.shutdown().await;
            while matches!(stream.read(&mut [0; 4096]).await, Ok(length) if length > 0) {}
        }
    });
    (url, serving)
}

pub(crate) fn http(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )
    .into_bytes()
}

async fn read_from(answer: Vec<u8>) -> Result<Option<Stamp>, PaymentsError> {
    let (url, serving) = serving(answer).await;
    let read = payments(&url)
        .read_subscription(&SubscriptionId::new("sub_1"))
        .await;
    serving.abort();
    read.map(|read| read.map(|(_, described)| described.stamp))
}

#[tokio::test]
async fn the_server_of_these_tests_can_also_answer_well() {
    let good = http("200 OK", DATE, &subscription().to_string());
    let stamp = read_from(good).await.unwrap();
    assert_eq!(stamp, Some(Stamp::from_unix_seconds(NOW)));
}

#[tokio::test]
async fn f18_an_object_that_cannot_be_understood_is_unreadable() {
    let unknown_status = {
        let mut object = subscription();
        object["status"] = json!("hibernating");
        object
    };
    let no_items = {
        let mut object = subscription();
        object.as_object_mut().unwrap().remove("items");
        object
    };
    for (case, body) in [
        ("unknown status", unknown_status),
        ("missing field", no_items),
        ("null", Value::Null),
        ("another type", json!([1, 2])),
        ("text", json!("subscription")),
    ] {
        let read = read_from(http("200 OK", DATE, &body.to_string())).await;
        assert!(
            matches!(read, Err(PaymentsError::Unreadable { .. })),
            "{case}: {read:?}"
        );
    }
}

#[tokio::test]
async fn f18_an_answer_that_says_nothing_about_the_subscription_is_unreadable() {
    let object = subscription().to_string();
    for (case, answer) in [
        ("no date", http("200 OK", "", &object)),
        (
            "a date that is none",
            http("200 OK", "Date: yesterday\r\n", &object),
        ),
        ("empty", http("200 OK", DATE, "")),
        ("no content", http("204 No Content", DATE, "")),
        (
            "a redirect",
            http("302 Found", "Location: http://127.0.0.1:1/\r\n", ""),
        ),
        (
            "somebody else's 404",
            http("404 Not Found", DATE, "<h1>Not found</h1>"),
        ),
        ("not UTF-8", {
            let mut answer = http("200 OK", DATE, "xx");
            answer.truncate(answer.len() - 2);
            answer.extend_from_slice(b"\xff\xfe");
            answer
        }),
        ("10 MB", http("200 OK", DATE, &" ".repeat(10 << 20))),
    ] {
        let read = read_from(answer).await;
        assert!(
            matches!(read, Err(PaymentsError::Unreadable { .. })),
            "{case}: {read:?}"
        );
    }
}

/// What each call makes of the server at `url`.
async fn asked(url: &str) -> Vec<(&'static str, Result<(), PaymentsError>)> {
    let payments = payments(url);
    let of = Customer::new("cus_1");
    let session = CheckoutSessionId("cs_1".to_owned());
    let request = checkout(of.clone(), "price_1");
    let created = payments.create_customer(&key("a"), &customer()).await;
    let opened = payments.open_checkout(&key("b"), &request).await;
    let expired = payments.expire_checkout(&session).await;
    let portal = payments.open_portal(&of, "https://app.example").await;
    let id = SubscriptionId::new("sub_1");
    let read = payments.read_subscription(&id).await;
    let catalog = payments.read_catalog().await;
    vec![
        ("create a customer", created.map(drop)),
        ("open a page", opened.map(drop)),
        ("expire a page", expired),
        ("open the portal", portal.map(drop)),
        ("read a subscription", read.map(drop)),
        ("read the catalog", catalog.map(drop)),
    ]
}

#[tokio::test]
async fn f18_of_sixty_broken_answers_none_is_believed() {
    let page = "<!doctype html><h1>Welcome</h1>";
    for (case, answer) in [
        ("a page", http("200 OK", DATE, page)),
        (
            "half a document",
            http("200 OK", DATE, r#"{"id": "cus_1", "ob"#),
        ),
        ("nothing", http("200 OK", DATE, "")),
        ("null", http("200 OK", DATE, "null")),
        ("a list in place of an object", http("200 OK", DATE, "[]")),
        ("no field at all", http("200 OK", DATE, "{}")),
        (
            "a number for an id",
            http("200 OK", DATE, r#"{"id": 1, "url": 2, "data": 3}"#),
        ),
        ("ten megabytes", http("200 OK", DATE, &" ".repeat(10 << 20))),
        ("no content", http("204 No Content", DATE, "")),
        (
            "a refusal that says nothing",
            http("418 I'm a teapot", DATE, page),
        ),
    ] {
        let (url, serving) = serving(answer).await;
        for (call, result) in asked(&url).await {
            assert!(
                matches!(result, Err(PaymentsError::Unreadable { .. })),
                "{call}: {case}: {result:?}"
            );
        }
        serving.abort();
    }
}

#[tokio::test]
async fn a_server_that_cannot_answer_now_is_unavailable() {
    for (case, answer) in [
        (
            "500 with a page",
            http("500 Internal Server Error", "", "<h1>Sorry</h1>"),
        ),
        (
            "503 without a body",
            http("503 Service Unavailable", "", ""),
        ),
        (
            "429 without a date to return",
            http("429 Too Many Requests", "", "{}"),
        ),
        ("424", http("424 Failed Dependency", "", "{}")),
        (
            "half an answer",
            http("200 OK", DATE, &subscription().to_string())[..200].to_vec(),
        ),
        ("not HTTP", b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
        ("nothing", Vec::new()),
    ] {
        let read = read_from(answer).await;
        assert!(
            matches!(read, Err(PaymentsError::Unavailable { .. })),
            "{case}: {read:?}"
        );
    }
}

#[tokio::test]
async fn a_refusal_keeps_stripes_code_and_words() {
    let declined = json!({"error": {
        "type": "card_error", "code": "card_declined", "message": "Your card was declined.",
    }});
    let (url, serving) = serving(http("402 Payment Required", "", &declined.to_string())).await;
    let result = payments(&url).create_customer(&key("a"), &customer()).await;
    serving.abort();
    let Err(PaymentsError::Refused { code, message }) = result else {
        panic!("{result:?}")
    };
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("card_declined", "Your card was declined.")
    );
}

#[tokio::test]
async fn f18_a_list_without_an_end_is_unreadable() {
    for page in [
        json!({"data": [], "has_more": true}),
        json!({"data": [{"id": "prod_1", "name": "Pro"}], "has_more": true}),
    ] {
        let (url, serving) = serving(http("200 OK", DATE, &page.to_string())).await;
        let read = payments(&url).read_catalog().await;
        serving.abort();
        assert!(
            matches!(read, Err(PaymentsError::Unreadable { .. })),
            "{page}: {read:?}"
        );
    }
}
