//! Billing periods by the real calendar, anchored on one moment, so that a subscription begun on
//! the 31st is billed on the 28th in February and on the 31st again in March.

use chrono::{DateTime, Months, Utc};
use serde::{Deserialize, Serialize};

pub(crate) const MINUTE: i64 = 60;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// Unit of a recurring price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Interval {
    Day,
    Week,
    Month,
    Year,
}

impl Interval {
    pub(crate) const NAMES: [(&'static str, Self); 4] = [
        ("day", Self::Day),
        ("week", Self::Week),
        ("month", Self::Month),
        ("year", Self::Year),
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }
}

/// How often a price is billed: every `count` `interval`s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cadence {
    pub(crate) interval: Interval,
    pub(crate) count: u32,
}

/// Half-open span of Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Period {
    pub(crate) start: i64,
    pub(crate) end: i64,
}

impl Period {
    pub(crate) fn seconds(self) -> i64 {
        self.end - self.start
    }
}

impl Cadence {
    /// The `k`-th boundary counted from `anchor`; negative before it.
    fn boundary(self, anchor: i64, k: i64) -> i64 {
        let steps = k.saturating_mul(i64::from(self.count));
        match self.interval {
            Interval::Day => anchor + steps * DAY,
            Interval::Week => anchor + steps * 7 * DAY,
            Interval::Month => add_months(anchor, steps),
            Interval::Year => add_months(anchor, steps * 12),
        }
    }

    /// The period that contains `moment` when periods are counted from `anchor`.
    pub(crate) fn period_at(self, anchor: i64, moment: i64) -> Period {
        let rough_days = match self.interval {
            Interval::Day => 1,
            Interval::Week => 7,
            Interval::Month => 30,
            Interval::Year => 365,
        } * i64::from(self.count);
        let mut k = (moment - anchor).div_euclid(rough_days * DAY);
        while self.boundary(anchor, k) > moment {
            k -= 1;
        }
        while self.boundary(anchor, k + 1) <= moment {
            k += 1;
        }
        Period {
            start: self.boundary(anchor, k),
            end: self.boundary(anchor, k + 1),
        }
    }
}

/// `anchor` plus whole calendar months, the day clamped to the month's length.
fn add_months(anchor: i64, months: i64) -> i64 {
    let Some(start) = DateTime::<Utc>::from_timestamp(anchor, 0) else {
        return anchor;
    };
    let distance = Months::new(u32::try_from(months.unsigned_abs()).unwrap_or(u32::MAX));
    let moved = if months < 0 {
        start.checked_sub_months(distance)
    } else {
        start.checked_add_months(distance)
    };
    moved.map_or(anchor, |moment| moment.timestamp())
}

/// `moment` moved by one calendar month.
pub(crate) fn next_month(moment: i64) -> i64 {
    add_months(moment, 1)
}

/// `Mon, 30 Mar 2026 21:22:18 GMT`, as in a `Date` header.
pub(crate) fn http_date(moment: i64) -> String {
    format(moment, "%a, %d %b %Y %H:%M:%S GMT")
}

/// `30 Mar 2026`, as on an invoice.
pub(crate) fn day(moment: i64) -> String {
    format(moment, "%-d %b %Y")
}

/// `2026-03-30 21:22:18 UTC`.
pub(crate) fn minute_stamp(moment: i64) -> String {
    format(moment, "%Y-%m-%d %H:%M:%S UTC")
}

fn format(moment: i64, pattern: &str) -> String {
    DateTime::<Utc>::from_timestamp(moment, 0)
        .map_or_else(|| moment.to_string(), |at| at.format(pattern).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONTHLY: Cadence = Cadence {
        interval: Interval::Month,
        count: 1,
    };

    fn at(text: &str) -> i64 {
        DateTime::parse_from_rfc3339(text).unwrap().timestamp()
    }

    #[test]
    fn the_thirty_first_is_billed_on_short_months_last_day_and_back() {
        let anchor = at("2026-01-31T10:00:00Z");
        let february = MONTHLY.period_at(anchor, at("2026-02-01T00:00:00Z"));
        assert_eq!(february.end, at("2026-02-28T10:00:00Z"));
        let march = MONTHLY.period_at(anchor, february.end);
        assert_eq!(
            march,
            Period {
                start: february.end,
                end: at("2026-03-31T10:00:00Z")
            }
        );
    }

    #[test]
    fn a_leap_day_is_billed_yearly_on_the_28th_until_the_next_leap_year() {
        let anchor = at("2024-02-29T00:00:00Z");
        let yearly = Cadence {
            interval: Interval::Year,
            count: 1,
        };
        let mut ends = Vec::new();
        let mut moment = anchor;
        for _ in 0..4 {
            moment = yearly.period_at(anchor, moment).end;
            ends.push(day(moment));
        }
        assert_eq!(
            ends,
            ["28 Feb 2025", "28 Feb 2026", "28 Feb 2027", "29 Feb 2028"]
        );
    }

    #[test]
    fn periods_before_the_anchor_are_found_too() {
        let anchor = at("2026-03-15T00:00:00Z");
        let before = MONTHLY.period_at(anchor, at("2026-02-20T00:00:00Z"));
        assert_eq!(
            before,
            Period {
                start: at("2026-02-15T00:00:00Z"),
                end: anchor
            }
        );
    }

    #[test]
    fn every_three_weeks_counts_in_days() {
        let cadence = Cadence {
            interval: Interval::Week,
            count: 3,
        };
        assert_eq!(
            cadence.period_at(0, 0),
            Period {
                start: 0,
                end: 21 * DAY
            }
        );
    }
}
