//! How rounds run: one at a time, within their budget, and on from where the last turn came.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tollgate_use_cases::{
    Outcome, ReconcileOrder, When,
    ports::{ReconcileJob, ReconcileJob::Sweep},
    reconcile,
};

use super::{order, unhurried};
use crate::world::{DAY, HOUR, MINUTE, World, run, set_stripe, settings};

/// Two and a half pages of subscriptions that nobody here has heard of.
const CROWD: usize = 250;

async fn crowd(world: &World) {
    world.hold_events().await;
    let price = world.monthly_price().await;
    for _ in 0..CROWD {
        world.subscriber(&price).await;
    }
    world.advance(MINUTE).await;
}

/// The holder of a turn has not used it for long.
async fn let_turns_lapse(world: &World) {
    world
        .execute("UPDATE reconcile_cursors SET lease_until = now() - interval '1 s' WHERE lease_until IS NOT NULL")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f30_of_fifty_at_once_on_two_nodes_one_runs() {
    let world = unhurried().two_nodes().start().await;
    for job in ReconcileJob::ALL {
        let due = ReconcileOrder {
            when: When::Due,
            ..order(job, false)
        };
        let runs: Vec<_> = (0..50)
            .map(|nth| {
                let (app, due) = (Arc::clone(world.app_of(nth % 2)), due.clone());
                tokio::spawn(async move { reconcile(&app, &due).await.outcome })
            })
            .collect();
        let mut whole = 0;
        for run in runs {
            let outcome = run.await.unwrap();
            let is_expected = matches!(outcome, Outcome::Whole | Outcome::Held | Outcome::NotDue);
            assert!(is_expected, "{outcome:?}");
            whole += usize::from(outcome == Outcome::Whole);
        }
        assert_eq!(whole, 1, "{job}");
    }
}

#[tokio::test]
async fn a_round_begins_when_it_is_due() {
    let world = unhurried().start().await;
    for (job, pause) in [
        (ReconcileJob::Pending, MINUTE * 20),
        (ReconcileJob::Events, MINUTE * 5),
        (ReconcileJob::Sweep, DAY),
    ] {
        let due = ReconcileOrder {
            when: When::Due,
            ..order(job, false)
        };
        assert_eq!(
            reconcile(world.app_of(0), &due).await.outcome,
            Outcome::Whole
        );
        world.clock.advance(crate::world::just_under(pause));
        assert_eq!(
            reconcile(world.app_of(0), &due).await.outcome,
            Outcome::NotDue
        );
        world.clock.advance(crate::world::SECOND);
        assert_eq!(
            reconcile(world.app_of(0), &due).await.outcome,
            Outcome::Whole
        );
    }
}

#[tokio::test]
async fn f22_l11_a_round_asks_less_than_once_for_each_and_keeps_its_budget_over_the_minutes() {
    let world = unhurried().two_nodes().start().await;
    crowd(&world).await;
    let mending = world.reconcile(0, Sweep).await;
    assert_eq!((mending.checked, mending.mended), (250, 250), "{mending:?}");
    assert!(mending.calls * 100 <= 105 * 250, "{mending:?}");
    assert_eq!(world.has_converged().await, CROWD);

    let before = world.written().await;
    // Two calls are left of this minute.
    world
        .execute("UPDATE reconcile_budget SET calls = 5998")
        .await;
    let first = world.reconcile(0, Sweep).await;
    assert_eq!((first.checked, first.calls), (200, 2));
    assert_eq!(first.outcome, Outcome::Spent);
    // The budget is that of all nodes and jobs.
    let spent = world.reconcile(1, ReconcileJob::Events).await;
    assert_eq!((spent.calls, spent.outcome), (0, Outcome::Spent));
    world.clock.advance(MINUTE);
    let second = world.reconcile(1, Sweep).await;
    assert_eq!((second.checked, second.calls), (50, 1));
    assert_eq!(second.outcome, Outcome::Whole);
    assert_eq!(world.written().await, before);
}

#[tokio::test]
async fn what_fails_in_the_middle_keeps_what_was_done_and_goes_on_from_there() {
    let world = unhurried().start().await;
    crowd(&world).await;
    // What is left of this minute is enough for the first page.
    world
        .execute("UPDATE reconcile_budget SET minute = 99999999, calls = 6000 - 101")
        .await;
    let first = world.reconcile(0, Sweep).await;
    assert_eq!((first.mended, first.outcome), (100, Outcome::Spent));
    world
        .execute("UPDATE reconcile_budget SET minute = 0, calls = 0")
        .await;
    let reached = world.cursor(Sweep).await.unwrap();
    for kind in ["error_500", "rate_limit_429", "html_200", "truncated_json"] {
        // Every try of the second page.
        let fault = json!({ "kind": kind, "path_prefix": "/v1/subscriptions", "times": 4 });
        world.tell_sandbox("faults", json!([fault])).await;
        let failed = world.reconcile(0, Sweep).await;
        assert!(
            matches!(failed.outcome, Outcome::Failed(_)),
            "{kind}: {failed:?}"
        );
        assert_eq!(world.cursor(Sweep).await.unwrap(), reached, "{kind}");
        world.clear_faults().await;
    }
    // Stripe was given up meanwhile, and is only tried again after a while.
    let mut polls = tokio::time::interval(Duration::from_millis(200));
    let rest = loop {
        polls.tick().await;
        let rest = world.reconcile(0, Sweep).await;
        if !matches!(rest.outcome, Outcome::Failed(_)) {
            break rest;
        }
    };
    assert_eq!((rest.checked, rest.outcome), (150, Outcome::Whole));
    assert_eq!(world.has_converged().await, CROWD);
}

#[tokio::test]
async fn f31_a_run_that_was_overtaken_has_no_further_effect() {
    let world = unhurried().two_nodes().start().await;
    crowd(&world).await;
    let slow =
        json!({ "kind": "slow", "path_prefix": "/v1/subscriptions", "times": 1, "delay_ms": 3000 });
    world.tell_sandbox("faults", json!([slow])).await;
    let app = Arc::clone(world.app_of(0));
    let stopped = tokio::spawn(async move { reconcile(&app, &order(Sweep, false)).await });
    let mut polls = tokio::time::interval(Duration::from_millis(5));
    let held = "SELECT count(*) FROM reconcile_cursors WHERE lease_until > now()";
    while world.count(held).await == 0 {
        polls.tick().await;
    }
    assert_eq!(world.reconcile(1, Sweep).await.outcome, Outcome::Held);
    let_turns_lapse(&world).await;
    let taken_over = world.reconcile(1, Sweep).await;
    assert_eq!(
        (taken_over.outcome, taken_over.mended),
        (Outcome::Whole, 250)
    );
    let before = world.written().await;
    let overtaken = stopped.await.unwrap();
    assert_eq!(
        (overtaken.outcome, overtaken.mended),
        (Outcome::Overtaken, 0)
    );
    assert_eq!(world.written().await, before);
    assert_eq!(world.cursor(Sweep).await, None);
}

#[tokio::test]
async fn a_run_that_was_killed_is_gone_on_with() {
    let world = unhurried().start().await;
    crowd(&world).await;
    let app = Arc::clone(world.app_of(0));
    let killed = tokio::spawn(async move { reconcile(&app, &order(Sweep, false)).await });
    let mut polls = tokio::time::interval(Duration::from_millis(1));
    while world.cursor(Sweep).await.is_none() {
        polls.tick().await;
    }
    killed.abort();
    assert!(killed.await.is_err_and(|end| end.is_cancelled()));
    assert_eq!(world.reconcile(0, Sweep).await.outcome, Outcome::Held);
    let_turns_lapse(&world).await;
    let rest = world.reconcile(0, Sweep).await;
    assert_eq!(rest.outcome, Outcome::Whole);
    assert!(rest.checked < 250, "{rest:?}");
    assert_eq!(world.has_converged().await, CROWD);
}

#[tokio::test]
async fn a_dry_run_names_what_differs_and_changes_nothing() {
    let world = unhurried().start().await;
    let ada = world.person("Ada").await;
    world.verify(&ada).await;
    let choice = crate::world::monthly("pro", 1);
    let opened = world.open_checkout(&ada, &choice).await.ok(200);
    world.hold_events().await;
    let page = opened["url"].as_str().unwrap();
    let paid = world.fetch(reqwest::Method::POST, page);
    let paid = paid.form(&[("card", "4242424242424242")]).send().await;
    assert_eq!(paid.status, 303);
    world.advance(HOUR).await;
    let before = world.written().await;
    let cursors = async || -> Vec<String> {
        let asked = "SELECT concat_ws(' ', job, position, round_started_at, round_ended_at, report)
                     FROM reconcile_cursors ORDER BY job";
        let rows = sqlx::query_scalar(asked).fetch_all(world.database.pool());
        rows.await.unwrap()
    };
    let stood = cursors().await;
    let reports = world.dry_run().await;
    for report in &reports {
        assert_eq!(report.outcome, Outcome::Whole, "{report:?}");
        assert!(report.drifted() > 0, "{report:?}");
        assert_eq!(report.mended, 0);
    }
    let named: Vec<_> = reports.iter().flat_map(|report| &report.findings).collect();
    assert!(
        named.iter().any(|found| found.what.contains(&ada.account)),
        "{named:?}"
    );
    assert_eq!(world.written().await, before);
    assert_eq!(cursors().await, stood);
    for report in world.reconcile_all().await {
        assert_eq!((report.outcome, report.failed), (Outcome::Whole, 0));
    }
    assert_eq!(world.has_converged().await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_says_what_it_found_and_ends_accordingly() {
    let world = unhurried().start().await;
    world.hold_events().await;
    let price = world.monthly_price().await;
    world.subscriber(&price).await;
    world.advance(MINUTE).await;
    let mut variables = settings(world.database.url(), &world.mailbox.smtp_url());
    set_stripe(&mut variables, &world.sandbox_url());
    let command = |arguments: &[&str]| {
        let ended = run(arguments, &variables);
        let said = String::from_utf8(ended.stdout).unwrap();
        (ended.status.code().unwrap(), said)
    };
    let (code, said) = command(&["reconcile", "--job", "sweep", "--dry-run"]);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.starts_with(
            "sweep: 1 checked, 1 differ, 0 mended, 0 failed, 1 calls; done\n  purchase: account "
        ),
        "{said}"
    );
    let (code, said) = command(&["reconcile"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(
        said.lines().filter(|line| line.ends_with("; done")).count(),
        3,
        "{said}"
    );
    let (code, said) = command(&["reconcile", "--job", "sweep", "--dry-run"]);
    assert_eq!(
        (code, said.as_str()),
        (
            0,
            "sweep: 1 checked, 0 differ, 0 mended, 0 failed, 1 calls; done\n"
        )
    );
    let without_stripe = settings(world.database.url(), &world.mailbox.smtp_url());
    assert_eq!(run(&["reconcile"], &without_stripe).status.code(), Some(2));
}
