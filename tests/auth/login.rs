//! POST /auth/login and /auth/login/json

use serde_json::json;
use tollgate_testkit::burst;

use crate::world::{Answer, PASSWORD, Setup, World, raw_post};

async fn by_json(world: &World, email: &str, password: &str) -> Answer {
    let body = json!({ "email": email, "password": password });
    world.post("/auth/login/json").json(&body).send().await
}

async fn by_form(world: &World, username: &str, password: &str) -> Answer {
    let form = [("username", username), ("password", password)];
    world.post("/auth/login").form(&form).send().await
}

#[tokio::test]
async fn a_person_signs_in_by_form_and_by_json() {
    let world = World::start().await;
    world.person("Ada").await;
    let json = by_json(&world, "ada@example.com", PASSWORD).await;
    insta::assert_snapshot!(json, @r#"
    200
    {
      "access_token": "[access token]",
      "expires_in": 900,
      "refresh_token": "[refresh token]",
      "token_type": "bearer"
    }
    "#);
    let form = by_form(&world, " ADA@example.com", PASSWORD).await;
    assert_eq!(form.to_string(), json.to_string());
    let fields = [
        ("grant_type", "password"),
        ("username", "ada@example.com"),
        ("password", PASSWORD),
    ];
    let oauth = world.post("/auth/login").form(&fields).send().await;
    assert_eq!(oauth.to_string(), json.to_string());
}

#[tokio::test]
async fn t04_nobody_learns_who_has_an_account() {
    let world = World::start().await;
    world.person("Ada").await;
    let face = |answer: &Answer| {
        let mut names: Vec<_> = answer.headers.keys().map(ToString::to_string).collect();
        names.sort();
        (answer.status, names, answer.text.clone())
    };
    let wrong_password = by_json(&world, "ada@example.com", "wrong-otter-47-lamp").await;
    insta::assert_snapshot!(wrong_password, @r#"
    401
    www-authenticate: Bearer
    {
      "detail": {
        "error": "invalid_credentials",
        "message": "Address or password is not right; try again, or reset the password."
      }
    }
    "#);
    for (email, password) in [
        ("eve@example.com", PASSWORD),
        ("no address at all", PASSWORD),
        ("ada@example.com", ""),
        ("ada@example.com", "violet-otter-47-lamp\0"),
        ("ada@example.com", "Violet-otter-47-lamp"),
        ("eve@example.com", ""),
    ] {
        let json = by_json(&world, email, password).await;
        assert_eq!(face(&json), face(&wrong_password), "{email} {password:?}");
        let form = by_form(&world, email, password).await;
        assert_eq!(face(&form), face(&wrong_password), "{email} {password:?}");
    }
    let long = "x".repeat(3_000);
    assert_eq!(
        face(&by_json(&world, "ada@example.com", &long).await),
        face(&wrong_password)
    );
}

#[tokio::test]
async fn t07_no_part_of_a_password_is_overlooked() {
    let world = World::start().await;
    let password = format!("{}{}", "violet-otter-47-lamp ".repeat(6), "🦦".repeat(30));
    let body = json!({ "email": "ada@example.com", "password": password, "name": "Ada" });
    world
        .post("/auth/register")
        .json(&body)
        .send()
        .await
        .ok(201);
    assert_eq!(
        by_json(&world, "ada@example.com", &password).await.status,
        200
    );
    for wrong in [
        password.replace('🦦', "🐻"),
        password.chars().take(72).collect(),
        format!("{password} "),
        format!("{password}\0"),
    ] {
        assert_eq!(
            by_json(&world, "ada@example.com", &wrong).await.status,
            401,
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn a_person_without_a_password_is_told_how_to_sign_in() {
    let world = World::start().await;
    world.person("Ada").await;
    world
        .execute(
            "UPDATE users SET password_hash = NULL;
             INSERT INTO oauth_identities (user_id, provider, issuer, provider_subject, created_at)
             SELECT id, 'google', 'https://accounts.google.com', '1', created_at FROM users",
        )
        .await;
    let answer = by_json(&world, "ada@example.com", PASSWORD).await;
    insta::assert_snapshot!(answer, @r#"
    400
    {
      "detail": {
        "error": "use_oauth_provider",
        "message": "This person has no password; sign in with one of the providers.",
        "providers": [
          "google"
        ]
      }
    }
    "#);
}

#[tokio::test]
async fn t09_a_storm_of_sign_ins_is_turned_away_and_leaves_the_rest_alone() {
    let world = Setup::default()
        .set("HASH_WORKERS", "1")
        .set("BCRYPT_COST", "10")
        .start()
        .await;
    let ada = world.person("Ada").await;
    let node = world.address(0);
    let body = json!({ "email": "ada@example.com", "password": PASSWORD }).to_string();
    let request = (node, raw_post(node, "/api/v1/auth/login/json", &[], &body));
    let (storm, others) = tokio::join!(burst(vec![request; 40]), async {
        let mut answers = Vec::new();
        for _ in 0..20 {
            answers.push(world.get("/auth/me").by(&ada).send().await.status);
        }
        answers
    });
    let storm = storm.unwrap();
    let with = |status| storm.iter().filter(|reply| reply.status == status).count();
    assert_eq!(with(200) + with(503), 40, "{storm:?}");
    assert!(with(200) >= 1 && with(503) >= 20, "{storm:?}");
    let turned_away = storm.iter().find(|reply| reply.status == 503).unwrap();
    assert!(turned_away.body.contains("\"busy\""), "{turned_away:?}");
    assert!(others.iter().all(|status| *status == 200), "{others:?}");
}
