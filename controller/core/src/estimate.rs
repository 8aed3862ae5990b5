//! What an opt-in costs before it is paid for: the first scan of each bucket, and the months after.
//!
//! The method is Macie's own forecast (Macie User Guide, discovery-jobs-costs): bytes in objects that
//! Macie can analyse, compressed files taken three to one, and beyond it what that leaves out: the
//! sampling percentage, the tiers of the price list, and the monitoring of all buckets of the
//! account. What is not known is said to be unknown, with the reason; it is never $0.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};

use crate::{
    decide::{jobs::JobsView, member::is_returning},
    id::{BucketName, Region},
    money::{self, Usd, analysed},
    observed::{BucketSize, Fact, Job, Membership, Observed, Relationship},
    policy::Policy,
    prices::Prices,
};

/// Macie tells the sizes of a new bucket within a day (Macie User Guide, monitoring-s3-how-it-works).
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// How much compressed files hold, in times of their size: at least, as Macie's forecast assumes,
/// and as text such as logs or CSV rarely exceeds.
const UNPACKED: [u64; 3] = [1, money::UNPACKED, 10];
/// The square of how uneven objects of a bucket are taken to be: their sizes' standard deviation is
/// three times their mean.
const UNEVEN: u128 = 9;
/// A bucket as Macie's inventory has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sized {
    /// Its name.
    pub name: BucketName,
    /// How much Macie would analyse.
    pub size: BucketSize,
    /// How many objects Macie would analyse.
    pub objects: Option<u64>,
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

/// Gigabytes that a scan analyses, within a range as that of [`Range`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Volume {
    /// At least.
    pub low: Decimal,
    /// Most likely.
    pub likely: Decimal,
    /// Hardly more.
    pub high: Decimal,
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

impl Amount {
    /// What a scan costs alone. Nothing costs nothing, whatever the prices are.
    pub fn of(volume: Result<Volume, Unknown>, policy: &Policy, region: &Region) -> Self {
        match (volume, policy.prices(region)) {
            (Err(unknown), _) => unknown.into(),
            (Ok(volume), Some(prices)) => Self::Known(volume.cost(prices)),
            (Ok(volume), None) if volume == Volume::default() => Self::Known(Range::default()),
            (Ok(_), None) => Unknown::Prices(region.clone()).into(),
        }
    }
}

impl Volume {
    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        Self {
            low: self.low.saturating_add(other.low),
            likely: self.likely.saturating_add(other.likely),
            high: self.high.saturating_add(other.high),
        }
    }

    /// What it costs in a month in which nothing else is analysed.
    pub fn cost(self, prices: &Prices) -> Range {
        let [low, likely, high] =
            [self.low, self.likely, self.high].map(|gigabytes| prices.analysing(gigabytes));
        Range { low, likely, high }
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

/// What is still to be analysed for a bucket's first scan. It is known only where the prices are.
pub fn to_pay(
    policy: &Policy,
    observed: &Observed,
    sizes: &Fact<Vec<Sized>>,
    name: &BucketName,
    now: Timestamp,
) -> (Progress, Result<Volume, Unknown>) {
    let (Some(jobs), Some(enrolled)) = (
        observed.jobs.known(),
        is_enrolled(observed).known().copied(),
    ) else {
        return (Progress::Ahead, Err(Unknown::NotRead));
    };
    let progress = progress(policy, observed, jobs, name);
    if observed
        .known_member()
        .is_some_and(|member| member.status == Relationship::Paused || is_returning(member))
    {
        return (progress, Err(Unknown::CatchUp));
    }
    let volume = match (progress, sizes) {
        (Progress::Done, _) => Ok(Volume::default()),
        (_, _) if !enrolled => Err(Unknown::NotEnrolled),
        (_, Fact::Unknown(_) | Fact::Unread) => Err(Unknown::NotRead),
        (_, Fact::Known(sizes)) => match sizes.iter().find(|bucket| bucket.name == *name) {
            None => Err(Unknown::NotSeen),
            Some(bucket) => {
                let region = &observed.scope.region;
                first_scan(policy, region, bucket, observed.enrolled_at(), now)
            }
        },
    };
    (progress, volume.map(|volume| begun(progress, volume)))
}

/// Of a scan that has begun a part is paid, nobody knows which.
fn begun(progress: Progress, volume: Volume) -> Volume {
    match progress {
        Progress::Begun => Volume {
            low: Decimal::ZERO,
            ..volume
        },
        Progress::Ahead | Progress::Done => volume,
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

/// How much scanning a bucket once analyses. One that seems empty is known to be so a day after it was
/// created and its account was enrolled.
pub fn first_scan(
    policy: &Policy,
    region: &Region,
    bucket: &Sized,
    enrolled_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<Volume, Unknown> {
    if policy.prices(region).is_none() {
        return Err(Unknown::Prices(region.clone()));
    }
    if bucket.over_quota {
        return Err(Unknown::OverQuota);
    }
    if bucket.size.classifiable_bytes == Some(0) {
        // Macie tells neither when it counted a bucket nor that it has not.
        let seen_since = bucket.created_at.map(|at| Some(at).max(enrolled_at));
        let counted_by = seen_since.flatten().and_then(|at| at.checked_add(DAY).ok());
        match counted_by {
            None => return Err(Unknown::NotSeen),
            Some(until) if until > now => return Err(Unknown::New { until }),
            Some(_) => {}
        }
    }
    let [Some(low), Some(likely), Some(high)] =
        UNPACKED.map(|times| analysed(policy, &bucket.size, times))
    else {
        return Err(Unknown::NotReadable);
    };
    let (least, most) = sampled(policy.jobs.sampling_percentage, bucket.objects);
    Ok(Volume {
        low: low.saturating_mul(least),
        likely,
        high: high.saturating_mul(most),
    })
}

/// What the first scan of these buckets costs together, as Macie's inventory has them: not known when
/// one of them is not.
pub fn first_scans<'a>(
    policy: &Policy,
    observed: &Observed,
    buckets: impl IntoIterator<Item = &'a BucketName>,
    now: Timestamp,
) -> Amount {
    let region = &observed.scope.region;
    let mut buckets = buckets.into_iter();
    let together = buckets.try_fold(Volume::default(), |sum, name| {
        let inventory = observed.inventory.known().ok_or(Unknown::NotRead)?;
        let bucket = inventory.buckets.get(name).ok_or(Unknown::NotSeen)?;
        let own = first_scan(policy, region, bucket, observed.enrolled_at(), now)?;
        Ok(sum.plus(own))
    });
    Amount::of(together, policy, region)
}

/// How much a sample is at least and at most, in times of its percentage. Macie picks objects, not
/// bytes: a few large ones are in it or not. It is taken to be within two standard deviations, of
/// objects that are each picked or not, whatever the others are; and is never more than everything.
fn sampled(percentage: u8, objects: Option<u64>) -> (Decimal, Decimal) {
    let percentage = u128::from(percentage.clamp(1, 100));
    let picked = percentage.saturating_mul(u128::from(objects.unwrap_or(1).max(1)));
    let variance = (100 - percentage) * 1_000_000 * 4 * (1 + UNEVEN);
    let strays = variance.checked_div(picked).unwrap_or_default().isqrt();
    let everything = 100_000_u128.div_ceil(percentage);
    let times = |thousandths| Decimal::new(i64::try_from(thousandths).unwrap_or(i64::MAX), 3);
    (
        times(1_000_u128.saturating_sub(strays)),
        times(everything.min(strays.saturating_add(1_000))),
    )
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
            objects: Some(4_000),
            over_quota: false,
            created_at: Some(MONTH.parse().unwrap()),
            updated_at: None,
        }
    }

    fn scan(sampling: u8, bucket: &Sized, hours: i64) -> String {
        let region = "eu-west-1".parse().unwrap();
        let now = MONTH.parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hours);
        let policy = policy(sampling);
        let volume = first_scan(&policy, &region, bucket, None, now);
        match Amount::of(volume, &policy, &region) {
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
    /// | 8 GB | 4 GB | 50 % | half of that, a tenth less and more | 4.50, 10.00, 30.25 |
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
        assert_eq!(scan(50, &half, 48), "$4.50 $10.00 $30.25");
        assert_eq!(
            scan(100, &bucket(Some(gb), 3 * gb), 48),
            "$1.25 $3.75 $12.50"
        );
    }

    /// By hand: two standard deviations of a sample of n objects by p percent are the root of
    /// 40 (100 - p) / (p n) of its share, and everything is 100 / p of it.
    ///
    /// | objects | sampled | strays by | least, most |
    /// | ---: | ---: | --- | --- |
    /// | 4,000 | 50 % | root of 2,000 / 200,000 = 0.1 | 0.9, 1.1 |
    /// | 1,440 | 10 % | root of 3,600 / 14,400 = 0.5 | 0.5, 1.5 |
    /// | 360 | 10 % | root of 3,600 / 3,600 = 1 | 0, 2 |
    /// | 10 | 50 % | root of 2,000 / 500 = 2 | 0, 2: everything |
    /// | not known | 10 % | as if it were one | 0, 10: everything |
    /// | 10 | 100 % | nothing | 1, 1 |
    #[test]
    fn the_fewer_objects_are_picked_the_less_is_known_of_a_sample() {
        for (objects, percentage, expected) in [
            (Some(4_000), 50, (900, 1_100)),
            (Some(1_440), 10, (500, 1_500)),
            (Some(360), 10, (0, 2_000)),
            (Some(10), 50, (0, 2_000)),
            (None, 10, (0, 10_000)),
            (Some(10), 100, (1_000, 1_000)),
        ] {
            let (least, most) = expected;
            let expected = (Decimal::new(least, 3), Decimal::new(most, 3));
            assert_eq!(sampled(percentage, objects), expected, "{objects:?}");
        }
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
        let volume = first_scan(&policy(100), &nowhere, &bucket(Some(1), 0), None, now);
        assert_eq!(volume, Err(Unknown::Prices(nowhere.clone())));
        assert_eq!(
            monitoring(&policy(100), &nowhere, 3),
            Unknown::Prices(nowhere).into()
        );
    }

    /// By hand, in US East, where the first 50,000 GB are $1.00 and the next ones $0.50: 40,000 GB
    /// are $40,000; two such buckets are $50,000 and 30,000 times $0.50.
    #[test]
    fn buckets_share_the_tiers() {
        let region = "us-east-1".parse().unwrap();
        let policy = policy(100);
        let prices = policy.prices(&region).unwrap();
        let bucket = bucket(Some(40_000_000_000_000), 0);
        let now = MONTH.parse().unwrap();
        let one = first_scan(&policy, &region, &bucket, None, now).unwrap();
        assert_eq!(one.cost(prices).likely.to_string(), "$40000.00");
        assert_eq!(one.plus(one).cost(prices).low.to_string(), "$65000.00");
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
