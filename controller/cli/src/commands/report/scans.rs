//! The buckets whose scans cost most, by estimate.

use std::cmp::Reverse;

use controller_core::{
    estimate::{Amount, Progress, Range, first_scan},
    id::{AccountId, BucketName, Region},
    money::gigabytes,
};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Serialize;

use super::{Facts, Look, accounts::counted};

/// How many are shown.
const BUCKETS: usize = 10;

/// A tagged bucket.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scan {
    /// Its name.
    pub bucket: BucketName,
    /// Who pays.
    pub account: AccountId,
    /// That account's name.
    pub name: String,
    /// The Region.
    pub region: Region,
    /// What Macie can analyse in it.
    pub classifiable_gigabytes: Option<Decimal>,
    /// What scanning all of it once costs, whether it was scanned before or not.
    pub scan: Range,
    /// How far its first scan is.
    pub progress: Progress,
    /// When Macie last read its size.
    pub sizes_as_of: Option<Timestamp>,
}

impl Scan {
    /// What has become of it, in words.
    pub fn stage(&self) -> &'static str {
        match self.progress {
            Progress::Ahead => "ahead",
            Progress::Begun => "begun: a part is paid",
            Progress::Done => "done: it is paid",
        }
    }
}

/// The dearest first.
pub fn dearest(facts: &Facts<'_>) -> Vec<Scan> {
    let mut scans: Vec<Scan> = facts
        .looks
        .iter()
        .flat_map(|look| of(facts, look))
        .collect();
    scans.sort_by_key(|scan| Reverse(scan.scan.likely));
    scans.truncate(BUCKETS);
    scans
}

fn of<'a>(facts: &'a Facts<'_>, look: &'a Look) -> impl Iterator<Item = Scan> + 'a {
    let buckets = look.estimate.iter().flat_map(|row| &row.buckets);
    buckets.filter_map(|bucket| {
        let seen = counted(bucket)?;
        let scope = &look.scope;
        let volume = first_scan(facts.policy, &scope.region, seen, None, facts.now);
        let Amount::Known(scan) = Amount::of(volume, facts.policy, &scope.region) else {
            return None;
        };
        (!scan.likely.0.is_zero()).then(|| Scan {
            bucket: bucket.bucket.clone(),
            account: scope.account.clone(),
            name: look.status.name.clone(),
            region: scope.region.clone(),
            classifiable_gigabytes: seen.size.classifiable_bytes.map(gigabytes),
            scan,
            progress: bucket.progress,
            sizes_as_of: bucket.sizes_as_of,
        })
    })
}
