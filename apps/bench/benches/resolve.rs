//! One account's whole answer, and one question: 10 features, 5 limits, 2 overrides.

use std::{error::Error, hint::black_box};

use criterion::Criterion;
use tollgate_billing::{Access, Basis};
use tollgate_entitlements::{
    FeatureKey, FeatureOverride, LimitKey, LimitOverride, Overrides, Plan, Question, Use, decide,
    resolve,
};
use tollgate_primitives::{PlanKey, Timestamp};

fn main() -> Result<(), Box<dyn Error>> {
    let feature = FeatureKey::parse("feature_7")?;
    let limit = LimitKey::parse("limit_3")?;
    let plan = plan()?;
    let overrides = Overrides::new(
        vec![FeatureOverride {
            key: feature.clone(),
            enabled: true,
            expires_at: Some(Timestamp::MAX),
        }],
        vec![LimitOverride {
            key: limit.clone(),
            value: None,
            expires_at: None,
        }],
    );
    let now = Timestamp::from_unix_seconds(1_800_000_000)?;
    let access = Access::Full {
        plan: plan.key(),
        basis: Basis::Paid,
    };
    let question = Question {
        feature: Some(&feature),
        limit: Some(Use {
            key: &limit,
            used: 7,
            amount: 1,
        }),
        read_only: false,
    };

    let mut criterion = Criterion::default().configure_from_args();
    criterion.bench_function("resolve", |b| {
        b.iter(|| resolve(black_box(&access), &plan, &overrides, now));
    });
    criterion.bench_function("decide", |b| {
        b.iter(|| decide(&access, &plan, &overrides, black_box(&question), now));
    });
    criterion.final_summary();
    Ok(())
}

fn plan() -> Result<Plan, Box<dyn Error>> {
    let mut features = Vec::new();
    for n in 0..10 {
        features.push((
            FeatureKey::parse(&format!("feature_{n}"))?,
            Some(n % 2 == 0),
        ));
    }
    let mut limits = Vec::new();
    for n in 0..5 {
        limits.push((LimitKey::parse(&format!("limit_{n}"))?, Some(n * 10)));
    }
    Ok(Plan::new(PlanKey::parse("pro")?, limits, features))
}
