//! The rows of a snapshot, and where a snapshot is kept: one object per Region and UTC date, one line
//! of JSON per account.

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan, civil::Date};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{
    id::{AccountId, Region},
    money::Usd,
    usage::{Kind, TRIAL, Usage},
};

/// The version of a row.
pub const VERSION: u32 = 1;
/// What every key begins with.
pub const PREFIX: &str = "usage/";
/// How far back a previous snapshot is looked for: what is older says nothing of this month.
const DAYS: i64 = 40;

/// What an account has cost in a Region, as Macie said on a day. Dollars are decimal strings, in list
/// prices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// [`VERSION`].
    pub version: u32,
    /// The account that owns the buckets, and pays.
    pub account: AccountId,
    /// The Region.
    pub region: Region,
    /// When Macie was asked.
    pub collected_at: Timestamp,
    /// Since the first of the month, by the kind's name in Macie's API.
    pub month_to_date_usd: BTreeMap<String, Usd>,
    /// All kinds together.
    pub total_usd: Usd,
    /// The end of the month; unknown on its first day.
    pub forecast_usd: Option<Usd>,
    /// How the end of the month was reckoned.
    pub forecast_method: String,
    /// The end of the running trial, in which monitoring is not charged.
    pub trial_until: Option<Timestamp>,
    /// Whether the month's quota of jobs was met.
    pub quota_met: bool,
    /// The quota, if Macie said.
    pub quota_terabytes: Option<u64>,
    /// How much of it is used, in percent: reckoned from the dollars of jobs. Rows of releases that did
    /// not write it are without it.
    #[serde(default)]
    pub quota_used_percent: Option<Decimal>,
    /// The cap of the account's month in this Region, if the policy has one.
    pub cap_usd: Option<Usd>,
    /// What happens beyond, as in the policy.
    pub cap_action: Option<String>,
    /// What a day has cost since the snapshot before, if that is known.
    pub day_usd: Option<Usd>,
    /// Whether that was far more than usual.
    pub is_unusual: bool,
    /// The weighted mean of the days so far; it says what is usual after seven of them.
    pub usual_day_usd: Option<Usd>,
    /// How many days it is of.
    pub usual_days: u32,
}

impl Row {
    /// What it says, as Macie said it.
    pub fn usage(&self) -> Usage {
        let kinds = self.month_to_date_usd.iter();
        let begun = |until: Timestamp| until.checked_sub(TRIAL).ok();
        Usage {
            account: self.account.clone(),
            region: self.region.clone(),
            usd: kinds.map(|(kind, usd)| (Kind::named(kind), *usd)).collect(),
            trial_since: self.trial_until.and_then(begun),
            quota_met: self.quota_met,
            quota_terabytes: self.quota_terabytes,
        }
    }
}

/// A snapshot cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// A line is no row.
    #[error("line {line} is no row of a snapshot")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        #[source]
        error: serde_json::Error,
    },
    /// Another release has written it.
    #[error("line {line} has version {version}, expected {VERSION}")]
    Version {
        /// Counted from 1.
        line: usize,
        /// The version.
        version: u32,
    },
}

/// The rows as lines of JSON.
pub fn write(rows: &[Row]) -> Result<String, serde_json::Error> {
    let lines = rows.iter().map(serde_json::to_string);
    lines
        .map(|line| line.map(|line| line + "\n"))
        .collect::<Result<_, _>>()
}

/// Rows that [`write()`] has written, by account.
pub fn read(text: &str) -> Result<BTreeMap<AccountId, Row>, Unreadable> {
    let lines = text.lines().enumerate();
    let rows = lines.map(|(index, text)| {
        let line = index.saturating_add(1);
        let row: Row =
            serde_json::from_str(text).map_err(|error| Unreadable::Line { line, error })?;
        match row.version {
            VERSION => Ok((row.account.clone(), row)),
            version => Err(Unreadable::Version { line, version }),
        }
    });
    rows.collect()
}

/// The key of a Region's snapshot of a date.
pub fn key(region: &Region, date: Date) -> String {
    format!("{}{date}/usage.jsonl", prefix(region))
}

/// What the keys of a Region's snapshots begin with, up to the date.
pub fn prefix(region: &Region) -> String {
    format!("{PREFIX}region={region}/date=")
}

/// Where a listing must begin that finds this day's snapshot and the one before it.
pub fn after(region: &Region, today: Date) -> String {
    let first = today.checked_sub(DAYS.days()).unwrap_or(today);
    format!("{}{first}", prefix(region))
}

/// What a listing says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kept {
    /// Whether this day's snapshot is there.
    pub today: bool,
    /// The key of the newest one of a day before.
    pub newest: Option<String>,
}

/// What the listed keys of a Region mean today. Keys of other objects and of days to come mean nothing.
pub fn kept<'a>(keys: impl IntoIterator<Item = &'a str>, region: &Region, today: Date) -> Kept {
    let dates = dates(keys, region);
    let newest = dates.iter().rev().find(|date| **date < today);
    Kept {
        today: dates.contains(&today),
        newest: newest.map(|date| key(region, *date)),
    }
}

/// The dates of a Region's snapshots among listed keys, oldest first.
pub(super) fn dates<'a>(keys: impl IntoIterator<Item = &'a str>, region: &Region) -> Vec<Date> {
    let prefix = prefix(region);
    let mut dates: Vec<Date> = keys
        .into_iter()
        .filter_map(|key| {
            let date = key.strip_prefix(&prefix)?.strip_suffix("/usage.jsonl")?;
            date.parse().ok()
        })
        .collect();
    dates.sort_unstable();
    dates
}
