//! What is over is deleted once nothing asks for it any more.

use reqwest::Method;
use serde_json::json;
use tollgate_primitives::JobKey;
use tollgate_use_cases::{ports::JobKind, run_job};

use crate::world::{DAY, World, taken};

impl World {
    /// As the queue orders it once a day.
    async fn prune(&self) {
        let key = JobKey::new("prune", "every-day");
        run_job(self.app(), &key, JobKind::Prune {}).await.unwrap();
    }
}

#[tokio::test]
async fn i30_an_event_is_remembered_for_as_long_as_it_can_be_told_again() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.buy(&ada, "pro").await;
    let told = world.event("customer.subscription.created").await;
    assert_eq!(world.inbox(&told).await, "applied");
    let of_nobody = {
        let mut event = told.clone();
        event["id"] = json!("evt_of_nobody");
        event["data"]["object"]["customer"] = json!("cus_nobody");
        event
    };
    world.deliver(&of_nobody).await.ok(200);
    assert_eq!(world.inbox(&of_nobody).await, "failed");

    // The provider resends for thirty days.
    world.advance(30 * DAY).await;
    world.prune().await;
    let again = world.deliver(&told).await;
    assert_eq!(again.ok(200), taken(false));
    let mut ada = ada;
    world.sign_in(&mut ada).await;
    assert_eq!(world.standing(&ada).await, "active pro by paid");

    world.advance(5 * DAY).await;
    world.prune().await;
    assert_eq!(world.inbox(&told).await, "applied");
    world.advance(DAY).await;
    world.prune().await;
    assert_eq!(world.inbox(&told).await, "absent");
    assert_eq!(world.inbox(&of_nobody).await, "dead");
    // The renewal's, of less than thirty-five days ago.
    let renewed = world.event("invoice.paid").await;
    assert_eq!(world.inbox(&renewed).await, "applied");
}

#[tokio::test]
async fn t58_whoever_never_proves_the_address_is_erased_and_nobody_else() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    let proven = world.person("Proven").await;
    world.verify(&proven).await;
    let host = world.person("Host").await;
    world.member(&host, "Guest", "viewer").await;
    let given = world.person("Given").await;
    let customer = world.person("Customer").await;
    sqlx::query("UPDATE accounts SET stripe_customer_id = 'cus_x' WHERE id = $1::uuid")
        .bind(&customer.account)
        .execute(world.database.pool())
        .await
        .unwrap();
    let olga = world.operator().await;
    let grant = json!({ "plan": "pro", "reason": "a pilot" });
    let path = format!("/accounts/{}/complimentary", given.account);
    let granted = world.admin(&olga, Method::POST, &path).json(&grant);
    granted.send().await.ok(204);

    world.advance(14 * DAY).await;
    world.person("Late").await;
    let before = world.rows().await;
    world.prune().await;
    let people = "SELECT count(*) FROM users";
    assert_eq!(world.count(people).await, 8, "{before:?}");
    world.advance(DAY).await;
    world.prune().await;
    world.prune().await;
    assert_eq!(world.count(people).await, 7);
    let gone = "SELECT count(*) FROM users WHERE email = 'ada@example.com'";
    assert_eq!(world.count(gone).await, 0);
    assert!(!world.dump().await.contains("ada@example.com"));
    let trail = world.trail("user_erased").await;
    assert_eq!(trail.len(), 1);
    assert_eq!(trail[0].0, None);
    assert_eq!(world.trail("account_deleted").await.len(), 1);

    // The mailbox had its trial.
    let again = world.person("Ada").await;
    assert_ne!(again.id, ada.id);
    let state = world.get("/billing/state").by(&again).send().await;
    assert_eq!(state.refusal(), (404, "no_subscription".to_owned()));
}

#[tokio::test]
async fn t58_whoever_proves_the_address_in_that_moment_stays() {
    let world = World::start().await;
    world.person("Ada").await;
    world.advance(15 * DAY).await;
    let mut proving = world.database.pool().begin().await.unwrap();
    sqlx::query("UPDATE users SET email_verified_at = now()")
        .execute(&mut *proving)
        .await
        .unwrap();
    let proven = async {
        let mut polls = tokio::time::interval(std::time::Duration::from_millis(5));
        let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
        while world.count(waiting).await == 0 {
            polls.tick().await;
        }
        proving.commit().await.unwrap();
    };
    tokio::join!(world.prune(), proven);
    assert_eq!(world.count("SELECT count(*) FROM users").await, 1);
    assert_eq!(world.count("SELECT count(*) FROM memberships").await, 1);
    assert!(world.trail("user_erased").await.is_empty());
}

#[tokio::test]
async fn what_is_over_is_deleted_and_whoever_is_signed_in_stays_so() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    world.buy(&ada, "pro").await;
    let cancel = || world.post("/billing/cancel").by(&ada).json(&json!({}));
    cancel().send().await.ok(200);
    let over = "SELECT (SELECT count(*) FROM purchase_reservations WHERE closed_at IS NOT NULL)
                     + (SELECT count(*) FROM subscription_changes WHERE closed_at IS NOT NULL)
                     + (SELECT count(*) FROM one_time_tokens)
                     + (SELECT count(*) FROM refresh_tokens)";
    assert_eq!(world.count(over).await, 4);
    world.prune().await;
    assert_eq!(world.count(over).await, 4);

    world.advance(29 * DAY).await;
    world.prune().await;
    // The link to prove the address worked for a day.
    assert_eq!(world.count(over).await, 3);
    let refreshed = world.post("/auth/refresh").bearer(&ada.refresh);
    refreshed.send().await.ok(200);

    world.advance(7 * DAY).await;
    world.prune().await;
    // Both refresh tokens: the used one would end the session.
    assert_eq!(world.count(over).await, 2);
    world.advance(55 * DAY).await;
    world.prune().await;
    assert_eq!(world.count(over).await, 2);
    world.advance(DAY).await;
    world.prune().await;
    assert_eq!(world.count(over).await, 1);
    world.advance(29 * DAY).await;
    world.prune().await;
    assert_eq!(world.count(over).await, 0);
    let sessions = "SELECT count(*) FROM auth_sessions";
    assert_eq!(world.count(sessions).await, 1);
}
