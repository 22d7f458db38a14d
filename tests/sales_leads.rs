//! POST /sales-leads

use serde_json::{Value, json};
use tollgate_testkit::burst;

use crate::world::{Answer, HOUR, Setup, World, raw_post};

const SALES: &str = "sales@tollgate.example";

async fn start() -> World {
    Setup::default()
        .set("SALES_LEAD_RECIPIENT_EMAIL", SALES)
        .start()
        .await
}

fn lead() -> Value {
    json!({
        "email": " Ada@Example.com ",
        "name": "Ada",
        "company": "Engines & Söhne <Ltd>",
        "team_size": "about 50",
        "message": "We would like\r\n<b>everything</b>, see https://engines.example.\r\n.\r\nBcc: eve@example.com",
        "source": "pricing_page",
        "posthog_distinct_id": "0190-abc",
    })
}

async fn submit(world: &World, body: &Value) -> Answer {
    world.post("/sales-leads").json(body).send().await
}

#[tokio::test]
async fn whoever_asks_for_an_offer_is_kept_and_told_of() {
    let world = start().await;
    let answer = submit(&world, &lead()).await;
    insta::assert_snapshot!(answer, @r#"
    201
    {
      "id": "[id]",
      "status": "received"
    }
    "#);
    world.drain().await;
    insta::assert_snapshot!(world.mails_to(SALES).join("\n\n"), @r"
    Somebody asks for an offer of Tollgate

    Hello,

    Somebody asked for an offer (pricing_page).

    Name: Ada

    Company: Engines & Söhne <Ltd>

    Team: about 50

    Address: ada@example.com

    We would like

    <b>everything</b>, see https://engines.example.

    .

    Bcc: eve@example.com

    Write back, or answer this mail:
    mailto:ada@example.com

    The address was not proven.

    -- 
    Tollgate
    ");
    let mail = world.mailbox.messages_to(SALES).remove(0);
    assert_eq!(mail.to, [SALES]);
    assert_eq!(mail.reply_to.as_deref(), Some("ada@example.com"));
    assert!(!mail.html.contains("<b>everything"), "{}", mail.html);
    assert_eq!(world.trail("sales_lead_received").await.len(), 1);
}

#[tokio::test]
async fn a_mail_that_fails_fails_no_lead_and_without_a_recipient_there_is_none() {
    let world = Setup::default()
        .set("SALES_LEAD_RECIPIENT_EMAIL", SALES)
        .set("SMTP_URL", "smtp://127.0.0.1:1")
        .start()
        .await;
    assert_eq!(submit(&world, &lead()).await.status, 201);
    assert_eq!(world.count("SELECT count(*) FROM sales_leads").await, 1);
    let waiting = "SELECT count(*) FROM graphile_worker._private_jobs";
    assert_eq!(world.count(waiting).await, 1);
    let personal = "SELECT count(*) FROM graphile_worker._private_jobs j WHERE j::text ~ '@'";
    assert_eq!(world.count(personal).await, 0);
    let world = World::start().await;
    assert_eq!(submit(&world, &lead()).await.status, 201);
    world.drain().await;
    assert_eq!(world.count("SELECT count(*) FROM sales_leads").await, 1);
    assert_eq!(world.mails_to(SALES).len(), 0);
}

#[tokio::test]
async fn t66_t107_what_poses_as_something_else_is_refused() {
    let world = start().await;
    world.drain().await;
    let before = world.rows().await;
    for (key, value) in [
        ("email", json!("ada@example.com\r\nBcc: eve@example.com")),
        ("email", json!("ada@example.com, eve@example.com")),
        ("email", json!("\"ada\"@example.com")),
        ("email", json!(format!("{}@example.com", "x".repeat(250)))),
        ("name", json!("")),
        ("name", json!("Ada\r\nBcc: eve@example.com")),
        ("name", json!("see https://evil.example/login")),
        ("name", json!("Ada\u{202e}moc.live")),
        ("name", json!("x".repeat(81))),
        ("company", json!("www.evil.example")),
        ("company", json!("A\u{85}B")),
        ("team_size", json!("x".repeat(81))),
        ("team_size", json!("5\r\nBcc: eve@example.com")),
        ("message", json!("x".repeat(4_001))),
        ("message", json!("a\u{1b}[31m")),
        ("message", json!("a\u{0}b")),
        ("source", json!("billboard")),
        ("posthog_distinct_id", json!("a b")),
        ("posthog_distinct_id", json!("x".repeat(201))),
    ] {
        let mut body = lead();
        body[key] = value.clone();
        let refused = submit(&world, &body).await;
        assert_eq!(
            refused.refusal(),
            (422, "validation_failed".to_owned()),
            "{key} {value}"
        );
    }
    for privileged in ["status", "id", "created_at", "recipient"] {
        let mut body = lead();
        body[privileged] = json!("closed");
        let refused = submit(&world, &body).await;
        assert_eq!(
            refused.refusal(),
            (400, "unknown_field".to_owned()),
            "{privileged}"
        );
    }
    assert_eq!(world.rows().await, before);
    let mut sparse = lead();
    for key in ["team_size", "message", "posthog_distinct_id"] {
        sparse[key] = json!("  ");
    }
    assert_eq!(submit(&world, &sparse).await.status, 201);
    let unsaid = "SELECT count(*) FROM sales_leads WHERE team_size IS NULL AND message IS NULL \
                  AND posthog_distinct_id IS NULL AND email = 'ada@example.com'";
    assert_eq!(world.count(unsaid).await, 1);
}

#[tokio::test]
async fn five_an_hour_from_one_network_over_both_nodes() {
    let world = Setup::default()
        .set("RATE_LIMITS", "strict")
        .two_nodes()
        .start()
        .await;
    let body = lead().to_string();
    let request = |nth: usize| {
        let node = world.address(nth % 2);
        (node, raw_post(node, "/api/v1/sales-leads", &[], &body))
    };
    let replies = burst((0..50).map(request).collect()).await.unwrap();
    let of = |status: u16| {
        replies
            .iter()
            .filter(|reply| reply.status == status)
            .count()
    };
    assert_eq!((of(201), of(429)), (5, 45), "{replies:?}");
    assert_eq!(world.count("SELECT count(*) FROM sales_leads").await, 5);
    assert_eq!(HOUR.as_secs() / 5, 720);
    let refused = submit(&world, &lead()).await;
    assert_eq!(refused.refusal(), (429, "rate_limited".to_owned()));
    assert_eq!(refused.header("retry-after"), Some("720"));
}
