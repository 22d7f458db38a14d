//! Instants in UTC with microsecond precision, which is what PostgreSQL keeps.

use std::{fmt, time::Duration};

use chrono::{DateTime, Months, SubsecRound, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

/// An instant between the years 1970 and 2200, in UTC, to the microsecond.
///
/// It never carries more precision than the database, so that what is written equals what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Timestamp(DateTime<Utc>);

/// The instant lies outside the years 1970 to 2200.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("instant outside the years 1970 to 2200")]
pub struct TimestampOutOfRange;

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const MIN: Self = Self(DateTime::UNIX_EPOCH);
    /// 2200-01-01T00:00:00Z.
    pub const MAX: Self = Self(match DateTime::from_timestamp(7_258_118_400, 0) {
        Some(instant) => instant,
        None => DateTime::UNIX_EPOCH,
    });

    /// Rounds down to the microsecond.
    pub fn from_datetime(instant: DateTime<Utc>) -> Result<Self, TimestampOutOfRange> {
        let instant = Self(instant.trunc_subsecs(6));
        if instant < Self::MIN || instant > Self::MAX {
            return Err(TimestampOutOfRange);
        }
        Ok(instant)
    }

    /// Whole seconds since 1970, as payment providers and tokens write them.
    pub fn from_unix_seconds(seconds: i64) -> Result<Self, TimestampOutOfRange> {
        DateTime::from_timestamp(seconds, 0)
            .ok_or(TimestampOutOfRange)
            .and_then(Self::from_datetime)
    }

    #[must_use]
    pub fn unix_seconds(self) -> i64 {
        self.0.timestamp()
    }

    /// Rounds down to the second.
    #[must_use]
    pub fn whole_second(self) -> Self {
        Self(self.0.trunc_subsecs(0))
    }

    #[must_use]
    pub const fn as_datetime(self) -> DateTime<Utc> {
        self.0
    }

    /// Later by `span`; never past [`Timestamp::MAX`].
    #[must_use]
    pub fn saturating_add(self, span: Duration) -> Self {
        chrono::Duration::from_std(span)
            .ok()
            .and_then(|span| self.0.checked_add_signed(span))
            .and_then(|later| Self::from_datetime(later).ok())
            .unwrap_or(Self::MAX)
    }

    /// Earlier by `span`; never before [`Timestamp::MIN`].
    #[must_use]
    pub fn saturating_sub(self, span: Duration) -> Self {
        chrono::Duration::from_std(span)
            .ok()
            .and_then(|span| self.0.checked_sub_signed(span))
            .and_then(|earlier| Self::from_datetime(earlier).ok())
            .unwrap_or(Self::MIN)
    }

    /// The same day and time `months` later, or the last day of that month where it has no such day.
    #[must_use]
    pub fn saturating_add_months(self, months: u32) -> Self {
        self.0
            .checked_add_months(Months::new(months))
            .and_then(|later| Self::from_datetime(later).ok())
            .unwrap_or(Self::MAX)
    }

    /// How long after `earlier` this is; zero when it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        (self.0 - earlier.0).to_std().unwrap_or(Duration::ZERO)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
    }
}

impl TryFrom<DateTime<Utc>> for Timestamp {
    type Error = TimestampOutOfRange;

    fn try_from(instant: DateTime<Utc>) -> Result<Self, TimestampOutOfRange> {
        Self::from_datetime(instant)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let instant = DateTime::<Utc>::deserialize(deserializer)?;
        Self::from_datetime(instant).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_datetime(text.parse().unwrap()).unwrap()
    }

    #[test]
    fn nanoseconds_are_dropped_because_the_database_has_none() {
        assert_eq!(
            at("2026-01-01T00:00:00.123456789Z"),
            at("2026-01-01T00:00:00.123456Z")
        );
    }

    #[test]
    fn months_keep_to_the_calendar() {
        assert_eq!(
            at("2024-01-31T12:00:00Z").saturating_add_months(1),
            at("2024-02-29T12:00:00Z")
        );
        assert_eq!(
            at("2026-12-15T00:00:00Z").saturating_add_months(2),
            at("2027-02-15T00:00:00Z")
        );
    }

    #[test]
    fn arithmetic_stays_in_range() {
        assert_eq!(
            Timestamp::MAX.saturating_add(Duration::from_secs(1)),
            Timestamp::MAX
        );
        assert_eq!(Timestamp::MIN.saturating_sub(Duration::MAX), Timestamp::MIN);
        assert_eq!(Timestamp::from_unix_seconds(-1), Err(TimestampOutOfRange));
        assert_eq!(Timestamp::MIN.since(Timestamp::MAX), Duration::ZERO);
        assert_eq!(Timestamp::MAX.to_string(), "2200-01-01T00:00:00Z");
    }
}
