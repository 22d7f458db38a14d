//! GET /users/me/export

use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn a_person_gets_everything_that_is_held_about_them() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.person("Bob").await;
    let lead = json!({
        "email": ada.email, "name": "Ada", "company": "Engines", "source": "pricing_page",
    });
    assert_eq!(
        world.post("/sales-leads").json(&lead).send().await.status,
        201
    );
    let before = world.get("/users/me/export").by(&ada).send().await.ok(200);
    assert_eq!(
        before["sales_leads"],
        json!([]),
        "the address may be somebody else's"
    );
    world.verify(&ada).await;
    let answer = world.get("/users/me/export").by(&ada).send().await;
    assert_eq!(
        answer.header("content-disposition"),
        Some("attachment; filename=\"export.json\"")
    );
    let held: Value = answer.ok(200);
    let kinds: Vec<_> = held.as_object().unwrap().keys().collect();
    assert_eq!(
        kinds,
        [
            "invite_codes",
            "mailed_links",
            "memberships",
            "sales_leads",
            "sessions",
            "sign_in_providers",
            "user"
        ]
    );
    assert_eq!(held["user"]["email"], "ada@example.com");
    assert_eq!(held["memberships"][0]["role"], "owner");
    assert_eq!(held["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(held["mailed_links"][0]["purpose"], "verify");
    assert_eq!(held["sales_leads"][0]["company"], "Engines");
}

#[tokio::test]
async fn whoever_signed_in_often_gets_every_session_once() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let bob = world.person("Bob").await;
    // Many at the same moment, over several pieces of the answer.
    sqlx::query(
        "INSERT INTO auth_sessions (id, user_id, account_id, created_at, last_active, revoked_at)
         SELECT gen_random_uuid(), u.id, m.account_id, now(),
             '2026-01-01'::timestamptz + (n / 700) * interval '1 day', now()
         FROM users u JOIN memberships m ON m.user_id = u.id, generate_series(1, 1700) n",
    )
    .execute(world.database.pool())
    .await
    .unwrap();
    let held = world.get("/users/me/export").by(&ada).send().await.ok(200);
    let sessions = held["sessions"].as_array().unwrap();
    let ids: std::collections::BTreeSet<_> = sessions
        .iter()
        .map(|session| session["id"].as_str().unwrap())
        .collect();
    assert_eq!((sessions.len(), ids.len()), (1701, 1701));
    let of_bob = format!("\"{}\"", bob.account);
    assert!(!held.to_string().contains(&of_bob));
}

#[tokio::test]
async fn t70_an_export_holds_no_secret_and_nobody_else() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let bob = world.person("Bob").await;
    let held = world.get("/users/me/export").by(&ada).send().await.text;
    let secrets: Vec<String> = sqlx::query_scalar(
        "SELECT password_hash FROM users UNION SELECT encode(hash, 'hex') FROM refresh_tokens
         UNION SELECT encode(hash, 'hex') FROM one_time_tokens",
    )
    .fetch_all(world.database.pool())
    .await
    .unwrap();
    assert!(secrets.len() >= 5, "{secrets:?}");
    for secret in secrets
        .iter()
        .chain([&bob.email, &bob.id, &ada.access, &ada.refresh])
    {
        assert!(!held.contains(secret.as_str()), "{secret}");
    }
    let strange = world.get("/users/me/export").send().await;
    assert_eq!(strange.refusal(), (401, "not_authenticated".to_owned()));
}
