use tollgate_billing::{Grant, Interval, PriceId, Standing, Subscription};
use tollgate_entitlements::{FeatureKey, LimitKey, Overrides};
use tollgate_primitives::{Currency, PlanKey};
use tollgate_use_cases::ports::{OfferRow, Store};

use crate::support::{bench, bought, now, plan, user};

fn starter() -> OfferRow {
    OfferRow {
        plan: plan("starter"),
        product: "prod_starter".to_owned(),
        monthly: (PriceId::new("price_starter_monthly"), 1900),
        annual: Some((PriceId::new("price_starter_annual"), 19_000)),
        currency: Currency::parse("usd").unwrap(),
    }
}

#[tokio::test]
async fn shipped_plans_are_listed_in_their_order_and_have_no_price_yet() {
    let bench = bench("public_plans").await;
    let plans = bench.store.public_plans().await.unwrap();
    let keys: Vec<_> = plans.iter().map(|p| p.billing.plan.as_str()).collect();
    assert_eq!(keys, ["free", "starter", "pro", "enterprise"]);
    let seats: Vec<_> = plans.iter().map(|p| p.max_seats).collect();
    assert_eq!(seats, [Some(2), Some(5), Some(25), None]);
    let features: Vec<_> = plans[2].features.iter().map(FeatureKey::as_str).collect();
    assert_eq!(features, ["api_access", "custom_branding"]);
    assert_eq!(plans[1].billing.monthly_price_cents, None);

    let on_sale = bench.store.plans_on_sale().await.unwrap();
    let on_sale: Vec<_> = on_sale.iter().map(|p| p.plan.as_str()).collect();
    assert_eq!(on_sale, ["starter", "pro"]);
    bench
        .run("UPDATE plan_billing SET is_archived = true WHERE plan = 'pro'")
        .await;
    bench
        .run("UPDATE plan_billing SET is_public = false WHERE plan = 'free'")
        .await;
    let left = bench.store.public_plans().await.unwrap();
    let left: Vec<_> = left.iter().map(|p| p.billing.plan.as_str()).collect();
    assert_eq!(left, ["starter", "enterprise"]);
    assert_eq!(bench.store.offer(&plan("pro")).await.unwrap(), None);
    assert_eq!(bench.store.offer(&plan("gold")).await.unwrap(), None);
    assert!(
        !bench
            .store
            .offer(&plan("enterprise"))
            .await
            .unwrap()
            .unwrap()
            .self_serve
    );
}

#[tokio::test]
async fn synced_prices_can_be_bought_and_what_an_operator_set_stays() {
    let bench = bench("put_offers").await;
    bench
        .run(
            "UPDATE plan_billing SET display_name = 'Mine', sort_order = 99 WHERE plan = 'starter'",
        )
        .await;
    bench.store.put_offers(&[starter()]).await.unwrap();
    let offer = bench.store.offer(&plan("starter")).await.unwrap().unwrap();
    assert!(offer.self_serve);
    assert_eq!(offer.monthly, Some(PriceId::new("price_starter_monthly")));
    assert_eq!(offer.annual, Some(PriceId::new("price_starter_annual")));
    for (price, interval) in [
        ("price_starter_monthly", Interval::Monthly),
        ("price_starter_annual", Interval::Annual),
    ] {
        let found = bench.store.price(&PriceId::new(price)).await.unwrap();
        assert_eq!(found, Some((plan("starter"), interval)));
    }
    assert_eq!(
        bench
            .store
            .price(&PriceId::new("price_unknown"))
            .await
            .unwrap(),
        None
    );
    let shown = bench.store.plans_on_sale().await.unwrap();
    let shown = shown.last().unwrap();
    assert_eq!(
        (shown.display_name.as_str(), shown.sort_order),
        ("Mine", 99)
    );
    assert_eq!(
        (shown.monthly_price_cents, shown.annual_price_cents),
        (Some(1900), Some(19_000))
    );

    let before = row_version(&bench.sql).await;
    bench.store.put_offers(&[starter()]).await.unwrap();
    assert_eq!(row_version(&bench.sql).await, before);
    let monthly_only = OfferRow {
        annual: None,
        ..starter()
    };
    bench.store.put_offers(&[monthly_only]).await.unwrap();
    assert_ne!(row_version(&bench.sql).await, before);
    let offer = bench.store.offer(&plan("starter")).await.unwrap().unwrap();
    assert_eq!(offer.annual, None);
}

#[tokio::test]
async fn a_price_that_is_not_sold_any_more_still_says_what_was_bought() {
    let bench = bench("former_price").await;
    bench.store.put_offers(&[starter()]).await.unwrap();
    let dearer = OfferRow {
        monthly: (PriceId::new("price_starter_dearer"), 2900),
        annual: None,
        ..starter()
    };
    bench.store.put_offers(&[dearer]).await.unwrap();
    let offer = bench.store.offer(&plan("starter")).await.unwrap().unwrap();
    assert_eq!(
        (offer.monthly, offer.annual),
        (Some(PriceId::new("price_starter_dearer")), None)
    );
    for (price, interval) in [
        ("price_starter_dearer", Interval::Monthly),
        ("price_starter_monthly", Interval::Monthly),
        ("price_starter_annual", Interval::Annual),
    ] {
        let found = bench.store.price(&PriceId::new(price)).await.unwrap();
        assert_eq!(found, Some((plan("starter"), interval)), "{price}");
    }
}

async fn row_version(sql: &sqlx::PgPool) -> String {
    sqlx::query_scalar("SELECT xmin::text FROM plan_billing WHERE plan = 'starter'")
        .fetch_one(sql)
        .await
        .unwrap()
}

#[tokio::test]
async fn facts_hold_the_standing_and_every_plan() {
    let bench = bench("facts").await;
    bench.sign_up(1).await;
    bench.put(1, &Subscription::Active(bought(1, 7))).await;
    bench
        .run("INSERT INTO complimentary_grants (account_id, id, plan, reason, granted_by, granted_at, ended_at)
              SELECT a.id, gen_random_uuid(), plan, 'friends', u.id, now(), ended_at
              FROM accounts a, users u, (VALUES ('enterprise', NULL), ('pro', now())) g (plan, ended_at)")
        .await;

    let facts = bench.facts(1).await;
    let grant = Grant {
        plan: plan("enterprise"),
        granted_by: user(1),
        ends_at: None,
    };
    let standing = Standing {
        subscription: Some(Subscription::Active(bought(1, 7))),
        grant: Some(grant),
    };
    assert_eq!(facts.standing, standing);
    let plans: Vec<_> = facts.catalog.0.keys().map(PlanKey::as_str).collect();
    assert_eq!(plans, ["enterprise", "free", "pro", "starter"]);
    let starter = &facts.catalog.0[&plan("starter")];
    assert_eq!(starter.billing.as_ref().unwrap().display_name, "Starter");
    assert_eq!(
        starter.plan.limits(),
        [
            (limit("max_projects"), Some(20)),
            (limit("max_users"), Some(5))
        ]
    );
    let features = [
        (feature("api_access"), Some(true)),
        (feature("audit_export"), None),
        (feature("custom_branding"), None),
        (feature("sso"), None),
    ];
    assert_eq!(starter.plan.features(), features);
}

#[tokio::test]
async fn seats_are_counted_only_where_they_are_asked_for() {
    let bench = bench("seats").await;
    bench.sign_up(1).await;
    assert_eq!(bench.asked(1, Some(now())).await.seats_used, 1);
    assert_eq!(bench.asked(1, None).await.seats_used, 0);
}

/// Everything is excepted for every account.
const EXCEPTIONS: &str = "
    INSERT INTO account_feature_overrides
        SELECT id, key, true, CASE key WHEN 'sso' THEN timestamptz '2031-01-01Z' END
        FROM accounts, feature_flags;
    INSERT INTO account_limit_overrides
        SELECT id, key, value, NULL FROM accounts, (VALUES ('max_users', 7), ('max_projects', NULL)) l (key, value)";

#[tokio::test]
async fn facts_hold_the_exceptions_of_the_account() {
    let bench = bench("exceptions").await;
    bench.sign_up(1).await;
    sqlx::raw_sql(EXCEPTIONS).execute(&bench.sql).await.unwrap();
    let overrides = bench.facts(1).await.overrides;
    assert_eq!(overrides.features().len(), 4);
    let sso = overrides.features().last().unwrap();
    assert_eq!((&sso.key, sso.enabled), (&feature("sso"), true));
    assert_eq!(sso.expires_at.unwrap().to_string(), "2031-01-01T00:00:00Z");
    let limits: Vec<_> = overrides
        .limits()
        .iter()
        .map(|l| (l.key.as_str(), l.value, l.expires_at))
        .collect();
    assert_eq!(
        limits,
        [("max_projects", None, None), ("max_users", Some(7), None)]
    );
}

fn feature(key: &str) -> FeatureKey {
    FeatureKey::parse(key).unwrap()
}

fn limit(key: &str) -> LimitKey {
    LimitKey::parse(key).unwrap()
}

#[tokio::test]
async fn an_account_that_never_tried_stands_on_nothing() {
    let bench = bench("bare").await;
    bench.sign_up(1).await;
    let facts = bench.facts(1).await;
    assert_eq!(facts.standing, Standing::default());
    assert_eq!(facts.overrides, Overrides::default());
    bench.store.ping().await.unwrap();
}
