//! What a controller has learned in the batch that it is handling. Times are places in S3's
//! history, so that before and after are exact.

use std::collections::BTreeMap;

use controller_core::money::Usd;
use jiff::Timestamp;
use local_aws::{World, macie::month_to_date, organization::MEMBER_ROLE, world::CallRecord};

use super::write::Place;

/// What is on record for a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Whether the ownership tag is there.
    pub owned: bool,
    /// Since when it is opted out, by its tag.
    pub left_at: Option<Timestamp>,
    /// When it was enrolled or resumed last.
    pub updated_at: Timestamp,
}

/// One answer.
#[derive(Debug, Clone)]
pub enum Reading {
    /// The tags of a bucket of an account, at a place of S3's history.
    Bucket(Place, usize),
    /// Every bucket of an account in a Region, at a place of S3's history.
    Listing(Place, usize),
    /// A member.
    Member(Place, Known),
    /// What every member has cost in a Region since the first of the month.
    Spent(String, BTreeMap<String, Usd>),
    /// The policy: which one of all that were in force.
    Policy(usize),
}

impl Reading {
    /// What a call that has just been answered tells.
    pub fn of(world: &World, call: &CallRecord, policy: usize) -> Option<Self> {
        let length = world.s3.history.len();
        let target = call.target.clone().unwrap_or_default();
        let place = |account: &str| (account.to_owned(), call.region.clone());
        let by_role = call.role.as_deref() == Some(MEMBER_ROLE);
        match (call.operation.as_str(), call.error.as_deref()) {
            ("GetBucketTagging", None | Some("NoSuchTagSet" | "NoSuchBucket"))
            | ("GetBucketTagging", Some("PermanentRedirect"))
                if by_role =>
            {
                Some(Self::Bucket((call.account.clone(), target), length))
            }
            ("ListBuckets", None) if by_role => Some(Self::Listing(place(&call.account), length)),
            ("GetMember", None) => {
                let member = world.macie.member(&call.region, &target)?;
                let tag = |key: &str| member.tags.get(key).map(String::as_str);
                let left_at = tag("macie-self-service:opted-out-since");
                let known = Known {
                    owned: tag("managed-by") == Some("macie-self-service"),
                    left_at: left_at.and_then(|at| at.parse().ok()),
                    updated_at: member.updated_at,
                };
                Some(Self::Member(place(&target), known))
            }
            ("GetUsageStatistics", None) => {
                let members = world.macie.members(&call.region);
                let spent = members.map(|(account, _)| {
                    let usd = Usd(month_to_date(world, &call.region, account));
                    (account.to_owned(), usd)
                });
                Some(Self::Spent(call.region.clone(), spent.collect()))
            }
            ("GetParameter", None) => Some(Self::Policy(policy)),
            _ => None,
        }
    }
}

/// All answers of a batch, the latest of each kind.
#[derive(Debug, Clone, Default)]
pub struct Readings {
    /// By account and name.
    pub buckets: BTreeMap<Place, usize>,
    /// By account and Region.
    pub listings: BTreeMap<Place, usize>,
    /// By account and Region.
    pub members: BTreeMap<Place, Known>,
    /// By Region and account.
    pub spent: BTreeMap<String, BTreeMap<String, Usd>>,
}

impl Readings {
    pub(super) fn add(&mut self, reading: Reading) {
        match reading {
            Reading::Bucket(bucket, at) => drop(self.buckets.insert(bucket, at)),
            Reading::Listing(place, at) => drop(self.listings.insert(place, at)),
            Reading::Member(place, known) => drop(self.members.insert(place, known)),
            Reading::Spent(region, spent) => drop(self.spent.insert(region, spent)),
            Reading::Policy(_) => {}
        }
    }
}

/// The buckets of an account in a Region, and whether each is opted in, at a place of S3's history.
pub fn buckets_at<'w>(world: &'w World, place: &Place, length: usize) -> BTreeMap<&'w str, bool> {
    let mut buckets = BTreeMap::new();
    for change in world.s3.history.iter().take(length) {
        let here = change.account == place.0 && change.region == place.1;
        match (&change.tags, here) {
            (Some(tags), true) => {
                let opted_in = tags.get("macie").is_some_and(|value| value == "true");
                buckets.insert(change.bucket.as_str(), opted_in);
            }
            _ => drop(buckets.remove(change.bucket.as_str())),
        }
    }
    buckets
}

/// The opted-in ones of now.
pub fn opted_in(world: &World, place: &Place) -> Vec<String> {
    opted_in_at(world, place, usize::MAX)
}

/// The opted-in ones at a place of S3's history.
pub fn opted_in_at(world: &World, place: &Place, length: usize) -> Vec<String> {
    let buckets = buckets_at(world, place, length).into_iter();
    buckets
        .filter(|(_, opted_in)| *opted_in)
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// Whether the account ever had an opted-in bucket in the Region.
pub fn ever_opted_in(world: &World, place: &Place) -> bool {
    world.s3.history.iter().any(|change| {
        let tags = change.tags.as_ref();
        change.account == place.0
            && change.region == place.1
            && tags
                .and_then(|tags| tags.get("macie"))
                .is_some_and(|value| value == "true")
    })
}
