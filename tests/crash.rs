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
    let program = scene.start_program();
    let before = rows(scene.database.pool()).await;
    assert_eq!(scene.register(&program, "ada").await.unwrap().0, 201);
    let whole = added(&before, &rows(scene.database.pool()).await);
    assert_eq!(whole["public.users"], 1, "{whole:?}");
    for point in [Point::Before, Point::After] {
        let (mut killed, mut committed) = (0, 0);
        for nth in 1..MANY {
            let place = format!("{point:?} statement {nth}");
            let program = scene.start_program();
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
            let again = scene.start_program();
            let (status, body) = scene.register(&again, &email).await.unwrap();
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_webhook_is_applied_or_has_not_arrived() {
    let scene = Scene::open().await;
    let program = scene.start_program();
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
            let program = scene.start_program();
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
            let again = scene.start_program();
            for applied in [!is_applied, false] {
                let answer = scene.deliver(&again, &event).await.unwrap();
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
