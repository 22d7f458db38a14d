use reqwest::Method;

use crate::support::{START, World, read};

type Form<'a> = &'a [(&'a str, &'a str)];

#[tokio::test]
async fn a_call_without_the_key_is_refused_in_stripes_shape() {
    let world = World::start().await;
    let url = format!("{}/v1/customers", world.sandbox.url());
    let bare = read(world.http.get(&url)).await;
    assert_eq!(bare.refusal().0, 401);
    assert_eq!(bare.refusal().1, "invalid_request_error");
    assert_eq!(
        read(world.http.get(&url).bearer_auth("sk_test_other"))
            .await
            .status,
        401
    );
    assert_eq!(
        read(world.http.get(&url).bearer_auth("pk_test_key"))
            .await
            .status,
        401
    );
    let basic = world.http.get(&url).basic_auth("sk_test_key", None::<&str>);
    assert_eq!(read(basic).await.status, 200);
}

#[tokio::test]
async fn every_answer_carries_version_request_id_and_the_sandboxs_date() {
    let world = World::start().await;
    let answer = world.get("/v1/account").await.ok();
    assert_eq!(answer.headers["stripe-version"], "2026-09-30.endive");
    assert_eq!(answer.headers["date"], "Mon, 21 Sep 2026 14:13:20 GMT");
    assert!(
        answer.headers["request-id"]
            .to_str()
            .unwrap()
            .starts_with("req_")
    );
}

/// Posts each form and expects its refusal: the error's code, or else its parameter.
async fn refuses(world: &World, cases: &[(&str, Form<'_>, &str)]) {
    for (path, form, expected) in cases {
        let answer = world.post(path, form).await;
        let wanted = (
            400,
            "invalid_request_error".to_owned(),
            (*expected).to_owned(),
        );
        assert_eq!(answer.refusal(), wanted, "{path} {form:?}");
    }
}

#[tokio::test]
async fn parameters_are_checked_as_stripe_does() {
    let world = World::start().await;
    let price = world.price("4900", "month").await;
    let (integer, missing) = ("parameter_invalid_integer", "parameter_missing");
    let amount = |cents| [("currency", "usd"), ("unit_amount", cents)];
    let nobody = [("customer", "cus_x"), ("items[0][price]", price.as_str())];
    let cases: [(&str, Form, &str); 10] = [
        ("/v1/customers", &[("colour", "red")], "parameter_unknown"),
        ("/v1/customers", &[("email", "nobody")], "email_invalid"),
        ("/v1/products", &[], missing),
        ("/v1/products", &[("name", "")], "parameter_invalid_empty"),
        ("/v1/prices", &amount("x"), integer),
        ("/v1/prices", &amount("-1"), integer),
        ("/v1/prices", &amount("100000000"), integer),
        (
            "/v1/subscriptions",
            &[("customer", "cus_x"), ("items", "x")],
            "items",
        ),
        ("/v1/subscriptions", &nobody, "resource_missing"),
        (
            "/v1/refunds",
            &[("charge", "ch_x"), ("amount", "0")],
            integer,
        ),
    ];
    refuses(&world, &cases).await;
}

#[tokio::test]
async fn a_session_is_refused_what_stripe_refuses_it() {
    let world = World::start().await;
    let moment = |hours: i64| (START + hours * 3600).to_string();
    let (early_trial, late_end) = (moment(47), moment(25));
    let buying = |field, value| [("mode", "subscription"), (field, value)];
    let cases: [(&str, Form, &str); 6] = [
        ("/v1/checkout/sessions", &[("mode", "gift")], "mode"),
        (
            "/v1/checkout/sessions",
            &[("mode", "subscription")],
            "parameter_missing",
        ),
        (
            "/v1/checkout/sessions",
            &[("mode", "setup"), ("ui_mode", "embedded")],
            "ui_mode",
        ),
        (
            "/v1/checkout/sessions",
            &buying("subscription_data[trial_end]", &early_trial),
            "subscription_data[trial_end]",
        ),
        (
            "/v1/checkout/sessions",
            &buying("expires_at", &late_end),
            "expires_at",
        ),
        ("/v1/billing_portal/sessions", &[], "parameter_missing"),
    ];
    refuses(&world, &cases).await;
}

#[tokio::test]
async fn what_is_not_there_is_404_by_path_and_400_by_parameter() {
    let world = World::start().await;
    let price = world.price("4900", "month").await;
    for path in [
        "customers/cus_x",
        "subscriptions/sub_x",
        "invoices/in_x",
        "events/evt_x",
    ] {
        let answer = world.get(&format!("/v1/{path}")).await;
        assert_eq!(answer.refusal().0, 404, "{path}");
        assert_eq!(answer.refusal().2, "resource_missing");
    }
    let answer = world.session(&price, &[("customer", "cus_x")]).await;
    assert_eq!(answer.text("/error/message"), "No such customer: 'cus_x'");
    assert_eq!(answer.status, 400);
    let nowhere = read(world.request(Method::POST, "/v1/spaceships")).await;
    assert!(
        nowhere
            .text("/error/message")
            .starts_with("Unrecognized request URL (POST: /v1/spaceships)")
    );
}

#[tokio::test]
async fn what_is_retired_cannot_be_bought() {
    let world = World::start().await;
    let price = world.price("4900", "month").await;
    let customer = world.customer("pm_card_visa").await;
    world
        .post(&format!("/v1/prices/{price}"), &[("active", "false")])
        .await
        .ok();
    let refused = world.session(&price, &[]).await;
    assert!(refused.text("/error/message").contains("inactive"));
    world
        .post(&format!("/v1/prices/{price}"), &[("active", "true")])
        .await
        .ok();

    world
        .delete(&format!("/v1/customers/{customer}"))
        .await
        .ok();
    let refused = world.session(&price, &[("customer", &customer)]).await;
    assert_eq!(refused.text("/error/param"), "customer");
    let shown = world.get(&format!("/v1/customers/{customer}")).await.ok();
    assert_eq!(shown.body["deleted"], true);

    for quantity in ["0", "-1", "1000000"] {
        let more = [("line_items[0][quantity]", quantity)];
        let refused = world.session(&price, &more).await;
        assert_eq!(
            refused.refusal().2,
            "parameter_invalid_integer",
            "{quantity}"
        );
    }
}
