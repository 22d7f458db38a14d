//! What each call does at Stripe, against the sandbox, which refuses what Stripe would refuse.

use serde_json::{Value, json};
use tollgate_billing::{
    Customer, Interval, Period, PriceId, ProviderStatus, Stamp, SubscriptionId,
    change::{Change, Terms},
};
use tollgate_primitives::{Currency, Money, PlanKey};
use tollgate_stripe_sandbox::Sandbox;
use tollgate_use_cases::ports::{
    Changed, CheckoutRequest, CheckoutSession, CheckoutSessionId, Payments, PaymentsError,
};

use crate::given::{
    NOW, account, at, checkout, control, customer, get, key, payments, post, sandbox, settings,
};

const DAY: i64 = 86_400;

/// The monthly price of the seeded plan `pro`.
async fn pro(sandbox: &Sandbox) -> String {
    control(sandbox, "seed", json!({})).await;
    let found = get(sandbox, "/v1/prices?lookup_keys[0]=pro_month").await;
    found["data"][0]["id"].as_str().unwrap().to_owned()
}

async fn request(sandbox: &Sandbox) -> CheckoutRequest {
    let price = pro(sandbox).await;
    let payments = payments(&sandbox.url());
    let customer = payments
        .create_customer(&key("customer"), &customer())
        .await;
    checkout(customer.unwrap(), &price)
}

async fn open(sandbox: &Sandbox) -> CheckoutSession {
    let request = request(sandbox).await;
    let payments = payments(&sandbox.url());
    payments
        .open_checkout(&key("checkout"), &request)
        .await
        .unwrap()
}

/// Pays the page; the subscription that was bought.
async fn pay(sandbox: &Sandbox, session: &CheckoutSession) -> SubscriptionId {
    let card = json!({"card": "4242424242424242"});
    let paid = control(sandbox, &format!("checkout/{}/pay", session.id), card).await;
    SubscriptionId::new(paid["subscription"].as_str().unwrap())
}

fn refused(result: Result<impl std::fmt::Debug, PaymentsError>) -> String {
    match result {
        Err(PaymentsError::Refused { code, .. }) => code,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_customer_is_created_once_per_key() {
    let sandbox = sandbox().await;
    let payments = payments(&sandbox.url());
    let first = payments
        .create_customer(&key("a"), &customer())
        .await
        .unwrap();
    let again = payments
        .create_customer(&key("a"), &customer())
        .await
        .unwrap();
    assert_eq!(first, again);

    let all = get(&sandbox, "/v1/customers").await;
    let [created] = all["data"].as_array().unwrap().as_slice() else {
        panic!("not one customer: {all}")
    };
    assert_eq!(created["id"], first.as_str());
    assert_eq!(created["name"], customer().name);
    assert_eq!(created["email"], "ada+billing@example.org");
    assert_eq!(
        created["metadata"],
        json!({"tollgate_account": account().to_string()})
    );

    let other = payments
        .create_customer(&key("b"), &customer())
        .await
        .unwrap();
    assert_ne!(first, other);
}

#[tokio::test]
async fn a_checkout_page_opens_with_what_was_chosen() {
    let sandbox = sandbox().await;
    let request = request(&sandbox).await;
    let payments = payments(&sandbox.url());
    let opened = payments.open_checkout(&key("a"), &request).await.unwrap();
    let again = payments.open_checkout(&key("a"), &request).await.unwrap();
    assert_eq!(opened, again);
    assert!(opened.url.starts_with(&sandbox.url()), "{}", opened.url);
    assert_eq!(opened.expires_at, at(NOW + DAY));

    let path = format!("/v1/checkout/sessions/{}", opened.id);
    let session = get(&sandbox, &path).await;
    assert_eq!(session["mode"], "subscription");
    assert_eq!(session["customer"], request.customer.as_str());
    assert_eq!(session["client_reference_id"], account().to_string());
    assert_eq!(session["success_url"], request.success_url);
    assert_eq!(session["cancel_url"], request.cancel_url);
    assert_eq!(session["metadata"], meta(&request));
    let items = get(&sandbox, &format!("{path}/line_items")).await;
    assert_eq!(items["data"][0]["price"]["id"], request.price.as_str());
    assert_eq!(items["data"][0]["quantity"], 3);

    let bought = pay(&sandbox, &opened).await;
    let bought = get(&sandbox, &format!("/v1/subscriptions/{bought}")).await;
    assert_eq!(bought["metadata"], meta(&request));
}

fn meta(request: &CheckoutRequest) -> Value {
    json!({
        "tollgate_account": request.account.to_string(),
        "tollgate_reservation": request.reservation.to_string(),
    })
}

#[tokio::test]
async fn the_rest_of_a_trial_is_passed_on_from_48_hours_up() {
    let sandbox = sandbox().await;
    let payments = payments(&sandbox.url());
    let mut request = request(&sandbox).await;
    request.trial_end = Some(at(NOW + DAY));
    let soon = payments.open_checkout(&key("soon"), &request).await;
    assert!(
        matches!(soon, Err(PaymentsError::Refused { .. })),
        "{soon:?}"
    );

    request.trial_end = Some(at(NOW + 3 * DAY));
    let opened = payments
        .open_checkout(&key("later"), &request)
        .await
        .unwrap();
    let bought = pay(&sandbox, &opened).await;
    let (_, described) = payments.read_subscription(&bought).await.unwrap().unwrap();
    assert_eq!(described.status, ProviderStatus::Trialing);
    assert_eq!(described.period.end(), at(NOW + 3 * DAY));
}

#[tokio::test]
async fn a_price_that_stripe_does_not_know_is_refused() {
    let sandbox = sandbox().await;
    let mut request = request(&sandbox).await;
    request.price = tollgate_billing::PriceId::new("price_of_nothing");
    let result = payments(&sandbox.url())
        .open_checkout(&key("a"), &request)
        .await;
    assert_eq!(refused(result), "resource_missing");
}

#[tokio::test]
async fn a_page_is_closed_once_and_closing_it_again_is_fine() {
    let sandbox = sandbox().await;
    let payments = payments(&sandbox.url());
    let page = open(&sandbox).await;
    for _ in 0..2 {
        payments.expire_checkout(&page.id).await.unwrap();
    }
    let session = get(&sandbox, &format!("/v1/checkout/sessions/{}", page.id)).await;
    assert_eq!(session["status"], "expired");
}

#[tokio::test]
async fn a_page_that_was_paid_is_closed_already() {
    let sandbox = sandbox().await;
    let page = open(&sandbox).await;
    pay(&sandbox, &page).await;
    payments(&sandbox.url())
        .expire_checkout(&page.id)
        .await
        .unwrap();
    let session = get(&sandbox, &format!("/v1/checkout/sessions/{}", page.id)).await;
    assert_eq!(session["status"], "complete");
}

#[tokio::test]
async fn a_page_that_nobody_opened_cannot_be_closed() {
    let sandbox = sandbox().await;
    let payments = payments(&sandbox.url());
    for id in [
        "cs_test_nothing",
        "",
        "cs_test/../../customers",
        "cs_test_1?expand[]=customer",
    ] {
        let result = payments
            .expire_checkout(&CheckoutSessionId(id.to_owned()))
            .await;
        assert_eq!(refused(result), "resource_missing", "{id}");
    }
}

#[tokio::test]
async fn a_portal_opens_for_a_known_customer_only() {
    let sandbox = sandbox().await;
    let payments = payments(&sandbox.url());
    let customer = payments
        .create_customer(&key("a"), &customer())
        .await
        .unwrap();
    let back = "https://app.example/account/billing";
    let url = payments.open_portal(&customer, back).await.unwrap();
    assert!(url.starts_with(&sandbox.url()), "{url}");

    let nobody = Customer::new("cus_nobody");
    let result = payments.open_portal(&nobody, back).await;
    assert_eq!(refused(result), "resource_missing");
}

#[tokio::test]
async fn a_subscription_is_read_with_the_moment_in_stripes_clock() {
    let sandbox = sandbox().await;
    let payments = payments(&sandbox.url());
    let request = request(&sandbox).await;
    let page = payments.open_checkout(&key("a"), &request).await.unwrap();
    let bought = pay(&sandbox, &page).await;
    control(&sandbox, "clock", json!({"advance_seconds": 60})).await;

    let (customer, described) = payments.read_subscription(&bought).await.unwrap().unwrap();
    assert_eq!(customer, request.customer);
    assert_eq!(described.subscription, bought);
    assert_eq!(described.status, ProviderStatus::Active);
    assert_eq!(described.price, request.price);
    assert_eq!(described.seats, 3);
    assert_eq!(
        described.period,
        Period::new(at(NOW), at(NOW + 30 * DAY)).unwrap()
    );
    assert_eq!((described.cancel_at, described.ended_at), (None, None));
    assert_eq!(described.stamp, Stamp::from_unix_seconds(NOW + 60));

    let path = format!("/v1/subscriptions/{bought}");
    post(&sandbox, &path, &[("cancel_at_period_end", "true")]).await;
    let (_, described) = payments.read_subscription(&bought).await.unwrap().unwrap();
    assert_eq!(described.cancel_at, Some(at(NOW + 30 * DAY)));
}

#[tokio::test]
async fn a_subscription_that_stripe_does_not_know_is_none() {
    let sandbox = sandbox().await;
    let payments = payments(&sandbox.url());
    for id in ["sub_nothing", "", "sub_1/../../customers", "sub 1"] {
        let read = payments.read_subscription(&SubscriptionId::new(id)).await;
        assert!(matches!(read, Ok(None)), "{id}: {read:?}");
    }
}

#[tokio::test]
async fn the_catalog_holds_every_plan_with_its_prices() {
    let sandbox = sandbox().await;
    pro(&sandbox).await;
    let mut catalog = payments(&sandbox.url()).read_catalog().await.unwrap();
    catalog.sort_by(|a, b| a.name.cmp(&b.name));
    let [pro, starter] = catalog.as_slice() else {
        panic!("not two products: {catalog:?}")
    };
    assert_eq!(
        (pro.name.as_str(), pro.plan.as_deref()),
        ("Pro", Some("pro"))
    );
    assert_eq!(
        (starter.name.as_str(), starter.plan.as_deref()),
        ("Starter", Some("starter"))
    );
    let mut sold: Vec<_> = pro
        .prices
        .iter()
        .map(|price| (price.amount, price.interval))
        .collect();
    sold.sort_by_key(|(amount, _)| amount.minor);
    let usd = |cents| Money::new(cents, Currency::parse("usd").unwrap());
    let expected = [
        (usd(4_900), Some(Interval::Monthly)),
        (usd(49_000), Some(Interval::Annual)),
    ];
    assert_eq!(sold, expected);
}

#[tokio::test]
async fn the_catalog_is_read_to_its_last_page_without_what_is_not_sold() {
    let sandbox = sandbox().await;
    let mut products = Vec::new();
    for n in 0..101 {
        let created = post(&sandbox, "/v1/products", &[("name", &format!("Plan {n}"))]).await;
        products.push(created["id"].as_str().unwrap().to_owned());
    }
    let price = |product: &str, interval: &str, count: &str| {
        [
            ("product", product.to_owned()),
            ("currency", "usd".to_owned()),
            ("unit_amount", "100".to_owned()),
            ("recurring[interval]", interval.to_owned()),
            ("recurring[interval_count]", count.to_owned()),
        ]
    };
    for (interval, count) in [("month", "1"), ("month", "3"), ("year", "1"), ("week", "1")] {
        let form = price(&products[0], interval, count);
        let form: Vec<_> = form
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        post(&sandbox, "/v1/prices", &form).await;
    }
    post(
        &sandbox,
        &format!("/v1/products/{}", products[1]),
        &[("active", "false")],
    )
    .await;

    let catalog = payments(&sandbox.url()).read_catalog().await.unwrap();
    assert_eq!(catalog.len(), 100);
    assert!(catalog.iter().all(|product| product.id != products[1]));
    let oldest = catalog
        .iter()
        .find(|product| product.id == products[0])
        .unwrap();
    let mut intervals: Vec<_> = oldest.prices.iter().map(|price| price.interval).collect();
    intervals.sort();
    let expected = [None, None, Some(Interval::Monthly), Some(Interval::Annual)];
    assert_eq!(intervals, expected);
}

#[tokio::test]
async fn a_key_that_stripe_does_not_accept_is_refused_without_being_shown() {
    let sandbox = sandbox().await;
    let settings = tollgate_payments_stripe::Settings {
        secret_key: "sk_test_somebody_elses".into(),
        ..settings(&sandbox.url())
    };
    let payments = tollgate_payments_stripe::StripePayments::new(settings).unwrap();
    let error = payments.read_catalog().await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("somebody_elses"));
    assert_eq!(refused(Err::<(), _>(error)), "secret_key_refused");
}

/// Three seats of `starter` by the month, bought now; the subscription and the price of `pro`.
async fn bought(sandbox: &Sandbox) -> (SubscriptionId, PriceId) {
    let request = request(sandbox).await;
    let pro = request.price.clone();
    let starter = get(sandbox, "/v1/prices?lookup_keys[0]=starter_month").await;
    let price = PriceId::new(starter["data"][0]["id"].as_str().unwrap());
    let request = CheckoutRequest { price, ..request };
    let payments = payments(&sandbox.url());
    let opened = payments.open_checkout(&key("buy"), &request).await;
    (pay(sandbox, &opened.unwrap()).await, pro)
}

fn terms(price: &PriceId, seats: u32, proration_date: i64) -> Terms {
    Terms {
        plan: PlanKey::parse("pro").unwrap(),
        interval: Interval::Monthly,
        price: price.clone(),
        seats,
        proration_date: Some(at(proration_date)),
    }
}

#[tokio::test]
async fn a_change_is_carried_out_once_per_key_and_then_known_as_done_before() {
    let sandbox = sandbox().await;
    let payments = payments(&sandbox.url());
    let (id, pro) = bought(&sandbox).await;
    let to_pro = Change::Move(terms(&pro, 5, NOW));
    for (name, change) in [
        ("cancel", Change::Cancel),
        ("keep", Change::Keep),
        ("cancel again", Change::Cancel),
        ("move", to_pro),
    ] {
        let told = payments
            .change_subscription(&key(name), &id, &change)
            .await
            .unwrap();
        let Changed::Now(_, described) = told else {
            panic!("{name}: {told:?}")
        };
        let read = payments.read_subscription(&id).await.unwrap().unwrap().1;
        assert_eq!(described, read, "{name}");
        let again = payments
            .change_subscription(&key(name), &id, &change)
            .await
            .unwrap();
        assert_eq!(again, Changed::Before, "{name}");
    }
    let (_, described) = payments.read_subscription(&id).await.unwrap().unwrap();
    assert_eq!((described.price, described.seats), (pro, 5));
    assert_eq!(described.cancel_at, Some(described.period.end()));
}

#[tokio::test]
async fn an_end_at_a_moment_is_taken_back_like_one_with_the_period() {
    let sandbox = sandbox().await;
    let payments = payments(&sandbox.url());
    let (id, _) = bought(&sandbox).await;
    let path = format!("/v1/subscriptions/{id}");
    let moment = (NOW + 3 * DAY).to_string();
    post(&sandbox, &path, &[("cancel_at", &moment)]).await;
    let told = payments
        .change_subscription(&key("keep"), &id, &Change::Keep)
        .await
        .unwrap();
    let Changed::Now(_, described) = told else {
        panic!("{told:?}")
    };
    assert_eq!(described.cancel_at, None);
}

#[tokio::test]
async fn a_move_charges_what_its_preview_showed() {
    let sandbox = sandbox().await;
    let payments = payments(&sandbox.url());
    let (id, pro) = bought(&sandbox).await;
    control(&sandbox, "clock", json!({"advance_seconds": 11 * DAY})).await;
    let terms = terms(&pro, 4, NOW + 11 * DAY);
    let preview = payments.preview_change(&id, &terms).await.unwrap();
    // 19 of 30 days: less 3 × $19, and 4 × $49.
    let amounts: Vec<_> = preview.lines.iter().map(|line| line.amount).collect();
    assert_eq!(amounts, [-3_610, 12_413]);
    assert_eq!(
        (preview.due_now, preview.next_invoice),
        (8_803, Some(19_600))
    );
    assert_eq!(preview.currency, Currency::parse("usd").unwrap());

    control(&sandbox, "clock", json!({"advance_seconds": 1_800})).await;
    let change = Change::Move(terms);
    payments
        .change_subscription(&key("move"), &id, &change)
        .await
        .unwrap();
    let customer = get(&sandbox, &format!("/v1/subscriptions/{id}")).await["customer"].clone();
    let customer = Customer::new(customer.as_str().unwrap());
    let page = payments.list_invoices(&customer, None).await.unwrap();
    let paid: Vec<_> = page
        .items
        .iter()
        .map(|invoice| invoice.amount_paid)
        .collect();
    assert_eq!(paid, [8_803, 5_700]);
    assert!(!page.has_more);
    let rest = payments
        .list_invoices(&customer, Some(&page.items[0].id))
        .await
        .unwrap();
    assert_eq!(rest.items, page.items[1..]);
}

#[tokio::test]
async fn a_move_that_cannot_be_charged_is_declined_and_changes_nothing() {
    let sandbox = sandbox().await;
    let payments = payments(&sandbox.url());
    let (id, pro) = bought(&sandbox).await;
    let path = format!("/v1/subscriptions/{id}");
    let subscription = get(&sandbox, &path).await;
    let customer = subscription["customer"].as_str().unwrap();
    let attach = "/v1/payment_methods/pm_card_chargeCustomerFail/attach";
    let card = post(&sandbox, attach, &[("customer", customer)]).await;
    let card = card["id"].as_str().unwrap();
    post(&sandbox, &path, &[("default_payment_method", card)]).await;
    let before = payments.read_subscription(&id).await.unwrap();
    for _ in 0..2 {
        let change = Change::Move(terms(&pro, 3, NOW));
        let told = payments
            .change_subscription(&key("move"), &id, &change)
            .await
            .unwrap();
        assert_eq!(told, Changed::Declined);
    }
    assert_eq!(payments.read_subscription(&id).await.unwrap(), before);
}

#[tokio::test]
async fn a_subscription_that_stripe_does_not_know_cannot_be_changed() {
    let sandbox = sandbox().await;
    let payments = payments(&sandbox.url());
    for id in ["sub_nothing", "", "sub_1/../../customers"] {
        let id = SubscriptionId::new(id);
        let price = PriceId::new("price_1");
        for (name, change) in [
            ("cancel", Change::Cancel),
            ("keep", Change::Keep),
            ("move", Change::Move(terms(&price, 1, NOW))),
        ] {
            let told = payments.change_subscription(&key(name), &id, &change).await;
            assert_eq!(refused(told), "resource_missing", "{id} {name}");
        }
        let preview = payments.preview_change(&id, &terms(&price, 1, NOW)).await;
        assert_eq!(refused(preview), "resource_missing", "{id}");
    }
}
