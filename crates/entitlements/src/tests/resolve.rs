use super::*;
use crate::Source::{AccountOverride, DefaultOff, PlanDefault};

fn features<'a>(resolved: &'a Entitlements<'_>) -> Vec<(&'a str, bool, Source)> {
    resolved
        .features
        .iter()
        .map(|f| (f.key.as_str(), f.enabled, f.source))
        .collect()
}

fn limits<'a>(resolved: &'a Entitlements<'_>) -> Vec<(&'a str, Option<u64>, Source)> {
    resolved
        .limits
        .iter()
        .map(|l| (l.key.as_str(), l.value, l.source))
        .collect()
}

#[test]
fn an_override_beats_the_plan_and_neither_means_off() {
    let plan = pro();
    let overrides = Overrides::new(
        vec![
            feature_override("secret", true, None),
            feature_override("branding", true, Some(at(9))),
            feature_override("export", false, None),
        ],
        vec![
            limit_override("storage_gb", Some(7), None),
            limit_override("max_users", None, Some(at(9))),
        ],
    );
    let access = paid(&plan);
    let resolved = resolve(&access, &plan, &overrides, at(0));
    assert_eq!(resolved.plan.as_str(), "pro");
    assert_eq!(resolved.basis, Some(Basis::Paid));
    assert_eq!(
        features(&resolved),
        [
            ("beta", false, DefaultOff),
            ("branding", true, AccountOverride),
            ("export", false, AccountOverride),
            ("secret", true, AccountOverride),
        ]
    );
    assert_eq!(
        limits(&resolved),
        [
            ("max_users", None, AccountOverride),
            ("projects", None, PlanDefault),
            ("storage_gb", Some(7), AccountOverride),
        ]
    );
    let branding = resolved.feature(&feature("branding")).unwrap();
    assert_eq!(branding.expires_at, Some(at(9)));
    let users = resolved.limit(&limit("max_users")).unwrap();
    assert_eq!(users.expires_at, Some(at(9)));
    assert_eq!(resolved.feature(&feature("unknown")), None);
    assert_eq!(resolved.limit(&limit("unknown")), None);
}

#[test]
fn an_override_counts_until_the_moment_it_expires() {
    let plan = pro();
    let overrides = Overrides::new(
        vec![
            feature_override("branding", true, Some(at(9))),
            feature_override("secret", true, Some(at(9))),
        ],
        vec![
            limit_override("max_users", Some(50), Some(at(9))),
            limit_override("storage_gb", Some(7), Some(at(9))),
        ],
    );
    let access = paid(&plan);
    let before = resolve(
        &access,
        &plan,
        &overrides,
        at(9).saturating_sub(MICROSECOND),
    );
    assert_eq!(
        features(&before),
        [
            ("beta", false, DefaultOff),
            ("branding", true, AccountOverride),
            ("export", true, PlanDefault),
            ("secret", true, AccountOverride),
        ]
    );
    let after = resolve(&access, &plan, &overrides, at(9));
    assert_eq!(
        features(&after),
        [
            ("beta", false, DefaultOff),
            ("branding", false, PlanDefault),
            ("export", true, PlanDefault),
            ("secret", false, DefaultOff),
        ]
    );
    assert_eq!(
        limits(&after),
        [
            ("max_users", Some(5), PlanDefault),
            ("projects", None, PlanDefault),
            ("storage_gb", Some(0), DefaultOff),
        ]
    );
    assert!(after.features.iter().all(|f| f.expires_at.is_none()));
    assert!(after.limits.iter().all(|l| l.expires_at.is_none()));
}

#[test]
fn an_account_whose_subscription_is_over_has_nothing_whatever_the_tables_say() {
    let plan = pro();
    let overrides = Overrides::new(
        vec![feature_override("secret", true, None)],
        vec![limit_override("max_users", None, None)],
    );
    for (access, basis) in [
        (Access::Locked(Locked::NoSubscription), None),
        (Access::Locked(Locked::Inactive), None),
        (Access::Locked(Locked::PaymentPending), None),
        (Access::ReadOnly { plan: plan.key() }, Some(Basis::ReadOnly)),
    ] {
        let resolved = resolve(&access, &plan, &overrides, at(0));
        assert_eq!(resolved.basis, basis, "{access:?}");
        assert_eq!(
            features(&resolved),
            ["beta", "branding", "export", "secret"].map(|key| (key, false, DefaultOff)),
            "{access:?}"
        );
        assert_eq!(
            limits(&resolved),
            ["max_users", "projects"].map(|key| (key, Some(0), DefaultOff)),
            "{access:?}"
        );
    }
}

#[test]
fn the_free_plan_has_its_own_features() {
    let free = Plan::new(
        PlanKey::free(),
        vec![(limit("max_users"), Some(1))],
        vec![(feature("export"), Some(true))],
    );
    let overrides = Overrides::default();
    let resolved = resolve(&Access::Free, &free, &overrides, at(0));
    assert_eq!(resolved.basis, Some(Basis::Free));
    assert_eq!(features(&resolved), [("export", true, PlanDefault)]);
    assert_eq!(limits(&resolved), [("max_users", Some(1), PlanDefault)]);
}

#[test]
fn sources_are_written_as_the_contract_says() {
    assert_eq!(
        [AccountOverride, PlanDefault, DefaultOff].map(Source::as_str),
        ["account_override", "plan_default", "default_off"]
    );
}

proptest! {
    #[test]
    fn every_known_key_appears_once_in_order(
        plan in plans(), overrides in overrides(), now in 0..HORIZON,
    ) {
        let access = paid(&plan);
        let resolved = resolve(&access, &plan, &overrides, at(now));
        prop_assert!(resolved.features.is_sorted_by(|a, b| a.key < b.key));
        prop_assert!(resolved.limits.is_sorted_by(|a, b| a.key < b.key));
        for (key, _) in plan.features() {
            prop_assert!(resolved.feature(key).is_some());
        }
        for (key, _) in plan.limits() {
            prop_assert!(resolved.limit(key).is_some());
        }
        let known = |key: &FeatureKey| {
            plan.features().iter().any(|(k, _)| k == key)
                || overrides.features().iter().any(|o| o.key == *key)
        };
        prop_assert!(resolved.features.iter().all(|f| known(f.key)));
    }

    #[test]
    fn a_living_override_always_beats_the_plan(
        plan in plans(), overrides in overrides(), now in 0..HORIZON,
    ) {
        let access = paid(&plan);
        let resolved = resolve(&access, &plan, &overrides, at(now));
        for own in overrides.features() {
            let found = resolved.feature(&own.key).unwrap();
            let lives = own.expires_at.is_none_or(|end| at(now) < end);
            prop_assert_eq!(found.source == AccountOverride, lives);
            prop_assert!(!lives || found.enabled == own.enabled);
        }
        for own in overrides.limits() {
            let found = resolved.limit(&own.key).unwrap();
            let lives = own.expires_at.is_none_or(|end| at(now) < end);
            prop_assert_eq!(found.source == AccountOverride, lives);
            prop_assert!(!lives || found.value == own.value);
        }
    }

    #[test]
    fn without_a_basis_nothing_is_enabled(
        standing in standings(), policy in policies(),
        plan in plans(), overrides in overrides(), now in 0..3 * HORIZON,
    ) {
        let access = access(&standing, at(now), policy);
        let resolved = resolve(&access, &plan, &overrides, at(now));
        let over = matches!(resolved.basis, None | Some(Basis::ReadOnly));
        if over {
            prop_assert!(resolved.features.iter().all(|f| !f.enabled));
            prop_assert!(resolved.limits.iter().all(|l| l.value == Some(0)));
        }
        prop_assert_eq!(resolved.basis.is_none(), matches!(access, Access::Locked(_)));
    }
}

#[test]
fn keys_are_read_from_the_text_they_are_written_as() {
    let key = feature("custom_branding");
    assert_eq!(key.to_string(), "custom_branding");
    assert_eq!(FeatureKey::try_from(String::from(key.clone())), Ok(key));
    let key = limit("max_users");
    assert_eq!(key.to_string(), "max_users");
    assert_eq!(LimitKey::try_from(String::from(key.clone())), Ok(key));
}
