//! `tollgate reconcile`: goes on until the rounds that were asked for are over, and says what they
//! found.

use std::{fmt::Write as _, process::ExitCode, time::Duration};

use tollgate_use_cases::{
    App, Outcome, ReconcileOrder, Report, When, ports::ReconcileJob, reconcile,
};

use crate::cli::print;

/// Somebody else spends the minutes' calls on the round we began.
const PAUSE_WHILE_HELD: Duration = Duration::from_secs(5);

/// Runs each of `jobs` to the end of its round. 1 when something differs still, or could not be found
/// out.
pub(crate) async fn run(app: &App, jobs: &[ReconcileJob], dry_run: bool) -> ExitCode {
    let mut is_all_well = true;
    for job in jobs {
        is_all_well &= run_round(app, *job, dry_run).await;
    }
    if is_all_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Whether nothing differs any more.
async fn run_round(app: &App, job: ReconcileJob, dry_run: bool) -> bool {
    let mut order = ReconcileOrder {
        job,
        when: When::Now,
        dry_run,
        from: None,
    };
    let mut is_all_well = true;
    loop {
        let report = reconcile(app, &order).await;
        is_all_well &= report.failed == 0 && report.drifted() == report.mended;
        match (&report.outcome, order.when) {
            (Outcome::Spent, _) => {
                print(&told(&report));
                let into_minute = app.clock.now().unix_seconds().rem_euclid(60);
                let rest = 60 - u64::try_from(into_minute).unwrap_or_default();
                tokio::time::sleep(Duration::from_secs(rest)).await;
                order.when = When::UnderWay;
                order.from = report.position.filter(|_| dry_run);
            }
            (Outcome::Held, When::UnderWay) => tokio::time::sleep(PAUSE_WHILE_HELD).await,
            // Somebody else has brought our round to its end.
            (Outcome::NotDue, _) => return is_all_well,
            (outcome, _) => {
                print(&told(&report));
                return is_all_well && *outcome == Outcome::Whole;
            }
        }
    }
}

fn told(report: &Report) -> String {
    let end = match &report.outcome {
        Outcome::Whole => "done".to_owned(),
        Outcome::Spent => "waiting for the next minute's calls".to_owned(),
        Outcome::Held => "not run: another run is under way".to_owned(),
        Outcome::NotDue => "not due".to_owned(),
        Outcome::Overtaken => "stopped: another run has taken over".to_owned(),
        Outcome::Failed(error) => format!("stopped: {error}"),
    };
    let mut text = format!(
        "{}: {} checked, {} differ, {} mended, {} failed, {} calls; {end}\n",
        report.job,
        report.checked,
        report.drifted(),
        report.mended,
        report.failed,
        report.calls,
    );
    for finding in &report.findings {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {}: {}", finding.kind.as_str(), finding.what);
    }
    text
}
