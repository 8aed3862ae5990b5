//! What an opt-in costs before it is paid for: the first scan of each bucket, and the months after.
//!
//! The method is Macie's own forecast (Macie User Guide, discovery-jobs-costs): bytes in objects that
//! Macie can analyse, compressed files taken three to one, and beyond it what that leaves out: the
//! sampling percentage, the tiers of the price list, and the monitoring of all buckets of the
//! account. What is not known is said to be unknown, with the reason; it is never $0.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, Serializer};

use crate::{
    decide::{jobs::JobsView, member::is_returning},
    id::{BucketName, Region},
    money::{self, Usd, analysed},
    observed::{BucketSize, Fact, Job, Membership, Observed, Relationship},
    policy::Policy,
};

/// Macie tells the sizes of a new bucket within a day (Macie User Guide, monitoring-s3-how-it-works).
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// How much compressed files hold, in times of their size: at least, as Macie's forecast assumes,
/// and as text such as logs or CSV rarely exceeds.
const UNPACKED: [u64; 3] = [1, money::UNPACKED, 10];
/// A bucket as Macie's inventory has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sized {
    /// Its name.
    pub name: BucketName,
    /// How much Macie would analyse.
    pub size: BucketSize,
    /// Whether it is beyond the 10,000 buckets of an account that Macie monitors.
    pub over_quota: bool,
    /// When it was created, or its policy last changed: Macie does not tell these apart.
    pub created_at: Option<Timestamp>,
    /// When Macie last read about it.
    pub updated_at: Option<Timestamp>,
}

/// US dollars, as far as they are known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Amount {
    /// Within a range.
    Known(Range),
    /// Not known.
    Unknown {
        /// Why, and when it will be.
        unknown: Unknown,
    },
}

/// From what it is at least, if every byte and object is like the others, to what is unlikely to be
/// exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Range {
    /// At least.
    #[serde(rename = "lowUsd")]
    pub low: Usd,
    /// Most likely.
    #[serde(rename = "usd")]
    pub likely: Usd,
    /// Hardly more.
    #[serde(rename = "highUsd")]
    pub high: Usd,
}

/// Why an amount is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unknown {
    /// Macie sees buckets of enrolled accounts only.
    NotEnrolled,
    /// What was written while the account was without an opted-in bucket is caught up with.
    CatchUp,
    /// Nobody told what Macie costs there.
    Prices(Region),
    /// It could not be read.
    NotRead,
    /// Macie may not read about the bucket.
    NotReadable,
    /// Macie monitors 10,000 buckets of an account, and this is none of them.
    OverQuota,
    /// The bucket is not in Macie's inventory.
    NotSeen,
    /// Macie has not counted the objects of a new bucket yet.
    New {
        /// When it will have.
        until: Timestamp,
    },
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotEnrolled => {
                f.write_str("Macie knows the sizes of enrolled accounts only; ask again once it is enrolled")
            }
            Self::Prices(region) => write!(
                f,
                "no prices of {region}: put yours into `prices` of the policy"
            ),
            Self::NotRead => f.write_str("it could not be read"),
            Self::CatchUp => f.write_str(
                "the account is being caught up with, or will be: how much was written meanwhile is not known",
            ),
            Self::OverQuota => f.write_str(
                "Macie monitors 10,000 buckets of an account, and this is none of them",
            ),
            Self::NotReadable => f.write_str(
                "Macie cannot read about the bucket: let AWSServiceRoleForAmazonMacie through its policy",
            ),
            Self::NotSeen => {
                f.write_str("Macie does not show the bucket yet; it will within a day")
            }
            Self::New { until } => write!(f, "Macie has not counted it yet; it will by {until}"),
        }
    }
}

impl Serialize for Unknown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl From<Unknown> for Amount {
    fn from(unknown: Unknown) -> Self {
        Self::Unknown { unknown }
    }
}

impl Range {
    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        Self {
            low: self.low + other.low,
            likely: self.likely + other.likely,
            high: self.high + other.high,
        }
    }
}

/// Whether Macie is on for the account.
pub fn is_enrolled(observed: &Observed) -> Fact<bool> {
    if observed.is_administrator() {
        return Fact::Known(true);
    }
    match &observed.member {
        Fact::Known(Membership::Member(member)) => {
            Fact::Known(member.status == Relationship::Enabled)
        }
        Fact::Known(Membership::Stranger) => Fact::Known(false),
        Fact::Unknown(trouble) => Fact::Unknown(trouble.clone()),
        Fact::Unread => Fact::Unread,
    }
}

/// How far a bucket's first scan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// No baseline job has the bucket.
    Ahead,
    /// A baseline job is at it, or paused.
    Begun,
    /// It was paid for.
    Done,
}

/// What is still to be paid for a bucket's first scan.
pub fn to_pay(
    policy: &Policy,
    observed: &Observed,
    sizes: &Fact<Vec<Sized>>,
    name: &BucketName,
    now: Timestamp,
) -> (Progress, Amount) {
    let (Some(jobs), Some(enrolled)) = (
        observed.jobs.known(),
        is_enrolled(observed).known().copied(),
    ) else {
        return (Progress::Ahead, Unknown::NotRead.into());
    };
    let progress = progress(policy, observed, jobs, name);
    if observed
        .known_member()
        .is_some_and(|member| member.status == Relationship::Paused || is_returning(member))
    {
        return (progress, Unknown::CatchUp.into());
    }
    let amount = match (progress, sizes) {
        (Progress::Done, _) => Amount::Known(Range::default()),
        (_, _) if !enrolled => Unknown::NotEnrolled.into(),
        (_, Fact::Unknown(_) | Fact::Unread) => Unknown::NotRead.into(),
        (_, Fact::Known(sizes)) => match sizes.iter().find(|bucket| bucket.name == *name) {
            None => Unknown::NotSeen.into(),
            Some(bucket) => first_scan(policy, &observed.scope.region, bucket, now),
        },
    };
    (progress, begun(progress, amount))
}

/// Of a scan that has begun a part is paid, nobody knows which.
fn begun(progress: Progress, amount: Amount) -> Amount {
    match (progress, amount) {
        (Progress::Begun, Amount::Known(range)) => Amount::Known(Range {
            low: Usd::default(),
            ..range
        }),
        (_, amount) => amount,
    }
}

fn progress(policy: &Policy, observed: &Observed, jobs: &[Job], name: &BucketName) -> Progress {
    let view = JobsView::new(policy, &observed.scope, jobs, observed.known_member());
    if view.being_baselined().contains(name) {
        Progress::Begun
    } else if view.baselined_before(Timestamp::MAX).contains(name) {
        Progress::Done
    } else {
        Progress::Ahead
    }
}

/// What scanning a bucket once costs. With several buckets each is counted from the first tier, so
/// that their sum is never too low.
pub fn first_scan(policy: &Policy, region: &Region, bucket: &Sized, now: Timestamp) -> Amount {
    let Some(prices) = policy.prices(region) else {
        return Unknown::Prices(region.clone()).into();
    };
    if bucket.over_quota {
        return Unknown::OverQuota.into();
    }
    if bucket.size.classifiable_bytes == Some(0) {
        // Macie tells neither when it counted a bucket nor that it has not.
        let counted_by = bucket.created_at.and_then(|at| at.checked_add(DAY).ok());
        match counted_by {
            None => return Unknown::NotSeen.into(),
            Some(until) if until > now => return Unknown::New { until }.into(),
            Some(_) => {}
        }
    }
    let usd = |times| analysed(policy, &bucket.size, times).map(|gb| prices.analysing(gb));
    match UNPACKED.map(usd) {
        [Some(low), Some(likely), Some(high)] => Amount::Known(Range { low, likely, high }),
        _ => Unknown::NotReadable.into(),
    }
}

/// What monitoring all buckets of an account costs a month.
pub fn monitoring(policy: &Policy, region: &Region, buckets: u64) -> Amount {
    match policy.prices(region) {
        None => Unknown::Prices(region.clone()).into(),
        Some(prices) => {
            let usd = prices.monitoring(buckets);
            Amount::Known(Range {
                low: usd,
                likely: usd,
                high: usd,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONTH: &str = "2026-03-01T00:00:00Z";

    fn policy(sampling: u8) -> Policy {
        let text = format!(
            r#"{{ "version": 1, "homeRegion": "eu-west-1", "regions": ["eu-west-1", "us-east-1"],
                "jobs": {{ "samplingPercentage": {sampling} }},
                "prices": {{ "eu-west-1": {{ "bucketMonth": "0.12", "gigabyte": "1.25" }} }} }}"#
        );
        Policy::parse(&text).unwrap()
    }

    fn bucket(classifiable_bytes: Option<u64>, compressed_bytes: u64) -> Sized {
        Sized {
            name: "payments".parse().unwrap(),
            size: BucketSize {
                classifiable_bytes,
                compressed_bytes,
            },
            over_quota: false,
            created_at: Some(MONTH.parse().unwrap()),
            updated_at: None,
        }
    }

    fn scan(sampling: u8, bucket: &Sized, hours: i64) -> String {
        let region = "eu-west-1".parse().unwrap();
        let now = MONTH.parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hours);
        match first_scan(&policy(sampling), &region, bucket, now) {
            Amount::Known(Range { low, likely, high }) => format!("{low} {likely} {high}"),
            Amount::Unknown { unknown } => unknown.to_string(),
        }
    }

    /// By hand, at $1.25 a GB:
    ///
    /// | stored | of it compressed | sampled | GB at least, likely, at most | dollars |
    /// | --- | --- | --- | --- | --- |
    /// | 8 GB | nothing | 100 % | 8, 8, 8 | 10.00, 10.00, 10.00 |
    /// | 8 GB | 4 GB | 100 % | 4 + 4, 4 + 12, 4 + 40 | 10.00, 20.00, 55.00 |
    /// | 8 GB | 4 GB | 50 % | half of that | 5.00, 10.00, 27.50 |
    /// | 1 GB | 3 GB, not all of it classifiable | 100 % | 1, 3, 10 | 1.25, 3.75, 12.50 |
    #[test]
    fn a_scan_costs_what_is_in_it() {
        let gb = 1_000_000_000;
        assert_eq!(
            scan(100, &bucket(Some(8 * gb), 0), 48),
            "$10.00 $10.00 $10.00"
        );
        let half = bucket(Some(8 * gb), 4 * gb);
        assert_eq!(scan(100, &half, 48), "$10.00 $20.00 $55.00");
        assert_eq!(scan(50, &half, 48), "$5.00 $10.00 $27.50");
        assert_eq!(
            scan(100, &bucket(Some(gb), 3 * gb), 48),
            "$1.25 $3.75 $12.50"
        );
    }

    #[test]
    fn what_is_not_known_is_not_nothing() {
        let unreadable = scan(100, &bucket(None, 0), 48);
        assert!(unreadable.contains("cannot read"), "{unreadable}");
        let new = scan(100, &bucket(Some(0), 0), 23);
        assert!(new.contains("2026-03-02T00:00:00Z"), "{new}");
        assert_eq!(scan(100, &bucket(Some(0), 0), 24), "$0.00 $0.00 $0.00");
        let dateless = Sized {
            created_at: None,
            ..bucket(Some(0), 0)
        };
        assert!(scan(100, &dateless, 99).contains("does not show"));
        let beyond = Sized {
            over_quota: true,
            ..bucket(Some(1), 0)
        };
        assert!(scan(100, &beyond, 99).contains("10,000"));
        // What Macie has counted counts, however new the bucket is.
        assert_eq!(
            scan(100, &bucket(Some(4_000_000_000), 0), 1),
            "$5.00 $5.00 $5.00"
        );
        let nowhere: Region = "ap-south-2".parse().unwrap();
        let now = MONTH.parse().unwrap();
        let amount = first_scan(&policy(100), &nowhere, &bucket(Some(1), 0), now);
        assert_eq!(amount, Unknown::Prices(nowhere.clone()).into());
        assert_eq!(
            monitoring(&policy(100), &nowhere, 3),
            Unknown::Prices(nowhere).into()
        );
    }

    #[test]
    fn every_bucket_of_the_account_is_monitored() {
        let region = "eu-west-1".parse().unwrap();
        let Amount::Known(range) = monitoring(&policy(100), &region, 25) else {
            panic!("a price");
        };
        assert_eq!(range.likely.to_string(), "$3.00");
        assert_eq!(range.low, range.high);
    }
}
