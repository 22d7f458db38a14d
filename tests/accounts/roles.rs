//! Who may do what to whom, as one table.

use std::fmt::Write as _;

use reqwest::Method;
use serde_json::json;
use tollgate::http::ROUTES;

use crate::world::{Person, World};

const TARGETS: [&str; 6] = ["viewer", "engineer", "admin", "owner", "super", ""];

/// Whoever asks: nobody, an outsider, and a member of each role.
async fn actors(world: &World) -> (Person, Vec<(&'static str, Option<Person>)>) {
    let ada = world.person("Ada").await;
    world
        .execute("INSERT INTO account_limit_overrides SELECT id, 'max_users', 900 FROM accounts")
        .await;
    let mut actors = vec![
        ("nobody", None),
        ("outsider", Some(world.person("Eve").await)),
    ];
    for role in ["viewer", "engineer", "admin"] {
        actors.push((role, Some(world.member(&ada, role, role).await)));
    }
    actors.push(("owner", Some(ada.clone())));
    (ada, actors)
}

/// Every actor invites, raises a viewer, and accepts an invitation while asking for another role.
#[tokio::test]
async fn t65_nobody_grants_above_their_own_role_whichever_way() {
    let world = World::start().await;
    let (ada, actors) = actors(&world).await;
    let code = world.invited(&ada, "Guest", "viewer").await;
    let guest = world.person("Guest").await;
    world.verify(&guest).await;
    let raised = json!({ "role": "owner" });
    let path = format!("/accounts/invites/{code}/accept?role=owner");
    let accepted = world.post(&path).by(&guest).json(&raised).send().await;
    assert_eq!(accepted.ok(200)["role"], "viewer");
    let mut table = String::new();
    let mut cases = 0;
    for (who, actor) in &actors {
        for target in TARGETS {
            let mut said = Vec::new();
            let invite = json!({ "email": format!("{who}-{target}@x.example"), "role": target });
            let change = json!({ "role": target });
            let path = format!("/api/v1/accounts/me/members/{}", guest.id);
            let accept = format!("/api/v1/accounts/invites/{code}/accept?role={target}");
            for (method, path, body) in [
                (Method::POST, "/api/v1/accounts/me/invites", &invite),
                (Method::PATCH, path.as_str(), &change),
                (Method::POST, accept.as_str(), &change),
            ] {
                let mut call = world.call(0, method, path).json(body);
                if let Some(actor) = actor {
                    call = call.by(actor);
                }
                said.push(call.send().await.status.to_string());
                cases += 1;
            }
            lower(&world, &guest, &ada).await;
            writeln!(table, "{who:8} {target:8} {}", said.join(" ")).unwrap();
        }
    }
    assert_eq!(cases, 108);
    insta::assert_snapshot!(table, @"
    nobody   viewer   401 401 401
    nobody   engineer 401 401 401
    nobody   admin    401 401 401
    nobody   owner    401 401 401
    nobody   super    401 401 401
    nobody            401 401 401
    outsider viewer   201 404 404
    outsider engineer 201 404 404
    outsider admin    201 404 404
    outsider owner    422 404 404
    outsider super    422 422 404
    outsider          422 422 404
    viewer   viewer   403 403 404
    viewer   engineer 403 403 404
    viewer   admin    403 403 404
    viewer   owner    422 403 404
    viewer   super    422 422 404
    viewer            422 422 404
    engineer viewer   403 403 404
    engineer engineer 403 403 404
    engineer admin    403 403 404
    engineer owner    422 403 404
    engineer super    422 422 404
    engineer          422 422 404
    admin    viewer   201 200 404
    admin    engineer 201 200 404
    admin    admin    201 200 404
    admin    owner    422 403 404
    admin    super    422 422 404
    admin             422 422 404
    owner    viewer   201 200 404
    owner    engineer 201 200 404
    owner    admin    201 200 404
    owner    owner    422 200 404
    owner    super    422 422 404
    owner             422 422 404
    ");
}

/// `guest` is a viewer of the account again.
async fn lower(world: &World, guest: &Person, account: &Person) {
    sqlx::query(
        "UPDATE memberships SET role = 'viewer' WHERE user_id = $1::uuid AND account_id = $2::uuid",
    )
    .bind(&guest.id)
    .bind(&account.account)
    .execute(world.database.pool())
    .await
    .unwrap();
}

/// A change of this table is a decision, and is read as one.
#[test]
fn t69_who_may_call_what() {
    let mut table = String::new();
    for route in ROUTES {
        writeln!(table, "{:?} {} {}", route.who, route.method, route.path).unwrap();
    }
    insta::assert_snapshot!(table);
}
