//! What each shape of a stored subscription holds.

use tollgate_billing::{Period, PeriodInvalid, Start, Subscription};

use crate::given::{Content, SHAPES, at, plan, state};

/// `lives` at the provider, `runs` there because it was paid for or tried, `ended` there, a `reverse`
/// trial that runs on, the `free` plan.
const WRITTEN: &str = "
free           -     -     -     -       free
free/failed    -     -     ended -       free
trial          -     -     -     reverse -
trial/failed   -     -     ended reverse -
trialing       lives runs  -     -       -
pending        lives -     -     -       -
pending/trial  lives -     -     reverse -
pending/free   lives -     -     -       free
pending/over   lives -     -     -       -
active         lives runs  -     -       -
past_due       lives runs  -     -       -
unpaid         lives runs  -     -       -
paused         lives runs  -     -       -
canceled       -     -     ended -       -
expired        -     -     ended -       -
expired/over   -     -     ended -       -
";

#[test]
fn each_shape_holds_what_is_written() {
    let rows: Vec<Vec<_>> = WRITTEN
        .trim()
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let shapes: Vec<_> = rows.iter().map(|row| row[0]).collect();
    assert_eq!(shapes, SHAPES[1..], "every shape but none is written");
    for row in &rows {
        let state = state(row[0], Content::as_of(100)).unwrap();
        let holds = |word, is_held| if is_held { word } else { "-" };
        let held = [
            holds("lives", state.is_live_at_provider()),
            holds("runs", state.is_running()),
            holds("ended", state.ended().is_some()),
            holds("reverse", state.reverse().is_some()),
            holds("free", state.is_free()),
        ];
        assert_eq!(held, row[1..], "{}", row[0]);
        let is_bought = state.is_live_at_provider() || state.ended().is_some();
        assert_eq!(state.bought().is_some(), is_bought, "{}", row[0]);
    }
}

#[test]
fn a_new_trial_runs_for_its_days_from_now() {
    let content = Content::as_of(100);
    let trial = Subscription::reverse_trial(content.trial.plan.clone(), at(0), 14);
    assert_eq!(Some(trial), state("trial", content));
}

#[test]
fn an_account_begins_with_the_free_plan_for_good_or_with_any_other_as_a_trial() {
    let free = Subscription::Free {
        since: at(0),
        failed: None,
    };
    assert_eq!(Start::with(plan("free"), 14, at(0)), Start::Free(free));
    let trial = Subscription::reverse_trial(plan("pro"), at(0), 14);
    assert_eq!(Start::with(plan("pro"), 14, at(0)), Start::Trial(trial));
}

#[test]
fn a_period_ends_no_sooner_than_it_starts() {
    assert_eq!(Period::new(at(1), at(0)), Err(PeriodInvalid));
    let instant = Period::new(at(1), at(1)).unwrap();
    assert_eq!((instant.start(), instant.end()), (at(1), at(1)));
    assert!(!instant.runs_at(at(1)));
    assert!(instant.runs_at(at(0)));
}
