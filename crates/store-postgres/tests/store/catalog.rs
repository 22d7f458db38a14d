use tollgate_billing::{Bought, Grant, Interval, PriceId, Subscription};
use tollgate_entitlements::{FeatureKey, LimitKey};
use tollgate_primitives::Currency;
use tollgate_use_cases::ports::{OfferRow, Store};

use crate::support::{account, at, bench, bought, plan, session, user};

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
    assert_eq!(
        bench
            .store
            .price(&PriceId::new("price_starter_annual"))
            .await
            .unwrap(),
        None
    );
}

async fn row_version(sql: &sqlx::PgPool) -> String {
    sqlx::query_scalar("SELECT xmin::text FROM plan_billing WHERE plan = 'starter'")
        .fetch_one(sql)
        .await
        .unwrap()
}

#[tokio::test]
async fn facts_hold_every_plan_that_the_standing_can_lead_to() {
    let bench = bench("facts").await;
    bench.sign_up(1).await;
    bench.put(1, &Subscription::Active(bought(1, 7))).await;
    bench
        .run("INSERT INTO complimentary_grants (account_id, id, plan, reason, granted_by, granted_at, ended_at)
              SELECT a.id, gen_random_uuid(), plan, 'friends', u.id, now(), ended_at
              FROM accounts a, users u, (VALUES ('enterprise', NULL), ('pro', now())) g (plan, ended_at)")
        .await;
    bench
        .run("INSERT INTO account_feature_overrides SELECT id, 'sso', true, '2031-01-01Z' FROM accounts")
        .await;
    bench
        .run("INSERT INTO account_limit_overrides SELECT id, 'max_projects', NULL, NULL FROM accounts")
        .await;

    let facts = bench
        .store
        .account_facts(session(1), account(1))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        facts.standing.subscription,
        Some(Subscription::Active(bought(1, 7)))
    );
    let grant = Grant {
        plan: plan("enterprise"),
        granted_by: user(1),
        ends_at: None,
    };
    assert_eq!(facts.standing.grant, Some(grant));
    assert_eq!(facts.seats_used, 1);
    let mut keys: Vec<_> = facts.plans.iter().map(|p| p.key().as_str()).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["enterprise", "free", "starter"]);
    let starter = facts
        .plans
        .iter()
        .find(|p| p.key().as_str() == "starter")
        .unwrap();
    let limits: Vec<_> = starter
        .limits()
        .iter()
        .map(|(key, value)| (key.as_str(), *value))
        .collect();
    assert_eq!(limits, [("max_projects", Some(20)), ("max_users", Some(5))]);
    let features: Vec<_> = starter
        .features()
        .iter()
        .map(|(key, on)| (key.as_str(), *on))
        .collect();
    assert_eq!(
        features,
        [
            ("api_access", Some(true)),
            ("audit_export", None),
            ("custom_branding", None),
            ("sso", None)
        ]
    );
    assert_eq!(facts.plan_billing.len(), 3);
    let sso = &facts.overrides.features()[0];
    assert_eq!((sso.key.as_str(), sso.enabled), ("sso", true));
    assert_eq!(sso.expires_at.unwrap().to_string(), "2031-01-01T00:00:00Z");
    let projects = &facts.overrides.limits()[0];
    assert_eq!(
        (projects.key.as_str(), projects.value, projects.expires_at),
        ("max_projects", None, None)
    );
}

#[tokio::test]
async fn the_gate_reads_only_what_is_asked() {
    let bench = bench("gate").await;
    bench.sign_up(1).await;
    let pro = Bought {
        plan: plan("pro"),
        ..bought(1, 7)
    };
    bench.put(1, &Subscription::Active(pro.clone())).await;
    bench
        .run("INSERT INTO account_feature_overrides SELECT id, key, true, NULL FROM accounts, feature_flags")
        .await;
    bench
        .run(
            "INSERT INTO account_limit_overrides SELECT id, key, 7, NULL
              FROM accounts, unnest(ARRAY['max_users', 'max_projects']) key",
        )
        .await;
    let gate = async |feature: Option<&str>, limit: Option<&str>| {
        let feature = feature.map(|key| FeatureKey::parse(key).unwrap());
        let limit = limit.map(|key| LimitKey::parse(key).unwrap());
        let facts =
            bench
                .store
                .gate_facts(session(1), account(1), feature.as_ref(), limit.as_ref());
        facts.await.unwrap().unwrap()
    };

    let plain = gate(None, None).await;
    assert_eq!(plain.standing.subscription, Some(Subscription::Active(pro)));
    let keys: Vec<_> = plain.plans.iter().map(|p| p.key().as_str()).collect();
    assert_eq!(keys, ["free", "pro"]);
    assert!(
        plain
            .plans
            .iter()
            .all(|p| p.limits().is_empty() && p.features().is_empty())
    );
    assert!(plain.overrides.features().is_empty() && plain.overrides.limits().is_empty());

    let asked = gate(Some("sso"), None).await;
    assert!(
        asked
            .plans
            .iter()
            .all(|p| p.limits().is_empty() && p.features().len() == 1)
    );
    assert_eq!(asked.overrides.features().len(), 1);
    assert!(asked.overrides.limits().is_empty());
    assert!(asked.plan_billing.is_empty());

    let asked = gate(None, Some("max_users")).await;
    let pro = asked
        .plans
        .iter()
        .find(|p| p.key().as_str() == "pro")
        .unwrap();
    assert_eq!(pro.limits().len(), 1);
    assert_eq!(pro.limits()[0].1, Some(25));
    assert!(pro.features().is_empty());
    assert_eq!(
        (asked.overrides.limits()[0].value, asked.seats_used),
        (Some(7), 1)
    );

    let unknown = gate(Some("no_such_feature"), Some("no_such_limit")).await;
    assert!(
        unknown
            .plans
            .iter()
            .all(|p| p.limits().is_empty() && p.features().is_empty())
    );
    assert_eq!(unknown.caller, plain.caller);
}

#[tokio::test]
async fn an_account_that_never_tried_stands_on_nothing() {
    let bench = bench("bare").await;
    bench.sign_up(1).await;
    let facts = bench
        .store
        .account_facts(session(1), account(1))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(facts.standing, tollgate_billing::Standing::default());
    let keys: Vec<_> = facts.plans.iter().map(|p| p.key().as_str()).collect();
    assert_eq!(keys, ["free"]);
    assert_eq!(facts.caller.user_created_at, at(0));
    bench.store.ping().await.unwrap();
}
