//! GET /accounts/me/members · PATCH, DELETE /accounts/me/members/{id}

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tollgate_identity::Role;
use tollgate_primitives::JobKey;
use tollgate_testkit::burst;
use tollgate_use_cases::{
    ports::{JobKind, TeamNotice},
    run_job,
};
use uuid::Uuid;

use crate::world::{Answer, PASSWORD, Person, Setup, World, raw_post};

async fn change(world: &World, by: &Person, id: &str, role: &str) -> Answer {
    let path = format!("/api/v1/accounts/me/members/{id}");
    let call = world.call(0, Method::PATCH, &path).by(by);
    call.json(&json!({ "role": role })).send().await
}

async fn remove(world: &World, by: &Person, id: &str) -> Answer {
    let path = format!("/api/v1/accounts/me/members/{id}");
    world.call(0, Method::DELETE, &path).by(by).send().await
}

async fn roles(world: &World, by: &Person) -> Vec<String> {
    let listed = world
        .get("/accounts/me/members")
        .by(by)
        .send()
        .await
        .ok(200);
    let items = listed["items"].as_array().unwrap();
    let text = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
    let mut roles: Vec<_> = items
        .iter()
        .map(|one| format!("{} {}", text(one, "name"), text(one, "role")))
        .collect();
    roles.sort();
    roles
}

#[tokio::test]
async fn a_member_is_raised_lowered_and_put_out() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let bob = world.member(&ada, "Bob", "viewer").await;
    assert_eq!(roles(&world, &bob).await, ["Ada owner", "Bob viewer"]);
    let raised = change(&world, &ada, &bob.id, "admin").await;
    insta::assert_snapshot!(raised, @r#"
    200
    {
      "email": "bob@example.com",
      "joined_at": "2027-01-04T09:00:00Z",
      "name": "Bob",
      "role": "admin",
      "user_id": "[id]"
    }
    "#);
    world.invite(&bob, "Cleo", "admin").await.ok(201);
    change(&world, &ada, &bob.id, "engineer").await.ok(200);
    assert_eq!(
        world.invite(&bob, "Dan", "viewer").await.refusal(),
        (403, "role_required".to_owned())
    );
    // Whoever was lowered leaves no invitation behind that they could not make any more.
    let listed = world
        .get("/accounts/me/invites")
        .by(&ada)
        .send()
        .await
        .ok(200);
    let invites = listed["items"].as_array().unwrap();
    let of_cleo = |one: &&Value| one["email"] == "cleo@example.com";
    assert_eq!(invites.iter().find(of_cleo).unwrap()["state"], "revoked");
    remove(&world, &ada, &bob.id).await.ok(204);
    assert_eq!(roles(&world, &ada).await, ["Ada owner"]);
    assert_eq!(world.get("/auth/me").by(&bob).send().await.status, 401);
    let refreshed = world
        .post("/auth/refresh")
        .bearer(&bob.refresh)
        .send()
        .await;
    assert_eq!(refreshed.refusal(), (401, "token_revoked".to_owned()));
    assert_eq!(
        remove(&world, &ada, &bob.id).await.refusal(),
        (404, "not_found".to_owned())
    );
    let trail = "SELECT count(*) FROM audit_log WHERE action IN ('role_changed', 'member_removed')";
    assert_eq!(world.count(trail).await, 3);
}

#[tokio::test]
async fn whose_place_changed_is_told_and_only_what_still_holds() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let bob = world.member(&ada, "Bob", "viewer").await;
    let cleo = world.member(&ada, "Cleo", "viewer").await;
    for role in ["admin", "admin"] {
        change(&world, &ada, &bob.id, role).await.ok(200);
        world.drain().await;
    }
    remove(&world, &ada, &bob.id).await.ok(204);
    // Who leaves by themselves knows.
    remove(&world, &cleo, &cleo.id).await.ok(204);
    world.drain().await;
    let told = |person: &Person| world.mails_to(&person.email);
    insta::assert_snapshot!(told(&bob)[1..].join("\n\n"));
    assert_eq!(told(&cleo).len(), 1, "her invitation");
    let subjects = |person: &Person| told(person).join("");
    assert!(!subjects(&ada).contains("role"), "{}", subjects(&ada));

    let sent = told(&bob).len();
    for notice in [
        TeamNotice::BecameOwner,
        TeamNotice::HandedOver,
        TeamNotice::RoleChanged { role: Role::Admin },
    ] {
        let late = JobKind::MailTeamNotice {
            account: ada.account.parse().unwrap(),
            to: bob.id.parse().unwrap(),
            notice,
        };
        let key = JobKey::new("mail-team", "late");
        run_job(world.app(), &key, late).await.unwrap();
    }
    assert_eq!(told(&bob).len(), sent);
}

#[tokio::test]
async fn whoever_is_put_out_keeps_what_else_they_belong_to() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let bob = world.person("Bob").await;
    world.verify(&bob).await;
    let code = world.invited(&ada, "Bob", "viewer").await;
    world.accept(&bob, &code).await.ok(200);
    let body = json!({ "account_id": ada.account });
    let switch = world.post("/users/me/current-account").by(&bob).json(&body);
    let tokens = switch.send().await.ok(200);
    let there = tokens["access_token"].as_str().unwrap();
    world.get("/auth/me").bearer(there).send().await.ok(200);
    remove(&world, &ada, &bob.id).await.ok(204);
    assert_eq!(world.get("/auth/me").bearer(there).send().await.status, 401);
    let me = world.get("/auth/me").by(&bob).send().await.ok(200);
    assert_eq!(me["memberships"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn who_belongs_to_nothing_any_more_finds_an_empty_account_at_the_next_sign_in() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let mut bob = world.member(&ada, "Bob", "viewer").await;
    remove(&world, &bob, &bob.id).await.ok(204);
    let accounts = "SELECT count(*) FROM accounts";
    assert_eq!(world.count(accounts).await, 1);
    world.sign_in(&mut bob).await;
    world.sign_in(&mut bob).await;
    assert_eq!(world.count(accounts).await, 2);
    let me = world.get("/auth/me").by(&bob).send().await.ok(200);
    assert_eq!(me["account_role"], "owner");
    assert_eq!(me["memberships"][0]["account_name"], "Bob");
    let gate = world.get("/gate").by(&bob).send().await;
    assert_eq!(gate.refusal(), (402, "no_subscription".to_owned()));
}

#[tokio::test]
async fn of_twenty_who_sign_in_at_once_without_an_account_one_gets_a_new_one() {
    let world = Setup::default().two_nodes().start().await;
    let ada = world.person("Ada").await;
    let bob = world.member(&ada, "Bob", "viewer").await;
    remove(&world, &bob, &bob.id).await.ok(204);
    let body = json!({ "email": bob.email, "password": PASSWORD }).to_string();
    let request = |nth: usize| {
        let node = world.address(nth % 2);
        (node, raw_post(node, "/api/v1/auth/login/json", &[], &body))
    };
    let replies = burst((0..20).map(request).collect()).await.unwrap();
    assert!(
        replies.iter().all(|reply| reply.status == 200),
        "{replies:?}"
    );
    assert_eq!(world.count("SELECT count(*) FROM accounts").await, 2);
}

#[tokio::test]
async fn everybody_may_leave_but_the_last_owner() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    for (name, role) in [("Bob", "viewer"), ("Cleo", "engineer"), ("Dan", "admin")] {
        let person = world.member(&ada, name, role).await;
        remove(&world, &person, &person.id).await.ok(204);
    }
    for answer in [
        remove(&world, &ada, &ada.id).await,
        change(&world, &ada, &ada.id, "admin").await,
    ] {
        assert_eq!(answer.refusal(), (409, "last_owner".to_owned()));
    }
    let eve = world.member(&ada, "Eve", "viewer").await;
    change(&world, &ada, &eve.id, "owner").await.ok(200);
    remove(&world, &ada, &ada.id).await.ok(204);
    assert_eq!(roles(&world, &eve).await, ["Eve owner"]);
}

#[tokio::test]
async fn t65_of_twenty_owners_who_put_each_other_out_at_once_one_stays() {
    let world = Setup::default().two_nodes().start().await;
    let ada = world.owner("Ada", 25).await;
    world
        .execute(
            "INSERT INTO users (id, email, name, created_at)
                 SELECT gen_random_uuid(), 'owner-' || n || '@example.com', 'Owner', '2027-01-01Z'
                 FROM generate_series(1, 19) n;
             INSERT INTO memberships SELECT m.account_id, u.id, 'owner', '2027-01-01Z'
                 FROM memberships m, users u WHERE u.name = 'Owner';
             INSERT INTO auth_sessions (id, user_id, account_id, created_at, last_active)
                 SELECT gen_random_uuid(), m.user_id, m.account_id, '2027-01-04T09:00Z', '2027-01-04T09:00Z'
                 FROM memberships m JOIN users u ON u.id = m.user_id AND u.name = 'Owner'",
        )
        .await;
    let owners: Vec<(Uuid, Uuid)> = sqlx::query_as(
        "SELECT DISTINCT ON (m.user_id) m.user_id, s.id FROM memberships m
         JOIN auth_sessions s ON s.user_id = m.user_id AND s.account_id = m.account_id ORDER BY m.user_id",
    )
    .fetch_all(world.database.pool())
    .await
    .unwrap();
    assert_eq!(owners.len(), 20);
    let account = ada.account.parse().unwrap();
    let bearer = |(user, session): &(Uuid, Uuid)| world.bearer((*user, *session, account));
    let bearers: Vec<_> = owners.iter().map(bearer).collect();
    // Everybody puts out the next one.
    let request = |nth: usize| {
        let node = world.address(nth % 2);
        let target = owners[(nth + 1) % owners.len()].0;
        let path = format!("/api/v1/accounts/me/members/{target}");
        let headers = [("authorization", bearers[nth].as_str())];
        let text = String::from_utf8(raw_post(node, &path, &headers, "")).unwrap();
        (node, text.replacen("POST", "DELETE", 1).into_bytes())
    };
    let replies = burst((0..20).map(request).collect()).await.unwrap();
    assert!(
        replies.iter().all(|reply| reply.status < 500),
        "{replies:?}"
    );
    let gone = replies.iter().filter(|reply| reply.status == 204).count();
    let left = world
        .count("SELECT count(*) FROM memberships WHERE role = 'owner'")
        .await;
    assert!((1..20).contains(&left), "{left}");
    assert_eq!(i64::try_from(gone).unwrap() + left, 20);
}

#[tokio::test]
async fn t73_a_role_that_was_taken_counts_on_every_node_at_once() {
    let world = Setup::default().two_nodes().start().await;
    let ada = world.person("Ada").await;
    let bob = world.member(&ada, "Bob", "admin").await;
    let ask = async |node: usize| {
        let call = world.call(node, Method::GET, "/api/v1/accounts/me/invites");
        call.by(&bob).send().await.status
    };
    for node in [0, 1] {
        assert_eq!(ask(node).await, 200);
    }
    change(&world, &ada, &bob.id, "viewer").await.ok(200);
    let committed = Instant::now();
    for node in [0, 1] {
        assert_eq!(ask(node).await, 403);
    }
    remove(&world, &ada, &bob.id).await.ok(204);
    for node in [0, 1] {
        assert_eq!(ask(node).await, 401);
    }
    assert!(committed.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn t71_members_come_in_pages_that_are_good_for_one_account() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let eve = world.person("Eve").await;
    world
        .execute(
            "INSERT INTO users (id, email, name, created_at)
                 SELECT gen_random_uuid(), 'p' || n || '@example.com', 'P', now() FROM generate_series(1, 60) n;
             INSERT INTO memberships SELECT m.account_id, u.id, 'viewer', now()
                 FROM memberships m JOIN users a ON a.id = m.user_id AND a.name = 'Ada', users u WHERE u.name = 'P'",
        )
        .await;
    let page = async |by: &Person, cursor: &str| {
        let path = format!("/accounts/me/members?{cursor}");
        world.get(&path).by(by).send().await
    };
    let first = page(&ada, "").await.ok(200);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = page(&ada, &format!("cursor={cursor}")).await.ok(200);
    let mut ids: Vec<_> = [&first, &second]
        .iter()
        .flat_map(|page| page["items"].as_array().unwrap())
        .map(|one| one["user_id"].as_str().unwrap())
        .collect();
    assert_eq!((ids.len(), &second["next_cursor"]), (61, &Value::Null));
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 61);
    for (by, cursor) in [(&eve, cursor), (&ada, "none"), (&ada, &cursor[1..])] {
        let refused = page(by, &format!("cursor={cursor}")).await;
        assert_eq!(
            refused.refusal(),
            (400, "invalid_cursor".to_owned()),
            "{cursor}"
        );
    }
}
