//! GET /admin/audit-log

use serde_json::Value;

use crate::world::World;

#[tokio::test]
async fn the_trail_is_shown_newest_first_for_all_and_for_one_account() {
    let world = World::start().await;
    let olga = world.operator().await;
    let ada = world.person("Ada").await;
    world
        .execute(
            "INSERT INTO audit_log (at, account_id, action, detail)
             SELECT '2027-01-01Z', (SELECT id FROM accounts WHERE name = 'Ada'), 'thing_done',
                jsonb_build_object('n', n) FROM generate_series(1, 120) n",
        )
        .await;
    for (filter, total) in [
        (String::new(), 122),
        (format!("&account={}", ada.account), 121),
    ] {
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let query = format!("{cursor}{filter}");
            let path = format!("/audit-log?{}", query.trim_start_matches('&'));
            let page = world.ask(&olga, &path).await.ok(200);
            seen.extend(page["items"].as_array().unwrap().clone());
            let Some(next) = page["next_cursor"].as_str() else {
                break;
            };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen.len(), total, "{filter}");
        let numbers: Vec<_> = seen
            .iter()
            .filter_map(|row| row["detail"]["n"].as_i64())
            .collect();
        assert_eq!(numbers, (1..=120).rev().collect::<Vec<_>>());
        let registered = seen
            .iter()
            .find(|row| row["actor_id"] == ada.id.as_str())
            .unwrap();
        assert_eq!(registered["action"], "registered");
        assert_eq!(registered["account_id"], ada.account.as_str());
    }
    let nobody = world.ask(
        &olga,
        "/audit-log?account=00000000-0000-0000-0000-000000000000",
    );
    let nobody = nobody.await.ok(200);
    assert_eq!(nobody["items"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn what_is_not_asked_right_is_refused() {
    let world = World::start().await;
    let olga = world.operator().await;
    for (query, status, code) in [
        ("account=nonsense", 422, "validation_failed"),
        ("cursor=nonsense", 400, "invalid_cursor"),
        ("cursor=e30", 400, "invalid_cursor"),
        ("actor=7", 400, "unknown_field"),
    ] {
        let answer = world.ask(&olga, &format!("/audit-log?{query}")).await;
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{query}");
    }
}
