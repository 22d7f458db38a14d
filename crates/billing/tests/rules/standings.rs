//! What each of the provider's statuses shows and opens, with and without a trial that still runs,
//! the days after the end in which people may read, and a complimentary grant.

use tollgate_billing::{
    Access, AfterEnd, Event, Locked, Outcome, Period, Policy, Snapshot, Standing, Subscription,
    access, bought_seats, is_paid, transition, wire_status,
};

use crate::given::{Content, DAY, SHAPES, at, grant, plan, snapshot, state, status};

/// `grace`: still within the 30 days in which people may read after the end.
/// `trial`: the account had a trial when the status was told, and it still runs.
const WRITTEN: &str = "
status              grace trial grant | shown            access           paid
incomplete          no    no    no    | pending_payment  locked/pending   no
incomplete          yes   no    no    | pending_payment  locked/pending   no
incomplete          no    yes   no    | trialing         trial            no
incomplete          yes   yes   no    | trialing         trial            no
incomplete          no    no    yes   | complimentary    complimentary    no
incomplete          yes   no    yes   | complimentary    complimentary    no
incomplete          no    yes   yes   | complimentary    complimentary    no
incomplete          yes   yes   yes   | complimentary    complimentary    no
incomplete_expired  no    no    no    | expired          locked/inactive  no
incomplete_expired  yes   no    no    | expired          read_only        no
incomplete_expired  no    yes   no    | trialing         trial            no
incomplete_expired  yes   yes   no    | trialing         trial            no
incomplete_expired  no    no    yes   | complimentary    complimentary    no
incomplete_expired  yes   no    yes   | complimentary    complimentary    no
incomplete_expired  no    yes   yes   | complimentary    complimentary    no
incomplete_expired  yes   yes   yes   | complimentary    complimentary    no
trialing            no    no    no    | trialing         locked/inactive  no
trialing            yes   no    no    | trialing         read_only        no
trialing            no    yes   no    | trialing         trial            no
trialing            yes   yes   no    | trialing         trial            no
trialing            no    no    yes   | complimentary    complimentary    no
trialing            yes   no    yes   | complimentary    complimentary    no
trialing            no    yes   yes   | complimentary    complimentary    no
trialing            yes   yes   yes   | complimentary    complimentary    no
active              no    no    no    | active           paid             yes
active              yes   no    no    | active           paid             yes
active              no    yes   no    | active           paid             yes
active              yes   yes   no    | active           paid             yes
active              no    no    yes   | complimentary    complimentary    no
active              yes   no    yes   | complimentary    complimentary    no
active              no    yes   yes   | complimentary    complimentary    no
active              yes   yes   yes   | complimentary    complimentary    no
past_due            no    no    no    | past_due         grace            yes
past_due            yes   no    no    | past_due         grace            yes
past_due            no    yes   no    | past_due         grace            yes
past_due            yes   yes   no    | past_due         grace            yes
past_due            no    no    yes   | complimentary    complimentary    no
past_due            yes   no    yes   | complimentary    complimentary    no
past_due            no    yes   yes   | complimentary    complimentary    no
past_due            yes   yes   yes   | complimentary    complimentary    no
unpaid              no    no    no    | unpaid           locked/inactive  yes
unpaid              yes   no    no    | unpaid           read_only        yes
unpaid              no    yes   no    | unpaid           locked/inactive  yes
unpaid              yes   yes   no    | unpaid           read_only        yes
unpaid              no    no    yes   | complimentary    complimentary    no
unpaid              yes   no    yes   | complimentary    complimentary    no
unpaid              no    yes   yes   | complimentary    complimentary    no
unpaid              yes   yes   yes   | complimentary    complimentary    no
paused              no    no    no    | paused           locked/inactive  yes
paused              yes   no    no    | paused           locked/inactive  yes
paused              no    yes   no    | paused           locked/inactive  yes
paused              yes   yes   no    | paused           locked/inactive  yes
paused              no    no    yes   | complimentary    complimentary    no
paused              yes   no    yes   | complimentary    complimentary    no
paused              no    yes   yes   | complimentary    complimentary    no
paused              yes   yes   yes   | complimentary    complimentary    no
canceled            no    no    no    | canceled         locked/inactive  no
canceled            yes   no    no    | canceled         read_only        no
canceled            no    yes   no    | canceled         locked/inactive  no
canceled            yes   yes   no    | canceled         read_only        no
canceled            no    no    yes   | complimentary    complimentary    no
canceled            yes   no    yes   | complimentary    complimentary    no
canceled            no    yes   yes   | complimentary    complimentary    no
canceled            yes   yes   yes   | complimentary    complimentary    no
";

const LOCK: Policy = Policy {
    after_end: AfterEnd::Lock,
    read_only_days: 30,
};
const FREE: Policy = Policy {
    after_end: AfterEnd::Free,
    read_only_days: 30,
};

/// When the status was told; with it ends what ends.
const TOLD: i64 = DAY;

#[test]
fn each_standing_shows_and_opens_what_is_written() {
    let mut lines = WRITTEN.trim().lines();
    let head = "status grace trial grant | shown access paid";
    assert_eq!(words(lines.next().unwrap()), words(head));
    let mut seen = Vec::new();
    for line in lines {
        let row = words(line);
        seen.push(row[..4].to_vec());
        let standing = standing(row[0], row[2] == "yes", row[3] == "yes");
        let now = at(TOLD + 30 * DAY - i64::from(row[1] == "yes"));
        assert_eq!(
            wire_status(&standing, now).unwrap().as_str(),
            row[5],
            "{line}"
        );
        assert_eq!(word(&access(&standing, now, LOCK)), row[6], "{line}");
        assert_eq!(is_paid(&standing, now), row[7] == "yes", "{line}");
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 8 * 2 * 2 * 2);
}

#[test]
fn where_the_operator_says_so_what_is_over_falls_to_the_free_plan() {
    for line in WRITTEN.trim().lines().skip(1) {
        let row = words(line);
        let standing = standing(row[0], row[2] == "yes", row[3] == "yes");
        let locks_when_over = row[0] != "paused";
        let expected = match row[6] {
            "read_only" => "free",
            "locked/inactive" if locks_when_over => "free",
            other => other,
        };
        let now = at(TOLD + 30 * DAY - i64::from(row[1] == "yes"));
        assert_eq!(word(&access(&standing, now, FREE)), expected, "{line}");
    }
}

#[test]
fn a_trial_covers_a_pending_purchase_until_it_ends() {
    let standing = Standing {
        subscription: state("pending/trial", Content::as_of(DAY)),
        grant: None,
    };
    for (second, shown, opened) in [
        (14 * DAY - 1, "trialing", "trial"),
        (14 * DAY, "pending_payment", "locked/pending"),
    ] {
        let status = wire_status(&standing, at(second)).unwrap();
        assert_eq!(status.as_str(), shown);
        assert_eq!(word(&access(&standing, at(second), LOCK)), opened);
    }
}

#[test]
fn who_never_tried_nor_bought_is_locked_and_shows_nothing() {
    let standing = Standing::default();
    assert_eq!(wire_status(&standing, at(0)), None);
    assert_eq!(
        access(&standing, at(0), LOCK),
        Access::Locked(Locked::NoSubscription)
    );
    assert!(!is_paid(&standing, at(0)));
}

#[test]
fn the_free_plan_is_active_and_no_revenue() {
    let standing = Standing {
        subscription: state("free", Content::as_of(0)),
        grant: None,
    };
    assert_eq!(wire_status(&standing, at(0)).unwrap().as_str(), "active");
    assert_eq!(access(&standing, at(0), LOCK), Access::Free);
    assert!(!is_paid(&standing, at(0)));
}

#[test]
fn the_free_plan_goes_on_while_a_purchase_is_pending_and_after_it_fails() {
    for shape in ["pending/free", "free/failed"] {
        let standing = Standing {
            subscription: state(shape, Content::as_of(0)),
            grant: None,
        };
        assert_eq!(wire_status(&standing, at(0)).unwrap().as_str(), "active");
        assert_eq!(access(&standing, at(0), LOCK), Access::Free, "{shape}");
        assert!(!is_paid(&standing, at(0)));
    }
}

#[test]
fn the_end_of_a_grant_shows_the_providers_state_again() {
    let standing = Standing {
        grant: Some(grant(Some(at(TOLD + 10)))),
        ..standing("past_due", false, false)
    };
    assert_eq!(
        word(&access(&standing, at(TOLD + 9), LOCK)),
        "complimentary"
    );
    assert_eq!(word(&access(&standing, at(TOLD + 10), LOCK)), "grace");
}

/// Three are bought. A trial of our own has the plan's seats, whatever was begun beside it.
#[test]
fn seats_are_those_bought_where_what_was_bought_gives_the_access() {
    for shape in SHAPES {
        let mut standing = Standing {
            subscription: state(shape, Content::as_of(100)),
            grant: None,
        };
        let gives = ["trialing", "active", "past_due"].contains(&shape);
        let seats = bought_seats(&standing, at(200), LOCK);
        assert_eq!(seats, gives.then_some(3), "{shape}");
        standing.grant = Some(grant(None));
        assert_eq!(bought_seats(&standing, at(200), LOCK), None, "{shape}");
    }
}

/// Tells the status to an account with a trial that runs for 90 days, or to a new one.
fn standing(name: &str, trial_runs: bool, granted: bool) -> Standing {
    let days = if trial_runs { 90 } else { 0 };
    let before = trial_runs.then(|| Subscription::reverse_trial(plan("pro"), at(TOLD), days));
    let told = Snapshot {
        period: Period::of_days(at(TOLD), days),
        ..snapshot("a", status(name), TOLD)
    };
    let Ok(Outcome::Moved { next, .. }) =
        transition(before.as_ref(), &Event::Observed(told), at(TOLD))
    else {
        panic!("the first snapshot is always believed");
    };
    Standing {
        subscription: Some(next),
        grant: granted.then(|| grant(None)),
    }
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

fn word(access: &Access<'_>) -> &'static str {
    match access {
        Access::Full { basis, .. } => basis.as_str(),
        Access::ReadOnly { .. } => "read_only",
        Access::Free => "free",
        Access::Locked(Locked::NoSubscription) => "locked/none",
        Access::Locked(Locked::Inactive) => "locked/inactive",
        Access::Locked(Locked::PaymentPending) => "locked/pending",
    }
}
