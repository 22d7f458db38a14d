//! What was bought, on both sides: as we tell it and as Stripe has it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Answer, DAY, Person, World};

/// Somebody whose trial is over and who pays from now on.
pub(crate) async fn subscriber(world: &World, name: &str, plan: &str, seats: u32) -> Person {
    let choice = json!({ "plan": plan, "seats": seats, "billing_interval": "monthly" });
    let mut person = world.person(name).await;
    world.advance(DAY * 15).await;
    world.sign_in(&mut person).await;
    buy(world, &person, &choice).await;
    person
}

/// Buys on the page that a browser would show.
pub(crate) async fn buy(world: &World, person: &Person, choice: &Value) {
    let answer = world.open_checkout(person, choice).await.ok(200);
    let page = answer["url"].as_str().unwrap();
    let paid = world.fetch(Method::POST, page);
    let paid = paid.form(&[("card", "4242424242424242")]).send().await;
    assert_eq!(paid.status, 303, "{paid}");
    world.drain().await;
}

pub(crate) async fn post(world: &World, person: &Person, path: &str, body: &Value) -> Answer {
    let call = world.post(path).by(person);
    let call = if body.is_null() {
        call
    } else {
        call.json(body)
    };
    call.send().await
}

pub(crate) async fn change(world: &World, person: &Person, wish: &Value) -> Answer {
    post(world, person, "/billing/change-plan", wish).await
}

pub(crate) async fn preview(world: &World, person: &Person, wish: &Value) -> Answer {
    post(world, person, "/billing/change-plan/preview", wish).await
}

pub(crate) async fn cancel(world: &World, person: &Person) -> Answer {
    post(world, person, "/billing/cancel", &Value::Null).await
}

pub(crate) async fn keep(world: &World, person: &Person) -> Answer {
    post(world, person, "/billing/keep", &Value::Null).await
}

pub(crate) fn refusal(answer: &Answer) -> String {
    let (status, code) = answer.refusal();
    format!("{status} {code}")
}

/// What Stripe answers to a stranger.
pub(crate) async fn stripe(
    world: &World,
    method: Method,
    path: &str,
    form: &[(&str, &str)],
) -> Value {
    let url = format!("{}{path}", world.sandbox_url());
    let call = world.fetch(method, &url).bearer("sk_test_0123456789abcdef");
    let call = if form.is_empty() {
        call
    } else {
        call.form(form)
    };
    call.send().await.ok(200)
}

/// The subscription as Stripe has it.
pub(crate) async fn at_stripe(world: &World, person: &Person) -> Value {
    let path = format!("/v1/subscriptions/{}", world.subscription(person).await);
    stripe(world, Method::GET, &path, &[]).await
}

/// Price, seats, and whether it ends, in one line.
pub(crate) fn terms(subscription: &Value) -> String {
    let item = &subscription["items"]["data"][0];
    let ends = !subscription["cancel_at"].is_null();
    let key = item["price"]["lookup_key"].as_str().unwrap();
    format!(
        "{} of {key}{}",
        item["quantity"],
        if ends { ", ends" } else { "" }
    )
}

/// The same as we store it.
pub(crate) async fn stored(world: &World, person: &Person) -> String {
    sqlx::query_scalar(
        "SELECT format('%s of %s_%s%s', seat_limit, plan,
           CASE billing_interval WHEN 'monthly' THEN 'month' ELSE 'year' END,
           CASE WHEN cancel_at IS NULL THEN '' ELSE ', ends' END)
         FROM subscriptions WHERE account_id = $1::uuid",
    )
    .bind(&person.account)
    .fetch_one(world.database.pool())
    .await
    .unwrap()
}

/// Both sides, which must agree.
#[track_caller]
pub(crate) fn agreed(stored: &str, subscription: &Value) {
    assert_eq!(stored, terms(subscription));
}

/// How often Stripe changed a subscription that had been paid.
pub(crate) async fn changes_at_stripe(world: &World) -> usize {
    let events = world.events().await;
    events
        .iter()
        .filter(|event| event["type"] == "customer.subscription.updated")
        .filter(|event| event["data"]["previous_attributes"]["status"].is_null())
        .count()
}

/// Lets the jobs that look after changes run, as if their time had come.
pub(crate) async fn look_after_changes(world: &World) {
    world
        .execute(
            "SELECT graphile_worker.add_job(t.identifier, payload => j.payload, job_key => j.key)
             FROM graphile_worker._private_jobs j
             JOIN graphile_worker._private_tasks t ON t.id = j.task_id
             WHERE j.key LIKE 'finish-change:%'",
        )
        .await;
    world.drain().await;
}

/// Stripe carries the next change out and loses the answer, to every further try as well.
pub(crate) async fn lose_answers(world: &World) {
    let lost = |before_commit, times| {
        json!({
            "kind": "lost_answer",
            "method": "POST",
            "path_prefix": "/v1/subscriptions",
            "before_commit": before_commit,
            "times": times,
        })
    };
    fault(world, lost(false, 1)).await;
    fault(world, lost(true, 3)).await;
}

pub(crate) async fn fault(world: &World, fault: Value) {
    world.tell_sandbox("faults", json!([fault])).await;
}
