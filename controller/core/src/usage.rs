//! What Macie says that accounts have cost since the first of the month, and what that makes until its
//! end.
//!
//! Macie's figures are estimates of its own, per account, Region and kind of usage: in list prices,
//! without most discounts, and with what a free trial would have cost (Macie User Guide,
//! account-mgmt-costs-calculations). They are never per bucket or day.

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan, Zoned, tz::TimeZone};
use rust_decimal::Decimal;
use serde::Serialize;

use crate::{
    id::{AccountId, Region},
    money::Usd,
};

/// What Macie charges for, with the name in its API.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// `DATA_INVENTORY_EVALUATION`: monitoring of buckets.
    Monitoring,
    /// `SENSITIVE_DATA_DISCOVERY`: jobs.
    Jobs,
    /// `AUTOMATED_SENSITIVE_DATA_DISCOVERY`, which the controller turns off.
    AutomatedDiscovery,
    /// `AUTOMATED_OBJECT_MONITORING`, a part of the same.
    ObjectMonitoring,
    /// What this release does not know.
    #[serde(untagged)]
    Other(String),
}

impl Kind {
    /// By its name in Macie's API.
    pub fn named(name: &str) -> Self {
        match name {
            "DATA_INVENTORY_EVALUATION" => Self::Monitoring,
            "SENSITIVE_DATA_DISCOVERY" => Self::Jobs,
            "AUTOMATED_SENSITIVE_DATA_DISCOVERY" => Self::AutomatedDiscovery,
            "AUTOMATED_OBJECT_MONITORING" => Self::ObjectMonitoring,
            other => Self::Other(other.to_owned()),
        }
    }

    /// For people.
    pub fn name(&self) -> &str {
        match self {
            Self::Monitoring => "monitoring",
            Self::Jobs => "jobs",
            Self::AutomatedDiscovery => "automated discovery",
            Self::ObjectMonitoring => "object monitoring",
            Self::Other(name) => name,
        }
    }
}

/// An account's usage in a Region, this month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// The account that owns the buckets, and pays.
    pub account: AccountId,
    /// The Region.
    pub region: Region,
    /// US dollars so far, by kind.
    pub usd: BTreeMap<Kind, Usd>,
    /// When Macie's trial began, in which monitoring costs nothing for 30 days.
    pub trial_since: Option<Timestamp>,
    /// Whether the month's quota of jobs was met, and Macie has paused them.
    pub quota_met: bool,
}

impl Usage {
    /// All kinds together.
    pub fn total(&self) -> Usd {
        self.usd
            .values()
            .fold(Usd::default(), |sum, usd| sum + *usd)
    }
}

/// The first of the month of a time, and of the next month; Macie's months are taken as UTC's.
fn month(now: Timestamp) -> Option<(Timestamp, Timestamp)> {
    let first: Zoned = now.to_zoned(TimeZone::UTC).first_of_month().ok()?;
    let first = first.start_of_day().ok()?;
    let next = first.checked_add(1.month()).ok()?;
    Some((first.timestamp(), next.timestamp()))
}

/// What a month's dollars so far make at its end, if the rest of it is as what has passed. None on the
/// first day of the month, of which nobody can tell.
pub fn forecast(so_far: Usd, now: Timestamp) -> Option<Usd> {
    const DAY: i64 = 24 * 60 * 60;
    let (first, next) = month(now)?;
    let passed = now.duration_since(first).as_secs();
    let whole = next.duration_since(first).as_secs();
    if passed < DAY {
        return None;
    }
    let product = so_far.0.checked_mul(Decimal::from(whole))?;
    let end = product.checked_div(Decimal::from(passed))?;
    Some(Usd(end.round_dp(10).normalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn dollars(text: &str) -> Usd {
        Usd(text.parse().unwrap())
    }

    /// By hand: $10 so far.
    ///
    /// | at | days of the month | passed | at its end |
    /// | --- | ---: | ---: | ---: |
    /// | 11 June, midnight | 30 | 10 | $30.00 |
    /// | 8 February 2026, midnight | 28 | 7 | $40.00 |
    /// | 9 February 2028, noon | 29 | 8.5 | $34.12 |
    /// | 31 December, midnight | 31 | 30 | $10.33 |
    #[test]
    fn the_rest_of_the_month_is_taken_to_be_as_what_has_passed() {
        for (now, end) in [
            ("2026-06-11T00:00:00Z", "$30.00"),
            ("2026-02-08T00:00:00Z", "$40.00"),
            ("2028-02-09T12:00:00Z", "$34.12"),
            ("2026-12-31T00:00:00Z", "$10.33"),
        ] {
            let forecast = forecast(dollars("10"), at(now)).unwrap();
            assert_eq!(forecast.to_string(), end, "{now}");
        }
    }

    #[test]
    fn on_the_first_day_nobody_can_tell() {
        assert_eq!(forecast(dollars("10"), at("2026-06-01T00:00:00Z")), None);
        assert_eq!(forecast(dollars("10"), at("2026-06-01T23:59:59Z")), None);
        assert!(forecast(dollars("10"), at("2026-06-02T00:00:00Z")).is_some());
    }

    #[test]
    fn an_unknown_kind_keeps_its_name() {
        assert_eq!(Kind::named("SENSITIVE_DATA_DISCOVERY"), Kind::Jobs);
        assert_eq!(Kind::named("NEW").name(), "NEW");
    }
}
