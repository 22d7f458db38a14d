//! When the end of a reverse trial is announced, and what is not told any more once it leaves.

use tollgate_billing::purchase::Buyer;
use tollgate_billing::{
    Notice, PaymentFailure, Period, ScheduledCancellation, Standing, SubscriptionId, Trial,
    TrialNotice,
};
use tollgate_primitives::Timestamp;

use crate::given::{Content, DAY, SHAPES, at, grant, plan, state};

const HOUR: i64 = 60 * 60;
const MINUTE: i64 = 60;

/// The shapes in which an account may be when a notice leaves, and what is told then: the coming
/// `end` of its reverse trial, the first `charge` after the provider's trial, the `failure` of a payment.
const WRITTEN: &str = "
none           -   -      -
free           -   -      -
free/failed    -   -      -
trial          end -      -
trial/failed   end -      -
trialing       -   charge -
pending        -   -      -
pending/trial  end -      -
pending/free   -   -      -
pending/over   -   -      -
active         -   -      -
past_due       -   -      failure
unpaid         -   -      failure
paused         -   -      -
canceled       -   -      failure
expired        -   -      -
expired/over   -   -      -
";

#[test]
fn a_notice_is_told_only_while_it_still_holds() {
    let rows: Vec<Vec<_>> = WRITTEN
        .trim()
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let shapes: Vec<_> = rows.iter().map(|row| row[0]).collect();
    assert_eq!(shapes, SHAPES, "every shape is written");
    for row in &rows {
        let account = Account::in_state(row[0]);
        let now = at(10 * DAY);
        let told = |word, notice: Notice| {
            if account.hears(&notice, now) {
                word
            } else {
                "-"
            }
        };
        let all = [
            told("end", reverse(TrialNotice::EndsSoon)),
            told("charge", first_charge()),
            told("failure", failure(2)),
        ];
        assert_eq!(all, row[1..], "{}", row[0]);
    }
}

#[test]
fn a_trial_of_fourteen_days_is_told_of_on_days_ten_and_thirteen_and_at_its_end() {
    let told = [
        (TrialNotice::EndsSoon, 10),
        (TrialNotice::EndsTomorrow, 13),
        (TrialNotice::Ended, 14),
    ];
    assert_eq!(notices(14), told);
}

#[test]
fn the_end_of_a_shorter_trial_is_not_told_of_in_its_first_half() {
    let (soon, tomorrow, ended) = (
        TrialNotice::EndsSoon,
        TrialNotice::EndsTomorrow,
        TrialNotice::Ended,
    );
    assert_eq!(notices(30), [(soon, 26), (tomorrow, 29), (ended, 30)]);
    assert_eq!(notices(8), [(soon, 4), (tomorrow, 7), (ended, 8)]);
    assert_eq!(notices(7), [(tomorrow, 6), (ended, 7)]);
    assert_eq!(notices(2), [(tomorrow, 1), (ended, 2)]);
    assert_eq!(notices(1), [(ended, 1)]);
    assert_eq!(notices(0), [(ended, 0)]);
}

#[test]
fn a_notice_that_is_late_gives_way_to_the_next() {
    let account = Account::in_state("trial");
    for (notice, first, last) in [
        (TrialNotice::EndsSoon, 10 * DAY, 13 * DAY),
        (TrialNotice::EndsTomorrow, 13 * DAY, 14 * DAY),
        (TrialNotice::Ended, 14 * DAY, 21 * DAY),
    ] {
        let hears = |second| account.hears(&reverse(notice), at(second));
        // The clock of the node that tells may be behind that of the one that ordered it.
        assert!(!hears(first - 5 * MINUTE - 1), "{notice:?}");
        assert!(hears(first - 5 * MINUTE), "{notice:?}");
        assert!(hears(last - 1), "{notice:?}");
        assert!(!hears(last), "{notice:?}");
    }
}

#[test]
fn nobody_is_told_of_a_trial_who_needs_none_or_whose_trial_is_another() {
    let now = at(10 * DAY);
    let notice = reverse(TrialNotice::EndsSoon);
    let changes: [fn(&mut Account); 3] = [
        |account| account.standing.grant = Some(grant(None)),
        |account| account.has_just_paid = true,
        |account| account.is_test_cohort = true,
    ];
    for change in changes {
        let mut account = Account::in_state("trial");
        assert!(account.hears(&notice, now));
        change(&mut account);
        assert!(!account.hears(&notice, now), "{account:?}");
    }
    let of_another = Notice::ReverseTrial {
        notice: TrialNotice::EndsSoon,
        ends_at: at(14 * DAY + 1),
    };
    assert!(!Account::in_state("trial").hears(&of_another, now));
}

#[test]
fn whose_grant_is_over_hears_of_the_trial_under_it() {
    let mut account = Account::in_state("trial");
    account.standing.grant = Some(grant(Some(at(10 * DAY))));
    assert!(account.hears(&reverse(TrialNotice::EndsSoon), at(10 * DAY)));
}

#[test]
fn a_first_charge_is_not_told_of_once_it_is_due_or_will_not_come() {
    let account = Account::in_state("trialing");
    assert!(account.hears(&first_charge(), at(11 * DAY - 1)));
    assert!(!account.hears(&first_charge(), at(11 * DAY)));

    let mut content = Content::as_of(100);
    content.bought.cancellation = Some(ScheduledCancellation {
        at: at(11 * DAY),
        is_auto: false,
    });
    let stops = Account::with("trialing", content);
    assert!(!stops.hears(&first_charge(), at(10 * DAY)));
}

#[test]
fn a_failed_payment_is_not_told_of_after_a_later_attempt_or_when_it_is_no_news() {
    let account = Account::in_state("past_due");
    for (told, attempt) in [(false, 1), (true, 2), (false, 3)] {
        assert_eq!(account.hears(&failure(attempt), at(10 * DAY)), told);
    }
    assert!(account.hears(&failure(2), at(12 * DAY - 1)));
    assert!(!account.hears(&failure(2), at(12 * DAY)));

    let last = Notice::PaymentFailed(PaymentFailure {
        subscription: SubscriptionId::new("a"),
        attempt: 2,
        failed_at: at(9 * DAY),
        next_attempt: None,
    });
    let canceled = Account::in_state("canceled");
    assert!(canceled.hears(&last, at(16 * DAY - 1)));
    assert!(!canceled.hears(&last, at(16 * DAY)));
}

#[test]
fn the_failure_of_another_subscription_is_not_told_of() {
    let of_another = Notice::PaymentFailed(PaymentFailure {
        subscription: SubscriptionId::new("b"),
        attempt: 2,
        failed_at: at(9 * DAY),
        next_attempt: None,
    });
    for shape in ["past_due", "unpaid", "canceled"] {
        assert!(!Account::in_state(shape).hears(&of_another, at(10 * DAY)));
    }
}

#[test]
fn the_test_cohort_hears_of_nothing() {
    for (shape, notice) in [
        ("trial", reverse(TrialNotice::EndsSoon)),
        ("trialing", first_charge()),
        ("past_due", failure(2)),
    ] {
        let mut account = Account::in_state(shape);
        assert!(account.hears(&notice, at(10 * DAY)), "{shape}");
        account.is_test_cohort = true;
        assert!(!account.hears(&notice, at(10 * DAY)), "{shape}");
    }
}

#[test]
fn each_trial_notice_has_its_word() {
    let words = TrialNotice::ALL.map(TrialNotice::as_str);
    assert_eq!(words, ["ends_soon", "ends_tomorrow", "ended"]);
}

#[derive(Debug)]
struct Account {
    standing: Standing,
    is_test_cohort: bool,
    has_just_paid: bool,
}

impl Account {
    fn in_state(shape: &str) -> Self {
        Self::with(shape, Content::as_of(100))
    }

    fn with(shape: &str, content: Content) -> Self {
        Self {
            standing: Standing {
                subscription: state(shape, content),
                grant: None,
            },
            is_test_cohort: false,
            has_just_paid: false,
        }
    }

    fn hears(&self, notice: &Notice, now: Timestamp) -> bool {
        let buyer = Buyer {
            standing: &self.standing,
            is_test_cohort: self.is_test_cohort,
            members: 1,
            has_just_paid: self.has_just_paid,
        };
        notice.is_due(&buyer, now)
    }
}

fn reverse(notice: TrialNotice) -> Notice {
    Notice::ReverseTrial {
        notice,
        ends_at: at(14 * DAY),
    }
}

fn first_charge() -> Notice {
    Notice::FirstCharge {
        ends_at: at(11 * DAY),
    }
}

/// Of subscription `a` on day 9, to be tried again on day 12.
fn failure(attempt: u32) -> Notice {
    Notice::PaymentFailed(PaymentFailure {
        subscription: SubscriptionId::new("a"),
        attempt,
        failed_at: at(9 * DAY),
        next_attempt: Some(at(12 * DAY)),
    })
}

/// The notices of a trial of so many days, by the day on which they go out.
fn notices(days: u16) -> Vec<(TrialNotice, i64)> {
    let trial = Trial {
        plan: plan("pro"),
        period: Period::of_days(at(HOUR), days),
    };
    let day = |moment: Timestamp| (moment.unix_seconds() - at(HOUR).unix_seconds()) / DAY;
    trial
        .notices()
        .map(|(notice, moment)| (notice, day(moment)))
        .collect()
}
