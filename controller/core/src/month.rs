//! A month, by UTC.

use std::{fmt, str::FromStr};

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use serde::Serialize;

use crate::id::InvalidId;

/// A month, such as `2026-10`. Macie's months, and those of the bill, are taken as UTC's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month(Date);

impl Month {
    /// That of a time.
    pub fn of(at: Timestamp) -> Self {
        Self(at.to_zoned(TimeZone::UTC).date().first_of_month())
    }

    /// Its first day.
    pub fn first(self) -> Date {
        self.0
    }

    /// Its last day.
    pub fn last(self) -> Date {
        self.0.last_of_month()
    }

    /// The first day that is not in it any more.
    pub fn end(self) -> Date {
        self.0.checked_add(1.month()).unwrap_or(Date::MAX)
    }

    /// When it begins.
    pub fn start(self) -> Timestamp {
        let start = self.0.to_zoned(TimeZone::UTC);
        start.map_or(Timestamp::MIN, |start| start.timestamp())
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m"))
    }
}

impl FromStr for Month {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let first = (text.len() == 7).then(|| format!("{text}-01").parse().ok());
        first.flatten().map(Self).ok_or_else(|| InvalidId {
            value: text.chars().take(80).collect(),
            expected: "a month such as `2026-10`",
        })
    }
}

impl Serialize for Month {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand.
    ///
    /// | month | its last day | the first that is not in it |
    /// | --- | --- | --- |
    /// | 2026-10 | 31 October | 1 November |
    /// | 2026-12 | 31 December | 1 January of the next year |
    /// | 2027-02 | 28 February | 1 March |
    /// | 2028-02 | 29 February, a leap year | 1 March |
    #[test]
    fn a_month_ends_on_its_last_day() {
        for (month, last, end) in [
            ("2026-10", "2026-10-31", "2026-11-01"),
            ("2026-12", "2026-12-31", "2027-01-01"),
            ("2027-02", "2027-02-28", "2027-03-01"),
            ("2028-02", "2028-02-29", "2028-03-01"),
        ] {
            let found: Month = month.parse().unwrap();
            assert_eq!(found.to_string(), month);
            let (first, last, end): (Date, Date, Date) = (
                format!("{month}-01").parse().unwrap(),
                last.parse().unwrap(),
                end.parse().unwrap(),
            );
            assert_eq!(
                (found.first(), found.last(), found.end()),
                (first, last, end)
            );
        }
    }

    #[test]
    fn a_time_is_in_the_month_of_its_utc_date() {
        for (at, month) in [
            ("2026-10-31T23:59:59Z", "2026-10"),
            ("2026-11-01T00:00:00Z", "2026-11"),
            ("2026-11-01T00:59:59+01:00", "2026-10"),
        ] {
            let at: Timestamp = at.parse().unwrap();
            assert_eq!(Month::of(at).to_string(), month, "{at}");
        }
        let october = Month::of("2026-10-09T12:00:00Z".parse().unwrap());
        assert_eq!(october.start(), "2026-10-01T00:00:00Z".parse().unwrap());
    }

    #[test]
    fn what_is_no_month_is_refused() {
        for bad in [
            "",
            "2026",
            "2026-13",
            "2026-1",
            "2026-10-01",
            "10-2026",
            "2026/10",
        ] {
            assert!(bad.parse::<Month>().is_err(), "{bad}");
        }
        assert_eq!(
            "october".parse::<Month>().unwrap_err().to_string(),
            "`october` is not a month such as `2026-10`"
        );
    }
}
