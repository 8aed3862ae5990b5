//! What Macie says that accounts have cost since the first of the month, and what that makes until its
//! end.
//!
//! Macie's figures are estimates of its own, per account, Region and kind of usage: in list prices,
//! without most discounts, and with what a free trial would have cost (Macie User Guide,
//! account-mgmt-costs-calculations). They are never per bucket or day.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, ToSpan, Zoned, tz::TimeZone};
use rust_decimal::Decimal;
use serde::Serialize;

use crate::{
    id::{AccountId, Region},
    money::Usd,
    prices::PriceList,
};

/// The call that tells it; published with the figures.
pub const SOURCE: &str = "macie2:GetUsageStatistics";

/// How long Macie monitors an account in a Region for nothing (Macie User Guide,
/// account-mgmt-free-trial).
pub(crate) const TRIAL: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What jobs may analyse of an account's buckets in a month, unless Macie says otherwise (Macie User
/// Guide, macie-quotas).
const QUOTA_TERABYTES: u64 = 5;

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

    /// Its name in Macie's API.
    pub fn api_name(&self) -> &str {
        match self {
            Self::Monitoring => "DATA_INVENTORY_EVALUATION",
            Self::Jobs => "SENSITIVE_DATA_DISCOVERY",
            Self::AutomatedDiscovery => "AUTOMATED_SENSITIVE_DATA_DISCOVERY",
            Self::ObjectMonitoring => "AUTOMATED_OBJECT_MONITORING",
            Self::Other(name) => name,
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
    /// What jobs may analyse of the account's buckets in a month, if Macie said.
    pub quota_terabytes: Option<u64>,
}

impl Usage {
    /// All kinds together.
    pub fn total(&self) -> Usd {
        self.usd
            .values()
            .fold(Usd::default(), |sum, usd| sum + *usd)
    }

    /// What jobs may analyse in the month, in terabytes.
    pub fn quota(&self) -> u64 {
        self.quota_terabytes.unwrap_or(QUOTA_TERABYTES)
    }

    /// How much of that is used, in percent. Macie tells dollars of jobs, which are gigabytes by AWS's
    /// list, and never by what the organization pays; unknown in Regions that are not on the list.
    pub fn quota_used_percent(&self) -> Option<Decimal> {
        let jobs = self.usd.get(&Kind::Jobs).copied().unwrap_or_default();
        let prices = PriceList::bundled()?.regions.get(&self.region)?;
        let hundredth = Decimal::from(self.quota()).checked_mul(Decimal::TEN)?;
        let percent = prices.analysed(jobs)?.checked_div(hundredth)?;
        Some(percent.round_dp(1).normalize())
    }

    /// What is left of it, in gigabytes; unknown in the same Regions. Macie pauses the account's jobs
    /// when nothing is, until the month turns.
    pub fn quota_left(&self) -> Option<Decimal> {
        if self.quota_met {
            return Some(Decimal::ZERO);
        }
        let jobs = self.usd.get(&Kind::Jobs).copied().unwrap_or_default();
        let prices = PriceList::bundled()?.regions.get(&self.region)?;
        let quota = Decimal::from(self.quota()).checked_mul(Decimal::ONE_THOUSAND)?;
        let left = quota.checked_sub(prices.analysed(jobs)?)?;
        Some(left.max(Decimal::ZERO).round_dp(1).normalize())
    }

    /// When Macie's trial ends, or ended.
    pub fn trial_ends(&self) -> Option<Timestamp> {
        self.trial_since?.checked_add(TRIAL).ok()
    }

    /// When the trial ends that is still running, and with it monitoring that costs nothing.
    pub fn trial_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.trial_ends().filter(|until| *until > now)
    }
}

/// The first of the month of a time, and of the next month; Macie's months are taken as UTC's.
pub fn month(now: Timestamp) -> Option<(Timestamp, Timestamp)> {
    let first: Zoned = now.to_zoned(TimeZone::UTC).first_of_month().ok()?;
    let first = first.start_of_day().ok()?;
    let next = first.checked_add(1.month()).ok()?;
    Some((first.timestamp(), next.timestamp()))
}

/// The name of the method of [`forecast`]; kept with its figures.
pub const FORECAST_NAME: &str = "average-day";

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
    use jiff::SignedDuration;

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

    /// By hand: a dollar a day is as many dollars as the month has days, whichever day it is; the next
    /// month, and the next year, begin with nothing known.
    ///
    /// | month | days | at its end |
    /// | --- | ---: | ---: |
    /// | February 2026 | 28 | $28.00 |
    /// | February 2028 | 29 | $29.00 |
    /// | April 2026 | 30 | $30.00 |
    /// | December 2026 | 31 | $31.00 |
    #[test]
    fn an_even_month_ends_as_long_as_it_is() {
        for (first, days) in [
            ("2026-02-01T00:00:00Z", 28),
            ("2028-02-01T00:00:00Z", 29),
            ("2026-04-01T00:00:00Z", 30),
            ("2026-12-01T00:00:00Z", 31),
        ] {
            let midnight = |day: i64| at(first) + SignedDuration::from_hours(24 * day);
            for day in 1..days {
                let end = forecast(Usd(day.into()), midnight(day));
                assert_eq!(end, Some(Usd(days.into())), "{day} days after {first}");
            }
            assert_eq!(forecast(Usd(days.into()), midnight(days)), None, "{first}");
        }
    }

    #[test]
    fn on_the_first_day_nobody_can_tell() {
        assert_eq!(forecast(dollars("10"), at("2026-06-01T00:00:00Z")), None);
        assert_eq!(forecast(dollars("10"), at("2026-06-01T23:59:59Z")), None);
        assert!(forecast(dollars("10"), at("2026-06-02T00:00:00Z")).is_some());
    }

    #[test]
    fn a_kind_has_the_name_by_which_it_is_known() {
        for name in [
            "DATA_INVENTORY_EVALUATION",
            "SENSITIVE_DATA_DISCOVERY",
            "AUTOMATED_SENSITIVE_DATA_DISCOVERY",
            "AUTOMATED_OBJECT_MONITORING",
        ] {
            let kind = Kind::named(name);
            assert_eq!(kind.api_name(), name);
            assert!(!matches!(kind, Kind::Other(_)), "{name}");
        }
        let new = Kind::named("NEW");
        assert_eq!((new.name(), new.api_name()), ("NEW", "NEW"));
    }

    fn usage(region: &str) -> Usage {
        Usage {
            account: "300000000001".parse().unwrap(),
            region: region.parse().unwrap(),
            usd: BTreeMap::new(),
            trial_since: None,
            quota_met: false,
            quota_terabytes: None,
        }
    }

    /// By hand, at $1 a GB up to 50,000 GB and $0.50 beyond; a quota of a TB is 1,000 GB.
    ///
    /// | quota | jobs | GB | used |
    /// | ---: | ---: | ---: | ---: |
    /// | none: 5 TB | none | 0 | 0 % |
    /// | none: 5 TB | $1,000 | 1,000 | 20 % |
    /// | 5 TB | $6,000 | 6,000 | 120 % |
    /// | 100 TB | $60,000 | 50,000 and 20,000 | 70 % |
    /// | 5 TB | $1.50 | 1.5 | 0.03 %, which is nothing |
    #[test]
    fn dollars_of_jobs_are_a_share_of_the_quota() {
        for (quota, jobs, used) in [
            (None, None, "0"),
            (None, Some("1000"), "20"),
            (Some(5), Some("6000"), "120"),
            (Some(100), Some("60000"), "70"),
            (Some(5), Some("1.50"), "0"),
        ] {
            let usage = Usage {
                usd: jobs
                    .map(|usd| (Kind::Jobs, dollars(usd)))
                    .into_iter()
                    .collect(),
                quota_terabytes: quota,
                ..usage("us-east-1")
            };
            assert_eq!(
                usage.quota_used_percent(),
                Some(used.parse().unwrap()),
                "{jobs:?}"
            );
        }
        assert_eq!(
            usage("eu-west-9").quota_used_percent(),
            None,
            "it has no price"
        );
    }

    #[test]
    fn a_trial_runs_for_30_days() {
        let mut usage = Usage {
            trial_since: Some(at("2026-06-01T12:00:00Z")),
            ..usage("eu-west-1")
        };
        let until = at("2026-07-01T12:00:00Z");
        assert_eq!(usage.trial_until(at("2026-07-01T11:59:59Z")), Some(until));
        assert_eq!(usage.trial_until(until), None);
        usage.trial_since = None;
        assert_eq!(usage.trial_until(until), None);
    }
}
