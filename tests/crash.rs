//! `kill -9`, or the end of the connection, between any two statements: nothing half done, and a
//! repeat succeeds.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use tollgate::system::SystemClock;
use tollgate_stripe_sandbox::signature_header;
use tollgate_testkit::{Database, Point, Proxy};
use tollgate_use_cases::ports::Clock as _;

use crate::world::{PASSWORD, Program, Rows, WEBHOOK_SECRET, rows, set_stripe, settings, taken};

/// More statements than any request takes.
const MANY: usize = 60;

struct Scene {
    database: Database,
    proxy: Proxy,
    settings: Vec<(&'static str, String)>,
    http: reqwest::Client,
}

impl Scene {
    async fn open() -> Self {
        let database = Database::create().await.unwrap();
        let proxy = Proxy::start(database.url()).await.unwrap();
        let mut settings = settings(proxy.url(), "smtp://127.0.0.1:1");
        set_stripe(&mut settings, "http://127.0.0.1:1");
        // With more, those that were idle when all were cut would fail later requests.
        settings.push(("DATABASE_POOL_SIZE", "1".to_owned()));
        Self {
            database,
            proxy,
            settings,
            http: reqwest::Client::new(),
        }
    }

    fn start_program(&self) -> Program {
        Program::start(&self.settings)
    }

    /// Status and body; nothing when the connection broke.
    async fn register(&self, program: &Program, name: &str) -> Option<(u16, Value)> {
        let email = format!("{name}@example.com");
        let body = json!({ "email": email, "password": PASSWORD, "name": "Ada" });
        let request = self.http.post(program.url("/auth/register")).json(&body);
        let response = request.send().await.ok()?;
        Some((response.status().as_u16(), response.json().await.ok()?))
    }

    async fn deliver(&self, program: &Program, event: &Value) -> Option<(u16, Value)> {
        let body = event.to_string();
        let now = SystemClock.now().unix_seconds();
        let signature = signature_header(WEBHOOK_SECRET, now, body.as_bytes());
        let request = self.http.post(program.url("/webhooks/stripe"));
        let response = request
            .header("stripe-signature", signature)
            .body(body)
            .send()
            .await
            .ok()?;
        Some((response.status().as_u16(), response.json().await.ok()?))
    }

    /// Somebody who has bought one seat.
    async fn has_customer(&self, program: &Program) {
        assert_eq!(self.register(program, "ada").await.unwrap().0, 201);
        sqlx::raw_sql(
            "UPDATE accounts SET stripe_customer_id = 'cus_1';
             INSERT INTO plan_prices VALUES ('price_1', 'pro', 'monthly')",
        )
        .execute(self.database.pool())
        .await
        .unwrap();
        let (_, answer) = self.deliver(program, &subscription(1)).await.unwrap();
        assert_eq!(answer, taken(true));
    }

    /// What the killed program left behind, once the database has noticed its end.
    async fn left_behind(&self) -> Rows {
        let mut polls = tokio::time::interval(Duration::from_millis(2));
        loop {
            let connected: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND application_name = 'tollgate'",
            )
            .fetch_one(self.database.pool())
            .await
            .unwrap();
            if connected == 0 {
                return rows(self.database.pool()).await;
            }
            polls.tick().await;
        }
    }
}

/// The rows that were added, by table; tables without any are left out.
fn added(before: &Rows, after: &Rows) -> BTreeMap<String, i64> {
    let difference = |(table, count): (&String, &i64)| (table.clone(), count - before[table]);
    after
        .iter()
        .map(difference)
        .filter(|(_, count)| *count != 0)
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_registration_is_whole_or_has_not_happened() {
    let scene = Scene::open().await;
    let mut program = scene.start_program();
    let before = rows(scene.database.pool()).await;
    assert_eq!(scene.register(&program, "ada").await.unwrap().0, 201);
    let whole = added(&before, &rows(scene.database.pool()).await);
    assert_eq!(whole["public.users"], 1, "{whole:?}");
    for point in [Point::Before, Point::After] {
        let (mut killed, mut committed) = (0, 0);
        for nth in 1..MANY {
            let place = format!("{point:?} statement {nth}");
            let before = rows(scene.database.pool()).await;
            scene.proxy.at_statement(point, nth, program.killer());
            let email = format!("{point:?}-{nth}");
            if let Some((status, _)) = scene.register(&program, &email).await {
                assert_eq!(status, 201);
                scene.proxy.stand_down();
                break;
            }
            killed += 1;
            let left = added(&before, &scene.left_behind().await);
            assert!(left.is_empty() || left == whole, "{place}: {left:?}");
            committed += i32::from(!left.is_empty());
            program = scene.start_program();
            let (status, body) = scene.register(&program, &email).await.unwrap();
            assert_eq!(
                status,
                if left.is_empty() { 201 } else { 409 },
                "{place}: {body}"
            );
            assert_eq!(
                added(&before, &rows(scene.database.pool()).await),
                whole,
                "{place}"
            );
        }
        assert!((8..MANY - 1).contains(&killed), "{killed} statements");
        assert_eq!(
            committed,
            i32::from(point == Point::After),
            "the commit comes last"
        );
    }
}

impl Scene {
    async fn post(
        &self,
        program: &Program,
        path: &str,
        by: &str,
        body: Value,
    ) -> Option<(u16, Value)> {
        let request = self.http.post(program.url(path)).bearer_auth(by);
        let response = request.json(&body).send().await.ok()?;
        Some((response.status().as_u16(), response.json().await.ok()?))
    }

    /// Somebody who may invite many.
    async fn has_inviter(&self, program: &Program) -> String {
        let (_, ada) = self.register(program, "ada").await.unwrap();
        sqlx::raw_sql(
            "INSERT INTO account_limit_overrides SELECT id, 'max_users', 900 FROM accounts",
        )
        .execute(self.database.pool())
        .await
        .unwrap();
        ada["access_token"].as_str().unwrap().to_owned()
    }

    /// An invitation of `email` whose code is what it says.
    async fn has_invited(&self, email: &str, code: &str) {
        sqlx::query(
            "INSERT INTO account_invites
                 (account_id, id, invited_by, email, role, code_id, code_hash, created_at, expires_at)
             SELECT account_id, gen_random_uuid(), user_id, $1, 'viewer', gen_random_uuid(),
                 sha256($2::text::bytea), now(), now() + interval '1 day'
             FROM memberships JOIN users ON users.id = user_id AND users.email = 'ada@example.com'",
        )
        .bind(email)
        .bind(code)
        .execute(self.database.pool())
        .await
        .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_list_of_invitations_takes_as_many_round_trips_as_a_short_one() {
    let scene = Scene::open().await;
    let program = scene.start_program();
    let ada = scene.has_inviter(&program).await;
    let mut counted = Vec::new();
    for (from, n) in [(0, 1), (100, 1), (200, 50)] {
        let one = |nth| json!({ "email": format!("p{nth}@example.com"), "role": "viewer" });
        let invites: Value = (from..from + n).map(one).collect();
        let body = json!({ "invites": invites });
        let before = scene.proxy.passed();
        let path = "/accounts/me/invites/bulk";
        let (status, said) = scene.post(&program, path, &ada, body).await.unwrap();
        assert_eq!((status, &said["failed"]), (201, &json!([])));
        counted.push(scene.proxy.passed() - before);
    }
    // The first finds the catalog not yet kept.
    assert_eq!(counted[1], counted[2], "{counted:?}");
    assert!((8..20).contains(&counted[2]), "{counted:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f01_a_killed_acceptance_is_whole_or_has_not_happened() {
    let scene = Scene::open().await;
    let mut program = scene.start_program();
    scene.has_inviter(&program).await;
    let (_, bob) = scene.register(&program, "bob").await.unwrap();
    let bob = bob["access_token"].as_str().unwrap().to_owned();
    sqlx::raw_sql("UPDATE users SET email_verified_at = now()")
        .execute(scene.database.pool())
        .await
        .unwrap();
    let memberships = async || -> i64 {
        sqlx::query_scalar(
            "SELECT count(*) FROM memberships m JOIN users u ON u.id = m.user_id
             WHERE u.email = 'bob@example.com' AND m.role <> 'owner'",
        )
        .fetch_one(scene.database.pool())
        .await
        .unwrap()
    };
    for point in [Point::Before, Point::After] {
        let (mut killed, mut committed) = (0, 0);
        for nth in 1..MANY {
            let place = format!("{point:?} statement {nth}");
            let code = place.replace(' ', "-");
            scene.leaves("bob@example.com").await;
            scene.has_invited("bob@example.com", &code).await;
            let before = memberships().await;
            let path = format!("/accounts/invites/{code}/accept");
            scene.proxy.at_statement(point, nth, program.killer());
            if let Some((status, said)) = scene.post(&program, &path, &bob, json!({})).await {
                assert_eq!(status, 200, "{place}: {said}");
                scene.proxy.stand_down();
                break;
            }
            killed += 1;
            scene.left_behind().await;
            let joined = memberships().await - before;
            assert!((0..=1).contains(&joined), "{place}: {joined}");
            assert_eq!(scene.accepted(&code).await, joined, "{place}");
            committed += joined;
            program = scene.start_program();
            let (status, said) = scene.post(&program, &path, &bob, json!({})).await.unwrap();
            assert_eq!(
                status,
                if joined == 0 { 200 } else { 404 },
                "{place}: {said}"
            );
            assert_eq!(memberships().await - before, 1, "{place}");
            assert_eq!(scene.accepted(&code).await, 1, "{place}");
        }
        assert!((6..MANY - 1).contains(&killed), "{killed} statements");
        assert_eq!(
            committed,
            i64::from(point == Point::After),
            "the commit comes last"
        );
    }
}

impl Scene {
    /// Somebody who has bought one seat; answers their access token.
    async fn has_buyer(&self, program: &Program, name: &str) -> String {
        let (_, buyer) = self.register(program, name).await.unwrap();
        sqlx::query(
            "UPDATE accounts c SET stripe_customer_id = $1 FROM memberships m, users u
             WHERE m.account_id = c.id AND u.id = m.user_id AND u.email = $2",
        )
        .bind(format!("cus_{name}"))
        .bind(format!("{name}@example.com"))
        .execute(self.database.pool())
        .await
        .unwrap();
        let mut event = subscription(1);
        event["id"] = json!(format!("evt_{name}"));
        event["data"]["object"]["id"] = json!(format!("sub_{name}"));
        event["data"]["object"]["customer"] = json!(format!("cus_{name}"));
        assert_eq!(self.deliver(program, &event).await.unwrap().1, taken(true));
        buyer["access_token"].as_str().unwrap().to_owned()
    }

    async fn erase(&self, program: &Program, by: &str) -> Option<u16> {
        let request = self.http.delete(program.url("/users/me")).bearer_auth(by);
        Some(request.send().await.ok()?.status().as_u16())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f01_a_killed_erasure_is_whole_or_has_not_happened() {
    let scene = Scene::open().await;
    let mut program = scene.start_program();
    sqlx::raw_sql("INSERT INTO plan_prices VALUES ('price_1', 'pro', 'monthly')")
        .execute(scene.database.pool())
        .await
        .unwrap();
    let buyer = scene.has_buyer(&program, "ada").await;
    let before = rows(scene.database.pool()).await;
    assert_eq!(scene.erase(&program, &buyer).await, Some(204));
    let whole = added(&before, &rows(scene.database.pool()).await);
    assert_eq!(whole["public.users"], -1, "{whole:?}");
    assert_eq!(whole["public.audit_log"], 2, "{whole:?}");
    assert_eq!(whole["graphile_worker._private_jobs"], 3, "{whole:?}");
    for point in [Point::Before, Point::After] {
        let (mut killed, mut committed) = (0, 0);
        for nth in 1..MANY {
            let place = format!("{point:?} statement {nth}");
            let name = format!("{point:?}-{nth}").to_lowercase();
            let buyer = scene.has_buyer(&program, &name).await;
            let before = rows(scene.database.pool()).await;
            scene.proxy.at_statement(point, nth, program.killer());
            if let Some(status) = scene.erase(&program, &buyer).await {
                assert_eq!(status, 204, "{place}");
                scene.proxy.stand_down();
                break;
            }
            killed += 1;
            let left = added(&before, &scene.left_behind().await);
            assert!(left.is_empty() || left == whole, "{place}: {left:?}");
            committed += i32::from(!left.is_empty());
            program = scene.start_program();
            let repeated = scene.erase(&program, &buyer).await;
            let expected = if left.is_empty() { 204 } else { 401 };
            assert_eq!(repeated, Some(expected), "{place}");
            let left = added(&before, &rows(scene.database.pool()).await);
            assert_eq!(left, whole, "{place}");
        }
        assert!((12..MANY - 1).contains(&killed), "{killed} statements");
        assert_eq!(
            committed,
            i32::from(point == Point::After),
            "the commit comes last"
        );
    }
}

impl Scene {
    /// Takes everybody with this address out of the accounts of others.
    async fn leaves(&self, email: &str) {
        sqlx::query(
            "DELETE FROM memberships m USING users u
             WHERE u.id = m.user_id AND u.email = $1 AND m.role <> 'owner'",
        )
        .bind(email)
        .execute(self.database.pool())
        .await
        .unwrap();
    }

    /// How many rows of the trail tell of the invitation with this code, which is also marked as used.
    async fn accepted(&self, code: &str) -> i64 {
        sqlx::query_scalar(
            "SELECT count(*) FROM account_invites i JOIN audit_log a
                 ON a.action = 'invite_accepted' AND a.detail ->> 'invite' = i.id::text
             WHERE i.code_hash = sha256($1::text::bytea) AND i.accepted_at IS NOT NULL",
        )
        .bind(code)
        .fetch_one(self.database.pool())
        .await
        .unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_webhook_is_applied_or_has_not_arrived() {
    let scene = Scene::open().await;
    let mut program = scene.start_program();
    scene.has_customer(&program).await;
    let before = rows(scene.database.pool()).await;
    assert_eq!(
        scene.deliver(&program, &subscription(2)).await.unwrap().1["applied"],
        true
    );
    let whole = added(&before, &rows(scene.database.pool()).await);
    for point in [Point::Before, Point::After] {
        let (mut killed, mut committed) = (0, 0);
        for nth in 1..MANY {
            let place = format!("{point:?} statement {nth}");
            let before = (rows(scene.database.pool()).await, seats(&scene).await);
            let event = subscription(before.1 + 1);
            scene.proxy.at_statement(point, nth, program.killer());
            if let Some((status, body)) = scene.deliver(&program, &event).await {
                assert_eq!((status, &body["applied"]), (200, &json!(true)));
                scene.proxy.stand_down();
                break;
            }
            killed += 1;
            let left = added(&before.0, &scene.left_behind().await);
            assert!(left.is_empty() || left == whole, "{place}: {left:?}");
            let is_applied = !left.is_empty();
            assert_eq!(
                seats(&scene).await,
                before.1 + i64::from(is_applied),
                "{place}"
            );
            committed += i32::from(is_applied);
            program = scene.start_program();
            for applied in [!is_applied, false] {
                let answer = scene.deliver(&program, &event).await.unwrap();
                assert_eq!(answer, (200, taken(applied)), "{place}");
            }
            assert_eq!(
                added(&before.0, &rows(scene.database.pool()).await),
                whole,
                "{place}"
            );
            assert_eq!(seats(&scene).await, before.1 + 1, "{place}");
        }
        assert!((2..MANY - 1).contains(&killed), "{killed} statements");
        assert_eq!(
            committed,
            i32::from(point == Point::After),
            "the commit comes last"
        );
    }
}

async fn seats(scene: &Scene) -> i64 {
    sqlx::query_scalar("SELECT seat_limit FROM subscriptions")
        .fetch_one(scene.database.pool())
        .await
        .unwrap()
}

/// The news of a subscription's `seats`, each later than those of fewer.
fn subscription(seats: i64) -> Value {
    let now = SystemClock.now().unix_seconds();
    json!({
        "id": format!("evt_{seats}"),
        "object": "event",
        "type": "customer.subscription.updated",
        "created": now - 1_000 + seats,
        "livemode": false,
        "data": { "object": {
            "id": "sub_1",
            "object": "subscription",
            "customer": "cus_1",
            "status": "active",
            "items": { "data": [{
                "price": { "id": "price_1" },
                "quantity": seats,
                "current_period_start": now,
                "current_period_end": now + 30 * 86_400,
            }] },
        } },
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registration_whose_connection_breaks_is_told_so_and_leaves_nothing() {
    let scene = Scene::open().await;
    let program = scene.start_program();
    let before = rows(scene.database.pool()).await;
    assert_eq!(scene.register(&program, "ada").await.unwrap().0, 201);
    let whole = added(&before, &rows(scene.database.pool()).await);
    for nth in 1..MANY {
        let before = rows(scene.database.pool()).await;
        scene.proxy.at_statement(Point::Before, nth, || {});
        let name = format!("ada-{nth}");
        let (status, body) = scene.register(&program, &name).await.unwrap();
        if status == 201 {
            assert!(nth > 8, "{nth} statements");
            return;
        }
        assert_eq!(
            (status, &body["detail"]["error"]),
            (503, &json!("unavailable"))
        );
        let again = scene.register(&program, &name).await.unwrap();
        assert_eq!(again.0, 201, "statement {nth}");
        let left = added(&before, &rows(scene.database.pool()).await);
        assert_eq!(left, whole, "statement {nth}");
    }
    panic!("no registration went through");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_whose_connection_breaks_is_kept_and_applied_once() {
    let scene = Scene::open().await;
    let program = scene.start_program();
    scene.has_customer(&program).await;
    for point in [Point::Before, Point::After] {
        for nth in 1..MANY {
            let place = format!("{point:?} statement {nth}");
            let before = seats(&scene).await;
            let event = subscription(before + 1);
            scene.proxy.at_statement(point, nth, || {});
            let (status, body) = scene.deliver(&program, &event).await.unwrap();
            scene.proxy.stand_down();
            assert_eq!(status, 200, "{place}: {body}");
            if body["applied"] == true {
                assert!(nth > 2, "{nth} statements");
                break;
            }
            let is_applied = seats(&scene).await > before;
            let again = scene.deliver(&program, &event).await.unwrap();
            assert_eq!(again, (200, taken(!is_applied)), "{place}");
            assert_eq!(seats(&scene).await, before + 1, "{place}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_cannot_be_stored_is_refused_so_that_it_comes_again() {
    let scene = Scene::open().await;
    let program = scene.start_program();
    scene.proxy.take_away();
    let (status, body) = scene.deliver(&program, &subscription(1)).await.unwrap();
    assert_eq!(
        (status, &body["detail"]["error"]),
        (503, &json!("unavailable"))
    );
    scene.proxy.bring_back();
    let (status, _) = scene.deliver(&program, &subscription(1)).await.unwrap();
    assert_eq!(status, 200);
}
