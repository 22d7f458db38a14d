//! GET, POST /accounts/me/invites · POST …/bulk · DELETE …/{id} · POST …/{id}/resend

use reqwest::Method;
use serde_json::{Value, json};
use tollgate_testkit::burst;

use crate::world::{Answer, DAY, Person, Setup, World, raw_post};

async fn list(world: &World, by: &Person) -> Answer {
    world.get("/accounts/me/invites").by(by).send().await
}

async fn revoke(world: &World, by: &Person, id: &str) -> Answer {
    let path = format!("/api/v1/accounts/me/invites/{id}");
    world.call(0, Method::DELETE, &path).by(by).send().await
}

async fn resend(world: &World, by: &Person, id: &str) -> Answer {
    let path = format!("/accounts/me/invites/{id}/resend");
    world.post(&path).by(by).send().await
}

async fn bulk(world: &World, by: &Person, invites: Value) -> Answer {
    let call = world.post("/accounts/me/invites/bulk");
    call.by(by)
        .json(&json!({ "invites": invites }))
        .send()
        .await
}

fn id(invite: &Value) -> String {
    invite["id"].as_str().unwrap().to_owned()
}

async fn states(world: &World, by: &Person) -> Vec<String> {
    let listed = list(world, by).await.ok(200);
    let items = listed["items"].as_array().unwrap();
    items
        .iter()
        .map(|one| one["state"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn an_admin_invites_and_the_mail_leaves() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let invited = world.invite(&ada, "Bob", "engineer").await;
    insta::assert_snapshot!(invited);
    world.drain().await;
    insta::assert_snapshot!(
        "the_mail_of_an_invitation",
        world.mails_to("bob@example.com").join("\n\n")
    );
    let listed = list(&world, &ada).await.ok(200);
    assert_eq!(listed["items"][0]["email_sent_at"], "2027-01-04T09:00:00Z");
    assert_eq!(listed["next_cursor"], Value::Null);
}

#[tokio::test]
async fn whoever_is_a_member_or_invited_is_not_invited_again() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.invite(&ada, "Bob", "viewer").await.ok(201);
    for (name, code) in [
        ("Ada", "already_member"),
        ("Bob", "invite_pending"),
        ("BOB", "invite_pending"),
    ] {
        let again = world.invite(&ada, name, "viewer").await;
        assert_eq!(again.refusal(), (409, code.to_owned()), "{name}");
    }
    // Who is known elsewhere is invited like anybody.
    world.person("Cleo").await;
    world.invite(&ada, "Cleo", "viewer").await.ok(201);
}

#[tokio::test]
async fn t67_inviting_tells_nothing_of_who_is_known() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.person("Cleo").await;
    let known = world.invite(&ada, "Cleo", "viewer").await;
    let unknown = world.invite(&ada, "Dora", "viewer").await;
    let shape = |answer: &Answer| answer.to_string().replace("cleo", "x").replace("dora", "x");
    assert_eq!(shape(&known), shape(&unknown));
}

#[tokio::test]
async fn t65_what_is_wrong_with_an_invitation_is_said_at_once() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.drain().await;
    let before = world.rows().await;
    let body = json!({ "email": "bob", "role": "owner", "expires_in_days": 31 });
    let call = world.post("/accounts/me/invites").by(&ada).json(&body);
    let answer = call.send().await.ok(422);
    let fields = answer["detail"]["fields"].as_array().unwrap();
    let codes: Vec<_> = fields
        .iter()
        .map(|field| field["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["invalid_email", "invalid_role", "out_of_range"]);
    assert_eq!(world.rows().await, before);
}

#[tokio::test]
async fn of_fifty_at_once_one_invites_the_address() {
    let world = Setup::default().two_nodes().start().await;
    let ada = world.person("Ada").await;
    let body = json!({ "email": "bob@example.com", "role": "viewer" }).to_string();
    let bearer = format!("Bearer {}", ada.access);
    let request = |nth: usize| {
        let node = world.address(nth % 2);
        let headers = [("authorization", bearer.as_str())];
        (
            node,
            raw_post(node, "/api/v1/accounts/me/invites", &headers, &body),
        )
    };
    let replies = burst((0..50).map(request).collect()).await.unwrap();
    let of = |status: u16| {
        replies
            .iter()
            .filter(|reply| reply.status == status)
            .count()
    };
    assert_eq!((of(201), of(409)), (1, 49), "{replies:?}");
    world.drain().await;
    assert_eq!(world.mails_to("bob@example.com").len(), 1);
    assert_eq!(world.count("SELECT count(*) FROM account_invites").await, 1);
}

#[tokio::test]
async fn an_invitation_that_has_expired_is_shown_and_makes_room_for_another() {
    let world = World::start().await;
    let mut ada = world.owner("Ada", 2).await;
    let first = world.invited(&ada, "Bob", "viewer").await;
    let full = world.invite(&ada, "Cleo", "viewer").await;
    assert_eq!(full.refusal(), (402, "limit_reached".to_owned()));
    world.advance(DAY * 14).await;
    world.sign_in(&mut ada).await;
    assert_eq!(states(&world, &ada).await, ["expired"]);
    assert_eq!(world.join("Bob", &first).await.refusal().0, 400);
    let second = world.invited(&ada, "Bob", "engineer").await;
    assert_ne!(first, second);
    assert_eq!(states(&world, &ada).await, ["live"]);
    assert_eq!(world.join("Bob", &first).await.refusal().0, 400);
    world.join("Bob", &second).await.ok(201);
    assert_eq!(states(&world, &ada).await, ["accepted"]);
}

#[tokio::test]
async fn an_invitation_is_taken_back_once_and_for_all() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let invite = world.invite(&ada, "Bob", "viewer").await.ok(201);
    world.drain().await;
    let code = world.mailed_code("Bob");
    for _ in 0..2 {
        revoke(&world, &ada, &id(&invite)).await.ok(204);
    }
    assert_eq!(states(&world, &ada).await, ["revoked"]);
    assert_eq!(world.join("Bob", &code).await.refusal().0, 400);
    let resent = resend(&world, &ada, &id(&invite)).await;
    assert_eq!(resent.refusal(), (409, "invite_revoked".to_owned()));
    let audited = "SELECT count(*) FROM audit_log WHERE action = 'invite_revoked'";
    assert_eq!(world.count(audited).await, 1);
    world.member(&ada, "Bob", "viewer").await;
    let listed = list(&world, &ada).await.ok(200);
    let listed = listed["items"].as_array().unwrap();
    let is_accepted = |one: &&Value| one["state"] == "accepted";
    let accepted = id(listed.iter().find(is_accepted).unwrap());
    for answer in [
        revoke(&world, &ada, &accepted).await,
        resend(&world, &ada, &accepted).await,
    ] {
        assert_eq!(
            answer.refusal(),
            (400, "invite_already_accepted".to_owned())
        );
    }
}

#[tokio::test]
async fn t68_an_invitation_of_another_account_is_none() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let eve = world.person("Eve").await;
    let invite = world.invite(&ada, "Bob", "viewer").await.ok(201);
    for unknown in [
        id(&invite),
        uuid::Uuid::nil().to_string(),
        "none".to_owned(),
    ] {
        for answer in [
            revoke(&world, &eve, &unknown).await,
            resend(&world, &eve, &unknown).await,
        ] {
            assert_eq!(answer.refusal(), (404, "not_found".to_owned()), "{unknown}");
        }
    }
    assert_eq!(list(&world, &eve).await.ok(200)["items"], json!([]));
    assert_eq!(states(&world, &ada).await, ["live"]);
}

#[tokio::test]
async fn sending_again_makes_a_new_link_five_times() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let invite = world.invite(&ada, "Bob", "viewer").await.ok(201);
    world.drain().await;
    let mut code = world.mailed_code("Bob");
    for nth in 1..=5 {
        let sent = resend(&world, &ada, &id(&invite)).await.ok(200);
        assert_eq!(sent["resend_count"], nth);
        world.drain().await;
        let old = std::mem::replace(&mut code, world.mailed_code("Bob"));
        assert_ne!(old, code);
        let look_up = world
            .get(&format!("/accounts/invites/{old}/lookup"))
            .send()
            .await;
        assert_eq!(look_up.refusal().0, 404);
    }
    let sixth = resend(&world, &ada, &id(&invite)).await;
    assert_eq!(sixth.refusal(), (429, "resend_limit_reached".to_owned()));
    assert_eq!(world.mails_to("bob@example.com").len(), 6);
    world.join("Bob", &code).await.ok(201);
}

#[tokio::test]
async fn f25_an_invitation_that_would_be_dead_on_arrival_is_not_sent() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.drain().await;
    world
        .execute(
            "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN NEW.run_at := now() + interval '1 hour'; RETURN NEW; END $$;
             CREATE TRIGGER hold BEFORE INSERT ON graphile_worker._private_jobs
             FOR EACH ROW EXECUTE FUNCTION hold();",
        )
        .await;
    let bob = world.invite(&ada, "Bob", "viewer").await.ok(201);
    let cleo = world.invite(&ada, "Cleo", "viewer").await.ok(201);
    revoke(&world, &ada, &id(&bob)).await.ok(204);
    resend(&world, &ada, &id(&cleo)).await.ok(200);
    release(&world).await;
    assert_eq!(world.mails_to("bob@example.com").len(), 0);
    assert_eq!(world.mails_to("cleo@example.com").len(), 1);
}

/// Lets everything run that waits, whatever for.
async fn release(world: &World) {
    world
        .execute(
            "DROP TRIGGER IF EXISTS hold ON graphile_worker._private_jobs;
             SELECT graphile_worker.reschedule_jobs(
                 (SELECT array_agg(id) FROM graphile_worker._private_jobs), run_at => now());",
        )
        .await;
    world.drain().await;
}

#[tokio::test]
async fn the_inviter_is_told_once_of_an_invitation_that_ends_unused_and_of_no_other() {
    let world = World::start().await;
    let mut ada = world.owner("Ada", 9).await;
    let used = world.invited(&ada, "Bob", "viewer").await;
    world.invited(&ada, "Cleo", "viewer").await;
    let dan = world.invite(&ada, "Dan", "viewer").await.ok(201);
    world.join("Bob", &used).await.ok(201);
    revoke(&world, &ada, &id(&dan)).await.ok(204);
    let due: Vec<String> = sqlx::query_scalar(
        "SELECT run_at::text FROM graphile_worker._private_jobs j
         JOIN graphile_worker._private_tasks t ON t.id = j.task_id
         WHERE t.identifier = 'mail_invite_expiring'",
    )
    .fetch_all(world.database.pool())
    .await
    .unwrap();
    assert_eq!(due, ["2027-01-16 09:00:00+00"; 3]);
    world.clock.advance(DAY * 12);
    let before = world.mails_to(&ada.email).len();
    release(&world).await;
    let told = world.mails_to(&ada.email).split_off(before);
    assert_eq!(told.len(), 1);
    insta::assert_snapshot!(told[0]);
    world.sign_in(&mut ada).await;
    // One that is so short is not announced.
    let body = json!({ "email": "eve@example.com", "role": "viewer", "expires_in_days": 2 });
    let call = world.post("/accounts/me/invites").by(&ada).json(&body);
    call.send().await.ok(201);
    release(&world).await;
    assert_eq!(world.mails_to(&ada.email).len(), before + 1);
}

#[tokio::test]
async fn a_list_says_of_each_what_came_of_it() {
    let world = World::start().await;
    let ada = world.owner("Ada", 4).await;
    world.invite(&ada, "Bob", "viewer").await.ok(201);
    let one = |email: &str, role: &str| json!({ "email": email, "role": role });
    let answer = bulk(
        &world,
        &ada,
        json!([
            one("ADA@example.com", "viewer"),
            one("bob@example.com", "viewer"),
            one("nobody", "viewer"),
            one("cleo@example.com", "owner"),
            one("cleo@example.com", "admin"),
            one("Cleo@example.com", "viewer"),
            one("dan@example.com", "engineer"),
            one("eve@example.com", "viewer"),
            { "email": "fay@example.com", "role": "viewer", "expires_in_days": 0 },
        ]),
    )
    .await
    .ok(201);
    let of = |list: &str, keys: [&str; 2]| -> Vec<String> {
        let items = answer[list].as_array().unwrap();
        let text = |item: &Value| keys.map(|key| item[key].as_str().unwrap().to_owned());
        items.iter().map(|item| text(item).join(" ")).collect()
    };
    assert_eq!(
        of("created", ["email", "role"]),
        ["cleo@example.com admin", "dan@example.com engineer"]
    );
    let mut failed = of("failed", ["email", "error"]);
    failed.sort();
    assert_eq!(
        failed,
        [
            "ADA@example.com already_member",
            "Cleo@example.com invite_pending",
            "bob@example.com invite_pending",
            "cleo@example.com invalid_role",
            "eve@example.com limit_reached",
            "fay@example.com out_of_range",
            "nobody invalid_email",
        ]
    );
    world.drain().await;
    for name in ["cleo", "dan"] {
        assert_eq!(world.mails_to(&format!("{name}@example.com")).len(), 1);
    }
}

#[tokio::test]
async fn a_list_has_one_to_fifty_people_on_it() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let list = |n: usize| -> Value {
        let one = |nth| json!({ "email": format!("p{nth}@example.com"), "role": "viewer" });
        (0..n).map(one).collect()
    };
    for n in [0, 51] {
        let answer = bulk(&world, &ada, list(n)).await;
        assert_eq!(answer.refusal(), (422, "validation_failed".to_owned()));
    }
    bulk(&world, &ada, list(50)).await.ok(201);
}
