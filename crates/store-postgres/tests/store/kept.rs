//! What a store keeps in memory is never older than the question, whoever changed it and wherever.

use futures_util::future::join_all;
use tollgate_billing::{PriceId, Subscription};
use tollgate_primitives::Currency;
use tollgate_use_cases::ports::{AccountFacts, OfferRow, Store, StoreError};

use crate::support::{Bench, account, bench, bought, plan, session};

/// What two nodes are told, which must be the same.
async fn asked_twice(bench: &Bench, other: &impl Store) -> AccountFacts {
    let facts = bench.facts(1).await;
    let others = other.account_facts(session(1), account(1), None).await;
    assert_eq!(others.unwrap().unwrap(), facts);
    facts
}

#[tokio::test]
async fn a_change_of_the_catalog_is_seen_at_the_next_question() {
    let bench = bench("kept_catalog").await;
    bench.sign_up(1).await;
    let other = bench.another("kept_catalog_other").await;
    let mut before = asked_twice(&bench, &other).await.catalog;
    for sql in [
        r#"UPDATE plan_limits SET limits = '{"max_users": 6}' WHERE plan = 'starter'"#,
        "UPDATE plan_billing SET display_name = 'Start' WHERE plan = 'starter'",
        "INSERT INTO feature_flags (key, description) VALUES ('exports', 'Export')",
        "INSERT INTO plan_feature_defaults VALUES ('starter', 'exports', true)",
        "DELETE FROM feature_flags WHERE key = 'exports'",
        "TRUNCATE plan_feature_defaults",
        "INSERT INTO plan_limits (plan) VALUES ('partner')",
    ] {
        bench.run(sql).await;
        let now = asked_twice(&bench, &other).await.catalog;
        assert_ne!(now, before, "{sql}");
        before = now;
    }
    let offer = OfferRow {
        plan: plan("starter"),
        product: "prod_starter".to_owned(),
        monthly: (PriceId::new("price_starter"), 1900),
        annual: None,
        currency: Currency::parse("usd").unwrap(),
    };
    bench.store.put_offers(&[offer]).await.unwrap();
    let starter = &asked_twice(&bench, &other).await.catalog.0[&plan("starter")];
    assert_eq!(
        starter.billing.as_ref().unwrap().monthly_price_cents,
        Some(1900)
    );
}

#[tokio::test]
async fn an_exception_of_one_account_is_seen_at_the_next_question() {
    let bench = bench("kept_exceptions").await;
    bench.sign_up(1).await;
    bench.put(1, &Subscription::Active(bought(1, 7))).await;
    let other = bench.another("kept_exceptions_other").await;
    let plain = asked_twice(&bench, &other).await;
    for (excepts, takes_back) in [
        (
            "INSERT INTO account_feature_overrides SELECT id, 'sso', true, NULL FROM accounts",
            "DELETE FROM account_feature_overrides",
        ),
        (
            "INSERT INTO account_limit_overrides SELECT id, 'max_users', 9, NULL FROM accounts",
            "TRUNCATE account_limit_overrides",
        ),
        (
            "INSERT INTO complimentary_grants (account_id, id, plan, reason, granted_by, granted_at)
             SELECT account_id, gen_random_uuid(), 'pro', 'friends', user_id, now() FROM memberships",
            "UPDATE complimentary_grants SET ended_at = now()",
        ),
    ] {
        bench.run(excepts).await;
        assert_ne!(asked_twice(&bench, &other).await, plain, "{excepts}");
        bench.run(takes_back).await;
        assert_eq!(asked_twice(&bench, &other).await, plain, "{takes_back}");
    }
}

#[tokio::test]
async fn fifty_at_once_who_ask_a_cold_store_are_all_told_what_holds() {
    let bench = bench("kept_cold").await;
    bench.sign_up(1).await;
    bench
        .run("INSERT INTO account_feature_overrides SELECT id, 'sso', true, NULL FROM accounts")
        .await;
    let told = bench.facts(1).await;
    let cold = bench.another("kept_cold_other").await;
    let asked = (0..50).map(|_| cold.account_facts(session(1), account(1), None));
    for facts in join_all(asked).await {
        assert_eq!(facts.unwrap().unwrap(), told);
    }
}

#[tokio::test]
async fn an_exception_counts_also_when_there_are_too_many_to_keep() {
    let bench = bench("kept_crowd").await;
    bench.sign_up(1).await;
    bench
        .run(
            "SET session_replication_role = replica;
             INSERT INTO account_limit_overrides
                 SELECT gen_random_uuid(), 'max_users', 1, NULL FROM generate_series(1, 100001);
             SET session_replication_role = origin;
             INSERT INTO account_feature_overrides SELECT id, 'sso', true, NULL FROM accounts",
        )
        .await;
    for _ in 0..2 {
        let overrides = bench.facts(1).await.overrides;
        assert_eq!(overrides.features().len(), 1);
    }
}

#[tokio::test]
async fn a_catalog_that_cannot_be_read_is_an_error_and_not_the_one_before() {
    let bench = bench("kept_away").await;
    bench.sign_up(1).await;
    bench.facts(1).await;
    bench
        .run(
            "UPDATE plan_billing SET display_name = 'Gratis' WHERE plan = 'free';
             ALTER TABLE plan_limits RENAME TO away",
        )
        .await;
    let facts = bench.store.account_facts(session(1), account(1), None);
    let error = facts.await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
    bench.run("ALTER TABLE away RENAME TO plan_limits").await;
    let free = &bench.facts(1).await.catalog.0[&plan("free")];
    assert_eq!(free.billing.as_ref().unwrap().display_name, "Gratis");
}

#[tokio::test]
async fn the_revision_changes_once_for_each_transaction_that_changes_something() {
    const REVISION: &str = "SELECT revision::text FROM catalog_revision";
    let bench = bench("revision").await;
    let first = bench.text(REVISION).await;
    for sql in [
        "BEGIN; UPDATE plan_billing SET sort_order = sort_order + 1; ROLLBACK",
        "UPDATE plan_billing SET sort_order = 1 WHERE plan = 'none'",
    ] {
        bench.run(sql).await;
        assert_eq!(bench.text(REVISION).await, first, "{sql}");
    }
    bench
        .run("UPDATE plan_billing SET sort_order = sort_order + 1")
        .await;
    assert_ne!(bench.text(REVISION).await, first);
    let again =
        "INSERT INTO catalog_revision SELECT false, revision, changed_by FROM catalog_revision";
    assert_eq!(bench.refused_by(again).await, "catalog_revision_is_only");
}
