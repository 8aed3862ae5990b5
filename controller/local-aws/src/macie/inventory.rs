//! Buckets as Macie sees them: those of Enabled members and of the caller, with the tags that
//! Macie has read, which lag behind S3.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{
    Scope,
    members::Relationship,
    scope::{extension, is_compressed},
    session::Status,
    wire::Tags,
};
use crate::{s3, world::World};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Buckets per account that Macie monitors: the most recently changed ones.
const QUOTA: usize = 10_000;

/// When Macie last read all buckets of an account.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refresh {
    /// When Macie was last enabled or resumed: daily refreshes follow every 24 hours from then.
    since: Timestamp,
    /// The last refresh that was not a daily one.
    at: Timestamp,
    /// How many changes of S3's history that refresh has seen; tells changes at the same instant
    /// apart.
    seen: usize,
}

impl Refresh {
    pub(super) fn at(at: Timestamp) -> Self {
        Self {
            since: at,
            at,
            seen: 0,
        }
    }

    /// The last daily refresh up to a time.
    fn daily(self, now: Timestamp) -> Timestamp {
        // Whole days since then: a running clock's fractions of a second are not a refresh.
        let days = now.duration_since(self.since).as_hours().max(0) / DAY.as_hours();
        let since = SignedDuration::from_hours(days * DAY.as_hours());
        self.since.checked_add(since).unwrap_or(now)
    }
}

/// A bucket as Macie sees it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) account: String,
    pub(super) name: String,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    /// When its objects were last counted, if that is done once a day.
    counted_at: Timestamp,
    /// None when Macie cannot see them.
    pub(super) tags: Option<Tags>,
    /// `ACCESS_DENIED` or `BUCKET_COUNT_EXCEEDS_QUOTA`.
    pub(super) error: Option<&'static str>,
}

/// Objects of a bucket as Macie counts them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sizes {
    pub(super) objects: u64,
    pub(super) bytes: u64,
    pub(super) compressed_bytes: u64,
    pub(super) classifiable_objects: u64,
    pub(super) classifiable_bytes: u64,
}

/// Reads all buckets of an account that has just been enabled or resumed.
pub(super) fn fill(world: &mut World, scope: &Scope, at: Timestamp) {
    let seen = world.s3.history.partition_point(|change| change.at <= at);
    if let Some(session) = world.macie.sessions.get_mut(scope) {
        session.refresh = Refresh {
            since: at,
            at,
            seen,
        };
    }
}

/// What DescribeBuckets sets off: the caller's own buckets are read again, and the members' if
/// the switch says so.
pub(super) fn refresh(world: &mut World, viewer: &Scope) {
    let (now, seen) = (world.now(), world.s3.history.len());
    let mut scopes = vec![viewer.clone()];
    if world.switches.describe_buckets_refreshes_members {
        scopes = visible(world, viewer);
    }
    for scope in scopes {
        if let Some(session) = world.macie.sessions.get_mut(&scope) {
            session.refresh = Refresh {
                at: now,
                seen,
                ..session.refresh
            };
        }
    }
}

/// The accounts whose buckets an account sees: its own while Macie works there, and its Enabled
/// members.
pub(super) fn visible(world: &World, viewer: &Scope) -> Vec<Scope> {
    let works = |scope: &Scope| {
        let session = world.macie.sessions.get(scope);
        session.is_some_and(|session| session.status == Status::Enabled)
    };
    if !works(viewer) {
        return Vec::new();
    }
    let administers = world.macie.administrator(&viewer.region) == Some(viewer.account.as_str());
    let members = world
        .macie
        .members(&viewer.region)
        .filter(|_| administers)
        .filter(|(account, _)| {
            Relationship::of(world, &viewer.region, account) == Some(Relationship::Enabled)
        })
        .map(|(account, _)| Scope::new(&viewer.region, account));
    std::iter::once(viewer.clone()).chain(members).collect()
}

/// The buckets of the wanted accounts that an account sees at a time, by owner and name.
pub(super) fn seen(
    world: &World,
    viewer: &Scope,
    at: Timestamp,
    wanted: impl Fn(&str) -> bool,
) -> Vec<Seen> {
    let refreshes: BTreeMap<String, Refresh> = visible(world, viewer)
        .into_iter()
        .filter(|scope| wanted(&scope.account))
        .filter_map(|scope| {
            let refresh = world.macie.sessions.get(&scope)?.refresh;
            Some((scope.account, refresh))
        })
        .collect();
    let mut latest: BTreeMap<(&str, &str), &s3::Change> = BTreeMap::new();
    for (index, change) in world.s3.history.iter().enumerate() {
        let Some(refresh) = refreshes
            .get(&change.account)
            .filter(|_| change.region == viewer.region)
        else {
            continue;
        };
        if has_been_read(world, *refresh, index, change, at) {
            latest.insert((&change.account, &change.bucket), change);
        }
    }
    let mut buckets: Vec<Seen> = latest
        .values()
        .filter_map(|change| {
            let refresh = refreshes.get(&change.account)?;
            bucket(world, change, refresh.daily(at), refresh.at)
        })
        .collect();
    enforce_quota(&mut buckets);
    buckets
}

/// Whether Macie has read a bucket since it was changed. A change that Macie does not watch is
/// read together with the next one that it watches: each change carries all tags.
fn has_been_read(
    world: &World,
    refresh: Refresh,
    index: usize,
    change: &s3::Change,
    at: Timestamp,
) -> bool {
    let noticed = change.at.checked_add(world.switches.inventory_lag);
    change.at <= at
        && (index < refresh.seen
            || change.at <= refresh.daily(at) && refresh.daily(at) > refresh.at
            || is_watched(world, change.operation) && noticed.is_ok_and(|noticed| noticed <= at))
}

fn is_watched(world: &World, operation: &str) -> bool {
    match operation {
        "CreateBucket" | "DeleteBucket" | "PutBucketTagging" | "DeleteBucketTagging" => true,
        "TagResource" | "UntagResource" => world.switches.inventory_sees_tag_resource,
        _ => false,
    }
}

fn bucket(
    world: &World,
    change: &s3::Change,
    daily: Timestamp,
    refreshed_at: Timestamp,
) -> Option<Seen> {
    let tags = change.tags.clone()?;
    let actual = actual(world, &change.account, &change.bucket);
    let locked = actual.is_some_and(|bucket| bucket.locked);
    Some(Seen {
        account: change.account.clone(),
        name: change.bucket.clone(),
        created_at: actual.map_or(change.at, |bucket| bucket.created_at),
        updated_at: daily.max(refreshed_at).max(change.at),
        counted_at: daily,
        tags: (!locked).then_some(tags),
        error: locked.then_some("ACCESS_DENIED"),
    })
}

/// Beyond the quota only the most recently changed buckets of an account are evaluated.
fn enforce_quota(buckets: &mut [Seen]) {
    for account in buckets.chunk_by_mut(|left, right| left.account == right.account) {
        if account.len() <= QUOTA {
            continue;
        }
        account.sort_by_key(|bucket| std::cmp::Reverse(bucket.updated_at.max(bucket.created_at)));
        for bucket in account.iter_mut().skip(QUOTA) {
            bucket.tags = None;
            bucket.error = Some("BUCKET_COUNT_EXCEEDS_QUOTA");
        }
        account.sort_by(|left, right| left.name.cmp(&right.name));
    }
}

/// The bucket itself, if it still exists and belongs to the account.
fn actual<'w>(world: &'w World, account: &str, name: &str) -> Option<&'w s3::Bucket> {
    world
        .s3
        .buckets
        .get(name)
        .filter(|bucket| bucket.account == account)
}

/// Sizes, of now or as they were last counted; none when Macie cannot see the bucket.
pub(super) fn sizes(world: &World, bucket: &Seen) -> Option<Sizes> {
    if bucket.error.is_some() {
        return None;
    }
    let mut sizes = Sizes::default();
    let objects = actual(world, &bucket.account, &bucket.name).map(|bucket| &bucket.objects);
    let is_counted = |object: &s3::Object| {
        !world.macie.figures.counts_daily || object.modified_at <= bucket.counted_at
    };
    let objects = objects.into_iter().flatten();
    for (key, object) in objects.filter(|(_, object)| is_counted(object)) {
        sizes.objects += 1;
        sizes.bytes = sizes.bytes.saturating_add(object.bytes);
        if is_compressed(key) {
            sizes.compressed_bytes = sizes.compressed_bytes.saturating_add(object.bytes);
        }
        if extension(key).is_some() {
            sizes.classifiable_objects += 1;
            sizes.classifiable_bytes = sizes.classifiable_bytes.saturating_add(object.bytes);
        }
    }
    Some(sizes)
}
