//! GET /admin/accounts, GET /admin/accounts/{id}

use serde_json::{Value, json};

use crate::world::{DAY, World, monthly};

/// Names of what a look-up finds, page after page.
async fn found(world: &World, olga: &crate::world::Person, query: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut cursor = String::new();
    loop {
        let query = format!("{cursor}{query}");
        let path = format!("/accounts?{}", query.trim_start_matches('&'));
        let page = world.ask(olga, &path).await.ok(200);
        let items = page["items"].as_array().unwrap();
        names.extend(
            items
                .iter()
                .map(|item| item["name"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next_cursor"].as_str() else {
            return names;
        };
        assert_eq!(items.len(), 50);
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test]
async fn an_account_is_found_by_id_customer_name_and_address() {
    let world = World::start().await;
    let olga = world.operator().await;
    let ada = world.person("Ada").await;
    world.person("Adam").await;
    world.person("Bob").await;
    world.buy(&ada, "pro").await;
    let customer: String =
        sqlx::query_scalar("SELECT stripe_customer_id FROM accounts WHERE id = $1::uuid")
            .bind(&ada.account)
            .fetch_one(world.database.pool())
            .await
            .unwrap();
    let of_id = format!("&id={}", ada.account);
    let of_customer = format!("&stripe_customer={customer}");
    for (query, expected) in [
        (of_id.as_str(), &["Ada"][..]),
        (&of_customer, &["Ada"]),
        ("&stripe_customer=cus_", &[]),
        ("&id=00000000-0000-0000-0000-000000000000", &[]),
        ("&name=ada", &["Ada", "Adam"]),
        ("&name=ADAM", &["Adam"]),
        ("&name=dam", &[]),
        ("&name=%25", &[]),
        ("&name=_da", &[]),
        ("&email=Ada@", &["Ada"]),
        ("&email=ada", &["Ada", "Adam"]),
        ("&email=bob%40example.com", &["Bob"]),
        ("&email=example.com", &[]),
    ] {
        assert_eq!(found(&world, &olga, query).await, expected, "{query}");
    }
    let mut everybody = found(&world, &olga, "").await;
    everybody.sort();
    assert_eq!(everybody, ["Ada", "Adam", "Bob", "Olga"]);
    let shown = world.ask(&olga, "/accounts?email=ada@").await.ok(200);
    let shown = &shown["items"][0];
    assert_eq!(shown["email"], "ada@example.com");
    assert_eq!(shown["status"], "trialing");
    assert_eq!(shown["plan"], "pro");
    assert_eq!(shown["basis"], "trial");
    assert_eq!(shown["is_paid"], false);
    assert_eq!(shown["stripe_customer_id"], customer.as_str());
}

#[tokio::test]
async fn every_list_goes_on_where_the_page_before_ended() {
    let world = World::start().await;
    let olga = world.operator().await;
    world
        .execute(
            "BEGIN;
             CREATE TEMPORARY TABLE crowd ON COMMIT DROP AS
                SELECT n, gen_random_uuid() AS u, gen_random_uuid() AS a FROM generate_series(1, 120) n;
             INSERT INTO users (id, email, name, created_at)
                SELECT u, 'crowd' || n % 7 || '-' || n || '@example.com', 'C', '2027-01-01Z' FROM crowd;
             INSERT INTO accounts (id, name, created_at) SELECT a, 'Crowd ' || n % 7, '2027-01-01Z' FROM crowd;
             INSERT INTO memberships (account_id, user_id, role, created_at)
                SELECT a, u, 'owner', '2027-01-01Z' FROM crowd;
             COMMIT",
        )
        .await;
    assert_eq!(found(&world, &olga, "").await.len(), 121);
    let by_name = found(&world, &olga, "&name=crowd").await;
    assert_eq!(by_name.len(), 120);
    assert!(by_name.is_sorted());
    assert_eq!(found(&world, &olga, "&email=crowd").await.len(), 120);
    assert_eq!(found(&world, &olga, "&name=crowd%206").await.len(), 17);
}

#[tokio::test]
async fn an_account_is_shown_with_everything_around_it() {
    let world = World::start().await;
    let olga = world.operator().await;
    let mut ada = world.person("Ada").await;
    let path = format!("/accounts/{}", ada.account);
    world.open_checkout(&ada, &monthly("pro", 3)).await.ok(200);
    let trying = world.ask(&olga, &path).await.ok(200);
    assert_eq!(trying["status"], "trialing");
    assert_eq!(trying["trial"]["plan"], "pro");
    assert_eq!(trying["bought"], Value::Null);
    assert_eq!(trying["purchase"]["seats"], 3);
    assert!(trying["purchase"]["stripe_checkout_session_id"].is_string());
    world.buy(&ada, "pro").await;
    world.advance(DAY * 15).await;
    world.sign_in(&mut ada).await;
    let mut olga = olga;
    world.sign_in(&mut olga).await;
    let shown = world.ask(&olga, &path).await.ok(200);
    assert_eq!(shown["status"], "active");
    assert_eq!(shown["is_paid"], true);
    assert_eq!(
        shown["bought"]["stripe_subscription_id"],
        world.subscription(&ada).await
    );
    assert_eq!(shown["bought"]["seats"], 1);
    assert_eq!(shown["bought"]["billing_interval"], "monthly");
    assert_eq!(shown["trial"], Value::Null);
    assert_eq!(shown["complimentary"], Value::Null);
    assert_eq!(shown["purchase"], Value::Null);
    assert_eq!(shown["member_count"], 1);
    let member = &shown["members"][0];
    assert_eq!(member["email"], "ada@example.com");
    assert_eq!(member["role"], "owner");
    let history = shown["history"].as_array().unwrap();
    assert_eq!(history.last().unwrap()["action"], "registered");
    assert!(
        history
            .iter()
            .any(|row| row["action"] == "subscription_changed")
    );
    let text = shown.to_string();
    for secret in ["password", "hash", "token"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn what_is_not_there_or_not_asked_right_is_refused() {
    let world = World::start().await;
    let olga = world.operator().await;
    for (query, status, code) in [
        ("?id=nonsense", 422, "validation_failed"),
        ("?name=", 422, "validation_failed"),
        ("?name=%00", 422, "validation_failed"),
        ("?name=a&email=b", 422, "validation_failed"),
        ("?cursor=nonsense", 400, "invalid_cursor"),
        ("?cursor=e30", 400, "invalid_cursor"),
        ("?plan=pro", 400, "unknown_field"),
        ("?name=a&name=b", 400, "malformed_query"),
        ("/nonsense", 404, "account_not_found"),
        (
            "/00000000-0000-0000-0000-000000000000",
            404,
            "account_not_found",
        ),
        ("/%00", 404, "account_not_found"),
    ] {
        let answer = world.ask(&olga, &format!("/accounts{query}")).await;
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{query}");
    }
    let unstorable = json!({ "sorted_by": "\0", "id": olga.account }).to_string();
    let cursor = base64::Engine::encode(
        &base64::engine::general_purpose::URL_SAFE_NO_PAD,
        unstorable,
    );
    let answer = world
        .ask(&olga, &format!("/accounts?name=a&cursor={cursor}"))
        .await;
    assert_eq!(answer.refusal(), (400, "invalid_cursor".to_owned()));
}
