//! Every state against every event. The answers are written by hand; each pair must be answered by
//! exactly one row.
//!
//! What is stored is subscription `a` with three seats, stamped 100; where it ended, it ended then.
//! A cell is the state moved to, or `.` already applied, `?` needs a read, `unknown` subscription;
//! `+warning` and `notice` tell the customer, `+end` ends the one of two that does not stay. `*` stands
//! for every value, a comma for "or".

use tollgate_billing::{
    Effect, Event, Outcome, Refused, Snapshot, Subscription, SubscriptionId, transition,
};

use crate::given::{Content, SHAPES, STATUSES, at, bought, shape, snapshot, stamp, state};

const OBSERVED: &str = "
state                         id    stamp       seats   | incomplete    incomplete_expired trialing active past_due unpaid paused canceled
none                          *     *           *       | pending       expired            trialing active past_due unpaid paused canceled
free                          *     *           *       | pending/free  free/failed        trialing active past_due unpaid paused canceled
trial                         *     *           *       | pending/trial trial/failed       trialing active past_due unpaid paused canceled
trial/failed                  same  *           *       | .             .                  .        .      .        .      .      .
trial/failed                  other older,equal *       | ?             ?                  ?        ?      ?        ?      ?      ?
trial/failed                  other newer       *       | pending/trial trial/failed       trialing active past_due unpaid paused canceled
free/failed                   same  *           *       | .             .                  .        .      .        .      .      .
free/failed                   other older,equal *       | ?             ?                  ?        ?      ?        ?      ?      ?
free/failed                   other newer       *       | pending/free  free/failed        trialing active past_due unpaid paused canceled
trialing                      same  older       *       | .             expired            .        .      .        .      .      canceled
trialing                      same  equal       same    | ?             expired            .        ?      ?        ?      ?      canceled
trialing                      same  equal       changed | ?             expired            ?        ?      ?        ?      ?      canceled
trialing                      same  newer       *       | pending       expired            trialing active past_due unpaid paused canceled
pending                       same  older       *       | .             expired            .        .      .        .      .      canceled
pending                       same  equal       same    | .             expired            ?        ?      ?        ?      ?      canceled
pending                       same  equal       changed | ?             expired            ?        ?      ?        ?      ?      canceled
pending                       same  newer       *       | pending       expired            trialing active past_due unpaid paused canceled
pending/trial                 same  older       *       | .             trial/failed       .        .      .        .      .      canceled
pending/trial                 same  equal       same    | .             trial/failed       ?        ?      ?        ?      ?      canceled
pending/trial                 same  equal       changed | ?             trial/failed       ?        ?      ?        ?      ?      canceled
pending/trial                 same  newer       *       | pending/trial trial/failed       trialing active past_due unpaid paused canceled
pending/free                  same  older       *       | .             free/failed        .        .      .        .      .      canceled
pending/free                  same  equal       same    | .             free/failed        ?        ?      ?        ?      ?      canceled
pending/free                  same  equal       changed | ?             free/failed        ?        ?      ?        ?      ?      canceled
pending/free                  same  newer       *       | pending/free  free/failed        trialing active past_due unpaid paused canceled
pending/over                  same  older       *       | .             expired/over       .        .      .        .      .      canceled
pending/over                  same  equal       same    | .             expired/over       ?        ?      ?        ?      ?      canceled
pending/over                  same  equal       changed | ?             expired/over       ?        ?      ?        ?      ?      canceled
pending/over                  same  newer       *       | pending/over  expired/over       trialing active past_due unpaid paused canceled
active                        same  older       same    | .             expired            .        .      .        .      .      canceled
active                        same  older       changed | ?             expired            ?        ?      ?        ?      ?      canceled
active                        same  equal       same    | ?             expired            ?        .      ?        ?      ?      canceled
active                        same  equal       changed | ?             expired            ?        ?      ?        ?      ?      canceled
active                        same  newer       *       | pending       expired            trialing active past_due unpaid paused canceled
past_due                      same  older       same    | .             expired            .        .      .        .      .      canceled
past_due                      same  older       changed | ?             expired            ?        ?      ?        ?      ?      canceled
past_due                      same  equal       same    | ?             expired            ?        ?      .        ?      ?      canceled
past_due                      same  equal       changed | ?             expired            ?        ?      ?        ?      ?      canceled
past_due                      same  newer       *       | pending       expired            trialing active past_due unpaid paused canceled
unpaid                        same  older       *       | .             expired            .        .      .        .      .      canceled
unpaid                        same  equal       same    | ?             expired            ?        ?      ?        .      ?      canceled
unpaid                        same  equal       changed | ?             expired            ?        ?      ?        ?      ?      canceled
unpaid                        same  newer       *       | pending       expired            trialing active past_due unpaid paused canceled
paused                        same  older       *       | .             expired            .        .      .        .      .      canceled
paused                        same  equal       same    | ?             expired            ?        ?      ?        ?      .      canceled
paused                        same  equal       changed | ?             expired            ?        ?      ?        ?      ?      canceled
paused                        same  newer       *       | pending       expired            trialing active past_due unpaid paused canceled
trialing,pending              other *           *       | ?             ?                  ?        ?      ?        ?      ?      ?
pending/trial,active          other *           *       | ?             ?                  ?        ?      ?        ?      ?      ?
pending/free,pending/over     other *           *       | ?             ?                  ?        ?      ?        ?      ?      ?
past_due,unpaid,paused        other *           *       | ?             ?                  ?        ?      ?        ?      ?      ?
canceled,expired,expired/over same  *           *       | .             .                  .        .      .        .      .      .
canceled,expired,expired/over other older,equal *       | ?             ?                  ?        ?      ?        ?      ?      ?
expired                       other newer       *       | pending       expired            trialing active past_due unpaid paused canceled
canceled,expired/over         other newer       *       | pending/over  expired/over       trialing active past_due unpaid paused canceled
";

const READ: &str = "
state                         id    stamp       seats   | incomplete    incomplete_expired trialing active past_due unpaid paused canceled
none                          *     *           *       | pending       expired            trialing active past_due unpaid paused canceled
free                          *     *           *       | pending/free  free/failed        trialing active past_due unpaid paused canceled
trial                         *     *           *       | pending/trial trial/failed       trialing active past_due unpaid paused canceled
trial/failed                  same  *           *       | .             .                  .        .      .        .      .      .
trial/failed                  other older,equal *       | pending/trial .                  trialing active past_due unpaid paused expired/over
trial/failed                  other newer       *       | pending/trial trial/failed       trialing active past_due unpaid paused canceled
free/failed                   same  *           *       | .             .                  .        .      .        .      .      .
free/failed                   other older,equal *       | pending/free  .                  trialing active past_due unpaid paused .
free/failed                   other newer       *       | pending/free  free/failed        trialing active past_due unpaid paused canceled
trialing                      same  older       *       | .             expired            .        .      .        .      .      canceled
trialing                      same  equal,newer same    | pending       expired            .        active past_due unpaid paused canceled
trialing                      same  equal,newer changed | pending       expired            trialing active past_due unpaid paused canceled
pending                       same  older       *       | .             expired            .        .      .        .      .      canceled
pending                       same  equal,newer same    | .             expired            trialing active past_due unpaid paused canceled
pending                       same  equal,newer changed | pending       expired            trialing active past_due unpaid paused canceled
pending/trial                 same  older       *       | .             trial/failed       .        .      .        .      .      canceled
pending/trial                 same  equal,newer same    | .             trial/failed       trialing active past_due unpaid paused canceled
pending/trial                 same  equal,newer changed | pending/trial trial/failed       trialing active past_due unpaid paused canceled
pending/free                  same  older       *       | .             free/failed        .        .      .        .      .      canceled
pending/free                  same  equal,newer same    | .             free/failed        trialing active past_due unpaid paused canceled
pending/free                  same  equal,newer changed | pending/free  free/failed        trialing active past_due unpaid paused canceled
pending/over                  same  older       *       | .             expired/over       .        .      .        .      .      canceled
pending/over                  same  equal,newer same    | .             expired/over       trialing active past_due unpaid paused canceled
pending/over                  same  equal,newer changed | pending/over  expired/over       trialing active past_due unpaid paused canceled
active                        same  older       *       | .             expired            .        .      .        .      .      canceled
active                        same  equal,newer same    | pending       expired            trialing .      past_due unpaid paused canceled
active                        same  equal,newer changed | pending       expired            trialing active past_due unpaid paused canceled
past_due                      same  older       *       | .             expired            .        .      .        .      .      canceled
past_due                      same  equal,newer same    | pending       expired            trialing active .        unpaid paused canceled
past_due                      same  equal,newer changed | pending       expired            trialing active past_due unpaid paused canceled
unpaid                        same  older       *       | .             expired            .        .      .        .      .      canceled
unpaid                        same  equal,newer same    | pending       expired            trialing active past_due .      paused canceled
unpaid                        same  equal,newer changed | pending       expired            trialing active past_due unpaid paused canceled
paused                        same  older       *       | .             expired            .        .      .        .      .      canceled
paused                        same  equal,newer same    | pending       expired            trialing active past_due unpaid .      canceled
paused                        same  equal,newer changed | pending       expired            trialing active past_due unpaid paused canceled
trialing,past_due,paused      other *           *       | +end          .                  trialing+end active+end past_due+end +end paused+end .
unpaid                        other *           *       | pending+end   .                  trialing+end active+end past_due+end unpaid+end paused+end .
pending                       other *           *       | pending+end   .                  trialing+end active+end past_due+end unpaid+end paused+end pending/over
pending/trial                 other *           *       | pending/trial+end .              trialing+end active+end past_due+end unpaid+end paused+end pending/over
pending/over                  other *           *       | pending/over+end  .              trialing+end active+end past_due+end unpaid+end paused+end pending/over
pending/free                  other older,equal *       | pending/free+end  .              trialing+end active+end past_due+end unpaid+end paused+end .
pending/free                  other newer       *       | pending/free+end  .              trialing+end active+end past_due+end unpaid+end paused+end pending/over
active                        other *           *       | +end          .                  +end         active+end +end         +end       +end       .
canceled,expired,expired/over same  *           *       | .             .                  .        .      .        .      .      .
canceled                      other older,equal *       | pending/over  .                  trialing active past_due unpaid paused .
canceled                      other newer       *       | pending/over  expired/over       trialing active past_due unpaid paused canceled
expired                       other older,equal *       | pending       .                  trialing active past_due unpaid paused expired/over
expired                       other newer       *       | pending       expired            trialing active past_due unpaid paused canceled
expired/over                  other older,equal *       | pending/over  .                  trialing active past_due unpaid paused expired/over
expired/over                  other newer       *       | pending/over  expired/over       trialing active past_due unpaid paused canceled
";

/// `next` is the third attempt, `told` the second, which the customer was told about when past due.
const PAYMENT_FAILED: &str = "
state                         id    stamp       | next                told
none,free,trial               *     *           | unknown             unknown
trial/failed,free/failed      same  *           | .                   .
trialing,active               same  older       | .                   .
trialing,active               same  equal       | ?                   ?
trialing,active               same  newer       | past_due+warning    past_due+warning
past_due                      same  *           | past_due+warning    .
pending,pending/trial         same  *           | .                   .
pending/free,pending/over     same  *           | .                   .
unpaid,paused                 same  *           | .                   .
canceled,expired,expired/over same  *           | .                   .
trial/failed,trialing         other *           | ?                   ?
free/failed,pending/free      other *           | ?                   ?
pending,pending/trial,active  other *           | ?                   ?
past_due,unpaid,paused        other *           | ?                   ?
canceled,expired,expired/over other *           | ?                   ?
pending/over                  other *           | ?                   ?
";

const PAYMENT_SUCCEEDED: &str = "
state                         id    | older    equal    newer
none,free,trial               *     | unknown  unknown  unknown
trial/failed,trialing         same  | .        .        .
free/failed                   same  | .        .        .
pending,pending/trial         same  | .        ?        active
pending/free,pending/over     same  | .        ?        active
active                        same  | .        .        active
past_due                      same  | .        ?        active
unpaid,paused                 same  | .        .        .
canceled,expired,expired/over same  | .        .        .
trial/failed,trialing         other | ?        ?        ?
free/failed,pending/free      other | ?        ?        ?
pending,pending/trial,active  other | ?        ?        ?
past_due,unpaid,paused        other | ?        ?        ?
canceled,expired,expired/over other | ?        ?        ?
pending/over                  other | ?        ?        ?
";

/// Whether the announced end is still ahead.
const TRIAL_WILL_END: &str = "
state                         id    | ahead    over
none,free,trial               *     | unknown  unknown
trialing                      same  | notice   .
trial/failed,free/failed      same  | .        .
pending,pending/trial,active  same  | .        .
pending/free,pending/over     same  | .        .
past_due,unpaid,paused        same  | .        .
canceled,expired,expired/over same  | .        .
trial/failed,trialing         other | ?        ?
free/failed,pending/free      other | ?        ?
pending,pending/trial,active  other | ?        ?
past_due,unpaid,paused        other | ?        ?
canceled,expired,expired/over other | ?        ?
pending/over                  other | ?        ?
";

const IDS: [&str; 2] = ["same", "other"];
const STAMPS: [&str; 3] = ["older", "equal", "newer"];
const NOW: i64 = 100;

#[test]
fn a_snapshot_moves_each_state_as_written() {
    every_snapshot(OBSERVED, Event::Observed);
}

#[test]
fn a_read_moves_each_state_as_written() {
    every_snapshot(READ, Event::Read);
}

fn every_snapshot(table: &str, event: fn(Snapshot) -> Event) {
    let table = Table::parse(table);
    for shape in SHAPES {
        for id in IDS {
            for when in STAMPS {
                for (seats, count) in [("same", 3), ("changed", 4)] {
                    for (name, status) in STATUSES {
                        let told = Snapshot {
                            seats: count,
                            ..snapshot(subscription(id), status, second(when))
                        };
                        let stored = bought(&told);
                        let keys = [shape, id, when, seats];
                        if let Some(next) = check(&table, (&keys, name), &event(told)) {
                            let bought = next.bought().unwrap();
                            // The end of another is remembered beside what is stored.
                            if (id, name) == ("other", "canceled") && *bought != stored {
                                assert!(
                                    crate::given::shape(Some(&next)).ends_with("/over"),
                                    "{keys:?}"
                                );
                                assert_eq!(bought, &Content::as_of(NOW).bought, "{keys:?}");
                            } else {
                                assert_eq!(bought, &stored, "{keys:?} {name}");
                            }
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_failed_payment_moves_each_state_as_written() {
    let table = Table::parse(PAYMENT_FAILED);
    for shape in SHAPES {
        for id in IDS {
            for when in STAMPS {
                for (name, attempt) in [("next", 3), ("told", 2)] {
                    let failed = Event::PaymentFailed {
                        subscription: SubscriptionId::new(subscription(id)),
                        attempt,
                        next_attempt: Some(at(NOW + 50)),
                        stamp: stamp(second(when)),
                    };
                    check(&table, (&[shape, id, when], name), &failed);
                }
            }
        }
    }
}

#[test]
fn a_payment_moves_each_state_as_written() {
    let table = Table::parse(PAYMENT_SUCCEEDED);
    for shape in SHAPES {
        for id in IDS {
            for when in STAMPS {
                let paid = Event::PaymentSucceeded {
                    subscription: SubscriptionId::new(subscription(id)),
                    stamp: stamp(second(when)),
                };
                check(&table, (&[shape, id], when), &paid);
            }
        }
    }
}

#[test]
fn the_coming_end_of_a_trial_is_noticed_as_written() {
    let table = Table::parse(TRIAL_WILL_END);
    for shape in SHAPES {
        for id in IDS {
            for (when, ends_at) in [("ahead", NOW + 1), ("over", NOW)] {
                let will_end = Event::TrialWillEnd {
                    subscription: SubscriptionId::new(subscription(id)),
                    ends_at: at(ends_at),
                };
                check(&table, (&[shape, id], when), &will_end);
            }
        }
    }
}

#[test]
#[should_panic(expected = "answered 0 times")]
fn a_pair_that_is_not_written_fails() {
    let table = Table::parse("state | active\nfree | active");
    table.answer(&["paused"], "active");
}

#[test]
#[should_panic(expected = "answered 2 times")]
fn a_pair_that_is_written_twice_fails() {
    let table = Table::parse("state | active\nfree | active\n* | paused");
    table.answer(&["free"], "active");
}

/// Compares the step with what is written, and answers the state it moved to.
fn check(
    table: &Table<'_>,
    (keys, column): (&[&str], &str),
    event: &Event,
) -> Option<Subscription> {
    let before = state(keys[0], Content::as_of(100));
    let outcome = transition(before.as_ref(), event, at(NOW));
    assert_eq!(
        cell(&outcome),
        table.answer(keys, column),
        "{keys:?} {event:?}"
    );
    let Ok(Outcome::Moved { next, .. }) = outcome else {
        return None;
    };
    let trial = before.as_ref().and_then(Subscription::reverse);
    assert!(next.reverse().is_none() || next.reverse() == trial);
    Some(next)
}

fn cell(outcome: &Result<Outcome, Refused>) -> String {
    match outcome {
        Ok(Outcome::Moved { next, effect }) => {
            let told = match effect {
                None => "",
                Some(Effect::WarnPaymentFailed(_)) => "+warning",
                Some(Effect::EndSecond { subscription }) => {
                    assert_eq!(*subscription, SubscriptionId::new("a"));
                    "+end"
                }
                Some(unheard) => panic!("no step moves and {unheard:?}"),
            };
            format!("{}{told}", shape(Some(next)))
        }
        Ok(Outcome::Noticed(Effect::WarnTrialEnding { .. })) => "notice".to_owned(),
        Ok(Outcome::Noticed(Effect::EndSecond { subscription })) => {
            assert_eq!(*subscription, SubscriptionId::new("b"));
            "+end".to_owned()
        }
        Ok(Outcome::Noticed(unheard)) => panic!("no step notices {unheard:?}"),
        Ok(Outcome::AlreadyApplied) => ".".to_owned(),
        Ok(Outcome::NeedsRead) => "?".to_owned(),
        Err(Refused::UnknownSubscription) => "unknown".to_owned(),
    }
}

fn subscription(id: &str) -> &'static str {
    if id == "same" { "a" } else { "b" }
}

fn second(when: &str) -> i64 {
    match when {
        "older" => 99,
        "equal" => 100,
        "newer" => 101,
        unheard => panic!("no stamp is {unheard}"),
    }
}

struct Table<'t> {
    columns: Vec<&'t str>,
    rows: Vec<(Vec<&'t str>, Vec<&'t str>)>,
}

impl<'t> Table<'t> {
    fn parse(text: &'t str) -> Self {
        let mut lines = text.trim().lines().map(|line| {
            let (keys, cells) = line.split_once('|').unwrap();
            let words = |side: &'t str| side.split_whitespace().collect::<Vec<_>>();
            (words(keys), words(cells))
        });
        let (_, columns) = lines.next().unwrap();
        let rows: Vec<_> = lines.collect();
        for (keys, cells) in &rows {
            assert_eq!(cells.len(), columns.len(), "the row {keys:?} is not full");
        }
        Self { columns, rows }
    }

    fn answer(&self, keys: &[&str], column: &str) -> &'t str {
        let place = self
            .columns
            .iter()
            .position(|name| *name == column)
            .unwrap();
        let answers: Vec<_> = self
            .rows
            .iter()
            .filter(|(patterns, _)| {
                patterns
                    .iter()
                    .zip(keys)
                    .all(|(pattern, key)| covers(pattern, key))
            })
            .map(|(_, cells)| cells[place])
            .collect();
        let [answer] = answers[..] else {
            panic!("{keys:?} {column} is answered {} times", answers.len());
        };
        answer
    }
}

fn covers(pattern: &str, key: &str) -> bool {
    pattern == "*" || pattern.split(',').any(|allowed| allowed == key)
}
