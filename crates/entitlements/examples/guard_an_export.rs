//! A service that guards one of its own features, with nothing but the two pure crates.
//!
//! `cargo run -p tollgate-entitlements --example guard_an_export`

use std::{error::Error, time::Duration};

use tollgate_billing::{AfterEnd, Policy, Standing, Subscription, access};
use tollgate_entitlements::{
    Decision, FeatureKey, LimitKey, Overrides, Plan, Question, Use, decide, trial_banner,
};
use tollgate_primitives::{PlanKey, Timestamp};

fn main() -> Result<(), Box<dyn Error>> {
    let export = FeatureKey::parse("csv_export")?;
    let rows = LimitKey::parse("exported_rows")?;
    let pro = Plan::new(
        PlanKey::parse("pro")?,
        vec![(rows.clone(), Some(10_000))],
        vec![(export.clone(), Some(true))],
    );
    let signed_up = Timestamp::from_unix_seconds(1_800_000_000)?;
    let standing = Standing {
        subscription: Some(Subscription::reverse_trial(
            pro.key().clone(),
            signed_up,
            14,
        )),
        grant: None,
    };
    let policy = Policy {
        after_end: AfterEnd::Lock,
        read_only_days: 30,
    };

    for (day, used) in [(1, 0), (13, 9_990), (15, 9_990)] {
        let now = signed_up.saturating_add(Duration::from_hours(24 * day));
        let question = Question {
            feature: Some(&export),
            limit: Some(Use {
                key: &rows,
                used,
                amount: 500,
            }),
            read_only: false,
        };
        let access = access(&standing, now, policy);
        let answer = match decide(&access, &pro, &Overrides::default(), &question, now) {
            Decision::Pass { plan, basis } => format!("go ahead: {plan}, {}", basis.as_str()),
            Decision::Refuse(refusal) => format!("402 {}", refusal.code()),
        };
        let stage = trial_banner(&standing, now).map_or("none", |banner| banner.stage.as_str());
        println!("day {day:2}: {answer} (banner: {stage})");
    }
    Ok(())
}
