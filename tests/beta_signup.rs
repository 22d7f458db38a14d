//! POST /beta-signup

use reqwest::Method;

use crate::world::{Setup, World};

#[tokio::test]
async fn whatever_is_sent_leads_to_the_sign_up_page() {
    let world = World::start().await;
    world.drain().await;
    let before = world.rows().await;
    let bodies: [(&str, String); 6] = [
        (
            "application/json",
            r#"{"email":"ada@example.com"}"#.to_owned(),
        ),
        ("application/json", "{nonsense".to_owned()),
        (
            "application/x-www-form-urlencoded",
            "email=%ff%00".to_owned(),
        ),
        ("", String::new()),
        ("text/plain", "x".repeat(10 << 20)),
        (
            "text/plain",
            "http://evil.example\r\nLocation: http://evil.example".to_owned(),
        ),
    ];
    for (media_type, body) in bodies {
        let call = world.post("/beta-signup?next=//evil.example&from=evil");
        let answer = call.body(media_type, body).send().await;
        insta::allow_duplicates!(insta::assert_snapshot!(answer, @r"
        307
        location: http://app.test/register?from=beta
        "));
    }
    assert_eq!(world.rows().await, before);
}

#[tokio::test]
async fn t14_the_page_is_the_configured_one_whatever_host_is_claimed() {
    let world = Setup::default()
        .set("FRONTEND_URL", "http://product.test")
        .start()
        .await;
    let call = world.call(0, Method::POST, "/api/v1/beta-signup");
    let answer = call.header("x-forwarded-host", "evil.example").send().await;
    assert_eq!(
        answer.header("location"),
        Some("http://product.test/register?from=beta")
    );
}
