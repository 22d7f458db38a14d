//! GET /admin/sales-leads · PATCH /admin/sales-leads/{id}

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{Answer, Person, World};

async fn ask_for_an_offer(world: &World, name: &str) -> String {
    let lead = json!({
        "email": "lead@example.com", "name": name, "company": "Engines", "source": "landing_page",
    });
    let answer = world.post("/sales-leads").json(&lead).send().await.ok(201);
    answer["id"].as_str().unwrap().to_owned()
}

async fn say(world: &World, olga: &Person, id: &str, status: &str) -> Answer {
    let path = format!("/sales-leads/{id}");
    let call = world.admin(olga, Method::PATCH, &path);
    call.json(&json!({ "status": status })).send().await
}

fn names(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn leads_are_listed_newest_first_and_by_how_far_they_are() {
    let world = World::start().await;
    let olga = world.operator().await;
    let mut ids = Vec::new();
    for nth in 0..52 {
        world.clock.advance(crate::world::SECOND);
        ids.push(ask_for_an_offer(&world, &format!("Lead {nth}")).await);
    }
    let first = world.ask(&olga, "/sales-leads").await.ok(200);
    assert_eq!(names(&first).len(), 50);
    assert_eq!(names(&first)[..2], ["Lead 51", "Lead 50"]);
    let cursor = first["next_cursor"].as_str().unwrap();
    let last = world
        .ask(&olga, &format!("/sales-leads?cursor={cursor}"))
        .await
        .ok(200);
    assert_eq!(names(&last), ["Lead 1", "Lead 0"]);
    assert_eq!(last["next_cursor"], Value::Null);

    let moved = say(&world, &olga, &ids[7], "contacted").await;
    insta::assert_snapshot!(moved, @r#"
    200
    {
      "company": "Engines",
      "created_at": "2027-01-04T09:00:08Z",
      "email": "lead@example.com",
      "id": "[id]",
      "message": null,
      "name": "Lead 7",
      "source": "landing_page",
      "status": "contacted",
      "team_size": null
    }
    "#);
    let contacted = world
        .ask(&olga, "/sales-leads?status=contacted")
        .await
        .ok(200);
    assert_eq!(names(&contacted), ["Lead 7"]);
    for wrong in ["?status=open", "?cursor=nonsense", "?colour=red"] {
        let answer = world.ask(&olga, &format!("/sales-leads{wrong}")).await;
        assert!([400, 422].contains(&answer.status), "{wrong}: {answer}");
    }
}

#[tokio::test]
async fn a_lead_goes_forward_and_never_back() {
    let world = World::start().await;
    let olga = world.operator().await;
    let id = ask_for_an_offer(&world, "Ada").await;
    for (status, code) in [
        ("new", 200),
        ("contacted", 200),
        ("contacted", 200),
        ("new", 409),
        ("closed", 200),
        ("contacted", 409),
        ("closed", 200),
    ] {
        assert_eq!(
            say(&world, &olga, &id, status).await.status,
            code,
            "{status}"
        );
    }
    let refused = say(&world, &olga, &id, "new").await;
    assert_eq!(refused.refusal(), (409, "lead_is_further".to_owned()));
    let trail = world.trail("sales_lead_moved").await;
    assert_eq!(trail.len(), 2);
    assert_eq!(trail[1].1, json!({ "lead": id, "status": "closed" }));
    for nobody in [Uuid::nil().to_string(), "nonsense".to_owned()] {
        let answer = say(&world, &olga, &nobody, "closed").await;
        assert_eq!(
            answer.refusal(),
            (404, "lead_not_found".to_owned()),
            "{nobody}"
        );
    }
}
