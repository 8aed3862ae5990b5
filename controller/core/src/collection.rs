//! The daily collection of costs: what Macie says of a Region today and what it said before become
//! rows to keep, alerts to publish and figures to watch.
//!
//! Macie tells dollars since the first of the month, by account and kind, and never by day (Macie
//! API Reference, `GetUsageStatistics`). So a day is the difference of two snapshots.

mod alert;
pub mod figures;
pub mod months;
pub mod row;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use rust_decimal::Decimal;

use alert::alerts;
pub use alert::{Alert, Reason};
pub use row::Row;

use crate::{
    id::{AccountId, UnitId},
    money::Usd,
    policy::{Cap, Policy},
    usage::{FORECAST_NAME, Usage, forecast, month},
};

/// Days after which a mean of days says what is usual. Before, nobody can tell.
pub const LEAST_DAYS: u32 = 7;
/// How many days the mean remembers: the first so many count alike, each later one a seventh.
const WEIGHT: u32 = 7;
/// A day is unusual when it costs more than so many usual ones. The choice is ours.
pub const FACTOR: Decimal = Decimal::from_parts(3, 0, 0, false, 0);
/// A day is unusual only when it costs so many dollars more than a usual one. The choice is ours: below,
/// the first object of an idle bucket would be an alarm.
pub const LEAST_USD: Usd = Usd(Decimal::from_parts(5, 0, 0, false, 0));

/// What a Region's snapshot is made from, besides Macie's answer.
#[derive(Debug, Clone, Copy)]
pub struct Day<'a> {
    /// Whose caps count.
    pub policy: &'a Policy,
    /// The units of the policy that each account is below, nearest first.
    pub units: &'a BTreeMap<AccountId, Vec<UnitId>>,
    /// The newest snapshot of a day before this one; empty when there is none.
    pub previous: &'a BTreeMap<AccountId, Row>,
    /// When Macie was asked.
    pub now: Timestamp,
}

/// A Region's day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// One row for each account that Macie names, by account.
    pub rows: Vec<Row>,
    /// What must be told, and was not told yesterday.
    pub alerts: Vec<Alert>,
}

/// The snapshot of a Region.
pub fn snapshot(day: &Day<'_>, usages: &[Usage]) -> Snapshot {
    let mut rows: Vec<Row> = usages.iter().map(|usage| day.row(usage)).collect();
    rows.sort_by(|a, b| a.account.cmp(&b.account));
    let told = rows.iter().map(|row| alerts(row, day.before(row)));
    Snapshot {
        alerts: told.flatten().collect(),
        rows,
    }
}

/// The UTC date of a time. Macie's months are taken as UTC's.
pub fn date(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

impl Day<'_> {
    fn before(&self, row: &Row) -> Option<&Row> {
        self.previous.get(&row.account)
    }

    fn cap(&self, account: &AccountId) -> Option<Cap> {
        let units = self.units.get(account).map_or(&[][..], Vec::as_slice);
        self.policy.budgets.of(account, units).month
    }

    fn row(&self, usage: &Usage) -> Row {
        let (total, cap) = (usage.total(), self.cap(&usage.account));
        let before = self.previous.get(&usage.account);
        let day_usd = before.and_then(|before| increase(before, total, self.now));
        let usual = Usual::of(before);
        let next = usual.after(day_usd);
        let kinds = usage.usd.iter();
        Row {
            version: row::VERSION,
            account: usage.account.clone(),
            region: usage.region.clone(),
            collected_at: self.now,
            month_to_date_usd: kinds
                .map(|(kind, usd)| (kind.api_name().to_owned(), *usd))
                .collect(),
            total_usd: total,
            forecast_usd: forecast(total, self.now),
            forecast_method: FORECAST_NAME.to_owned(),
            trial_until: usage.trial_until(self.now),
            quota_met: usage.quota_met,
            quota_terabytes: usage.quota_terabytes,
            quota_used_percent: usage.quota_used_percent(),
            cap_usd: cap.map(|cap| cap.usd),
            cap_action: cap.map(|cap| cap.action.name().to_owned()),
            day_usd,
            is_unusual: day_usd.is_some_and(|day| usual.is_exceeded_by(day)),
            usual_day_usd: next.usd,
            usual_days: next.days,
        }
    }
}

/// Whether two times are in one month of Macie's.
pub(crate) fn same_month(left: Timestamp, right: Timestamp) -> bool {
    month(left) == month(right)
}

/// What a day has cost since the snapshot before. Unknown when the month has turned, for nobody saw
/// the end of the old one, and when Macie has corrected its figures downwards.
fn increase(before: &Row, total: Usd, now: Timestamp) -> Option<Usd> {
    if !same_month(before.collected_at, now) {
        return None;
    }
    let passed = date(before.collected_at).until(date(now)).ok()?.get_days();
    let more = total.0.checked_sub(before.total_usd.0)?;
    if passed < 1 || more.is_sign_negative() && !more.is_zero() {
        return None;
    }
    let day = more.checked_div(Decimal::from(passed))?;
    Some(Usd(day.round_dp(10).normalize()))
}

/// The mean of an account's days, carried from row to row.
#[derive(Debug, Clone, Copy)]
struct Usual {
    usd: Option<Usd>,
    days: u32,
}

impl Usual {
    fn of(before: Option<&Row>) -> Self {
        Self {
            usd: before.and_then(|row| row.usual_day_usd),
            days: before.map_or(0, |row| row.usual_days),
        }
    }

    /// With one more day. A day that is unknown changes nothing, so the turn of a month does not.
    fn after(self, day: Option<Usd>) -> Self {
        let Some(day) = day else {
            return self;
        };
        let days = self.days.saturating_add(1);
        let old = self.usd.unwrap_or(day);
        let weight = Decimal::from(days.min(WEIGHT));
        let step = day.0.saturating_sub(old.0).checked_div(weight);
        let usd = old.0.saturating_add(step.unwrap_or_default());
        Self {
            usd: Some(Usd(usd.round_dp(10).normalize())),
            days,
        }
    }

    /// Whether a day is so much dearer than the days before it that somebody should look.
    fn is_exceeded_by(self, day: Usd) -> bool {
        let known = self.usd.filter(|_| self.days >= LEAST_DAYS);
        known.is_some_and(|usual| {
            let more = day.0.saturating_sub(usual.0);
            day.0 > usual.0.saturating_mul(FACTOR) && more >= LEAST_USD.0
        })
    }
}
