//! A month that is over, as its snapshots tell it.

use jiff::civil::Date;

use super::row::{dates, prefix};
use crate::{id::Region, month::Month};

/// Why a Region's month is not whole. What is not in the snapshots is unknown, and never $0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Gap {
    /// There is nothing.
    #[error("no snapshot of {month} is kept")]
    Nothing {
        /// The month.
        month: Month,
    },
    /// The last days are missing.
    #[error("its last snapshot of {month} is of {date}: the days after it are missing")]
    Early {
        /// The month.
        month: Month,
        /// The day of the last snapshot.
        date: Date,
    },
}

/// What the keys of a Region's snapshots of a month begin with, so that one listing has them all and no
/// others.
pub fn keys(region: &Region, month: Month) -> String {
    format!("{}{month}-", prefix(region))
}

/// The day of the last snapshot of a month among listed keys.
pub fn last<'a>(
    keys: impl IntoIterator<Item = &'a str>,
    region: &Region,
    month: Month,
) -> Option<Date> {
    let mut dates = dates(keys, region).into_iter();
    dates.rfind(|date| date.first_of_month() == month.first())
}

/// Why the month is not whole, if its last snapshot is of this day. One of the month's last day is less
/// than a day older than its end, and is taken as the month; any other is more than a day older.
pub fn gap(last: Option<Date>, month: Month) -> Option<Gap> {
    match last {
        None => Some(Gap::Nothing { month }),
        Some(date) if date < month.last() => Some(Gap::Early { month, date }),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collection::row::key;

    fn region() -> Region {
        "eu-west-1".parse().unwrap()
    }

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    /// By hand: the snapshots of 30 September, 1, 30 and 31 October and 1 November 2026, and of the end
    /// of two Februaries.
    ///
    /// | month | its last snapshot | missing |
    /// | --- | --- | --- |
    /// | 2026-09 | 30 September, its last day | nothing |
    /// | 2026-10 | 31 October, its last day | nothing |
    /// | 2026-11 | 1 November | 2 to 30 November |
    /// | 2026-12 | none | all of it |
    /// | 2027-02 | 28 February, its last day | nothing |
    /// | 2028-02 | 28 February | 29 February |
    #[test]
    fn the_last_snapshot_of_a_month_is_its_own() {
        let kept = [
            "2026-10-31",
            "2026-09-30",
            "2026-10-01",
            "2026-11-01",
            "2026-10-30",
            "2027-02-28",
            "2028-02-28",
        ];
        let other: Region = "us-east-1".parse().unwrap();
        let kept: Vec<String> = kept
            .iter()
            .map(|day| key(&region(), date(day)))
            .chain([key(&other, date("2026-12-31")), "usage/other".to_owned()])
            .collect();
        for (month, day, is_whole) in [
            ("2026-09", Some("2026-09-30"), true),
            ("2026-10", Some("2026-10-31"), true),
            ("2026-11", Some("2026-11-01"), false),
            ("2026-12", None, false),
            ("2027-02", Some("2027-02-28"), true),
            ("2028-02", Some("2028-02-28"), false),
        ] {
            let month = month.parse().unwrap();
            let found = last(kept.iter().map(String::as_str), &region(), month);
            assert_eq!(found, day.map(date), "{month}");
            assert_eq!(gap(found, month).is_none(), is_whole, "{month}");
        }
    }

    #[test]
    fn what_is_missing_is_said() {
        let month: Month = "2026-10".parse().unwrap();
        let why = |last: Option<&str>| gap(last.map(date), month).unwrap().to_string();
        assert_eq!(why(None), "no snapshot of 2026-10 is kept");
        assert_eq!(
            why(Some("2026-10-30")),
            "its last snapshot of 2026-10 is of 2026-10-30: the days after it are missing"
        );
    }

    #[test]
    fn one_listing_has_a_months_keys_and_no_others() {
        let october = keys(&region(), "2026-10".parse().unwrap());
        for (day, is_in) in [
            ("2026-10-01", true),
            ("2026-10-31", true),
            ("2026-11-10", false),
        ] {
            assert_eq!(
                key(&region(), date(day)).starts_with(&october),
                is_in,
                "{day}"
            );
        }
    }
}
