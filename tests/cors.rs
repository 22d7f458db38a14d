//! Pages of other origins, as browsers ask for them.

use reqwest::Method;
use serde_json::json;

use crate::world::{Answer, Setup, World};

/// Where pages of the product come from.
const FRONTEND: &str = "http://app.test";

async fn preflight(world: &World, origin: &str, method: &str, header: &str) -> Answer {
    let call = world.call(0, Method::OPTIONS, "/api/v1/users/me");
    let call = call
        .header("origin", origin)
        .header("access-control-request-method", method)
        .header("access-control-request-headers", header);
    call.send().await
}

fn allowed(answer: &Answer) -> Option<&str> {
    answer.header("access-control-allow-origin")
}

#[tokio::test]
async fn a_page_of_the_frontend_may_ask_and_read_every_answer() {
    let world = Setup::default()
        .set(
            "ALLOWED_ORIGINS",
            "http://admin.test, http://localhost:3000",
        )
        .start()
        .await;
    let ada = world.person("Ada").await;
    for origin in [FRONTEND, "http://admin.test", "http://localhost:3000"] {
        for method in ["GET", "PATCH", "DELETE"] {
            let asked = preflight(&world, origin, method, "authorization,content-type").await;
            assert_eq!(
                (asked.status, allowed(&asked)),
                (200, Some(origin)),
                "{method}"
            );
            assert_eq!(asked.header("access-control-max-age"), Some("7200"));
            assert_eq!(asked.header("access-control-allow-credentials"), None);
        }
        let me = world.get("/auth/me").header("origin", origin).by(&ada);
        let me = me.send().await;
        assert_eq!((me.status, allowed(&me)), (200, Some(origin)));
        // What went wrong is for the page to read as well.
        for (path, status) in [("/auth/me", 401), ("/nowhere", 404)] {
            let answer = world.get(path).header("origin", origin).send().await;
            assert_eq!((answer.status, allowed(&answer)), (status, Some(origin)));
            let exposed = answer.header("access-control-expose-headers").unwrap();
            assert!(exposed.contains("retry-after"), "{exposed}");
        }
    }
}

#[tokio::test]
async fn t26_a_page_of_another_origin_reads_nothing() {
    let world = World::start().await;
    let ada = world.person("Ada").await;
    for origin in [
        "http://evil.test",
        "null",
        "http://app.test.evil.test",
        "https://app.test",
        "http://app.test:8080",
    ] {
        let asked = preflight(&world, origin, "DELETE", "authorization").await;
        assert_eq!(allowed(&asked), None, "{origin}");
        let me = world.get("/auth/me").header("origin", origin).by(&ada);
        let me = me.send().await;
        assert_eq!((me.status, allowed(&me)), (200, None), "{origin}");
    }
    // Nor with a header or a method that the API has no use for.
    let asked = preflight(&world, FRONTEND, "TRACE", "authorization").await;
    assert_eq!(asked.status, 400, "{asked}");
    let asked = preflight(&world, FRONTEND, "GET", "x-forwarded-for").await;
    assert_eq!(asked.status, 400, "{asked}");
}

#[tokio::test]
async fn the_operators_port_is_for_no_page() {
    let world = World::start().await;
    let olga = world.operator().await;
    let answer = world.admin(&olga, Method::GET, "/accounts");
    let answer = answer.header("origin", FRONTEND).send().await;
    assert_eq!((answer.status, allowed(&answer)), (200, None));
    // Who is no browser has no origin.
    let lead = json!({
        "email": "ada@example.com", "name": "Ada", "company": "Engines", "source": "landing_page",
    });
    let answer = world.post("/sales-leads").json(&lead).send().await;
    assert_eq!((answer.status, allowed(&answer)), (201, None));
}
