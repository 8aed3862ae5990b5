//! Every account and Region that has to do with Macie: what is opted in there, and what it costs.

use std::collections::{BTreeMap, BTreeSet};

use controller_core::{
    estimate::{Amount, Sized, Unknown},
    id::{AccountId, Region},
    money::{Usd, gigabytes},
    usage::Usage,
};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Serialize;

use super::{
    super::estimate::{self, Bucket},
    Budget, Facts, Known, Look,
    spend::end,
};

/// An account in a Region.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Its id.
    pub account: AccountId,
    /// Its name.
    pub name: String,
    /// The Region.
    pub region: Region,
    /// Its relationship with the administrator, in AWS's word.
    pub member: String,
    /// The daily job's status in AWS's word, or `none`.
    pub daily_job: String,
    /// Tagged buckets.
    pub opted_in: Known<usize>,
    /// All buckets that Macie monitors, or would.
    pub monitored: Known<u64>,
    /// What Macie can analyse in tagged buckets.
    pub classifiable_gigabytes: Known<Decimal>,
    /// Tagged buckets that are not in it, for nobody knows what they hold.
    pub uncounted: usize,
    /// Dollars of the month so far.
    pub month_to_date_usd: Known<Usd>,
    /// And at its end.
    pub forecast_usd: Known<Usd>,
    /// The month's budget, if there is one.
    pub budget: Known<Option<Budget>>,
    /// How much of the month's quota of jobs is used.
    pub quota: Known<Quota>,
    /// The free trial of monitoring.
    pub trial: Known<Trial>,
}

/// The month's quota of jobs.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Quota {
    /// Whether Macie says that it is met.
    pub is_met: bool,
    /// What is used of it, reckoned from the jobs' dollars.
    pub percent: Known<Decimal>,
    /// How much it is.
    pub terabytes: u64,
}

/// The free trial.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trial {
    /// When it ends.
    pub until: Timestamp,
    /// Whether it has.
    pub is_over: bool,
}

/// All of them, the dearest first.
pub fn accounts(facts: &Facts<'_>) -> Vec<Account> {
    let mut places: BTreeMap<_, (Option<&Look>, Option<&Usage>)> = BTreeMap::new();
    for look in facts.looks {
        let place = (&look.scope.account, &look.scope.region);
        places.entry(place).or_default().0 = Some(look);
    }
    for usage in &facts.costs.usages {
        let place = (&usage.account, &usage.region);
        places.entry(place).or_default().1 = Some(usage);
    }
    let places = places.into_iter();
    let accounts = places.map(|(place, (look, usage))| account(facts, place, look, usage));
    let mut accounts: Vec<Account> = accounts.collect();
    accounts.sort_by_key(|account| std::cmp::Reverse(account.month_to_date_usd.value().copied()));
    accounts
}

/// Why something of these accounts is not known, each reason once.
pub fn reasons(accounts: &[Account]) -> Vec<String> {
    let mut reasons = Vec::new();
    for reason in accounts.iter().flat_map(Account::reasons) {
        if !reasons.contains(reason) {
            reasons.push(reason.clone());
        }
    }
    reasons
}

impl Account {
    fn reasons(&self) -> impl Iterator<Item = &String> {
        let used = self.quota.value().and_then(|quota| quota.percent.reason());
        let reasons = [
            self.opted_in.reason(),
            self.monitored.reason(),
            self.classifiable_gigabytes.reason(),
            self.month_to_date_usd.reason(),
            self.forecast_usd.reason(),
            self.budget.reason(),
            self.quota.reason(),
            used,
            self.trial.reason(),
        ];
        reasons.into_iter().flatten()
    }
}

fn account(
    facts: &Facts<'_>,
    (id, region): (&AccountId, &Region),
    look: Option<&Look>,
    usage: Option<&Usage>,
) -> Account {
    const ELSEWHERE: &str = "it is not among the organization's active accounts";
    let usage = Known::or(usage, silence(facts, region));
    let seen = Known::or(look, ELSEWHERE);
    let estimate =
        seen.then(|look| Known::or(look.estimate.as_ref(), "the policy excludes the account"));
    let opted_in = seen.then(|look| {
        let opted_in = look.status.opted_in.as_ref();
        Known::or(opted_in.map(BTreeSet::len), "the tags could not be read")
    });
    let month_to_date_usd = usage.then(|usage| Known::Yes(usage.total()));
    let forecast_usd = month_to_date_usd.then(|usd| end(*usd, facts.now));
    let cap = seen.then(|look| look.month_cap.clone());
    let word = |word: fn(&Look) -> &String| {
        look.map_or_else(|| "unknown".to_owned(), |look| word(look).clone())
    };
    Account {
        account: id.clone(),
        name: facts.names.get(id).cloned().unwrap_or_default(),
        region: region.clone(),
        member: word(|look| &look.status.member),
        daily_job: word(|look| &look.status.daily_job),
        monitored: estimate
            .then(|row| Known::or(row.monitored_buckets, "the buckets could not be counted")),
        classifiable_gigabytes: opted_in.then(|_| estimate.then(|row| classifiable(row))),
        opted_in,
        uncounted: estimate.value().map_or(0, |row| uncounted(row)),
        budget: cap.then(|cap| {
            Known::Yes(cap.map(|cap| Budget::of(cap, &month_to_date_usd, &forecast_usd)))
        }),
        forecast_usd,
        month_to_date_usd,
        quota: usage.then(|usage| Known::Yes(quota(usage))),
        trial: usage.then(|usage| trial(usage, facts.now)),
    }
}

/// Why Macie has told no dollars.
fn silence(facts: &Facts<'_>, region: &Region) -> String {
    match facts.costs.trouble.contains_key(region) {
        true => format!("Macie in {region} did not tell what was used"),
        false => "Macie tells of no usage there".to_owned(),
    }
}

/// The bucket as Macie has counted it; a new one is there before it is counted.
pub fn counted(bucket: &Bucket) -> Option<&Sized> {
    let is_new = matches!(
        bucket.first_scan,
        Amount::Unknown {
            unknown: Unknown::New { .. } | Unknown::NotSeen
        }
    );
    bucket.seen.as_ref().filter(|_| !is_new)
}

fn bytes(bucket: &Bucket) -> Option<u64> {
    counted(bucket)?.size.classifiable_bytes
}

fn uncounted(row: &estimate::Row) -> usize {
    let buckets = row.buckets.iter();
    buckets.filter(|bucket| bytes(bucket).is_none()).count()
}

fn classifiable(row: &estimate::Row) -> Known<Decimal> {
    if !row.buckets.is_empty() && uncounted(row) == row.buckets.len() {
        return Known::unknown(match row.enrolled {
            Some(false) => "Macie knows the sizes of enrolled accounts only",
            Some(true) | None => "Macie tells no size of a tagged bucket",
        });
    }
    let sum = row.buckets.iter().filter_map(bytes);
    Known::Yes(gigabytes(sum.fold(0, u64::saturating_add)))
}

fn quota(usage: &Usage) -> Quota {
    let why = format!(
        "dollars are gigabytes by AWS's list, and this release has no list of {}",
        usage.region
    );
    Quota {
        is_met: usage.quota_met,
        percent: Known::or(usage.quota_used_percent(), why),
        terabytes: usage.quota(),
    }
}

fn trial(usage: &Usage, now: Timestamp) -> Known<Trial> {
    let trial = usage.trial_ends().map(|until| Trial {
        until,
        is_over: until <= now,
    });
    Known::or(trial, "Macie tells of no trial")
}

/// The times at which Macie last read sizes: the oldest and the newest.
pub fn sizes_as_of(looks: &[Look]) -> Option<(Timestamp, Timestamp)> {
    let rows = looks.iter().filter_map(|look| look.estimate.as_ref());
    let times = rows.flat_map(|row| row.buckets.iter().filter_map(|bucket| bucket.sizes_as_of));
    let (oldest, newest) = (times.clone().min()?, times.max()?);
    Some((oldest, newest))
}
