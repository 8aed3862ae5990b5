//! The rows of the table and of the CSV file, which are the same.

use controller_core::{
    id::{AccountId, Region},
    money::Usd,
    usage::{Kind, Usage},
};
use jiff::Timestamp;
use serde::Serialize;

use super::{Costs, groups};
use crate::args::By;

/// An account in a Region.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AccountRow<'a> {
    pub(super) account: &'a AccountId,
    pub(super) region: &'a Region,
    pub(super) monitoring_usd: Usd,
    pub(super) jobs_usd: Usd,
    pub(super) others_usd: Usd,
    pub(super) month_to_date_usd: Usd,
    pub(super) forecast_usd: Option<Usd>,
    pub(super) trial_until: Option<Timestamp>,
    pub(super) quota_met: bool,
}

/// A sum.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupRow {
    pub(super) name: String,
    pub(super) month_to_date_usd: Usd,
    pub(super) forecast_usd: Option<Usd>,
}

/// By account and Region.
pub(super) fn accounts(costs: &Costs, now: Timestamp) -> impl Iterator<Item = AccountRow<'_>> {
    let usages = costs.usages.iter();
    usages.map(move |usage| account(costs, usage, now))
}

/// By Region or kind.
pub(super) fn sums(costs: &Costs, by: By, now: Timestamp) -> impl Iterator<Item = GroupRow> {
    groups(costs, by)
        .into_iter()
        .map(move |(name, usd)| GroupRow {
            name,
            month_to_date_usd: usd,
            forecast_usd: costs.forecast(usd, now),
        })
}

fn account<'a>(costs: &Costs, usage: &'a Usage, now: Timestamp) -> AccountRow<'a> {
    // Of a month that is over: a trial that ran in it.
    let at = costs.past.as_ref().map_or(now, |past| past.month.start());
    let of = |kind: &Kind| usage.usd.get(kind).copied().unwrap_or_default();
    let (monitoring, jobs, total) = (of(&Kind::Monitoring), of(&Kind::Jobs), usage.total());
    AccountRow {
        account: &usage.account,
        region: &usage.region,
        monitoring_usd: monitoring,
        jobs_usd: jobs,
        others_usd: Usd(total.0.saturating_sub(monitoring.0).saturating_sub(jobs.0)),
        month_to_date_usd: total,
        forecast_usd: costs.forecast(total, now),
        trial_until: usage.trial_until(at),
        quota_met: usage.quota_met,
    }
}
